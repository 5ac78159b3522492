"""What a query can do without: partitions, by what its conditions say of the partition columns, and lines of text.

Every condition found here holds for each row that the table contributes to the result; one that says too little only
costs reading, so that whatever is not plainly safe is left out. What a query means otherwise is not told here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from resources.embedded.columns import field_sql, quoted

Bounds = tuple[str | None, str | None]
"""The least and the greatest text that a column can have; None where it is open."""

_Source = tuple[Scope, str, Mapping[str, str]]
"""A query's scope, the name of something that it reads, and which of its columns are which partition columns."""


def conditions_on(tree: exp.Expr, relation: str, keys: Iterable[str]) -> list[exp.Expr]:
    """What a qualified query demands of the columns `keys` alone of the table that it reads as `relation`.

    The conditions name the keys by unqualified columns.
    """
    scopes = list(traverse_scope(tree))
    for scope in scopes:
        for alias, (_, source) in scope.selected_sources.items():
            if isinstance(source, exp.Table) and source.name == relation:
                return list(_conditions(scopes, scope, alias, {key: key for key in keys}))
    return []


def keys_passed_on(tree: exp.Expr, keys: Iterable[str]) -> dict[str, str]:
    """By its name, the partition column behind each column of the result that is one.

    Only where the query reads one table and no more, so that what comes of a partition does so whatever others hold.
    """
    if not isinstance(tree, exp.Select) or len(list(traverse_scope(tree))) != 1 or tree.args.get("joins"):
        return {}
    source = tree.args["from_"].this
    passed_on = _passed_on(tree, source.alias_or_name, {key: key for key in keys})
    return {tree.named_selects[number]: key for number, key in passed_on.items()}


def required_text(conditions: Iterable[exp.Expr]) -> str:
    """The longest text that a row's line must contain for text columns to meet the conditions; empty if there is none.

    A text column's value stands in its line as it is, but for characters that were malformed.
    """
    parts = [part for condition in conditions for part in _all_of(condition)]
    return max((part.expression.name for part in parts if _is_text_equality(part)), key=len, default="")


def bounds(conditions: Iterable[exp.Expr], column: str) -> Bounds:
    """The bounds that `column` has under all of the conditions.

    Too wide is fine: bounds only spare the catalog from listing what no condition can choose.
    """
    return _narrowest([_bounds_of(condition, column) for condition in conditions])


def conditions_on_result(scopes: list[Scope], scope: Scope, position: int) -> list[exp.Expr]:
    """What is demanded of a column of a scope's result, where that is read; `scopes` are all of the query's.

    The conditions name the column, which `position` counts from 0, by an unqualified column of any name.
    """
    above = _above(scopes, scope, {position: "result"})
    return list(_conditions(scopes, *above)) if above else []


def greatest_integer(conditions: Iterable[exp.Expr]) -> int | None:
    """The greatest integer that one column, of which all of the conditions are, can be; None where that is open."""
    found = [most for condition in conditions for part in _all_of(condition) if (most := _most(part)) is not None]
    return min(found, default=None)


def choosing_sql(conditions: Sequence[exp.Expr], columns: Iterable[tuple[str, str]], relation: str) -> str:
    """DuckDB's SELECT of each ``position`` in a relation of partition values (as text) that the conditions leave."""
    keys = ", ".join(f"{field_sql(quoted(column), hive_type)} AS {quoted(column)}" for column, hive_type in columns)
    where = exp.and_(*conditions).sql("duckdb")
    return f"SELECT position FROM (SELECT position, {keys} FROM {quoted(relation)}) WHERE {where} ORDER BY position"


def _conditions(scopes: list[Scope], scope: Scope, alias: str, keys: Mapping[str, str]) -> Iterator[exp.Expr]:
    """What the query of a scope, and those that it is a part of, demand of the source `alias`.

    `keys` gives the partition column behind each of the source's columns that is one.
    """
    select = scope.expression
    if not isinstance(select, exp.Select):
        return
    joins: list[exp.Join] = select.args.get("joins") or []
    position = next((number for number, join in enumerate(joins) if join.alias_or_name == alias), -1)
    # An outer join fills in NULLs for a side without a partner: which rows it has no say in what comes out.
    own = joins[position] if position >= 0 else None
    always_there = (own is None or own.side in ("", "RIGHT")) and not any(
        join.side in ("RIGHT", "FULL") for join in joins[position + 1 :]
    )
    found = [select.args["where"].this] if always_there and select.args.get("where") else []
    for join in joins:
        # A table's own condition chooses its rows before an outer join asks whether there is one.
        if join.args.get("on") and ((join.side == "" and always_there) or (join is own and join.side in ("", "LEFT"))):
            found.append(join.args["on"])
    for condition in found:
        weakened = _weakened(condition, alias, keys)
        if weakened is not None:
            yield weakened
    passed_on = _passed_on(select, alias, keys) if always_there else {}
    above = _above(scopes, scope, passed_on) if passed_on else None
    if above:
        yield from _conditions(scopes, *above)


