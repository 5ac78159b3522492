"""Reads a statement token by token, if sqlglot has no tree for it. The parsers of statements use it."""

import re
from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

from flowlogs.statements import TableName
from resources.embedded.sql.errors import not_supported, position_of
from resources.embedded.sql.names import CATALOG, table_name
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

    def column(self, what: str) -> str:
        """A column's name, in small letters; in backticks, it may have any characters."""
        if self.next_is(TokenType.IDENTIFIER):
            self.at += 1
            return self.tokens[self.at - 1].text.lower()
        return self.name(what)

    def table(self) -> TableName:
        """A table's name. As in Athena, backticks may stand around it and its database together: `lake.flows`."""
        what = "a table's name"
        names = self._dotted_name() or [self.name(what)]
        while self.accept("."):
            names.append(self.name(what))
        if len(names) == 3:
            if names[0] != CATALOG:
                raise not_supported(f"the catalog {names[0]}", self.text)
            names = names[1:]
        if len(names) > 2:
            raise QueryError("SYNTAX_ERROR", f"{'.'.join(names)} is no name of a table.", self.text)
        database, table = names if len(names) == 2 else (self.database, names[0])
        return table_name(database, table, self.text)

    def _dotted_name(self) -> list[str]:
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        if token is None or token.token_type is not TokenType.IDENTIFIER or not re.fullmatch(r"\w+\.\w+", token.text):
            return []
        self.at += 1
        return token.text.lower().split(".")

    def next_is(self, kind: TokenType) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at].token_type is kind

    def rest(self) -> tuple[int, int]:
        """Where the query begins and ends in the text that is all the rest of the statement."""
        if self.at >= len(self.tokens):
            raise self.unexpected("a query")
        return self.tokens[self.at].start, self.tokens[-1].end + 1

    def end(self) -> None:
        if self.at < len(self.tokens):
            raise self.unexpected("the end")

    def unexpected(self, wanted: str) -> QueryError:
        if self.at >= len(self.tokens):
            return QueryError("SYNTAX_ERROR", f"the statement ends where {wanted} is expected.", self.text)
        token = self.tokens[self.at]
        return QueryError("SYNTAX_ERROR", f"{position_of(token)}{token.text!r} where {wanted} is expected.", self.text)
