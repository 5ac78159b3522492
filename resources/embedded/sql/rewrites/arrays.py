"""Rules for arrays. Comparisons of whole arrays are refused in comparisons.py; array_join is in text_functions.py."""

from sqlglot import exp

from resources.embedded.sql.functions import Function
from resources.embedded.sql.rewrites.rule import InvalidArgumentError, NotSupportedError, Rules
from resources.embedded.sql.rewrites.template import from_template
from resources.embedded.sql.type_checks import element_type, is_floating, is_integer, type_family

_COMPARED = frozenset(("varchar", "number", "boolean", "date or timestamp", "ipaddress"))

_DAYS = ("DAY", "WEEK")
_SHORTER = ("HOUR", "MINUTE", "SECOND")


def _element_at(node: exp.Expr) -> exp.Expr:
    """The element with an index, which is counted from the end if it is negative; NULL behind the end.

    Example: ``element_at(ARRAY['a', 'b'], -1)`` is ``'b'``, and ``element_at(ARRAY['a', 'b'], 3)`` is ``NULL``.
    Example: ``element_at(split('a-b', '-'), 0)`` fails with INVALID_FUNCTION_ARGUMENT.
    Source: "Array functions and operators", Trino documentation.
    """
    array, index = node.expressions
    template = (
        "list_extract(:x, CASE WHEN :index = 0 THEN "
        "error('INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1') ELSE :index END)"
    )
    return from_template("list_extract(:x, :index)" if _is_not_zero(index) else template, x=array, index=index)


def _is_not_zero(index: exp.Expr) -> bool:
    return index.is_int and index.to_py() != 0


def _subscript(node: exp.Expr) -> exp.Expr:
    """A subscript that there is no element for is a mistake; in an array, and as the key of a map. DuckDB gives NULL.

    Example: ``ARRAY['a', 'b'][2]`` is ``'b'``, and ``ARRAY['a', 'b'][3]`` fails with INVALID_FUNCTION_ARGUMENT.
    Example: ``map(ARRAY['a'], ARRAY[1])['b']`` fails with INVALID_FUNCTION_ARGUMENT.
    Source: "ArraySubscriptOperator.java" and "MapSubscriptOperator.java" of Trino.
    """
    (index,) = node.expressions
    if node.this.is_type(exp.DType.MAP):
        return from_template("element_of_map(:x, :key)", x=node.this, key=index)
    if not node.this.is_type(exp.DType.ARRAY):
        raise NotSupportedError("a subscript of a value of an unknown type")
    return from_template("element_of_array(:x, :index)", x=node.this, index=index)


def _contains(node: exp.Expr) -> exp.Expr:
    """Whether an array has an element; NULL where it has not, but has a NULL.

    Example: ``contains(ARRAY[1, 2], 2)`` is ``TRUE``, and ``contains(ARRAY[1, NULL], 2)`` is ``NULL``.
    Source: "ArrayContains.java" of Trino.
    """
    array, element = node.expressions
    _require_compared(array)
    _require_alike(array, element)
    return from_template("array_has_element(:x, :element)", x=array, element=element)


def _position(node: exp.Expr) -> exp.Expr:
    """The index of the first element that equals a value; 0 where there is none.

    Example: ``array_position(ARRAY['a', 'b'], 'b')`` is ``2``, and ``array_position(ARRAY['a'], 'b')`` is ``0``.
    Source: "Array functions and operators", Trino documentation.
    """
    array, element = node.expressions
    _require_compared(array)
    _require_alike(array, element)
    template = (
        "CASE WHEN :x IS NOT NULL AND :element IS NOT NULL "
        "THEN CAST(coalesce(list_position(:x, :element), 0) AS BIGINT) END"
    )
    return from_template(template, x=array, element=element)


def _remove(node: exp.Expr) -> exp.Expr:
    """The array without the elements that equal a value.

    Example: ``array_join(array_remove(ARRAY[1, 2, 1, NULL], 1), ',', '-')`` is ``'2,-'``.
    Source: "Array functions and operators", Trino documentation.
    """
    array, element = node.expressions
    _require_compared(array)
    _require_alike(array, element)
    template = "CASE WHEN :element IS NOT NULL THEN list_filter(:x, lambda item: item IS NULL OR item <> :element) END"
    return from_template(template, x=array, element=element)


def _distinct(node: exp.Expr) -> exp.Expr:
    """Each element once, NULL among them, in the order in which they come first; DuckDB's order is another.

    Example: ``array_join(array_distinct(ARRAY[3, 1, NULL, 3, NULL]), ',', '-')`` is ``'3,1,-'``.
    Source: "ArrayDistinctFunction.java" of Trino.
    """
    (array,) = node.expressions
    _require_compared(array)
    return from_template("distinct_in_order(:x)", x=array)


def _union(node: exp.Expr) -> exp.Expr:
    """The elements of two arrays, each once.

    Example: ``array_join(array_union(ARRAY[2, 1], ARRAY[1, 3]), ',')`` is ``'2,1,3'``.
    Source: "ArrayUnionFunction.java" of Trino.
    """
    return _of_two("distinct_in_order(list_concat(:x, :y))", node)


