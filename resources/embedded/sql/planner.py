"""Makes a plan of a parsed query: looks its tables up in the catalog, and runs the steps in order.

Each step has its own file: views (view_expansion.py), names (name_resolution.py), types (type_checks.py), SQL for
DuckDB (rewrites/), rows that are not needed (predicates.py, pruning.py, top_n.py). The caller passes functions that
find a table and a view.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from sqlglot import exp
from sqlglot.errors import OptimizeError, SqlglotError
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers

from flowlogs.record_format import PARQUET
from flowlogs.statements import PATH_COLUMN, TableDefinition, TableName
from resources.embedded.data_types import HIVE_TYPES, TEXT
from resources.embedded.sql.column_hints import column_error, refuse_hidden_columns
from resources.embedded.sql.constant_groups import group_without
from resources.embedded.sql.errors import nested_too_deeply, not_supported, position_of, syntax_error
from resources.embedded.sql.name_resolution import with_resolved_names
from resources.embedded.sql.names import CATALOG, table_name_of
from resources.embedded.sql.plain_subqueries import merge_plain_subqueries
from resources.embedded.sql.plan import QueryPlan, TableRead
from resources.embedded.sql.predicates import predicates_on, projected_columns
from resources.embedded.sql.pruning import longest_required_text
from resources.embedded.sql.result_names import note_written_names, written_names
from resources.embedded.sql.rewrites.all_functions import FUNCTIONS
from resources.embedded.sql.rewrites.apply import rewritten_for_duckdb
from resources.embedded.sql.rewrites.ip_addresses import addresses_of_result, with_texts_of_addresses
from resources.embedded.sql.statements import Query
from resources.embedded.sql.top_n import rewrite_top_n
from resources.embedded.sql.type_checks import with_types
from resources.embedded.sql.view_expansion import FindView, expand_views, tables_read
from resources.embedded.sql.zoned_types import UTC, zone_of
from resources.embedded.view import View
from resources.engine import QueryError

PATH = (PATH_COLUMN, "string")
"""The hidden column of each table: the address of the object that a row comes from."""

FindTable = Callable[[TableName], TableDefinition | None]
"""Finds a table in the catalog; returns None if there is no table of this name."""


@dataclass(frozen=True)
class _Relation:
    """A table that is read in one place of the query, where it is known under the relation's name."""

    name: TableName
    definition: TableDefinition

    @property
    def types(self) -> dict[str, object]:
        columns = (*self.definition.columns, *self.definition.partition_columns, PATH)
        return {column: HIVE_TYPES[hive_type].trino for column, hive_type in columns}

    @property
    def with_path(self) -> TableDefinition:
        """The table with its objects' addresses as one more partition column."""
        return replace(self.definition, partition_columns=(*self.definition.partition_columns, PATH))

    @property
    def partition_columns(self) -> list[str]:
        return [column for column, _ in self.definition.partition_columns]

    @property
    def text_columns(self) -> list[str]:
        return [column for column, hive_type in self.definition.columns if HIVE_TYPES[hive_type] is TEXT]


def plan_query(
    query: Query,
    database: str,
    find_table: FindTable,
    find_view: FindView = lambda _name: None,
    expanding: tuple[TableName, ...] = (),
    one_value: Collection[str] = (),
) -> QueryPlan:
    """The query's plan, with unqualified tables looked for in `database`.

    `expanding` is the view that will have this query, if there is one. `one_value` are columns of the result. Those of
    them that are partition columns have one value in all rows that the plan's SQL is executed on at a time: it does not
    group by them.

    Raises QueryError for a table or a column that is not there, and for values that Trino does not let stand together.
    """

    def require_readable(name: TableName, view: View, of_view: Query) -> None:
        found = _plan(of_view, view.database, find_table, ())
        columns = tuple(column for column, _ in view.columns)
        if found.columns != columns:
            problem = (
                f"the view {name.trino} was made with the columns {', '.join(columns)}, and its query gives "
                f"{', '.join(found.columns)}. Make it again with CREATE OR REPLACE VIEW."
            )
            raise QueryError("VIEW_IS_STALE", problem, of_view.text)

    try:
        tree = query.tree.copy()
        note_written_names(tree)
        normalize_identifiers(tree, dialect="athena")
        _name_subqueries(tree)
        expand_views(tree, query.text, database, find_view, require_readable, expanding)
        return _plan(Query(tree, query.text), database, find_table, one_value)
    except SqlglotError as error:
        raise syntax_error(error, query.text) from None
    except RecursionError:
        raise nested_too_deeply(query.text) from None


