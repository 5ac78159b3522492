"""Random queries: the embedded engine gives the rows that SQLite gives, over tables with NULLs, NaN and odd texts.

`FLOWLAKE_TEST_QUERIES` is how many: 300 by default, 2,000 for a change of the rules. A query comes from its number, so
that a difference can be looked at again.
"""

import os
import sqlite3

import pytest
from random_queries import COLUMNS, TABLES, Query, random_query
from small_bucket import SmallBucket
from sqlite_oracle import answer, comparable, in_any_order, oracle
from trino_sql_validator import validate

QUERIES = int(os.environ.get("FLOWLAKE_TEST_QUERIES", "300"))
AT_ONCE = 25
"""How many are one test."""


@pytest.fixture(scope="module")
def sqlite() -> sqlite3.Connection:
    database = oracle()
    for name, rows in TABLES.items():
        database.execute(f"CREATE TABLE {name} ({', '.join(COLUMNS)})")
        database.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(COLUMNS))})", rows)
    return database


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> SmallBucket:
    bucket = SmallBucket(tmp_path_factory.mktemp("random-queries"))
    columns = ", ".join(f"{name} {'bigint' if kind == 'bigint' else 'string'}" for name, kind in COLUMNS.items())
    for name, rows in TABLES.items():
        lines = ("|".join("\\N" if value is None else str(value) for value in row) for row in rows)
        bucket.create(name, columns, "".join(f"{line}\n" for line in lines).encode(), "|")
    return bucket


def difference(lake: SmallBucket, sqlite: sqlite3.Connection, query: Query) -> str:
    """What is told of a query whose rows are not SQLite's; empty if they are."""
    ours, theirs = comparable(lake.rows(query.trino)), answer(sqlite, query.sqlite)
    if not query.is_ordered:
        ours, theirs = in_any_order(ours), in_any_order(theirs)
    return "" if ours == theirs else f"{query.trino}\n{query.sqlite}\n{ours}\n{theirs}"


@pytest.mark.parametrize("first", range(0, QUERIES, AT_ONCE))
def test_rows_are_those_of_an_independent_engine(lake: SmallBucket, sqlite: sqlite3.Connection, first: int) -> None:
    numbers = range(first, min(first + AT_ONCE, QUERIES))
    queries = {number: random_query(number) for number in numbers}
    assert [number for number, query in queries.items() if not validate(query.trino).valid] == []
    found = {number: difference(lake, sqlite, query) for number, query in queries.items()}
    assert {number: told for number, told in found.items() if told} == {}
