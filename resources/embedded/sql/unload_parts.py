"""Splits the query of an UNLOAD into parts, each of which writes folders of its own.

One UNLOAD may write several datasets from one scan. Its query takes each row once for every value of a constant array:

    SELECT a, sum(n) AS n, dt, dataset
    FROM (
      SELECT CASE WHEN dataset = 'pairs' THEN a END AS a, n, dt, dataset
      FROM t CROSS JOIN UNNEST(ARRAY['pairs', 'total']) AS datasets (dataset)
    )
    GROUP BY a, dt, dataset

Partitioned by dt and dataset, this is split into one query for each dataset, in which the value is a constant:

    SELECT a, sum(n) AS n, dt, 'pairs' AS dataset FROM (SELECT a, n, dt FROM t) GROUP BY a, dt
    SELECT sum(n) AS n, dt, 'total' AS dataset FROM (SELECT n, dt FROM t) GROUP BY dt

Columns that are NULL in all rows of a part are not in its file: whoever reads the file by its columns' names gets NULL.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp

from resources.embedded.sql.predicates import levels
from resources.embedded.sql.statements import Query, Unload

_ONLY_CLAUSES = frozenset({"expressions", "from_", "where", "group", "joins"})
_AGGREGATES_OF_ONE = (exp.Sum, exp.Min, exp.Max)
"""Aggregates that give a row's own value if it is the only row of its group."""


@dataclass(frozen=True)
class UnloadPart:
    """A query whose rows are written, and the values of those partition columns that are constants in it."""

    query: Query
    constants: Mapping[str, str]


def parts_of(unload: Unload) -> list[UnloadPart]:
    """The parts of an UNLOAD's query: the queries between UNION ALL, split by constants; else the one query.

    Each of them reads a table of its own, so that what it writes into a partition's folder depends on no other.
    """
    if not unload.partitioned_by:
        return [UnloadPart(unload.query, {})]
    waiting, found = [unload.query.tree], list[UnloadPart]()
    while waiting:
        tree = waiting.pop()
        inner = tree.unnest() if isinstance(tree, exp.Subquery) else tree
        if not isinstance(inner, exp.Query):
            return [UnloadPart(unload.query, {})]
        if isinstance(inner, exp.Union) and _is_plain_union_all(inner):
            waiting += [branch for branch in (inner.expression, inner.this) if isinstance(branch, exp.Query)]
            continue
        parts = list(_split(inner, unload.partitioned_by[-1]))
        found += [UnloadPart(Query(part, unload.query.text), constants) for part, constants in parts]
    return found


def _is_plain_union_all(tree: exp.Union) -> bool:
    known = {"this", "expression", "distinct"}
    return not tree.args.get("distinct") and not any(value for name, value in tree.args.items() if name not in known)


def _split(tree: exp.Query, column: str) -> Iterator[tuple[exp.Query, dict[str, str]]]:
    """The query, once for each value of a column that is a constant, or one of a constant array; else as it is."""
    selects = list(levels(tree))
    last = tree.selects[-1] if isinstance(tree, exp.Select) and tree.selects else None
    if isinstance(last, exp.Alias) and last.alias == column and last.this.is_string:
        yield tree, {column: last.this.name}
        return
    values = _constant_values(selects[-1], column) if selects else []
    if not values or not all(_passes_on(select, column) for select in selects):
        yield tree, {}
        return
    for value in values:
        part = selects[0].copy()
        _put_in(part, column, value)
        yield part, {column: value}


def _constant_values(select: exp.Select, column: str) -> list[str]:
    """The values that a CROSS JOIN with a constant array gives this column; none where there is no such join."""
    joins = select.args.get("joins") or []
    unnested = joins[0].this if len(joins) == 1 and joins[0].kind == "CROSS" else None
    if not isinstance(unnested, exp.Unnest) or not isinstance(select.args["from_"].this, exp.Table):
        return []
    alias = unnested.args.get("alias")
    names = [found.name for found in alias.columns] if alias else []
    arrays = unnested.expressions
    if names != [column] or len(arrays) != 1 or not isinstance(arrays[0], exp.Array):
        return []
    items = arrays[0].expressions
    return list(dict.fromkeys(item.name for item in items)) if all(item.is_string for item in items) else []


