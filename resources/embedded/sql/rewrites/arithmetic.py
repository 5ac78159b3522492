"""Rules for numbers: division, rounding to whole numbers, bits. Casts are in casts.py."""

from sqlglot import exp

from resources.embedded.sql.functions import Function
from resources.embedded.sql.rewrites.rule import NotSupportedError, Rules
from resources.embedded.sql.rewrites.template import from_template
from resources.embedded.sql.type_checks import is_integer, type_family

_DIVISION_BY_ZERO = "error('DIVISION_BY_ZERO: Division by zero')"


def _divide(node: exp.Expr) -> exp.Expr:
    """Trino divides integers to an integer, and fails at zero. DuckDB gives a double; its versions differ at zero.

    Example: ``7 / 2`` is ``3``, ``7e0 / 2`` is ``3.5e0``, and ``7 / 0`` fails with DIVISION_BY_ZERO.
    Source: "Mathematical functions and operators", Trino documentation.
    """
    if is_integer(node.this) and is_integer(node.expression):
        if _is_never_zero(node.expression):
            return from_template(":a // :b", a=node.this, b=node.expression)
        template = f"CASE WHEN :b = 0 THEN {_DIVISION_BY_ZERO} ELSE :a // :b END"
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
        template = f"CASE WHEN :b = 0 THEN {_DIVISION_BY_ZERO} ELSE :a % :b END"
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
    """A truncated integer may be a decimal in Trino; DuckDB's is a number of another type.

    Example: ``truncate(-2.7e0)`` is ``-2e0``.
    Source: "Mathematical functions and operators", Trino documentation.
    """
    if is_integer(node.this):
        raise NotSupportedError("truncate of an integer")
    return node


def _log(node: exp.Expr) -> exp.Expr:
    """A logarithm: log takes a base and a number; DuckDB's takes a number alone, too.

    Example: ``log(2, 8)`` is ``3e0``, and ``log(100)`` fails with FUNCTION_NOT_FOUND.
    Source: "Mathematical functions and operators", Trino documentation.
    """
    if not node.args.get("expression"):
        raise KeyError("the number")
    return node


def _bitwise(node: exp.Expr) -> exp.Expr:
    """Trino has functions for bits, which return bigint; DuckDB has operators, and a function for XOR.

    Example: ``bitwise_and(5, 4)`` is ``4``, and ``bitwise_xor(5, 4)`` is ``1``.
    Source: "Bitwise functions", Trino documentation.
    """
    template = "xor(CAST(:a AS BIGINT), CAST(:b AS BIGINT))"
    if not isinstance(node, exp.BitwiseXor):
        template = f"CAST(:a AS BIGINT) {'&' if isinstance(node, exp.BitwiseAnd) else '|'} CAST(:b AS BIGINT)"
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
    exp.Trunc: _truncate,
}

FUNCTIONS = (Function("bitwise_not", ("integer",), "BIGINT", _bitwise_not),)
