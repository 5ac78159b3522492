"""Queries that number rows and keep the first: what DuckDB is told for them, and that it means the same."""

import re
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_bucket import SmallBucket, record

from flowlogs.record_format import PARQUET, TEXT
from flowlogs.statements import TableDefinition
from resources.embedded.sql.parse import parse
from resources.embedded.sql.plan import QueryPlan
from resources.embedded.sql.planner import plan_query
from resources.embedded.sql.statements import Query

COLUMNS = (("a", "int"), ("b", "string"), ("c", "bigint"))
PARTITIONED_BY = (("p", "int"),)
KINDS = [("p", pa.int32()), ("a", pa.int32()), ("b", pa.string()), ("c", pa.int64())]

Row = tuple[object, ...]

ROWS = st.lists(
    st.tuples(
        st.integers(0, 1) | st.none(),
        st.integers(-2, 2) | st.sampled_from([None, -(1 << 31), (1 << 31) - 1]),
        st.sampled_from([None, "", "a", "aa", "B", "b", "\x00", "é", "😀", "\uffff"]),
        st.integers(-300, 300) | st.sampled_from([None, -(1 << 62), 1 << 62]),
    ),
    max_size=12,
)
ORDERS = st.lists(
    st.builds(
        "{} {} {}".format,
        st.sampled_from(["a", "b", "c", "a + c", "b || 'x'"]),
        st.sampled_from(["", "ASC", "DESC"]),
        st.sampled_from(["", "NULLS FIRST", "NULLS LAST"]),
    ),
    min_size=1,
    max_size=4,
)
CONDITIONS = (
    "row_number <= {}",
    "row_number < {}",
    "row_number = {}",
    "row_number BETWEEN 2 AND {}",
    "row_number <= {} AND row_number > 1",
)


def planned(statement: str, stored_as: str = TEXT) -> QueryPlan:
    parsed = parse(statement, "lake")
    assert isinstance(parsed, Query)
    return plan_query(parsed, "lake", lambda _: TableDefinition(COLUMNS, PARTITIONED_BY, "s3://b/", stored_as))


def leaves_out(statement: str, stored_as: str = PARQUET) -> bool:
    """Whether the plan of a statement leaves out rows before it numbers them."""
    return "best of" in planned(statement, stored_as).sql


def both_answers(statement: str, rewritten: QueryPlan, rows: list[Row], shown: list[str]) -> list[list[str]]:
    """What the plan answers, and what the statement as it stands, about the columns that are shown."""
    table = pa.table(
        [pa.array([row[at] for row in rows], kind) for at, (_, kind) in enumerate(KINDS)], pa.schema(KINDS)
    )
    with duckdb.connect() as connection:
        for name in ("flows", *(read.relation for read in rewritten.reads)):
            connection.register(name, table)
        # Which of two rows that are alike comes first is anybody's choice, but not which places they have.
        return [
            sorted(repr([row[name] for name in shown]) for row in connection.sql(sql).to_arrow_table().to_pylist())
            for sql in (rewritten.sql, statement)
        ]


def shown_by(orders: list[str], partitioned: bool) -> list[str]:
    # Rows are alike where the values that they are ordered by are: NULL + 1 and NULL + 2 are.
    keys = [column for column in "abc" if any(re.match(rf"{column}( +(ASC|DESC|NULLS)|$)", order) for order in orders)]
    return [*(["p"] if partitioned else []), *keys, "row_number"]


def numbered(orders: list[str], partitioned: bool, where: str = "") -> str:
    window = f"{'PARTITION BY p ' if partitioned else ''}ORDER BY {', '.join(orders)}"
    return f"SELECT p, a, b, c, row_number() OVER ({window}) AS row_number FROM flows{where}"


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, orders=ORDERS, partitioned=st.booleans())
def test_rows_are_numbered_by_several_values_as_duckdb_itself_numbers_them(
    rows: list[Row], orders: list[str], partitioned: bool
) -> None:
    statement = numbered(orders, partitioned)
    rewritten = planned(statement)
    assert ("CREATE_SORT_KEY" in rewritten.sql.upper()) == (len(orders) > 1)
    ours, plain = both_answers(statement, rewritten, rows, shown_by(orders, partitioned))
    assert ours == plain


