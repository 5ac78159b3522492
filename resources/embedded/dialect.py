"""Reads Athena's statements: which of the known kinds one is, and what a SELECT asks of which table.

Athena hands DDL to a Hive parser (backticks) and SELECT to Trino's (double quotes); sqlglot's ``athena`` dialect does
the same, and the few DDL forms that it does not know are read here from its Hive tokens. Whatever is not understood is
refused by name. Nothing here reads data or a catalog: a function that finds a table is handed in. What a SELECT may
say, and how DuckDB is told, is in trino.py; which partitions it needs, in pruning.py.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.dialects.hive import Hive
from sqlglot.errors import OptimizeError, SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.tokenizer_core import Token, TokenType

from flowlogs.errors import FlowLakeError
from flowlogs.statements import IDENTIFIER, MAX_STATEMENT_BYTES, PARQUET, TEXT, TableDefinition, TableName
from resources.embedded import trino
from resources.embedded.catalog import Partition
from resources.embedded.columns import INTEGER_TYPES, TEXT_TYPE
from resources.embedded.pruning import conditions_on, keys_passed_on, required_text
from resources.embedded.ranking import sort_little
from resources.embedded.trino import refused
from resources.engine import QueryError

# What sqlglot cannot read it warns of; here that is refused.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

ROW_TYPES = {*INTEGER_TYPES, TEXT_TYPE}

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

_BLANK = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*"
_FIRST_WORD = re.compile(rf"{_BLANK}(\w+|\S)?", re.DOTALL)
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
class MovePartition:
    name: TableName
    partition: Partition
    partition_columns: tuple[str, ...]


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
class Unload:
    """A query whose rows are written below `destination` as Parquet: by the values of these columns, if there are any.

    `columns` are the names of the query's own result.
    """

    query: Query
    destination: str
    compression: str
    partitioned_by: tuple[str, ...]


@dataclass(frozen=True)
class TableRead:
    """One place where a query reads a table.

    `relation` is the name under which the query expects the table's rows; `columns` those that it can have a use for;
    `conditions` those parts of its WHERE clauses
    that speak of the partition columns alone, which the partitions to read can be chosen by; `required` a text that
    the line of every row that the query can use contains.
    """

    relation: str
    name: TableName
    definition: TableDefinition
    columns: tuple[str, ...]
    conditions: tuple[exp.Expr, ...]
    required: str


@dataclass(frozen=True)
class QueryPlan:
    """What DuckDB is to run, and which tables it reads.

    `columns` are the names of the result; `keys`, by such a name, the partition column that stands behind it, where
    each row of the result comes from one partition alone.
    """

    sql: str
    reads: tuple[TableRead, ...]
    columns: tuple[str, ...]
    keys: Mapping[str, str]


Statement = CreateDatabase | CreateTable | AddPartitions | MovePartition | ShowPartitions | DropTable | Query | Unload


def parse(text: str, database: str) -> Statement:
    """The statement, with unqualified tables looked for in `database`. Raises QueryError where it is not understood."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise QueryError("SYNTAX_ERROR", f"the statement is no Unicode text: {error}.", repr(text)) from None
    if size > MAX_STATEMENT_BYTES:
        problem = f"the statement has {size:,} bytes, and Athena takes {MAX_STATEMENT_BYTES:,}."
        raise QueryError("InvalidRequestException", problem, text)
    word = _FIRST_WORD.match(text)
    first = word[1].upper() if word and word[1] else "an empty text"
    try:
        if word and first in ("ALTER", "SHOW"):
            return _parse_with_tokens(first, word.end(), text, database)
        if word and first == "UNLOAD":
            return _unload(text, database)
        if first not in ("CREATE", "DROP", "SELECT", "WITH", "("):
            raise refused(f"{first} as a statement", text)
        if first not in ("CREATE", "DROP"):
            return _query(text, text)
        tree = _tree(text, text)
        if isinstance(tree, exp.Create):
            return _create(tree, text, database)
        if isinstance(tree, exp.Drop):
            return _drop(tree, text, database)
    except SqlglotError as error:
        raise _syntax_error(error, text) from None
    except RecursionError:
        raise refused("a statement that is nested this deeply", text) from None
    raise refused(f"{first} in this form", text)


