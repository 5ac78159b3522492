"""Builds a piece of DuckDB's SQL from a template: the rules and top_n.py use it."""

import sqlglot
from sqlglot import exp

DIVISION_BY_ZERO = "error('DIVISION_BY_ZERO: Division by zero')"
"""SQL for the failure of a division by zero."""


def from_template(template: str, **parts: exp.Expr) -> exp.Expr:
    """DuckDB's SQL with each ``:name`` in it replaced by the part of that name, in parentheses.

    For example, ``from_template(":a // :b", a=…, b=…)`` gives ``(x + 1) // (y)`` for the parts ``x + 1`` and ``y``.
    """
    tree = sqlglot.parse_one(template, read="duckdb")
    for placeholder in list(tree.find_all(exp.Placeholder)):
        part = exp.paren(parts[placeholder.name], copy=True)
        if placeholder is tree:
            return part
        placeholder.replace(part)
    return tree
