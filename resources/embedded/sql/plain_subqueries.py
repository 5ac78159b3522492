"""Merges a subquery that only picks columns and rows of one table into the query around it.

For example, ``SELECT a FROM (SELECT a, b FROM t WHERE b = 1) AS s`` becomes ``SELECT a FROM t WHERE b = 1``. The result
is the same. top_n.py finds more in a query without such layers.
"""

from sqlglot import exp

_CLAUSES_AROUND = frozenset(
    {"expressions", "from_", "where", "group", "order", "having", "limit", "offset", "distinct"}
)
_CLAUSES_INSIDE = frozenset({"expressions", "from_", "where"})


def merge_plain_subqueries(tree: exp.Expr) -> None:
    """Merge them in place, in a qualified query."""
    for select in reversed(list(tree.find_all(exp.Select))):
        source = select.args["from_"].this if select.args.get("from_") else None
        if isinstance(source, exp.Subquery) and _has_only(select, _CLAUSES_AROUND):
            inner = source.this
            if isinstance(inner, exp.Select) and _is_plain(inner):
                _merge(select, inner, source.alias)


def _has_only(select: exp.Select, clauses: frozenset[str]) -> bool:
    return all(name in clauses for name, value in select.args.items() if value)


def _is_plain(select: exp.Select) -> bool:
    """Whether a query gives columns of one table, each under its own name, of rows that it chooses."""
    source = select.args.get("from_")
    return (
        _has_only(select, _CLAUSES_INSIDE)
        and source is not None
        and isinstance(source.this, exp.Table)
        and all(
            isinstance(one.unalias(), exp.Column) and one.alias_or_name == one.unalias().name for one in select.selects
        )
        and (not select.args.get("where") or not select.args["where"].find(exp.Query))
    )


def _merge(select: exp.Select, inner: exp.Select, alias: str) -> None:
    table = inner.args["from_"].this
    own = [column for column in select.find_all(exp.Column) if column.find_ancestor(exp.Select) is not inner]
    if any(column.table not in ("", alias) for column in own):
        return  # a correlated query
    for column in own:
        if column.table:
            column.set("table", exp.to_identifier(table.alias_or_name, quoted=True))
    select.set("from_", exp.From(this=table))
    if inner.args.get("where"):
        select.where(inner.args["where"].this, copy=False)
