"""The parser of CREATE VIEW and DROP VIEW, which Athena hands to Trino. view_expansion.py puts views into queries."""

import sqlglot

from flowlogs.statement_kind import FirstWord
from resources.embedded.sql.errors import not_supported
from resources.embedded.sql.select import parse_select
from resources.embedded.sql.statements import CreateView, DropView
from resources.embedded.sql.syntax_tree import blanked
from resources.embedded.sql.token_reader import TokenReader


def parse_create_view(word: FirstWord, text: str, database: str) -> CreateView:
    """``CREATE [OR REPLACE] VIEW name AS query``; `word` is the statement's first."""
    reader = _reader_behind(word, text, database)
    or_replace = reader.accept("OR", "REPLACE")
    reader.expect("VIEW")
    name = reader.table()
    for clause in ("COMMENT", "SECURITY", "("):
        if reader.accept(clause):
            raise not_supported(f"CREATE VIEW with {clause if clause != '(' else 'names of columns'}", text)
    reader.expect("AS")
    begin, end = reader.rest()
    return CreateView(name, parse_select(blanked(text[:end], begin), text), text[begin:end], or_replace)


def parse_drop_view(word: FirstWord, text: str, database: str) -> DropView:
    """``DROP VIEW [IF EXISTS] name``; `word` is the statement's first."""
    reader = _reader_behind(word, text, database)
    reader.expect("VIEW")
    if_exists = reader.accept("IF", "EXISTS")
    name = reader.table()
    reader.end()
    return DropView(name, if_exists)


def _reader_behind(word: FirstWord, text: str, database: str) -> TokenReader:
    return TokenReader(sqlglot.tokenize(blanked(text, word.end), read="trino"), text, database)