def _passed_on(select: exp.Select, alias: str, keys: Mapping[str, str]) -> dict[int, str]:
    """The partition column behind each column of a query's result that is one, by the column's position.

    None where rows are counted or numbered across partitions: then to want some rows of the result is no choice among
    the rows that it is made from.
    """
    if select.args.get("limit") or select.args.get("offset") or select.find(exp.Window):
        return {}
    group = select.args.get("group")
    if group and group.find(exp.Rollup, exp.Cube, exp.GroupingSets):
        return {}
    columns = [projection.unalias() for projection in select.selects]
    return {
        number: keys[column.name]
        for number, column in enumerate(columns)
        if isinstance(column, exp.Column) and column.table == alias and column.name in keys
    }


def _above(scopes: list[Scope], scope: Scope, passed_on: Mapping[int, str]) -> _Source | None:
    """Where the result of a scope's query is read, if that is in one place, with the partition columns in it."""
    query = scope.expression
    if not isinstance(query, exp.Query):
        return None
    names = query.named_selects
    wrapping: exp.Expr | None = query
    while isinstance(wrapping, exp.Query):
        if wrapping.args.get("limit") or wrapping.args.get("offset"):
            return None
        wrapping = wrapping.parent if isinstance(wrapping.parent, exp.Subquery) else None
    for parent in scopes:
        if any(branch is scope for branch in parent.set_operation_scopes):
            return _above(scopes, parent, passed_on)
    readers = [
        (parent, alias)
        for parent in scopes
        for alias, (_, source) in parent.selected_sources.items()
        if source is scope
    ]
    if len(readers) != 1:
        return None
    return *readers[0], {names[number]: key for number, key in passed_on.items()}


def _weakened(condition: exp.Expr, alias: str, keys: Mapping[str, str]) -> exp.Expr | None:
    """A condition on the keys alone that is true wherever `condition` is; None where there is none."""
    if isinstance(condition, (exp.And, exp.Or, exp.Paren)):
        parts = list(condition.flatten()) if isinstance(condition, exp.Connector) else [condition.unnest()]
        weakened = [part for part in (_weakened(part, alias, keys) for part in parts) if part is not None]
        if isinstance(condition, exp.Or):
            return exp.or_(*weakened) if len(weakened) == len(parts) else None
        return exp.and_(*weakened) if weakened else None
    columns = list(condition.find_all(exp.Column))
    if not columns or condition.find(exp.Query, exp.AggFunc, exp.Window):
        return None
    if not all(column.table == alias and column.name in keys for column in columns):
        return None
    own = condition.copy()
    for column in own.find_all(exp.Column):
        column.set("this", exp.to_identifier(keys[column.name], quoted=True))
        column.set("table", None)
    return own


def _all_of(condition: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(condition, exp.Paren):
        yield from _all_of(condition.unnest())
    elif isinstance(condition, exp.And):
        for part in condition.flatten():
            yield from _all_of(part)
    else:
        yield condition


def _most(condition: exp.Expr) -> int | None:
    if isinstance(condition, exp.Between):
        value, less = condition.args["high"], 0
    elif isinstance(condition, (exp.EQ, exp.LTE, exp.LT)):
        value, less = condition.expression, int(isinstance(condition, exp.LT))
    else:
        return None
    return int(value.name) - less if isinstance(condition.this, exp.Column) and value.is_int else None


def _is_text_equality(condition: exp.Expr) -> bool:
    return isinstance(condition, exp.EQ) and isinstance(condition.this, exp.Column) and condition.expression.is_string


def _bounds_of(condition: exp.Expr, column: str) -> Bounds:
    if isinstance(condition, exp.Paren):
        return _bounds_of(condition.unnest(), column)
    if isinstance(condition, (exp.And, exp.Or)):
        found = [_bounds_of(part, column) for part in condition.flatten()]
        return _narrowest(found) if isinstance(condition, exp.And) else _widest(found)
    if not isinstance(condition.this, exp.Column) or condition.this.name != column:
        return None, None
    if isinstance(condition, exp.In) and condition.expressions and all(v.is_string for v in condition.expressions):
        return _widest([(value.name, value.name) for value in condition.expressions])
    if isinstance(condition, exp.Between) and condition.args["low"].is_string and condition.args["high"].is_string:
        return condition.args["low"].name, condition.args["high"].name
    if not isinstance(condition, exp.Binary) or not condition.expression.is_string:
        return None, None
    value = condition.expression.name
    if isinstance(condition, exp.EQ):
        return value, value
    if isinstance(condition, (exp.GT, exp.GTE)):
        return value, None
    if isinstance(condition, (exp.LT, exp.LTE)):
        return None, value
    return None, None


def _narrowest(found: Sequence[Bounds]) -> Bounds:
    lows = [low for low, _ in found if low is not None]
    highs = [high for _, high in found if high is not None]
    return max(lows, default=None), min(highs, default=None)


def _widest(found: Sequence[Bounds]) -> Bounds:
    lows = [low for low, _ in found if low is not None]
    highs = [high for _, high in found if high is not None]
    return (min(lows) if len(lows) == len(found) else None, max(highs) if len(highs) == len(found) else None)