def _passes_on(select: exp.Select, column: str) -> bool:
    """Whether no row of the result comes from rows with different values of the column, and the column is in it."""
    clauses = [*select.selects, *([select.args["where"]] if select.args.get("where") else [])]
    if any(value for name, value in select.args.items() if name not in _ONLY_CLAUSES):
        return False
    # In a subquery, the column's name may mean another one.
    if any(clause.find(exp.Window, exp.Query, exp.Filter, exp.Distinct) for clause in clauses):
        return False
    if not all(_is_simple(found) for clause in clauses for found in clause.find_all(exp.AggFunc)):
        return False
    group = select.args.get("group")
    if group and {name for name, value in group.args.items() if value} != {"expressions"}:
        return False
    named = [found.name for found in (group.expressions if group else select.selects) if isinstance(found, exp.Column)]
    is_aggregated = any(isinstance(found.unalias(), exp.AggFunc) for found in select.selects)
    return column in named and column in select.named_selects and (group is not None or not is_aggregated)


def _is_simple(aggregate: exp.Expr) -> bool:
    """Whether it is known what an aggregate gives for one row."""
    return isinstance(aggregate, _AGGREGATES_OF_ONE) or (
        isinstance(aggregate, exp.Count) and isinstance(aggregate.this, exp.Star)
    )


def _put_in(tree: exp.Select, column: str, value: str) -> None:
    """Put the value in the place of the column, in each of the levels, and simplify what this decides.

    What is the same in all rows of a level below is put in too, so that no rows are grouped by it.
    """
    constants: dict[str, exp.Expr] = {column: exp.Literal.string(value)}
    unique = set[str]()
    """The columns of the level below that are different in each row."""
    for select in reversed(list(levels(tree))):
        select.set("joins", None)
        group = select.args.get("group")
        if group:
            keys = [key for key in group.expressions if key.name not in constants]
            if any(key.name in unique for key in keys):
                select.set("group", None)
                _ungroup(select)
            else:
                group.set("expressions", keys)
        for name, constant in constants.items():
            _replace(select, name, constant)
        _fold(select)
        found = {one.alias_or_name: one.unalias() for one in select.selects}
        constants |= {name: one for name, one in found.items() if isinstance(one, (exp.Literal, exp.Null))}
        unique = {name for name, one in found.items() if isinstance(one, exp.Uuid)}
        unused = {name for name in found if name in constants or name in unique}
        if select is tree:
            unused = {name for name, one in constants.items() if isinstance(one, exp.Null)}
        select.set("expressions", [one for one in select.selects if one.alias_or_name not in unused])


def _ungroup(select: exp.Select) -> None:
    """Replace aggregates by what they give for a group of one row."""
    for found in list(select.find_all(*_AGGREGATES_OF_ONE)):
        found.replace(found.this)
    for found in list(select.find_all(exp.Count)):
        found.replace(exp.Literal.number(1))


def _replace(select: exp.Select, name: str, value: exp.Expr) -> None:
    """Put a value in the place of a column, in the query's own clauses."""
    clauses = [*select.selects, *(select.args[clause] for clause in ("where",) if select.args.get(clause))]
    for clause in clauses:
        for found in list(clause.find_all(exp.Column)):
            if found.name == name:
                new = value.copy()
                if found is clause:  # a column that is selected under its own name
                    new = exp.alias_(new, name)
                found.replace(new)


def _fold(select: exp.Select) -> None:
    """Decide what depends on constants alone: comparisons of texts, AND, OR, CASE, and aggregates of NULL."""
    for node in reversed(list(select.bfs())):
        new = _folded(node)
        if new is not None and node is not select:
            node.replace(new)


def _folded(node: exp.Expr) -> exp.Expr | None:
    """What a part of a query is, if constants decide it; else None."""
    match node:
        case exp.EQ() | exp.NEQ() if node.this.is_string and node.expression.is_string:
            return exp.Boolean(this=(node.this.name == node.expression.name) is isinstance(node, exp.EQ))
        case exp.Paren() if isinstance(node.this, (exp.Boolean, exp.Null)):
            return node.this
        case exp.And() | exp.Or():
            sides = [node.this, node.expression]
            for side, other in (sides, sides[::-1]):
                if isinstance(side, exp.Boolean):
                    return other if bool(side.this) is isinstance(node, exp.And) else side
        case exp.Where() if _is_constant(node.this, value=True) and node.parent:
            node.parent.set("where", None)
        case exp.Case() if not node.this:
            branches = [branch for branch in node.args["ifs"] if not _is_constant(branch.this, value=False)]
            if branches and _is_constant(branches[0].this, value=True):
                decided: exp.Expr = branches[0].args["true"]
                return decided
            if not branches:
                otherwise: exp.Expr = node.args.get("default") or exp.Null()
                return otherwise
            node.set("ifs", branches)
        case exp.Sum() | exp.Min() | exp.Max() if isinstance(node.this, exp.Null):
            return exp.Null()
    return None


def _is_constant(condition: exp.Expr, *, value: bool) -> bool:
    return isinstance(condition, exp.Boolean) and bool(condition.this) is value
