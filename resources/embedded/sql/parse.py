"""Parses a statement: chooses the parser by the first word, as Athena does.

Athena hands DDL to a Hive parser (backticks) and SELECT to Trino's (double quotes). Each kind has a parser in a file of
its own: select.py, unload.py, ddl.py, create_table_as.py, catalog_questions.py, views.py, prepared.py, explain.py. They
read no data and no catalog. A part that is not supported is an error that names it.
"""

import logging
from collections.abc import Callable, Mapping

from sqlglot.errors import SqlglotError

from flowlogs.statement_kind import FirstWord, StatementKind, first_word, unknown_word_problem
from flowlogs.statements import MAX_STATEMENT_BYTES
from resources.embedded.sql.catalog_questions import parse_describe, parse_show
from resources.embedded.sql.create_table_as import is_create_table_as, parse_create_table_as
from resources.embedded.sql.ddl import parse_alter, parse_create, parse_drop, parse_repair
from resources.embedded.sql.errors import nested_too_deeply, not_supported, syntax_error
from resources.embedded.sql.explain import parse_explain
from resources.embedded.sql.prepared import parse_deallocate, parse_execute, parse_prepare
from resources.embedded.sql.select import parse_select
from resources.embedded.sql.statements import Statement
from resources.embedded.sql.unload import parse_unload
from resources.embedded.sql.views import parse_create_view, parse_drop_view
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
        case StatementKind.CREATE if _second_word(word, text) in ("VIEW", "OR"):
            return parse_create_view(word, text, database)
        case StatementKind.CREATE if is_create_table_as(word, text, database):
            return parse_create_table_as(word, text, database)
        case StatementKind.CREATE:
            return parse_create(text, database)
        case StatementKind.DROP if _second_word(word, text) == "VIEW":
            return parse_drop_view(word, text, database)
        case StatementKind.DROP:
            return parse_drop(text, database)
        case StatementKind.ALTER:
            return parse_alter(word, text, database)
        case StatementKind.SHOW:
            return parse_show(word, text, database)
        case StatementKind.DESCRIBE:
            return parse_describe(word, text, database)
        case StatementKind.EXPLAIN:
            return parse_explain(word, text, database)
    parser = _BY_FIRST_WORD.get(word.text)
    if parser:
        return parser(word, text, database)
    if problem := unknown_word_problem(text):
        raise QueryError("SYNTAX_ERROR", problem, text)
    raise not_supported(f"{word.text or 'an empty text'} as a statement", text)


_BY_FIRST_WORD: Mapping[str, Callable[[FirstWord, str, str], Statement]] = {
    "DEALLOCATE": parse_deallocate,
    "EXECUTE": parse_execute,
    "MSCK": parse_repair,
    "PREPARE": parse_prepare,
}


def _second_word(word: FirstWord, text: str) -> str:
    return first_word(text[word.end :]).text


def _require_size(text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise QueryError("SYNTAX_ERROR", f"the statement is no Unicode text: {error}.", repr(text)) from None
    if size > MAX_STATEMENT_BYTES:
        problem = f"the statement has {size:,} bytes, and Athena takes {MAX_STATEMENT_BYTES:,}."
        raise QueryError("InvalidRequestException", problem, text)
