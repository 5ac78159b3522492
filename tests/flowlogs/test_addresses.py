"""What kind of address an address is: by Python's ipaddress, and by the same conditions in SQL."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_bucket import SmallBucket

from flowlogs.addresses import address_class, is_internet_sql, is_private_sql

OWN = (ip_network("10.0.0.0/16"), ip_network("2001:db8:1234:1a00::/56"))

CLASSES = {
    "10.0.1.5": "own",
    "2001:db8:1234:1a01::10": "own",
    "10.1.0.5": "private",
    "172.15.255.255": "internet",
    "172.16.0.0": "private",
    "172.31.255.255": "private",
    "172.32.0.0": "internet",
    "192.168.0.1": "private",
    "192.169.0.1": "internet",
    "100.63.255.255": "internet",
    "100.64.0.0": "private",
    "100.127.255.255": "private",
    "100.128.0.0": "internet",
    "fc00::1": "private",
    "fd12:3456::1": "private",
    "169.254.169.254": "link-local",
    "fe80::1": "link-local",
    "febf::1": "link-local",
    "fec0::1": "internet",
    "0.0.0.0": "link-local",
    "255.255.255.255": "link-local",
    "::": "link-local",
    "::ffff:10.0.0.1": "link-local",
    "127.0.0.1": "loopback",
    "::1": "loopback",
    "224.0.0.251": "multicast",
    "239.255.255.255": "multicast",
    "240.0.0.1": "internet",
    "ff02::fb": "multicast",
    "8.8.8.8": "internet",
    "203.0.113.9": "internet",
    "2001:db8::1": "internet",
    "fc::1": "internet",
    "64:ff9b::808:808": "internet",
    "-": "",
    "": "",
    "10.0.0": "",
    "10.0.0.256": "",
    "<script>": "",
}

EDGES = [
    address
    for networks in ("10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10", "127.0.0.0/8 169.254.0.0/16 224.0.0.0/4")
    for network in map(ip_network, networks.split())
    for address in (network[0] - 1, network[0], network[-1], network[-1] + 1)
] + [
    address
    for network in map(ip_network, ("fc00::/7", "fe80::/10", "2000::/3"))
    for address in (network[0] - 1, network[0], network[-1], network[-1] + 1)
]
FIRST_GROUPS = st.sampled_from([0, 1, 0xFC, 0xFD, 0xFF, 0xFC00, 0xFDFF, 0xFE80, 0xFEBF, 0xFEC0, 0xFF02, 0x2001])
ADDRESSES = st.one_of(
    st.ip_addresses(),
    st.sampled_from(EDGES),
    st.builds(lambda first, rest: IPv6Address((first << 112) + rest), FIRST_GROUPS, st.integers(0, 2**112 - 1)),
    st.builds(lambda first, rest: IPv4Address((first << 24) + rest), st.integers(0, 255), st.integers(0, 2**24 - 1)),
    st.builds(IPv6Address, st.integers(0, 2**33)),
)


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> SmallBucket:
    return SmallBucket(Path(tmp_path_factory.mktemp("addresses")))


def conditions(bucket: SmallBucket, texts: Iterable[str | None]) -> list[tuple[object, ...]]:
    """Whether the embedded engine finds each text to be a private address, and one of the internet."""
    values = ", ".join("(CAST(NULL AS varchar))" if text is None else f"('{text}')" for text in texts)
    return bucket.rows(f"SELECT {is_private_sql('a')}, {is_internet_sql('a')} FROM (VALUES {values}) AS t (a)")


@pytest.mark.parametrize(("address", "kind"), CLASSES.items())
def test_an_address_has_its_class(address: str, kind: str) -> None:
    assert address_class(address, OWN) == kind


def test_without_networks_no_address_is_our_own() -> None:
    assert address_class("10.0.1.5") == "private"


def test_in_sql_what_is_missing_is_neither(bucket: SmallBucket) -> None:
    assert conditions(bucket, [None, "-", ""]) == [(False, False)] * 3


@settings(max_examples=60, deadline=None)
@given(st.lists(ADDRESSES, min_size=1, max_size=60))
def test_sql_agrees_with_python(bucket: SmallBucket, addresses: list[IPv4Address | IPv6Address]) -> None:
    texts = [str(address) for address in addresses]
    kinds = [address_class(text) for text in texts]
    assert conditions(bucket, texts) == [(kind == "private", kind == "internet") for kind in kinds]


def test_conditions_stand_in_any_expression(bucket: SmallBucket) -> None:
    statement = f"SELECT count(*) FROM (VALUES ('10.0.0.1')) AS t (a) WHERE NOT {is_internet_sql('a')} OR a = 'x'"
    assert bucket.rows(statement) == [(1,)]
