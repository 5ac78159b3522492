"""Finds the column that each name in a query means, by Trino's rules, and names the columns that have no name.

sqlglot's `qualify` does most of it. The functions around it keep what it would lose, and correct where it reads a name
in another engine's way.
"""

from collections.abc import Mapping

from sqlglot import exp
from sqlglot.dialects.athena import Athena
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

from flowlogs.statements import PATH_COLUMN
from resources.embedded.sql.errors import position_of
from resources.engine import QueryError

Schema = Mapping[str, Mapping[str, object]]
"""By each relation's name, the types of its columns."""


class _AthenaWithPath(Athena):
    """Athena's dialect, in which ``SELECT *`` leaves the hidden column out."""

    PSEUDOCOLUMNS = {PATH_COLUMN.upper()}  # noqa: RUF012 - sqlglot declares it so
    EXCLUDES_PSEUDOCOLUMNS_FROM_STAR = True


_UNNAMED = "?"
"""What the name of a column that has none begins with while names are resolved; also a node's note in `meta`."""


def with_resolved_names(tree: exp.Expr, schema: Schema, text: str) -> exp.Expr:
    """The tree with every column qualified by the name of what it is read from.

    Raises QueryError or OptimizeError for a name that is not there, or may mean two columns.
    """
    _note_unnamed(tree)
    # Trino knows a column's alias in ORDER BY only, so that aliases are not expanded elsewhere.
    tree = qualify(tree, schema=dict(schema), dialect=_AthenaWithPath, expand_alias_refs=False)
    _resolve_paths(tree, text)
    _name_as_trino(tree)
    _resolve_in_having(tree, schema)
    _refuse_misplaced_aliases(tree, text)
    _refuse_ambiguous_names(tree, text)
    _require_order_by_of_distinct(tree, text)
    return tree


def _resolve_paths(tree: exp.Expr, text: str) -> None:
    """Qualify the hidden column of objects' addresses, which `qualify` leaves as it is."""
    for scope in traverse_scope(tree):
        for found in list(scope.find_all(exp.Pseudocolumn)):
            owners = [
                alias
                for alias, (_, source) in scope.selected_sources.items()
                if (found.table or alias) == alias and _has_path(source)
            ]
            if len(owners) != 1:
                what = "is ambiguous" if owners else "cannot be resolved"
                raise QueryError("COLUMN_NOT_FOUND", f"{position_of(found.this)}Column '{PATH_COLUMN}' {what}.", text)
            found.replace(exp.column(exp.to_identifier(PATH_COLUMN, quoted=True), table=owners[0], quoted=True))


def _refuse_ambiguous_names(tree: exp.Expr, text: str) -> None:
    """Raise QueryError for a name that two columns of a subquery have, or, in ORDER BY, two of the result."""
    for scope in traverse_scope(tree):
        doubled = {
            alias: _doubled_names(source.expression)
            for alias, (_, source) in scope.selected_sources.items()
            if isinstance(source, Scope)
        }
        own = _doubled_names(scope.expression)
        for column in scope.find_all(exp.Column):
            if column.name in (doubled.get(column.table, ()) if column.table else own):
                raise QueryError(
                    "AMBIGUOUS_NAME", f"{position_of(column.this)}Column '{column.name}' is ambiguous.", text
                )


def _require_order_by_of_distinct(tree: exp.Expr, text: str) -> None:
    """Raise QueryError where SELECT DISTINCT is ordered by something that it does not select."""
    for select in tree.find_all(exp.Select):
        order = select.args.get("order") if select.args.get("distinct") else None
        selected = {column.unalias().sql() for column in select.selects}
        for value in [ordered.this for ordered in order.expressions] if order else []:
            is_name = isinstance(value, exp.Column) and not value.table
            if not (is_name or value.is_int or value.sql() in selected):
                problem = "for SELECT DISTINCT, ORDER BY expressions must appear in the select list."
                raise QueryError("EXPRESSION_NOT_IN_DISTINCT", problem, text)


def _doubled_names(query: exp.Expr) -> set[str]:
    names = query.named_selects if isinstance(query, exp.Query) else []
    return {name for name in names if names.count(name) > 1}


def _has_path(source: exp.Table | Scope) -> bool:
    if isinstance(source, exp.Table):
        return True
    return isinstance(source.expression, exp.Query) and PATH_COLUMN in source.expression.named_selects


def _first_select(tree: exp.Expr) -> exp.Expr:
    """The SELECT that names the columns of the result: in a UNION, the first."""
    while isinstance(tree, (exp.SetOperation, exp.Subquery)):
        tree = tree.this
    return tree


def _note_unnamed(tree: exp.Expr) -> None:
    """Record what `qualify` would replace: columns without a name, and numbers of columns in ORDER BY."""
    for number, column in enumerate(_first_select(tree).expressions):
        if not isinstance(column, (exp.Alias, exp.Column)) and not column.is_star:
            column.replace(exp.alias_(column.copy(), f"{_UNNAMED}{number}", quoted=True))
    for ordered in tree.find_all(exp.Ordered):
        if ordered.this.is_int:
            ordered.meta[_UNNAMED] = ordered.this.copy()


def _name_as_trino(tree: exp.Expr) -> None:
    """Give unnamed columns Trino's names, and order by a column's number again, whose name another may have too.

    Trino counts every column: ``SELECT a, b + 1, count(*)`` has the columns a, _col1 and _col2.
    """
    names = {}
    for number, column in enumerate(_first_select(tree).expressions):
        if column.alias_or_name.startswith(_UNNAMED):
            names[column.alias_or_name] = exp.to_identifier(f"_col{number}", quoted=True)
            column.set("alias", names[column.alias_or_name].copy())
    # Where ORDER BY repeats the expression of an unnamed column, `qualify` has put that column's name.
    for column in tree.find_all(exp.Column):
        if column.name in names:
            column.set("this", names[column.name].copy())
    for ordered in tree.find_all(exp.Ordered):
        if _UNNAMED in ordered.meta:
            ordered.set("this", ordered.meta[_UNNAMED])


def _resolve_in_having(tree: exp.Expr, schema: Schema) -> None:
    """Qualify the names in HAVING: if the result has a column of that name, sqlglot would take that one."""
    for scope in traverse_scope(tree):
        having = scope.expression.args.get("having")
        for column in list(having.find_all(exp.Column)) if having else []:
            if column.table or column.find_ancestor(exp.Query) is not scope.expression:
                continue
            owners = [
                alias
                for alias, (_, source) in scope.selected_sources.items()
                if _has_column(source, column.name, schema)
            ]
            if len(owners) == 1:
                column.set("table", exp.to_identifier(owners[0], quoted=True))


def _has_column(source: exp.Table | Scope, column: str, schema: Schema) -> bool:
    if isinstance(source, exp.Table):
        return column in schema[source.name]
    return isinstance(source.expression, exp.Query) and column in source.expression.named_selects


def _refuse_misplaced_aliases(tree: exp.Expr, text: str) -> None:
    """Raise QueryError for a column of the result that is named anywhere but in ORDER BY of a whole query."""
    for column in tree.find_all(exp.Column):
        clause = column.find_ancestor(exp.Order, exp.Query)
        if not column.table and not (isinstance(clause, exp.Order) and isinstance(clause.parent, exp.Query)):
            problem = f"{position_of(column.this)}Column '{column.name}' cannot be resolved."
            raise QueryError("COLUMN_NOT_FOUND", problem, text)