def _tree(sql: str, text: str) -> exp.Expr:
    """What sqlglot reads in `sql`, which is the statement `text` or stands in it."""
    trees = sqlglot.parse(sql, read="athena", error_level=sqlglot.ErrorLevel.IMMEDIATE)
    found = [tree for tree in trees if tree is not None]
    if len(found) != 1:
        raise QueryError("SYNTAX_ERROR", "exactly one statement is executed at a time.", text)
    return found[0]


def _query(sql: str, text: str) -> Query:
    tree = _tree(sql, text)
    if not isinstance(tree, exp.Query):
        raise refused(f"{tree.key.upper()} in this form", text)
    trino.refuse_unknown(tree, sqlglot.tokenize(sql, read="athena"), text)
    return Query(tree, text)


def _parse_with_tokens(first: str, start: int, text: str, database: str) -> Statement:
    """ALTER and SHOW, whose first word ends at `start`."""
    # The tokenizer takes SHOW for a command of no further words; blanks in place of it leave lines and columns as are.
    tokens = Hive().tokenize(re.sub(r"[^\n]", " ", text[:start]) + text[start:])
    if tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        tokens.pop()
    reader = _TokenReader(tokens, text, database)
    if first == "ALTER" and reader.accept("TABLE"):
        return reader.alter_table()
    if first == "SHOW" and reader.accept("PARTITIONS"):
        return reader.show_partitions()
    raise refused(" ".join([first, *(token.text.upper() for token in tokens[:1])]), text)


_OTHER_ALTERATIONS = "ALTER TABLE in any form but ADD PARTITION and PARTITION … SET LOCATION"


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
        place = f"line {token.line}:{_column(token.col, token.start, token.end)}"
        return QueryError("SYNTAX_ERROR", f"{place}: {token.text!r} where {wanted} is expected.", self.text)

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

    def alter_table(self) -> AddPartitions | MovePartition:
        name = self.table()
        if self.accept("PARTITION"):
            return self.move_partition(name)
        if not self.accept("ADD"):
            raise refused(_OTHER_ALTERATIONS, self.text)
        if_not_exists = self.accept("IF", "NOT", "EXISTS")
        if not self.accept("PARTITION"):
            raise refused(_OTHER_ALTERATIONS, self.text)
        columns, partition = self.partition()
        found = [partition]
        while self.accept("PARTITION"):
            other_columns, partition = self.partition()
            if other_columns != columns:
                raise QueryError("SYNTAX_ERROR", "the partitions name different columns.", self.text)
            found.append(partition)
        self.end()
        return AddPartitions(name, tuple(found), columns, if_not_exists)

    def move_partition(self, name: TableName) -> MovePartition:
        columns, partition = self.partition()
        if partition.location or not self.accept("SET", "LOCATION"):
            raise refused(_OTHER_ALTERATIONS, self.text)
        location = self.take("a location in quotes", TokenType.STRING)
        self.end()
        return MovePartition(name, Partition(partition.values, location), columns)

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

    def options(self) -> dict[str, str | list[str]]:
        """What stands in parentheses behind WITH: names with a text or an array of texts each."""
        found: dict[str, str | list[str]] = {}
        self.expect("(")
        while True:
            name = self.name("an option")
            self.expect("=")
            found[name] = self.texts() if self.accept("ARRAY") else self.take("a text in quotes", TokenType.STRING)
            if not self.accept(","):
                break
        self.expect(")")
        return found

    def texts(self) -> list[str]:
        self.expect("[")
        found = [self.take("a text in quotes", TokenType.STRING)]
        while self.accept(","):
            found.append(self.take("a text in quotes", TokenType.STRING))
        self.expect("]")
        return found

    def show_partitions(self) -> ShowPartitions:
        name = self.table()
        self.end()
        return ShowPartitions(name)


