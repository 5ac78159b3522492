"""Subqueries that only pick columns and rows are merged; their queries give the same rows as before."""

import pytest
from small_bucket import SmallBucket, record

QUERIES = [
    "SELECT numpackets FROM (SELECT numpackets, action FROM flows WHERE action = 'REJECT') WHERE numpackets > 1",
    "SELECT a.numpackets FROM (SELECT numpackets FROM flows) a ORDER BY 1",
    "SELECT sum(numpackets) FROM (SELECT numpackets, dt FROM flows WHERE action = 'REJECT') GROUP BY dt",
    "SELECT n FROM (SELECT numpackets AS n FROM flows)",
    "SELECT numpackets FROM (SELECT DISTINCT numpackets FROM flows)",
    "SELECT b.numpackets FROM (SELECT numpackets FROM flows) a JOIN flows b ON a.numpackets = b.numpackets",
    "SELECT x FROM (SELECT 1 AS x)",
    "SELECT numpackets FROM (SELECT numpackets FROM flows WHERE dt IN (SELECT max(dt) FROM flows))",
    "SELECT numpackets FROM (SELECT numpackets FROM flows) WHERE numpackets IN (SELECT numpackets FROM flows)",
    "SELECT numpackets, (SELECT max(f.numpackets) FROM flows f WHERE f.dt = s.dt) AS m "
    "FROM (SELECT numpackets, dt FROM flows) s",
    "SELECT numpackets FROM (SELECT numpackets FROM (SELECT numpackets, action FROM flows WHERE action = 'REJECT'))",
    "SELECT row_number FROM (SELECT numpackets, row_number() OVER (ORDER BY numpackets, action) AS row_number "
    "FROM (SELECT numpackets, action FROM flows)) WHERE row_number <= 2",
]


@pytest.fixture
def bucket(tmp_path) -> SmallBucket:
    bucket = SmallBucket(tmp_path)
    bucket.put_day("2024-03-01", [record(1), record(2), record(2), record(3, action="ACCEPT"), record(4, packets="-")])
    return bucket


@pytest.mark.parametrize("query", QUERIES)
def test_a_merged_query_gives_the_same_rows(bucket, monkeypatch, query):
    found = sorted(map(repr, bucket.rows(query)))
    monkeypatch.setattr("resources.embedded.sql.planner.merge_plain_subqueries", lambda tree: None)
    assert found == sorted(map(repr, bucket.rows(query)))
    assert found
