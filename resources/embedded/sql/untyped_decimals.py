"""Finds arithmetic with decimal literals without a type, such as ``1024.0``: Athena may read these as doubles."""

import re

import sqlglot
from sqlglot.tokenizer_core import TokenType

_OPERATORS = (TokenType.DASH, TokenType.MOD, TokenType.PLUS, TokenType.SLASH, TokenType.STAR)
_PARENTHESES = (TokenType.L_PAREN, TokenType.R_PAREN)


def untyped_decimals_warning(text: str) -> str | None:
    """A warning, with the first of them, where a query computes with such literals; else None.

    Trino reads ``1024.0`` as decimal(5,1). Athena engine version 3 was measured to read a double (the caveats of
    aoyagikouhei/athena-local, 2026), whose quotients have more digits.
    """
    tokens = [token for token in sqlglot.tokenize(text, read="athena") if token.token_type not in _PARENTHESES]
    for number, token in enumerate(tokens):
        around = (*tokens[max(number - 1, 0) : number], *tokens[number + 1 : number + 2])
        if (
            token.token_type is TokenType.NUMBER
            and re.fullmatch(r"\d*\.\d*", token.text)
            and any(other.token_type in _OPERATORS for other in around)
        ):
            return (
                f"The query computes with {token.text}, which is a decimal here, as in Trino. Athena was measured to "
                f"read it as a double, whose results have more digits. Write {token.text}e0 (a double) or DECIMAL "
                f"'{token.text}' to mean the same everywhere."
            )
    return None
