"""DDL: what the embedded Athena understands of it, and what it refuses."""

import re
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_bucket import SOURCE
from support import day_locations, default_table

from flowlogs.datasets import REJECTED_FLOWS
from flowlogs.fields import DEFAULT_FIELDS, DERIVED_COLUMNS
from flowlogs.statements import (
    PARQUET,
    TEXT,
    TableDefinition,
    TableName,
    add_partitions,
    create_database,
    create_table,
    dataset_table,
    drop_table,
    set_partition_location,
    show_partitions,
)
from resources.embedded.partition import Partition
from resources.embedded.sql.parse import parse
from resources.embedded.sql.statements import (
    AddColumns,
    AddPartitions,
    CreateDatabase,
    CreateTable,
    DropPartitions,
    DropTable,
    RepairTable,
    SetPartitionLocation,
    ShowPartitions,
)
from resources.engine import QueryError

NAME = TableName("lake", "flows")

# The statements that this project sends.


def test_create_database() -> None:
    assert parse(create_database("lake"), "other") == CreateDatabase("lake", if_not_exists=True)


def test_create_table_of_flow_logs() -> None:
    assert parse(create_table(NAME, default_table(SOURCE)), "other") == CreateTable(
        NAME,
        TableDefinition(
            columns=tuple((field.column, field.type) for field in DEFAULT_FIELDS),
            partition_columns=(("dt", "string"),),
            location="s3://flow-logs/AWSLogs/123456789012/vpcflowlogs/eu-west-1/",
            delimiter=" ",
            properties={"skip.header.line.count": "1"},
        ),
        if_not_exists=True,
    )


def test_create_table_of_rejected_flows() -> None:
    assert parse(create_table(NAME, dataset_table(REJECTED_FLOWS, "s3://results/")), "other") == CreateTable(
        NAME,
        TableDefinition(
            columns=DERIVED_COLUMNS,
            partition_columns=(("dt", "string"),),
            location="s3://results/datasets/",
            stored_as=PARQUET,
            delimiter="\x01",
        ),
        if_not_exists=True,
    )


def test_set_location_of_a_partition() -> None:
    statement = set_partition_location(NAME, date(2021, 1, 31), "s3://results/a")
    assert parse(statement, "other") == SetPartitionLocation(
        NAME, Partition(("2021-01-31",), "s3://results/a"), ("dt",)
    )


def test_add_partitions() -> None:
    (statement,) = add_partitions(NAME, day_locations(SOURCE, [date(2021, 1, 31), date(2021, 2, 1)]))
    folder = "s3://flow-logs/AWSLogs/123456789012/vpcflowlogs/eu-west-1"
    assert parse(statement, "other") == AddPartitions(
        NAME,
        (
            Partition(("2021-01-31",), f"{folder}/2021/01/31"),
            Partition(("2021-02-01",), f"{folder}/2021/02/01"),
        ),
        ("dt",),
        if_not_exists=True,
    )


def test_show_partitions() -> None:
    assert parse(show_partitions(NAME), "other") == ShowPartitions(NAME)


def test_drop_table() -> None:
    assert parse(drop_table(NAME), "other") == DropTable(NAME, if_exists=True)


IDENTIFIERS = st.from_regex(r"[a-z_][a-z0-9_]{0,20}", fullmatch=True)
COLUMNS = st.lists(
    st.tuples(IDENTIFIERS, st.sampled_from(["int", "bigint", "smallint", "tinyint", "string"])),
    min_size=1,
    max_size=6,
    unique_by=lambda column: column[0],
)


