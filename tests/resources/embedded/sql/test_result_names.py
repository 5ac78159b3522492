"""The names of a result's columns, in the case in which they are written."""

import pytest
from small_bucket import SmallBucket


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("SELECT count(*) AS Flows, DT FROM flows GROUP BY dt", ["Flows", "DT"]),
        ('SELECT f."Action" FROM Flows F', ["Action"]),
        ("SELECT 1 AS Foo UNION ALL SELECT 2 AS bar", ["Foo"]),
        ("SELECT * FROM (SELECT 1 AS Foo, 2, numPackets FROM flows)", ["Foo", "_col1", "numPackets"]),
        ("WITH A AS (SELECT 1 AS Foo) SELECT a.*, fOO + 1, FOO FROM A ORDER BY 1", ["Foo", "_col1", "FOO"]),
        ("SELECT x.* FROM (SELECT * FROM (SELECT 1 AS Foo) y) x", ["Foo"]),
        ("SELECT Foo FROM (SELECT 1 AS fOO) WHERE FOO = 1", ["Foo"]),
        ("SELECT * FROM (SELECT 1, 2) AS t (a, b)", ["a", "b"]),
        ("SELECT dt, account AS Dt FROM flows", ["dt", "Dt"]),
    ],
)
def test_a_name_keeps_its_case(bucket: SmallBucket, query: str, names: list[str]) -> None:
    assert list(bucket.engine.execute(query).frame) == names
