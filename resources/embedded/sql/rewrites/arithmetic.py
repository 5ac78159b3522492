"""Rules for numbers: division, rounding, bits, types. Decimals are in decimals.py, casts in casts.py."""

from collections.abc import Mapping

from sqlglot import exp

from resources.embedded.sql.decimal_types import decimal_of
from resources.embedded.sql.functions import Function
from resources.embedded.sql.rewrites.rule import NotSupportedError, Rules
from resources.embedded.sql.rewrites.template import DIVISION_BY_ZERO, from_template
from resources.embedded.sql.type_checks import is_floating, is_integer, type_family


def _divide(node: exp.Expr) -> exp.Expr:
    """Trino divides integers to an integer, and fails at zero. DuckDB gives a double; its versions differ at zero.

    Example: ``7 / 2`` is ``3``, ``7e0 / 2`` is ``3.5e0``, and ``7 / 0`` fails with DIVISION_BY_ZERO.
    Example: ``CAST(NULL AS bigint) / 0`` is ``NULL``, since no function is called with NULL.
    Source: "Mathematical functions and operators", Trino documentation.
    """
    if is_integer(node.this) and is_integer(node.expression):
        if _is_never_zero(node.expression):
            return from_template(":a // :b", a=node.this, b=node.expression)
        template = f"CASE WHEN :b = 0 AND :a IS NOT NULL THEN {DIVISION_BY_ZERO} ELSE :a // :b END"
        return from_template(template, a=node.this, b=node.expression)
    if type_family(node.this) is None or type_family(node.expression) is None:
        raise NotSupportedError("a division of values of unknown types (CAST them)")
    return from_template("CAST(:a AS DOUBLE) / :b", a=node.this, b=node.expression)


def _remainder(node: exp.Expr) -> exp.Expr:
    """The remainder of a division of integers by zero fails in Trino; versions of DuckDB differ.

    Example: ``7 % 0`` fails with DIVISION_BY_ZERO.
    Source: "Mathematical functions and operators", Trino documentation.
    """
    if is_integer(node.this) and is_integer(node.expression) and not _is_never_zero(node.expression):
        template = f"CASE WHEN :b = 0 AND :a IS NOT NULL THEN {DIVISION_BY_ZERO} ELSE :a % :b END"
        return from_template(template, a=node.this, b=node.expression)
    return node


def _is_never_zero(value: exp.Expr) -> bool:
    return value.is_int and bool(value.to_py())


def _leave_integer(node: exp.Expr) -> exp.Expr:
    """An integer that is rounded keeps its type in Trino; DuckDB makes a double of some.

    Example: ``ceil(7) / 2`` is ``3``, since ``ceil(7)`` is an integer.
    Source: "Mathematical functions and operators", Trino documentation: ceil and floor return the type of their input.
    """
    return node.this if is_integer(node.this) else node


def _truncate(node: exp.Expr) -> exp.Expr:
    """The function truncate takes a number of places for decimals only; DuckDB takes one for doubles too.

    Example: ``truncate(-2.7e0)`` is ``-2e0``, and ``truncate(2.75e0, 1)`` fails with NOT_SUPPORTED.
    Source: "MathFunctions.java" of Trino.
    """
    if node.args.get("decimals"):
        raise NotSupportedError("truncate to a number of places of anything but a decimal or an integer")
    return node


def _sign(node: exp.Expr) -> exp.Expr:
    """The sign has the type of the value, or decimal(1,0) of a decimal; DuckDB's is a tinyint, and 0 for NaN.

    Example: ``sign(-7)`` is ``-1``, ``sign(-0.5e0)`` is ``-1e0``, and ``sign(-0.50)`` is ``-1``.
    Source: "Mathematical functions and operators", Trino documentation; "MathFunctions.java" of Trino.
    """
    value = node.this
    if is_floating(value):
        template = "CASE WHEN :x = 0 OR isnan(CAST(:x AS DOUBLE)) THEN :x ELSE CAST(sign(:x) AS DOUBLE) END"
        return from_template(template, x=value)
    if not (is_integer(value) or decimal_of(value.type)):
        raise NotSupportedError("the sign of a value of an unknown type (CAST it)")
    return from_template(f"CAST(sign(:x) AS {exp.DataType.build(node.type or 'BIGINT').sql('duckdb')})", x=value)


def _log(node: exp.Expr) -> exp.Expr:
    """A logarithm: log takes a base and a number; DuckDB's takes a number alone, too.

    Example: ``log(2, 8)`` is ``3e0``, and ``log(100)`` fails with FUNCTION_NOT_FOUND.
    Source: "Mathematical functions and operators", Trino documentation.
    """
    if not node.args.get("expression"):
        raise KeyError("the number")
    return node


_TYPE_NAMES: Mapping[exp.DType, str] = {
    exp.DType.BOOLEAN: "boolean",
    exp.DType.TINYINT: "tinyint",
    exp.DType.SMALLINT: "smallint",
    exp.DType.INT: "integer",
    exp.DType.BIGINT: "bigint",
    exp.DType.DOUBLE: "double",
    exp.DType.DATE: "date",
}
"""Trino's names of the types that a value is known to have."""


def _typeof(node: exp.Expr) -> exp.Expr:
    """The type is known before the query runs. That of texts and times is not: Trino counts their digits and letters.

    Example: ``typeof(1024.0)`` is ``'decimal(5,1)'``, ``typeof(1)`` is ``'integer'``, ``typeof(1e0)`` is ``'double'``.
    Source: "Conversion functions", Trino documentation.
    """
    value = node.this
    found = decimal_of(value.type)
    name = (
        f"decimal({found.precision},{found.scale})" if found else _TYPE_NAMES.get(value.type.this) if value.type else ""
    )
    if not name:
        raise NotSupportedError("the type of a text, of a time, of an array or of an unknown value")
    # The value stays in the query: an aggregate makes one row of all.
    return from_template(f"CASE WHEN :x IS NULL THEN '{name}' ELSE '{name}' END", x=value)


def _bitwise(node: exp.Expr) -> exp.Expr:
    """Trino has functions for bits, which return bigint; DuckDB has operators, and a function for XOR.

    Example: ``bitwise_and(5, 4)`` is ``4``, and ``bitwise_xor(5, 4)`` is ``1``.
    Example: ``bitwise_and(6, 3) + 1`` is ``3``.
    Source: "Bitwise functions", Trino documentation.
    """
    template = "xor(CAST(:a AS BIGINT), CAST(:b AS BIGINT))"
    if not isinstance(node, exp.BitwiseXor):
        template = f"(CAST(:a AS BIGINT) {'&' if isinstance(node, exp.BitwiseAnd) else '|'} CAST(:b AS BIGINT))"
    return from_template(template, a=node.this, b=node.expression)


def _bitwise_not(node: exp.Expr) -> exp.Expr:
    """All bits of a bigint are turned.

    Example: ``bitwise_not(5)`` is ``-6``.
    Source: "Bitwise functions", Trino documentation.
    """
    return from_template("-1 - CAST(:x AS BIGINT)", x=node.expressions[0])


RULES: Rules = {
    exp.BitwiseAnd: _bitwise,
    exp.BitwiseOr: _bitwise,
    exp.BitwiseXor: _bitwise,
    exp.Ceil: _leave_integer,
    exp.Div: _divide,
    exp.Floor: _leave_integer,
    exp.Mod: _remainder,
    exp.Log: _log,
    exp.Sign: _sign,
    exp.Trunc: _truncate,
    exp.Typeof: _typeof,
}

FUNCTIONS = (Function("bitwise_not", ("integer",), "BIGINT", _bitwise_not),)
