"""The parser of what asks the catalog: SHOW and DESCRIBE. ../catalog_answers.py answers it.

Their syntax is Hive's, with the forms that the pages of Athena's user guide have ("DDL statements", 2023).
"""

from sqlglot.dialects.hive import Hive
from sqlglot.tokenizer_core import TokenType

from flowlogs.statement_kind import FirstWord
from resources.embedded.sql.errors import not_supported
from resources.embedded.sql.names import table_name
from resources.embedded.sql.statements import (
    CatalogQuestion,
    Describe,
    ShowColumns,
    ShowCreate,
    ShowDatabases,
    ShowPartitions,
    ShowProperties,
    ShowTables,
)
from resources.embedded.sql.syntax_tree import blanked
from resources.embedded.sql.token_reader import TokenReader


def reader_behind(word: FirstWord, text: str, database: str) -> TokenReader:
    """A token reader after the first word: sqlglot's tokenizer reads SHOW and everything after it as one token."""
    return TokenReader(Hive().tokenize(blanked(text, word.end)), text, database)


def parse_show(word: FirstWord, text: str, database: str) -> CatalogQuestion | ShowPartitions:
    """SHOW; `word` is the statement's first."""
    reader = reader_behind(word, text, database)
    found = _show(reader)
    reader.end()
    return found


def _show(reader: TokenReader) -> CatalogQuestion | ShowPartitions:
    if reader.accept("PARTITIONS"):
        return ShowPartitions(reader.table())
    if reader.accept("DATABASES") or reader.accept("SCHEMAS"):
        return ShowDatabases(_pattern(reader) if reader.accept("LIKE") else None)
    if reader.accept("TABLES"):
        database = _database(reader)
        has_pattern = reader.accept("LIKE") or reader.next_is(TokenType.STRING)
        return ShowTables(database, _pattern(reader) if has_pattern else None, only_views=False)
    if reader.accept("VIEWS"):
        database = _database(reader)
        return ShowTables(database, _pattern(reader) if reader.accept("LIKE") else None, only_views=True)
    if reader.accept("COLUMNS"):
        return _show_columns(reader)
    if reader.accept("CREATE", "TABLE"):
        return ShowCreate(reader.table(), is_view=False)
    if reader.accept("CREATE", "VIEW"):
        return ShowCreate(reader.table(), is_view=True)
    if reader.accept("TBLPROPERTIES"):
        name = reader.table()
        wanted = None
        if reader.accept("("):
            wanted = reader.quoted("a property's name in quotes")
            reader.expect(")")
        return ShowProperties(name, wanted)
    raise not_supported(" ".join(["SHOW", *(token.text.upper() for token in reader.tokens[:1])]), reader.text)


def _show_columns(reader: TokenReader) -> ShowColumns:
    if not reader.accept("FROM"):
        reader.expect("IN")
    name = reader.table()
    if reader.accept("FROM") or reader.accept("IN"):
        name = table_name(reader.name("a database's name"), name.table, reader.text)
    return ShowColumns(name)


def _database(reader: TokenReader) -> str:
    return reader.name("a database's name") if reader.accept("IN") or reader.accept("FROM") else reader.database


def _pattern(reader: TokenReader) -> str:
    return reader.quoted("a pattern in quotes")


def parse_describe(word: FirstWord, text: str, database: str) -> Describe:
    """DESCRIBE; `word` is the statement's first."""
    reader = reader_behind(word, text, database)
    if reader.accept("EXTENDED"):
        raise not_supported("DESCRIBE EXTENDED, which writes the table as Thrift does; DESCRIBE FORMATTED", text)
    is_formatted = reader.accept("FORMATTED")
    name = reader.table()
    if reader.at < len(reader.tokens):
        raise not_supported("DESCRIBE of anything but a whole table or view", text)
    return Describe(name, is_formatted)
