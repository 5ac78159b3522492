"""Errors about a statement's text: parts that are not supported or not SQL, and their position in the text."""

import re

from sqlglot import exp
from sqlglot.errors import ErrorLevel, ParseError, SqlglotError
from sqlglot.tokenizer_core import Token

from resources.engine import QueryError

_TERMINAL_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def not_supported(what: str, text: str) -> QueryError:
    """The error for what Athena may execute and the embedded engine does not."""
    return QueryError("NOT_SUPPORTED", f"the embedded Athena does not execute {what}.", text)


def nested_too_deeply(text: str) -> QueryError:
    return not_supported("a statement that is nested this deeply", text)


def syntax_error(problem: str | SqlglotError, text: str) -> QueryError:
    """The error for a text that neither of Athena's parsers takes."""
    found = problem.errors[0] if isinstance(problem, ParseError) and problem.errors else None
    if found and found.get("line") and found.get("highlight"):
        # sqlglot gives the column of a token's last character, and the words of its own classes.
        line, column = found["line"], found["col"] - len(found["highlight"]) + 1
        end = "at its end " if text.rstrip().endswith(found["highlight"]) else ""
        if str(found.get("description")).startswith("The number of provided arguments"):
            return QueryError("FUNCTION_NOT_FOUND", f"line {line}:{column}: a function has too many arguments.", text)
        problem = f"line {line}:{column}: the statement cannot be read {end}at '{found['highlight']}'."
    return QueryError("SYNTAX_ERROR", _TERMINAL_COLOURS.sub("", str(problem)), text)


def position_of(found: exp.Expr | Token) -> str:
    """Where a token or a node of the tree begins, as ``line 2:17: ``; empty if the tree does not say it."""
    if isinstance(found, Token):
        line, last, start, end = found.line, found.col, found.start, found.end
    elif "line" in found.meta:
        line, last, start, end = (found.meta[name] for name in ("line", "col", "start", "end"))
    else:
        return ""
    # sqlglot gives the column of a token's last character.
    return f"line {line}:{last - (end - start)}: "


def athena_sql(node: exp.Expr) -> str:
    """A part of a statement as Athena's SQL, for people."""
    return node.sql("athena", unsupported_level=ErrorLevel.IGNORE)
