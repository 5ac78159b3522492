"""Finds mistakes that Trino's parser refuses, and that sqlglot's ignores or reads as another engine's SQL.

Each mistake is a function that takes a query's tokens and gives the mistake in words, with an example in its docstring.
To add one, write the function and name it in `_MISTAKES`. Source of all of them: "SqlBase.g4", Trino's grammar.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from sqlglot.tokenizer_core import Token, TokenType

from resources.embedded.sql.errors import position_of
from resources.engine import QueryError

_BEFORE_AND_AFTER_ITEMS = {TokenType.SELECT, TokenType.FROM, TokenType.L_PAREN, TokenType.R_PAREN, TokenType.COMMA}

_OPERATORS = frozenset(re.findall(r"\S+", "= <> != < <= > >= + - * / % || . ( ) [ ] , ; -> => ? /*+"))
"""Trino's operators and punctuation."""

_OPERATORS_OF_OTHERS = {
    "&": "bitwise_and(…)",
    "|": "bitwise_or(…)",
    "^": "bitwise_xor(…), or power(…)",
    "~": "bitwise_not(…), or regexp_like(…)",
    "<<": "bitwise_left_shift(…)",
    ">>": "bitwise_right_shift(…)",
    "==": "=",
    "<=>": "IS NOT DISTINCT FROM",
    "!": "NOT",
    "::": "CAST(… AS …)",
    "RLIKE": "regexp_like(…)",
    "REGEXP": "regexp_like(…)",
    "ILIKE": "lower(…) LIKE …",
    "GLOB": "LIKE",
    "SIMILAR TO": "regexp_like(…)",
    "ISNULL": "IS NULL",
    "NOTNULL": "IS NOT NULL",
    "DIV": "/",
    "XOR": "<>",
}
"""Other engines' operators, with what to write in Trino."""

_WORDS_OF_OTHERS = frozenset(
    (TokenType.RLIKE, TokenType.ILIKE, TokenType.GLOB, TokenType.SIMILAR_TO, TokenType.ISNULL, TokenType.NOTNULL)
) | {TokenType.DIV, TokenType.XOR}

_TEXTS = frozenset(
    (TokenType.STRING, TokenType.IDENTIFIER, TokenType.NATIONAL_STRING, TokenType.UNICODE_STRING, TokenType.HEX_STRING)
)

_RESERVED = frozenset(
    re.findall(
        r"\w+",
        """
    ALTER AND AS BETWEEN BY CASE CAST CONSTRAINT CREATE CROSS CUBE DEALLOCATE DELETE DESCRIBE DISTINCT DROP ELSE ESCAPE
    EXCEPT EXECUTE EXISTS EXTRACT FOR FROM FULL GROUP GROUPING HAVING IN INNER INSERT INTERSECT INTO IS JOIN LEFT LIKE
    NATURAL NORMALIZE NOT ON OR ORDER OUTER PREPARE RECURSIVE RIGHT ROLLUP SELECT TABLE THEN TRIM UESCAPE UNION UNNEST
    USING VALUES WHEN WHERE WITH
    """,
    )
)
"""Trino's reserved words ("Reserved keywords", Trino documentation), but those that are a value or end one."""


def require_trino_syntax(tokens: Sequence[Token], text: str) -> None:
    """Raise QueryError for such a mistake in a query's tokens."""
    tokens = [token for token in tokens if token.token_type is not TokenType.SEMICOLON]
    for mistake in _MISTAKES:
        for problem in mistake(tokens):
            raise QueryError("SYNTAX_ERROR", problem, text)


def _parentheses(tokens: Sequence[Token]) -> Iterator[str]:
    """Example: ``SELECT (1``."""
    kinds = [token.token_type for token in tokens]
    if kinds.count(TokenType.L_PAREN) != kinds.count(TokenType.R_PAREN):
        yield "the parentheses do not match."


def _commas(tokens: Sequence[Token]) -> Iterator[str]:
    """Examples: ``SELECT a, FROM t`` and ``SELECT , a FROM t``."""
    for kind, following in pairwise([*(token.token_type for token in tokens), TokenType.FROM]):
        if kind is TokenType.COMMA and following in _BEFORE_AND_AFTER_ITEMS - {TokenType.L_PAREN, TokenType.SELECT}:
            yield "there is nothing behind a comma."
        if following is TokenType.COMMA and kind in _BEFORE_AND_AFTER_ITEMS - {TokenType.R_PAREN}:
            yield "there is nothing in front of a comma."


