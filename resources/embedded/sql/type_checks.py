"""The types of a query's values, and which types may stand together: Trino refuses what DuckDB would cast silently.

Types are compared by family: ``dt = 20240301`` compares a varchar with a number, and is refused. type_inference.py
finds the type of each value; data_types.py has the name of a type in each language; rewrites/ has the computations.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from sqlglot import exp
from sqlglot.optimizer.annotate_types import TypeAnnotator

from resources.embedded.sql.decimal_types import DecimalTypeError, LiteralError
from resources.embedded.sql.errors import athena_sql
from resources.embedded.sql.functions import Function
from resources.embedded.sql.type_inference import kind_of, with_inferred_types
from resources.engine import QueryError

_CALLS: tuple[type[exp.Expr], ...] = (exp.Anonymous, exp.AnonymousAggFunc)

_FAMILIES: Mapping[object, str] = {
    **dict.fromkeys(exp.DataType.TEXT_TYPES, "varchar"),
    **dict.fromkeys(exp.DataType.NUMERIC_TYPES, "number"),
    **dict.fromkeys(exp.DataType.TEMPORAL_TYPES, "date or timestamp"),
    exp.DType.BOOLEAN: "boolean",
    exp.DType.INTERVAL: "interval",
    exp.DType.ARRAY: "array",
    exp.DType.IPADDRESS: "ipaddress",
    exp.DType.JSON: "json",
    exp.DType.MAP: "map",
}
"""By kind of type, the types that Trino lets stand together, by one name."""

COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ)


Functions = Mapping[str, Sequence[Function]]
"""By Trino's name, the functions that have a rule of their own (rewrites/functions.py)."""


def with_types(tree: exp.Expr, schema: dict[str, object], functions: Functions, text: str) -> exp.Expr:
    """The tree with the type of each value. Raises QueryError if Trino does not let values stand together."""
    calls = {kind: {"annotator": partial(_annotate_call, functions)} for kind in _CALLS}
    try:
        tree = with_inferred_types(tree, schema, calls)
    except DecimalTypeError as error:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f"{error}.", text) from None
    except LiteralError as error:
        raise QueryError("INVALID_LITERAL", f"{error}.", text) from None
    for node in tree.walk():
        if isinstance(node, _CALLS):
            _require_function(node, functions, text)
        if mistyped := _mistyped_argument(node):
            wanted, value = mistyped
            problem = f"{athena_sql(value)} is no {wanted} in: {athena_sql(node)}. CAST it, or write another constant."
            raise QueryError("TYPE_MISMATCH", problem, text)
        for families in _families_to_agree(node):
            known = sorted(family for family in families if family is not None)
            if len(known) > 1:
                raise _mismatch(node, known, text)
    return tree


def function_of(call: exp.Expr, functions: Functions) -> Function | None:
    """The function that a typed call means; None where no function of its name takes such arguments."""
    arguments = call.expressions
    for function in functions.get(call.name.lower(), ()):
        wanted = [function.parameter(position) for position, _ in enumerate(arguments)]
        if function.takes(len(arguments)) and all(map(_fits, arguments, wanted)):
            return function
    return None


def _fits(value: exp.Expr, wanted: str) -> bool:
    """Whether a value may be what a parameter takes. A value of an unknown type may be anything."""
    if isinstance(value, exp.Lambda) or wanted == "function":
        return isinstance(value, exp.Lambda) and wanted == "function"
    family = type_family(value)
    if family is None or wanted == "any":
        return True
    if wanted == "integer":
        return is_integer(value)
    return family == wanted


def _annotate_call(functions: Functions, annotator: TypeAnnotator, call: exp.Expr) -> None:
    function = function_of(call, functions)
    found = function.returns if function else "UNKNOWN"
    returned = found if isinstance(found, str) else found(call)
    annotator._set_type(call, exp.DataType.build(returned, dialect="trino"))


def _require_function(call: exp.Expr, functions: Functions, text: str) -> None:
    """Raise QueryError where no function of the call's name takes its arguments."""
    if call.name.lower() in functions and not function_of(call, functions):
        given = ", ".join(type_family(value) or "unknown" for value in call.expressions)
        expected = " or ".join(function.signature for function in functions[call.name.lower()])
        problem = f"Unexpected parameters ({given}) for function {call.name.lower()}. Expected: {expected}."
        raise QueryError("FUNCTION_NOT_FOUND", problem, text)


def is_integer(value: exp.Expr) -> bool:
    return kind_of(value.type) in exp.DataType.INTEGER_TYPES


def element_type(array: exp.Expr) -> exp.Expr:
    """A value that has the type of a typed array's elements."""
    kind = array.type
    element = exp.Var(this="element")
    element.type = kind.expressions[0] if kind and kind.expressions else exp.DataType.build("UNKNOWN")
    return element


def is_floating(value: exp.Expr) -> bool:
    return kind_of(value.type) in (exp.DType.DOUBLE, exp.DType.FLOAT)


def type_family(value: exp.Expr | None) -> str | None:
    """The types that Trino lets stand together with the value's, by one name; None if the type is not known."""
    if value is None or isinstance(value, exp.Null):
        return None
    return _FAMILIES.get(kind_of(value.type))


