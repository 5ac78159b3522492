"""Top-N: if a query numbers the rows of each group and keeps the first ones, finds these without sorting all rows.

DuckDB does so by itself only if one value orders the rows, and it collects whole rows. So this module rewrites the SQL
in two ways. Neither changes the result. For example,

    SELECT * FROM (SELECT dt, a, row_number() OVER (PARTITION BY dt ORDER BY a DESC, b) AS n FROM t) WHERE n <= 20

1. Leave out, before rows are numbered, those with a value of a below the 20th greatest of their dt: they cannot be
   among the first 20, whatever b is. This joins ``SELECT dt, list_extract(max(a, 20), 20) FROM t GROUP BY dt``.
2. Order by one value, ``create_sort_key(a, 'DESC NULLS LAST', b, 'ASC NULLS LAST')``, which sorts as the two do.

The first rows of every group are held in memory. So this is done only if groups are partitions, which are few.
"""

from collections.abc import Collection, Mapping, Sequence

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from resources.embedded.sql.predicates import predicates_on_result
from resources.embedded.sql.pruning import greatest_integer
from resources.embedded.sql.rewrites.template import from_template

MAX_ROWS_KEPT = 1_000
"""For a greater N, the rewriting is not faster."""

_OTHER_CLAUSES = ("joins", "group", "having", "distinct", "limit", "offset")


def rewrite_top_n(
    tree: exp.Expr, partition_columns: Mapping[str, Collection[str]], cheap_to_reread: Collection[str]
) -> None:
    """Rewrite, in place, a qualified query that is written for DuckDB.

    `partition_columns` are those of each relation. `cheap_to_reread` are the relations that may be read a second time:
    those in Parquet, where only the needed columns are read.
    """
    scopes = list(traverse_scope(tree))
    for scope in scopes:
        select = scope.expression
        if not isinstance(select, exp.Select):
            continue
        for window in list(scope.find_all(exp.Window)):
            is_row_number = isinstance(window.this, exp.RowNumber) and window.args.get("order")
            if is_row_number and _groups_are_partitions(scope, window, partition_columns):
                rows_kept = _rows_kept(scopes, scope, select, window)
                if rows_kept and _may_leave_rows_out(select, window, cheap_to_reread):
                    _leave_rows_out(select, window, rows_kept)
                _order_by_sort_key(window)


def _groups_are_partitions(scope: Scope, window: exp.Expr, partition_columns: Mapping[str, Collection[str]]) -> bool:
    """Whether all rows are one group, or the groups are by nothing but partition columns of tables."""
    groups: Sequence[exp.Expr] = window.args.get("partition_by", [])
    return all(_is_partition_column(scope, group, partition_columns) for group in groups)


def _is_partition_column(scope: Scope, value: exp.Expr, partition_columns: Mapping[str, Collection[str]]) -> bool:
    """Whether a value is a partition column of a table, in a query of the table or of subqueries around one."""
    if not isinstance(value, exp.Column) or value.table not in scope.selected_sources:
        return False
    _, source = scope.selected_sources[value.table]
    if isinstance(source, exp.Table):
        return value.name in partition_columns.get(source.name, ())
    branches = source.set_operation_scopes or [source]
    query = source.expression
    names = query.named_selects if isinstance(query, exp.Query) else []
    position = names.index(value.name) if value.name in names else None
    return position is not None and all(
        not branch.set_operation_scopes
        and isinstance(branch.expression, exp.Select)
        and _is_partition_column(branch, branch.expression.selects[position].unalias(), partition_columns)
        for branch in branches
    )


def _rows_kept(scopes: list[Scope], scope: Scope, select: exp.Select, window: exp.Expr) -> int:
    """N: how many of a group's first rows the query uses. 0 where it does not say, or where they are too many."""
    columns = [column.unalias() for column in select.selects]
    position = next((number for number, column in enumerate(columns) if column is window), None)
    if position is None:
        return 0
    greatest = greatest_integer(predicates_on_result(scopes, scope, position))
    return greatest if greatest and 0 < greatest <= MAX_ROWS_KEPT else 0


def _may_leave_rows_out(select: exp.Select, window: exp.Expr, cheap_to_reread: Collection[str]) -> bool:
    """Whether the rows of one table, or of a subquery of one, that are not among the first of their group can go.

    That is so where nothing but this numbering depends on them, and where NULL comes last in the first column of ORDER
    BY.
    """
    source, first = select.args["from_"].this, window.args["order"].expressions[0]
    columns = [first.this, *window.args.get("partition_by", [])]
    where = select.args.get("where")
    own = [*columns, *(where.find_all(exp.Column) if where else ())]  # and not those of a query around it
    inner = source.this if isinstance(source, exp.Subquery) else None
    table = inner.args["from_"].this if isinstance(inner, exp.Select) and inner.args.get("from_") else source
    plain = (select, window, *((source, inner) if inner else ()))
    return (
        isinstance(table, exp.Table)
        and table.name in cheap_to_reread
        and not any(read.args.get("sample") for read in (table, source))  # another reading is another sample
        and not any(query.args.get(clause) for query in (select, inner) if query for clause in _OTHER_CLAUSES)
        and not (inner and any(source.args.get(clause) for clause in ("with_", "order", "limit", "offset")))
        and all(any(found is one for one in plain) for found in select.find_all(exp.Window, exp.AggFunc, exp.Query))
        and all(isinstance(column, exp.Column) and column.table == source.alias_or_name for column in own)
        and not first.args.get("nulls_first")
    )


def _leave_rows_out(select: exp.Select, window: exp.Expr, rows_kept: int) -> None:
    """Join what it reads with the N-th value of each group's first ORDER BY column, and drop the rows behind it."""
    source, first = select.args["from_"].this, window.args["order"].expressions[0]
    groups: Sequence[exp.Expr] = window.args.get("partition_by", [])
    best, not_behind = ("max", ">=") if first.args.get("desc") else ("min", "<=")
    # In a group with fewer values than that, there is no N-th, and every row is kept.
    nth_value = from_template(f"list_extract({best}(:value, {rows_kept}), {rows_kept})", value=first.this)
    alias = f"best of {source.alias_or_name}"
    names = [exp.column(f"group_{number}", alias, quoted=True) for number in range(len(groups))]
    keys = [exp.alias_(group.copy(), name.this) for group, name in zip(groups, names, strict=True)]
    nth_values = exp.select(*keys, exp.alias_(nth_value, "last", quoted=True)).from_(source.copy())
    if select.args.get("where"):
        nth_values = nth_values.where(select.args["where"].this.copy())
    nth_values = nth_values.group_by(*(group.copy() for group in groups))
    same_group = [exp.NullSafeEQ(this=group.copy(), expression=name) for group, name in zip(groups, names, strict=True)]
    last = exp.column("last", alias, quoted=True)
    kept = from_template(f":last IS NULL OR :value {not_behind} :last", value=first.this, last=last)
    subquery = nth_values.subquery(exp.to_identifier(alias, quoted=True))
    select.join(subquery, on=exp.and_(*same_group, kept), copy=False)


def _order_by_sort_key(window: exp.Expr) -> None:
    """Order by one value that sorts as all the values of ORDER BY do."""
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
