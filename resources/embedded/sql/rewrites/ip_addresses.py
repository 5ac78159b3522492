"""Rules for IP addresses. In DuckDB, one is the number of its 128 bits, a UHUGEINT; no other value of a query is one.

An IPv4 address is the IPv6 address ::ffff:1.2.3.4, as in Trino. So addresses compare, sort and group as Trino's do.
"""

import ipaddress
import re
from collections.abc import Sequence

from sqlglot import exp

from resources.embedded.sql.functions import Function
from resources.embedded.sql.rewrites.rule import InvalidArgumentError, NotSupportedError
from resources.embedded.sql.rewrites.template import from_template

_FIRST_IPV4 = 0xFFFF << 32


def cast_to_address(value: exp.Expr, is_safe: bool) -> exp.Expr:
    """A text that is cast to IPADDRESS.

    Example: ``CAST(CAST('2001:DB8:0:0::1' AS ipaddress) AS varchar)`` is ``'2001:db8::1'``.
    Example: ``CAST('10.0.0.256' AS ipaddress)`` fails with INVALID_CAST_ARGUMENT.
    Source: "IpAddressOperators.java" of Trino; "InetAddresses.java" of Guava.
    """
    number = _number_of(value.name) if value.is_string else None
    if number is not None:
        return _address(number)
    return from_template("try_ip_address(:x)" if is_safe else "ip_address(:x)", x=value)


def cast_from_address(value: exp.Expr, target: exp.DType) -> exp.Expr:
    """IPADDRESS that is cast to varchar: IPv4 with dots, IPv6 in the form of RFC 5952.

    Example: ``CAST(IPADDRESS '::ffff:10.0.0.1' AS varchar)`` is ``'10.0.0.1'``.
    Source: "IpAddressOperators.java" of Trino.
    """
    if target is exp.DType.IPADDRESS:
        return value
    if target is not exp.DType.VARCHAR:
        raise NotSupportedError("a cast of IPADDRESS to anything but varchar")
    return from_template("ip_text(:x)", x=value)


def _contains(node: exp.Expr) -> exp.Expr:
    """Whether an address is in a network. An IPv4 network has no bits behind its prefix.

    Example: ``contains('10.0.0.0/8', IPADDRESS '10.255.255.255')`` is ``TRUE``.
    Example: ``contains('10.0.0.1/8', IPADDRESS '10.255.255.255')`` fails with INVALID_FUNCTION_ARGUMENT.
    Source: "IP Address Functions", Trino documentation; "IpAddressFunctions.java" of Trino.
    """
    network, address = node.expressions
    if not network.is_string:
        return from_template("network_contains(:network, :address)", network=network, address=address)
    first, last = _bounds(network.name)
    template = ":address BETWEEN :first AND :last"
    if first < _FIRST_IPV4 < last:  # a large network of IPv6, in which no IPv4 address is
        template += " AND NOT is_ipv4(:address)"
    return exp.paren(from_template(template, address=address, first=_address(first), last=_address(last)))


def _bounds(network: str) -> tuple[int, int]:
    """The first and the last address of a network. Raises InvalidArgumentError, with Trino's message."""
    base, slash, length = network.partition("/")
    number = _number_of(base)
    if not slash:
        raise InvalidArgumentError("Invalid CIDR")
    if number is None:
        if "%" in base:
            raise NotSupportedError("a network with a scope")
        raise InvalidArgumentError("Invalid network IP address")
    if not re.fullmatch("[0-9]+", length):
        raise InvalidArgumentError("Invalid prefix length")
    is_ipv4 = number >> 32 == 0xFFFF
    host_bits = (32 if is_ipv4 else 128) - int(length)
    if host_bits < 0:
        raise InvalidArgumentError("Prefix length exceeds address length")
    mask = (1 << host_bits) - 1
    if is_ipv4 and number & mask:
        raise InvalidArgumentError("Invalid CIDR")
    return number & ~mask, number | mask


def _number_of(text: str) -> int | None:
    """The number of an address; None where the text is none, or one with a scope ("%")."""
    if not text.isascii() or "%" in text:
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return int(address) + (_FIRST_IPV4 if address.version == 4 else 0)


def _address(number: int) -> exp.Expr:
    return exp.paren(exp.cast(exp.Literal.number(number), "UHUGEINT", dialect="duckdb"))


def addresses_of_result(typed: Sequence[exp.Expr]) -> tuple[str, ...]:
    """The names of a typed query's columns that are IP addresses, or arrays of them."""
    return tuple(column.alias_or_name for column in typed if _is_address(column) or _is_array(column))


def with_texts_of_addresses(tree: exp.Query, typed: Sequence[exp.Expr]) -> exp.Query:
    """A query for DuckDB around `tree` that gives addresses as texts. `typed` are the columns with Trino's types.

    Example: ``SELECT IPADDRESS '10.0.0.1' AS ip`` gives the text ``10.0.0.1``.
    Source: "IpAddressType.java" of Trino, whose `getObjectValue` is the text.
    """
    names = [exp.to_identifier(f"column_{number}") for number in range(len(typed))]
    shown = [
        exp.alias_(_shown(exp.column(name.copy()), column), exp.to_identifier(column.alias_or_name, quoted=True))
        for name, column in zip(names, typed, strict=True)
    ]
    source = exp.Subquery(this=tree, alias=exp.TableAlias(this=exp.to_identifier("result"), columns=names))
    return exp.select(*shown).from_(source)


def _shown(value: exp.Expr, typed: exp.Expr) -> exp.Expr:
    if _is_address(typed):
        return from_template("ip_text(:x)", x=value)
    if _is_array(typed):
        return from_template("list_transform(:x, lambda address: ip_text(address))", x=value)
    return value


def _is_address(value: exp.Expr) -> bool:
    return value.is_type(exp.DType.IPADDRESS)


def _is_array(value: exp.Expr) -> bool:
    kind = value.type
    return value.is_type(exp.DType.ARRAY) and bool(kind and kind.expressions and _is_address(kind.expressions[0]))


FUNCTIONS = (Function("contains", ("varchar", "ipaddress"), "BOOLEAN", _contains),)
