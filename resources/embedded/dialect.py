"""Reads Athena's statements: which of the known kinds one is, and what a SELECT asks of which table.

Athena hands DDL to a Hive parser (backticks) and SELECT to Trino's (double quotes); sqlglot's ``athena`` dialect does
the same, and the few DDL forms that it does not know are read here from its Hive tokens. Whatever is not understood is
refused by name. Nothing here reads data or a catalog: a function that finds a table is handed in.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import sqlglot
from sqlglot import exp
from sqlglot.dialects.hive import Hive
from sqlglot.errors import OptimizeError, SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.pushdown_predicates import pushdown_predicates
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.tokenizer_core import Token, TokenType

from flowlogs.errors import FlowLakeError
from flowlogs.statements import TableDefinition, TableName
from resources.embedded.catalog import Partition
from resources.embedded.scan import INTEGER_TYPES, TEXT_TYPE, field_sql, quoted
from resources.engine import QueryError

ROW_TYPES = {*INTEGER_TYPES, TEXT_TYPE}

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class CreateDatabase:
    name: str
    if_not_exists: bool


@dataclass(frozen=True)
class CreateTable:
    name: TableName
    definition: TableDefinition
    if_not_exists: bool


@dataclass(frozen=True)
class AddPartitions:
    name: TableName
    partitions: tuple[Partition, ...]
    partition_columns: tuple[str, ...]
    if_not_exists: bool


@dataclass(frozen=True)
class ShowPartitions:
    name: TableName


@dataclass(frozen=True)
class DropTable:
    name: TableName
    if_exists: bool


@dataclass(frozen=True)
class Query:
    """A SELECT, parsed but not yet held against the catalog."""

    tree: exp.Query
    text: str


@dataclass(frozen=True)
class TableRead:
    """One place where a query reads a table.

    `relation` is the name under which the query expects the table's rows; `conditions` those parts of its WHERE clauses
    that speak of the partition columns alone, which the partitions to read can be chosen by.
    """

    relation: str
    name: TableName
    definition: TableDefinition
    conditions: tuple[exp.Expr, ...]


@dataclass(frozen=True)
class QueryPlan:
    """What DuckDB is to run, and which tables it reads."""

    sql: str
    reads: tuple[TableRead, ...]


Statement = CreateDatabase | CreateTable | AddPartitions | ShowPartitions | DropTable | Query


def parse(text: str, database: str) -> Statement:
    """The statement, with unqualified tables looked for in `database`. Raises QueryError where it is not understood."""
    try:
        tokens = [token for token in Hive().tokenize(text) if token.token_type is not TokenType.SEMICOLON]
        if tokens and tokens[0].text.upper() == "SHOW":
            # The tokenizer takes SHOW for a command and hands on the rest of the line as one text.
            tokens[1:] = [token for rest in tokens[1:] for token in Hive().tokenize(rest.text)]
    except SqlglotError as error:
        raise _syntax_error(error, text) from None
    reader = _TokenReader(tokens, text, database)
    if reader.accept("ALTER", "TABLE"):
        return reader.add_partitions()
    if reader.accept("SHOW", "PARTITIONS"):
        return reader.show_partitions()
    first = tokens[0].text.upper() if tokens else "an empty text"
    if first not in ("CREATE", "DROP", "SELECT", "WITH", "("):
        raise _refused(f"{first} as a statement", text)
    try:
        trees = sqlglot.parse(text, read="athena", error_level=sqlglot.ErrorLevel.IMMEDIATE)
    except SqlglotError as error:
        raise _syntax_error(error, text) from None
    trees = [tree for tree in trees if tree is not None]
    if len(trees) != 1:
        raise QueryError("SYNTAX_ERROR", "exactly one statement is executed at a time.", text)
    tree = trees[0]
    if isinstance(tree, exp.Create):
        return _create(tree, text, database)
    if isinstance(tree, exp.Drop):
        return _drop(tree, text, database)
    if isinstance(tree, exp.Query):
        return Query(tree, text)
    raise _refused(f"{first} in this form", text)


class _TokenReader:
    """Reads the DDL forms that sqlglot has no tree for, a token at a time."""

    def __init__(self, tokens: list[Token], text: str, database: str) -> None:
        self.tokens = tokens
        self.text = text
        self.database = database
        self.at = 0

    def accept(self, *words: str) -> bool:
        """Step over these keywords if they come next."""
        coming = [token.text.upper() for token in self.tokens[self.at : self.at + len(words)]]
        if coming == list(words):
            self.at += len(words)
            return True
        return False

    def expect(self, *words: str) -> None:
        if not self.accept(*words):
            raise self.unexpected(" ".join(words))

    def take(self, what: str, *kinds: TokenType) -> str:
        if self.at < len(self.tokens) and self.tokens[self.at].token_type in kinds:
            self.at += 1
            return self.tokens[self.at - 1].text
        raise self.unexpected(what)

    def unexpected(self, wanted: str) -> QueryError:
        if self.at >= len(self.tokens):
            return QueryError("SYNTAX_ERROR", f"the statement ends where {wanted} is expected.", self.text)
        token = self.tokens[self.at]
        return QueryError(
            "SYNTAX_ERROR", f"line {token.line}:{token.col}: {token.text!r} where {wanted} is expected.", self.text
        )

    def name(self, what: str) -> str:
        if self.at < len(self.tokens) and self.tokens[self.at].token_type is TokenType.STRING:
            raise self.unexpected(what)
        if self.at < len(self.tokens) and re.fullmatch(r"\w+", self.tokens[self.at].text):
            self.at += 1
            return self.tokens[self.at - 1].text.lower()
        raise self.unexpected(what)

    def table(self) -> TableName:
        first = self.name("a table's name")
        if self.accept("."):
            return _table_name(first, self.name("a table's name"), self.text)
        return _table_name(self.database, first, self.text)

    def end(self) -> None:
        if self.at < len(self.tokens):
            raise self.unexpected("the end")

    def add_partitions(self) -> AddPartitions:
        name = self.table()
        if not self.accept("ADD"):
            raise _refused("ALTER TABLE in any form but ADD PARTITION", self.text)
        if_not_exists = self.accept("IF", "NOT", "EXISTS")
        if not self.accept("PARTITION"):
            raise _refused("ALTER TABLE in any form but ADD PARTITION", self.text)
        columns, partition = self.partition()
        found = [partition]
        while self.accept("PARTITION"):
            other_columns, partition = self.partition()
            if other_columns != columns:
                raise QueryError("SYNTAX_ERROR", "the partitions name different columns.", self.text)
            found.append(partition)
        self.end()
        return AddPartitions(name, tuple(found), columns, if_not_exists)

    def partition(self) -> tuple[tuple[str, ...], Partition]:
        self.expect("(")
        pairs = [self.pair()]
        while self.accept(","):
            pairs.append(self.pair())
        self.expect(")")
        location = self.take("a location in quotes", TokenType.STRING) if self.accept("LOCATION") else ""
        return tuple(column for column, _ in pairs), Partition(tuple(value for _, value in pairs), location)

    def pair(self) -> tuple[str, str]:
        column = self.name("a partition column")
        self.expect("=")
        return column, self.take("a value", TokenType.STRING, TokenType.NUMBER)

    def show_partitions(self) -> ShowPartitions:
        name = self.table()
        self.end()
        return ShowPartitions(name)


def _create(tree: exp.Create, text: str, database: str) -> Statement:
    if tree.kind in ("DATABASE", "SCHEMA"):
        if tree.args.get("properties"):
            raise _refused("CREATE DATABASE with properties", text)
        return CreateDatabase(tree.this.name.lower(), bool(tree.args.get("exists")))
    properties = tree.args.get("properties")
    found = {type(node): node for node in properties.expressions} if properties else {}
    if tree.kind != "TABLE" or exp.ExternalProperty not in found or tree.expression:
        raise _refused("CREATE in any form but CREATE DATABASE and CREATE EXTERNAL TABLE", text)
    if not isinstance(tree.this, exp.Schema):
        raise QueryError("SYNTAX_ERROR", "the table has no columns.", text)
    known = {
        exp.ExternalProperty,
        exp.PartitionedByProperty,
        exp.RowFormatDelimitedProperty,
        exp.LocationProperty,
        exp.Property,
    }
    for kind, node in found.items():
        if kind not in known:
            raise _refused(f"a table with {node.sql('hive')}", text)
    location = found.get(exp.LocationProperty)
    if location is None:
        raise QueryError("SYNTAX_ERROR", "an external table needs a LOCATION.", text)
    partitioned = found.get(exp.PartitionedByProperty)
    definition = TableDefinition(
        columns=_columns(tree.this, text),
        partition_columns=_columns(partitioned.this, text) if partitioned else (),
        location=location.name,
        delimiter=_delimiter(found.get(exp.RowFormatDelimitedProperty), text),
        properties={
            node.name: node.args["value"].name for node in tree.find_all(exp.Property) if type(node) is exp.Property
        },
    )
    return CreateTable(_named_table(tree.this.this, database, text), definition, bool(tree.args.get("exists")))


def _columns(schema: exp.Expr, text: str) -> tuple[tuple[str, str], ...]:
    columns = []
    for column in schema.expressions:
        if not isinstance(column, exp.ColumnDef) or column.kind is None or column.args.get("constraints"):
            raise _refused(f"the column {column.sql('hive')}", text)
        hive_type = column.kind.sql("hive").lower()
        if hive_type not in ROW_TYPES:
            raise _refused(f"columns of type {hive_type}", text)
        columns.append((column.name.lower(), hive_type))
    return tuple(columns)


def _delimiter(row_format: exp.Expr | None, text: str) -> str:
    if row_format is None:
        return "\x01"
    others = [name for name, value in row_format.args.items() if value and name != "fields"]
    delimiter = row_format.args.get("fields")
    if others or delimiter is None or len(delimiter.name) != 1:
        raise _refused("a row format of anything but FIELDS TERMINATED BY one character", text)
    return str(delimiter.name)


def _drop(tree: exp.Drop, text: str, database: str) -> DropTable:
    if tree.kind != "TABLE":
        raise _refused(f"DROP {tree.kind}", text)
    return DropTable(_named_table(tree.this, database, text), bool(tree.args.get("exists")))


def plan(query: Query, database: str, find_table: Callable[[TableName], TableDefinition | None]) -> QueryPlan:
    """The query in DuckDB's words, held against the tables that it names.

    Raises QueryError for a table or a column that is not there, and for a comparison that Trino refuses.
    """
    tree = query.tree.copy()
    _name_columns(tree)
    reads = _name_reads(tree, query.text, database, find_table)
    schema: dict[str, object] = {read.relation: dict(_sql_columns(read.definition)) for read in reads}
    try:
        # Trino knows a column's alias in ORDER BY only, so that aliases are not expanded elsewhere.
        tree = qualify(tree, schema=schema, dialect="athena", expand_alias_refs=False)
        tree = annotate_types(tree, schema=schema, dialect="athena")
        pushed_down = pushdown_predicates(tree.copy(), dialect="athena")
    except OptimizeError as error:
        raise _unresolved(error, query.text) from None
    _refuse_mixed_comparisons(tree, query.text)
    return QueryPlan(
        tree.sql("duckdb"),
        tuple(replace(read, conditions=tuple(_partition_conditions(pushed_down, read))) for read in reads),
    )


def bounds(conditions: Iterable[exp.Expr], column: str) -> tuple[str | None, str | None]:
    """The least and the greatest text that `column` can have under the conditions; None where it is open.

    An overestimate is fine: the bounds only spare the catalog from listing what no condition can choose.
    """
    low: str | None = None
    high: str | None = None
    for condition in conditions:
        first, last = _bounds_of(condition, column)
        low = max((v for v in (low, first) if v is not None), default=None)
        high = min((v for v in (high, last) if v is not None), default=None)
    return low, high


def choosing_sql(read: TableRead, relation: str) -> str:
    """The SELECT of each ``position`` in a relation of partition values (as text) that the read's conditions leave."""
    keys = ", ".join(f"{field_sql(quoted(c), t)} AS {quoted(c)}" for c, t in read.definition.partition_columns)
    conditions = [condition.copy() for condition in read.conditions]
    for column in [column for condition in conditions for column in condition.find_all(exp.Column)]:
        column.set("table", None)
    where = exp.and_(*conditions).sql("duckdb")
    return f"SELECT position FROM (SELECT position, {keys} FROM {quoted(relation)}) WHERE {where} ORDER BY position"