@settings(deadline=None, max_examples=60)
@given(
    columns=COLUMNS,
    partitioned_by=st.integers(0, 3),
    location=st.from_regex(r"s3://[a-z0-9-]{3,20}(/[A-Za-z0-9=_.-]{1,9}){0,3}/?", fullmatch=True),
    delimiter=st.sampled_from(" ,;|\t\x01:"),
    header=st.none() | st.integers(0, 3),
    stored_as=st.sampled_from([TEXT, PARQUET]),
)
def test_every_table_is_read_as_it_was_written(
    columns: list[tuple[str, str]],
    partitioned_by: int,
    location: str,
    delimiter: str,
    header: int | None,
    stored_as: str,
) -> None:
    partitioned_by = min(partitioned_by, len(columns) - 1)
    definition = TableDefinition(
        tuple(columns[partitioned_by:]),
        tuple(columns[:partitioned_by]),
        location,
        stored_as=stored_as,
        delimiter=delimiter if stored_as == TEXT else "\x01",
        properties={} if header is None else {"skip.header.line.count": str(header)},
    )
    assert parse(create_table(NAME, definition), "other") == CreateTable(NAME, definition, if_not_exists=True)


# Other ways to write them.


@pytest.mark.parametrize(
    "statement",
    [
        "SHOW PARTITIONS flows",
        "show partitions Flows",
        "SHOW PARTITIONS `lake`.`flows`",
        "SHOW PARTITIONS lake.flows;",
        "  \n-- which days are there?\n/* all of\nthem */ SHOW\n  PARTITIONS flows -- all\n",
    ],
)
def test_show_partitions_in_other_words(statement: str) -> None:
    assert parse(statement, "lake") == ShowPartitions(NAME)


@pytest.mark.parametrize(
    ("clauses", "partitions", "columns"),
    [
        ("PARTITION (dt='2021-01-31')", [(("2021-01-31",), "")], ("dt",)),
        ('PARTITION (dt="2021-01-31")', [(("2021-01-31",), "")], ("dt",)),
        ("PARTITION (`DT` = '2021-01-31')", [(("2021-01-31",), "")], ("dt",)),
        ("PARTITION (year=2021, month='01')", [(("2021", "01"), "")], ("year", "month")),
        ("PARTITION (dt='a') LOCATION 's3://b/a' PARTITION (dt='b')", [(("a",), "s3://b/a"), (("b",), "")], ("dt",)),
        ("PARTITION (dt='it''s')", [(("it",), "")], ("dt",)),
        ("partition (dt='a');", [(("a",), "")], ("dt",)),
    ],
)
def test_add_partition_in_other_words(
    clauses: str, partitions: list[tuple[tuple[str, ...], str]], columns: tuple[str, ...]
) -> None:
    if "''" in clauses:
        # Two literals side by side, as Hive takes them; not one with a quote in it, as Trino would.
        with pytest.raises(QueryError, match="SYNTAX_ERROR"):
            parse(f"ALTER TABLE lake.flows ADD {clauses}", "other")
        return
    assert parse(f"ALTER TABLE lake.flows ADD {clauses}", "other") == AddPartitions(
        NAME, tuple(Partition(*partition) for partition in partitions), columns, if_not_exists=False
    )


@pytest.mark.parametrize("statement", ["CREATE DATABASE Lake", "CREATE SCHEMA `lake`", "create database lake;"])
def test_create_database_in_other_words(statement: str) -> None:
    assert parse(statement, "other") == CreateDatabase("lake", if_not_exists=False)


def test_a_table_without_more_than_it_needs() -> None:
    statement = "CREATE EXTERNAL TABLE t (A INT, `b` string) LOCATION 's3://b/t'"
    assert parse(statement, "lake") == CreateTable(
        TableName("lake", "t"),
        TableDefinition((("a", "int"), ("b", "string")), (), "s3://b/t", delimiter="\x01"),
        if_not_exists=False,
    )