def _intersect(node: exp.Expr) -> exp.Expr:
    """The elements that both arrays have, each once, in the order of the longer one.

    Example: ``array_join(array_intersect(ARRAY[2, 1], ARRAY[1, 3, 2]), ',')`` is ``'1,2'``.
    Source: "ArrayIntersectFunction.java" of Trino.
    """
    return _of_two("CASE WHEN len(:x) < len(:y) THEN common_items(:y, :x) ELSE common_items(:x, :y) END", node)


def _except(node: exp.Expr) -> exp.Expr:
    """The elements of the first array that the second has not, each once.

    Example: ``array_join(array_except(ARRAY[2, 1, 2], ARRAY[1]), ',')`` is ``'2'``.
    Source: "ArrayExceptFunction.java" of Trino.
    """
    return _of_two("distinct_in_order(list_filter(:x, lambda item: list_position(:y, item) IS NULL))", node)


def _overlap(node: exp.Expr) -> exp.Expr:
    """Whether two arrays have an element in common; NULL where they have not, but one has a NULL.

    Example: ``arrays_overlap(ARRAY[1, NULL], ARRAY[1])`` is ``TRUE``.
    Example: ``arrays_overlap(ARRAY[1, NULL], ARRAY[2])`` is ``NULL``.
    Source: "Array functions and operators", Trino documentation.
    """
    return _of_two(
        "CASE WHEN list_has_any(:x, :y) THEN TRUE "
        "WHEN len(:x) > 0 AND len(:y) > 0 AND (list_count(:x) < len(:x) OR list_count(:y) < len(:y)) THEN NULL "
        "ELSE FALSE END",
        node,
    )


def _of_two(template: str, node: exp.Expr) -> exp.Expr:
    first, second = node.expressions
    _require_compared(first)
    _require_compared(second)
    if type_family(element_type(first)) != type_family(element_type(second)):
        raise NotSupportedError("two arrays with elements of other types")
    both = f"CASE WHEN :x IS NOT NULL AND :y IS NOT NULL THEN {template} END"
    return from_template(both, x=first, y=second)


def _extreme(node: exp.Expr) -> exp.Expr:
    """The least or the greatest element; NULL where an element is NULL. DuckDB passes over it.

    Example: ``array_max(ARRAY[1, 3, 2])`` is ``3``, and ``array_min(ARRAY[1, NULL])`` is ``NULL``.
    Source: "ArrayMaxFunction.java" and "ArrayMinFunction.java" of Trino.
    """
    (array,) = node.expressions
    _require_compared(array)
    function = "list_max" if node.name.lower() == "array_max" else "list_min"
    return from_template(f"CASE WHEN list_count(:x) = len(:x) THEN {function}(:x) END", x=array)


def _sort(node: exp.Expr) -> exp.Expr:
    """The elements in their order, NULL last.

    Example: ``array_join(array_sort(ARRAY[2, NULL, 1]), ',', '-')`` is ``'1,2,-'``.
    Source: "Array functions and operators", Trino documentation.
    """
    (array,) = node.expressions
    _require_compared(array)
    return from_template("list_sort(:x, 'ASC', 'NULLS LAST')", x=array)


def _reverse(node: exp.Expr) -> exp.Expr:
    """The elements from the last to the first.

    Example: ``array_join(reverse(ARRAY[1, 2]), ',')`` is ``'2,1'``.
    Source: "Array functions and operators", Trino documentation.
    """
    return from_template("list_reverse(:x)", x=node.expressions[0])


def _flatten(node: exp.Expr) -> exp.Expr:
    """The elements of the arrays in an array.

    Example: ``array_join(flatten(ARRAY[ARRAY[1, 2], ARRAY[3]]), ',')`` is ``'1,2,3'``.
    Source: "Array functions and operators", Trino documentation.
    """
    (array,) = node.expressions
    if not element_type(array).is_type(exp.DType.ARRAY):
        raise NotSupportedError("flatten of anything but an array of arrays")
    return from_template("flatten(:x)", x=array)


def _slice(node: exp.Expr) -> exp.Expr:
    """So many elements from an index on, which is counted from the end if it is negative.

    Example: ``array_join(slice(ARRAY[1, 2, 3, 4], -3, 2), ',')`` is ``'2,3'``.
    Example: ``slice(ARRAY[1], 0, 1)`` fails with INVALID_FUNCTION_ARGUMENT.
    Source: "ArraySliceFunction.java" of Trino.
    """
    array, start, length = node.expressions
    return from_template("slice_of_array(:x, :start, :length)", x=array, start=start, length=length)


