"""The casts that Trino makes by itself where decimals are, written out: DuckDB would choose other types.

`coerce_operands` runs before the rules of a node. It refuses decimals wherever their type would not be known for
certain: in every function that is not named here.
Source: "TypeCoercion.java" of Trino.
"""

from collections.abc import Iterator, Sequence

from sqlglot import exp

from resources.embedded.sql.decimal_types import Decimal, as_decimal, common_decimal, decimal_of, has_decimals
from resources.embedded.sql.rewrites.rule import NotSupportedError
from resources.embedded.sql.rewrites.template import from_template
from resources.embedded.sql.type_checks import COMPARISONS, is_floating, is_integer

_OPERATORS = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)

_TAKE_DOUBLES = (exp.Exp, exp.Ln, exp.Log, exp.Pow, exp.Sqrt, exp.UnixToTime)
"""Functions that take doubles only, so that a decimal becomes one."""

_TAKE_ONE_TYPE = (exp.Array, exp.Coalesce, exp.Greatest, exp.Least)
"""Functions whose values all become of the type of the result."""

_HAVE_CONSTANTS = (exp.ApproxDistinct, exp.ApproxQuantile)
"""Functions of one value and of constants, which their rules read."""

_TAKE_DECIMALS = (
    *(exp.Alias, exp.All, exp.Any, exp.CTE, exp.Cube, exp.Distinct, exp.Exists, exp.Filter, exp.From, exp.Group),
    *(exp.GroupingSets, exp.IgnoreNulls, exp.Join),
    *(exp.Is, exp.Neg, exp.Order, exp.Ordered, exp.Paren, exp.Rollup, exp.Select, exp.Subquery, exp.Tuple, exp.Window),
    *(exp.Abs, exp.AnyValue, exp.ApproxDistinct, exp.ArgMax, exp.ArgMin, exp.ArrayAgg, exp.ArraySize, exp.Avg),
    *(exp.ArrayToString, exp.Bracket, exp.Cast, exp.Ceil, exp.Count, exp.FirstValue, exp.Floor, exp.LastValue),
    *(exp.Max, exp.Min, exp.NthValue, exp.Nullif, exp.Round, exp.Sign, exp.Sum, exp.Trunc, exp.TryCast),
    exp.Typeof,
)
"""Clauses and functions that take decimals as they are."""

_CALLS_TAKE_DECIMALS = ("element_at", "try")
"""The same of the functions of ../functions.py, by their names."""


def coerce_operands(node: exp.Expr) -> None:
    """Cast the operands of a node in place. Raises NotSupportedError where it is not known what Trino would do."""
    if isinstance(node, exp.SetOperation):
        _coerce_columns(node)
        return
    if isinstance(node, exp.Values):
        _coerce_rows([row.expressions if isinstance(row, exp.Tuple) else [row] for row in node.expressions])
        return
    if isinstance(node, exp.In) and isinstance(node.this, exp.Tuple) and not node.args.get("query"):
        _coerce_rows([row.expressions for row in (node.this, *node.expressions)])
        return
    if isinstance(node, exp.Case):
        _coerce_case(node)
        return
    if isinstance(node, exp.If) and isinstance(node.parent, exp.Case):
        return
    if isinstance(node.parent, _HAVE_CONSTANTS) and node.arg_key != "this":
        return
    if isinstance(node, (exp.Add, exp.Sub, exp.Mul)) and is_integer(node):
        _widen_integers(node)
        return
    values = list(node.iter_expressions()) if not isinstance(node, _HAVE_CONSTANTS) else [node.this]
    if not any(has_decimals(value.type) for value in values):
        return
    if isinstance(node, COMPARISONS) and isinstance(node.expression, (exp.All, exp.Any)):
        _require_same_kind([node.this, *node.expression.this.unnest().selects])
    elif isinstance(node, exp.In) and node.args.get("query"):
        fields = node.this.expressions if isinstance(node.this, exp.Tuple) else [node.this]
        for field, selected in zip(fields, node.args["query"].unnest().selects, strict=False):
            _require_same_kind([field, selected])
    elif isinstance(node, (*COMPARISONS, exp.Between, exp.In)):
        coerce_to_common(values)
    elif isinstance(node, _OPERATORS):
        if is_floating(node):
            coerce_to_common(values)
        elif decimal_of(node.type) is None:
            raise NotSupportedError("arithmetic with decimals and values of an unknown type (CAST them)")
    elif isinstance(node, _TAKE_DOUBLES):
        for value in values:
            value.replace(_cast_to_double(value))
    elif isinstance(node, _TAKE_ONE_TYPE):
        coerce_to_common(values)
    elif isinstance(node, exp.If):
        coerce_to_common([value for value in (node.args["true"], node.args.get("false")) if value])
    elif isinstance(node, (exp.Lag, exp.Lead)):
        default = node.args.get("default")
        if default and not isinstance(default, exp.Null) and decimal_of(default.type) != decimal_of(node.this.type):
            raise NotSupportedError("a default of another type than the value's (CAST one of them)")
    elif isinstance(node, exp.Unnest):
        if len(node.expressions) > 1:
            raise NotSupportedError("several arrays, one of them of decimals,")
    elif not isinstance(node, _TAKE_DECIMALS) and not _is_call_of(node, _CALLS_TAKE_DECIMALS):
        raise NotSupportedError("a decimal (CAST it to double)")