_PARQUET_CODECS = {"GZIP": "gzip", "LZ4": "lz4_raw", "NONE": "uncompressed", "SNAPPY": "snappy", "ZSTD": "zstd"}
"""What UNLOAD may compress Parquet with, and DuckDB's word for it; GZIP where nothing is said ("UNLOAD", Athena)."""


def _unload(text: str, database: str) -> Unload:
    """UNLOAD (SELECT …) TO '…' WITH (…), which sqlglot has no tree for."""
    tokens = sqlglot.tokenize(text, read="trino")
    if tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        tokens.pop()
    reader = _TokenReader(tokens, text, database)
    reader.expect("UNLOAD")
    reader.expect("(")
    first, depth = reader.at, 1
    while depth and reader.at < len(tokens):
        kind = tokens[reader.at].token_type
        depth += (kind is TokenType.L_PAREN) - (kind is TokenType.R_PAREN)
        reader.at += 1
    if depth:
        raise reader.unexpected(")")
    if reader.at - 1 == first:
        raise QueryError("SYNTAX_ERROR", "there is no SELECT in the parentheses of UNLOAD.", text)
    begin, end = tokens[first].start, tokens[reader.at - 2].end + 1
    # Blanks in place of what stands in front leave lines and columns as they are.
    query = _query(re.sub(r"[^\n]", " ", text[:begin]) + text[begin:end], text)
    reader.expect("TO")
    destination = reader.take("a location in quotes", TokenType.STRING)
    options = reader.options() if reader.accept("WITH") else {}
    reader.end()
    partitioned_by = options.pop("partitioned_by", [])
    form, codec = options.pop("format", ""), options.pop("compression", "GZIP")
    if options or not isinstance(partitioned_by, list) or str(form).upper() != "PARQUET":
        raise refused("UNLOAD with anything but format 'PARQUET', compression and partitioned_by", text)
    if str(codec).upper() not in _PARQUET_CODECS:
        raise refused(f"UNLOAD with compression {codec!r}", text)
    return Unload(
        query,
        destination,
        _PARQUET_CODECS[str(codec).upper()],
        tuple(column.lower() for column in partitioned_by),
    )


def _create(tree: exp.Create, text: str, database: str) -> Statement:
    properties = tree.args.get("properties")
    if tree.kind in ("DATABASE", "SCHEMA"):
        _refuse_arguments(tree, {"this", "kind", "exists"}, "CREATE DATABASE", text)
        return CreateDatabase(_database_name(tree.this, text), bool(tree.args.get("exists")))
    nodes = properties.expressions if properties else []
    found = {type(node): node for node in nodes}
    if tree.kind != "TABLE" or exp.ExternalProperty not in found:
        raise refused("CREATE in any form but CREATE DATABASE and CREATE EXTERNAL TABLE", text)
    _refuse_arguments(tree, {"this", "kind", "exists", "properties"}, "CREATE EXTERNAL TABLE", text)
    if not isinstance(tree.this, exp.Schema):
        raise QueryError("SYNTAX_ERROR", "the table has no columns.", text)
    known = {
        exp.ExternalProperty,
        exp.PartitionedByProperty,
        exp.RowFormatDelimitedProperty,
        exp.LocationProperty,
        exp.FileFormatProperty,
        exp.Property,
    }
    for kind, node in found.items():
        if kind not in known:
            raise refused(f"a table with {node.sql('hive')}", text)
    location = found.get(exp.LocationProperty)
    if location is None:
        raise QueryError("SYNTAX_ERROR", "an external table needs a LOCATION.", text)
    partitioned = found.get(exp.PartitionedByProperty)
    definition = TableDefinition(
        columns=_columns(tree.this, text),
        partition_columns=_columns(partitioned.this, text) if partitioned else (),
        location=location.name,
        stored_as=_stored_as(found.get(exp.FileFormatProperty), found.get(exp.RowFormatDelimitedProperty), text),
        delimiter=_delimiter(found.get(exp.RowFormatDelimitedProperty), text),
        properties={node.name: node.args["value"].name for node in nodes if type(node) is exp.Property},
    )
    _refuse_definition(definition, text)
    return CreateTable(_named_table(tree.this.this, database, text), definition, bool(tree.args.get("exists")))


