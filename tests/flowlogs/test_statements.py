"""The statements as they are sent to Athena, to the letter."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import day_locations, default_table

from flowlogs.datasets import REJECTED_FLOWS
from flowlogs.errors import FlowLakeError
from flowlogs.fields import DEFAULT_FIELDS, FIELDS, HEADER_LINE
from flowlogs.layout import LogSource
from flowlogs.record_format import PARQUET, TEXT
from flowlogs.statements import (
    MAX_PARTITIONS_PER_UNLOAD,
    MAX_STATEMENT_BYTES,
    TableDefinition,
    TableName,
    add_partitions,
    create_database,
    create_table,
    dataset_table,
    drop_partitions,
    drop_table,
    set_partition_location,
    show_partitions,
    text_literal,
)

SOURCE = LogSource("flow-logs", "123456789012", "eu-west-1")
NAME = TableName("vpc_flow_lake", "vpc_flow_logs")


def test_the_fields_are_those_of_awss_default_format() -> None:
    assert HEADER_LINE == (
        "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
        "log-status"
    )
    assert [(field.column, field.type) for field in DEFAULT_FIELDS] == [
        ("version", "int"),
        ("account", "string"),
        ("interfaceid", "string"),
        ("sourceaddress", "string"),
        ("destinationaddress", "string"),
        ("sourceport", "int"),
        ("destinationport", "int"),
        ("protocol", "int"),
        ("numpackets", "bigint"),
        ("numbytes", "bigint"),
        ("starttime", "bigint"),
        ("endtime", "bigint"),
        ("action", "string"),
        ("logstatus", "string"),
    ]


def test_create_database() -> None:
    assert create_database("vpc_flow_lake") == "CREATE DATABASE IF NOT EXISTS `vpc_flow_lake`"


def test_create_table() -> None:
    assert (
        create_table(NAME, default_table(SOURCE))
        == """\
CREATE EXTERNAL TABLE IF NOT EXISTS `vpc_flow_lake`.`vpc_flow_logs` (
  `version` int,
  `account` string,
  `interfaceid` string,
  `sourceaddress` string,
  `destinationaddress` string,
  `sourceport` int,
  `destinationport` int,
  `protocol` int,
  `numpackets` bigint,
  `numbytes` bigint,
  `starttime` bigint,
  `endtime` bigint,
  `action` string,
  `logstatus` string
)
PARTITIONED BY (`dt` string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ' '
LOCATION 's3://flow-logs/AWSLogs/123456789012/vpcflowlogs/eu-west-1/'
TBLPROPERTIES ('skip.header.line.count'='1')"""
    )


def test_create_table_without_partitions_and_properties() -> None:
    assert (
        create_table(NAME, TableDefinition((("a", "int"),), (), "s3://b/", delimiter=","))
        == """\
CREATE EXTERNAL TABLE IF NOT EXISTS `vpc_flow_lake`.`vpc_flow_logs` (
  `a` int
)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://b/'"""
    )


def test_create_table_of_rejected_flows() -> None:
    name = TableName("vpc_flow_lake", "rejected_flows")
    columns = ",\n  ".join(f"`{field.column}` {field.type}" for field in FIELDS)
    assert (
        create_table(name, dataset_table(REJECTED_FLOWS, "s3://results/some/prefix/"))
        == f"""\
CREATE EXTERNAL TABLE IF NOT EXISTS `vpc_flow_lake`.`rejected_flows` (
  {columns},
  `aws_account_id` string,
  `aws_region` string
)
PARTITIONED BY (`dt` string)
STORED AS PARQUET
LOCATION 's3://results/some/prefix/datasets/'"""
    )


def test_create_table_of_parquet_with_properties_and_without_partitions() -> None:
    definition = TableDefinition(
        (("a", "int"),), (), "s3://b/", stored_as=PARQUET, delimiter=",", properties={"classification": "parquet"}
    )
    assert (
        create_table(NAME, definition)
        == """\
CREATE EXTERNAL TABLE IF NOT EXISTS `vpc_flow_lake`.`vpc_flow_logs` (
  `a` int
)
STORED AS PARQUET
LOCATION 's3://b/'
TBLPROPERTIES ('classification'='parquet')"""
    )


def test_no_more_partitions_are_unloaded_at_once_than_athena_takes() -> None:
    assert MAX_PARTITIONS_PER_UNLOAD == 100


