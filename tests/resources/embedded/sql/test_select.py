"""SELECT: mistakes in it are told as Trino tells them, also those that sqlglot and DuckDB read over."""

from collections.abc import Callable

import pytest

MISTAKES = {
    "SELECT `dt` FROM flows": "SYNTAX_ERROR",
    "SELECT dt FROM flows WHERE": "SYNTAX_ERROR",
    "SELECT 'open FROM flows": "SYNTAX_ERROR",
    "SELECT dt FROM": "SYNTAX_ERROR",
    "SELECT 1; SELECT 2": "SYNTAX_ERROR",
    "SELECT 1; DROP TABLE flows": "SYNTAX_ERROR",
    "SELECT dt, FROM flows": "SYNTAX_ERROR",
    "SELECT , dt FROM flows": "SYNTAX_ERROR",
    "SELECT concat(dt,, dt) FROM flows": "SYNTAX_ERROR",
    "SELECT lower(dt,) FROM flows": "SYNTAX_ERROR",
    "SELECT CAST(dt AS varchar FROM flows": "SYNTAX_ERROR",
    "SELECT 'a' 'b'": "SYNTAX_ERROR",
    "SELECT dt::varchar FROM flows": "SYNTAX_ERROR",
    "SELECT substr(dt) FROM flows": "FUNCTION_NOT_FOUND",
    "SELECT split_part(dt, '-') FROM flows": "FUNCTION_NOT_FOUND",
    "SELECT dt FROM flows LIMIT 1 OFFSET 1": "SYNTAX_ERROR",
    "SELECT * FROM flows, flows": "SYNTAX_ERROR",
    "SELECT * FROM '/etc/passwd'": "SYNTAX_ERROR",
    "SELECT * FROM glob('/etc/*')": "SYNTAX_ERROR",
    'SELECT * FROM "/etc/passwd"': "SYNTAX_ERROR",
    "SELECT '\ud800'": "SYNTAX_ERROR",
}


@pytest.mark.parametrize("statement", MISTAKES)
def test_a_mistake_in_a_query_is_told_by_its_kind(statement: str, mistake: Callable[[str], str]) -> None:
    assert mistake(statement) == MISTAKES[statement]
