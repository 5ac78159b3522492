"""The simulated flow log, which writes into the default bucket. The VPC itself is in simulation/vpc.py."""

import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from io import BytesIO

from flowlogs.errors import FlowLakeError
from flowlogs.record_format import header_format
from resources.embedded.simulation.bucket import SimulatedBucket
from resources.embedded.simulation.parquet_object import parquet_records
from resources.embedded.simulation.vpc import AGGREGATION_SECONDS, TRAFFIC_TYPES, SimulatedVpc
from resources.ensured import Ensured
from resources.flow_log import FlowLog

MAX_OBJECT_BYTES = 1 << 20
"""Bytes. The simulated VPC delivers a few kilobytes in five minutes, also when decompressed."""


class SimulatedFlowLog(FlowLog):
    """Writes the objects that a day lacks. The same day always gives the same bytes.

    It writes nothing into a bucket with objects that were not simulated, and overwrites nothing.
    """

    def __init__(self, bucket: SimulatedBucket, vpc: SimulatedVpc) -> None:
        self.bucket = bucket
        self.vpc = vpc

    def ensure(self) -> Ensured:
        if not self.bucket.is_ours():
            return Ensured({"flow log": f"none: {self.bucket.root} holds files that are not ours, and is only read"})
        return Ensured(
            {
                "flow log": "simulated",
                "traffic type": self.vpc.traffic_type,
                "aggregation seconds": self.vpc.aggregation_seconds,
                "delivers to": self.bucket.objects.display_path(self.vpc.source.prefix),
            }
        )

    def remove(self) -> Ensured:
        return Ensured({"deleted": "nothing: the simulated VPC costs nothing"})

    def deliver(self, days: Sequence[date]) -> None:
        if not self.bucket.is_ours():
            return
        self.bucket.require_simulated()
        self.bucket.claim()
        sources = self.bucket.sources()
        for day in days:
            delivered = dict(self.vpc.objects(day))
            folders = sources.day_prefixes(day).values()
            present = {found.key for folder in folders for found in self.bucket.visible_objects(folder)}
            others = present - delivered.keys()
            if others:
                raise FlowLakeError(self._simulated_otherwise(day, min(others)))
            self._require_unchanged(day, present, delivered)
            self.bucket.objects.add({key: data for key, data in delivered.items() if key not in present})

    def _require_unchanged(self, day: date, present: Iterable[str], delivered: Mapping[str, bytes]) -> None:
        """Raise FlowLakeError where an object in the bucket is not what the VPC delivers with some settings."""
        changed = {
            key: data for key in present if (data := self.bucket.objects.head(key, MAX_OBJECT_BYTES)) != delivered[key]
        }
        for key, data in changed.items():
            if _has_other_fields(data, delivered[key]):
                raise FlowLakeError(self._simulated_otherwise(day, key))
        for vpc in self._vpcs_of_any_settings():
            if not changed:
                return
            texts = {key: _content(data) for key, data in vpc.objects(day)}
            changed = {key: data for key, data in changed.items() if _content(data) != texts[key]}
        if changed:
            raise FlowLakeError(
                f"{self.bucket.objects.display_path(min(changed))} is called as what the simulated VPC delivers, and "
                "holds something else. Simulated flow logs are never mixed with others: move it away, then run again."
            )

    def _simulated_otherwise(self, day: date, key: str) -> str:
        """The error about a day that was simulated in another format or layout."""
        return (
            f"{day} was simulated before in another format or layout, as {self.bucket.objects.display_path(key)} "
            "shows, and no day is simulated twice. Choose another day; or remove the folders of the simulated flow "
            f"logs and of their results ({self.bucket.root} and data/results), and run again."
        )

    def _vpcs_of_any_settings(self) -> Iterator[SimulatedVpc]:
        """The VPC with all settings that it may have had when it delivered."""
        for traffic_type in TRAFFIC_TYPES:
            for seconds in AGGREGATION_SECONDS:
                yield replace(self.vpc, traffic_type=traffic_type, aggregation_seconds=seconds)


def _has_other_fields(data: bytes, expected: bytes) -> bool:
    """Whether an object begins with the header line of a flow log, and with another than it should."""
    first, own = (bytes(_decompressed(text) or b"").partition(b"\n")[0] for text in (data, expected))
    found = header_format(first.decode(errors="replace"))
    return found is not None and first != own


def _content(data: bytes) -> object:
    """An object's text or Parquet records; None where it is neither."""
    return parquet_records(data) if data.startswith(b"PAR1") else _decompressed(data)


def _decompressed(data: bytes) -> bytes | None:
    """An object's text, up to the size of a simulated one; None where it is no gzip.

    Texts are compared, because compressed bytes differ between versions of zlib.
    """
    try:
        return gzip.GzipFile(fileobj=BytesIO(data)).read(MAX_OBJECT_BYTES)
    except (OSError, EOFError, zlib.error):
        return None