def _bounds_of(condition: exp.Expr, column: str) -> tuple[str | None, str | None]:
    if not isinstance(condition.this, exp.Column) or condition.this.name != column:
        return None, None
    if isinstance(condition, exp.In) and condition.expressions and all(v.is_string for v in condition.expressions):
        values = [value.name for value in condition.expressions]
        return min(values), max(values)
    if isinstance(condition, exp.Between) and condition.args["low"].is_string and condition.args["high"].is_string:
        return condition.args["low"].name, condition.args["high"].name
    if not isinstance(condition, exp.Binary) or not condition.expression.is_string:
        return None, None
    value = condition.expression.name
    if isinstance(condition, exp.EQ):
        return value, value
    if isinstance(condition, (exp.GT, exp.GTE)):
        return value, None
    if isinstance(condition, (exp.LT, exp.LTE)):
        return None, value
    return None, None


def _sql_columns(definition: TableDefinition) -> Iterator[tuple[str, str]]:
    for column, hive_type in (*definition.columns, *definition.partition_columns):
        yield column, "VARCHAR" if hive_type == TEXT_TYPE else hive_type.upper()


def _name_columns(tree: exp.Query) -> None:
    """Give the result's unnamed columns the names that Trino gives them: _col0, _col1, …"""
    select: exp.Expr = tree
    while isinstance(select, (exp.SetOperation, exp.Subquery)):
        select = select.this
    for number, column in enumerate(select.expressions):
        if not isinstance(column, (exp.Alias, exp.Column)) and not column.is_star:
            column.replace(exp.alias_(column.copy(), f"_col{number}"))


