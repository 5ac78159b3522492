"""The parser of SELECT: its result is a tree that holds only what allowed.py allows.

planner.py finds the tables and columns.
"""

import re
from itertools import pairwise

import sqlglot
from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from resources.embedded.sql.allowed import require_allowed
from resources.embedded.sql.dialect import EmbeddedTrino
from resources.embedded.sql.errors import not_supported
from resources.embedded.sql.query_checks import require_no_mistakes
from resources.embedded.sql.statements import Query
from resources.embedded.sql.syntax_checks import require_trino_syntax
from resources.embedded.sql.syntax_tree import syntax_tree
from resources.engine import QueryError


def parse_select(sql: str, text: str) -> Query:
    """The query `sql`, which is the statement `text` or stands in it."""
    sql = _with_plain_decimals(sql, text)
    tokens = sqlglot.tokenize(sql, read="trino")
    require_trino_syntax(tokens, text)
    tree = syntax_tree(sql, text, EmbeddedTrino)
    if isinstance(tree, exp.Values):
        tree = _selected(tree)
    if not isinstance(tree, exp.Query):
        raise not_supported(f"{tree.key.upper()} in this form", text)
    for subscript in tree.find_all(exp.Bracket):
        subscript.set("offset", 1)  # for errors, which show Athena's SQL
    require_no_mistakes(tree, text)
    require_allowed(tree, tokens, text)
    return Query(tree, text)


def _with_plain_decimals(sql: str, text: str) -> str:
    """The query with ``DECIMAL '1.50'`` written as ``1.50``, which is the same value; sqlglot reads it as a cast."""
    for kind, value in pairwise(sqlglot.tokenize(sql, read="athena")):
        if kind.token_type is TokenType.DECIMAL and value.token_type is TokenType.STRING:
            if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)", value.text):
                raise QueryError("INVALID_LITERAL", f"'{value.text}' is not a valid DECIMAL literal.", text)
            number = value.text if "." in value.text else f"{value.text}."
            width = value.end + 1 - kind.start
            sql = f"{sql[: kind.start]}{number:>{width}}{sql[value.end + 1 :]}"
    return sql


def _selected(values: exp.Values) -> exp.Select:
    """``VALUES 1, 2`` as a SELECT of all of its columns, which Trino names _col0, _col1 and so on."""
    order = values.args.get("order")
    values.set("order", None)
    names = [exp.to_identifier(f"_col{number}") for number, _ in enumerate(values.expressions[0].expressions)]
    values.set("alias", exp.TableAlias(this=exp.to_identifier("rows"), columns=names))
    select = exp.select("*").from_(values)
    select.set("order", order)
    for clause in ("limit", "offset"):
        select.set(clause, values.args.get(clause))
        values.set(clause, None)
    return select
