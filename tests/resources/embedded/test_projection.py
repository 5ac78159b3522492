"""Partition projection: which partitions a table's properties mean, and that only those are read that may be needed."""

from datetime import datetime, timezone

import pytest
from small_bucket import RecordingStore, SmallBucket, record

from flowlogs.statements import TableDefinition, TableName
from resources.embedded import projection
from resources.embedded.projection import projected_partitions
from resources.engine import QueryError

NAME = TableName("lake", "t")

NOW = datetime(2024, 3, 31, 15, 30, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "_now", lambda: NOW)


def date(days: str, written: str, *step: str) -> dict[str, str]:
    """The properties of a column of dates; `step` is the interval and its unit."""
    properties = {"type": "date", "range": days, "format": written}
    return {**properties, **dict(zip(("interval", "interval_unit"), step, strict=False))}


def values_of(**properties: str) -> list[str]:
    """The values of a column `c` that these properties project."""
    stored = {f"projection.c.{name.replace('_', '.')}": value for name, value in properties.items()}
    table = TableDefinition((), (("c", "string"),), "s3://b/t/", properties={"projection.enabled": "true", **stored})
    return [partition.values[0] for partition in projected_partitions(NAME, table, [], "SELECT 1")]


@pytest.mark.parametrize(
    ("properties", "values"),
    [
        ({"type": "enum", "values": "b,a, c"}, [" c", "a", "b"]),
        ({"type": " INTEGER ", "range": " 8 , 11 "}, ["10", "11", "8", "9"]),
        ({"type": "integer", "range": "0001,5", "interval": "2", "digits": "3"}, ["001", "003", "005"]),
        ({"type": "integer", "range": "-1,1"}, ["-1", "0", "1"]),
        ({"type": "integer", "range": "2,1"}, []),
        (date("2024/02/28,2024/03/01", "yyyy/MM/dd"), ["2024/02/28", "2024/02/29", "2024/03/01"]),
        (date("NOW-1DAYS,NOW", "yyyyMMdd"), ["20240330", "20240331"]),
        (date("NOW - 1 MONTH , NOW", "yyyy-MM"), ["2024-02", "2024-03"]),
        (date("01-01-2024,NOW+0DAY", "dd-MM-yyyy", "1", "months"), ["01-01-2024", "01-02-2024", "01-03-2024"]),
        (date("2024-03-31-14,NOW", "yyyy-MM-dd-HH", "1", "HOURS"), ["2024-03-31-14", "2024-03-31-15"]),
        (date("2023,NOW", "yyyy", "1", "YEARS"), ["2023", "2024"]),
        (date("2024-03-31T15,NOW", "yyyy-MM-dd'T'HH", "12", "HOURS"), ["2024-03-31T15"]),
        (date("2024-01-31,2024-03-31", "yyyy-MM-dd", "1", "MONTHS"), ["2024-01-31", "2024-02-29", "2024-03-31"]),
    ],
)
def test_the_values_of_a_column(properties: dict[str, str], values: list[str]) -> None:
    assert values_of(**properties) == values


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ({"type": "other"}, "INVALID_TABLE_PROPERTY: projection.c.type: it is none of enum, integer, date, injected"),
        ({"type": "enum"}, "INVALID_TABLE_PROPERTY: projection.c.values: it is missing"),
        ({"type": "integer", "range": "1"}, "INVALID_TABLE_PROPERTY: projection.c.range: it has to have two values"),
        ({"type": "integer", "range": "a,b"}, "INVALID_TABLE_PROPERTY: projection.c.range: 'a,b' are no integers"),
        ({"type": "integer", "range": "1,2", "digits": "0"}, "INVALID_TABLE_PROPERTY: projection.c.digits: '0' is no"),
        ({"type": "integer", "range": "1,9999999"}, "NOT_SUPPORTED: the embedded Athena does not execute a projection"),
        (
            date("NOW,NOW", "d.M.yyyy"),
            "NOT_SUPPORTED: the embedded Athena does not execute projection.c.format 'd.M.",
        ),
        (date("2024-1-1,NOW", "yyyy-MM-dd"), "INVALID_TABLE_PROPERTY: projection.c.range: '2024-1-1' is no date"),
        (date("2024-02-30,NOW", "yyyy-MM-dd"), "INVALID_TABLE_PROPERTY: projection.c.range: '2024-02-30' is no date"),
        (date("2024,NOW", "yyyy"), "INVALID_TABLE_PROPERTY: projection.c.interval.unit: it is missing"),
        ({"type": "injected"}, "CONSTRAINT_VIOLATION: For the injected projected partition column c, the WHERE clause"),
        (
            {},
            "HIVE_METASTORE_ERROR: Table lake.t is configured for partition projection, but the following partition c",
        ),
    ],
)
def test_properties_that_mean_no_partitions_are_an_error(properties: dict[str, str], problem: str) -> None:
    with pytest.raises(QueryError) as error:
        values_of(**properties)
    assert str(error.value).startswith(problem)


