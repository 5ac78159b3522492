"""Fuzzes SELECTs: the embedded engine gives the rows that SQLite gives. The queries are those of the tests."""

import atexit
import shutil
import sqlite3
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from fuzz.targets import SilentLoss

TESTS = Path(__file__).resolve().parent.parent / "tests"


@cache
def _engines() -> tuple[Any, sqlite3.Connection, Any]:
    """The embedded engine and SQLite, each with the two tables; and the module of the comparison."""
    sys.path.append(str(TESTS))
    import random_queries
    import sqlite_oracle
    from small_bucket import SmallBucket

    root = Path(tempfile.mkdtemp(prefix="fuzz-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    database, bucket = sqlite_oracle.oracle(), SmallBucket(root)
    columns = random_queries.COLUMNS
    hive = ", ".join(f"{name} {'bigint' if kind == 'bigint' else 'string'}" for name, kind in columns.items())
    for name, rows in random_queries.TABLES.items():
        database.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
        database.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})", rows)
        lines = ("|".join("\\N" if value is None else str(value) for value in row) for row in rows)
        bucket.create(name, hive, "".join(f"{line}\n" for line in lines).encode(), "|")
    return bucket, database, sqlite_oracle


def check(data: bytes) -> None:
    """Raise SilentLoss where the two give different rows. The bytes are the query's number."""
    bucket, database, oracle = _engines()
    from random_queries import random_query

    number = int.from_bytes(data[:6], "little")
    query = random_query(number)
    ours, theirs = oracle.comparable(bucket.rows(query.trino)), oracle.answer(database, query.sqlite)
    if not query.is_ordered:
        ours, theirs = oracle.in_any_order(ours), oracle.in_any_order(theirs)
    if ours != theirs:
        raise SilentLoss(f"query {number}\n{query.trino}\n{query.sqlite}\n{ours}\n{theirs}")
