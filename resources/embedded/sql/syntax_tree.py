"""Makes sqlglot's tree of a statement, or of a part of its text."""

import re

import sqlglot
from sqlglot import exp
from sqlglot.dialects.dialect import DialectType

from resources.engine import QueryError


def syntax_tree(sql: str, text: str, dialect: DialectType = "athena") -> exp.Expr:
    """The tree of `sql`, which is the statement `text` or a part of it. Raises SqlglotError if there is none."""
    trees = sqlglot.parse(sql, read=dialect, error_level=sqlglot.ErrorLevel.IMMEDIATE)
    found = [tree for tree in trees if tree is not None]
    if len(found) != 1:
        raise QueryError("SYNTAX_ERROR", "exactly one statement is executed at a time.", text)
    return found[0]


def blanked(text: str, end: int) -> str:
    """The text with blanks in place of what stands before `end`, so that the rest keeps its lines and columns."""
    return re.sub(r"[^\n]", " ", text[:end]) + text[end:]
