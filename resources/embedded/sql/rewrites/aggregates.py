"""Rules for aggregate functions."""

from decimal import Decimal

from sqlglot import exp

from resources.embedded.sql.functions import Function
from resources.embedded.sql.rewrites.rule import InvalidArgumentError, NotSupportedError, Rules
from resources.embedded.sql.rewrites.template import from_template
from resources.embedded.sql.type_checks import is_floating, is_integer


def _approx_distinct(node: exp.Expr) -> exp.Expr:
    """approx_distinct estimates a number that is counted here: as good an answer, and the same one each time.

    Example: ``approx_distinct(a)`` becomes ``COUNT(DISTINCT a)``.
    Source: "Aggregate functions", Trino documentation: the standard error of the estimate is 2.3 %.
    """
    return exp.Count(this=exp.Distinct(expressions=[node.this]), big_int=True)


def _approx_percentile(node: exp.Expr) -> exp.Expr:
    """approx_percentile estimates, for many values, what DuckDB's quantile_disc gives exactly.

    Of few values, Trino gives the one behind the share p: of n values, the one with the number floor(p * n) + 1. A
    negative share of DuckDB's counts from the greatest, which comes to the same.
    Example: ``approx_percentile(a, 0.75)`` becomes ``QUANTILE_DISC(a, -0.25)``.
    Example: ``approx_percentile(a, ARRAY[0.5, 0.75])`` becomes ``QUANTILE_DISC(a, [-0.5, -0.25])``.
    Example: ``approx_percentile(1, -0.5)`` fails with INVALID_FUNCTION_ARGUMENT.
    Source: "Aggregate functions", Trino documentation; "TDigest.java" of Airlift.
    """
    quantile = node.args["quantile"]
    if isinstance(quantile, exp.Array):
        counted: exp.Expr = exp.Array(expressions=[_counted_share(share) for share in quantile.expressions])
    else:
        counted = _counted_share(quantile)
    return exp.Anonymous(this="quantile_disc", expressions=[node.this, counted])


def _counted_share(quantile: exp.Expr) -> exp.Expr:
    """A share as DuckDB counts it from the greatest value."""
    share = quantile.this if isinstance(quantile, exp.Neg) else quantile
    if not isinstance(share, exp.Literal) or share.is_string:
        raise NotSupportedError("a percentile that is no constant number")
    if share is not quantile or not 0 <= float(share.name) <= 1:  # below 0, DuckDB counts from the greatest
        raise InvalidArgumentError("Percentile must be between 0 and 1")
    # A share of 0 would count from the least; a very small one gives the greatest value.
    rest = 1 - Decimal(share.name) or Decimal("1e-18")
    return exp.Neg(this=exp.Literal.number(format(rest, "f")))


def _count_if(node: exp.Expr) -> exp.Expr:
    """count_if counts: where no value is true, it gives 0. DuckDB's gives NULL where all values are NULL.

    Example: ``count_if(1 = NULL)`` is ``0``.
    Source: "CountIfAggregation.java" of Trino.
    """
    if isinstance(node.this, exp.Distinct):
        raise NotSupportedError("count_if with DISTINCT")
    return from_template("count(CASE WHEN :x THEN 1 END)", x=node.this)


def _listagg(node: exp.Expr) -> exp.Expr:
    """Without a separator, listagg puts nothing between the values; DuckDB puts a comma.

    Example: ``listagg('a') WITHIN GROUP (ORDER BY 1)`` is ``'a'``.
    Source: "Aggregate functions", Trino documentation.
    """
    if node.args.get("separator") is None:
        node.set("separator", exp.Literal.string(""))
    return node


def _max_by(node: exp.Expr) -> exp.Expr:
    """max_by(x, y) gives x of the row with the greatest y, also where x is NULL; DuckDB's arg_max passes over that row.

    Example: ``max_by(a, b)`` becomes ``ARG_MAX_NULL(a, b)``, and ``min_by(a, b)`` becomes ``ARG_MIN_NULL(a, b)``.
    Source: "Aggregate functions", Trino documentation.
    """
    is_max, key = isinstance(node, exp.ArgMax), node.expression
    if is_max and is_floating(key):  # NaN is the greatest number in DuckDB, and Trino passes over it
        is_max, key = False, exp.Neg(this=exp.paren(key))
    return exp.Anonymous(this="arg_max_null" if is_max else "arg_min_null", expressions=[node.this, key])


def _sum(node: exp.Expr) -> exp.Expr:
    """A sum of integers is a bigint, and fails where it does not fit; DuckDB's has 128 bits.

    Example: ``sum(a)`` becomes ``CAST(SUM(a) AS BIGINT)``.
    Source: "LongSumAggregation.java" of Trino, which adds exactly.
    """
    around = (exp.Filter, exp.Window)  # which belong to the sum
    inner = node
    while isinstance(inner, around):
        inner = inner.this
    if isinstance(node.parent, around) or not isinstance(inner, exp.Sum) or not is_integer(inner):
        return node
    return exp.Cast(this=node.copy(), to=exp.DataType.build("BIGINT"))


def _offset(node: exp.Expr) -> exp.Expr:
    """The offset: lag and lead take one of 0 or more, and nth_value one of 1 or more. DuckDB takes others too.

    Example: ``lag(1, -1) OVER ()`` fails with INVALID_FUNCTION_ARGUMENT.
    Source: "LagFunction.java" and "NthValueFunction.java" of Trino.
    """
    offset, least = node.args.get("offset"), int(isinstance(node, exp.NthValue))
    if offset is not None:
        number = offset.this if isinstance(offset, exp.Neg) else offset
        if not (isinstance(number, exp.Literal) and number.is_int):
            raise NotSupportedError("an offset that is no constant number")
        if (-int(number.name) if isinstance(offset, exp.Neg) else int(number.name)) < least:
            raise InvalidArgumentError(f"Offset must be at least {least}")
    default = node.args.get("default")
    if default is not None and is_floating(default) != is_floating(node.this) and not isinstance(default, exp.Null):
        raise NotSupportedError("a default of another type than the value's (CAST one of them)")
    return node


def _every(node: exp.Expr) -> exp.Expr:
    """Another name of bool_and.

    Example: ``every(a > b)`` becomes ``BOOL_AND(a > b)``.
    Source: "Aggregate functions", Trino documentation.
    """
    return exp.LogicalAnd(this=node.expressions[0])


RULES: Rules = {
    exp.ApproxDistinct: _approx_distinct,
    exp.ApproxQuantile: _approx_percentile,
    exp.ArgMax: _max_by,
    exp.ArgMin: _max_by,
    exp.CountIf: _count_if,
    exp.GroupConcat: _listagg,
    **dict.fromkeys((exp.Sum, exp.Filter, exp.Window), _sum),
    **dict.fromkeys((exp.Lag, exp.Lead, exp.NthValue), _offset),
}

FUNCTIONS = (Function("every", ("boolean",), "BOOLEAN", _every, is_aggregate=True),)
