"""Parses a statement: chooses the parser by the first word, as Athena does.

Athena hands DDL to a Hive parser (backticks) and SELECT to Trino's (double quotes). Each kind has a parser in a file of
its own: ddl.py, unload.py, select.py. They read no data and no catalog. A part that
is not supported is an error that names it.
"""

import logging

from sqlglot.errors import SqlglotError

from flowlogs.statement_kind import StatementKind, first_word
from flowlogs.statements import MAX_STATEMENT_BYTES
from resources.embedded.sql.ddl import parse_alter, parse_create, parse_drop, parse_show
from resources.embedded.sql.errors import nested_too_deeply, not_supported, syntax_error
from resources.embedded.sql.select import parse_select
from resources.embedded.sql.statements import Statement
from resources.embedded.sql.unload import parse_unload
from resources.engine import QueryError

# What sqlglot cannot read it warns of; here that is refused.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

_NOT_EXECUTED = ("TABLE",)
"""First words of queries that the embedded engine does not execute."""


def parse(text: str, database: str) -> Statement:
    """The statement, with unqualified tables looked for in `database`. Raises QueryError if it is not understood."""
    _require_size(text)
    try:
        return _parse(text, database)
    except SqlglotError as error:
        raise syntax_error(error, text) from None
    except RecursionError:
        raise nested_too_deeply(text) from None


def _parse(text: str, database: str) -> Statement:
    word = first_word(text)
    match word.kind:
        case StatementKind.QUERY if word.text not in _NOT_EXECUTED:
            return parse_select(text, text)
        case StatementKind.UNLOAD:
            return parse_unload(text, database)
        case StatementKind.CREATE:
            return parse_create(text, database)
        case StatementKind.DROP:
            return parse_drop(text, database)
        case StatementKind.ALTER:
            return parse_alter(word, text, database)
        case StatementKind.SHOW:
            return parse_show(word, text, database)
    raise not_supported(f"{word.text or 'an empty text'} as a statement", text)


def _require_size(text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise QueryError("SYNTAX_ERROR", f"the statement is no Unicode text: {error}.", repr(text)) from None
    if size > MAX_STATEMENT_BYTES:
        problem = f"the statement has {size:,} bytes, and Athena takes {MAX_STATEMENT_BYTES:,}."
        raise QueryError("InvalidRequestException", problem, text)
