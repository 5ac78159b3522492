"""Predicate pushdown: which partitions a query reads, and that the others have no part in its answer."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_bucket import SOURCE, SmallBucket, record

from resources.engine import QueryError

DAYS = ("2024-02-28", "2024-02-29", "2024-03-01", "2024-03-02")
ALL = "all"


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> SmallBucket:
    """A bucket whose days have an object each, by the day's name."""
    bucket = SmallBucket(tmp_path_factory.mktemp("week"))
    for number, day in enumerate(DAYS):
        bucket.put_day(day, [record(number + 1), record(2)], name=day)
    return bucket


READ = {
    # The day alone.
    "SELECT 1 FROM flows": ALL,
    "SELECT 1 FROM flows WHERE dt = '2024-03-01'": ["2024-03-01"],
    "SELECT 1 FROM flows WHERE '2024-03-01' = dt": ["2024-03-01"],
    "SELECT 1 FROM flows WHERE dt = '2030-01-01'": [],
    "SELECT 1 FROM flows WHERE dt = NULL": [],
    "SELECT 1 FROM flows WHERE dt IS NULL": [],
    "SELECT 1 FROM flows WHERE dt IS NOT NULL": ALL,
    "SELECT 1 FROM flows WHERE dt IN ('2024-02-28', '2024-03-02', 'x')": ["2024-02-28", "2024-03-02"],
    "SELECT 1 FROM flows WHERE dt NOT IN ('2024-02-28', '2024-03-02')": ["2024-02-29", "2024-03-01"],
    "SELECT 1 FROM flows WHERE dt BETWEEN '2024-02-29' AND '2024-03-01'": ["2024-02-29", "2024-03-01"],
    "SELECT 1 FROM flows WHERE dt NOT BETWEEN '2024-02-29' AND '2024-03-01'": ["2024-02-28", "2024-03-02"],
    "SELECT 1 FROM flows WHERE dt < '2024-03-01'": ["2024-02-28", "2024-02-29"],
    "SELECT 1 FROM flows WHERE dt <= '2024-02-28'": ["2024-02-28"],
    "SELECT 1 FROM flows WHERE dt > '2024-03-01'": ["2024-03-02"],
    "SELECT 1 FROM flows WHERE dt >= '2024-03-01'": ["2024-03-01", "2024-03-02"],
    "SELECT 1 FROM flows WHERE '2024-03-01' <= dt": ["2024-03-01", "2024-03-02"],
    "SELECT 1 FROM flows WHERE dt <> '2024-03-01'": ["2024-02-28", "2024-02-29", "2024-03-02"],
    "SELECT 1 FROM flows WHERE dt LIKE '2024-02-%'": ["2024-02-28", "2024-02-29"],
    "SELECT 1 FROM flows WHERE substr(dt, 1, 7) = '2024-03'": ["2024-03-01", "2024-03-02"],
    "SELECT 1 FROM flows WHERE date(dt) >= DATE '2024-03-01'": ["2024-03-01", "2024-03-02"],
    "SELECT 1 FROM flows WHERE day_of_week(date(dt)) = 5": ["2024-03-01"],
    "SELECT 1 FROM flows WHERE dt = CAST(DATE '2024-02-29' + INTERVAL '1' DAY AS varchar)": ["2024-03-01"],
    "SELECT 1 FROM flows WHERE dt = date_format(from_unixtime(1709251200), '%Y-%m-%d')": ["2024-03-01"],
    "SELECT 1 FROM flows WHERE NOT (dt < '2024-03-01' OR dt > '2024-03-01')": ["2024-03-01"],
    # The day and something else.
    "SELECT 1 FROM flows WHERE dt = '2024-03-01' AND numpackets = 2": ["2024-03-01"],
    "SELECT 1 FROM flows WHERE dt = '2024-03-01' OR numpackets = 2": ALL,
    "SELECT 1 FROM flows WHERE dt = '2024-03-01' OR dt = '2024-02-28'": ["2024-02-28", "2024-03-01"],
    "SELECT 1 FROM flows WHERE (dt = '2024-03-01' AND numpackets = 1) OR (dt = '2024-02-28' AND numpackets = 2)": [
        "2024-02-28",
        "2024-03-01",
    ],
    "SELECT 1 FROM flows WHERE (dt = '2024-03-01' AND numpackets = 1) OR numpackets = 2": ALL,
    "SELECT 1 FROM flows WHERE NOT (dt = '2024-03-01' AND numpackets = 1)": ALL,
    "SELECT 1 FROM flows WHERE CASE WHEN numpackets = 1 THEN dt = '2024-03-01' ELSE TRUE END": ALL,
    "SELECT 1 FROM flows WHERE dt = account": ALL,
    "SELECT 1 FROM flows WHERE dt || account = '2024-03-01x'": ALL,
    "SELECT count(*) FILTER (WHERE dt = '2024-03-01') FROM flows": ALL,
    "SELECT dt, count(*) FROM flows GROUP BY dt HAVING dt = '2024-03-01'": ALL,
    # Derived tables.
    "SELECT 1 FROM (SELECT * FROM flows) WHERE dt = '2024-03-01'": ["2024-03-01"],
    "SELECT 1 FROM (SELECT dt AS day FROM flows WHERE dt > '2024-02-28') WHERE day < '2024-03-01'": ["2024-02-29"],
    "SELECT 1 FROM (SELECT numpackets AS dt FROM flows) WHERE dt = 1": ALL,
    "SELECT 1 FROM (SELECT lower(dt) AS dt FROM flows) WHERE dt = '2024-03-01'": ALL,
    "SELECT 1 FROM (SELECT DISTINCT dt FROM flows) WHERE dt = '2024-03-01'": ["2024-03-01"],
    "SELECT 1 FROM (SELECT dt, sum(numpackets) FROM flows GROUP BY dt) WHERE dt = '2024-03-01'": ["2024-03-01"],
    "SELECT 1 FROM (SELECT max(dt) AS dt FROM flows) WHERE dt = '2024-03-01'": ALL,
    "SELECT 1 FROM (SELECT dt FROM flows GROUP BY ROLLUP (dt)) WHERE dt IS NULL": ALL,
    "SELECT 1 FROM (SELECT dt FROM flows ORDER BY dt LIMIT 1) WHERE dt = '2024-03-01'": ALL,
    "SELECT 1 FROM (SELECT dt FROM flows ORDER BY dt OFFSET 1) WHERE dt = '2024-03-01'": ALL,
    "SELECT 1 FROM (SELECT dt, row_number() OVER () FROM flows) WHERE dt = '2024-03-01'": ALL,
    "WITH f AS (SELECT * FROM flows) SELECT 1 FROM f WHERE dt = '2024-03-01'": ["2024-03-01"],
    "WITH f(day) AS (SELECT dt FROM flows), g AS (SELECT day FROM f) SELECT 1 FROM g WHERE day = '2024-03-01'": [
        "2024-03-01"
    ],
    "WITH f AS (SELECT * FROM flows) SELECT 1 FROM f a JOIN f b ON a.dt = '2024-03-01' AND b.dt = '2024-03-02'": ALL,
    "WITH flows AS (SELECT '2024-03-01' AS dt) SELECT 1 FROM flows": [],
    # Subqueries.
    "SELECT 1 FROM flows WHERE dt = '2024-03-01' AND numpackets IN (SELECT 2)": ["2024-03-01"],
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM flows WHERE dt = '2024-03-01')": ["2024-03-01"],
    "SELECT (SELECT count(*) FROM flows WHERE dt = '2024-03-01')": ["2024-03-01"],
    "SELECT 1 FROM flows WHERE dt IN (SELECT '2024-03-01')": ALL,
    "SELECT 1 FROM flows f WHERE f.dt = '2024-03-01' AND EXISTS "
    "(SELECT 1 FROM flows g WHERE g.dt = '2024-03-02' AND f.dt = '2024-02-28')": ["2024-03-01", "2024-03-02"],
    # Unions.
    "SELECT 1 FROM flows WHERE dt = '2024-03-01' UNION ALL SELECT 1 FROM flows WHERE dt = '2024-03-02'": [
        "2024-03-01",
        "2024-03-02",
    ],
    "SELECT 1 FROM (SELECT dt FROM flows UNION ALL SELECT dt FROM flows) WHERE dt = '2024-03-01'": [
        "2024-03-01",
        "2024-03-01",
    ],
    "SELECT 1 FROM (SELECT dt, account FROM flows UNION SELECT account, dt FROM flows) WHERE dt = '2024-03-01'": [
        *DAYS,
        "2024-03-01",
    ],
    "SELECT 1 FROM (SELECT dt FROM flows UNION ALL SELECT dt FROM flows ORDER BY dt LIMIT 1) WHERE dt = '2024-03-01'": [
        *DAYS,
        *DAYS,
    ],
    # Joins.
    "SELECT 1 FROM flows f, flows g WHERE f.dt = '2024-03-01' AND g.dt = '2024-03-02'": ["2024-03-01", "2024-03-02"],
    "SELECT 1 FROM flows f JOIN flows g ON f.dt = g.dt AND g.dt = '2024-03-01'": [*DAYS, "2024-03-01"],
    "SELECT 1 FROM flows f LEFT JOIN flows g ON g.dt = '2024-03-01' WHERE f.dt = '2024-03-02'": [
        "2024-03-01",
        "2024-03-02",
    ],
    "SELECT 1 FROM flows f LEFT JOIN flows g ON f.numpackets = g.numpackets AND f.dt = '2024-03-01'": [*DAYS, *DAYS],
    "SELECT 1 FROM flows f LEFT JOIN flows g ON f.numpackets = g.numpackets WHERE g.dt IS NULL": [*DAYS, *DAYS],
    "SELECT 1 FROM flows f RIGHT JOIN flows g ON f.dt = '2024-03-01' WHERE g.dt = '2024-03-02'": [
        *DAYS,
        "2024-03-02",
    ],
    "SELECT 1 FROM flows f FULL JOIN flows g ON f.dt = g.dt AND f.dt = '2024-03-01' WHERE g.dt = '2024-03-02'": [
        *DAYS,
        *DAYS,
    ],
    "SELECT 1 FROM flows f CROSS JOIN UNNEST(split(f.dt, '-')) AS u (part) WHERE f.dt = '2024-03-01'": ["2024-03-01"],
}