@pytest.mark.parametrize(
    ("clause", "stored_as"),
    [
        ("STORED AS TEXTFILE", TEXT),
        ("ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\001' STORED AS TEXTFILE", TEXT),
        ("STORED AS PARQUET", PARQUET),
        ("stored as parquet", PARQUET),
        ("STORED AS `parquet`", PARQUET),
    ],
)
def test_a_table_of_text_or_parquet(clause: str, stored_as: str) -> None:
    assert parse(f"CREATE EXTERNAL TABLE t (a int) {clause} LOCATION 's3://b/t'", "lake") == CreateTable(
        TableName("lake", "t"),
        TableDefinition((("a", "int"),), (), "s3://b/t", stored_as=stored_as, delimiter="\x01"),
        if_not_exists=False,
    )


LAZY = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
TEXT_CLASSES = (
    "STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat' "
    "OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'"
)
PARQUET_CLASSES = (
    "ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe' "
    "STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat' "
    "OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat'"
)


@pytest.mark.parametrize(
    ("clause", "stored_as", "delimiter"),
    [
        (f"ROW FORMAT SERDE '{LAZY}'", TEXT, "\x01"),
        (f"ROW FORMAT SERDE '{LAZY}' WITH SERDEPROPERTIES ('serialization.format'='1') {TEXT_CLASSES}", TEXT, "\x01"),
        (f"ROW FORMAT SERDE '{LAZY}' WITH SERDEPROPERTIES ('serialization.format'=',')", TEXT, ","),
        (f"ROW FORMAT SERDE '{LAZY}' WITH SERDEPROPERTIES ('field.delim'=' ', 'line.delim'='\\n')", TEXT, " "),
        (f"ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t' LINES TERMINATED BY '\\n' {TEXT_CLASSES}", TEXT, "\t"),
        (PARQUET_CLASSES, PARQUET, "\x01"),
        (
            "ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe' STORED AS PARQUET",
            PARQUET,
            "\x01",
        ),
    ],
)
def test_a_serde_says_how_objects_are_read(clause: str, stored_as: str, delimiter: str) -> None:
    statement = f"CREATE EXTERNAL TABLE `lake.t` (a int) PARTITIONED BY (`date` date) {clause} LOCATION 's3://b/t'"
    assert parse(statement, "other") == CreateTable(
        TableName("lake", "t"),
        TableDefinition((("a", "int"),), (("date", "date"),), "s3://b/t", stored_as=stored_as, delimiter=delimiter),
        if_not_exists=False,
    )


def test_a_comment_on_a_table_is_one_of_its_properties() -> None:
    statement = "CREATE EXTERNAL TABLE t (a double) COMMENT 'mine' STORED AS PARQUET LOCATION 's3://b/t'"
    created = parse(statement, "lake")
    assert isinstance(created, CreateTable)
    assert created.definition.properties == {"comment": "mine"}
    assert created.definition.columns == (("a", "double"),)


@pytest.mark.parametrize(
    ("clauses", "expected"),
    [
        ("DROP PARTITION (dt='a')", DropPartitions(NAME, (("a",),), ("dt",), if_exists=False)),
        (
            "DROP IF EXISTS PARTITION (`aws-region`='a', dt='b'), PARTITION (`aws-region`='c', dt='d');",
            DropPartitions(NAME, (("a", "b"), ("c", "d")), ("aws-region", "dt"), if_exists=True),
        ),
        ("ADD COLUMNS (a INT, `b` string)", AddColumns(NAME, (("a", "int"), ("b", "string")))),
    ],
)
def test_other_changes_of_a_table(clauses: str, expected: object) -> None:
    assert parse(f"ALTER TABLE `lake.flows` {clauses}", "other") == expected


def test_msck_repair_table() -> None:
    assert parse("msck repair table lake.flows;", "other") == RepairTable(NAME)


# What is refused.