def _sequence(node: exp.Expr) -> exp.Expr:
    """The integers, dates or times from one to another, at most 10,000.

    Example: ``array_join(sequence(5, 1, -2), ',')`` is ``'5,3,1'``.
    Example: ``array_join(sequence(DATE '2024-02-28', DATE '2024-03-01'), ' ')`` is
    ``'2024-02-28 2024-02-29 2024-03-01'``.
    Example: ``cardinality(sequence(from_unixtime(0), from_unixtime(86400), INTERVAL '1' HOUR))`` is ``25``.
    Example: ``sequence(1, 10, 0)`` fails with INVALID_FUNCTION_ARGUMENT.
    Source: "SequenceFunction.java" of Trino.
    """
    first, last, *steps = node.expressions
    step = steps[0] if steps else None
    if is_integer(first) and is_integer(last) and (step is None or is_integer(step)):
        step = step or from_template("CASE WHEN :last >= :first THEN 1 ELSE -1 END", first=first, last=last)
        return from_template("sequence_of_integers(:first, :last, :step)", first=first, last=last, step=step)
    dates = first.is_type(exp.DType.DATE) and last.is_type(exp.DType.DATE)
    if type_family(first) != "date or timestamp" or first.type != last.type or (step is None and not dates):
        raise NotSupportedError("a sequence of these types")
    direction = from_template("CASE WHEN :last >= :first THEN 1 ELSE -1 END", first=first, last=last)
    if step is None:
        seconds = from_template(":direction * 86400", direction=direction)
    else:
        unit = step.text("unit").upper()
        if not isinstance(step, exp.Interval) or unit not in (*_DAYS, *_SHORTER):
            raise NotSupportedError("a step that is no constant interval of days or less")
        if dates and unit not in _DAYS:
            raise InvalidArgumentError("sequence step must be a day interval if start and end values are dates")
        seconds = from_template(f"CAST(epoch(INTERVAL '{int(step.this.name)}' {unit}) AS BIGINT)")
    # Dates and times are counted in seconds, so that one function has the rules of all three.
    template = (
        "list_transform(sequence_of_integers(CAST(epoch(:first) * 1000 AS BIGINT), "
        "CAST(epoch(:last) * 1000 AS BIGINT), :seconds * 1000), lambda milliseconds: {})"
    )
    shown = "make_timestamp(milliseconds * 1000)"
    if dates:
        shown = f"CAST({shown} AS DATE)"
    elif first.is_type(exp.DType.TIMESTAMPTZ):
        shown = f"timezone('UTC', {shown})"
    return from_template(template.format(shown), first=first, last=last, seconds=seconds)


def _concatenate(node: exp.Expr) -> exp.Expr:
    """Two arrays give one, and NULL if one of them is NULL; DuckDB takes NULL for an empty array.

    Example: ``array_join(ARRAY[1] || ARRAY[2], ',')`` is ``'1,2'``.
    Source: "Array functions and operators", Trino documentation.
    """
    kinds = {side.is_type(exp.DType.ARRAY) for side in (node.this, node.expression)}
    if kinds == {False}:
        return node
    if kinds == {True, False}:
        raise NotSupportedError("an array and an element put together; write ARRAY[…] around the element")
    return _of_two("list_concat(:x, :y)", exp.Anonymous(this="concat", expressions=[node.this, node.expression]))


def _require_compared(array: exp.Expr) -> None:
    element = element_type(array)
    if type_family(element) not in _COMPARED or is_floating(element):
        raise NotSupportedError("an array that is not of texts, exact numbers, truth values, dates, times or addresses")


def _require_alike(array: exp.Expr, element: exp.Expr) -> None:
    family = type_family(element)
    if family is not None and family != type_family(element_type(array)):
        raise NotSupportedError("an array and a value of another type than its elements'")


def _same(call: exp.Expr) -> exp.DataType:
    return exp.DataType.build(call.expressions[0].type or "UNKNOWN")


def _element(call: exp.Expr) -> exp.DataType:
    return exp.DataType.build(element_type(call.expressions[0]).type or "UNKNOWN")


def _type_of_sequence(call: exp.Expr) -> exp.DataType:
    first = call.expressions[0]
    item = exp.DataType.build("BIGINT") if is_integer(first) or first.type is None else first.type
    return exp.DataType(this=exp.DType.ARRAY, expressions=[item.copy()], nested=True)


RULES: Rules = {exp.Bracket: _subscript, exp.DPipe: _concatenate}

FUNCTIONS = (
    Function("array_distinct", ("array",), _same, _distinct),
    Function("array_except", ("array", "array"), _same, _except),
    Function("array_intersect", ("array", "array"), _same, _intersect),
    Function("array_max", ("array",), _element, _extreme),
    Function("array_min", ("array",), _element, _extreme),
    Function("array_position", ("array", "any"), "BIGINT", _position),
    Function("array_remove", ("array", "any"), _same, _remove),
    Function("array_sort", ("array",), _same, _sort),
    Function("array_union", ("array", "array"), _same, _union),
    Function("arrays_overlap", ("array", "array"), "BOOLEAN", _overlap),
    Function("contains", ("array", "any"), "BOOLEAN", _contains),
    Function("element_at", ("array", "integer"), _element, _element_at),
    Function("flatten", ("array",), _element, _flatten),
    Function("reverse", ("array",), _same, _reverse),
    Function("sequence", ("any", "any", "any"), _type_of_sequence, _sequence, optional=1),
    Function("slice", ("array", "integer", "integer"), _same, _slice),
)