@settings(max_examples=60, deadline=None)
@given(
    rows=ROWS,
    orders=ORDERS,
    partitioned=st.booleans(),
    condition=st.sampled_from(CONDITIONS),
    kept=st.integers(0, 4),
    where=st.sampled_from(["", " WHERE c > 0", " WHERE b <> 'a' OR a IS NULL"]),
    nested=st.booleans(),
)
def test_rows_that_are_left_out_have_no_say_in_which_come_first(
    rows: list[Row], orders: list[str], partitioned: bool, condition: str, kept: int, where: str, nested: bool
) -> None:
    query = numbered(orders, partitioned, where)
    if nested:
        query = numbered(orders, partitioned).replace("FROM flows", f"FROM (SELECT p, a, b, c FROM flows{where})")
    statement = f"SELECT * FROM ({query}) WHERE {condition.format(kept)}"
    rewritten = planned(statement, PARQUET)
    first, _, direction = orders[0].partition(" ")
    plain_column = first in ("a", "b", "c") and not re.match(r"[+|]|.*NULLS FIRST", direction)
    most = kept - condition.startswith("row_number < ")
    assert ("best of" in rewritten.sql) == (plain_column and most > 0)
    ours, plain = both_answers(statement, rewritten, rows, shown_by(orders, partitioned))
    assert ours == plain


FIRST = "SELECT * FROM ({}) WHERE row_number <= 3"
NUMBER = "row_number() OVER (PARTITION BY p ORDER BY a DESC, b) AS row_number"
JOINED_NUMBER = "row_number() OVER (PARTITION BY f.p ORDER BY f.a DESC, g.b) AS row_number"


@pytest.mark.parametrize(
    "statement",
    [
        FIRST.format(f"SELECT p, b, {NUMBER} FROM flows"),
        FIRST.format(f"SELECT p, b, {NUMBER} FROM flows AS f WHERE c > 1 ORDER BY p"),
        FIRST.format(f"SELECT p, b, {NUMBER} FROM (SELECT a, b, p FROM flows WHERE c > 1)"),
        FIRST.format(f"SELECT p, b, {NUMBER} FROM (SELECT c + 1 AS a, b, p FROM flows) WHERE b <> ''"),
        f"WITH r AS (SELECT *, {NUMBER} FROM flows) SELECT p FROM r WHERE c > 0 AND (row_number <= 3 AND b <> '')",
        f"SELECT f.p FROM ({FIRST.format(f'SELECT p, {NUMBER} FROM flows')}) AS f JOIN flows AS g ON f.p = g.a",
    ],
)
def test_where_only_the_first_rows_are_of_use_others_are_left_out(statement: str) -> None:
    assert leaves_out(statement)
    assert not leaves_out(statement, TEXT)  # which would be read a second time for it


@pytest.mark.parametrize(
    "statement",
    [
        f"SELECT p, {NUMBER} FROM flows",
        FIRST.format(f"SELECT p, {NUMBER} FROM flows").replace("<=", ">="),
        FIRST.format(f"SELECT p, {NUMBER} FROM flows").replace("<= 3", "<= 3 OR p = 1"),
        FIRST.format(f"SELECT p, {NUMBER} FROM flows").replace("<= 3", "<= 1001"),
        FIRST.format(f"SELECT p, count(*) OVER (PARTITION BY p) AS n, {NUMBER} FROM flows"),
        FIRST.format(f"SELECT DISTINCT p, {NUMBER} FROM flows"),
        FIRST.format(f"SELECT p, {NUMBER} FROM flows LIMIT 5"),
        FIRST.format(f"SELECT p, {NUMBER} FROM (SELECT a, b, p FROM flows LIMIT 5)"),
        FIRST.format(f"SELECT p, {NUMBER} FROM (SELECT DISTINCT a, b, p FROM flows)"),
        FIRST.format(f"SELECT p, {NUMBER} FROM (SELECT a, max(b) AS b, p FROM flows GROUP BY a, p)"),
        FIRST.format(f"SELECT p, {NUMBER} FROM (SELECT a, b, p FROM flows UNION SELECT a, b, p FROM flows)"),
        FIRST.format(f"SELECT p, {NUMBER} FROM (SELECT a, b, p FROM flows WHERE a IN (SELECT c FROM flows))"),
        FIRST.format(f"SELECT p, {NUMBER} FROM flows WHERE a IN (SELECT c FROM flows)"),
        f"SELECT 1 FROM flows AS f WHERE EXISTS ({FIRST.format(f'SELECT p, {NUMBER} FROM flows WHERE c > f.c')})",
        FIRST.format(f"SELECT f.p, {JOINED_NUMBER} FROM flows AS f JOIN flows AS g ON f.p = g.a"),
        FIRST.format(
            "SELECT p, row_number() OVER (PARTITION BY p ORDER BY sum(a)) AS row_number FROM flows GROUP BY p"
        ),
        FIRST.format("SELECT p, row_number() OVER (PARTITION BY p + 1 ORDER BY a) AS row_number FROM flows"),
        FIRST.format("SELECT p, row_number() OVER (PARTITION BY p, b ORDER BY a) AS row_number FROM flows"),
        FIRST.format("SELECT p, row_number() OVER (PARTITION BY p ORDER BY a + 1) AS row_number FROM flows"),
        FIRST.format("SELECT p, rank() OVER (PARTITION BY p ORDER BY a) AS row_number FROM flows"),
        FIRST.format("SELECT p, row_number() OVER (PARTITION BY p) AS row_number FROM flows"),
        FIRST.format("SELECT p, 1 + row_number() OVER (PARTITION BY p ORDER BY a) AS row_number FROM flows"),
        f"WITH r AS (SELECT p, {NUMBER} FROM flows) {FIRST.format('SELECT * FROM r')} UNION SELECT * FROM r",
    ],
)
def test_where_others_may_be_of_use_too_every_row_is_kept(statement: str) -> None:
    assert not leaves_out(statement)


