"""Predicate pushdown: finds the predicates of a query that every row of one table must meet.

A table may be read in a subquery, a CTE or a branch of a UNION. Predicates of the queries around it are pushed down to
the table where that is safe. For example, in

    SELECT 1 FROM (SELECT dt AS day FROM flows) WHERE day = '2021-01-31' AND …

the table flows has the predicate ``dt = '2021-01-31'``. A predicate that is not found only costs
reading, so predicates that may not be safe are left out. pruning.py and top_n.py use the predicates.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope


@dataclass(frozen=True)
class _Source:
    """Something that a query reads: the query's scope, and the source's name in it.

    `columns` gives, by the name of a column of the source, the name of the column that predicates are looked for on.
    """

    scope: Scope
    alias: str
    columns: Mapping[str, str]


def predicates_on(tree: exp.Expr, relation: str, columns: Iterable[str]) -> list[exp.Expr]:
    """The predicates of a qualified query that are on these columns alone of the table that it reads as `relation`.

    They name the columns without a table.
    """
    scopes = list(traverse_scope(tree))
    for scope in scopes:
        for alias, (_, source) in scope.selected_sources.items():
            if isinstance(source, exp.Table) and source.name == relation:
                return list(_predicates(scopes, _Source(scope, alias, {column: column for column in columns})))
    return []


def predicates_on_result(scopes: list[Scope], scope: Scope, position: int) -> list[exp.Expr]:
    """The predicates on one column of a scope's result, where that is read. `scopes` are all scopes of the query.

    `position` counts the result's columns from 0. The predicates name the column without a table, by any name.
    """
    reader = _reader_of_result(scopes, scope, {position: "result"})
    return list(_predicates(scopes, reader)) if reader else []


def projected_columns(tree: exp.Expr, columns: Iterable[str]) -> dict[str, str]:
    """The result's columns that are one of the table's `columns`: that column, by the result column's name.

    Only for a query that reads one table in one place, perhaps through subqueries: then what a partition contributes
    depends on no other partition.
    """
    selects = list(levels(tree))
    if not selects or selects[-1].args.get("joins") or len(list(traverse_scope(tree))) != len(selects):
        return {}
    found = {column: column for column in columns}
    for select in reversed(selects):
        projected = _projected(select, select.args["from_"].this.alias_or_name, found)
        found = {select.named_selects[position]: column for position, column in projected.items()}
    return found


def levels(tree: exp.Expr) -> Iterator[exp.Select]:
    """The query and the subqueries that it reads, from the outside: each reads nothing else than the next one."""
    while isinstance(tree, exp.Select) and tree.args.get("from_"):
        yield tree
        source = tree.args["from_"].this
        if not isinstance(source, exp.Subquery) or tree.args.get("joins"):
            return
        tree = source.unnest()


def conjuncts(predicate: exp.Expr) -> Iterator[exp.Expr]:
    """The parts of ``a AND (b AND c)``, all of which hold: a, b and c."""
    if isinstance(predicate, exp.Paren):
        yield from conjuncts(predicate.unnest())
    elif isinstance(predicate, exp.And):
        for part in predicate.flatten():
            yield from conjuncts(part)
    else:
        yield predicate


def _predicates(scopes: list[Scope], source: _Source) -> Iterator[exp.Expr]:
    """The predicates on a source's columns, of the query that reads it and of the queries that read its result."""
    select = source.scope.expression
    if not isinstance(select, exp.Select):
        return
    for predicate in _conditions_on_rows(select, source.alias):
        weakened = _weakened(predicate, source)
        if weakened is not None:
            yield weakened
    # A row that an outer join may add, with NULLs for this source, meets predicates that no row of the source does.
    projected = _projected(select, source.alias, source.columns) if _is_never_filled_in(select, source.alias) else {}
    reader = _reader_of_result(scopes, source.scope, projected) if projected else None
    if reader:
        yield from _predicates(scopes, reader)


