"""Names of ports and protocols: those that people expect, and none where there is none."""

import pytest

from flowlogs.service_names import protocol_name, service_name

TCP_NAMES = {
    22: "ssh",
    23: "telnet",
    80: "http",
    443: "https",
    445: "microsoft-ds",
    1433: "ms-sql-s",
    2049: "nfs",
    3306: "mysql",
    3389: "rdp",
    5432: "postgresql",
    5900: "vnc",
    6379: "redis",
    9200: "elasticsearch",
    11211: "memcached",
    27017: "mongodb",
}
UDP_NAMES = {53: "domain", 123: "ntp", 161: "snmp", 443: "https", 500: "isakmp", 514: "syslog", 3389: "rdp"}


@pytest.mark.parametrize(("port", "name"), TCP_NAMES.items())
def test_a_tcp_port_has_its_name(port: int, name: str) -> None:
    assert service_name(port) == name


@pytest.mark.parametrize(("port", "name"), UDP_NAMES.items())
def test_a_udp_port_has_its_name(port: int, name: str) -> None:
    assert service_name(port, 17) == name


def test_tcp_and_udp_may_have_other_names_for_a_port() -> None:
    assert (service_name(514, 6), service_name(514, 17)) == ("shell", "syslog")


@pytest.mark.parametrize(("port", "protocol"), [(22, 17), (22, 1), (0, 6), (49_152, 6), (65_535, 17), (-1, 6)])
def test_a_port_without_a_service_has_no_name(port: int, protocol: int) -> None:
    assert service_name(port, protocol) is None


@pytest.mark.parametrize(
    ("number", "name"),
    [(0, "HOPOPT"), (1, "ICMP"), (6, "TCP"), (17, "UDP"), (47, "GRE"), (58, "IPv6-ICMP"), (255, None), (-1, None)],
)
def test_a_protocol_number_has_its_name(number: int, name: str | None) -> None:
    assert protocol_name(number) == name


def test_no_name_is_of_a_port_that_anybody_may_use() -> None:
    assert not [port for port in range(49_152, 65_536) if service_name(port, 6) or service_name(port, 17)]
