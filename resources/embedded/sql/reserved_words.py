"""Trino's reserved words: a name that is one has to stand in double quotes. sqlglot takes some of them as names.

For example, ``SELECT end FROM flows`` is a syntax error in Athena; ``SELECT "end" FROM flows`` is not.
Sources: "Reserved keywords", Trino documentation; "Escape reserved keywords in queries", Athena user guide.
"""

import re

from sqlglot import exp

from resources.engine import QueryError

RESERVED_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
    alter and as between by case cast constraint create cross cube current_catalog current_date current_path
    current_role current_schema current_time current_timestamp current_user deallocate delete describe distinct drop
    else end escape except execute exists extract false for from full group grouping having in inner insert intersect
    into is join json_array json_exists json_object json_query json_table json_value left like listagg localtime
    localtimestamp natural normalize not null on or order outer prepare recursive right rollup select skip table then
    trim true uescape union unnest using values when where with
    """,
    )
)


def require_no_reserved_names(tree: exp.Expr, text: str) -> None:
    """Raise QueryError for the first name in a query that is a reserved word without quotes."""
    for name in tree.find_all(exp.Identifier):
        if not name.args.get("quoted") and name.name.lower() in RESERVED_WORDS:
            problem = f"'{name.name}' is a reserved word. Write \"{name.name.lower()}\" if it is a name."
            raise QueryError("SYNTAX_ERROR", problem, text)