def _refuse_definition(definition: TableDefinition, text: str) -> None:
    """Raise QueryError for a table that cannot be, or that would be read otherwise than it says."""
    names = [column for column, _ in (*definition.columns, *definition.partition_columns)]
    for name in names:
        if names.count(name) > 1:
            raise QueryError("SemanticException", f"[Error 10036]: Duplicate column name: {name}.", text)
    for name, value in definition.properties.items():
        if name not in HARMLESS_PROPERTIES and not (name == HEADER_PROPERTY and value.isdecimal()):
            raise refused(f"a table with the property '{name}'='{value}'", text)


def _columns(schema: exp.Expr, text: str) -> tuple[tuple[str, str], ...]:
    columns = []
    for column in schema.expressions:
        if not isinstance(column, exp.ColumnDef) or column.kind is None or column.args.get("constraints"):
            raise refused(f"the column {column.sql('hive')}", text)
        hive_type = column.kind.sql("hive").lower()
        if hive_type not in ROW_TYPES:
            raise refused(f"columns of type {hive_type}", text)
        columns.append((column.name.lower(), hive_type))
    return tuple(columns)


def _stored_as(file_format: exp.Expr | None, row_format: exp.Expr | None, text: str) -> str:
    found = "TEXTFILE" if file_format is None else file_format.name.upper()
    if found not in ("TEXTFILE", "PARQUET") or (found == "PARQUET" and row_format is not None):
        raise refused("a table in any format but TEXTFILE with a ROW FORMAT and PARQUET without one", text)
    return PARQUET if found == "PARQUET" else TEXT


def _delimiter(row_format: exp.Expr | None, text: str) -> str:
    if row_format is None:
        return "\x01"
    others = [name for name, value in row_format.args.items() if value and name != "fields"]
    delimiter = row_format.args.get("fields")
    if others or delimiter is None or len(delimiter.name) != 1 or not delimiter.name.isascii():
        raise refused("a row format of anything but FIELDS TERMINATED BY one ASCII character", text)
    return str(delimiter.name)


def _drop(tree: exp.Drop, text: str, database: str) -> DropTable:
    if tree.kind != "TABLE":
        raise refused(f"DROP {tree.kind}", text)
    _refuse_arguments(tree, {"this", "tables", "kind", "exists"}, "DROP TABLE", text)
    tables = list(tree.find_all(exp.Table))
    if len(tables) != 1:
        raise refused("DROP TABLE of anything but one table", text)
    return DropTable(_named_table(tables[0], database, text), bool(tree.args.get("exists")))


def _refuse_arguments(tree: exp.Expr, known: set[str], what: str, text: str) -> None:
    for argument, value in tree.args.items():
        if value and argument not in known:
            raise refused(f"{what} with {argument.upper()}", text)


def plan(query: Query, database: str, find_table: Callable[[TableName], TableDefinition | None]) -> QueryPlan:
    """The query in DuckDB's words, held against the tables that it names.

    Raises QueryError for a table or a column that is not there, and for values that Trino would not put together.
    """
    text = query.text
    tree: exp.Expr = query.tree.copy()
    try:
        reads = _name_reads(tree, text, database, find_table)
        schema = {read: dict(_sql_columns(definition)) for read, (_, definition) in reads.items()}
        _mark(tree)
        # Trino knows a column's alias in ORDER BY only, so that aliases are not expanded elsewhere.
        tree = qualify(tree, schema=dict(schema), dialect="athena", expand_alias_refs=False)
        _restore(tree)
        _resolve_in_having(tree, schema)
        _refuse_misplaced_aliases(tree, text)
        tree = trino.in_duckdb_words(trino.typed(tree, dict(schema), text), text)
        used = {column.name for column in tree.find_all(exp.Column)}
        found = tuple(
            TableRead(
                relation,
                name,
                definition,
                tuple(column for column, _ in definition.columns if column in used),
                tuple(conditions_on(tree, relation, [column for column, _ in definition.partition_columns])),
                required_text(
                    conditions_on(tree, relation, [c for c, kind in definition.columns if kind == TEXT_TYPE])
                ),
            )
            for relation, (name, definition) in reads.items()
        )
        columns = tuple(tree.named_selects) if isinstance(tree, exp.Query) else ()
        partitioned_by = [column for read in found for column, _ in read.definition.partition_columns]
        keys = keys_passed_on(tree, partitioned_by) if len(found) == 1 else {}
        sort_little(
            tree,
            {read.relation: [column for column, _ in read.definition.partition_columns] for read in found},
            {read.relation for read in found if read.definition.stored_as == PARQUET},
        )
        sql = tree.sql("duckdb")
    except OptimizeError as error:
        code = "COLUMN_NOT_FOUND" if re.search("resolve|Unknown|join", str(error)) else "SYNTAX_ERROR"
        raise QueryError(code, f"{error}.", text) from None
    except SqlglotError as error:
        raise _syntax_error(error, text) from None
    except RecursionError:
        raise refused("a statement that is nested this deeply", text) from None
    return QueryPlan(sql, found, columns, keys)


