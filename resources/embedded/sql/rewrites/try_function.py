"""The rule for try(), and the check of what it may hold."""

from sqlglot import exp

from resources.embedded.sql.rewrites.rule import NotSupportedError, Rules

_STRICT = (
    *(exp.Add, exp.Cast, exp.Div, exp.Mod, exp.Mul, exp.Neg, exp.Paren, exp.Sub, exp.TryCast),
    *(exp.AggFunc, exp.Boolean, exp.Column, exp.Filter, exp.Literal, exp.Null, exp.Window),
)
"""What is NULL where an operand is; and aggregates, whose operands are computed before try() is."""

_COMPUTED_BEFORE = (exp.AggFunc, exp.Filter, exp.Window)


def require_strict(node: exp.Try) -> None:
    """Raise NotSupportedError for an operand in which a failure would not make the whole value NULL."""
    for part in node.this.walk(prune=lambda found: isinstance(found, (*_COMPUTED_BEFORE, exp.Column, exp.DataType))):
        if not isinstance(part, (*_STRICT, exp.DataType)):
            raise NotSupportedError("try with anything but arithmetic and casts")


def _try(node: exp.Expr) -> exp.Expr:
    """A division by zero or a cast that fails is NULL in try(). What an aggregate fails on is not.

    Example: ``try(1 / 0)`` is ``NULL``, ``try(1 / 0 + 1)`` is ``NULL``, and ``try(CAST('7' AS bigint))`` is ``7``.
    Example: ``try(sum(1 / 0))`` fails with DIVISION_BY_ZERO.
    Source: "Conditional expressions", TRY, Trino documentation.
    """
    operand = exp.paren(node.this.copy())
    parts = operand.walk(prune=lambda found: isinstance(found, _COMPUTED_BEFORE))
    for part in [part for part in parts if isinstance(part, (exp.Anonymous, exp.Cast))]:
        if isinstance(part, exp.Cast):
            part.replace(exp.TryCast(this=part.this, to=part.args["to"]))
        elif part.name == "error" and not _message(part).startswith("NOT_SUPPORTED"):
            part.replace(exp.Null())
    return operand


def _message(call: exp.Expr) -> str:
    """How the message of a call of DuckDB's error() begins."""
    text = call.find(exp.Literal)
    return text.name if text else ""


RULES: Rules = {exp.Try: _try}
