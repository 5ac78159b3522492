"""Tells DuckDB's errors in Trino's words: each kind of message is one entry of `_KINDS`, with Trino's name for it.

A message that no entry knows is told as such. DuckDB's own words stay in the exception that it came from.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flowlogs.printable import printable, shortened

MESSAGE_LENGTH = 1_000
"""How many characters a message has at most. It may quote a whole field."""

_TYPES: Mapping[str, str] = {
    "BOOL": "boolean",
    "DATE": "date",
    "DOUBLE": "double",
    "INT8": "tinyint",
    "INT16": "smallint",
    "INT32": "integer",
    "INT64": "bigint",
    "INT128": "bigint",
    "TIMESTAMP": "timestamp",
    "VARCHAR": "varchar",
}
"""DuckDB's names of types in messages, and Trino's."""


@dataclass(frozen=True)
class _Kind:
    """A kind of DuckDB's messages: its pattern, Trino's name for the error, and the message with its groups."""

    pattern: str
    code: str
    words: str


_KINDS: Sequence[_Kind] = (
    # What is wrong with the statement. The messages are those of Trino's "StatementAnalyzer" and "ExpressionAnalyzer".
    _Kind(
        r'column "(.+?)" must appear in the GROUP BY clause',
        "EXPRESSION_NOT_AGGREGATE",
        "'{0}' must be an aggregate expression or appear in GROUP BY clause",
    ),
    _Kind(
        r"GROUP BY clause cannot contain",
        "EXPRESSION_NOT_SCALAR",
        "GROUP BY clause cannot contain aggregations, window functions or grouping operations",
    ),
    _Kind(
        r"WHERE clause cannot contain",
        "EXPRESSION_NOT_SCALAR",
        "WHERE clause cannot contain aggregations, window functions or grouping operations",
    ),
    _Kind(r"aggregate function calls cannot be nested", "NESTED_AGGREGATION", "Cannot nest aggregations"),
    _Kind(
        r"aggregate function calls cannot contain window function calls",
        "NESTED_WINDOW",
        "Cannot nest window functions inside aggregations",
    ),
    _Kind(
        r"More than one row returned by a subquery",
        "SUBQUERY_MULTIPLE_ROWS",
        "Scalar sub-query has returned multiple rows",
    ),
    _Kind(
        r"Subquery returns (\d+) columns - expected (\d+)",
        "TYPE_MISMATCH",
        "a subquery has {0} columns, and is used where there are {1}",
    ),
    _Kind(
        r"Set operations can only apply to expressions with the same number of result columns",
        "TYPE_MISMATCH",
        "the queries of a UNION, INTERSECT or EXCEPT have different number of fields",
    ),
    _Kind(r"VALUES lists must all be the same length", "TYPE_MISMATCH", "Values rows have mismatched sizes"),
    _Kind(r"(\w+) is not an aggregate function", "FUNCTION_NOT_WINDOW", "Not a window function: {0}"),
    _Kind(r"Window functions are not supported here", "MISSING_OVER", "Window function requires OVER clause"),
    _Kind(
        r"GROUPING statement cannot be used without groups",
        "MISSING_GROUP_BY",
        "A GROUPING() operation can only be used with a corresponding GROUPING SET/CUBE/ROLLUP/GROUP BY clause",
    ),
    _Kind(r'window "(.+?)" does not exist', "INVALID_WINDOW_REFERENCE", "Cannot resolve WINDOW name {0}"),
    _Kind(
        r"Window .*cannot be (?:negative|NULL)",
        "INVALID_WINDOW_FRAME",
        "Window frame offset must not be negative or null",
    ),
    _Kind(r'Duplicate CTE name "(.+?)"', "DUPLICATE_NAMED_QUERY", "WITH query name '{0}' specified more than once"),
    _Kind(r"ORDER term out of range", "INVALID_COLUMN_REFERENCE", "ORDER BY position is not in select list"),
    _Kind(r"GROUP BY term out of range", "INVALID_COLUMN_REFERENCE", "GROUP BY position is not in select list"),
    _Kind(
        r"\* expression without FROM clause",
        "COLUMN_NOT_FOUND",
        "SELECT * not allowed in queries without FROM clause",
    ),
    _Kind(r"LIMIT/OFFSET cannot be negative", "SYNTAX_ERROR", "LIMIT and OFFSET take a number of 0 or more"),
    _Kind(
        r"Argument for ntile must be greater than zero", "INVALID_FUNCTION_ARGUMENT", "Buckets must be greater than 0"
    ),
    _Kind(
        r"perl operator|[Rr]egexp?\b.*error|missing (?:closing|argument)|pattern too large",
        "NOT_SUPPORTED",
        "the embedded Athena does not execute this regular expression",
    ),
    # Values. Those of decimals are in "DecimalCasts.java" and "DecimalOperators.java" of Trino.
    _Kind(
        r'(?:value|string) "?([^"]*?)"? (?:to|to type) (DECIMAL\(\d+,\d+\))',
        "INVALID_CAST_ARGUMENT",
        "Cannot cast '{0}' to {1}",
    ),
    *(
        _Kind(
            rf"cast decimal value (.+?) to type {name}\b",
            "INVALID_CAST_ARGUMENT",
            f"Cannot cast '{{0}}' to {trino.upper()}",
        )
        for name, trino in _TYPES.items()
        if name.startswith("INT")
    ),
    _Kind(r"^Out of Range Error.*(?:DECIMAL|INT128|HUGEINT)", "NUMERIC_VALUE_OUT_OF_RANGE", "Decimal overflow"),
    _Kind(
        r"Overflow in (addition|subtraction|multiplication) of (\w+) \((.*)\)",
        "NUMERIC_VALUE_OUT_OF_RANGE",
        "{1} {0} overflow: {2}",
    ),
    _Kind(
        r"^Conversion Error: Type INT128", "NUMERIC_VALUE_OUT_OF_RANGE", "bigint addition overflow: a sum does not fit"
    ),
    _Kind(
        r"Type (\w+) with value (.+?) can't be cast because the value is out of range for the destination type (\w+)",
        "INVALID_CAST_ARGUMENT",
        "Out of range for {2}: {1}",
    ),
    _Kind(r"Could not convert string '(.*)' to (\w+)", "INVALID_CAST_ARGUMENT", "Cannot cast '{0}' to {1}"),
    _Kind(
        r'(date|timestamp) field value out of range: "(.*?)"',
        "INVALID_CAST_ARGUMENT",
        "Value cannot be cast to {0}: {1}",
    ),
    _Kind(r"^Conversion Error", "INVALID_CAST_ARGUMENT", "a value cannot be cast to the type that is asked for"),
    _Kind(r"^Out of Range Error", "NUMERIC_VALUE_OUT_OF_RANGE", "a value does not fit into its type"),
    _Kind(
        r"No function matches|Could not choose a best candidate|Cannot (?:compare|mix|combine)|type mismatch",
        "TYPE_MISMATCH",
        "a value is of a type that it may not have in its place",
    ),
)

_UNKNOWN = (
    "GENERIC_INTERNAL_ERROR",
    "the embedded Athena cannot execute this statement, and has no words for the reason. Trino may execute it",
)


def in_trinos_words(problem: str) -> tuple[str, str]:
    """Trino's name for an error of DuckDB's, and a message without its closing full stop."""
    message = re.split(r"\n\nLINE |\n*Possible solutions:", problem)[0]
    if ours := re.fullmatch(r"Invalid Input Error: ([A-Z_]+): (.*)", message, re.DOTALL):
        return ours[1], shortened(printable(ours[2]), MESSAGE_LENGTH)
    for kind in _KINDS:
        if found := re.search(kind.pattern, message, re.DOTALL):
            parts = [_trino_name(part) for part in found.groups()]
            return kind.code, shortened(printable(kind.words.format(*parts)), MESSAGE_LENGTH)
    return _UNKNOWN


def _trino_name(part: str) -> str:
    """A part of a message, if it is a type or NaN, as Trino writes it."""
    if part.startswith("DECIMAL("):
        return part.replace(",", ", ")
    return "NaN" if part in ("nan", "-nan") else _TYPES.get(part, part)