@pytest.mark.parametrize("statement", READ)
def test_partitions_that_a_query_reads(statement: str, week: SmallBucket) -> None:
    week.store.opened.clear()
    result = week.engine.execute(statement)
    expected = list(DAYS) if READ[statement] == ALL else READ[statement]
    assert sorted(week.store.opened) == sorted(expected)
    sizes = {
        day: (week.root / f"bucket/{SOURCE.day_prefix(date.fromisoformat(day))}{day}").stat().st_size for day in DAYS
    }
    assert result.scanned_bytes == sum(sizes[day] for day in expected)


def test_a_predicate_that_fails_on_a_partition_needs_a_row(tmp_path: Path) -> None:
    bucket = SmallBucket(tmp_path)
    bucket.put_day("2024-03-01", [record(1)])
    bucket.engine.execute("ALTER TABLE flows ADD PARTITION (dt='unknown') LOCATION 's3://flow-logs/unknown'")
    statement = "SELECT numpackets FROM flows WHERE date(dt) = DATE '2024-03-01'"
    assert bucket.rows(statement) == [(1,)]
    bucket.put("unknown/a", f"header\n{record(2)}\n".encode())
    with pytest.raises(QueryError, match="INVALID_CAST_ARGUMENT: Cannot cast 'unknown' to DATE"):
        bucket.rows(statement)


