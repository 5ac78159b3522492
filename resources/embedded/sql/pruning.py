"""Uses pushed-down predicates to skip work: partitions to read, lines to decode, rows to number.

The predicates come from predicates.py, and name their columns without a table. A function may skip less than it could,
which only costs time. It never skips what a query can use.
"""

from collections.abc import Iterable, Sequence

from sqlglot import exp

from resources.embedded.data_types import field_sql
from resources.embedded.quoting import quoted_name
from resources.embedded.sql.predicates import conjuncts

Bounds = tuple[str | None, str | None]
"""The least and the greatest text that a column can have; None if there is no bound."""

_OPEN: Bounds = (None, None)


def bounds(predicates: Iterable[exp.Expr], column: str) -> Bounds:
    """The bounds that `column` has where all of the predicates hold. The catalog lists no partitions beyond them.

    For example, ``dt >= '2021-01-31'`` gives ``("2021-01-31", None)``. Bounds that are too wide do no harm.
    """
    return _intersection([_bounds_of(predicate, column) for predicate in predicates])


def matching_partitions_sql(predicates: Sequence[exp.Expr], columns: Iterable[tuple[str, str]], relation: str) -> str:
    """DuckDB's SELECT of the partitions that meet the predicates, by their ``position``.

    `relation` holds a partition a row: its ``position``, and the values of the partition columns as text. `columns` are
    those columns, with their Hive types.
    """
    values = ", ".join(
        f"{field_sql(quoted_name(column), hive_type)} AS {quoted_name(column)}" for column, hive_type in columns
    )
    where = exp.and_(*predicates).sql("duckdb")
    partitions = f"SELECT position, {values} FROM {quoted_name(relation)}"
    return f"SELECT position FROM ({partitions}) WHERE {where} ORDER BY position"


def longest_required_text(predicates: Iterable[exp.Expr]) -> str:
    """The longest text that a row's line must contain to meet predicates on text columns; empty if there is none.

    For example, ``action = 'REJECT'`` gives REJECT. A line contains a text column's value unchanged, except for
    malformed characters.
    """
    parts = [part for predicate in predicates for part in conjuncts(predicate)]
    return max((part.expression.name for part in parts if _is_text_equality(part)), key=len, default="")


def greatest_integer(predicates: Iterable[exp.Expr]) -> int | None:
    """The greatest integer that meets all of the predicates, which are on one column; None if there is no limit.

    For example, ``n <= 20`` gives 20, and ``n < 20`` gives 19.
    """
    found = [limit for predicate in predicates for part in conjuncts(predicate) if (limit := _limit(part)) is not None]
    return min(found, default=None)


def _limit(predicate: exp.Expr) -> int | None:
    if isinstance(predicate, exp.Between):
        value, less = predicate.args["high"], 0
    elif isinstance(predicate, (exp.EQ, exp.LTE, exp.LT)):
        value, less = predicate.expression, int(isinstance(predicate, exp.LT))
    else:
        return None
    return int(value.name) - less if isinstance(predicate.this, exp.Column) and value.is_int else None


def _is_text_equality(predicate: exp.Expr) -> bool:
    return isinstance(predicate, exp.EQ) and isinstance(predicate.this, exp.Column) and predicate.expression.is_string


def _bounds_of(predicate: exp.Expr, column: str) -> Bounds:
    if isinstance(predicate, exp.Paren):
        return _bounds_of(predicate.unnest(), column)
    if isinstance(predicate, (exp.And, exp.Or)):
        parts = [_bounds_of(part, column) for part in predicate.flatten()]
        return _intersection(parts) if isinstance(predicate, exp.And) else _hull(parts)
    if not isinstance(predicate.this, exp.Column) or predicate.this.name != column:
        return _OPEN
    if isinstance(predicate, exp.In) and predicate.expressions and all(v.is_string for v in predicate.expressions):
        return _hull([(value.name, value.name) for value in predicate.expressions])
    if isinstance(predicate, exp.Between) and predicate.args["low"].is_string and predicate.args["high"].is_string:
        return predicate.args["low"].name, predicate.args["high"].name
    if not isinstance(predicate, exp.Binary) or not predicate.expression.is_string:
        return _OPEN
    value = predicate.expression.name
    if isinstance(predicate, exp.EQ):
        return value, value
    if isinstance(predicate, (exp.GT, exp.GTE)):
        return value, None
    if isinstance(predicate, (exp.LT, exp.LTE)):
        return None, value
    return _OPEN


def _intersection(found: Sequence[Bounds]) -> Bounds:
    """The bounds of what lies within all of these."""
    lows = [low for low, _ in found if low is not None]
    highs = [high for _, high in found if high is not None]
    return max(lows, default=None), min(highs, default=None)


def _hull(found: Sequence[Bounds]) -> Bounds:
    """The bounds of what lies within any of these."""
    lows = [low for low, _ in found if low is not None]
    highs = [high for _, high in found if high is not None]
    return (min(lows) if len(lows) == len(found) else None, max(highs) if len(highs) == len(found) else None)
