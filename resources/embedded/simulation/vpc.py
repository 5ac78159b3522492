"""What one VPC's flow log delivers in a UTC day, for a bucket that has no VPC behind it.

The hosts, the traffic between them and from the internet, and the flow log that watches it are all simulated here, from
a seed and the day alone. Writing the objects anywhere, and deciding when, is the business of whoever asks for them.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from hashlib import sha256
from random import Random
from typing import NamedTuple, TypeVar

from flowlogs.delivery import DEFAULT_DELIVERY, Delivery
from flowlogs.errors import FlowLakeError
from flowlogs.fields import HEADER_LINE
from flowlogs.layout import LogSource, find_owner, find_source
from flowlogs.record_format import DEFAULT_FORMAT, PARQUET
from resources.embedded.simulation.parquet_object import parquet_object
from resources.embedded.simulation.record_fields import (
    NAT_GATEWAY,
    NETWORKS,
    SimulatedHost,
    record_line,
    record_values,
)
from resources.network_interfaces import NetworkInterface, Vpc

DAY_SECONDS = 86_400
DELIVERY_SECONDS = 300
"""Objects are published every 5 minutes ("Flow log files", Amazon VPC user guide)."""

TRAFFIC_TYPES = ("ALL", "ACCEPT", "REJECT")
AGGREGATION_SECONDS = (60, 600)

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
"""IANA protocol numbers, as the `protocol` field has them."""


@dataclass(frozen=True)
class SimulatedVpc:
    """One VPC and its flow log, which never change; each day has traffic of its own.

    `traffic_type` and `aggregation_seconds` mean what EC2's CreateFlowLogs means by TrafficType and
    MaxAggregationInterval. They change what is recorded of a day's traffic, never the traffic. The same day, seed and
    settings give the same records in any process, in any order of days and on any Python. `delivery` is the format and
    the layout that they are written in; its prefix and Hive-compatible folders are those of `source`.
    """

    source: LogSource
    traffic_type: str = "ALL"
    aggregation_seconds: int = 600
    seed: int = 0
    delivery: Delivery = DEFAULT_DELIVERY

    def __post_init__(self) -> None:
        if self.traffic_type not in TRAFFIC_TYPES:
            raise FlowLakeError(f"{self.traffic_type!r} is no traffic type of a flow log: ALL, ACCEPT or REJECT.")
        if self.aggregation_seconds not in AGGREGATION_SECONDS:
            raise FlowLakeError(f"A flow log aggregates over 60 or 600 seconds, not {self.aggregation_seconds!r}.")

    @property
    def flow_log_id(self) -> str:
        return f"fl-{self._hex('flow log', digits=17)}"

    def object_keys(self, day: date) -> list[str]:
        """The keys of all of the day's objects, sorted. No record is generated for it."""
        midnight = datetime.combine(day, time())
        windows = [midnight + timedelta(seconds=begin) for begin in range(0, DAY_SECONDS, DELIVERY_SECONDS)]
        return [
            self.source.object_key(
                self.flow_log_id,
                window,
                self._hex(window.isoformat(), digits=8),
                hourly=self.delivery.hourly,
                extension=self.delivery.extension,
            )
            for window in windows
        ]

    def objects(self, day: date) -> Iterator[tuple[str, bytes]]:
        """Each object of the day: its key and its bytes, in the order of `object_keys`."""
        deliveries: list[list[_Record]] = [[] for _ in range(DAY_SECONDS // DELIVERY_SECONDS)]
        for record in self._records(day):
            deliveries[record.end // DELIVERY_SECONDS].append(record)
        for key, records in zip(self.object_keys(day), deliveries, strict=True):
            records.sort()
            lines = [record.line for record in records]
            if self.delivery.record_format != DEFAULT_FORMAT:
                yield key, self._in_another_format(lines)
            else:
                yield key, _gzip("\n".join((HEADER_LINE, *lines, "")).encode())

    def _in_another_format(self, lines: Sequence[str]) -> bytes:
        """An object of these records, given in the default format."""
        record_format, hosts = self.delivery.record_format, self._hosts()
        if record_format.stored_as == PARQUET:
            records = [record_values(line, record_format, hosts, self.source.region) for line in lines]
            return parquet_object(records, record_format)
        texts = (record_line(line, record_format, hosts, self.source.region) for line in lines)
        return _gzip("\n".join((record_format.header_line, *texts, "")).encode())

    def _hosts(self) -> dict[str, SimulatedHost]:
        """The hosts, by the ids of their interfaces."""
        found = {}
        for name, addresses in _HOSTS.items():
            network = addresses[0].rpartition(".")[0]
            found[self._interface_id(name)] = SimulatedHost(
                name,
                addresses,
                self._vpc_id,
                subnet_id=f"subnet-{self._hex(network, digits=17)}",
                instance_id=f"i-{self._hex(name, 'instance', digits=17)}",
                zone=f"use1-az{1 + int(network.rpartition('.')[2]) % 2}",
            )
        return found

    @property
    def vpc(self) -> Vpc:
        """The VPC itself."""
        return Vpc(self._vpc_id, "simulated", tuple(map(str, NETWORKS)))

    def interfaces(self) -> tuple[NetworkInterface, ...]:
        """The network interfaces of the hosts, in the order of their ids."""
        return tuple(_described(interface_id, host) for interface_id, host in sorted(self._hosts().items()))

    @property
    def _vpc_id(self) -> str:
        return f"vpc-{self._hex('vpc', digits=17)}"

    def _interface_id(self, name: str) -> str:
        return f"eni-{self._hex(name, digits=17)}"

    def _records(self, day: date) -> Iterator["_Record"]:
        interfaces = [
            _Interface(self._interface_id(name), addresses, int(self._hex(name, "stagger", digits=8), 16))
            for name, addresses in _HOSTS.items()
        ]
        midnight = (day - date(1970, 1, 1)).days * DAY_SECONDS
        flows = _aggregate(self._traffic(day), interfaces, self.aggregation_seconds)
        yield from _flow_records(flows, self.source.account, midnight, self.traffic_type)
        dice = self._dice(day, "skipped")
        yield from _unrecorded(flows, interfaces, self.aggregation_seconds, self.source.account, midnight, dice)

    def _traffic(self, day: date) -> Iterator["_Packets"]:
        dice = self._dice(day, "load")
        load = (0.75 if day.weekday() >= 5 else 1.0) * (0.92 + 0.16 * dice.random())
        for traffic in _TRAFFIC:
            # Dice of its own for each kind: a change to one leaves the others as they were.
            yield from traffic(self._dice(day, traffic.__name__), load)

    def _dice(self, day: date, subject: str) -> "_Dice":
        return _Dice(int(self._hex(day.isoformat(), subject, digits=32), 16))

    def _hex(self, *names: str, digits: int) -> str:
        words = (str(self.seed), self.source.account, self.source.region, *names)
        return sha256("/".join(words).encode()).hexdigest()[:digits]


def _described(interface_id: str, host: SimulatedHost) -> NetworkInterface:
    """A host's interface, as EC2 would describe it."""
    is_nat = host.name == NAT_GATEWAY
    return NetworkInterface(
        interface_id,
        host.name,
        kind=NAT_GATEWAY if is_nat else "instance",
        belongs_to="" if is_nat else host.instance_id,
        private_addresses=tuple(address for address in host.addresses if ":" not in address),
        ipv6_addresses=tuple(address for address in host.addresses if ":" in address),
        subnet_id=host.subnet_id,
        zone=host.zone,
        vpc_id=host.vpc_id,
    )


def is_simulated(key: str) -> bool:
    """Whether an object is called as those that the VPC with the default seed delivers, in any account and region.

    Nobody else's is: the flow log's id and the last part of the name are digests. Layout and format may be any.
    """
    source, owner = find_source("any-bucket", key), find_owner(key)
    day = source.find_day(key) if source else None
    if source is None or day is None or owner != (source.account, source.region):
        return False
    if not key.endswith((".log.gz", ".log.parquet")):
        return False
    return _name_without_extension(key) in _simulated_names(*owner, day)


@lru_cache(maxsize=64)
def _simulated_names(account: str, region: str, day: date) -> frozenset[str]:
    keys = SimulatedVpc(LogSource("any-bucket", account, region)).object_keys(day)
    return frozenset(map(_name_without_extension, keys))


def _name_without_extension(key: str) -> str:
    return key.rpartition("/")[2].partition(".")[0]


# Chance.

_T = TypeVar("_T")


class _Dice:
    """Everything random here, built on `Random.random` alone.

    It is the one method whose sequence Python promises to keep ("Notes on Reproducibility", `random`); `choice`,
    `randrange` and `shuffle` have changed between versions. Nothing from `math` comes in for a like reason: the last
    digit of a logarithm or cosine depends on the machine's C library.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed).random

    def below(self, limit: int) -> int:
        return int(self.random() * limit)

    def between(self, low: int, high: int) -> int:
        """Both ends included."""
        return low + int(self.random() * (high - low + 1))

    def pick(self, choices: Sequence[_T]) -> _T:
        return choices[int(self.random() * len(choices))]

    def long_tailed(self, low: int, high: int) -> int:
        """A bounded Pareto: most values lie near `low`, a few come close to `high`."""
        return int(low / (1 - self.random() * (1 - low / high)))

    def port(self) -> int:
        """An ephemeral port of Linux."""
        return self.between(32_768, 60_999)

    def volume(self, packets: int, smallest: int, largest: int) -> tuple[int, int]:
        """(packets, bytes) for packets that are `smallest` to `largest` bytes long on average."""
        return packets, int(packets * (smallest + self.random() * (largest - smallest)))


_OFFICE_HOURS = (35, 30, 26, 24, 25, 30, 42, 60, 80, 95, 100, 98, 92, 96, 100, 97, 90, 82, 76, 72, 66, 58, 48, 40)
"""The load in each hour of the UTC day, in percent of the peak."""
_ALL_HOURS = (100,) * 24


def _moments(dice: _Dice, rate: float, hours: tuple[int, ...] = _OFFICE_HOURS) -> Iterator[int]:
    """Seconds of the day at which something happens, `rate` times in five minutes at the peak."""
    for begin in range(0, DAY_SECONDS, 300):
        expected = rate * hours[begin // 3_600] / 100
        for _ in range(int(expected + dice.random())):
            yield begin + dice.below(300)


# The hosts. A record has an interface's private address even where the packet went to its public one ("Flow log
# records": srcaddr, dstaddr), so no public address of the VPC appears.

_WEB = ("10.0.0.10", "10.0.1.10")
_WEB_IPV6 = ("2001:db8:1234:1a00::10", "2001:db8:1234:1a01::10")
_BASTION = "10.0.0.20"
_NAT = "10.0.0.5"
_APP = ("10.0.16.11", "10.0.17.11")
_DATABASE = "10.0.32.21"
_RESOLVER = "10.0.16.53"
_SPARE = ("10.0.33.21", "10.0.33.22")

_SERVERS = (*_WEB, *_APP, _DATABASE)
_PUBLIC = (*_WEB, _BASTION)
_HOSTS = {
    "web 1": (_WEB[0], _WEB_IPV6[0]),
    "web 2": (_WEB[1], _WEB_IPV6[1]),
    "bastion": (_BASTION,),
    NAT_GATEWAY: (_NAT,),
    "app 1": (_APP[0],),
    "app 2": (_APP[1],),
    "database": (_DATABASE,),
    "resolver": (_RESOLVER,),
    "spare 1": (_SPARE[0],),
    "spare 2": (_SPARE[1],),
}

# The internet. Only addresses that belong to nobody (RFC 5737, RFC 2544, RFC 3849), so that no report accuses anybody.

_OFFICE = "198.19.250.10"
_REPOSITORIES = ("198.19.240.21", "198.19.240.22", "198.19.241.37")
_ATTACKER_NETWORKS = ("192.0.2", "198.51.100", "203.0.113")


def _client_address(dice: _Dice) -> str:
    return f"198.19.{dice.below(240)}.{dice.between(1, 254)}"


def _client_ipv6(dice: _Dice) -> str:
    return f"2001:db8:{dice.between(0x8000, 0x8FFF):x}:{dice.between(1, 0xFFFF):x}::{dice.between(1, 0xFFFF):x}"


def _scanner_address(dice: _Dice) -> str:
    return f"198.18.{dice.below(256)}.{dice.between(1, 254)}"


class _Flow(NamedTuple):
    """The 5-tuple. ICMP has no ports: 0 and 0."""

    source: str
    destination: str
    source_port: int
    destination_port: int
    protocol: int


class _Packets(NamedTuple):
    """Packets of one flow, from the second `first` of the day to `last`; `volume` is (packets, bytes).

    They pass the interfaces of both ends that lie in the VPC, or only the one that has the address `seen_at`.
    """

    flow: _Flow
    first: int
    last: int
    volume: tuple[int, int]
    action: str = "ACCEPT"
    seen_at: str = ""


def _exchange(
    flow: _Flow, first: int, seconds: int, sent: tuple[int, int], received: tuple[int, int], seen_at: str = ""
) -> tuple[_Packets, _Packets]:
    """A conversation: each direction is a flow of its own."""
    reply = _Flow(flow.destination, flow.source, flow.destination_port, flow.source_port, flow.protocol)
    return (
        _Packets(flow, first, first + seconds, sent, seen_at=seen_at),
        _Packets(reply, first, first + seconds, received, seen_at=seen_at),
    )


# Traffic that is let in.


def _https_clients(dice: _Dice, load: float) -> Iterator[_Packets]:
    """Visitors from the internet; one in twenty-five comes over IPv6."""
    for moment in _moments(dice, 18 * load):
        if dice.random() < 0.04:
            client, server = _client_ipv6(dice), dice.pick(_WEB_IPV6)
        else:
            client, server = _client_address(dice), dice.pick(_WEB)
        received = dice.long_tailed(6, 900)
        sent = dice.volume(5 + received // 3, 64, 240)
        flow = _Flow(client, server, dice.port(), 443, TCP)
        yield from _exchange(flow, moment, dice.below(40), sent, dice.volume(received, 500, 1_400))


def _web_to_app(dice: _Dice, load: float) -> Iterator[_Packets]:
    for moment in _moments(dice, 9 * load):
        flow = _Flow(dice.pick(_WEB), dice.pick(_APP), dice.port(), dice.pick((8080, 8080, 443)), TCP)
        sent = dice.volume(dice.between(5, 20), 80, 400)
        received = dice.volume(dice.long_tailed(5, 200), 200, 1_300)
        yield from _exchange(flow, moment, dice.below(8), sent, received)


def _app_to_database(dice: _Dice, load: float) -> Iterator[_Packets]:
    """Queries through connection pools: the same few 5-tuples all day."""
    connections = [_Flow(app, _DATABASE, dice.port(), 5432, TCP) for app in _APP for _ in range(3)]
    for moment in _moments(dice, 10 * load):
        sent = dice.volume(dice.between(4, 40), 90, 300)
        received = dice.volume(dice.long_tailed(4, 600), 150, 1_400)
        yield from _exchange(dice.pick(connections), moment, dice.below(20), sent, received)


def _name_lookups(dice: _Dice, load: float) -> Iterator[_Packets]:
    """DNS at a server of the VPC's own: traffic to Amazon's is not logged ("Flow log limitations", VPC user guide)."""
    for moment in _moments(dice, 6.5 * load):
        flow = _Flow(dice.pick((*_SERVERS, _BASTION)), _RESOLVER, dice.port(), 53, UDP)
        yield from _exchange(flow, moment, 0, dice.volume(1, 56, 92), dice.volume(1, 90, 330))


def _clock_queries(dice: _Dice, load: float) -> Iterator[_Packets]:
    """NTP, every 1,024 s from each host: 76 bytes there and 76 back, whatever the load."""
    for host in (*_SERVERS, _BASTION):
        for moment in range(dice.below(1_024), DAY_SECONDS, 1_024):
            yield from _exchange(_Flow(host, _RESOLVER, dice.port(), 123, UDP), moment, 0, (1, 76), (1, 76))


def _downloads_through_nat(dice: _Dice, load: float) -> Iterator[_Packets]:
    """Private hosts fetch packages. The NAT gateway's interface sees both legs, each with its own address in it.

    Source: "Flow log record examples: traffic through a NAT gateway", Amazon VPC user guide.
    """
    for moment in _moments(dice, 1.2 * load):
        host, repository, seconds = dice.pick((*_APP, _DATABASE)), dice.pick(_REPOSITORIES), dice.below(50)
        port, nat_port = dice.port(), dice.between(1_024, 65_535)
        received = dice.volume(dice.long_tailed(12, 20_000), 1_000, 1_480)
        sent = dice.volume(6 + received[0] // 4, 52, 120)
        for flow, seen_at in (
            (_Flow(host, repository, port, 443, TCP), host),
            (_Flow(host, _NAT, port, 443, TCP), _NAT),
            (_Flow(_NAT, repository, nat_port, 443, TCP), _NAT),
        ):
            yield from _exchange(flow, moment, seconds, sent, received, seen_at)


def _admin_sessions(dice: _Dice, load: float) -> Iterator[_Packets]:
    """SSH from the office to the bastion and on to a server, with some typing in every minute of a session."""
    for _ in range(int(5 * load + dice.random())):
        begin = dice.between(7 * 3_600, 18 * 3_600)
        outer = _Flow(_OFFICE, _BASTION, dice.port(), 22, TCP)
        inner = _Flow(_BASTION, dice.pick(_SERVERS), dice.port(), 22, TCP)
        for moment in range(begin, begin + dice.between(10, 60) * 60, 60):
            sent, received = dice.volume(dice.between(4, 90), 76, 120), dice.volume(dice.between(4, 90), 90, 260)
            seconds = dice.below(30)
            yield from _exchange(outer, moment, seconds, sent, received)
            yield from _exchange(inner, moment, seconds, sent, received)


# Traffic that is turned away.

_PROBES = tuple(
    (protocol, port, size)
    for protocol, port, size, weight in (
        # A bare SYN is 40 bytes of IPv4, or 44 with a maximum segment size.
        (TCP, 23, 40, 9),
        (TCP, 22, 44, 7),
        (TCP, 3389, 40, 6),
        (TCP, 445, 44, 5),
        (TCP, 8080, 40, 4),
        (TCP, 6379, 40, 4),
        (TCP, 5900, 44, 3),
        (TCP, 1433, 40, 3),
        (TCP, 3306, 44, 2),
        (TCP, 2375, 40, 2),
        (TCP, 9200, 44, 2),
        (TCP, 8443, 44, 2),
        (TCP, 5555, 40, 2),
        (TCP, 25, 44, 1),
        (UDP, 5060, 430, 2),
        (UDP, 161, 71, 2),
        (UDP, 1900, 125, 1),
        (UDP, 123, 36, 1),
        (ICMP, 0, 28, 3),
        (ICMP, 0, 84, 1),
    )
    for _ in range(weight)
)


def _internet_scanners(dice: _Dice, load: float) -> Iterator[_Packets]:
    """The internet's background noise: many sources, each after one port on any host, in 1 to 3 packets."""
    scanners = [(_scanner_address(dice), dice.pick(_PROBES)) for _ in range(1_900)]
    for moment in _moments(dice, 21, _ALL_HOURS):
        address, probe = dice.pick(scanners)
        yield _probe(dice, address, dice.pick(_PUBLIC), probe, moment)


def _persistent_scanners(dice: _Dice, load: float) -> Iterator[_Packets]:
    """Sources that come back to one host all day, the keenest some 200 times."""
    for rank in range(18):
        address, target, probe = _scanner_address(dice), dice.pick(_PUBLIC), dice.pick(_PROBES)
        for _ in range(400 // (rank + 2)):
            yield _probe(dice, address, target, probe, dice.below(DAY_SECONDS))


def _probe(dice: _Dice, address: str, target: str, probe: tuple[int, int, int], moment: int) -> _Packets:
    protocol, port, size = probe
    source_port = 0 if protocol == ICMP else dice.between(1_024, 65_535)
    packets = dice.pick((1, 1, 1, 2, 3))
    flow = _Flow(address, target, source_port, port, protocol)
    return _Packets(flow, moment, moment + 3 * (packets - 1), (packets, packets * size), "REJECT")


def _ipv6_scanners(dice: _Dice, load: float) -> Iterator[_Packets]:
    """Few: IPv6 is too wide to be searched. 40 bytes of header, then a SYN's 20 or an echo request's 8."""
    for moment in _moments(dice, 0.3, _ALL_HOURS):
        port, protocol, size = dice.pick(((22, TCP, 60), (23, TCP, 60), (0, ICMPV6, 48)))
        source_port = dice.port() if protocol == TCP else 0
        flow = _Flow(_client_ipv6(dice), dice.pick(_WEB_IPV6), source_port, port, protocol)
        yield _Packets(flow, moment, moment, (1, size), "REJECT")


def _missing_rule(dice: _Dice, load: float) -> Iterator[_Packets]:
    """A metrics agent, every 5 minutes, that the database's security group was never told about."""
    for moment in range(dice.below(300), DAY_SECONDS, 300):
        syns = dice.between(1, 3)
        flow = _Flow(_APP[0], _DATABASE, dice.port(), 9100, TCP)
        yield _Packets(flow, moment, moment + (0, 1, 3)[syns - 1], (syns, syns * 60), "REJECT")


def _brute_force(dice: _Dice, load: float) -> Iterator[_Packets]:
    """One source hammers SSH on one host for 90 to 150 minutes.

    The security group drops every SYN, so each attempt is 3 to 5 of them, 60 bytes each, at 0, 1, 3, 7 and 15 s as
    Linux sends them again.
    """
    attacker, target = _attacker(dice, _ATTACKER_NETWORKS[:2]), dice.pick(_PUBLIC)
    moment = dice.between(0, 20 * 3_600)
    end = moment + dice.between(90, 150) * 60
    while moment < end:
        syns = dice.between(3, 5)
        flow = _Flow(attacker, target, dice.port(), 22, TCP)
        yield _Packets(flow, moment, moment + (3, 7, 15)[syns - 3], (syns, syns * 60), "REJECT")
        moment += dice.between(3, 7)


def _port_scan(dice: _Dice, load: float) -> Iterator[_Packets]:
    """One source tries about 1,000 ports of one host, one SYN each, within 3 to 9 minutes, from one source port."""
    attacker, target = _attacker(dice, _ATTACKER_NETWORKS[2:]), dice.pick(_PUBLIC)
    source_port = dice.port()
    begin, seconds = dice.between(0, 23 * 3_600), dice.between(180, 540)
    # 80 and 443 are open on the web servers.
    closed = [port for port in range(1, 1_025) if port not in (80, 443)]
    ports = sorted(closed, key=lambda _: dice.random())[: dice.between(940, 1_020)]
    for count, port in enumerate(ports):
        moment = begin + count * seconds // len(ports)
        yield _Packets(_Flow(attacker, target, source_port, port, TCP), moment, moment, (1, 44), "REJECT")


def _attacker(dice: _Dice, networks: Sequence[str]) -> str:
    return f"{dice.pick(networks)}.{dice.between(1, 254)}"


_TRAFFIC: tuple[Callable[[_Dice, float], Iterator[_Packets]], ...] = (
    _https_clients,
    _web_to_app,
    _app_to_database,
    _name_lookups,
    _clock_queries,
    _downloads_through_nat,
    _admin_sessions,
    _internet_scanners,
    _persistent_scanners,
    _ipv6_scanners,
    _missing_rule,
    _brute_force,
    _port_scan,
)


# The flow log.


@dataclass(frozen=True)
class _Interface:
    """An ENI. Its aggregation windows begin `stagger` seconds after those of an ENI with none."""

    id: str
    addresses: tuple[str, ...]
    stagger: int

    def window(self, second: int, length: int) -> tuple[int, int]:
        """The aggregation window that a second of the day lies in: its first and its last second.

        The windows that span a midnight are cut there, so that a day's records are that day's alone.
        """
        begin = second - (second - self.stagger) % length
        return max(begin, 0), min(begin + length, DAY_SECONDS) - 1

    def windows(self, length: int) -> Iterator[tuple[int, int]]:
        last = -1
        while last < DAY_SECONDS - 1:
            begin, last = self.window(last + 1, length)
            yield begin, last


class _Aggregate(NamedTuple):
    """What makes one record: a flow at an interface within an aggregation window, with one action."""

    interface: str
    window: int
    flow: _Flow
    action: str


_Flows = dict[_Aggregate, tuple[int, int, int, int]]
"""(packets, bytes, first second, last second) of each."""


class _Record(NamedTuple):
    """A line of an object, in the order in which objects have them: interface by interface, then by `end`.

    `end` is in seconds of the day.
    """

    interface: str
    end: int
    line: str


def _aggregate(traffic: Iterable[_Packets], interfaces: Sequence[_Interface], length: int) -> _Flows:
    at = {address: interface for interface in interfaces for address in interface.addresses}
    flows: _Flows = {}
    for flow, first, last, (packets, size), action, seen_at in traffic:
        for address in (seen_at,) if seen_at else flow[:2]:
            interface = at.get(address)
            if interface is None:
                continue
            begin, end = interface.window(first, length)
            # The sender's security group let the packets out, even those that the receiver's turned away.
            key = _Aggregate(interface.id, begin, flow, action if address != flow.source else "ACCEPT")
            # Conversations are short: what would lie past the window's end is counted in this window.
            known = flows.get(key, (0, 0, first, first))
            flows[key] = (
                known[0] + packets,
                known[1] + size,
                min(known[2], first),
                max(known[3], min(last, end)),
            )
    return flows


def _flow_records(flows: _Flows, account: str, midnight: int, traffic_type: str) -> Iterator[_Record]:
    """The records with the log status OK that a flow log of this traffic type keeps."""
    for (interface, _, flow, action), (packets, size, first, last) in flows.items():
        if traffic_type in ("ALL", action):
            source, destination, source_port, destination_port, protocol = flow
            yield _Record(
                interface,
                last,
                f"2 {account} {interface} {source} {destination} {source_port} {destination_port} {protocol}"
                f" {packets} {size} {midnight + first} {midnight + last} {action} OK",
            )


def _unrecorded(
    flows: _Flows, interfaces: Sequence[_Interface], length: int, account: str, midnight: int, dice: _Dice
) -> Iterator[_Record]:
    """NODATA for each window in which an interface had no traffic, and SKIPDATA for a few in which it had.

    Neither depends on the traffic type. SKIPDATA says that some records of the window were lost, not all; here the
    others are those that the window has. Source: "Flow log records" (log-status), Amazon VPC user guide.
    """
    busy = dict.fromkeys((aggregate.interface, aggregate.window) for aggregate in flows)
    skipped = dict.fromkeys(dice.pick(list(busy)) for _ in range(dice.between(2, 6)))
    for interface in interfaces:
        for begin, last in interface.windows(length):
            window = (interface.id, begin)
            if window not in busy or window in skipped:
                status = "SKIPDATA" if window in skipped else "NODATA"
                line = f"2 {account} {interface.id} - - - - - - - {midnight + begin} {midnight + last} - {status}"
                yield _Record(interface.id, last, line)


_GZIP_HEADER = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
"""RFC 1952: deflate, no flags (so no file name), no time, no particular operating system."""


def _gzip(text: bytes) -> bytes:
    """One gzip member, its header the same everywhere: that of `gzip.compress` differs between versions of Python."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return _GZIP_HEADER + deflate.compress(text) + deflate.flush() + struct.pack("<II", zlib.crc32(text), len(text))
