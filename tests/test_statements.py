"""The statements as they are sent to Athena, to the letter."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlogs.errors import FlowLakeError
from flowlogs.fields import DEFAULT_FIELDS, HEADER_LINE
from flowlogs.layout import LogSource
from flowlogs.statements import (
    MAX_STATEMENT_BYTES,
    TableDefinition,
    TableName,
    add_partitions,
    create_database,
    create_table,
    drop_table,
    flow_logs_table,
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
        ("numpackets", "int"),
        ("numbytes", "bigint"),
        ("starttime", "int"),
        ("endtime", "int"),
        ("action", "string"),
        ("logstatus", "string"),
    ]


def test_create_database() -> None:
    assert create_database("vpc_flow_lake") == "CREATE DATABASE IF NOT EXISTS `vpc_flow_lake`"


def test_create_table() -> None:
    assert (
        create_table(NAME, flow_logs_table(SOURCE))
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
  `numpackets` int,
  `numbytes` bigint,
  `starttime` int,
  `endtime` int,
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


def test_add_partitions() -> None:
    folder = "s3://flow-logs/AWSLogs/123456789012/vpcflowlogs/eu-west-1"
    assert list(add_partitions(NAME, SOURCE, [date(2021, 1, 31), date(2021, 2, 1)])) == [
        f"""\
ALTER TABLE `vpc_flow_lake`.`vpc_flow_logs` ADD IF NOT EXISTS PARTITION (dt='2021-01-31') LOCATION '{folder}/2021/01/31'
  PARTITION (dt='2021-02-01') LOCATION '{folder}/2021/02/01'"""
    ]


def test_no_days_need_no_statement() -> None:
    assert list(add_partitions(NAME, SOURCE, [])) == []


@pytest.mark.parametrize(
    ("days", "partitions"), [(1, [1]), (1000, [1000]), (1001, [1000, 1]), (3653, [1000] * 3 + [653])]
)
def test_many_days_are_split_into_statements_that_athena_takes(days: int, partitions: Sequence[int]) -> None:
    longest = TableName("d" * 128, "t" * 128)
    source = LogSource("b" * 63, "123456789012", "ap-northeasternmost-1")
    statements = list(add_partitions(longest, source, [date(2021, 1, 1) + timedelta(n) for n in range(days)]))
    assert [statement.count("PARTITION (") for statement in statements] == partitions
    assert all(len(statement.encode()) <= MAX_STATEMENT_BYTES == 262_144 for statement in statements)
    assert all(
        statement.startswith(f"ALTER TABLE {longest.hive} ADD IF NOT EXISTS PARTITION") for statement in statements
    )


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
    expected = flow_logs_table(SOURCE)
    assert expected.differences(flow_logs_table(SOURCE)) == []
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
    assert expected.differences(TableDefinition((("a", "bigint"),), (), "s3://c/", "\t")) == [
        "columns: expected a int, b string; found a bigint",
        "partition columns: expected dt string; found none",
        "location: expected s3://b/; found s3://c/",
        "field delimiter: expected ' '; found '\\t'",
        "property skip.header.line.count: expected '1'; found None",
    ]
