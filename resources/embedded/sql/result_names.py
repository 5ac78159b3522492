"""The names of a result's columns in the case in which the query writes them.

Names are looked up without regard to case, and are lower-cased for it. But Athena "displays the column heading using
the casing that you chose in the query" ("Names for tables, databases, and columns", Athena user guide, 2023): Trino's
parser keeps an identifier as it is written, and StatementAnalyzer names the result's fields by it. For example, the
result of ``SELECT count(*) AS Flows, DT FROM t`` has the columns Flows and DT.
"""

import re

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

_WRITTEN = "written"


def note_written_names(tree: exp.Expr) -> None:
    """Record how each name is written, before names are resolved."""
    for name in tree.find_all(exp.Identifier):
        name.meta[_WRITTEN] = name.name


def written_names(tree: exp.Expr) -> tuple[str, ...]:
    """The names of the result of a query whose names are resolved."""
    scopes = {id(scope.expression): scope for scope in traverse_scope(tree)}
    return tuple(name or f"_col{number}" for number, name in enumerate(_names(tree, scopes)))


def _names(query: exp.Expr, scopes: dict[int, Scope]) -> tuple[str, ...]:
    """The name of each column of a query's result; empty if it has none."""
    while isinstance(query, (exp.SetOperation, exp.Subquery)):
        query = query.this
    if not isinstance(query, exp.Select):
        return tuple(query.named_selects) if isinstance(query, exp.Query) else ()
    scope = scopes.get(id(query))
    return tuple(_name(column, scope, scopes) for column in query.selects)


def _name(column: exp.Expr, scope: Scope | None, scopes: dict[int, Scope]) -> str:
    alias, name, value = column.args.get("alias"), column.alias_or_name, column.unalias()
    if isinstance(alias, exp.Identifier) and _WRITTEN in alias.meta:
        return str(alias.meta[_WRITTEN])
    if not isinstance(value, exp.Column):
        # sqlglot names what has no name by its text, or by its number.
        return "" if name == value.output_name or re.fullmatch(r"_col_\d+", name) else name
    if value.name != name:
        return name
    if _WRITTEN in value.this.meta:
        return str(value.this.meta[_WRITTEN])
    # A column of SELECT *: it has the name that the subquery gives it.
    source = scope.sources.get(value.table) if scope else None
    if isinstance(source, Scope) and isinstance(source.expression, exp.Query):
        plain = source.expression.named_selects
        written = _names(source.expression, scopes)
        if len(plain) == len(written) and plain.count(name) == 1:
            return written[plain.index(name)]
    return name