def require_unloadable(unload: Unload, plan: QueryPlan) -> None:
    """Raise QueryError where the plan's result cannot be written as the UNLOAD asks."""
    text, by = unload.query.text, unload.partitioned_by
    for column in plan.columns:
        if plan.columns.count(column) > 1:
            raise QueryError("DUPLICATE_COLUMN_NAME", f"Column name '{column}' specified more than once.", text)
    if by and plan.columns[-len(by) :] != by:
        problem = f"Partition keys must be the last columns in the table and in the same order: {', '.join(by)}."
        raise QueryError("HIVE_COLUMN_ORDER_MISMATCH", problem, text)
    if len(plan.columns) == len(by):
        raise QueryError("SYNTAX_ERROR", "there is no column but those that the rows are partitioned by.", text)
    if any(column not in plan.keys for column in by):
        raise refused("UNLOAD partitioned by anything but partition columns of the one table that is read", text)


def _sql_columns(definition: TableDefinition) -> Iterator[tuple[str, str]]:
    for column, hive_type in (*definition.columns, *definition.partition_columns):
        yield column, "VARCHAR" if hive_type == TEXT_TYPE else hive_type.upper()


_UNNAMED = "?"


def _selected(tree: exp.Expr) -> exp.Expr:
    """The SELECT that names the columns of the result: in a UNION, the first."""
    while isinstance(tree, (exp.SetOperation, exp.Subquery)):
        tree = tree.this
    return tree


def _mark(tree: exp.Expr) -> None:
    """Note what qualifying would efface: which columns have no name, and what is ordered by a column's number."""
    for number, column in enumerate(_selected(tree).expressions):
        if not isinstance(column, (exp.Alias, exp.Column)) and not column.is_star:
            column.replace(exp.alias_(column.copy(), f"{_UNNAMED}{number}", quoted=True))
    for ordered in tree.find_all(exp.Ordered):
        if ordered.this.is_int:
            ordered.meta[_UNNAMED] = ordered.this.copy()


def _restore(tree: exp.Expr) -> None:
    """Give the unnamed columns the names that Trino gives them: _col0, _col1, …, counting every column.

    And order by a column's number, not by its name, which another column may have too.
    """
    names = {}
    for number, column in enumerate(_selected(tree).expressions):
        if column.alias_or_name.startswith(_UNNAMED):
            names[column.alias_or_name] = exp.to_identifier(f"_col{number}", quoted=True)
            column.set("alias", names[column.alias_or_name].copy())
    # Where rows are ordered by what an unnamed column says too, qualifying has put that column's name.
    for column in tree.find_all(exp.Column):
        if column.name in names:
            column.set("this", names[column.name].copy())
    for ordered in tree.find_all(exp.Ordered):
        if _UNNAMED in ordered.meta:
            ordered.set("this", ordered.meta[_UNNAMED])