def test_partitions_by_several_columns_of_other_types(tmp_path: Path) -> None:
    bucket = SmallBucket(tmp_path)
    bucket.engine.execute(
        "CREATE EXTERNAL TABLE hours (number int) PARTITIONED BY (year int, hour tinyint, kind string) "
        "ROW FORMAT DELIMITED FIELDS TERMINATED BY ' ' LOCATION 's3://flow-logs/hours'"
    )
    for year, hour, kind in ((2023, "7", "a"), (2024, "07", "a"), (2024, "+8", "b"), (10000, "x", "c")):
        bucket.put(f"hours/year={year}/hour={hour}/kind={kind}/{year}{hour}", b"1\n")
        bucket.engine.execute(f"ALTER TABLE hours ADD PARTITION (hour='{hour}', kind='{kind}', year={year})")
    bucket.store.opened.clear()
    assert bucket.rows("SELECT year, hour, kind FROM hours WHERE year > 2023 AND hour < 9 ORDER BY hour") == [
        (2024, 7, "a"),
        (2024, 8, "b"),
    ]
    assert sorted(bucket.store.opened) == ["2024+8", "202407"]
    assert bucket.rows("SELECT year FROM hours WHERE hour IS NULL") == [(10000,)]
    assert bucket.rows("SHOW PARTITIONS hours")[0] == ("year=10000/hour=x/kind=c",)


