"""What kind of address an address is, in Python and as conditions of SQL. Pure text: nothing is looked up.

The kinds, and where they are defined:

- ``loopback``: 127.0.0.0/8 (RFC 1122, 3.2.1.3) and ::1 (RFC 4291, 2.5.3).
- ``link-local``, what no router forwards: 169.254.0.0/16 (RFC 3927; Amazon's resolver, clock and instance metadata
  are there), fe80::/10 (RFC 4291, 2.5.6), this host and network 0.0.0.0/8 (RFC 1122, 3.2.1.3), the broadcast
  255.255.255.255 (RFC 919, 7), and 0::/16 but for ::1: the unspecified address, and IPv4 addresses that are written as
  IPv6 (RFC 4291, 2.5.2 and 2.5.5).
- ``multicast``: 224.0.0.0/4 (RFC 5771) and ff00::/8 (RFC 4291, 2.7).
- ``private``: 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16 (RFC 1918), 100.64.0.0/10 (RFC 6598; a VPC may have it), and
  fc00::/7 (RFC 4193).
- ``internet``: every other address. So are those for documentation and for tests of networks (RFC 5737, RFC 2544, RFC
  3849), which the simulated VPC has in place of the internet's.

The conditions of SQL know no CIDRs of a VPC. They read an address as flow logs write it: IPv6 as in RFC 5952, in lower
case and without zeros in front.
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

OWN = "own"
PRIVATE = "private"
LINK_LOCAL = "link-local"
LOOPBACK = "loopback"
MULTICAST = "multicast"
INTERNET = "internet"
NO_ADDRESS = ""

_NETWORKS: tuple[tuple[str, tuple[IPv4Network | IPv6Network, ...]], ...] = tuple(
    (kind, tuple(map(ip_network, networks.split())))
    for kind, networks in (
        (LOOPBACK, "127.0.0.0/8 ::1/128"),
        (LINK_LOCAL, "169.254.0.0/16 fe80::/10 0.0.0.0/8 255.255.255.255/32 ::/16"),
        (MULTICAST, "224.0.0.0/4 ff00::/8"),
        (PRIVATE, "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 fc00::/7"),
    )
)
"""The networks of each kind. The first kind that has an address counts."""

_PRIVATE_SQL = """(
    {address} LIKE '10.%'
    OR {address} LIKE '192.168.%'
    OR ({address} LIKE '172.%' AND regexp_like({address}, '^172[.](1[6-9]|2[0-9]|3[01])[.]'))
    OR ({address} LIKE '100.%' AND regexp_like({address}, '^100[.](6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])[.]'))
    OR {address} LIKE 'fc__:%'
    OR {address} LIKE 'fd__:%'
)"""

_LOCAL_SQL = """(
    {address} LIKE '127.%'
    OR {address} LIKE '169.254.%'
    OR {address} LIKE '0.%'
    OR {address} = '255.255.255.255'
    OR ({address} LIKE '2__.%' AND regexp_like({address}, '^2(2[4-9]|3[0-9])[.]'))
    OR {address} LIKE '::%'
    OR {address} LIKE '0:%'
    OR {address} LIKE 'fe8_:%'
    OR {address} LIKE 'fe9_:%'
    OR {address} LIKE 'fea_:%'
    OR {address} LIKE 'feb_:%'
    OR {address} LIKE 'ff__:%'
)"""
"""Loopback, link-local and multicast."""

_INTERNET_SQL = f"""(
    ({{address}} LIKE '%.%' OR {{address}} LIKE '%:%')
    AND NOT {_PRIVATE_SQL}
    AND NOT {_LOCAL_SQL}
)"""


def address_class(address: str, own_networks: Iterable[IPv4Network | IPv6Network] = ()) -> str:
    """The kind of an IPv4 or IPv6 address: one of the names above; empty where the text is no address.

    `own_networks` are the VPC's own CIDRs, which count before everything else.
    """
    parsed = parse_address(address)
    if parsed is None:
        return NO_ADDRESS
    if any(parsed in network for network in own_networks):
        return OWN
    return next((kind for kind, networks in _NETWORKS if any(parsed in network for network in networks)), INTERNET)


@lru_cache(maxsize=65_536)
def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """The address that a text is; None where it is none."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def is_private_sql(column: str) -> str:
    """A condition of Athena's SQL: the column holds a private address. NULL and ``-`` are none.

    `column` is a column's name or an expression of text, and is written into the condition as it is.
    """
    return f"COALESCE({_PRIVATE_SQL.format(address=column)}, false)"


def is_internet_sql(column: str) -> str:
    """A condition of Athena's SQL: the column holds an address of the internet. NULL and ``-`` are none."""
    return f"COALESCE({_INTERNET_SQL.format(address=column)}, false)"
