"""Columns of one value are no keys of groups."""

import pytest

from flowlogs.statements import TableDefinition
from resources.embedded.sql.parse import parse
from resources.embedded.sql.planner import plan_query
from resources.embedded.sql.statements import Query

FLOWS = TableDefinition(
    (("a", "string"), ("n", "bigint")), (("dt", "string"), ("region", "string")), "s3://bucket/flows/"
)


def planned(statement: str, *one_value: str) -> str:
    query = parse(statement, "lake")
    assert isinstance(query, Query)
    return plan_query(query, "lake", lambda _: FLOWS, one_value=one_value).sql.replace('"', "")


def keys(sql: str) -> list[str]:
    return sql.partition("GROUP BY ")[2].partition(" HAVING")[0].partition(" ORDER")[0].split(", ")


def test_a_column_of_one_value_is_no_key() -> None:
    sql = planned("SELECT a, sum(n) AS n, dt FROM flows GROUP BY a, dt", "dt")
    assert keys(sql) == ["flows.a"]
    assert "ANY_VALUE(flows.dt) AS dt" in sql


def test_the_column_is_followed_through_levels() -> None:
    sql = planned("SELECT a, sum(n) AS n, day FROM (SELECT a, n, dt AS day FROM flows) AS x GROUP BY day, a", "day")
    assert keys(sql) == ["x.a"]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT sum(n) AS n, dt FROM flows GROUP BY dt", ["flows.dt"]),
        ("SELECT a, sum(n) AS n, region, dt FROM flows GROUP BY a, region, dt", ["flows.a", "flows.region"]),
        ("SELECT a, dt FROM flows GROUP BY a, dt HAVING dt > '2'", ["flows.a", "flows.dt"]),
        ("SELECT a, dt || 'x' AS b, dt FROM flows GROUP BY a, dt", ["flows.a", "flows.dt"]),
        ("SELECT a, n AS dt FROM flows GROUP BY a, n", ["flows.a", "flows.n"]),
    ],
    ids=["the only key", "another one", "in HAVING", "in an expression", "another column of its name"],
)
def test_other_keys_stay(statement: str, expected: list[str]) -> None:
    assert keys(planned(statement, "dt")) == expected


def test_a_select_groups_by_all_its_keys() -> None:
    assert keys(planned("SELECT a, sum(n) AS n, dt FROM flows GROUP BY a, dt")) == ["flows.a", "flows.dt"]
