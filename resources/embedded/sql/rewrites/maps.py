"""Rules for maps. Their keys are texts, exact numbers, truth values, dates, times or addresses."""

from sqlglot import exp

from resources.embedded.sql.functions import Function
from resources.embedded.sql.rewrites.rule import NotSupportedError, Rules
from resources.embedded.sql.rewrites.template import from_template
from resources.embedded.sql.type_checks import element_type, is_floating, type_family

_KEYS = frozenset(("varchar", "number", "boolean", "date or timestamp"))


def _map(node: exp.Expr) -> exp.Expr:
    """A map of an array of keys and one of values. A key that comes twice, or is NULL, is a mistake.

    Example: ``map(ARRAY['a', 'b'], ARRAY[1, 2])['b']`` is ``2``.
    Example: ``map(ARRAY['a', 'a'], ARRAY[1, 2])`` fails with INVALID_FUNCTION_ARGUMENT.
    Source: "Map functions and operators", Trino documentation; "MapConstructor.java" of Trino.
    """
    keys, values = node.expressions
    _require_key(element_type(keys))
    return from_template("map_of_arrays(:names, :items)", names=keys, items=values)


def _element_at(node: exp.Expr) -> exp.Expr:
    """The value of a key; NULL where there is none.

    Example: ``element_at(map(ARRAY['a'], ARRAY[1]), 'b')`` is ``NULL``.
    Source: "Map functions and operators", Trino documentation.
    """
    mapping, key = node.expressions
    return from_template("map_extract_value(:x, :key)", x=mapping, key=key)


def _keys(node: exp.Expr) -> exp.Expr:
    """The keys of a map, as an array.

    Example: ``array_join(map_keys(map(ARRAY['a', 'b'], ARRAY[1, 2])), ',')`` is ``'a,b'``.
    Source: "Map functions and operators", Trino documentation.
    """
    return from_template("map_keys(:x)", x=node.expressions[0])


def _values(node: exp.Expr) -> exp.Expr:
    """The values of a map, as an array.

    Example: ``array_join(map_values(map(ARRAY['a', 'b'], ARRAY[1, 2])), ',')`` is ``'1,2'``.
    Source: "Map functions and operators", Trino documentation.
    """
    return from_template("map_values(:x)", x=node.expressions[0])


def _cardinality(node: exp.Expr) -> exp.Expr:
    """The number of a map's keys, as a bigint; DuckDB's number has no sign.

    Example: ``cardinality(map(ARRAY['a', 'b'], ARRAY[1, 2])) - 3`` is ``-1``.
    Source: "Map functions and operators", Trino documentation.
    """
    if not node.this.is_type(exp.DType.MAP):
        return node
    return from_template("CAST(cardinality(:x) AS BIGINT)", x=node.this)


def _map_agg(node: exp.Expr) -> exp.Expr:
    """A map of all keys and values, the first value of each key. DuckDB takes no key twice.

    Example: ``map_agg(k, v)['a'] FROM (VALUES ('a', 1), (NULL, 2)) AS t (k, v)`` is ``1``.
    Source: "Map functions and operators", Trino documentation; "MapAggAggregationFunction.java" of Trino.
    """
    _require_plain(node)
    key, value = node.expressions
    _require_key(key)
    template = "map_of_lists(list(:key) FILTER (WHERE :key IS NOT NULL), list(:item) FILTER (WHERE :key IS NOT NULL))"
    return from_template(template, key=key, item=value)


def _histogram(node: exp.Expr) -> exp.Expr:
    """A map of the values, but NULL, with their numbers.

    Example: ``histogram(x)['a'] FROM (VALUES 'a', 'b', 'a', NULL) AS t (x)`` is ``2``.
    Source: "Map functions and operators", Trino documentation.
    """
    _require_plain(node)
    (value,) = node.expressions
    _require_key(value)
    kind = exp.DataType.build(value.type or "UNKNOWN").sql("duckdb")
    return from_template(f"CAST(histogram(:x) AS MAP({kind}, BIGINT))", x=value)


def _require_plain(call: exp.Expr) -> None:
    if isinstance(call.parent, (exp.Filter, exp.Window)) or any(
        isinstance(argument, (exp.Distinct, exp.Order)) for argument in call.expressions
    ):
        raise NotSupportedError(f"{call.name.lower()} with FILTER, OVER, DISTINCT or ORDER BY")


def _require_key(key: exp.Expr) -> None:
    if type_family(key) not in _KEYS or is_floating(key):
        raise NotSupportedError("a map whose keys are not texts, exact numbers, truth values, dates or times")


def _map_type(key: exp.Expr, value: exp.Expr) -> exp.DataType:
    kinds = [exp.DataType.build(part.type or "UNKNOWN", copy=True) for part in (key, value)]
    return exp.DataType(this=exp.DType.MAP, expressions=kinds, nested=True)


def _type_of_map(call: exp.Expr) -> exp.DataType:
    keys, values = call.expressions
    return _map_type(element_type(keys), element_type(values))


def _type_of_map_agg(call: exp.Expr) -> exp.DataType:
    return _map_type(*call.expressions)


def _type_of_histogram(call: exp.Expr) -> exp.DataType:
    number = exp.Literal.number(0)
    number.type = exp.DataType.build("BIGINT")
    return _map_type(call.expressions[0], number)


def _part(call: exp.Expr, position: int) -> exp.DataType:
    kind = call.expressions[0].type
    return kind.expressions[position] if kind and len(kind.expressions) == 2 else exp.DataType.build("UNKNOWN")


def _array_of(kind: exp.DataType) -> exp.DataType:
    return exp.DataType(this=exp.DType.ARRAY, expressions=[kind.copy()], nested=True)


RULES: Rules = {exp.ArraySize: _cardinality}

FUNCTIONS = (
    Function("element_at", ("map", "any"), lambda call: _part(call, 1), _element_at),
    Function("histogram", ("any",), _type_of_histogram, _histogram, is_aggregate=True),
    Function("map", ("array", "array"), _type_of_map, _map),
    Function("map_agg", ("any", "any"), _type_of_map_agg, _map_agg, is_aggregate=True),
    Function("map_keys", ("map",), lambda call: _array_of(_part(call, 0)), _keys),
    Function("map_values", ("map",), lambda call: _array_of(_part(call, 1)), _values),
)
