"""A reserved word is no name, unless it is quoted."""

from collections.abc import Callable

import pytest
from small_bucket import SmallBucket


@pytest.mark.parametrize(
    "query",
    [
        'SELECT end FROM (SELECT 1 AS "end")',
        "SELECT 1 AS End",
        'SELECT t.group FROM (SELECT 1 AS "group") t',
        "SELECT 1 FROM flows AS skip",
        'WITH normalize AS (SELECT 1 AS n) SELECT n FROM "normalize"',
    ],
)
def test_is_a_mistake_without_quotes(mistake: Callable[[str], str], query: str) -> None:
    assert mistake(query) == "SYNTAX_ERROR"


@pytest.mark.parametrize(
    "query",
    [
        'SELECT "end" FROM (SELECT 1 AS "end")',
        "SELECT start FROM (SELECT 1 AS start)",
        "SELECT date FROM (SELECT 1 AS date)",
        "SELECT timestamp FROM (SELECT 1 AS timestamp) AS first",
        "SELECT count FROM (SELECT count(*) count FROM flows)",
    ],
)
def test_is_a_name_in_quotes_and_other_words_without(bucket: SmallBucket, query: str) -> None:
    assert bucket.rows(query) == [(1,)]