def _mismatch(node: exp.Expr, families: list[str], text: str) -> QueryError:
    where = f"the columns of a {node.key.upper()}" if isinstance(node, exp.SetOperation) else athena_sql(node)
    return QueryError(
        "TYPE_MISMATCH",
        f"values of type {' and '.join(families)} are put together in: {where}. Write constants in the column's type, "
        "or CAST one of the values.",
        text,
    )


_FIRST_ARGUMENTS: Mapping[type[exp.Expr], str] = {
    kind: name
    for name, kinds in (
        ("varchar", (exp.Length, exp.Lower, exp.Pad, exp.RegexpExtract, exp.RegexpReplace, exp.Replace)),
        ("varchar", (exp.Split, exp.SplitPart, exp.StartsWith, exp.StrPosition, exp.StrToTime, exp.Substring)),
        ("varchar", (exp.Translate, exp.Trim, exp.Upper)),
        ("number", (exp.Abs, exp.Avg, exp.Ceil, exp.Exp, exp.Floor, exp.Ln, exp.Pow, exp.Round, exp.Sqrt)),
        ("number", (exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Sum, exp.Trunc, exp.UnixToTime, exp.Variance)),
        ("number", (exp.VariancePop, exp.Neg)),
        ("date or timestamp", (exp.DateAdd, exp.DateDiff, exp.DateTrunc, exp.Day, exp.DayOfMonth, exp.DayOfWeekIso)),
        ("date or timestamp", (exp.DayOfYear, exp.Hour, exp.LastDay, exp.Minute, exp.Month, exp.Quarter, exp.Second)),
        ("date or timestamp", (exp.TimeToStr, exp.TimeToUnix, exp.TimestampTrunc, exp.WeekOfYear, exp.Year)),
        ("boolean", (exp.CountIf, exp.Having, exp.LogicalAnd, exp.LogicalOr, exp.Not, exp.Where)),
    )
    for kind in kinds
}
"""The type family of the first argument of functions and clauses. DuckDB would cast others to it, where it can."""

_OTHER_ARGUMENTS: Mapping[type[exp.Expr], tuple[tuple[str, str], ...]] = {
    exp.Chr: (("expressions", "integer"),),
    exp.DateAdd: (("expression", "integer"),),
    exp.Lag: (("offset", "integer"),),
    exp.Lead: (("offset", "integer"),),
    exp.Log: (("this", "number"), ("expression", "number")),
    exp.NthValue: (("offset", "integer"),),
    exp.Pad: (("expression", "integer"), ("fill_pattern", "varchar")),
    exp.Pow: (("expression", "number"),),
    exp.Replace: (("expression", "varchar"), ("replacement", "varchar")),
    exp.Round: (("decimals", "integer"),),
    exp.Split: (("expression", "varchar"),),
    exp.SplitPart: (("delimiter", "varchar"), ("part_index", "integer")),
    exp.StartsWith: (("expression", "varchar"),),
    exp.StrPosition: (("substr", "varchar"),),
    exp.Substring: (("start", "integer"), ("length", "integer")),
    exp.Translate: (("from_", "varchar"), ("to", "varchar")),
    **dict.fromkeys((exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor), (("this", "integer"), ("expression", "integer"))),
}
"""Of other arguments of functions: name and type family, or integer, which is a part of the numbers."""


def _mistyped_argument(node: exp.Expr) -> tuple[str, exp.Expr] | None:
    """The first argument of a function that is of another family than it takes, with what it takes."""
    for name, wanted in _OTHER_ARGUMENTS.get(type(node), ()):
        values = node.args.get(name)
        for value in values if isinstance(values, list) else [values]:
            family = type_family(value)
            if value is None or family is None:
                continue
            is_fraction = family == "number" and wanted == "integer" and not is_integer(value)
            if is_fraction or family != ("number" if wanted == "integer" else wanted):
                return wanted, value
    return None


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
            elif isinstance(node.this, exp.Tuple):
                for row in node.expressions:
                    fields = row.expressions if isinstance(row, exp.Tuple) else [row]
                    if len(fields) != len(node.this.expressions):
                        yield {f"row of {len(node.this.expressions)}", f"row of {len(fields)}"}
                    yield from (
                        {type_family(own), type_family(other)}
                        for own, other in zip(node.this.expressions, fields, strict=False)
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
        case exp.DPipe() if not any(side.is_type(exp.DType.ARRAY) for side in (node.this, node.expression)):
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
        case exp.Lag() | exp.Lead():
            yield {type_family(node.this), type_family(node.args.get("default"))}
        case exp.GroupConcat():
            listed = node.this.this if isinstance(node.this, exp.Order) else node.this
            yield {"varchar", type_family(listed)}
        case exp.ArrayToString():
            yield {"varchar", type_family(node.expression)}
        case exp.ApproxQuantile():
            yield {"number", type_family(node.this)}
        case exp.Values():
            rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in node.expressions]
            for column in zip(*rows, strict=False):
                yield set(map(type_family, column))
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