def _resolve_in_having(tree: exp.Expr, schema: Mapping[str, Mapping[str, object]]) -> None:
    """Qualify what HAVING names, which sqlglot takes for a column of the result where that has one of the name."""
    for scope in traverse_scope(tree):
        having = scope.expression.args.get("having")
        for column in list(having.find_all(exp.Column)) if having else []:
            if column.table or column.find_ancestor(exp.Query) is not scope.expression:
                continue
            owners = [
                alias for alias, (_, source) in scope.selected_sources.items() if _has(source, column.name, schema)
            ]
            if len(owners) == 1:
                column.set("table", exp.to_identifier(owners[0], quoted=True))


def _has(source: exp.Table | Scope, column: str, schema: Mapping[str, Mapping[str, object]]) -> bool:
    if isinstance(source, exp.Table):
        return column in schema[source.name]
    return isinstance(source.expression, exp.Query) and column in source.expression.named_selects


def _refuse_misplaced_aliases(tree: exp.Expr, text: str) -> None:
    """Only where a whole query is ordered may a column of its result be named."""
    for column in tree.find_all(exp.Column):
        clause = column.find_ancestor(exp.Order, exp.Query)
        if not column.table and not (isinstance(clause, exp.Order) and isinstance(clause.parent, exp.Query)):
            raise QueryError(
                "COLUMN_NOT_FOUND", f"{_place(column.this)}Column '{column.name}' cannot be resolved.", text
            )


def _name_reads(
    tree: exp.Expr, text: str, database: str, find_table: Callable[[TableName], TableDefinition | None]
) -> dict[str, tuple[TableName, TableDefinition]]:
    """Find where the query reads a table, and give each such place a relation of its own, by which it is listed."""
    reads: dict[str, tuple[TableName, TableDefinition]] = {}
    sources = [found for scope in traverse_scope(tree) for found in scope.selected_sources.values()]
    for table in list(tree.find_all(exp.Table)):
        source = next((source for node, source in sources if node is table), None)
        if isinstance(source, Scope):
            continue
        if source is None or not isinstance(table.this, exp.Identifier):
            raise refused(f"reading {table.sql('athena')}", text)
        name = _named_table(table, database, text)
        definition = find_table(name)
        if definition is None:
            missing = f"Table 'awsdatacatalog.{name.database}.{name.table}' does not exist"
            raise QueryError("TABLE_NOT_FOUND", f"{_place(table.args.get('db') or table.this)}{missing}.", text)
        relation = f"read_{len(reads)}"
        reads[relation] = (name, definition)
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
        table.set("this", exp.to_identifier(relation))
        table.set("db", None)
        table.set("catalog", None)
    for column in tree.find_all(exp.Column):
        column.set("db", None)
        column.set("catalog", None)
    return reads


def _database_name(node: exp.Expr, text: str) -> str:
    # sqlglot takes the name for that of a table after DATABASE, and for that of a database after SCHEMA.
    names = [part.name.lower() for part in node.find_all(exp.Identifier)]
    if len(names) != 1 or not IDENTIFIER.fullmatch(names[0]):
        raise QueryError("SYNTAX_ERROR", f"{node.sql('hive')} is no name for a database.", text)
    return names[0]


def _named_table(table: exp.Expr, database: str, text: str) -> TableName:
    if not isinstance(table, exp.Table):
        raise QueryError("SYNTAX_ERROR", "a table's name is expected.", text)
    if table.catalog and table.catalog.lower() != "awsdatacatalog":
        raise refused(f"the catalog {table.catalog}", text)
    return _table_name((table.db or database).lower(), table.name.lower(), text)


def _table_name(database: str, table: str, text: str) -> TableName:
    try:
        return TableName(database, table)
    except FlowLakeError as error:
        raise QueryError("SYNTAX_ERROR", str(error), text) from None


def _place(node: exp.Expr) -> str:
    if "line" not in node.meta:
        return ""
    return f"line {node.meta['line']}:{_column(node.meta['col'], node.meta['start'], node.meta['end'])}: "


def _column(last: int, start: int, end: int) -> int:
    """Where a token begins, whose last character sqlglot gives the column of."""
    return last - (end - start)


def _syntax_error(error: SqlglotError, text: str) -> QueryError:
    return QueryError("SYNTAX_ERROR", _ESCAPES.sub("", str(error)), text)