def test_set_partition_location() -> None:
    assert set_partition_location(NAME, date(2024, 2, 29), "s3://results/1/dt=2024-02-29/") == (
        "ALTER TABLE `vpc_flow_lake`.`vpc_flow_logs` PARTITION (dt='2024-02-29') "
        "SET LOCATION 's3://results/1/dt=2024-02-29/'"
    )


def test_add_partitions() -> None:
    folder = "s3://flow-logs/AWSLogs/123456789012/vpcflowlogs/eu-west-1"
    assert list(add_partitions(NAME, day_locations(SOURCE, [date(2021, 1, 31), date(2021, 2, 1)]))) == [
        f"""\
ALTER TABLE `vpc_flow_lake`.`vpc_flow_logs` ADD IF NOT EXISTS PARTITION (dt='2021-01-31') LOCATION '{folder}/2021/01/31'
  PARTITION (dt='2021-02-01') LOCATION '{folder}/2021/02/01'"""
    ]


def test_no_days_need_no_statement() -> None:
    assert list(add_partitions(NAME, {})) == []


@pytest.mark.parametrize(
    ("days", "partitions"), [(1, [1]), (1000, [1000]), (1001, [1000, 1]), (3653, [1000] * 3 + [653])]
)
def test_many_days_are_split_into_statements_that_athena_takes(days: int, partitions: Sequence[int]) -> None:
    longest = TableName("d" * 128, "t" * 128)
    source = LogSource("b" * 63, "123456789012", "ap-northeasternmost-1")
    every_day = [date(2021, 1, 1) + timedelta(n) for n in range(days)]
    statements = list(add_partitions(longest, day_locations(source, every_day)))
    assert [statement.count("PARTITION (") for statement in statements] == partitions
    assert all(len(statement.encode()) <= MAX_STATEMENT_BYTES == 262_144 for statement in statements)
    assert all(
        statement.startswith(f"ALTER TABLE {longest.hive} ADD IF NOT EXISTS PARTITION") for statement in statements
    )


@pytest.mark.parametrize("length", [20, 300, 1_000])
def test_days_that_lie_far_away_are_split_by_the_bytes_that_athena_takes(length: int) -> None:
    every_day = [date(2021, 1, 1) + timedelta(number) for number in range(2_500)]
    locations = {day: f"s3://b/é/{day}/".ljust(length, "x") for day in every_day}
    statements = list(add_partitions(NAME, locations))
    assert all(len(statement.encode()) <= MAX_STATEMENT_BYTES for statement in statements)
    assert [pair for statement in statements for pair in partitions_in(statement)] == [
        (str(day), location) for day, location in locations.items()
    ]
    # None is cut off without need: one more partition would be too many of them, or too many bytes.
    clause = len(f"\n  PARTITION (dt='2021-01-01') LOCATION '{locations[every_day[0]]}'".encode())
    for statement in statements[:-1]:
        full = len(partitions_in(statement)) == 1_000
        assert full or len(statement.encode()) + clause > MAX_STATEMENT_BYTES - 1_000


def partitions_in(statement: str) -> list[tuple[str, str]]:
    """The day and the location of each PARTITION clause."""
    return re.findall(r"PARTITION \(dt='([^']*)'\) LOCATION '([^']*)'", statement)


