"""Reads a statement token by token, if sqlglot has no tree for it. ddl.py and unload.py use it."""

import re
from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

from flowlogs.statements import TableName
from resources.embedded.sql.errors import position_of
from resources.embedded.sql.names import table_name
from resources.engine import QueryError


class TokenReader:
    """Each method steps over the tokens that it reads, or raises QueryError with the place where they should stand.

    A semicolon at the end is left out. `at` is the number of the next token.
    """

    def __init__(self, tokens: Sequence[Token], text: str, database: str) -> None:
        ends_in_semicolon = bool(tokens) and tokens[-1].token_type is TokenType.SEMICOLON
        self.tokens = tokens[:-1] if ends_in_semicolon else tokens
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
        """The text of the next token, which is of one of these kinds; `what` says in words what is expected."""
        if self.at < len(self.tokens) and self.tokens[self.at].token_type in kinds:
            self.at += 1
            return self.tokens[self.at - 1].text
        raise self.unexpected(what)

    def quoted(self, what: str) -> str:
        """A text constant."""
        return self.take(what, TokenType.STRING)

    def name(self, what: str) -> str:
        """A name, in small letters."""
        if self.at < len(self.tokens) and self.tokens[self.at].token_type is TokenType.STRING:
            raise self.unexpected(what)
        if self.at < len(self.tokens) and re.fullmatch(r"\w+", self.tokens[self.at].text):
            self.at += 1
            return self.tokens[self.at - 1].text.lower()
        raise self.unexpected(what)

    def table(self) -> TableName:
        first = self.name("a table's name")
        if self.accept("."):
            return table_name(first, self.name("a table's name"), self.text)
        return table_name(self.database, first, self.text)

    def end(self) -> None:
        if self.at < len(self.tokens):
            raise self.unexpected("the end")

    def unexpected(self, wanted: str) -> QueryError:
        if self.at >= len(self.tokens):
            return QueryError("SYNTAX_ERROR", f"the statement ends where {wanted} is expected.", self.text)
        token = self.tokens[self.at]
        return QueryError("SYNTAX_ERROR", f"{position_of(token)}{token.text!r} where {wanted} is expected.", self.text)
