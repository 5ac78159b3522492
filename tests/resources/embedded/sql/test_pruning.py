"""What pushed-down predicates spare: partitions that the catalog does not list, and lines that are not taken apart."""

import pytest
import sqlglot
from small_bucket import SmallBucket

from resources.embedded.sql.parse import parse
from resources.embedded.sql.planner import plan_query
from resources.embedded.sql.pruning import bounds
from resources.embedded.sql.statements import Query


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], (None, None)),
        (["dt = 'b'"], ("b", "b")),
        (["dt >= 'b'"], ("b", None)),
        (["dt < 'b'"], (None, "b")),
        (["dt BETWEEN 'a' AND 'c'"], ("a", "c")),
        (["dt IN ('c', 'a', 'b')"], ("a", "c")),
        (["dt > 'a'", "dt <= 'c'", "dt >= 'b'"], ("b", "c")),
        (["dt > 'a' AND dt < 'c'"], ("a", "c")),
        (["dt = 'c' OR (dt = 'a')"], ("a", "c")),
        (["dt = 'c' OR dt > 'd'"], ("c", None)),
        (["dt = 'c' OR dt LIKE 'a%'"], (None, None)),
        (["NOT dt = 'a'"], (None, None)),
        (["dt <> 'a'"], (None, None)),
        (["other = 'a'"], (None, None)),
        (["dt = 'a'", "dt = 'b'"], ("b", "a")),
    ],
)
def test_bounds_of_the_days_that_the_catalog_is_asked_for(
    conditions: list[str], expected: tuple[str | None, str | None]
) -> None:
    assert bounds([sqlglot.parse_one(condition, read="trino") for condition in conditions], "dt") == expected


@pytest.mark.parametrize(
    ("where", "required"),
    [
        ("action = 'REJECT'", "REJECT"),
        ("action = 'REJECT' AND logstatus = 'NODATA'", "REJECT"),
        ("dt = '2024-03-01' AND (action = 'REJECT' AND numpackets > 5)", "REJECT"),
        ("action = 'REJECT' OR numpackets > 5", ""),
        ("action IN ('REJECT', 'ACCEPT')", ""),
        ("action <> 'REJECT'", ""),
        ("NOT (action = 'REJECT')", ""),
        ("lower(action) = 'reject'", ""),
        ("action LIKE 'REJECT'", ""),
        ("numpackets = 5", ""),
        ("dt = '2024-03-01'", ""),
        ("action IS NULL", ""),
    ],
)
def test_the_text_that_a_line_must_contain_for_a_query(bucket: SmallBucket, where: str, required: str) -> None:
    parsed = parse(f"SELECT count(*) FROM flows WHERE {where}", "lake")
    assert isinstance(parsed, Query)
    (read,) = plan_query(parsed, "lake", bucket.engine.find_table).reads
    assert read.required_text == required


def test_the_optional_side_of_an_outer_join_requires_no_text(bucket: SmallBucket) -> None:
    parsed = parse("SELECT 1 FROM flows x LEFT JOIN flows y ON x.dt = y.dt WHERE y.action = 'REJECT'", "lake")
    assert isinstance(parsed, Query)
    reads = plan_query(parsed, "lake", bucket.engine.find_table).reads
    assert [read.required_text for read in reads] == ["", ""]