REFUSED = {
    "SHOW": "SHOW",
    "ALTER DATABASE lake": "ALTER DATABASE",
    "ALTER TABLE flows ADD COLUMNS (a int)": "ADD COLUMNS to a table that has partitions",
    "ALTER TABLE flows ADD COLUMNS (a double)": "columns of type double",
    "ALTER TABLE flows RENAME TO t": "ALTER TABLE in any form but ADD PARTITION",
    "CREATE TABLE t (a int) LOCATION 's3://b/'": "CREATE in any form but CREATE DATABASE and CREATE EXTERNAL TABLE",
    "CREATE TABLE t AS SELECT 1": "CREATE TABLE AS without external_location",
    "CREATE DATABASE d COMMENT 'x'": "CREATE DATABASE with PROPERTIES",
    "CREATE DATABASE d LOCATION 's3://b/'": "CREATE DATABASE with PROPERTIES",
    "CREATE EXTERNAL TABLE t (a double) LOCATION 's3://b/'": "columns of type double",
    "CREATE EXTERNAL TABLE t (a date) LOCATION 's3://b/'": "columns of type date",
    "CREATE EXTERNAL TABLE t (a timestamp) STORED AS PARQUET LOCATION 's3://b/'": "columns of type timestamp",
    "CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (b double) LOCATION 's3://b/'": "columns of type double",
    **{
        f"CREATE EXTERNAL TABLE t (a int) {clause} LOCATION 's3://b/'": words
        for clause, words in {
            "ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.RegexSerDe'": (
                "a table with ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.RegexSerDe'; flow logs are read with Lazy"
            ),
            f"ROW FORMAT SERDE '{LAZY}' WITH SERDEPROPERTIES ('escape.delim'='!')": (
                "a table with the SerDe's property 'escape.delim'='!'"
            ),
            f"ROW FORMAT SERDE '{LAZY}' WITH SERDEPROPERTIES ('field.delim'='||')": (
                "a row format of anything but FIELDS TERMINATED BY one ASCII character"
            ),
            # Hive takes a digit for the number of a character: '9' is a tab.
            "ROW FORMAT DELIMITED FIELDS TERMINATED BY '9'": (
                "a row format of anything but FIELDS TERMINATED BY one ASCII character"
            ),
            f"ROW FORMAT SERDE '{LAZY}' STORED AS PARQUET": (
                "a table that is not a TEXTFILE with a ROW FORMAT or PARQUET without one"
            ),
        }.items()
    },
    "CREATE EXTERNAL TABLE t (a array<int>) LOCATION 's3://b/'": "columns of type array<int>",
    "CREATE EXTERNAL TABLE t (a int COMMENT 'x') LOCATION 's3://b/'": "the column a INT COMMENT 'x'",
    **{
        f"CREATE EXTERNAL TABLE t (a int) {clause} LOCATION 's3://b/'": (
            "a table that is not a TEXTFILE with a ROW FORMAT or PARQUET without one"
        )
        for clause in (
            "STORED AS ORC",
            "STORED AS PARQUETFILE",
            "STORED AS INPUTFORMAT 'x' OUTPUTFORMAT 'y'",
            "ROW FORMAT DELIMITED FIELDS TERMINATED BY ' ' STORED AS PARQUET",
        )
    },
    "CREATE EXTERNAL TABLE t (a int) ROW FORMAT SERDE 'x' LOCATION 's3://b/'": "a table with ROW FORMAT SERDE 'x'",
    "CREATE EXTERNAL TABLE t (a int) ROW FORMAT DELIMITED FIELDS TERMINATED BY '||' LOCATION 's3://b/'": (
        "a row format of anything but FIELDS TERMINATED BY one ASCII character"
    ),
    "CREATE EXTERNAL TABLE t (a int) ROW FORMAT DELIMITED FIELDS TERMINATED BY ' ' ESCAPED BY '!' LOCATION 's3://b/'": (
        "a row format of anything but FIELDS TERMINATED BY one ASCII character"
    ),
    "CREATE EXTERNAL TABLE t (a int) LOCATION 's3://b/' TBLPROPERTIES ('skip.footer.line.count'='1')": (
        "a table with the property 'skip.footer.line.count'='1'"
    ),
    "CREATE EXTERNAL TABLE t (a int) LOCATION 's3://b/' TBLPROPERTIES ('skip.header.line.count'='-1')": (
        "a table with the property 'skip.header.line.count'='-1'"
    ),
    "DROP DATABASE lake": "DROP DATABASE",
    "DROP TABLE t PURGE": "DROP TABLE with PURGE",
    "DROP TABLE t, u": "DROP TABLE of anything but one table",
}


