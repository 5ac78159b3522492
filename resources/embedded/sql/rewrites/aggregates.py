"""Rules for aggregate functions."""

from sqlglot import exp

from resources.embedded.sql.rewrites.rule import InvalidArgumentError, NotSupportedError, Rules
from resources.embedded.sql.type_checks import is_floating


def _approx_distinct(node: exp.Expr) -> exp.Expr:
    """approx_distinct estimates a number that is counted here: as good an answer, and the same one each time.

    Example: ``approx_distinct(a)`` becomes ``COUNT(DISTINCT a)``.
    Source: "Aggregate functions", Trino documentation: the standard error of the estimate is 2.3 %.
    """
    return exp.Count(this=exp.Distinct(expressions=[node.this]), big_int=True)


def _approx_percentile(node: exp.Expr) -> exp.Expr:
    """approx_percentile gives one of the values, never one between two of them: DuckDB's quantile_disc does so exactly.

    Example: ``approx_percentile(a, 0.5)`` becomes ``QUANTILE_DISC(a, 0.5)``.
    Example: ``approx_percentile(1, -0.5)`` fails with INVALID_FUNCTION_ARGUMENT.
    Source: "Aggregate functions", Trino documentation.
    """
    quantile = node.args["quantile"]
    share = quantile.this if isinstance(quantile, exp.Neg) else quantile
    if not isinstance(share, exp.Literal) or share.is_string:
        raise NotSupportedError("a percentile that is no constant number")
    if share is not quantile or not 0 <= float(share.name) <= 1:  # below 0, DuckDB counts from the greatest
        raise InvalidArgumentError("Percentile must be between 0 and 1")
    return exp.Anonymous(this="quantile_disc", expressions=[node.this, quantile])


def _max_by(node: exp.Expr) -> exp.Expr:
    """max_by(x, y) gives x of the row with the greatest y, also where x is NULL; DuckDB's arg_max passes over that row.

    Example: ``max_by(a, b)`` becomes ``ARG_MAX_NULL(a, b)``, and ``min_by(a, b)`` becomes ``ARG_MIN_NULL(a, b)``.
    Source: "Aggregate functions", Trino documentation.
    """
    is_max, key = isinstance(node, exp.ArgMax), node.expression
    if is_max and is_floating(key):  # NaN is the greatest number in DuckDB, and Trino passes over it
        is_max, key = False, exp.Neg(this=exp.paren(key))
    return exp.Anonymous(this="arg_max_null" if is_max else "arg_min_null", expressions=[node.this, key])


RULES: Rules = {
    exp.ApproxDistinct: _approx_distinct,
    exp.ApproxQuantile: _approx_percentile,
    exp.ArgMax: _max_by,
    exp.ArgMin: _max_by,
}
