"""The types of a query's values, and which types may stand together: Trino refuses what DuckDB would cast silently.

Types are compared by family: ``dt = 20240301`` compares a varchar with a number, and is refused. data_types.py has the
name of a type in each language; rewrites/ has the computations.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.optimizer.annotate_types import annotate_types

from resources.embedded.sql.errors import athena_sql
from resources.engine import QueryError

COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ)


def with_types(tree: exp.Expr, schema: dict[str, object], text: str) -> exp.Expr:
    """The tree with the type of each value. Raises QueryError if Trino does not let values stand together."""
    tree = annotate_types(tree, schema=schema, expression_metadata=_TYPES_OF_RESULTS, dialect="athena")
    for element in tree.find_all(exp.Bracket):
        if isinstance(element.this, exp.Split):
            element.type = exp.DataType.build("VARCHAR")
    for node in tree.walk():
        for families in _families_to_agree(node):
            known = sorted(family for family in families if family is not None)
            if len(known) > 1:
                raise _mismatch(node, known, text)
    return tree


def is_integer(value: exp.Expr) -> bool:
    return value.is_type(*exp.DataType.INTEGER_TYPES)


def is_floating(value: exp.Expr) -> bool:
    return value.is_type(exp.DType.DOUBLE, exp.DType.FLOAT)


def type_family(value: exp.Expr | None) -> str | None:
    """The types that Trino lets stand together with the value's, by one name; None if the type is not known."""
    if value is None or value.type is None or isinstance(value, exp.Null):
        return None
    if value.is_type(*exp.DataType.TEXT_TYPES):
        return "varchar"
    if value.is_type(*exp.DataType.NUMERIC_TYPES):
        return "number"
    if value.is_type(*exp.DataType.TEMPORAL_TYPES):
        return "date or timestamp"
    if value.is_type(exp.DType.BOOLEAN):
        return "boolean"
    if value.is_type(exp.DType.INTERVAL):
        return "interval"
    return None


def _mismatch(node: exp.Expr, families: list[str], text: str) -> QueryError:
    where = f"the columns of a {node.key.upper()}" if isinstance(node, exp.SetOperation) else athena_sql(node)
    return QueryError(
        "TYPE_MISMATCH",
        f"values of type {' and '.join(families)} are put together in: {where}. Write constants in the column's type, "
        "or CAST one of the values.",
        text,
    )


def _returns(returned: exp.DType, *kinds: type[exp.Expr]) -> dict[type[exp.Expr], Any]:
    return {kind: {"returns": returned} for kind in kinds}


_TYPES_OF_RESULTS: dict[type[exp.Expr], Any] = {
    **Dialect.get_or_raise("athena").EXPRESSION_METADATA,
    **_returns(exp.DType.VARCHAR, exp.Pad, exp.RegexpExtract, exp.RegexpReplace, exp.Replace, exp.Reverse),
    **_returns(exp.DType.VARCHAR, exp.SplitPart, exp.Translate),
    **_returns(exp.DType.BIGINT, exp.DateDiff, exp.Hour, exp.Minute, exp.Second, exp.Quarter),
    **_returns(exp.DType.DOUBLE, exp.TimeToUnix),
    **_returns(exp.DType.DATE, exp.FromISO8601Date),
    **{
        kind: {"annotator": lambda self, node: self._annotate_by_args(node, "this")}
        for kind in (
            *(exp.ArgMax, exp.ArgMin, exp.ApproxQuantile, exp.DateTrunc, exp.TimestampTrunc),
            *(exp.Ceil, exp.Floor, exp.Round, exp.Trunc),
        )
    },
}
"""The types of functions' results, as `annotate_types` takes them, where sqlglot has none or another engine's."""

