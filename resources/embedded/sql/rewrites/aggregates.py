"""Rules for aggregate functions."""

from sqlglot import exp

from resources.embedded.sql.rewrites.rule import Rules


def _approx_distinct(node: exp.Expr) -> exp.Expr:
    """approx_distinct estimates a number that is counted here: as good an answer, and the same one each time.

    Example: ``approx_distinct(a)`` becomes ``COUNT(DISTINCT a)``.
    Source: "Aggregate functions", Trino documentation: the standard error of the estimate is 2.3 %.
    """
    return exp.Count(this=exp.Distinct(expressions=[node.this]), big_int=True)


def _approx_percentile(node: exp.Expr) -> exp.Expr:
    """approx_percentile gives one of the values, never one between two of them: DuckDB's quantile_disc does so exactly.

    Example: ``approx_percentile(a, 0.5)`` becomes ``QUANTILE_DISC(a, 0.5)``.
    Source: "Aggregate functions", Trino documentation.
    """
    return exp.Anonymous(this="quantile_disc", expressions=[node.this, node.args["quantile"]])


def _max_by(node: exp.Expr) -> exp.Expr:
    """max_by(x, y) gives x of the row with the greatest y, also where x is NULL; DuckDB's arg_max passes over that row.

    Example: ``max_by(a, b)`` becomes ``ARG_MAX_NULL(a, b)``, and ``min_by(a, b)`` becomes ``ARG_MIN_NULL(a, b)``.
    Source: "Aggregate functions", Trino documentation.
    """
    name = "arg_max_null" if isinstance(node, exp.ArgMax) else "arg_min_null"
    return exp.Anonymous(this=name, expressions=[node.this, node.expression])


RULES: Rules = {
    exp.ApproxDistinct: _approx_distinct,
    exp.ApproxQuantile: _approx_percentile,
    exp.ArgMax: _max_by,
    exp.ArgMin: _max_by,
}