# A partition that is not read has no part in the answer: a table with the days in a column of its own gives the same.

SHAPES = [
    "SELECT x.dt, x.n FROM {t} x WHERE {x}",
    "SELECT s.dt, s.n FROM (SELECT * FROM {t} x WHERE {x}) s WHERE {s}",
    "SELECT s.dt, s.n FROM (SELECT dt, n FROM {t} ORDER BY n, dt LIMIT 5) s WHERE {s}",
    "SELECT s.dt, s.n FROM (SELECT dt, count(*) AS n FROM {t} x WHERE {x} GROUP BY dt) s WHERE {s}",
    "SELECT s.dt, s.n FROM (SELECT dt, count(*) AS n FROM {t} x WHERE {x} GROUP BY ROLLUP (dt)) s WHERE {s}",
    "SELECT s.dt, s.n FROM (SELECT dt, rank() OVER (ORDER BY n, dt) AS n FROM {t} x WHERE {x}) s WHERE {s}",
    "SELECT s.dt, s.n FROM (SELECT dt, n FROM {t} x WHERE {x} UNION ALL SELECT dt, n FROM {t} y WHERE {y}) s WHERE {s}",
    "SELECT s.dt, s.n FROM (SELECT dt, n FROM {t} x WHERE {x} EXCEPT SELECT dt, n FROM {t} y WHERE {y}) s WHERE {s}",
    "WITH c(n, dt) AS (SELECT n, dt FROM {t} x WHERE {x}) SELECT s.dt, s.n FROM c s WHERE {s}",
    "WITH c AS (SELECT dt, n FROM {t}) SELECT x.dt, y.n FROM c x JOIN c y ON x.n = y.n WHERE {x} AND {y}",
    "SELECT x.dt, y.dt FROM {t} x JOIN {t} y ON x.n = y.n AND {x} WHERE {y}",
    "SELECT x.dt, y.dt FROM {t} x LEFT JOIN {t} y ON x.n = y.n AND {x} WHERE {y}",
    "SELECT x.dt, y.dt FROM {t} x LEFT JOIN {t} y ON x.n = y.n AND {y} WHERE {x}",
    "SELECT x.dt, y.dt FROM {t} x RIGHT JOIN {t} y ON x.n = y.n AND {x} WHERE {y}",
    "SELECT x.dt, y.dt FROM {t} x FULL JOIN {t} y ON x.n = y.n AND {x} WHERE {y}",
    "SELECT x.dt, y.dt, s.n FROM {t} x LEFT JOIN {t} y ON x.n = y.n JOIN {t} s ON s.n = x.n AND {y} WHERE {s}",
    "SELECT s.dt, s.n FROM (SELECT y.dt, x.n FROM {t} x LEFT JOIN {t} y ON x.n + 1 = y.n AND {y}) s WHERE {s}",
    "SELECT x.dt FROM {t} x WHERE {x} AND x.n IN (SELECT n FROM {t} y WHERE {y})",
    "SELECT x.dt FROM {t} x WHERE NOT EXISTS (SELECT 1 FROM {t} y WHERE {y} AND y.n = x.n + 1 AND {x})",
    "SELECT count(*), count(*) FILTER (WHERE {x}), sum(CASE WHEN {x} THEN n ELSE 0 END) FROM {t} x",
]