ROOT = "s3://flow-logs/AWSLogs/123456789012/vpcflowlogs"


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> SmallBucket:
    """Two days of one region, in the table of AWS's page on VPC flow logs, and one whose region is injected."""
    bucket = SmallBucket(tmp_path_factory.mktemp("projection"))
    bucket.put_day("2024-03-01", [record(1)])
    bucket.put_day("2024-03-02", [record(2), record(3)], name="b.log.gz")
    days = "'projection.day.type'='date', 'projection.day.range'='2024/02/01,NOW', 'projection.day.format'='yyyy/MM/dd'"
    for table, regions in {
        "projected": "'projection.region.type'='enum', 'projection.region.values'='us-east-1,eu-west-1'",
        "injected": "'projection.region.type'='injected'",
    }.items():
        bucket.engine.execute(
            f"CREATE EXTERNAL TABLE {table} (version int, account string) PARTITIONED BY (region string, day string) "
            f"ROW FORMAT DELIMITED FIELDS TERMINATED BY ' ' LOCATION '{ROOT}/' TBLPROPERTIES ("
            f"'skip.header.line.count'='1', 'projection.enabled'='true', {regions}, {days}, "
            f"'storage.location.template'='{ROOT}/${{region}}/${{day}}')"
        )
    return bucket


@pytest.mark.parametrize(
    ("query", "rows", "opened"),
    [
        (
            "SELECT region, day, count(*) FROM projected WHERE day >= '2024/03/01' AND day < '2024/03/31' "
            "GROUP BY 1, 2 ORDER BY day",
            [("eu-west-1", "2024/03/01", 1), ("eu-west-1", "2024/03/02", 2)],
            ["a.log.gz", "b.log.gz"],
        ),
        ("SELECT count(account) FROM projected WHERE day = '2024/03/02'", [(2,)], ["b.log.gz"]),
        ("SELECT count(account) FROM projected WHERE substr(day, 9) = '01'", [(1,)], ["a.log.gz"]),
        ("SELECT count(account) FROM projected WHERE region = 'us-east-1'", [(0,)], []),
        ("SELECT count(account) FROM projected WHERE day = '2023/03/01'", [(0,)], []),
        ("SELECT count(account) FROM injected WHERE region = 'eu-west-1'", [(3,)], ["a.log.gz", "b.log.gz"]),
        (
            "SELECT count(account) FROM injected WHERE region IN ('x', 'eu-west-1') AND day > '2024/03/01'",
            [(2,)],
            ["b.log.gz"],
        ),
    ],
)
def test_a_query_reads_the_projected_partitions_that_it_asks_for(
    bucket: SmallBucket, query: str, rows: list[tuple[object, ...]], opened: list[str]
) -> None:
    assert isinstance(bucket.store, RecordingStore)
    bucket.store.opened.clear()
    result = bucket.engine.execute(query)
    assert [tuple(row) for row in result.frame.to_numpy().tolist()] == rows
    assert sorted(bucket.store.opened) == opened
    assert result.warnings == ()


def test_a_partition_outside_of_the_projection_is_told(bucket: SmallBucket) -> None:
    result = bucket.engine.execute("SELECT account FROM projected WHERE day = '2023/03/01'")
    assert result.unmatched == (
        "No partition that the projection of projected gives is asked for, so that no row of it is read.",
    )


def test_an_injected_column_has_to_be_given(bucket: SmallBucket) -> None:
    statement = "SELECT account FROM injected WHERE region LIKE 'eu%'"
    with pytest.raises(
        QueryError, match="CONSTRAINT_VIOLATION: For the injected projected .*\nThe statement was:\nSELECT"
    ):
        bucket.engine.execute(statement)


def test_partitions_in_the_catalog_are_not_projected_ones(bucket: SmallBucket) -> None:
    bucket.engine.execute(
        f"ALTER TABLE projected ADD PARTITION (region='x', day='y') LOCATION '{ROOT}/eu-west-1/2024/03/01'"
    )
    assert bucket.rows("SHOW PARTITIONS projected") == [("region=x/day=y",)]
    assert bucket.rows("SELECT count(*) FROM projected WHERE region = 'x'") == [(0,)]


@pytest.mark.parametrize("template", ["s3://b/${day}/", "s3://b/${region}/${day}/${account_id}/"])
def test_a_template_has_a_placeholder_for_each_column_and_no_other(template: str) -> None:
    properties = {
        "projection.enabled": "true",
        "projection.region.type": "enum",
        "projection.region.values": "a",
        "projection.day.type": "enum",
        "projection.day.values": "b",
        "storage.location.template": template,
    }
    table = TableDefinition((), (("region", "string"), ("day", "string")), "s3://b/t/", properties=properties)
    with pytest.raises(QueryError, match="INVALID_TABLE_PROPERTY: storage.location.template has to have a placeholder"):
        projected_partitions(NAME, table, [], "SELECT 1")
