"""The parser of EXPLAIN. The plan that is told is the embedded engine's own: what it reads, in words."""

import sqlglot

from flowlogs.statement_kind import FirstWord, StatementKind, first_word
from resources.embedded.sql.errors import not_supported
from resources.embedded.sql.select import parse_select
from resources.embedded.sql.statements import Explain
from resources.embedded.sql.syntax_tree import blanked
from resources.embedded.sql.token_reader import TokenReader

_OPTIONS = {"FORMAT": ("TEXT",), "TYPE": ("LOGICAL", "DISTRIBUTED", "VALIDATE")}
"""The options whose answer is a text, or whether the query is valid ("Using EXPLAIN", Athena user guide, 2023)."""


def parse_explain(word: FirstWord, text: str, database: str) -> Explain:
    """``EXPLAIN [(option, …)] query``; `word` is the statement's first."""
    reader = TokenReader(sqlglot.tokenize(blanked(text, word.end), read="trino"), text, database)
    if reader.accept("ANALYZE"):
        raise not_supported("EXPLAIN ANALYZE; EXPLAIN tells what is read, and the query itself how long it takes", text)
    only_validates = False
    if reader.accept("(", "TYPE") or reader.accept("(", "FORMAT"):
        reader.at -= 1
        while True:
            option = reader.name("an option").upper()
            value = reader.name("its value").upper()
            if value not in _OPTIONS.get(option, ()):
                raise not_supported(f"EXPLAIN ({option} {value})", text)
            only_validates |= value == "VALIDATE"
            if not reader.accept(","):
                break
        reader.expect(")")
    begin, end = reader.rest()
    if first_word(text[begin:end]).kind is not StatementKind.QUERY:
        raise not_supported(f"EXPLAIN of {first_word(text[begin:end]).text}", text)
    return Explain(parse_select(blanked(text[:end], begin), text), only_validates)
