"""Finds the first rows of each group without sorting all of them, where a query numbers rows and keeps the first.

Rewrites the query that DuckDB is about to run, and never what it means: DuckDB finds first rows quickly only where one
value orders them, and gathers whole rows for it. All of this holds the first rows of every group in memory, so it is
done where the groups are partitions, which are few. What a query means is decided elsewhere.
"""

from collections.abc import Collection, Mapping, Sequence

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from resources.embedded.pruning import conditions_on_result, greatest_integer
from resources.embedded.trino import in_template

MOST_KEPT = 1_000
"""Of each group, more rows than this are not few."""

_OTHER_CLAUSES = ("joins", "group", "having", "distinct", "limit", "offset")


def sort_little(tree: exp.Expr, keys: Mapping[str, Collection[str]], read_again: Collection[str]) -> None:
    """Rewrites, in place, a qualified query in DuckDB's words.

    `keys` are each relation's partition columns; `read_again` those relations that cost little to read once more, as
    those of Parquet, which is read by columns.
    """
    scopes = list(traverse_scope(tree))
    for scope in scopes:
        select = scope.expression
        if not isinstance(select, exp.Select):
            continue
        for window in list(scope.find_all(exp.Window)):
            is_numbered = isinstance(window.this, exp.RowNumber) and window.args.get("order")
            if is_numbered and _by_partition(scope, window, keys):
                kept = _kept(scopes, scope, select, window)
                if kept and _is_plain(select, window, read_again):
                    _leave_out_the_rest(select, window, kept)
                _order_by_one_value(window)


def _by_partition(scope: Scope, window: exp.Expr, keys: Mapping[str, Collection[str]]) -> bool:
    """Whether rows are numbered as a whole, or by nothing but partition columns of tables."""
    read = {
        alias: source.name for alias, (_, source) in scope.selected_sources.items() if isinstance(source, exp.Table)
    }
    groups: Sequence[exp.Expr] = window.args.get("partition_by", [])
    return all(
        isinstance(group, exp.Column) and group.name in keys.get(read.get(group.table, ""), ()) for group in groups
    )


def _kept(scopes: list[Scope], scope: Scope, select: exp.Select, window: exp.Expr) -> int:
    """How many of the first rows there is a use for; 0 where that is not said."""
    columns = [column.unalias() for column in select.selects]
    position = next((number for number, column in enumerate(columns) if column is window), None)
    if position is None:
        return 0
    most = greatest_integer(conditions_on_result(scopes, scope, position))
    return most if most and 0 < most <= MOST_KEPT else 0


def _is_plain(select: exp.Select, window: exp.Expr, read_again: Collection[str]) -> bool:
    """Whether rows of one table that are not among the first of their group can be left out before they are numbered.

    That is so where nothing else looks at them, and where the first column that orders them has NULL last.
    """
    source, first = select.args["from_"].this, window.args["order"].expressions[0]
    columns = [first.this, *window.args.get("partition_by", [])]
    where = select.args.get("where")
    own = [*columns, *(where.find_all(exp.Column) if where else ())]  # and not those of a query around it
    return (
        isinstance(source, exp.Table)
        and source.name in read_again
        and not any(select.args.get(clause) for clause in _OTHER_CLAUSES)
        and all(found is select or found is window for found in select.find_all(exp.Window, exp.AggFunc, exp.Query))
        and all(isinstance(column, exp.Column) and column.table == source.alias_or_name for column in own)
        and not first.args.get("nulls_first")
    )


def _leave_out_the_rest(select: exp.Select, window: exp.Expr, kept: int) -> None:
    """Leave out rows that come behind the last of the first `kept` rows of their group by the first column alone."""
    source, first = select.args["from_"].this, window.args["order"].expressions[0]
    groups: Sequence[exp.Expr] = window.args.get("partition_by", [])
    best, near = ("max", ">=") if first.args.get("desc") else ("min", "<=")
    # Where a group has fewer values than that, there is no such last one, and everything is kept.
    last = in_template(f"list_extract({best}(:value, {kept}), {kept})", value=first.this)
    alias = f"best of {source.alias_or_name}"
    names = [exp.column(f"group_{number}", alias, quoted=True) for number in range(len(groups))]
    keys = [exp.alias_(group.copy(), name.this) for group, name in zip(groups, names, strict=True)]
    found = exp.select(*keys, exp.alias_(last, "last", quoted=True)).from_(source.copy())
    if select.args.get("where"):
        found = found.where(select.args["where"].this.copy())
    found = found.group_by(*(group.copy() for group in groups))
    same = [exp.NullSafeEQ(this=group.copy(), expression=name) for group, name in zip(groups, names, strict=True)]
    limit = exp.column("last", alias, quoted=True)
    among = in_template(f":last IS NULL OR :value {near} :last", value=first.this, last=limit)
    select.join(found.subquery(exp.to_identifier(alias, quoted=True)), on=exp.and_(*same, among), copy=False)


def _order_by_one_value(window: exp.Expr) -> None:
    """Rows that are numbered by several values, numbered by one that sorts alike."""
    order = window.args["order"]
    if len(order.expressions) < 2:
        return
    parts: list[exp.Expr] = []
    for ordered in order.expressions:
        direction = "DESC" if ordered.args.get("desc") else "ASC"
        nulls = "FIRST" if ordered.args.get("nulls_first") else "LAST"
        parts += [ordered.this, exp.Literal.string(f"{direction} NULLS {nulls}")]
    key = exp.Ordered(this=exp.Anonymous(this="create_sort_key", expressions=parts), nulls_first=False)
    window.set("order", exp.Order(expressions=[key]))
