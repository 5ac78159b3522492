"""Finds mistakes that Trino's parser refuses, and that sqlglot's ignores or reads as another engine's SQL."""

from collections.abc import Sequence
from itertools import pairwise

from sqlglot.tokenizer_core import Token, TokenType

from resources.engine import QueryError

_BEFORE_AND_AFTER_ITEMS = {TokenType.SELECT, TokenType.FROM, TokenType.L_PAREN, TokenType.R_PAREN, TokenType.COMMA}


def require_trino_syntax(tokens: Sequence[Token], text: str) -> None:
    """Raise QueryError for such a mistake in a query's tokens."""
    problem = _problem([token.token_type for token in tokens if token.token_type is not TokenType.SEMICOLON])
    if problem:
        raise QueryError("SYNTAX_ERROR", problem, text)


def _problem(kinds: Sequence[TokenType]) -> str:
    """The first mistake, in words; empty if there is none."""
    if kinds.count(TokenType.L_PAREN) != kinds.count(TokenType.R_PAREN):
        return "the parentheses do not match."
    for kind, following in pairwise([*kinds, TokenType.FROM]):
        # SELECT a, FROM t
        if kind is TokenType.COMMA and following in _BEFORE_AND_AFTER_ITEMS - {TokenType.L_PAREN, TokenType.SELECT}:
            return "there is nothing behind a comma."
        # SELECT , a FROM t
        if following is TokenType.COMMA and kind in _BEFORE_AND_AFTER_ITEMS - {TokenType.R_PAREN}:
            return "there is nothing in front of a comma."
        # SELECT 'a' 'b'
        if kind is following is TokenType.STRING:
            return "there is nothing between two texts."
    if TokenType.DCOLON in kinds:
        return "Trino has no operator '::'; write CAST(… AS …)."
    # SELECT a FROM t LIMIT 1 OFFSET 1
    if (TokenType.LIMIT, TokenType.OFFSET) in zip(kinds, kinds[2:], strict=False):
        return "OFFSET stands before LIMIT in Trino's SQL."
    return ""
