"""The parser of SELECT: from its text to a tree that holds nothing but what is allowed.

Which tables there are, and what their columns mean, is the planner's to find out.
"""

import sqlglot
from sqlglot import exp

from resources.embedded.sql.allowed import require_allowed
from resources.embedded.sql.errors import not_supported
from resources.embedded.sql.statements import Query
from resources.embedded.sql.syntax_tree import syntax_tree


def parse_select(sql: str, text: str) -> Query:
    """The query `sql`, which is the statement `text` or stands in it."""
    tree = syntax_tree(sql, text)
    if not isinstance(tree, exp.Query):
        raise not_supported(f"{tree.key.upper()} in this form", text)
    require_allowed(tree, sqlglot.tokenize(sql, read="athena"), text)
    return Query(tree, text)
