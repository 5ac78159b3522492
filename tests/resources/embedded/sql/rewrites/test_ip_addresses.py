"""IPADDRESS: which texts are one, how it is shown and sorted, and which network it is in."""

import ipaddress
import random
from pathlib import Path

import pytest
from small_bucket import SmallBucket, TwoBuckets, record

from resources.engine import QueryError

SHOWN = {
    "10.0.0.1": "10.0.0.1",
    "255.255.255.255": "255.255.255.255",
    "::": "::",
    "::1": "::1",
    "2001:DB8:0:0:0:0:0:1": "2001:db8::1",
    "2001:0db8:0000:0001:0000:0000:0000:0001": "2001:db8:0:1::1",
    # The first of the longest runs of zeros is left out, and never a single zero.
    "1:0:0:2:0:0:3:4": "1::2:0:0:3:4",
    "1:0:0:2:0:0:0:3": "1:0:0:2::3",
    "1:0:2:3:4:5:6:7": "1:0:2:3:4:5:6:7",
    "1:2:3:4:5:6:7::": "1:2:3:4:5:6:7:0",
    "::ffff:192.0.2.1": "192.0.2.1",
    "::192.0.2.1": "::c000:201",
    "64:ff9b::192.0.2.33": "64:ff9b::c000:221",
    "1:2:3:4:5:6:192.0.2.1": "1:2:3:4:5:6:c000:201",
}

