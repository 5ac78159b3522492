"""The answers to SHOW and DESCRIBE, and the tables of information_schema: what the catalog has, as Athena tells it.

The columns' names are those that the aoyagikouhei/athena-local project got from Athena in 2026
(docs/dev/measurements/query-results.md there); what SHOW CREATE TABLE and DESCRIBE FORMATTED write is in Athena's user
guide. Athena pads names and types with blanks to 20 characters; here, they are as they are.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from flowlogs.record_format import PARQUET
from flowlogs.statements import TableDefinition, TableName
from resources.embedded.catalog import Catalog, no_table, require_database
from resources.embedded.data_types import HIVE_TYPES
from resources.embedded.sql.errors import not_supported
from resources.embedded.sql.names import CATALOG
from resources.embedded.sql.statements import (
    CatalogQuestion,
    Describe,
    ShowColumns,
    ShowCreate,
    ShowDatabases,
    ShowProperties,
    ShowTables,
)
from resources.embedded.view import View
from resources.engine import QueryError

if TYPE_CHECKING:
    import pyarrow as pa

INFORMATION_SCHEMA = "information_schema"
"""The database of tables about tables ("Query the AWS Glue Data Catalog", Athena user guide)."""

_NAMES = ("table_catalog", "table_schema", "table_name")

_INFORMATION: Mapping[str, tuple[tuple[str, str], ...]] = {
    "schemata": (("catalog_name", "string"), ("schema_name", "string")),
    "tables": tuple((column, "string") for column in (*_NAMES, "table_type")),
    "views": tuple((column, "string") for column in (*_NAMES, "view_definition")),
    "columns": (
        *((column, "string") for column in (*_NAMES, "column_name")),
        ("ordinal_position", "bigint"),
        *((column, "string") for column in ("column_default", "is_nullable", "data_type", "comment", "extra_info")),
    ),
}
"""The tables of information_schema, with the columns that Athena's user guide shows and Trino documents."""