def _name_reads(
    tree: exp.Query, text: str, database: str, find_table: Callable[[TableName], TableDefinition | None]
) -> list[TableRead]:
    """Find where the query reads a table, and give each such place a relation of its own."""
    reads: list[TableRead] = []
    for source in [source for scope in traverse_scope(tree) for source in scope.sources.values()]:
        if not isinstance(source, exp.Table):
            continue
        if not isinstance(source.this, exp.Identifier):
            raise _refused(f"the table function {source.this.sql('athena')}", text)
        name = _named_table(source, database, text)
        definition = find_table(name)
        if definition is None:
            missing = f"Table 'awsdatacatalog.{name.database}.{name.table}' does not exist"
            raise QueryError("TABLE_NOT_FOUND", f"{_place(source.this)}{missing}.", text)
        read = TableRead(f"read_{len(reads)}", name, definition, ())
        reads.append(read)
        alias = source.alias_or_name
        source.set("this", exp.to_identifier(read.relation))
        source.set("db", None)
        source.set("catalog", None)
        if not source.alias:
            source.set("alias", exp.TableAlias(this=exp.to_identifier(alias)))
    for column in tree.find_all(exp.Column):
        column.set("db", None)
        column.set("catalog", None)
    return reads


def _partition_conditions(pushed_down: exp.Expr, read: TableRead) -> Iterator[exp.Expr]:
    """The parts of a WHERE clause that hold for every row taken from the read and name its partition columns only."""
    keys = {column for column, _ in read.definition.partition_columns}
    for table in pushed_down.find_all(exp.Table):
        select = table.find_ancestor(exp.Select) if table.name == read.relation else None
        where = select.args.get("where") if select else None
        if where is None:
            continue
        for condition in where.this.flatten() if isinstance(where.this, exp.And) else [where.this]:
            columns = list(condition.find_all(exp.Column))
            own = all(column.table == table.alias_or_name and column.name in keys for column in columns)
            if columns and own and not condition.find(exp.Query, exp.AggFunc, exp.Window):
                yield condition


