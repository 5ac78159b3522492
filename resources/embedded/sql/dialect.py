"""sqlglot's dialect for queries: Trino's, in which the functions of rewrites/ keep their names."""

from collections.abc import Callable
from functools import partial
from typing import Any

from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.parsers.athena import AthenaTrinoParser

from resources.embedded.sql.rewrites.all_functions import FUNCTIONS


def _call(kind: type[exp.Expr], name: str, arguments: list[exp.Expr]) -> exp.Expr:
    return kind(this=name, expressions=arguments)


_OWN: dict[str, Callable[..., Any]] = {
    name.upper(): partial(_call, exp.AnonymousAggFunc if functions[0].is_aggregate else exp.Anonymous, name)
    for name, functions in FUNCTIONS.items()
}


class _Parser(AthenaTrinoParser):
    FUNCTIONS = {**AthenaTrinoParser.FUNCTIONS, **_OWN}  # noqa: RUF012 - sqlglot declares it so


class EmbeddedTrino(Trino):
    """Trino's dialect, in which a call of one of rewrites/functions.py is `Anonymous`, or `AnonymousAggFunc`."""

    INDEX_OFFSET = 0  # a subscript is what the query says
    Parser = _Parser
