"""The rule for names in ORDER BY. It looks at a whole SELECT, and runs before the rules for single nodes."""

from sqlglot import exp


def replace_result_names(select: exp.Select) -> None:
    """In ORDER BY, a name is first of all a column of the result; DuckDB sees it so only where it stands alone.

    Example: in ``SELECT -a AS a FROM t ORDER BY a + 1``, the order is by ``(-a) + 1``.
    Source: "SELECT", ORDER BY clause, Trino documentation.
    """
    order = select.args.get("order")
    results = {column.alias: column.this for column in select.selects if isinstance(column, exp.Alias)}
    for column in list(order.find_all(exp.Column)) if order else []:
        if not column.table and column.name in results and not isinstance(column.parent, exp.Ordered):
            column.replace(exp.paren(results[column.name], copy=True))
