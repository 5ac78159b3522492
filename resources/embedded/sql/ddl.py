"""The parser of DDL: CREATE and DROP from sqlglot's tree, ALTER and MSCK from its Hive tokens.

An unknown clause is an error that names it. ../athena.py executes what is parsed.
"""

from collections.abc import Container

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from flowlogs.record_format import PARQUET
from flowlogs.statement_kind import FirstWord
from flowlogs.statements import TableDefinition, TableName
from resources.embedded.data_types import HIVE_TYPES, TEXT_TABLE_TYPES
from resources.embedded.partition import Partition
from resources.embedded.sql.catalog_questions import reader_behind
from resources.embedded.sql.errors import not_supported
from resources.embedded.sql.names import database_name_of, table_name_of
from resources.embedded.sql.row_formats import row_format
from resources.embedded.sql.statements import (
    AddColumns,
    AddPartitions,
    CreateDatabase,
    CreateTable,
    DropPartitions,
    DropTable,
    RepairTable,
    SetPartitionLocation,
)
from resources.embedded.sql.syntax_tree import syntax_tree
from resources.embedded.sql.token_reader import TokenReader
from resources.engine import QueryError

HEADER_PROPERTY = "skip.header.line.count"
HARMLESS_PROPERTIES = {
    "classification",
    "comment",
    "EXTERNAL",
    "has_encrypted_data",
    "transient_lastDdlTime",
    "typeOfData",
}
"""Table properties that change nothing about what is read."""

_CREATE_FORMS = "CREATE in any form but CREATE DATABASE and CREATE EXTERNAL TABLE"
_ALTER_FORMS = "ALTER TABLE in any form but ADD PARTITION, DROP PARTITION, PARTITION … SET LOCATION and ADD COLUMNS"

_TABLE_CLAUSES = {
    exp.ExternalProperty,
    exp.PartitionedByProperty,
    exp.RowFormatDelimitedProperty,
    exp.RowFormatSerdeProperty,
    exp.SchemaCommentProperty,
    exp.LocationProperty,
    exp.FileFormatProperty,
    exp.Property,
}

# CREATE.


def parse_create(text: str, database: str) -> CreateDatabase | CreateTable:
    """CREATE DATABASE or CREATE EXTERNAL TABLE."""
    tree = syntax_tree(text, text)
    if not isinstance(tree, exp.Create):
        raise not_supported("CREATE in this form", text)
    if tree.kind in ("DATABASE", "SCHEMA"):
        _refuse_other_arguments(tree, {"this", "kind", "exists"}, "CREATE DATABASE", text)
        return CreateDatabase(database_name_of(tree.this, text), bool(tree.args.get("exists")))
    properties = tree.args.get("properties")
    clauses = properties.expressions if properties else []
    if tree.kind != "TABLE" or not any(isinstance(clause, exp.ExternalProperty) for clause in clauses):
        raise not_supported(_CREATE_FORMS, text)
    _refuse_other_arguments(tree, {"this", "kind", "exists", "properties"}, "CREATE EXTERNAL TABLE", text)
    if not isinstance(tree.this, exp.Schema):
        raise QueryError("SYNTAX_ERROR", "the table has no columns.", text)
    definition = _table_definition(tree.this, clauses, text)
    return CreateTable(table_name_of(tree.this.this, database, text), definition, bool(tree.args.get("exists")))


def _table_definition(schema: exp.Schema, clauses: list[exp.Expr], text: str) -> TableDefinition:
    by_kind = {type(clause): clause for clause in clauses}
    for kind, clause in by_kind.items():
        if kind not in _TABLE_CLAUSES:
            raise not_supported(f"a table with {clause.sql('hive')}", text)
    location = by_kind.get(exp.LocationProperty)
    if location is None:
        raise QueryError("SYNTAX_ERROR", "an external table needs a LOCATION.", text)
    partitioned = by_kind.get(exp.PartitionedByProperty)
    rows = by_kind.get(exp.RowFormatDelimitedProperty) or by_kind.get(exp.RowFormatSerdeProperty)
    stored_as, delimiter = row_format(by_kind.get(exp.FileFormatProperty), rows, text)
    comment = by_kind.get(exp.SchemaCommentProperty)
    definition = TableDefinition(
        columns=_columns(schema, text, HIVE_TYPES if stored_as == PARQUET else TEXT_TABLE_TYPES),
        partition_columns=_columns(partitioned.this, text, {*TEXT_TABLE_TYPES, "date"}) if partitioned else (),
        location=location.name,
        stored_as=stored_as,
        delimiter=delimiter,
        properties={
            **({"comment": comment.name} if comment else {}),
            **{clause.name: clause.args["value"].name for clause in clauses if type(clause) is exp.Property},
        },
    )
    _require_readable(definition, text)
    return definition


def is_projection_property(name: str) -> bool:
    """Whether a property is of partition projection. ../projection.py reads them, with each query."""
    return name.startswith("projection.") or name == "storage.location.template"


def _require_readable(definition: TableDefinition, text: str) -> None:
    """Raise QueryError for a table that names a column twice, or has a property that would not be kept to."""
    names = [column for column, _ in (*definition.columns, *definition.partition_columns)]
    for name in names:
        if names.count(name) > 1:
            raise QueryError("SemanticException", f"[Error 10036]: Duplicate column name: {name}.", text)
    for name, value in definition.properties.items():
        is_header = name == HEADER_PROPERTY and value.isdecimal()
        if name not in HARMLESS_PROPERTIES and not is_header and not is_projection_property(name):
            raise not_supported(f"a table with the property '{name}'='{value}'", text)


