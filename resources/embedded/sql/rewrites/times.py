"""Rules for dates and timestamps. Casts of texts to them are in casts.py."""

from sqlglot import exp

from resources.embedded.sql.rewrites.rule import NotSupportedError, Rules
from resources.embedded.sql.rewrites.template import from_template
from resources.embedded.sql.type_checks import type_family


def _add_interval(node: exp.Expr) -> exp.Expr:
    """A date with an interval added or taken off stays a date in Trino; DuckDB makes a timestamp of it.

    Example: ``DATE '2024-02-28' + INTERVAL '2' DAY`` is ``DATE '2024-03-01'``.
    Source: "Date and time functions and operators", Trino documentation.
    """
    if isinstance(node, exp.Sub) and type_family(node.this) == type_family(node.expression) == "date or timestamp":
        raise NotSupportedError("the difference of two times (use date_diff)")
    if node.this.is_type(exp.DType.DATE) or node.expression.is_type(exp.DType.DATE):
        return _as_date(node)
    return node


def _date_add(node: exp.Expr) -> exp.Expr:
    """date_add has the type of the value that it is given; DuckDB makes a timestamp of a date.

    Example: ``date_add('day', 1, DATE '2024-02-29')`` is ``DATE '2024-03-01'``.
    Source: "Date and time functions and operators", Trino documentation.
    """
    return _as_date(node) if node.this.is_type(exp.DType.DATE) else node


def _date_trunc(node: exp.Expr) -> exp.Expr:
    """date_trunc has the type of the value that it is given; DuckDB makes a timestamp of a date.

    Example: ``date_trunc('month', DATE '2024-02-29')`` is ``DATE '2024-02-01'``.
    Source: "Date and time functions and operators", Trino documentation.
    """
    return _as_date(node) if node.this.is_type(exp.DType.DATE) else node


def _date_diff(node: exp.Expr) -> exp.Expr:
    """Trino's date_diff counts the whole units that have passed; DuckDB's counts the boundaries between two times.

    DuckDB's date_sub counts as Trino does.
    Example: ``date_diff('hour', TIMESTAMP '2024-03-01 00:59:00', TIMESTAMP '2024-03-01 01:00:00')`` is ``0``.
    Source: "Date and time functions and operators", Trino documentation.
    """
    unit = exp.Literal.string(node.text("unit").lower())
    return from_template("date_sub(:unit, :since, :until)", unit=unit, since=node.expression, until=node.this)


def _as_date(value: exp.Expr) -> exp.Expr:
    return from_template("CAST(:value AS DATE)", value=value)


RULES: Rules = {
    exp.Add: _add_interval,
    exp.DateAdd: _date_add,
    exp.DateDiff: _date_diff,
    exp.DateTrunc: _date_trunc,
    exp.Sub: _add_interval,
    exp.TimestampTrunc: _date_trunc,
}