NO_ADDRESSES = (
    *("", "-", "x", "10.0.0", "10.0.0.256", "10.0.0.01", " 10.0.0.1", "10.0.0.1.2", "10.0.0.1/8", "1"),
    *(":", ":::", "1::2::3", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7", "1:2:3:4::5:6:7:8", ":1:2:3:4:5:6:7", "12345::"),
    *("::g", "1.2.3.4::", "::1.2.3", "::1.2.3.400"),
)


def texts(values: object) -> str:
    return ", ".join(f"('{value}')" for value in values)


def test_a_text_is_read_and_shown_as_trino_does(bucket: SmallBucket) -> None:
    statement = (
        f"SELECT x, CAST(x AS ipaddress), CAST(CAST(x AS ipaddress) AS varchar) FROM (VALUES {texts(SHOWN)}) AS t (x)"
    )
    assert sorted(bucket.rows(statement)) == sorted((text, shown, shown) for text, shown in SHOWN.items())


def test_a_literal_is_shown_like_a_value_of_a_column(bucket: SmallBucket) -> None:
    literals = ", ".join(f"IPADDRESS '{text}'" for text in SHOWN)
    assert bucket.rows(f"SELECT {literals}") == [tuple(SHOWN.values())]


def test_another_text_is_no_address(bucket: SmallBucket) -> None:
    statement = f"SELECT count(*), count(TRY_CAST(x AS ipaddress)) FROM (VALUES {texts(NO_ADDRESSES)}) AS t (x)"
    assert bucket.rows(statement) == [(len(NO_ADDRESSES), 0)]
    with pytest.raises(QueryError, match="INVALID_CAST_ARGUMENT: Cannot cast value to IPADDRESS: x"):
        bucket.rows("SELECT CAST(x AS ipaddress) FROM (VALUES 'x') AS t (x)")
    with pytest.raises(QueryError, match="INVALID_CAST_ARGUMENT: Cannot cast value to IPADDRESS: 10.0.0.256"):
        bucket.rows("SELECT IPADDRESS '10.0.0.256'")


def test_any_address_is_shown_as_another_library_shows_it(bucket: SmallBucket) -> None:
    dice = random.Random(15)
    written = [":".join(f"{dice.choice([0, 0, 1, 0xDB8, 0xFFFF]):x}" for _ in range(8)) for _ in range(500)]
    statement = f"SELECT CAST(x AS ipaddress) FROM (VALUES {texts(written)}) AS t (x)"
    expected = [ipaddress.IPv6Address(text) for text in written]
    assert bucket.rows(statement) == [(str(address.ipv4_mapped or address),) for address in expected]


def test_a_scope_is_refused_by_name(bucket: SmallBucket) -> None:
    with pytest.raises(QueryError, match="NOT_SUPPORTED: the embedded Athena does not read this address: fe80::1%eth0"):
        bucket.rows("SELECT TRY_CAST('fe80::1%eth0' AS ipaddress)")


def test_addresses_are_sorted_by_their_numbers(bucket: SmallBucket) -> None:
    statement = f"""
        SELECT ip, count(*) FROM (SELECT CAST(x AS ipaddress) AS ip FROM (VALUES {
        texts(["10.0.0.10", "10.0.0.9", "::1", "2001:db8::1", "::ffff:10.0.0.9"])
    }) AS t (x))
        GROUP BY ip ORDER BY ip DESC"""
    assert bucket.rows(statement) == [("2001:db8::1", 1), ("10.0.0.10", 1), ("10.0.0.9", 2), ("::1", 1)]
    assert bucket.rows(
        "SELECT max(ip), array_agg(ip ORDER BY ip), count(*) FILTER (WHERE ip IN (IPADDRESS '10.0.0.1')) "
        "FROM (VALUES IPADDRESS '9.0.0.1', IPADDRESS '10.0.0.1') AS t (ip)"
    ) == [("10.0.0.1", ["9.0.0.1", "10.0.0.1"], 1)]


NETWORKS = {
    ("10.0.0.0/8", "10.255.255.255"): True,
    ("10.0.0.0/8", "11.0.0.0"): False,
    ("10.0.0.1/32", "10.0.0.1"): True,
    ("0.0.0.0/0", "1.2.3.4"): True,
    ("0.0.0.0/0", "::1"): False,
    ("::/0", "1.2.3.4"): False,
    ("::/0", "::1"): True,
    # Bits behind the prefix do no harm in a network of IPv6.
    ("2001:db8:0:0:0:ff00:42:8329/64", "2001:db8::1"): True,
    ("2001:db8::8329/128", "2001:db8::8328"): False,
    ("::ffff:10.0.0.0/8", "10.0.0.1"): True,
}

NO_NETWORKS = {
    "10.0.0.0": "Invalid CIDR",
    "10.0.0.1/8": "Invalid CIDR",
    "x/8": "Invalid network IP address",
    "10.0.0.0/x": "Invalid prefix length",
    "10.0.0.0/33": "Prefix length exceeds address length",
    "::/129": "Prefix length exceeds address length",
}


def test_networks_contain_addresses(bucket: SmallBucket) -> None:
    pairs = ", ".join(f"('{network}', IPADDRESS '{address}')" for network, address in NETWORKS)
    statement = f"SELECT contains(network, address) FROM (VALUES {pairs}) AS t (network, address)"
    assert bucket.rows(statement) == [(contained,) for contained in NETWORKS.values()]
    constants = ", ".join(f"contains('{network}', IPADDRESS '{address}')" for network, address in NETWORKS)
    assert bucket.rows(f"SELECT {constants}") == [tuple(NETWORKS.values())]


@pytest.mark.parametrize("network", NO_NETWORKS)
def test_a_text_that_is_no_network_is_a_mistake(bucket: SmallBucket, network: str) -> None:
    for statement in (
        f"SELECT contains('{network}', IPADDRESS '10.0.0.1')",
        f"SELECT contains(n, IPADDRESS '10.0.0.1') FROM (VALUES '{network}') AS t (n)",
    ):
        with pytest.raises(QueryError, match=f"INVALID_FUNCTION_ARGUMENT: {NO_NETWORKS[network]}"):
            bucket.rows(statement)


def test_nothing_is_in_no_network(bucket: SmallBucket) -> None:
    statement = "SELECT contains(CAST(NULL AS varchar), IPADDRESS '::1'), contains('::/0', CAST(NULL AS ipaddress))"
    assert bucket.rows(statement) == [(None, None)]


def test_records_of_a_network_are_found(tmp_path: Path) -> None:
    bucket = SmallBucket(tmp_path)
    bucket.put_day("2024-03-01", [record(1), record(2), record(3, source="2001:db8::3")])
    where = "SELECT interfaceid FROM flows WHERE contains('{}', CAST(sourceaddress AS ipaddress)) ORDER BY 1"
    assert bucket.rows(where.format("192.0.2.0/31")) == [("eni-1",)]
    assert bucket.rows(where.format("2001:db8::/32")) == [("eni-3",)]
    joined = (
        "SELECT n, count(*) FROM flows JOIN (VALUES '192.0.2.0/24', '2001:db8::/32') AS t (n) "
        "ON contains(n, CAST(sourceaddress AS ipaddress)) GROUP BY n ORDER BY n"
    )
    assert bucket.rows(joined) == [("192.0.2.0/24", 2), ("2001:db8::/32", 1)]


MISTAKES = {
    "SELECT IPADDRESS '10.0.0.1' = '10.0.0.1'": "TYPE_MISMATCH: values of type ipaddress and varchar",
    "SELECT contains('10.0.0.0/8', '10.0.0.1')": "FUNCTION_NOT_FOUND: Unexpected parameters (varchar, varchar) for",
    "SELECT CAST(1 AS ipaddress)": "NOT_SUPPORTED",
    "SELECT CAST(IPADDRESS '::1' AS bigint)": "NOT_SUPPORTED",
    "SELECT IPPREFIX '10.0.0.0/8'": "TYPE_NOT_FOUND: Unknown type: ipprefix",
    "SELECT ip_prefix(IPADDRESS '10.0.0.1', 8)": "FUNCTION_NOT_FOUND: Function 'ip_prefix' not registered",
    "SELECT is_subnet_of('10.0.0.0/8', IPADDRESS '10.0.0.1')": "FUNCTION_NOT_FOUND: Function 'is_subnet_of' not",
}


@pytest.mark.parametrize("statement", MISTAKES)
def test_what_trino_has_not_is_told_in_its_words(bucket: SmallBucket, statement: str) -> None:
    with pytest.raises(QueryError) as mistake:
        bucket.rows(statement)
    assert str(mistake.value).startswith(MISTAKES[statement])


def test_addresses_are_not_unloaded(tmp_path: Path) -> None:
    bucket = TwoBuckets(tmp_path)
    bucket.put_day("2024-03-01", [record(1)])
    with pytest.raises(QueryError, match="NOT_SUPPORTED: Unsupported Hive type: ipaddress"):
        bucket.unload("SELECT CAST(sourceaddress AS ipaddress) AS ip, dt FROM flows")
