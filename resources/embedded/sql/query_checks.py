"""Finds mistakes in a query's tree that Trino tells, and DuckDB passes over. Each is a function with an example.

To add one, write the function and name it in `_MISTAKES`.
"""

from collections.abc import Callable, Iterator

from sqlglot import exp

from resources.embedded.sql.errors import athena_sql
from resources.engine import QueryError

_Mistake = tuple[str, str]
"""Trino's name of a mistake, and the message."""


def require_no_mistakes(tree: exp.Expr, text: str) -> None:
    """Raise QueryError for the first mistake in a parsed query."""
    for node in tree.walk():
        for find in _MISTAKES:
            for code, problem in find(node):
                raise QueryError(code, problem, text)


def _groups_by_position(node: exp.Expr) -> Iterator[_Mistake]:
    """``GROUP BY 0``: the columns are counted from 1. DuckDB takes it for a constant.

    Source: "StatementAnalyzer.java" of Trino.
    """
    select = node.parent
    if not isinstance(node, exp.Group) or not isinstance(select, exp.Select) or select.is_star:
        return
    for value in node.expressions:
        if isinstance(value, exp.Literal) and value.is_int and not 0 < int(value.name) <= len(select.selects):
            yield "INVALID_COLUMN_REFERENCE", f"GROUP BY position {value.name} is not in select list."


def _names_of_columns(node: exp.Expr) -> Iterator[_Mistake]:
    """``(SELECT 1) AS t (a, b)``: there must be a name for each column. DuckDB wants no more names than columns.

    Source: "StatementAnalyzer.java" of Trino.
    """
    alias = node.args.get("alias")
    if not isinstance(alias, exp.TableAlias) or not alias.columns:
        return
    names = alias.columns
    if isinstance(node, exp.Values):
        first = node.expressions[0]
        count = len(first.expressions) if isinstance(first, exp.Tuple) else 1
    elif isinstance(node, (exp.CTE, exp.Subquery)) and isinstance(node.this, exp.Query) and not node.this.is_star:
        count = len(node.this.selects)
    else:
        return
    if count and len(names) != count:
        problem = f"Column alias list has {len(names)} entries but '{alias.name}' has {count} columns available."
        yield "MISMATCHED_COLUMN_ALIASES", problem


def _aggregates_of_several(node: exp.Expr) -> Iterator[_Mistake]:
    """``count(DISTINCT a, b)`` and ``count(a, b)``: an aggregate takes one value. DuckDB counts rows of values.

    Source: "Aggregate functions", Trino documentation.
    """
    if not isinstance(node, (exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.ApproxDistinct)):
        return
    listed = node.this.expressions if isinstance(node.this, exp.Distinct) else []
    if len(listed) > 1 or (isinstance(node, exp.Count) and node.expressions):
        name = node.key
        yield (
            "FUNCTION_NOT_FOUND",
            f"Unexpected parameters for function {name}. Expected: {name}(x): {athena_sql(node)}.",
        )


_MISTAKES: tuple[Callable[[exp.Expr], Iterator[_Mistake]], ...] = (
    *(_aggregates_of_several, _groups_by_position, _names_of_columns),
)
