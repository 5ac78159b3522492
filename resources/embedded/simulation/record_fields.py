"""Values of all fields of a simulated record, from those of the default format, for custom formats.

The default format's fields are made in vpc.py. Here is what AWS's other fields say of such a record ("Flow log
records", Amazon VPC user guide): believable, and the same for the same record.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from flowlogs.fields import DEFAULT_FIELDS
from flowlogs.record_format import RecordFormat

ABSENT = "-"
"""What a field says that does not apply, or is not known."""

NETWORKS = tuple(map(ip_network, ("10.0.0.0/16", "2001:db8:1234:1a00::/56")))
"""The VPC's own."""

NAT_GATEWAY = "NAT gateway"
"""The name of the one host that is no instance."""

_WITHOUT_TRAFFIC = frozenset({"NODATA", "SKIPDATA"})

_SAME_VPC, _INTERNET_GATEWAY = "1", "8"
"""Values of traffic-path."""

_INGRESS, _EGRESS = "ingress", "egress"

_SYN, _SYN_ACK_FIN = "2", "19"
"""Values of tcp-flags: a connection that was asked for, and one that was accepted and ended."""

_TCP = "6"


@dataclass(frozen=True)
class SimulatedHost:
    """A host of the simulated VPC: its name, its first address, and ids that never change."""

    name: str
    addresses: tuple[str, ...]
    vpc_id: str
    subnet_id: str
    instance_id: str
    zone: str


def record_line(line: str, record_format: RecordFormat, hosts: Mapping[str, SimulatedHost], region: str) -> str:
    """A record of the default format in another format. `hosts` is by the id of the interface."""
    values = record_values(line, record_format, hosts, region)
    return " ".join(values[field.header] for field in record_format.fields)


def record_values(
    line: str, record_format: RecordFormat, hosts: Mapping[str, SimulatedHost], region: str
) -> dict[str, str]:
    """The values of all fields of a format, by their names, given the record's line in the default format."""
    values = dict(zip((field.header for field in DEFAULT_FIELDS), line.split(" "), strict=True))
    # "If you use a custom format, the version is the highest version among the specified fields."
    values["version"] = str(max(field.version for field in record_format.fields))
    host = hosts[values["interface-id"]]
    is_nat = host.name == NAT_GATEWAY
    others = {
        "vpc-id": host.vpc_id,
        "subnet-id": host.subnet_id,
        "instance-id": ABSENT if is_nat else host.instance_id,
        "region": region,
        "az-id": host.zone,
        "resource-id": host.vpc_id,
        "instance-tag": ABSENT if is_nat else host.name.replace(" ", "%20"),
        "interface-tag": host.name.replace(" ", "%20"),
        "interface-type": "nat_gateway" if is_nat else "interface",
    }
    if values["log-status"] not in _WITHOUT_TRAFFIC:
        others |= _of_traffic(values, host)
    return {field.header: others.get(field.header, values.get(field.header, ABSENT)) for field in record_format.fields}


def _of_traffic(values: Mapping[str, str], host: SimulatedHost) -> dict[str, str]:
    source, destination = values["srcaddr"], values["dstaddr"]
    is_egress = source in host.addresses
    accepted = values["action"] == "ACCEPT"
    stays = all(any(ip_address(address) in network for network in NETWORKS) for address in (source, destination))
    path = _SAME_VPC if stays else _INTERNET_GATEWAY
    return {
        "type": "IPv6" if ":" in source else "IPv4",
        "tcp-flags": (_SYN_ACK_FIN if accepted else _SYN) if values["protocol"] == _TCP else "0",
        "pkt-srcaddr": source,
        "pkt-dstaddr": destination,
        "flow-direction": _EGRESS if is_egress else _INGRESS,
        "traffic-path": path if is_egress and accepted else ABSENT,
        "encryption-status": "0",
    }
