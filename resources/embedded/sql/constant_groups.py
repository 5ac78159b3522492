"""Takes columns out of GROUP BY that have one value in all rows.

An UNLOAD writes each folder from the objects of one partition. In

    SELECT a, sum(n) AS n, dt FROM t GROUP BY a, dt

dt then makes no group of its own, but takes time and memory in each. The same rows come from

    SELECT a, sum(n) AS n, any_value(dt) AS dt FROM t GROUP BY a
"""

from collections.abc import Collection

from sqlglot import exp

from resources.embedded.sql.predicates import levels


def group_without(tree: exp.Expr, columns: Collection[str]) -> None:
    """Group by none of the innermost table's `columns`, in any level of the query, as far as there are other keys.

    Without any key, a query over no rows would have a row. A level that needs such a column for more than its result is
    left as it is. The caller knows that the columns are passed on to the result.
    """
    names = set(columns)
    for select in reversed(list(levels(tree))):
        is_one = {one.alias_or_name for one in select.selects if _is_any(one.unalias(), names)}
        group = select.args.get("group")
        keys = group.expressions if group else []
        others = [key for key in keys if not _is_any(key, names)]
        if group and others and len(others) < len(keys) and _is_only_selected(select, names):
            group.set("expressions", others)
            for value in [selected.unalias() for selected in select.selects]:
                if _is_any(value, names):
                    value.replace(exp.AnyValue(this=value.copy()))
        names = is_one


def _is_only_selected(select: exp.Select, names: Collection[str]) -> bool:
    """Whether a level uses the columns, behind GROUP BY, in nothing but columns of its result."""
    clauses = [select.args[name] for name in ("having", "order") if select.args.get(name)]
    values = [value for one in select.selects if not _is_any(value := one.unalias(), names)]
    return not any(_is_any(found, names) for part in (*clauses, *values) for found in part.find_all(exp.Column))


def _is_any(value: exp.Expr, names: Collection[str]) -> bool:
    return isinstance(value, exp.Column) and value.name in names
