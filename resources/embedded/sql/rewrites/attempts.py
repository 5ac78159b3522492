"""The rule for try."""

import re

from sqlglot import exp

from resources.embedded.sql.functions import Function
from resources.embedded.sql.rewrites.rule import NotSupportedError
from resources.embedded.sql.rewrites.template import from_template

_COMPUTED_BEFORE = (exp.AggFunc, exp.Filter, exp.Window)
_CAUGHT = ("DIVISION_BY_ZERO", "INVALID_CAST_ARGUMENT", "INVALID_FUNCTION_ARGUMENT", "NUMERIC_VALUE_OUT_OF_RANGE")


def _try(node: exp.Expr) -> exp.Expr:
    """The value, or NULL where it cannot be computed. Its parts are NULL where one of theirs is (see allowed.py).

    Example: ``try(1 / 0)`` is ``NULL``, ``try(7 / 2)`` is ``3``, and ``try(CAST('x' AS bigint) + 1)`` is ``NULL``.
    Example: ``try(9223372036854775807 + 1)`` is ``NULL``, and ``try(date_parse('x', '%Y'))`` is ``NULL``.
    Example: ``try(sum(1 / 0))`` fails with DIVISION_BY_ZERO.
    Source: "Conditional expressions", TRY, Trino documentation.
    """
    value = exp.paren(node.expressions[0], copy=True)
    # What an aggregate fails on is not caught: it is computed before.
    parts = list(value.walk(prune=lambda found: isinstance(found, _COMPUTED_BEFORE)))
    failures = [found for found in parts if isinstance(found, exp.Func) and found.sql("duckdb")[:6] == "ERROR("]
    is_refused = False
    for failure in failures:
        if re.match(rf"ERROR\('({'|'.join(_CAUGHT)}): ", failure.sql("duckdb")):
            failure.replace(exp.Null())
        else:
            is_refused = True
    if not is_refused and not value.find(exp.AggFunc):
        return from_template("TRY(:value)", value=value)
    if is_refused and value.find(exp.Add, exp.Sub, exp.Mul):
        raise NotSupportedError("try of arithmetic with a cast to this type")
    for cast in parts:
        if type(cast) is exp.Cast:
            cast.replace(exp.TryCast(this=cast.this, to=cast.to))
    return value


FUNCTIONS = (Function("try", ("any",), lambda call: exp.DataType.build(call.expressions[0].type or "UNKNOWN"), _try),)
