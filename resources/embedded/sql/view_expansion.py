"""Puts the queries of views in the places where a query names the views.

For example, with ``CREATE VIEW rejects AS SELECT dt, action FROM flows``, the query ``SELECT dt FROM rejects r``
becomes ``SELECT dt FROM (SELECT dt, action FROM lake.flows) AS r``. So all that is known of subqueries, as which
partitions are read, is true of views. As in Trino, names in a view's text are looked for in the view's own database.
"""

from collections.abc import Callable, Iterator

from sqlglot import exp
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.optimizer.scope import Scope, traverse_scope

from flowlogs.statements import TableName
from resources.embedded.sql.errors import not_supported
from resources.embedded.sql.names import CATALOG, table_name_of
from resources.embedded.sql.result_names import note_written_names
from resources.embedded.sql.select import parse_select
from resources.embedded.sql.statements import Query
from resources.embedded.view import View
from resources.engine import QueryError

FindView = Callable[[TableName], View | None]
"""Finds a view in the catalog; returns None if there is no view of this name."""

CheckView = Callable[[TableName, View, Query], None]
"""Raises QueryError where the query of a view, in which views are expanded already, cannot be read as it is."""


def tables_read(tree: exp.Expr, text: str) -> Iterator[exp.Table]:
    """Each place where a query reads a table or a view; not where it reads a name of its own WITH."""
    sources = [found for scope in traverse_scope(tree) for found in scope.selected_sources.values()]
    for table in list(tree.find_all(exp.Table)):
        source = next((source for node, source in sources if node is table), None)
        if isinstance(source, Scope):  # the name of a CTE
            continue
        if source is None or not isinstance(table.this, exp.Identifier):
            raise not_supported(f"reading {table.sql('athena')}", text)
        yield table


def expand_views(
    tree: exp.Expr,
    text: str,
    database: str,
    find_view: FindView,
    check: CheckView,
    expanding: tuple[TableName, ...] = (),
) -> None:
    """Expand views in place. `expanding` are the views whose text this tree is in."""
    for table in tables_read(tree, text):
        name = table_name_of(table, database, text)
        if name in expanding:
            problem = f"the view '{_full(name)}' would be read by itself."
            raise QueryError("VIEW_IS_RECURSIVE", problem, text)
        view = find_view(name)
        if view is None:
            continue
        try:
            query = parse_select(view.text, view.text)
            normalize_identifiers(query.tree, dialect="athena")
            note_written_names(query.tree)
            _name_databases(query.tree, view)
            expand_views(query.tree, view.text, view.database, find_view, check, (*expanding, name))
            check(name, view, query)
        except QueryError as error:
            if error.code in ("VIEW_IS_RECURSIVE", "VIEW_IS_STALE"):
                raise QueryError(error.code, _message(error), text) from None
            problem = f"Failed analyzing stored view '{_full(name)}': {_message(error)}"
            raise QueryError("INVALID_VIEW", problem, text) from None
        alias = table.args.get("alias") or exp.TableAlias()
        if not alias.this:
            alias.set("this", exp.to_identifier(table.name))
        table.replace(exp.Subquery(this=query.tree, alias=alias))


def _name_databases(tree: exp.Expr, view: View) -> None:
    """Give each table of a view its database, so that it is no CTE's name in the query around it either."""
    for table in tables_read(tree, view.text):
        if not table.db:
            if not table.alias:
                table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
            table.set("db", exp.to_identifier(view.database))


def _full(name: TableName) -> str:
    return f"{CATALOG}.{name.database}.{name.table}"


def _message(error: QueryError) -> str:
    """What an error says, without its code and its statement."""
    return str(error).partition("\nThe statement was:")[0].removeprefix(f"{error.code}: ")