@st.composite
def conditions(draw: st.DrawFn, table: str) -> str:
    """A condition on a table's day, its number, or both."""
    day = st.sampled_from([*DAYS, "2024-03", "x", ""]).map("'{}'".format)
    dt, n = f"{table}.dt", f"{table}.n"
    leaf = st.one_of(
        st.builds("{} {} {}".format, st.just(dt), st.sampled_from(["=", "<", "<=", ">", ">=", "<>"]), day),
        st.builds("{} IN ({}, {})".format, st.just(dt), day, day),
        st.builds("{} NOT IN ({}, {})".format, st.just(dt), day, day),
        st.builds("{} BETWEEN {} AND {}".format, st.just(dt), day, day),
        st.builds("coalesce({}, {}) = {}".format, st.just(dt), day, day),
        st.builds("{} IS NOT DISTINCT FROM {}".format, st.just(dt), day),
        st.sampled_from([f"{dt} LIKE '2024-03%'", f"substr({dt}, 1, 7) = '2024-02'", f"{dt} IS NULL", f"{n} IS NULL"]),
        st.builds("{} = {}".format, st.just(n), st.integers(1, 4)),
        st.builds("{} = {} AND {} > 1".format, st.just(dt), day, st.just(n)),
    )
    return draw(
        st.recursive(
            leaf,
            lambda part: st.one_of(
                st.builds("({} AND {})".format, part, part),
                st.builds("({} OR {})".format, part, part),
                st.builds("NOT ({})".format, part),
            ),
            max_leaves=5,
        )
    )


@pytest.fixture(scope="module")
def two_tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallBucket]:
    """`parts`, partitioned by dt, and `flat`, which has the same rows and dt as its first column."""
    bucket = SmallBucket(tmp_path_factory.mktemp("two-tables"))
    bucket.engine.execute(
        "CREATE EXTERNAL TABLE parts (n int) PARTITIONED BY (dt string) "
        "ROW FORMAT DELIMITED FIELDS TERMINATED BY ' ' LOCATION 's3://flow-logs/parts'"
    )
    flat = ""
    for number, day in enumerate((*DAYS, "x")):
        numbers = (number, 2, 3, "-")
        bucket.put(f"parts/dt={day}/a", "".join(f"{n}\n" for n in numbers).encode())
        bucket.engine.execute(f"ALTER TABLE parts ADD PARTITION (dt='{day}')")
        flat += "".join(f"{day} {n}\n" for n in numbers)
    bucket.create("flat", "dt string, n int", flat.encode())
    return bucket


@settings(max_examples=40, deadline=None)
@given(shape=st.sampled_from(SHAPES), x=conditions("x"), y=conditions("y"), s=conditions("s"))
def test_partitions_that_are_not_read_have_no_say_in_the_answer(
    two_tables: SmallBucket, shape: str, x: str, y: str, s: str
) -> None:
    parts, flat = (two_tables.rows(shape.format(t=table, x=x, y=y, s=s)) for table in ("parts", "flat"))
    assert sorted(map(repr, parts)) == sorted(map(repr, flat))