_FIRST_ARGUMENTS: Mapping[type[exp.Expr], str] = {
    kind: name
    for name, kinds in (
        ("varchar", (exp.Length, exp.Lower, exp.Pad, exp.RegexpExtract, exp.RegexpReplace, exp.Replace, exp.Reverse)),
        ("varchar", (exp.Split, exp.SplitPart, exp.StartsWith, exp.StrPosition, exp.StrToTime, exp.Substring)),
        ("varchar", (exp.Translate, exp.Trim, exp.Upper)),
        ("number", (exp.Abs, exp.Avg, exp.Ceil, exp.Exp, exp.Floor, exp.Ln, exp.Pow, exp.Round, exp.Sqrt)),
        ("number", (exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Sum, exp.Trunc, exp.UnixToTime, exp.Variance)),
        ("number", (exp.VariancePop, exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor, exp.Neg)),
        ("date or timestamp", (exp.DateAdd, exp.DateDiff, exp.DateTrunc, exp.Day, exp.DayOfMonth, exp.DayOfWeekIso)),
        ("date or timestamp", (exp.DayOfYear, exp.Hour, exp.LastDay, exp.Minute, exp.Month, exp.Quarter, exp.Second)),
        ("date or timestamp", (exp.TimeToStr, exp.TimeToUnix, exp.TimestampTrunc, exp.WeekOfYear, exp.Year)),
        ("boolean", (exp.CountIf, exp.Having, exp.LogicalAnd, exp.LogicalOr, exp.Not, exp.Where)),
    )
    for kind in kinds
}
"""The type family of the first argument of functions and clauses. DuckDB would cast others to it, where it can."""


def _families_to_agree(node: exp.Expr) -> Iterator[set[str | None]]:
    """For each group of values in a node that Trino wants of one family: the families that they have.

    For example, ``dt = 1`` gives ``{"varchar", "number"}``, which is a mistake.
    """
    if type(node) in _FIRST_ARGUMENTS:
        yield {_FIRST_ARGUMENTS[type(node)], type_family(node.this)}
    match node:
        case exp.In():
            query = node.args.get("query")
            selected = query.unnest().selects if query else []
            if isinstance(node.this, exp.Tuple) and selected:
                # A row is compared field by field.
                yield from (
                    {type_family(own), type_family(other)}
                    for own, other in zip(node.this.expressions, selected, strict=False)
                )
            else:
                yield {type_family(node.this), *map(type_family, node.expressions), *map(type_family, selected)}
        case exp.Between():
            yield {type_family(node.this), type_family(node.args["low"]), type_family(node.args["high"])}
        case exp.Binary() if isinstance(node, COMPARISONS):
            yield {type_family(node.this), type_family(_compared(node.expression))}
        case exp.Nullif():
            yield {type_family(node.this), type_family(node.expression)}
        case exp.Add() | exp.Sub():
            families = {type_family(node.this), type_family(node.expression)}
            if "interval" in families:
                yield {"date or timestamp", *(families - {"interval"})}
            elif families != {"date or timestamp"}:
                yield {"number", *families}
        case exp.Mul() | exp.Div() | exp.Mod():
            yield {"number", type_family(node.this), type_family(node.expression)}
        case exp.DPipe():
            yield {"varchar", type_family(node.this), type_family(node.expression)}
        case exp.Concat():
            yield {"varchar", *map(type_family, node.expressions)}
        case exp.Like() | exp.RegexpLike():
            yield {"varchar", type_family(node.this), type_family(node.expression)}
        case exp.Case():
            branches = node.args["ifs"]
            yield {*(type_family(branch.args["true"]) for branch in branches), type_family(node.args.get("default"))}
            yield {
                type_family(node.this) if node.this else "boolean",
                *(type_family(branch.this) for branch in branches),
            }
        case exp.If() if not isinstance(node.parent, exp.Case):
            yield {"boolean", type_family(node.this)}
            yield {type_family(node.args["true"]), type_family(node.args.get("false"))}
        case exp.Coalesce() | exp.Greatest() | exp.Least():
            yield {type_family(node.this), *map(type_family, node.expressions)}
        case exp.Array():
            yield set(map(type_family, node.expressions))
        case exp.And() | exp.Or():
            yield {"boolean", type_family(node.this), type_family(node.expression)}
        case exp.Join() if node.args.get("on"):
            yield {"boolean", type_family(node.args["on"])}
        case exp.SetOperation():
            for left, right in zip(node.left.selects, node.right.selects, strict=False):
                yield {type_family(left), type_family(right)}


def _compared(value: exp.Expr) -> exp.Expr:
    """What a value is compared with. For a subquery behind ALL or ANY, that is its only column."""
    if isinstance(value, (exp.All, exp.Any)):
        selected: list[exp.Expr] = value.this.unnest().selects
        return selected[0] if selected else value
    return value
