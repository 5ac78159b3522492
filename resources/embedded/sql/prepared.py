"""The parser of PREPARE, EXECUTE and DEALLOCATE PREPARE, and the query that an EXECUTE means.

``PREPARE by_port FROM SELECT … WHERE destinationport = ?`` keeps a text; ``EXECUTE by_port USING 22`` puts constants
where its question marks are. Athena keeps prepared statements for each workgroup, the embedded engine in the catalog.
"""

import sqlglot
from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from flowlogs.statement_kind import FirstWord, first_word
from resources.embedded.sql.errors import not_supported
from resources.embedded.sql.select import parse_select
from resources.embedded.sql.statements import Deallocate, Execute, Prepare, Query
from resources.embedded.sql.syntax_tree import blanked, syntax_tree
from resources.embedded.sql.token_reader import TokenReader
from resources.engine import QueryError


def parse_prepare(word: FirstWord, text: str, database: str) -> Prepare:
    """``PREPARE name FROM query``; `word` is the statement's first."""
    reader = _reader_behind(word, text, database)
    name = _name(reader)
    reader.expect("FROM")
    begin, end = reader.rest()
    # As in Trino, its syntax is checked now, and the rest when it is executed with constants.
    if not isinstance(syntax_tree(text[begin:end], text), exp.Query):
        raise not_supported("PREPARE of anything but a query", text)
    return Prepare(name, text[begin:end])


def parse_execute(word: FirstWord, text: str, database: str) -> Execute:
    """``EXECUTE name USING constant, …``; `word` is the statement's first."""
    reader = _reader_behind(word, text, database)
    name = _name(reader)
    values = _values(reader) if reader.accept("USING") else []
    reader.end()
    return Execute(name, tuple(values))


def parse_deallocate(word: FirstWord, text: str, database: str) -> Deallocate:
    """``DEALLOCATE PREPARE name``; `word` is the statement's first."""
    second = first_word(text[word.end :])
    if second.text != "PREPARE":
        raise QueryError("SYNTAX_ERROR", "DEALLOCATE stands before PREPARE and a name.", text)
    reader = _reader_behind(FirstWord(second.text, word.end + second.end), text, database)
    name = _name(reader)
    reader.end()
    return Deallocate(name)


def executed_query(execute: Execute, query: str, text: str) -> Query:
    """The prepared `query` with the values in the place of its question marks."""
    places = [token for token in sqlglot.tokenize(query, read="trino") if token.token_type is TokenType.PLACEHOLDER]
    if len(places) != len(execute.values):
        problem = f"Incorrect number of parameters: expected {len(places)} but found {len(execute.values)}."
        raise QueryError("INVALID_PARAMETER_USAGE", problem, text)
    parts, at = [], 0
    for place, value in zip(places, execute.values, strict=True):
        parts += [query[at : place.start], value]
        at = place.end + 1
    executed = "".join([*parts, query[at:]])
    return parse_select(executed, executed)


def _name(reader: TokenReader) -> str:
    return reader.name("the name of a prepared statement")


def _values(reader: TokenReader) -> list[str]:
    """The texts of the constants between commas; in parentheses, where one is more than a number or a text."""
    values = []
    while True:
        first, depth = reader.at, 0
        while reader.at < len(reader.tokens):
            kind = reader.tokens[reader.at].token_type
            if kind is TokenType.COMMA and not depth:
                break
            depth += kind in (TokenType.L_PAREN, TokenType.L_BRACKET)
            depth -= kind in (TokenType.R_PAREN, TokenType.R_BRACKET)
            reader.at += 1
        if reader.at == first:
            raise reader.unexpected("a constant")
        value = reader.text[reader.tokens[first].start : reader.tokens[reader.at - 1].end + 1]
        _require_constant(value, reader.text)
        values.append(value if reader.at - first == 1 else f"({value})")
        if not reader.accept(","):
            return values


def _require_constant(value: str, text: str) -> None:
    tree = syntax_tree(f"SELECT {value}", text)
    if not isinstance(tree, exp.Select) or len(tree.selects) != 1 or tree.find(exp.Column, exp.Subquery, exp.From):
        raise QueryError("EXPRESSION_NOT_CONSTANT", f"{value} is no constant, as EXECUTE … USING takes them.", text)


def _reader_behind(word: FirstWord, text: str, database: str) -> TokenReader:
    return TokenReader(sqlglot.tokenize(blanked(text, word.end), read="trino"), text, database)
