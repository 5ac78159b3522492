"""The parser of CREATE TABLE AS, which Athena hands to Trino. ../athena.py writes the rows as an UNLOAD does."""

import sqlglot

from flowlogs.statement_kind import FirstWord
from resources.embedded.sql.errors import not_supported
from resources.embedded.sql.select import parse_select
from resources.embedded.sql.statements import CreateTableAs, Unload
from resources.embedded.sql.syntax_tree import blanked
from resources.embedded.sql.token_reader import TokenReader
from resources.embedded.sql.unload import PARQUET_CODECS, parse_options

_HARMLESS = {"is_external": "true", "table_type": "hive"}
"""Options that say what is so without them ("CREATE TABLE AS", CTAS table properties, Athena user guide, 2023)."""


def is_create_table_as(word: FirstWord, text: str, database: str) -> bool:
    """Whether a CREATE has a query: ``CREATE TABLE name AS …`` or ``CREATE TABLE name WITH (…) AS …``."""
    reader = TokenReader(sqlglot.tokenize(blanked(text, word.end), read="trino"), text, database)
    texts = [token.text.upper() for token in reader.tokens]
    return texts[:1] == ["TABLE"] and "AS" in texts


def parse_create_table_as(word: FirstWord, text: str, database: str) -> CreateTableAs:
    """``CREATE TABLE name WITH (…) AS query [WITH [NO] DATA]``; `word` is the statement's first."""
    reader = TokenReader(sqlglot.tokenize(blanked(text, word.end), read="trino"), text, database)
    reader.expect("TABLE")
    if_not_exists = reader.accept("IF", "NOT", "EXISTS")
    name = reader.table()
    options = parse_options(reader) if reader.accept("WITH") else {}
    reader.expect("AS")
    with_data = True
    for ending, has_data in ((["WITH", "NO", "DATA"], False), (["WITH", "DATA"], True)):
        if [token.text.upper() for token in reader.tokens[-len(ending) :]] == ending:
            reader.tokens, with_data = reader.tokens[: -len(ending)], has_data
            break
    begin, end = reader.rest()
    query = parse_select(blanked(text[:end], begin), text)
    file_format, location = options.pop("format", "PARQUET"), options.pop("external_location", None)
    codec = options.pop("write_compression", options.pop("parquet_compression", "GZIP"))
    partitioned_by = options.pop("partitioned_by", [])
    for option, value in options.items():
        if str(value).lower() != _HARMLESS.get(option):
            raise not_supported(f"CREATE TABLE AS with {option} = {value!r}", text)
    if str(file_format).upper() != "PARQUET" or not isinstance(partitioned_by, list):
        raise not_supported(f"CREATE TABLE AS with format {file_format!r}; PARQUET is there", text)
    if str(codec).upper() not in PARQUET_CODECS:
        raise not_supported(f"CREATE TABLE AS with compression {codec!r}", text)
    if not isinstance(location, str):
        what = "CREATE TABLE AS without external_location, as there is no place of query results here"
        raise not_supported(f"{what}; name a folder: WITH (external_location = 's3://…/{name.table}/')", text)
    columns = tuple(column.lower() for column in partitioned_by)
    unload = Unload(query, location, PARQUET_CODECS[str(codec).upper()], columns)
    return CreateTableAs(name, unload, if_not_exists, with_data)