def test_the_first_of_each_day_are_found_by_their_number(tmp_path: Path) -> None:
    bucket = SmallBucket(tmp_path)
    for day in ("2024-03-01", "2024-03-02"):
        bucket.put_day(day, [record(number, packets=packets) for number, packets in enumerate(("-", 5, 7, 7, 5))])
    statement = """SELECT dt, interfaceid, numpackets FROM (
        SELECT dt, interfaceid, numpackets,
            row_number() OVER (PARTITION BY dt ORDER BY numpackets DESC NULLS {}, interfaceid DESC) AS row_number
        FROM flows) WHERE row_number <= 3 ORDER BY dt, row_number"""
    assert bucket.rows(statement.format("LAST"))[3:] == [
        ("2024-03-02", "eni-3", 7),
        ("2024-03-02", "eni-2", 7),
        ("2024-03-02", "eni-4", 5),
    ]
    assert bucket.rows(statement.format("FIRST"))[:3] == [
        ("2024-03-01", "eni-0", None),
        ("2024-03-01", "eni-3", 7),
        ("2024-03-01", "eni-2", 7),
    ]


def test_groups_that_may_be_many_are_sorted_as_duckdb_does_which_takes_no_more_memory_than_there_is() -> None:
    sql = planned("SELECT a, row_number() OVER (PARTITION BY b ORDER BY a, c) AS row_number FROM flows", PARQUET).sql
    assert "CREATE_SORT_KEY" not in sql.upper()


@pytest.mark.parametrize(
    "source",
    [
        "SELECT a, sum(c) AS c, p FROM flows GROUP BY a, p",
        "SELECT DISTINCT a, c, p FROM flows",
        "SELECT a, c, p FROM flows UNION ALL SELECT a, c, p FROM flows",
        "WITH g AS (SELECT a, c, p FROM flows) SELECT g.a, h.c, h.p FROM g JOIN g AS h ON g.p = h.p",
    ],
)
def test_the_first_rows_of_each_partition_of_a_subquery_are_found_by_one_value(source: str) -> None:
    number = "row_number() OVER (PARTITION BY p ORDER BY c DESC, a) AS row_number"
    sql = planned(FIRST.format(f"SELECT a, {number} FROM ({source})"), PARQUET).sql
    assert "CREATE_SORT_KEY" in sql.upper()
    assert "best of" not in sql  # the subquery would be computed twice


@pytest.mark.parametrize(
    "source",
    [
        "SELECT a, c, a AS p FROM flows",
        "SELECT a, c, p + 1 AS p FROM flows",
        "SELECT a, c, p FROM flows UNION ALL SELECT a, c, a FROM flows",
    ],
)
def test_groups_of_a_subquery_that_are_no_partitions_may_be_many(source: str) -> None:
    number = "row_number() OVER (PARTITION BY p ORDER BY c DESC, a) AS row_number"
    sql = planned(FIRST.format(f"SELECT a, {number} FROM ({source})"), PARQUET).sql
    assert "CREATE_SORT_KEY" not in sql.upper()
