"""What network interfaces were called, as files below ``names/``: one for each time that it had changed.

A snapshot's file has the time in its name (UTC, ``20210131T010000Z``) at which this was first seen. It holds until the
next one: a look that finds the same writes nothing. Two runs at once may both write; what their files say is the same.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from assets.tables import parquet_bytes
from flowlogs.errors import FlowLakeError
from resources.bucket import ObjectStore
from resources.network_interfaces import FoundInterfaces, NetworkInterface, Vpc

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "names/"
"""The folder of the snapshots, below the results root."""

VPC = "VPC"
"""The kind of a row that is no interface: it has a VPC's CIDRs as addresses."""

SEEN = "seen"

COLUMNS = (
    SEEN,
    "interfaceid",
    "name",
    "kind",
    "belongs_to",
    "private_addresses",
    "public_addresses",
    "ipv6_addresses",
    "description",
    "security_groups",
    "subnet_id",
    "az_id",
    "vpc_id",
)
"""The columns of a snapshot, all text. Several addresses have blanks between them; NULL is what is not known."""

ADDRESS_COLUMNS = ("private_addresses", "public_addresses", "ipv6_addresses")

_STAMP = "%Y%m%dT%H%M%SZ"
_KEY = re.compile(rf"{FOLDER}(\d{{8}}T\d{{6}}Z)\.parquet")


@dataclass(frozen=True)
class Snapshot:
    """A snapshot's key, and the time (UTC) at which what it says was first seen."""

    key: str
    seen: datetime


def snapshots(results: ObjectStore) -> list[Snapshot]:
    """All snapshots, the oldest one first. Other files in the folder are passed over."""
    found = (_KEY.fullmatch(stored.key) for stored in results.list(FOLDER))
    return sorted((Snapshot(match[0], _time(match[1])) for match in found if match), key=lambda one: one.key)


def store_snapshot(results: ObjectStore, frame: "pd.DataFrame", seen: datetime) -> tuple[Snapshot, bool]:
    """Store what was found, unless the newest snapshot says the same: the snapshot that does, and whether it is new.

    Raises FlowLakeError where the store cannot be read or written.
    """
    there = snapshots(results)
    if there and _says_the_same(read_snapshot(results, there[-1]), frame):
        return there[-1], False
    new = Snapshot(f"{FOLDER}{seen.strftime(_STAMP)}.parquet", seen.replace(microsecond=0))
    results.add({new.key: parquet_bytes(frame)})
    return new, True


def read_snapshot(results: ObjectStore, snapshot: Snapshot) -> "pd.DataFrame":
    """The rows of a snapshot. Raises FlowLakeError where it cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Arrow gets bytes, not a Python file: its threads may use a file after the interpreter's end, and abort.
    stored = pa.BufferReader(results.read(snapshot.key))
    try:
        frame: pd.DataFrame = pq.read_table(stored, columns=list(COLUMNS)).to_pandas().astype("string")
    except (pa.ArrowException, KeyError) as error:
        raise FlowLakeError(
            f"{results.display_path(snapshot.key)} is no snapshot of names: {str(error).splitlines()[0]}. Move it "
            "away, then run again."
        ) from error
    return frame


def snapshot_frame(found: FoundInterfaces, seen: datetime) -> "pd.DataFrame":
    """What was found, as the rows of a snapshot: the VPCs, then their interfaces."""
    import pandas as pd

    time = seen.strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = [*map(_row_of_vpc, found.vpcs), *map(_row_of_interface, found.interfaces)]
    frame = pd.DataFrame([(time, *row) for row in rows], columns=list(COLUMNS), dtype="string")
    result: pd.DataFrame = frame.replace("", pd.NA)
    return result


def _row_of_vpc(vpc: Vpc) -> tuple[str, ...]:
    networks = {is_ipv6: [net for net in vpc.networks if (":" in net) == is_ipv6] for is_ipv6 in (False, True)}
    addresses = (_joined(networks[False]), "", _joined(networks[True]))
    return ("", vpc.name, VPC, "", *addresses, "", "", "", "", vpc.vpc_id)


def _row_of_interface(interface: NetworkInterface) -> tuple[str, ...]:
    return (
        interface.interface_id,
        interface.name,
        interface.kind,
        interface.belongs_to,
        _joined(interface.private_addresses),
        _joined(interface.public_addresses),
        _joined(interface.ipv6_addresses),
        interface.description,
        ", ".join(interface.security_groups),
        interface.subnet_id,
        interface.zone,
        interface.vpc_id,
    )


def _joined(addresses: Iterable[str]) -> str:
    return " ".join(addresses)


def _says_the_same(one: "pd.DataFrame", other: "pd.DataFrame") -> bool:
    """Whether two snapshots differ in their times alone."""
    first, second = (frame.drop(columns=SEEN).fillna("").to_numpy().tolist() for frame in (one, other))
    return bool(first == second)


def _time(stamp: str) -> datetime:
    return datetime.strptime(stamp, _STAMP).replace(tzinfo=timezone.utc)