def _texts(tokens: Sequence[Token]) -> Iterator[str]:
    """Examples: ``SELECT 'a' 'b'``, and ``SELECT 1 AS 'x'``, where a name is in double quotes."""
    for token, following in pairwise(tokens):
        if token.token_type is following.token_type is TokenType.STRING:
            yield "there is nothing between two texts."
        if token.token_type is TokenType.ALIAS and following.token_type is TokenType.STRING:
            yield f"{position_of(following)}mismatched input '{following.text}': a name is written in double quotes."


def _operators(tokens: Sequence[Token]) -> Iterator[str]:
    """Examples: ``5 & 4``, ``1 == 1``, ``1 << 2``, and ``a RLIKE 'b'``."""
    for token, following in pairwise(tokens):
        written = token.text + following.text
        if written in ("<<", ">>") and following.start == token.end + 1:
            yield f"{position_of(token)}Trino has no operator '{written}'; write {_OPERATORS_OF_OTHERS[written]}."
    for token in tokens:
        if token.token_type in _TEXTS or (
            token.token_type not in _WORDS_OF_OTHERS and (re.match(r"\w", token.text) or token.text in _OPERATORS)
        ):
            continue
        written = token.text.upper()
        if written in _OPERATORS_OF_OTHERS:
            yield f"{position_of(token)}Trino has no operator '{written}'; write {_OPERATORS_OF_OTHERS[written]}."
        else:
            yield f"{position_of(token)}mismatched input '{token.text}'."


def _not_null(tokens: Sequence[Token]) -> Iterator[str]:
    """Example: ``a NOT NULL``. There is ``a IS NOT NULL``, and ``NOT NULL`` alone."""
    for before, token, following in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if token.token_type is TokenType.NOT and following.token_type is TokenType.NULL and _ends_value(before):
            yield f"{position_of(token)}mismatched input 'NOT'; write IS NOT NULL."


def _brackets(tokens: Sequence[Token]) -> Iterator[str]:
    """Example: ``[1, 2]``. An array is written ``ARRAY[1, 2]``."""
    for before, token in pairwise(tokens):
        if token.token_type is TokenType.L_BRACKET and not _ends_value(before):
            yield f"{position_of(token)}mismatched input '['; an array is written ARRAY[…]."


def _limits(tokens: Sequence[Token]) -> Iterator[str]:
    """Examples: ``LIMIT 1, 2``, and ``LIMIT 1 OFFSET 1``, where OFFSET comes first."""
    for limit, _, following in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if limit.token_type is TokenType.LIMIT and following.token_type is TokenType.OFFSET:
            yield "OFFSET stands before LIMIT in Trino's SQL."
        if limit.token_type is TokenType.LIMIT and following.token_type is TokenType.COMMA:
            yield f"{position_of(following)}mismatched input ','; rows are skipped by OFFSET, before LIMIT."


def _empty_lists(tokens: Sequence[Token]) -> Iterator[str]:
    """Example: ``a IN ()``."""
    for token, opening, closing in zip(tokens, tokens[1:], tokens[2:], strict=False):
        kinds = (token.token_type, opening.token_type, closing.token_type)
        if kinds == (TokenType.IN, TokenType.L_PAREN, TokenType.R_PAREN):
            yield f"{position_of(closing)}there is nothing in the list of IN."


def _numbers(tokens: Sequence[Token]) -> Iterator[str]:
    """Example: ``1_000``, which sqlglot would read as 1 with the name _000."""
    for token, following in pairwise(tokens):
        is_joined = following.start == token.end + 1 and re.match(r"\w", following.text)
        if token.token_type is TokenType.NUMBER and is_joined and following.token_type not in _TEXTS:
            yield f"{position_of(token)}identifiers must not start with a digit: {token.text}{following.text}."


def _ends_value(token: Token) -> bool:
    """Whether a value may end with the token, so that an operator or a subscript may follow."""
    if token.token_type in (*_TEXTS, TokenType.NUMBER, TokenType.R_PAREN, TokenType.R_BRACKET):
        return True
    return bool(re.match(r"\w", token.text)) and token.text.upper().split()[-1] not in _RESERVED


_MISTAKES: tuple[Callable[[Sequence[Token]], Iterator[str]], ...] = (
    *(_parentheses, _commas, _texts, _operators, _not_null, _brackets, _empty_lists, _limits, _numbers),
)