def _conditions_on_rows(select: exp.Select, alias: str) -> Iterator[exp.Expr]:
    """The conditions of WHERE and ON that every row of the source has to meet to have a part in the result."""
    never_null = _is_never_filled_in(select, alias)
    if never_null and select.args.get("where"):
        yield select.args["where"].this
    for join in select.args.get("joins") or []:
        if not join.args.get("on"):
            continue
        # An outer join's condition chooses the rows of the side that is filled in with NULLs.
        is_own = join.alias_or_name == alias
        if (join.side == "" and never_null) or (is_own and join.side in ("", "LEFT")):
            yield join.args["on"]


def _is_never_filled_in(select: exp.Select, alias: str) -> bool:
    """Whether no outer join of a query fills in NULLs for a row of the source.

    ``a LEFT JOIN b`` does so for b, ``a RIGHT JOIN b`` for a and all that is joined before b, and FULL JOIN for both.
    """
    joins: list[exp.Join] = select.args.get("joins") or []
    position = next((number for number, join in enumerate(joins) if join.alias_or_name == alias), -1)
    if position >= 0 and joins[position].side not in ("", "RIGHT"):
        return False
    return not any(join.side in ("RIGHT", "FULL") for join in joins[position + 1 :])


def _projected(select: exp.Select, alias: str, columns: Mapping[str, str]) -> dict[int, str]:
    """By the position of a query's column, the source's column that it is; without those that are none.

    Empty where the query has LIMIT, OFFSET, window functions or grouping sets. Fewer rows of the source would then give
    other rows of the result, and not just fewer of them.
    """
    if select.args.get("limit") or select.args.get("offset") or select.find(exp.Window):
        return {}
    group = select.args.get("group")
    if group and group.find(exp.Rollup, exp.Cube, exp.GroupingSets):
        return {}
    values = [projection.unalias() for projection in select.selects]
    return {
        position: columns[value.name]
        for position, value in enumerate(values)
        if isinstance(value, exp.Column) and value.table == alias and value.name in columns
    }


def _reader_of_result(scopes: list[Scope], scope: Scope, projected: Mapping[int, str]) -> _Source | None:
    """Where the result of a scope's query is read, if that is in one place. `projected` is by a column's position."""
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
            return _reader_of_result(scopes, parent, projected)
    readers = [
        (parent, alias)
        for parent in scopes
        for alias, (_, source) in parent.selected_sources.items()
        if source is scope
    ]
    if len(readers) != 1:
        return None
    return _Source(*readers[0], {names[position]: column for position, column in projected.items()})


def _weakened(predicate: exp.Expr, source: _Source) -> exp.Expr | None:
    """A predicate on the source's columns alone that is true wherever `predicate` is; None if there is none.

    For example, for the column dt:

    ``dt = 'x' AND n = 1``                         gives ``dt = 'x'``
    ``(dt = 'x' AND n = 1) OR (dt = 'y' AND …)``   gives ``dt = 'x' OR dt = 'y'``
    ``dt = 'x' OR n = 1``                          gives None
    """
    if isinstance(predicate, (exp.And, exp.Or, exp.Paren)):
        parts = list(predicate.flatten()) if isinstance(predicate, exp.Connector) else [predicate.unnest()]
        weakened = [part for part in (_weakened(part, source) for part in parts) if part is not None]
        if isinstance(predicate, exp.Or):
            return exp.or_(*weakened) if len(weakened) == len(parts) else None
        return exp.and_(*weakened) if weakened else None
    columns = list(predicate.find_all(exp.Column))
    if not columns or predicate.find(exp.Query, exp.AggFunc, exp.Window):
        return None
    if not all(column.table == source.alias and column.name in source.columns for column in columns):
        return None
    own = predicate.copy()
    for column in own.find_all(exp.Column):
        column.set("this", exp.to_identifier(source.columns[column.name], quoted=True))
        column.set("table", None)
    return own