def _refuse_mixed_comparisons(tree: exp.Expr, text: str) -> None:
    """DuckDB would compare text with a number by casting; Trino refuses to."""
    for comparison in tree.find_all(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between):
        others = [comparison.args.get(key) for key in ("expression", "low", "high")] + comparison.expressions
        for other in others:
            kinds = {_kind(comparison.this), _kind(other)} if other is not None else set()
            if kinds == {"text", "number"}:
                raise QueryError(
                    "TYPE_MISMATCH",
                    f"text and a number are compared in: {comparison.sql('athena')}. Write the constant in the "
                    "column's type, or CAST one of the two.",
                    text,
                )


def _kind(value: exp.Expr) -> str | None:
    if value.is_type(*exp.DataType.TEXT_TYPES):
        return "text"
    return "number" if value.is_type(*exp.DataType.NUMERIC_TYPES) else None


def _named_table(table: exp.Expr, database: str, text: str) -> TableName:
    if not isinstance(table, exp.Table):
        raise QueryError("SYNTAX_ERROR", "a table's name is expected.", text)
    if table.catalog and table.catalog.lower() != "awsdatacatalog":
        raise _refused(f"the catalog {table.catalog}", text)
    return _table_name((table.db or database).lower(), table.name.lower(), text)


def _table_name(database: str, table: str, text: str) -> TableName:
    try:
        return TableName(database, table)
    except FlowLakeError as error:
        raise QueryError("SYNTAX_ERROR", str(error), text) from None


def _refused(what: str, text: str) -> QueryError:
    return QueryError("NOT_SUPPORTED", f"the embedded Athena does not execute {what}.", text)


def _place(node: exp.Expr) -> str:
    return f"line {node.meta['line']}:{node.meta['col']}: " if "line" in node.meta else ""


def _syntax_error(error: SqlglotError, text: str) -> QueryError:
    return QueryError("SYNTAX_ERROR", _ESCAPES.sub("", str(error)), text)


def _unresolved(error: OptimizeError, text: str) -> QueryError:
    return QueryError("COLUMN_NOT_FOUND", f"{error}.", text)