_HIVE_CLASSES: Mapping[str, tuple[str, str, str]] = {
    PARQUET: (
        "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    )
}
_TEXT_CLASSES = (
    "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
    "org.apache.hadoop.mapred.TextInputFormat",
    "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
)
"""SerDe, input format and output format, by how a table is stored."""

FindTable = Callable[[TableName], TableDefinition | None]

Rows = Mapping[str, Sequence[object]]


def answer(question: CatalogQuestion, catalog: Catalog, find_table: FindTable, statement: str) -> "pa.Table":
    """The rows of a SHOW or DESCRIBE. `find_table` knows tables that are not in the catalog, too."""
    import pyarrow as pa

    rows = _answer(question, catalog, find_table, statement)
    return pa.table({name: pa.array(values, pa.string()) for name, values in rows.items()})


def _answer(question: CatalogQuestion, catalog: Catalog, find_table: FindTable, statement: str) -> Rows:
    match question:
        case ShowDatabases(pattern):
            expression = None if pattern is None else _regular_expression(pattern, statement)
            return {"database_name": [name for name in catalog.databases() if _matches(name, expression)]}
        case ShowTables(database, pattern, only_views):
            require_database(database, catalog, statement)
            # Here, as Athena's examples show, a lone asterisk stands for any characters.
            wildcards = None if pattern is None else pattern.replace(".*", "*").replace("*", ".*")
            expression = None if wildcards is None else _regular_expression(wildcards, statement)
            names = [*catalog.views(database), *([] if only_views else catalog.tables(database))]
            found = sorted(name for name in names if _matches(name, expression))
            return {"views" if only_views else "tab_name": found}
        case ShowCreate(name, is_view=True):
            view = catalog.find_view(name)
            if view is None:
                raise QueryError("TABLE_NOT_FOUND", f"View '{name.database}.{name.table}' does not exist.", statement)
            return {"create view": f"CREATE VIEW {name.database}.{name.table} AS\n{view.text}".split("\n")}
        case ShowColumns(name) | Describe(name) if view := catalog.find_view(name):
            return {"column": [column for column, _ in view.columns], "type": [kind for _, kind in view.columns]}
        case ShowColumns(name):
            table = _table(name, find_table, statement)
            return {"field": [column for column, _ in (*table.columns, *table.partition_columns)]}
        case ShowCreate(name):
            return {"createtab_stmt": _create_table(name, _table(name, find_table, statement))}
        case ShowProperties(name, wanted):
            properties = {"EXTERNAL": "TRUE", **_table(name, find_table, statement).properties}
            if wanted is not None and wanted not in properties:
                told = f"Table {name.database}.{name.table} does not have property: {wanted}"
                return {"prpt_name": [told], "prpt_value": [None]}
            chosen = {key: value for key, value in sorted(properties.items()) if wanted in (None, key)}
            return {"prpt_name": list(chosen), "prpt_value": list(chosen.values())}
        case Describe(name, is_formatted):
            table = _table(name, find_table, statement)
            rows = [*_described(table), *(_details(name, table) if is_formatted else [])]
            return {title: [row[at] for row in rows] for at, title in enumerate(("col_name", "data_type", "comment"))}
    raise AssertionError(f"an unknown question: {question}")


def _table(name: TableName, find_table: FindTable, statement: str) -> TableDefinition:
    table = find_table(name)
    if table is None:
        raise no_table(name, statement)
    return table


def _regular_expression(pattern: str, statement: str) -> str:
    """A pattern of SHOW as a regular expression; those with more than the guide's wildcards are refused."""
    if not re.fullmatch(r"(?:\w|-|\.?\*|\||\.)*", pattern):
        raise not_supported(f"the pattern '{pattern}': a pattern has names, * and |", statement)
    return pattern.lower()


def _matches(name: str, expression: str | None) -> bool:
    return expression is None or re.fullmatch(expression, name) is not None


def _create_table(name: TableName, table: TableDefinition) -> list[str]:
    """The statement that makes a table, in lines, in the layout that the guide's pages have of it.

    For example, the first line of "Using EXPLAIN" there is ``CREATE TABLE `tpch100.orders_partitioned`(``.
    """
    serde, input_format, output_format = _HIVE_CLASSES.get(table.stored_as, _TEXT_CLASSES)
    if table.stored_as == PARQUET:
        row_format = ["ROW FORMAT SERDE ", f"  '{serde}' "]
    else:
        row_format = ["ROW FORMAT DELIMITED ", f"  FIELDS TERMINATED BY '{_escaped(table.delimiter)}' "]
    properties = [f"'{key}'='{value}'" for key, value in sorted(table.properties.items())]
    return [
        f"CREATE EXTERNAL TABLE `{name.database}.{name.table}`(",
        *_listed(f"`{column}` {kind}" for column, kind in table.columns),
        *(
            ["PARTITIONED BY ( ", *_listed(f"`{column}` {kind}" for column, kind in table.partition_columns)]
            if table.partition_columns
            else []
        ),
        *row_format,
        *("STORED AS INPUTFORMAT ", f"  '{input_format}' ", "OUTPUTFORMAT ", f"  '{output_format}'"),
        *("LOCATION", f"  '{table.location}'"),
        *(["TBLPROPERTIES (", *_listed(properties)] if properties else []),
    ]


def _listed(parts: "Iterator[str] | Sequence[str]") -> list[str]:
    """A line for each part, with commas between them, and the closing parenthesis."""
    *first, last = parts
    return [*(f"  {part}, " for part in first), f"  {last})"]


def _escaped(delimiter: str) -> str:
    return delimiter if delimiter.isprintable() else {"\t": "\\t"}.get(delimiter, f"\\{ord(delimiter):03o}")


def _described(table: TableDefinition) -> Iterator[tuple[str, str, str]]:
    """The rows of DESCRIBE: all columns, then those that the table is partitioned by again."""
    yield from ((column, kind, "") for column, kind in (*table.columns, *table.partition_columns))
    if table.partition_columns:
        yield from (("", "", ""), ("# Partition Information", "", ""), ("# col_name", "data_type", "comment"))
        yield ("", "", "")
        yield from ((column, kind, "") for column, kind in table.partition_columns)


def _details(name: TableName, table: TableDefinition) -> Iterator[tuple[str, str, str]]:
    """The rows of DESCRIBE FORMATTED behind those, as far as the catalog knows them."""
    serde, input_format, output_format = _HIVE_CLASSES.get(table.stored_as, _TEXT_CLASSES)
    parameters = {} if table.stored_as == PARQUET else {"field.delim": _escaped(table.delimiter)}
    yield from (("", "", ""), ("# Detailed Table Information", "", ""))
    yield ("Database:", name.database, "")
    yield ("Location:", table.location, "")
    yield ("Table Type:", "EXTERNAL_TABLE", "")
    yield ("Table Parameters:", "", "")
    yield from (("", key, value) for key, value in sorted({"EXTERNAL": "TRUE", **table.properties}.items()))
    yield from (("", "", ""), ("# Storage Information", "", ""))
    yield ("SerDe Library:", serde, "")
    yield ("InputFormat:", input_format, "")
    yield ("OutputFormat:", output_format, "")
    if parameters:
        yield ("Storage Desc Params:", "", "")
        yield from (("", key, value) for key, value in parameters.items())


# information_schema.


def information_table(name: TableName) -> TableDefinition | None:
    """The definition of a table of information_schema; None for any other name."""
    columns = _INFORMATION.get(name.table) if name.database == INFORMATION_SCHEMA else None
    return TableDefinition(columns, (), "", stored_as=PARQUET) if columns else None


def information_rows(name: TableName, catalog: Catalog) -> "pa.Table":
    """The rows of a table of information_schema, each with all of its columns."""
    import pyarrow as pa

    rows = list(_information_rows(name.table, catalog))
    columns = _INFORMATION[name.table]
    return pa.table(
        {
            column: pa.array([row[at] for row in rows], pa.type_for_alias(HIVE_TYPES[kind].arrow))
            for at, (column, kind) in enumerate(columns)
        }
    )


def _information_rows(table: str, catalog: Catalog) -> Iterator[tuple[object, ...]]:
    own = {name: information_table(TableName(INFORMATION_SCHEMA, name)) for name in sorted(_INFORMATION)}
    for database in sorted([*catalog.databases(), INFORMATION_SCHEMA]):
        if table == "schemata":
            yield (CATALOG, database)
            continue
        tables = own if database == INFORMATION_SCHEMA else catalog.tables(database)
        views = {} if database == INFORMATION_SCHEMA else catalog.views(database)
        for name in sorted([*tables, *views]):
            view = views.get(name)
            if table == "tables":
                yield (CATALOG, database, name, "VIEW" if view else "BASE TABLE")
            elif table == "views":
                if view:
                    yield (CATALOG, database, name, view.text)
            else:
                of_table = tables.get(name)
                yield from _columns_of(database, name, _typed(of_table) if of_table else _of_view(view))


def _columns_of(
    database: str, name: str, columns: Sequence[tuple[str, str, str | None]]
) -> Iterator[tuple[object, ...]]:
    for number, (column, kind, extra) in enumerate(columns, 1):
        yield (CATALOG, database, name, column, number, None, "YES", kind, None, extra)


def _typed(table: TableDefinition) -> list[tuple[str, str, str | None]]:
    """Each column with its Trino type, and what the guide calls extra information about it."""
    return [
        *((column, HIVE_TYPES[kind].trino, None) for column, kind in table.columns),
        *((column, HIVE_TYPES[kind].trino, "partition key") for column, kind in table.partition_columns),
    ]


def _of_view(view: View | None) -> list[tuple[str, str, str | None]]:
    return [(column, kind, None) for column, kind in view.columns] if view else []