def _columns(schema: exp.Expr, text: str, types: Container[str]) -> tuple[tuple[str, str], ...]:
    """The columns with their Hive types, which are some of `types`."""
    columns = []
    for column in schema.expressions:
        if not isinstance(column, exp.ColumnDef) or column.kind is None or column.args.get("constraints"):
            raise not_supported(f"the column {column.sql('hive')}", text)
        hive_type = column.kind.sql("hive").lower()
        if hive_type not in types:
            raise not_supported(f"columns of type {hive_type}", text)
        columns.append((column.name.lower(), hive_type))
    return tuple(columns)


# DROP.


def parse_drop(text: str, database: str) -> DropTable:
    """DROP TABLE."""
    tree = syntax_tree(text, text)
    if not isinstance(tree, exp.Drop):
        raise not_supported("DROP in this form", text)
    if tree.kind != "TABLE":
        raise not_supported(f"DROP {tree.kind}", text)
    _refuse_other_arguments(tree, {"this", "tables", "kind", "exists"}, "DROP TABLE", text)
    tables = list(tree.find_all(exp.Table))
    if len(tables) != 1:
        raise not_supported("DROP TABLE of anything but one table", text)
    return DropTable(table_name_of(tables[0], database, text), bool(tree.args.get("exists")))


def _refuse_other_arguments(tree: exp.Expr, known: set[str], what: str, text: str) -> None:
    for argument, value in tree.args.items():
        if value and argument not in known:
            raise not_supported(f"{what} with {argument.upper()}", text)


# ALTER and MSCK.


def parse_alter(
    word: FirstWord, text: str, database: str
) -> AddPartitions | SetPartitionLocation | DropPartitions | AddColumns:
    """ALTER TABLE; `word` is the statement's first."""
    reader = reader_behind(word, text, database)
    if not reader.accept("TABLE"):
        raise not_supported(" ".join([word.text, *(token.text.upper() for token in reader.tokens[:1])]), text)
    name = reader.table()
    if reader.accept("PARTITION"):
        return _set_location(name, reader)
    if reader.accept("ADD", "COLUMNS"):
        return _add_columns(name, reader)
    if reader.accept("ADD"):
        return _add_partitions(name, reader)
    if reader.accept("DROP"):
        return _drop_partitions(name, reader)
    raise not_supported(_ALTER_FORMS, text)


def parse_repair(word: FirstWord, text: str, database: str) -> RepairTable:
    """``MSCK REPAIR TABLE name``; `word` is the statement's first."""
    reader = reader_behind(word, text, database)
    reader.expect("REPAIR", "TABLE")
    name = reader.table()
    reader.end()
    return RepairTable(name)


def _add_columns(name: TableName, reader: TokenReader) -> AddColumns:
    """The columns behind ADD COLUMNS, which are read as those of a CREATE TABLE are."""
    begin, end = reader.rest()
    tree = syntax_tree(f"CREATE EXTERNAL TABLE t {reader.text[begin:end]} LOCATION 's3://b/'", reader.text)
    if not isinstance(tree, exp.Create) or not isinstance(tree.this, exp.Schema):
        raise QueryError("SYNTAX_ERROR", "ADD COLUMNS needs columns with types in parentheses.", reader.text)
    return AddColumns(name, _columns(tree.this, reader.text, TEXT_TABLE_TYPES))


def _drop_partitions(name: TableName, reader: TokenReader) -> DropPartitions:
    if_exists = reader.accept("IF", "EXISTS")
    if not reader.accept("PARTITION"):
        raise not_supported(_ALTER_FORMS, reader.text)
    columns, partition = _partition(reader)
    dropped = [partition.values]
    while reader.accept(","):
        reader.expect("PARTITION")
        other_columns, partition = _partition(reader)
        if other_columns != columns:
            raise QueryError("SYNTAX_ERROR", "the partitions name different columns.", reader.text)
        dropped.append(partition.values)
    reader.end()
    return DropPartitions(name, tuple(dropped), columns, if_exists)


def _add_partitions(name: TableName, reader: TokenReader) -> AddPartitions:
    if_not_exists = reader.accept("IF", "NOT", "EXISTS")
    if not reader.accept("PARTITION"):
        raise not_supported(_ALTER_FORMS, reader.text)
    columns, partition = _partition(reader)
    partitions = [partition]
    while reader.accept("PARTITION"):
        other_columns, partition = _partition(reader)
        if other_columns != columns:
            raise QueryError("SYNTAX_ERROR", "the partitions name different columns.", reader.text)
        partitions.append(partition)
    reader.end()
    return AddPartitions(name, tuple(partitions), columns, if_not_exists)


def _set_location(name: TableName, reader: TokenReader) -> SetPartitionLocation:
    columns, partition = _partition(reader)
    if partition.location or not reader.accept("SET", "LOCATION"):
        raise not_supported(_ALTER_FORMS, reader.text)
    location = reader.quoted("a location in quotes")
    reader.end()
    return SetPartitionLocation(name, Partition(partition.values, location), columns)


def _partition(reader: TokenReader) -> tuple[tuple[str, ...], Partition]:
    """The columns and the partition of ``(dt='2021-01-31') LOCATION '…'``; the location may be missing."""
    reader.expect("(")
    pairs = [_column_and_value(reader)]
    while reader.accept(","):
        pairs.append(_column_and_value(reader))
    reader.expect(")")
    location = reader.quoted("a location in quotes") if reader.accept("LOCATION") else ""
    return tuple(column for column, _ in pairs), Partition(tuple(value for _, value in pairs), location)


def _column_and_value(reader: TokenReader) -> tuple[str, str]:
    column = reader.column("a partition column")
    reader.expect("=")
    return column, reader.take("a value", TokenType.STRING, TokenType.NUMBER)