@pytest.mark.parametrize("statement", REFUSED)
def test_ddl_that_is_not_executed_is_refused_by_name(statement: str, refusal: Callable[[str], str]) -> None:
    assert REFUSED[statement] in refusal(statement)


MISTAKES = {
    "SHOW PARTITIONS": "SYNTAX_ERROR",
    "SHOW PARTITIONS 'flows'": "SYNTAX_ERROR",
    "SHOW PARTITIONS flows flows": "SYNTAX_ERROR",
    "SHOW PARTITIONS flows; DROP TABLE flows": "SYNTAX_ERROR",
    "SHOW PARTITIONS `fl ows`": "SYNTAX_ERROR",
    "ALTER TABLE \"flows\" ADD PARTITION (dt='a')": "SYNTAX_ERROR",
    "ALTER TABLE flows ADD PARTITION": "SYNTAX_ERROR",
    "ALTER TABLE flows ADD PARTITION ()": "SYNTAX_ERROR",
    "ALTER TABLE flows ADD PARTITION dt='a'": "SYNTAX_ERROR",
    "ALTER TABLE flows ADD PARTITION (dt)": "SYNTAX_ERROR",
    "ALTER TABLE flows ADD PARTITION (dt='a'": "SYNTAX_ERROR",
    "ALTER TABLE flows ADD PARTITION (dt='a') LOCATION s3": "SYNTAX_ERROR",
    "ALTER TABLE flows ADD PARTITION (dt='a') PARTITION (day='b')": "SYNTAX_ERROR",
    "ALTER TABLE flows ADD PARTITION (dt='a') 'b": "SYNTAX_ERROR",
    "CREATE OR REPLACE TABLE t (a int)": "SYNTAX_ERROR",
    "ALTER TABLE flows ADD COLUMNS": "SYNTAX_ERROR",
    "ALTER TABLE flows ADD COLUMNS a int": "SYNTAX_ERROR",
    "ALTER TABLE flows DROP PARTITION (dt='a') PARTITION (dt='b')": "SYNTAX_ERROR",
    "ALTER TABLE flows DROP PARTITION (dt='a'), PARTITION (day='b')": "SYNTAX_ERROR",
    "ALTER TABLE a.b.flows DROP PARTITION (dt='a')": "NOT_SUPPORTED",
    "MSCK TABLE flows": "SYNTAX_ERROR",
    "CREATE DATABASE a.b": "SYNTAX_ERROR",
    "CREATE DATABASE `a b`": "SYNTAX_ERROR",
    "CREATE EXTERNAL TABLE t (a int": "SYNTAX_ERROR",
    "CREATE EXTERNAL TABLE t (a int)": "SYNTAX_ERROR",
    "CREATE EXTERNAL TABLE t LOCATION 's3://b/'": "SYNTAX_ERROR",
    "CREATE EXTERNAL TABLE t (a int, A string) LOCATION 's3://b/'": "SemanticException",
    "CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (a string) LOCATION 's3://b/'": "SemanticException",
}


@pytest.mark.parametrize("statement", MISTAKES)
def test_a_mistake_in_ddl_is_told_by_its_kind(statement: str, mistake: Callable[[str], str]) -> None:
    assert mistake(statement) == MISTAKES[statement]


def test_a_syntax_error_says_where() -> None:
    with pytest.raises(QueryError, match=re.escape("line 2:17: 'dt' where ( is expected")):
        parse("ALTER TABLE flows\n  ADD PARTITION dt='a'", "lake")