def _is_call_of(node: exp.Expr, names: Sequence[str]) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() in names


def _widen_integers(node: exp.Expr) -> None:
    """Cast integers to the wider type, since DuckDB has none of its own for literals: tinyint * 1000 fails there."""
    for value in (node.this, node.expression):
        if not isinstance(value, exp.Literal) and value.type != node.type and node.type:
            value.replace(from_template(f"CAST(:value AS {node.type.sql('duckdb')})", value=value))


def cast_to(value: exp.Expr, target: Decimal) -> exp.Expr:
    """The value as a decimal of this type, which has room for it."""
    if decimal_of(value.type) == target:
        return value
    new = from_template(f"CAST(:value AS {target.sql})", value=value)
    new.type = target.data_type
    return new


def as_double(value: exp.Expr) -> exp.Expr:
    """A decimal as a double: as near as doubles are; of 16 to 18 digits, the quotient of two doubles.

    DuckDB computes with doubles for all of them.
    Source: "DecimalConversions.java" of Trino.
    """
    found = decimal_of(value.type)
    if found is None:
        return value
    if found.precision <= 15:
        template = "CAST(:value AS DOUBLE)"
    elif found.precision <= 18:
        factor = f"CAST({10**found.scale} AS DECIMAL({found.scale + 1}, 0))"
        whole = f"CAST(CAST(:value AS DECIMAL(19, {found.scale})) * {factor} AS BIGINT)"
        template = f"CAST({whole} AS DOUBLE) / CAST({10**found.scale} AS DOUBLE)"
    else:
        template = "CAST(CAST(:value AS VARCHAR) AS DOUBLE)"
    new = exp.paren(from_template(template, value=value))
    new.type = exp.DataType.build("DOUBLE")
    return new


def _cast_to_double(value: exp.Expr) -> exp.Expr:
    return as_double(value) if decimal_of(value.type) else value


def _is_null(value: exp.Expr) -> bool:
    return isinstance(value.unalias().unnest(), exp.Null)


def _require_same_kind(values: Sequence[exp.Expr]) -> None:
    """Raise NotSupportedError where decimals are compared with doubles, or with values of an unknown type."""
    if any(decimal_of(value.type) for value in values):
        for value in values:
            if as_decimal(value.type) is None and not _is_null(value):
                raise NotSupportedError("a comparison of decimals with a subquery's doubles (CAST one of them)")


def coerce_to_common(values: Sequence[exp.Expr]) -> None:
    """Cast values to their common type: double if one is, else the decimal that has room for all."""
    for value, new in zip(values, _with_common_type(values), strict=True):
        if new is not value:
            value.replace(new)


def _with_common_type(values: Sequence[exp.Expr]) -> list[exp.Expr]:
    known = [value for value in values if not _is_null(value)]
    if not any(decimal_of(value.type) for value in known):
        if any(has_decimals(value.type) for value in known) and len({str(value.type) for value in known}) > 1:
            raise NotSupportedError("arrays of different decimals")
        return list(values)
    if any(not is_floating(value) and as_decimal(value.type) is None for value in known):
        raise NotSupportedError("decimals beside values of an unknown type (CAST them)")
    if any(map(is_floating, known)):
        return [_cast_to_double(value) for value in values]
    common = _common([found for value in known if (found := as_decimal(value.type))])
    return [cast_to(value, common) for value in values]


def _common(types: Sequence[Decimal]) -> Decimal:
    common = types[0]
    for found in types[1:]:
        common = common_decimal(common, found)
    return common


def _coerce_case(node: exp.Case) -> None:
    branches = node.args["ifs"]
    default = node.args.get("default")
    results = [*(branch.args["true"] for branch in branches), *([default] if default else [])]
    if any(has_decimals(value.type) for value in results):
        coerce_to_common(results)
    if node.this:
        compared = [node.this, *(branch.this for branch in branches)]
        if any(has_decimals(value.type) for value in compared):
            coerce_to_common(compared)


def _coerce_rows(rows: Sequence[Sequence[exp.Expr]]) -> None:
    for column in zip(*rows, strict=False):
        if any(has_decimals(value.type) for value in column):
            coerce_to_common(column)


def _coerce_columns(tree: exp.SetOperation) -> None:
    """Cast what the queries of a UNION, INTERSECT or EXCEPT select to the columns' common types."""
    queries = list(_branches(tree))
    for columns in zip(*(query.selects for query in queries), strict=False):
        if not any(has_decimals(column.type) for column in columns):
            continue
        values = [column.unalias() for column in columns]
        becomes_double = any(is_floating(value) for value in values)
        if becomes_double and any(query.args.get("distinct") for query in queries):
            raise NotSupportedError("decimals and doubles of SELECT DISTINCT (CAST them)")
        for column, value, new in zip(columns, values, _with_common_type(values), strict=True):
            if new is not value:
                value.replace(new) if value is not column else column.replace(exp.alias_(new, column.alias_or_name))
            column.type = new.type


def _branches(query: exp.Expr) -> Iterator[exp.Select]:
    """The SELECTs that a query's rows come from."""
    if isinstance(query, exp.Subquery):
        yield from _branches(query.this)
    elif isinstance(query, exp.SetOperation):
        yield from _branches(query.this)
        yield from _branches(query.expression)
    elif isinstance(query, exp.Select):
        yield query
