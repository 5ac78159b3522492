"""What is known of names on a day: from the snapshots of network interfaces, and from the user's own file.

Names come from outside: tags, descriptions, a file. They are data, kept as they are, and whoever prints them escapes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TYPE_CHECKING

from assets.name_snapshots import ADDRESS_COLUMNS, VPC, Snapshot, read_snapshot, snapshots
from flowlogs.addresses import address_class, parse_address
from flowlogs.errors import FlowLakeError
from resources.bucket import ObjectStore
from resources.names_file import NamedNetwork, NamesFile

if TYPE_CHECKING:
    import pandas as pd

Network = IPv4Network | IPv6Network

MAX_NAMES_OF_ADDRESS = 3
"""In different VPCs, an address may belong to different interfaces. More names than these would tell nothing."""


@dataclass(frozen=True)
class Names:
    """Names by interface id, by address (as Python writes it) and by network, and the VPCs' own networks."""

    interfaces: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    networks: Mapping[Network, str] = field(default_factory=dict)
    own_networks: tuple[Network, ...] = ()

    def address(self, text: str) -> str | None:
        """The name of an address; None where it has none, or the text is no address.

        The longest prefix wins: the user's name of that address, the interface's, then the user's names of networks.
        """
        address = parse_address(text)
        if address is None:
            return None
        found = self._of_network(address, address.max_prefixlen) or self.addresses.get(str(address))
        if found:
            return found
        lengths = self._prefix_lengths[address.version]
        return next((name for length in lengths if (name := self._of_network(address, length))), None)

    def interface(self, text: str) -> str | None:
        """The name of a network interface, by its id; None where it has none."""
        return self.interfaces.get(text)

    def address_class(self, text: str) -> str:
        """The kind of an address, as flowlogs/addresses.py has them."""
        return address_class(text, self.own_networks)

    def _of_network(self, address: IPv4Address | IPv6Address, length: int) -> str | None:
        return self.networks.get(ip_network((address, length), strict=False))

    @cached_property
    def _prefix_lengths(self) -> Mapping[int, list[int]]:
        """The lengths of the networks' prefixes, by IP's version, the longest one first."""
        found = {(network.version, network.prefixlen) for network in self.networks}
        return {v: sorted({length for version, length in found if version == v}, reverse=True) for v in (4, 6)}


NO_NAMES = Names()


UNKNOWN_NAMES = "What network interfaces are called is not known, so that addresses stand alone:"


class NamesByDay:
    """What is known of names on each of several days: each file is read once.

    What is known on a day is the newest snapshot that was first seen by the end of the next day; if there is none, the
    oldest one. A snapshot that cannot be read leaves its names out, with one of the `warnings`: reports do not wait for
    names. `on` raises FlowLakeError where the user's file of names cannot be read or understood.
    """

    def __init__(self, results: ObjectStore, names_file: NamesFile) -> None:
        self.results = results
        self.names_file = names_file
        self.warnings: list[str] = []
        self._names: dict[str, Names] = {}

    def on(self, day: date) -> Names:
        """The names on a UTC day."""
        until = datetime.combine(day, time(), timezone.utc) + timedelta(days=2)
        known = [snapshot for snapshot in self._snapshots if snapshot.seen < until]
        chosen = known[-1:] or self._snapshots[:1]
        key = chosen[0].key if chosen else ""
        if key not in self._names:
            rows = self._rows(chosen[0]) if chosen else None
            self._names[key] = names_of(rows, self._own_names)
        return self._names[key]

    def _rows(self, snapshot: Snapshot) -> "pd.DataFrame | None":
        try:
            return read_snapshot(self.results, snapshot)
        except FlowLakeError as error:
            self.warnings.append(f"{UNKNOWN_NAMES} {error}")
            return None

    @cached_property
    def _snapshots(self) -> Sequence[Snapshot]:
        try:
            return list(snapshots(self.results))
        except FlowLakeError as error:
            self.warnings.append(f"{UNKNOWN_NAMES} {error}")
            return []

    @cached_property
    def _own_names(self) -> Sequence[NamedNetwork]:
        return list(self.names_file.read())


def names_of(snapshot: "pd.DataFrame | None", own_names: Iterable[NamedNetwork] = ()) -> Names:
    """The names in a snapshot's rows, and the user's own."""
    networks: dict[Network, str] = {named.network: named.name for named in own_names}
    interfaces: dict[str, str] = {}
    of_addresses: dict[str, set[str]] = {}
    own_networks: list[Network] = []
    for row in () if snapshot is None else snapshot.fillna("").to_dict("records"):
        addresses = [text for column in ADDRESS_COLUMNS for text in row[column].split()]
        if row["kind"] == VPC and not row["interfaceid"]:
            own_networks += map(ip_network, addresses)
        elif row["name"]:
            interfaces[row["interfaceid"]] = row["name"]
            for text in addresses:
                of_addresses.setdefault(str(parse_address(text)), set()).add(row["name"])
    addresses_named = {
        text: " or ".join(sorted(names)) for text, names in of_addresses.items() if len(names) <= MAX_NAMES_OF_ADDRESS
    }
    return Names(interfaces, addresses_named, networks, tuple(own_networks))