def _plan(query: Query, database: str, find_table: FindTable, one_value: Collection[str]) -> QueryPlan:
    text = query.text
    tree: exp.Expr = query.tree.copy()
    refuse_hidden_columns(tree, text)
    relations = _name_relations(tree, text, database, find_table)
    schema = {name: relation.types for name, relation in relations.items()}
    try:
        tree = with_resolved_names(tree, schema, text)
    except OptimizeError as error:
        unresolved = query.tree.copy()
        _name_relations(unresolved, text, database, find_table)
        reads_of = {name: (relation.name, relation.definition) for name, relation in relations.items()}
        raise column_error(error, unresolved, reads_of, text) from None
    names = written_names(tree)
    tree = with_types(tree, dict(schema), FUNCTIONS, text)
    typed = [column.copy() for column in tree.selects] if isinstance(tree, exp.Query) else []
    tree = rewritten_for_duckdb(tree, text)
    reads = _table_reads(tree, relations)
    columns = tuple(tree.named_selects) if isinstance(tree, exp.Query) else ()
    # With several tables, a row of the result may come from several partitions.
    constant_partition_columns = (
        projected_columns(tree, next(iter(relations.values())).partition_columns) if len(relations) == 1 else {}
    )
    merge_plain_subqueries(tree)
    if constant_partition_columns:
        group_without(
            tree, [constant_partition_columns[name] for name in one_value if name in constant_partition_columns]
        )
    rewrite_top_n(
        tree,
        {name: relation.partition_columns for name, relation in relations.items()},
        {name for name, relation in relations.items() if relation.definition.stored_as == PARQUET},
    )
    addresses = addresses_of_result(typed)
    if addresses and isinstance(tree, exp.Query):
        tree = with_texts_of_addresses(tree, typed)
    if any(column.is_type(exp.DType.INTERVAL) for column in typed):
        raise not_supported("an interval as a column of the result", text)
    zones = {position: zone for position, column in enumerate(typed) if (zone := zone_of(column)) != UTC}
    sql = tree.sql("duckdb", copy=False)
    return QueryPlan(sql, reads, columns, names, constant_partition_columns, addresses, zones)


def _name_relations(tree: exp.Expr, text: str, database: str, find_table: FindTable) -> dict[str, _Relation]:
    """Give each place where the query reads a table a relation's name of its own: read_0, read_1, …

    For example, ``FROM flows a JOIN flows b`` becomes ``FROM read_0 AS a JOIN read_1 AS b``.
    """
    _name_subqueries(tree)
    relations: dict[str, _Relation] = {}
    for table in tables_read(tree, text):
        found = _look_up(table, text, database, find_table)
        relation = f"read_{len(relations)}"
        relations[relation] = found
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
        table.set("this", exp.to_identifier(relation))
        table.set("db", None)
        table.set("catalog", None)
    for column in tree.find_all(exp.Column):
        column.set("db", None)
        column.set("catalog", None)
    return relations


def _name_subqueries(tree: exp.Expr) -> None:
    """Give subqueries in FROM that have no name one of their own, as several may be joined."""
    unnamed = [
        subquery
        for subquery in tree.find_all(exp.Subquery, exp.Values)
        if isinstance(subquery.parent, (exp.From, exp.Join)) and not subquery.alias
    ]
    for number, subquery in enumerate(unnamed):
        columns = subquery.args["alias"].columns if subquery.args.get("alias") else []
        subquery.set("alias", exp.TableAlias(this=exp.to_identifier(f"subquery_{number}"), columns=columns))


def _look_up(table: exp.Table, text: str, database: str, find_table: FindTable) -> _Relation:
    name = table_name_of(table, database, text)
    definition = find_table(name)
    if definition is None:
        where = position_of(table.args.get("db") or table.this) or position_of(table.this)
        problem = f"{where}Table '{CATALOG}.{name.database}.{name.table}' does not exist."
        raise QueryError("TABLE_NOT_FOUND", problem, text)
    return _Relation(name, definition)


def _table_reads(tree: exp.Expr, relations: Mapping[str, _Relation]) -> tuple[TableRead, ...]:
    used = {column.name for column in tree.find_all(exp.Column)}
    reads_path = PATH_COLUMN in used
    return tuple(
        TableRead(
            relation=name,
            name=relation.name,
            definition=relation.with_path if reads_path else relation.definition,
            columns=tuple(column for column, _ in relation.definition.columns if column in used),
            partition_predicates=tuple(predicates_on(tree, name, relation.partition_columns)),
            required_text=longest_required_text(predicates_on(tree, name, relation.text_columns)),
            reads_path=reads_path,
            object_predicates=tuple(predicates_on(tree, name, [*relation.partition_columns, PATH_COLUMN]))
            if reads_path
            else (),
        )
        for name, relation in relations.items()
    )
