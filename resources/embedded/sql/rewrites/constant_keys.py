"""Rules for constants in GROUP BY and ORDER BY."""

from sqlglot import exp

from resources.embedded.sql.rewrites.rule import Rules


def _group(node: exp.Expr) -> exp.Expr:
    """A negative number in GROUP BY is a value: only a whole number without a sign is a column's position.

    DuckDB takes it for a position, too.
    Example: ``(SELECT count(*) FROM (VALUES 1, 2) AS t (a) GROUP BY -7)`` is ``2``.
    Source: "StatementAnalyzer.java" of Trino, which looks for a LongLiteral.
    """
    for key in node.expressions:
        _as_value(key)
    return node


def _ordered(node: exp.Expr) -> exp.Expr:
    """A constant in ORDER BY orders nothing; DuckDB takes a negative number for a position, and refuses a text.

    Example: ``(SELECT a FROM (VALUES 2, 1) AS t (a) ORDER BY 'x', -7, a LIMIT 1)`` is ``1``.
    Source: "StatementAnalyzer.java" of Trino, which looks for a LongLiteral.
    """
    _as_value(node.this)
    return node


def _as_value(key: exp.Expr) -> None:
    """Wrap a constant that DuckDB would not take for a value."""
    constant = key.unnest()
    if constant.is_string:
        key.replace(exp.cast(constant.copy(), "VARCHAR", dialect="duckdb"))
    elif isinstance(constant, exp.Neg) and constant.this.unnest().is_number:
        key.replace(exp.cast(constant.copy(), "DOUBLE", dialect="duckdb"))


RULES: Rules = {exp.Group: _group, exp.Ordered: _ordered}