@settings(deadline=None)
@given(
    days=st.lists(st.dates(date(2000, 1, 1), date(2040, 1, 1)), unique=True, max_size=2_200)
    | st.integers(0, 3_000).map(lambda count: [date(2021, 1, 1) + timedelta(number) for number in range(count)]),
    length=st.integers(30, 400),
)
def test_every_day_is_added_exactly_once(days: list[date], length: int) -> None:
    statements = list(add_partitions(NAME, {day: f"s3://b/{day}/".ljust(length, "y") for day in days}))
    assert [day for statement in statements for day, _ in partitions_in(statement)] == list(map(str, days))
    assert all(0 < len(partitions_in(statement)) <= 1_000 for statement in statements)
    assert all(len(statement.encode()) <= MAX_STATEMENT_BYTES for statement in statements)
    fewest = -(-len(days) // 1_000)
    assert len(statements) == fewest or length > 200


def test_show_partitions() -> None:
    assert show_partitions(NAME) == "SHOW PARTITIONS `vpc_flow_lake`.`vpc_flow_logs`"


def test_drop_table() -> None:
    assert drop_table(NAME) == "DROP TABLE IF EXISTS `vpc_flow_lake`.`vpc_flow_logs`"


def test_a_tables_name_in_either_dialect() -> None:
    assert NAME.hive == "`vpc_flow_lake`.`vpc_flow_logs`"
    assert NAME.trino == '"vpc_flow_lake"."vpc_flow_logs"'


@pytest.mark.parametrize(
    "name", ["", "Flows", "1flows", "vpc-flow", "a b", "a.b", 'a"b', "a`b", "a;b", "é", "a\n", "a" * 129]
)
def test_what_would_need_escaping_is_no_name(name: str) -> None:
    for database, table in ((name, "flows"), ("lake", name)):
        with pytest.raises(FlowLakeError) as error:
            TableName(database, table)
        assert str(error.value) == (
            f"{name!r} is no name for an Athena database or table: use lower-case letters, digits and _."
        )


@given(st.text(st.characters(exclude_characters="'\\")))
def test_a_text_without_quotes_and_backslashes_is_its_own_literal(text: str) -> None:
    assert text_literal(text) == f"'{text}'"


@pytest.mark.parametrize("text", ["it's", "back\\slash", "'", "\\"])
def test_a_text_that_hive_and_trino_read_differently_is_refused(text: str) -> None:
    with pytest.raises(FlowLakeError, match="holds a quote or a backslash, which Hive and Trino read differently"):
        text_literal(text)


def test_a_table_that_is_as_it_should_be_differs_in_nothing() -> None:
    expected = default_table(SOURCE)
    assert expected.differences(default_table(SOURCE)) == []
    more = TableDefinition(
        expected.columns,
        expected.partition_columns,
        expected.location.rstrip("/"),
        properties={**expected.properties, "classification": "csv"},
    )
    assert expected.differences(more) == []


def test_every_difference_of_a_table_is_told() -> None:
    expected = TableDefinition(
        (("a", "int"), ("b", "string")), (("dt", "string"),), "s3://b/", properties={"skip.header.line.count": "1"}
    )
    assert expected.differences(TableDefinition((("a", "bigint"),), (), "s3://c/", delimiter="\t")) == [
        "columns: expected a int, b string; found a bigint",
        "partition columns: expected dt string; found none",
        "location: expected s3://b/; found s3://c/",
        "field delimiter: expected ' '; found '\\t'",
        "property skip.header.line.count: expected '1'; found None",
    ]


def test_a_table_of_another_format_differs_in_that_and_not_in_the_delimiter() -> None:
    text = TableDefinition((("a", "int"),), (), "s3://b/")
    parquet = TableDefinition((("a", "int"),), (), "s3://b/", stored_as=PARQUET, delimiter="\x01")
    assert (text.stored_as, parquet.stored_as) == (TEXT, PARQUET)
    assert text.differences(parquet) == ["format: expected text; found parquet"]
    assert parquet.differences(text) == ["format: expected parquet; found text"]


def test_the_delimiter_means_nothing_in_a_table_of_parquet() -> None:
    tables = [TableDefinition((), (), "s3://b/", stored_as=PARQUET, delimiter=delimiter) for delimiter in " \x01"]
    assert tables[0].differences(tables[1]) == []


@pytest.mark.parametrize(("value", "told"), [("true", True), ("TRUE", True), ("false", False)])
def test_a_table_with_projected_partitions_is_another_one(value: str, told: bool) -> None:
    expected = default_table(SOURCE)
    projected = replace(expected, properties={**expected.properties, "projection.enabled": value})
    assert any("projection.enabled" in text for text in expected.differences(projected)) is told


def test_drop_partitions() -> None:
    name = TableName("lake", "flows")
    assert list(drop_partitions(name, ["dt", "aws_region"], [("2021-09-02", "a"), ("2021-09-03", "b")])) == [
        "ALTER TABLE `lake`.`flows` DROP IF EXISTS\n"
        "  PARTITION (dt='2021-09-02', aws_region='a'),\n"
        "  PARTITION (dt='2021-09-03', aws_region='b')"
    ]
    assert list(drop_partitions(name, ["dt"], [])) == []
    many = [(f"day {number}",) for number in range(201)]
    assert [text.count("PARTITION (") for text in drop_partitions(name, ["dt"], many)] == [100, 100, 1]
