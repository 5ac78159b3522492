"""The parser of UNLOAD, and the check of its query's columns. ../athena.py writes the rows."""

from collections.abc import Mapping, Sequence

import sqlglot
from sqlglot.tokenizer_core import TokenType

from resources.embedded.sql.errors import not_supported
from resources.embedded.sql.plan import QueryPlan
from resources.embedded.sql.select import parse_select
from resources.embedded.sql.statements import Query, Unload
from resources.embedded.sql.syntax_tree import blanked
from resources.embedded.sql.token_reader import TokenReader
from resources.embedded.sql.unload_parts import UnloadPart
from resources.engine import QueryError

PARQUET_CODECS: Mapping[str, str] = {
    "GZIP": "gzip",
    "LZ4": "lz4_raw",
    "NONE": "uncompressed",
    "SNAPPY": "snappy",
    "ZSTD": "zstd",
}
"""What UNLOAD may compress Parquet with, and DuckDB's name for it ("UNLOAD", Athena user guide)."""

_CONSTANTS = (TokenType.STRING, TokenType.NUMBER, TokenType.TRUE, TokenType.FALSE)

_DEFAULT_CODEC = "GZIP"


def parse_unload(text: str, database: str) -> Unload:
    """``UNLOAD (SELECT …) TO '…' WITH (…)``, which sqlglot has no tree for."""
    reader = TokenReader(sqlglot.tokenize(text, read="trino"), text, database)
    reader.expect("UNLOAD")
    query = _query_in_parentheses(reader)
    reader.expect("TO")
    destination = reader.quoted("a location in quotes")
    options = parse_options(reader) if reader.accept("WITH") else {}
    reader.end()
    partitioned_by = options.pop("partitioned_by", [])
    file_format, codec = options.pop("format", ""), options.pop("compression", _DEFAULT_CODEC)
    if options or not isinstance(partitioned_by, list) or str(file_format).upper() != "PARQUET":
        raise not_supported("UNLOAD with anything but format 'PARQUET', compression and partitioned_by", text)
    if str(codec).upper() not in PARQUET_CODECS:
        raise not_supported(f"UNLOAD with compression {codec!r}", text)
    columns = tuple(column.lower() for column in partitioned_by)
    return Unload(query, destination, PARQUET_CODECS[str(codec).upper()], columns)


def require_unloadable(unload: Unload, parts: Sequence[tuple[UnloadPart, QueryPlan]]) -> None:
    """Raise QueryError where the result of the parts' plans cannot be written as the UNLOAD asks."""
    columns: dict[tuple[str, ...], tuple[str, ...]] = {}
    for part, plan in parts:
        _require_unloadable(unload, part, plan)
        if plan.columns != columns.setdefault(tuple(part.constants.values()), plan.columns):
            raise not_supported("UNLOAD of UNION ALL whose queries give columns of other names", unload.query.text)


def _require_unloadable(unload: Unload, part: UnloadPart, plan: QueryPlan) -> None:
    text, by = unload.query.text, unload.partitioned_by
    if plan.addresses:
        raise QueryError("NOT_SUPPORTED", "Unsupported Hive type: ipaddress. CAST it to varchar.", text)
    for column in plan.columns:
        if plan.columns.count(column) > 1:
            raise QueryError("DUPLICATE_COLUMN_NAME", f"Column name '{column}' specified more than once.", text)
    require_keys_last(plan.columns, by, text)
    if len(plan.columns) == len(by):
        raise QueryError("SYNTAX_ERROR", "there is no column but those that the rows are partitioned by.", text)
    if by and len(plan.reads) != 1:
        raise not_supported("UNLOAD partitioned by anything but partition columns of the one table that is read", text)
    tables = [column for read in plan.reads for column, _ in read.definition.columns]
    if any(column not in plan.partition_columns and column not in part.constants for column in by):
        raise not_supported("UNLOAD partitioned by anything but partition columns of the one table that is read", text)
    if any(column in tables for column in part.constants):
        raise not_supported("UNLOAD partitioned by a constant that has the name of a column", text)


def require_keys_last(columns: tuple[str, ...], keys: tuple[str, ...], text: str) -> None:
    """Raise QueryError where the partition keys are not the last columns of a query."""
    if keys and columns[-len(keys) :] != keys:
        problem = f"Partition keys must be the last columns in the table and in the same order: {', '.join(keys)}."
        raise QueryError("HIVE_COLUMN_ORDER_MISMATCH", problem, text)


def _query_in_parentheses(reader: TokenReader) -> Query:
    """The query between the next "(" and the ")" that closes it."""
    reader.expect("(")
    first, depth = reader.at, 1
    while depth and reader.at < len(reader.tokens):
        kind = reader.tokens[reader.at].token_type
        depth += (kind is TokenType.L_PAREN) - (kind is TokenType.R_PAREN)
        reader.at += 1
    if depth:
        raise reader.unexpected(")")
    if reader.at - 1 == first:
        raise QueryError("SYNTAX_ERROR", "there is no SELECT in the parentheses of UNLOAD.", reader.text)
    if reader.tokens[first].token_type is TokenType.VALUES:
        raise not_supported("VALUES in this form", reader.text)
    begin, end = reader.tokens[first].start, reader.tokens[reader.at - 2].end + 1
    return parse_select(blanked(reader.text[:end], begin), reader.text)


def parse_options(reader: TokenReader) -> dict[str, str | list[str]]:
    """What stands in parentheses behind WITH: names, each with a constant or an array of texts."""
    found: dict[str, str | list[str]] = {}
    reader.expect("(")
    while True:
        name = reader.name("an option")
        reader.expect("=")
        found[name] = _array(reader) if reader.accept("ARRAY") else reader.take("a constant", *_CONSTANTS)
        if not reader.accept(","):
            break
    reader.expect(")")
    return found


def _array(reader: TokenReader) -> list[str]:
    reader.expect("[")
    found = [reader.quoted("a text in quotes")]
    while reader.accept(","):
        found.append(reader.quoted("a text in quotes"))
    reader.expect("]")
    return found
