"""sqlglot's dialect for queries: Trino's, in which the functions of rewrites/ keep their names.

sqlglot's parser and its inference of types may be compiled (``sqlglotc``, which other packages of Dagster install), and
then have no subclasses. So calls are marked before they are parsed, and named after.
"""

from collections.abc import Sequence
from typing import Any

from sqlglot import exp
from sqlglot.dialects.dialect import DialectType
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ParseError
from sqlglot.parsers.athena import AthenaTrinoParser
from sqlglot.tokenizer_core import Token, TokenType

from resources.embedded.sql.rewrites.all_functions import FUNCTIONS

_KEPT = f" {exp.SQLGLOT_ANONYMOUS}"
"""A comment behind a call, by which sqlglot's parser makes `Anonymous` of it."""


class EmbeddedTrino(Trino):
    """Trino's dialect, in which a call of one of rewrites/functions.py is `Anonymous`, or `AnonymousAggFunc`."""

    INDEX_OFFSET = 0  # a subscript is what the query says
    Parser = AthenaTrinoParser

    def tokenize(self, sql: str, dialect: DialectType = None) -> list[Token]:
        tokens = super().tokenize(sql, dialect)
        _mark_calls(tokens)
        return tokens

    def parse(self, sql: str, **opts: Any) -> list[exp.Expr | None]:  # noqa: ANN401 - sqlglot's options
        trees = super().parse(sql, **opts)
        return [tree and _with_own_calls(tree) for tree in trees]


def _mark_calls(tokens: Sequence[Token]) -> None:
    """Put the comment behind each call of a function of rewrites/."""
    are_calls = []
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.token_type == TokenType.L_PAREN:
            are_calls.append(before is not None and before.text.lower() in FUNCTIONS)
        elif token.token_type == TokenType.R_PAREN and are_calls and are_calls.pop():
            token.comments.append(_KEPT)


def _with_own_calls(tree: exp.Expr) -> exp.Expr:
    """The tree with the marked calls, without their marks.

    sqlglot takes names for the arguments of a function that it does not know, which Trino does not.
    """
    for node in list(tree.walk()):
        if node.comments:
            node.comments = [comment for comment in node.comments if comment != _KEPT] or None
        functions = FUNCTIONS.get(node.name.lower()) if isinstance(node, exp.Anonymous) else None
        if functions is None or isinstance(node.parent, exp.Dot):
            continue
        if any(isinstance(argument, exp.Alias) for argument in node.expressions):
            raise ParseError(f"Expecting ) in the call of {node.name}, and not AS.")
        node.set("this", node.name.lower())
        if functions[0].is_aggregate:
            call = exp.AnonymousAggFunc(this=node.this, expressions=node.expressions)
            call.comments = node.comments
            call.meta.update(node.meta)
            tree = call if node is tree else tree
            node.replace(call)
    return tree
