"""Infers the type of each value of a query as Trino does. sqlglot does most of it; here is where Trino differs.

decimal_types.py has the rules for decimals; type_checks.py says which types may stand together. The annotators here are
functions, because sqlglot's class may be compiled, and has no subclasses then.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from typing import Any

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.optimizer.annotate_types import TypeAnnotator
from sqlglot.schema import ensure_schema

from resources.embedded.sql.decimal_types import (
    INTEGER_DIGITS,
    OPERATORS,
    Decimal,
    LiteralError,
    as_decimal,
    checked,
    common_decimal,
    decimal_of,
    is_decimal_literal,
    literal_type,
    rounded_to_places_type,
    rounded_type,
    total_type,
    truncated_type,
)
from resources.embedded.sql.zoned_types import UTC, known_zone, literal_with_zone, zoned_type

AnyType = exp.DataType | exp.DType

_INTEGERS = list(INTEGER_DIGITS)
_MAX_INTEGER, _MAX_BIGINT = 2**31 - 1, 2**63 - 1


def with_inferred_types(
    tree: exp.Expr, schema: dict[str, object], calls: Mapping[type[exp.Expr], dict[str, Any]]
) -> exp.Expr:
    """The tree with the type of each value. `calls` says how sqlglot finds the types of functions of our own.

    Raises DecimalTypeError or LiteralError for a type that Trino has not.
    """
    of_sets: dict[str, Any] = {"annotator": _SetOperations()}
    metadata = dict[type[exp.Expr], Any](_TYPES_OF_RESULTS) | dict.fromkeys(_SET_OPERATIONS, of_sets) | dict(calls)
    return TypeAnnotator(ensure_schema(schema, dialect="athena"), expression_metadata=metadata).annotate(tree)


def _common_type(annotator: TypeAnnotator, type1: AnyType, type2: AnyType) -> AnyType:
    """The common type of two ("TypeCoercion.java" of Trino)."""
    if decimal_of(type1) is None and decimal_of(type2) is None:
        return annotator._maybe_coerce(type1, type2)
    for one, other in ((type1, type2), (type2, type1)):
        if kind_of(one) in (exp.DType.DOUBLE, exp.DType.FLOAT) and decimal_of(other):
            return one
        if kind_of(one) is exp.DType.NULL:
            return other
    left, right = as_decimal(type1), as_decimal(type2)
    return common_decimal(left, right).data_type if left and right else exp.DType.UNKNOWN


def _of_all(values: Callable[[exp.Expr], Sequence[exp.Expr]], by_sqlglot: dict[str, Any]) -> dict[str, Any]:
    """The type that is common to these values of a node. sqlglot finds it where none is a decimal."""

    def annotate(annotator: TypeAnnotator, node: exp.Expr) -> None:
        types = [value.type or exp.DType.UNKNOWN for value in values(node)]
        if not any(map(decimal_of, types)):
            by_sqlglot["annotator"](annotator, node)
            return
        is_unknown = any(kind_of(found) is exp.DType.UNKNOWN for found in types)
        common = exp.DType.UNKNOWN if is_unknown else reduce(partial(_common_type, annotator), types)
        if isinstance(node, exp.Array):
            common = exp.DataType(this=exp.DType.ARRAY, expressions=[exp.DataType.build(common)], nested=True)
        annotator._set_type(node, common)

    return {"annotator": annotate}


class _SetOperations:
    """The types of the columns of UNION, EXCEPT and INTERSECT. sqlglot finds them where none is a decimal."""

    def __init__(self) -> None:
        self._columns: dict[int, list[tuple[str, AnyType]]] = {}

    def __call__(self, annotator: TypeAnnotator, node: exp.Expr) -> None:
        left, right = (self._columns_of(operand.unnest()) for operand in (node.this, node.expression))
        found = annotator._setop_column_types.get(id(node), [])
        if any(decimal_of(kind) for _, kind in (*left, *right)) and len(left) == len(right):
            found = [
                (name, _common_type(annotator, one, other)) for (name, one), (_, other) in zip(left, right, strict=True)
            ]
            annotator._setop_column_types[id(node)] = found
        self._columns[id(node)] = found
        annotator._set_type(node, exp.DType.UNKNOWN)

    def _columns_of(self, operand: exp.Expr) -> list[tuple[str, AnyType]]:
        if isinstance(operand, exp.SetOperation):
            return self._columns.get(id(operand), [])
        selects = operand.selects if isinstance(operand, exp.Query) else []
        return [(found.alias_or_name, found.type or exp.DType.UNKNOWN) for found in selects]


def _annotate_values(annotator: TypeAnnotator, node: exp.Expr) -> None:
    """In each column of VALUES, decimals have their common type."""
    for column in zip(*(row.expressions for row in node.expressions), strict=False):
        types = [value.type or exp.DType.UNKNOWN for value in column]
        if any(map(decimal_of, types)):
            common = reduce(partial(_common_type, annotator), types)
            for value in column:
                annotator._set_type(value, common)
    annotator._set_type(node, exp.DType.UNKNOWN)


def kind_of(data_type: AnyType | None) -> object:
    """What a type is, without its parameters."""
    return data_type.this if isinstance(data_type, exp.DataType) else data_type


def _annotate_literal(annotator: TypeAnnotator, node: exp.Expr) -> None:
    if is_decimal_literal(node):
        annotator._set_type(node, literal_type(node.name).data_type)
        return
    annotator._set_type(node, exp.DType.VARCHAR if node.is_string else exp.DType.DOUBLE)
    if node.is_int:
        # A minus belongs to the literal.
        value, lowest = int(node.name), int(isinstance(node.parent, exp.Neg))
        if value > _MAX_BIGINT + lowest:
            raise LiteralError(f"Invalid numeric literal: {node.name}")
        annotator._set_type(node, exp.DType.INT if value <= _MAX_INTEGER + lowest else exp.DType.BIGINT)


def _annotate_operator(annotator: TypeAnnotator, node: exp.Expr) -> None:
    """The type of an operator's result: of integers the wider one, and decimals' own rules."""
    types = [node.this.type, node.expression.type]
    kinds = list(map(kind_of, types))
    left, right = map(as_decimal, types)
    if any(map(decimal_of, types)):
        if left and right:
            annotator._set_type(node, OPERATORS[type(node)](left, right).data_type)
        elif exp.DType.DOUBLE in kinds:
            annotator._set_type(node, exp.DType.DOUBLE)
        else:
            annotator._set_type(node, exp.DType.UNKNOWN)
    elif all(kind in _INTEGERS for kind in kinds):
        annotator._set_type(node, next(kind for kind in reversed(_INTEGERS) if kind in kinds))
    elif isinstance(node, exp.Div):
        annotator._annotate_div(node)
    elif isinstance(node, exp.Binary):
        annotator._annotate_binary(node)


def _of_value(
    of_decimal: Callable[[Decimal], Decimal], of_integer: exp.DType | None = None, of_other: exp.DType | None = None
) -> dict[str, Any]:
    """The type of a function of one value. Other types than those that are given stay."""

    def annotate(annotator: TypeAnnotator, node: exp.Expr) -> None:
        value = node.this.type
        if found := decimal_of(value):
            annotator._set_type(node, of_decimal(found).data_type)
        elif kind_of(value) in _INTEGERS and of_integer:
            annotator._set_type(node, of_integer)
        elif of_other and kind_of(value) is not exp.DType.UNKNOWN:
            annotator._set_type(node, of_other)
        else:
            annotator._set_type(node, value)

    return {"annotator": annotate}


def _annotate_round(annotator: TypeAnnotator, node: exp.Expr) -> None:
    found = decimal_of(node.this.type)
    rounded = rounded_to_places_type if node.args.get("decimals") else rounded_type
    annotator._set_type(node, rounded(found).data_type if found else node.this.type)


def _annotate_truncate(annotator: TypeAnnotator, node: exp.Expr) -> None:
    found = as_decimal(node.this.type)
    if found is None:
        annotator._set_type(node, exp.DType.DOUBLE)
    else:
        annotator._set_type(node, (found if node.args.get("decimals") else truncated_type(found)).data_type)


def _annotate_cast(annotator: TypeAnnotator, node: exp.Expr) -> None:
    """A literal such as ``TIMESTAMP '2024-03-01 00:00:00 UTC'`` has its zone in its text."""
    target = node.args["to"]
    if target.is_type(exp.DType.TIMESTAMPTZ) and node.this.is_string:
        digits = target.expressions[0].name if target.expressions else "3"
        target = zoned_type(literal_with_zone(node.this.name)[1] or UTC, int(digits))
    found = decimal_of(target)
    is_text = kind_of(target) is exp.DType.VARCHAR
    annotator._set_type(node, checked(found).data_type if found else exp.DType.VARCHAR if is_text else target)


def _annotate_zone(annotator: TypeAnnotator, node: exp.Expr) -> None:
    """Note the zone of a time in its type."""
    zone = node.args.get("zone")
    known = known_zone(zone.name) if zone is not None and zone.is_string else None
    annotator._set_type(node, zoned_type(known or UTC))


def _annotate_concatenation(annotator: TypeAnnotator, node: exp.Expr) -> None:
    """Texts give a text, and arrays an array."""
    annotator._set_type(node, node.this.type if node.this.is_type(exp.DType.ARRAY) else exp.DType.VARCHAR)


def _annotate_subscript(annotator: TypeAnnotator, node: exp.Expr) -> None:
    """An element has the type of an array's elements, or of a map's values."""
    kind = node.this.type
    annotator._set_type(node, kind.expressions[-1] if kind and kind.expressions else exp.DType.UNKNOWN)


def _annotate_unnest(annotator: TypeAnnotator, node: exp.Expr) -> None:
    """Each array gives a column of its elements, each map two, of its keys and values, and the ordinality one."""
    columns = node.args["alias"].columns if node.args.get("alias") else []
    kinds = [
        part
        for value in node.expressions
        for part in (value.type.expressions if value.type else []) or [exp.DataType.build("UNKNOWN")]
    ]
    named = [*zip(columns, kinds, strict=False)]
    if isinstance(node.args.get("offset"), exp.Identifier):
        named.append((node.args["offset"], exp.DataType.build("BIGINT")))
    fields = [exp.ColumnDef(this=name.copy(), kind=kind.copy()) for name, kind in named]
    annotator._set_type(node, exp.DataType(this=exp.DType.STRUCT, expressions=fields, nested=True))


def _annotate_as_this(annotator: TypeAnnotator, node: exp.Expr) -> None:
    """The result has the type of the first argument, with its zone."""
    annotator._set_type(node, node.this.type)


def _annotate_percentile(annotator: TypeAnnotator, node: exp.Expr) -> None:
    value = node.this.type
    if isinstance(node.args["quantile"], exp.Array) and isinstance(value, exp.DataType):
        value = exp.DataType(this=exp.DType.ARRAY, expressions=[value.copy()], nested=True)
    annotator._set_type(node, value)


def _returns(returned: exp.DType, *kinds: type[exp.Expr]) -> dict[type[exp.Expr], Any]:
    return {kind: {"returns": returned} for kind in kinds}


def _arguments(node: exp.Expr) -> Sequence[exp.Expr]:
    return [value for value in (node.this, *node.expressions) if isinstance(value, exp.Expr)]


def _results(node: exp.Expr) -> Sequence[exp.Expr]:
    """What a CASE or an IF may give."""
    branches = [branch.args["true"] for branch in node.args.get("ifs") or [node]]
    otherwise = node.args.get("default") or node.args.get("false")
    return [*branches, *([otherwise] if otherwise else [])]


def _value_and_default(node: exp.Expr) -> Sequence[exp.Expr]:
    return [value for value in (node.this, node.args.get("default")) if value]


_OF_SQLGLOT = Dialect.get_or_raise("athena").EXPRESSION_METADATA
_SET_OPERATIONS = (exp.Union, exp.Except, exp.Intersect)

_TYPES_OF_RESULTS: dict[type[exp.Expr], Any] = {
    **_OF_SQLGLOT,
    **{kind: _of_all(_arguments, _OF_SQLGLOT[kind]) for kind in (exp.Array, exp.Coalesce, exp.Greatest, exp.Least)},
    **{kind: _of_all(_results, _OF_SQLGLOT[kind]) for kind in (exp.Case, exp.If)},
    **{kind: _of_all(_value_and_default, _OF_SQLGLOT[kind]) for kind in (exp.Lag, exp.Lead)},
    exp.Values: {"annotator": _annotate_values},
    **_returns(exp.DType.VARCHAR, exp.Pad, exp.RegexpExtract, exp.RegexpReplace, exp.Replace, exp.Reverse),
    **_returns(exp.DType.VARCHAR, exp.SplitPart, exp.Translate, exp.Typeof),
    **_returns(exp.DType.BIGINT, exp.Count, exp.DateDiff, exp.Day, exp.DayOfMonth, exp.DayOfWeekIso, exp.DayOfYear),
    **_returns(exp.DType.BIGINT, exp.Extract, exp.Hour, exp.Minute, exp.Month, exp.Quarter, exp.Second),
    **_returns(exp.DType.BIGINT, exp.WeekOfYear, exp.Year),
    **_returns(exp.DType.DOUBLE, exp.TimeToUnix),
    **_returns(exp.DType.INT, exp.Grouping),
    **_returns(exp.DType.DATE, exp.FromISO8601Date),
    **_returns(exp.DType.TIMESTAMPTZ, exp.CurrentTimestamp),
    **_returns(exp.DType.TIMESTAMP, exp.Localtimestamp),
    **{kind: {"annotator": _annotate_zone} for kind in (exp.AtTimeZone, exp.UnixToTime)},
    **{kind: {"annotator": _annotate_as_this} for kind in (exp.DateAdd, exp.DateTrunc, exp.TimestampTrunc)},
    exp.Bracket: {"annotator": _annotate_subscript},
    exp.DPipe: {"annotator": _annotate_concatenation},
    exp.Unnest: {"annotator": _annotate_unnest},
    **{kind: {"annotator": _annotate_operator} for kind in OPERATORS},
    **{kind: {"annotator": _annotate_cast} for kind in (exp.Cast, exp.TryCast)},
    **dict.fromkeys((exp.Ceil, exp.Floor), _of_value(rounded_type)),
    exp.ApproxQuantile: {"annotator": _annotate_percentile},
    exp.Avg: _of_value(lambda value: value, exp.DType.DOUBLE, exp.DType.DOUBLE),
    exp.Literal: {"annotator": _annotate_literal},
    exp.Round: {"annotator": _annotate_round},
    exp.Sign: _of_value(lambda _: Decimal(1, 0)),
    exp.Split: {"annotator": lambda self, node: self._set_type(node, exp.DataType.build("ARRAY<VARCHAR>"))},
    exp.Sum: _of_value(total_type, exp.DType.BIGINT),
    exp.Trunc: {"annotator": _annotate_truncate},
    **{
        kind: {"annotator": lambda self, node: self._annotate_by_args(node, "this")}
        for kind in (exp.ArgMax, exp.ArgMin, exp.Nullif)
    },
}
"""The types of functions' results, where sqlglot has none or another engine's."""
