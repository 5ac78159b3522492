"""Other engines' SQL, which Trino's parser does not take: an error that says what to write in Trino."""

import pytest

from resources.embedded.sql.parse import parse
from resources.engine import QueryError

MISTAKES = {
    "SELECT 5 & 4": "line 1:10: Trino has no operator '&'; write bitwise_and(…).",
    "SELECT 5 | 4": "line 1:10: Trino has no operator '|'; write bitwise_or(…).",
    "SELECT 5 ^ 4": "line 1:10: Trino has no operator '^'; write bitwise_xor(…), or power(…).",
    "SELECT ~5": "line 1:8: Trino has no operator '~'",
    "SELECT 1 << 2": "line 1:10: Trino has no operator '<<'; write bitwise_left_shift(…).",
    "SELECT 1 == 1": "line 1:10: Trino has no operator '=='; write =.",
    "SELECT 1 <=> 1": "line 1:10: Trino has no operator '<=>'; write IS NOT DISTINCT FROM.",
    "SELECT !true": "line 1:8: Trino has no operator '!'; write NOT.",
    "SELECT 'a' RLIKE 'a'": "line 1:12: Trino has no operator 'RLIKE'; write regexp_like(…).",
    "SELECT 'a' REGEXP 'a'": "line 1:12: Trino has no operator 'REGEXP'; write regexp_like(…).",
    "SELECT dt ILIKE 'a' FROM flows": "line 1:11: Trino has no operator 'ILIKE'; write lower(…) LIKE ….",
    "SELECT dt SIMILAR TO 'a' FROM flows": "line 1:11: Trino has no operator 'SIMILAR TO'; write regexp_like(…).",
    "SELECT 1 ISNULL": "line 1:10: Trino has no operator 'ISNULL'; write IS NULL.",
    "SELECT 1 NOTNULL": "line 1:10: Trino has no operator 'NOTNULL'; write IS NOT NULL.",
    "SELECT 1\n NOT NULL": "line 2:2: mismatched input 'NOT'; write IS NOT NULL.",
    "SELECT 7 DIV 2": "line 1:10: Trino has no operator 'DIV'; write /.",
    "SELECT [1, 2]": "line 1:8: mismatched input '['; an array is written ARRAY[…].",
    "SELECT cardinality([1])": "line 1:20: mismatched input '['; an array is written ARRAY[…].",
    "SELECT {'a': 1}": "line 1:8: mismatched input '{'.",
    "SELECT 1 AS 'x'": "line 1:13: mismatched input 'x': a name is written in double quotes.",
    "SELECT dt FROM flows LIMIT 1, 2": "line 1:29: mismatched input ','; rows are skipped by OFFSET, before LIMIT.",
    "SELECT 1_000": "line 1:8: identifiers must not start with a digit: 1_000.",
    "SELECT TOP 1 dt FROM flows": "line 1:12: the statement cannot be read at '1'.",
    "SELECT 5 // 2": "line 1:11: the statement cannot be read at '/'.",
}

TRINOS = (
    "SELECT 1 IS NOT NULL",
    "SELECT NOT NULL",
    "SELECT 1 WHERE NOT NULL IS NULL",
    "SELECT '5 & 4'",
    'SELECT 1 AS "a|b"',
    "SELECT 1 <> 2, 1 != 2, 7 % 2, 'a' || 'b'",
    "SELECT dt FROM flows LIMIT ALL",
    "SELECT ARRAY[1, 2], ARRAY[ARRAY[1], ARRAY[2]]",
)


@pytest.mark.parametrize("statement", MISTAKES)
def test_another_engines_syntax_is_told_with_trinos(statement: str) -> None:
    with pytest.raises(QueryError) as mistake:
        parse(statement, "lake")
    assert str(mistake.value).startswith(f"SYNTAX_ERROR: {MISTAKES[statement]}")


@pytest.mark.parametrize("statement", TRINOS)
def test_trinos_syntax_is_none_of_them(statement: str) -> None:
    parse(statement, "lake")
