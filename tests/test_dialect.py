"""What the embedded Athena understands of a statement, what it refuses, and which partitions a query needs."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from small_bucket import SOURCE, SmallBucket, record

from flowlogs.fields import DEFAULT_FIELDS
from flowlogs.statements import (
    PARQUET,
    TEXT,
    TableDefinition,
    TableName,
    add_partitions,
    create_database,
    create_table,
    drop_table,
    flow_logs_table,
    move_partition,
    rejected_flows_table,
    show_partitions,
    unload_rejected,
)
from resources.embedded.catalog import Partition
from resources.embedded.dialect import (
    AddPartitions,
    CreateDatabase,
    CreateTable,
    DropTable,
    MovePartition,
    Query,
    ShowPartitions,
    Unload,
    parse,
    plan,
)
from resources.embedded.pruning import bounds
from resources.engine import QueryError

NAME = TableName("lake", "flows")

# The statements that this project sends.


def test_create_database() -> None:
    assert parse(create_database("lake"), "other") == CreateDatabase("lake", if_not_exists=True)


def test_create_table_of_flow_logs() -> None:
    assert parse(create_table(NAME, flow_logs_table(SOURCE)), "other") == CreateTable(
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
    assert parse(create_table(NAME, rejected_flows_table("s3://results/")), "other") == CreateTable(
        NAME,
        TableDefinition(
            columns=tuple((field.column, field.type) for field in DEFAULT_FIELDS),
            partition_columns=(("dt", "string"),),
            location="s3://results/rejected_flows/",
            stored_as=PARQUET,
            delimiter="\x01",
        ),
        if_not_exists=True,
    )


def test_unload_of_rejected_flows() -> None:
    statement = unload_rejected(
        NAME, date(2021, 1, 30), date(2021, 1, 31), "s3://results/rejected_flows/1/", "-- run 1"
    )
    unload = parse(statement, "other")
    assert isinstance(unload, Unload)
    assert (unload.destination, unload.compression) == ("s3://results/rejected_flows/1/", "zstd")
    assert unload.partitioned_by == ("dt",)
    assert unload.query.text == statement
    (read,) = (found := plan(unload.query, "other", lambda _: flow_logs_table(SOURCE))).reads
    assert (read.name, read.required) == (NAME, "REJECT")
    assert [condition.sql("duckdb") for condition in read.conditions] == [
        "\"dt\" BETWEEN '2021-01-30' AND '2021-01-31'"
    ]
    assert found.columns == (*(field.column for field in DEFAULT_FIELDS), "dt")
    assert found.keys == {"dt": "dt"}


def test_move_partition() -> None:
    statement = move_partition(NAME, date(2021, 1, 31), "s3://results/a")
    assert parse(statement, "other") == MovePartition(NAME, Partition(("2021-01-31",), "s3://results/a"), ("dt",))


def test_add_partitions() -> None:
    (statement,) = add_partitions(NAME, SOURCE.day_locations([date(2021, 1, 31), date(2021, 2, 1)]))
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


TO = "TO 's3://b/x/' WITH (format = 'PARQUET')"
UNLOADED = {
    # What is unloaded, and as what: the query alone, the compression, the columns that name folders.
    f"UNLOAD (SELECT 1 AS a) {TO}": ("SELECT 1 AS a", "gzip", ()),
    f"  unload(select 1 AS a){TO.lower()};": ("SELECT 1 AS a", "gzip", ()),
    f"-- one (\n/* two ) */ UNLOAD /* three ( */ (-- four )\nSELECT 1 AS a) {TO} ; -- five (": (
        "SELECT 1 AS a",
        "gzip",
        (),
    ),
    f"UNLOAD (SELECT ')' AS a, '((' AS b, 1 AS \"c)\" FROM flows WHERE (dt = '(') AND ((1) = 1)) {TO}": (
        "SELECT ')' AS a, '((' AS b, 1 AS \"c)\" FROM flows WHERE (dt = '(') AND ((1) = 1)",
        "gzip",
        (),
    ),
    f"UNLOAD (SELECT 'it''s ) é😀' AS a, lower(substr('(', (1))) AS b) {TO}": (
        "SELECT 'it''s ) é😀' AS a, LOWER(SUBSTR('(', (1))) AS b",
        "gzip",
        (),
    ),
    f"UNLOAD ((SELECT 1 AS a) UNION ALL (SELECT 2)) {TO}": ("(SELECT 1 AS a) UNION ALL (SELECT 2)", "gzip", ()),
    f"UNLOAD (WITH x AS (SELECT 1 AS a) SELECT a FROM x) {TO}": (
        "WITH x AS (SELECT 1 AS a) SELECT a FROM x",
        "gzip",
        (),
    ),
    "UNLOAD (SELECT 1 AS a) TO 's3://b/x/' WITH (Format='parquet', COMPRESSION='zstd', partitioned_by = ARRAY['Dt'])": (
        "SELECT 1 AS a",
        "zstd",
        ("dt",),
    ),
    "UNLOAD (SELECT 1 AS a) TO 's3://b/x/' WITH (partitioned_by=array['a','b'],compression='NONE',format='PARQUET')": (
        "SELECT 1 AS a",
        "uncompressed",
        ("a", "b"),
    ),
}


@pytest.mark.parametrize("statement", UNLOADED)
def test_unload_in_other_words(statement: str) -> None:
    unload = parse(statement, "lake")
    assert isinstance(unload, Unload)
    query, compression, partitioned_by = UNLOADED[statement]
    assert unload.query.tree.sql("athena") == query
    assert unload.query.text == statement
    assert (unload.destination, unload.compression) == ("s3://b/x/", compression)
    assert unload.partitioned_by == partitioned_by


# What is refused.

REFUSED = {
    "": "an empty text as a statement",
    "-- nothing": "an empty text as a statement",
    "COPY flows TO '/tmp/x'": "COPY as a statement",
    "ATTACH '/tmp/x'": "ATTACH as a statement",
    "PRAGMA version": "PRAGMA as a statement",
    "INSTALL httpfs": "INSTALL as a statement",
    "LOAD httpfs": "LOAD as a statement",
    "SET x = 1": "SET as a statement",
    "USE lake": "USE as a statement",
    "CALL pragma_version()": "CALL as a statement",
    "EXPORT DATABASE 'x'": "EXPORT as a statement",
    "FROM flows": "FROM as a statement",
    "VALUES 1": "VALUES as a statement",
    "EXPLAIN SELECT 1": "EXPLAIN as a statement",
    "DESCRIBE flows": "DESCRIBE as a statement",
    "MSCK REPAIR TABLE flows": "MSCK as a statement",
    "INSERT INTO flows SELECT 1": "INSERT as a statement",
    "DELETE FROM flows": "DELETE as a statement",
    "UPDATE flows SET a = 1": "UPDATE as a statement",
    "SHOW": "SHOW",
    "SHOW TABLES": "SHOW TABLES",
    "SHOW CREATE TABLE flows": "SHOW CREATE",
    "ALTER DATABASE lake": "ALTER DATABASE",
    "ALTER TABLE flows DROP PARTITION (dt='a')": "ALTER TABLE in any form but ADD PARTITION",
    "ALTER TABLE flows ADD COLUMNS (a int)": "ALTER TABLE in any form but ADD PARTITION",
    "ALTER TABLE flows RENAME TO t": "ALTER TABLE in any form but ADD PARTITION",
    "CREATE TABLE t (a int) LOCATION 's3://b/'": "CREATE in any form but CREATE DATABASE and CREATE EXTERNAL TABLE",
    "CREATE TABLE t AS SELECT 1": "CREATE in any form but CREATE DATABASE and CREATE EXTERNAL TABLE",
    "CREATE VIEW v AS SELECT 1": "CREATE in any form but CREATE DATABASE and CREATE EXTERNAL TABLE",
    "CREATE OR REPLACE TABLE t (a int)": "CREATE in any form but CREATE DATABASE and CREATE EXTERNAL TABLE",
    "CREATE DATABASE d COMMENT 'x'": "CREATE DATABASE with PROPERTIES",
    "CREATE DATABASE d LOCATION 's3://b/'": "CREATE DATABASE with PROPERTIES",
    "CREATE EXTERNAL TABLE t (a double) LOCATION 's3://b/'": "columns of type double",
    "CREATE EXTERNAL TABLE t (a array<int>) LOCATION 's3://b/'": "columns of type array<int>",
    "CREATE EXTERNAL TABLE t (a int COMMENT 'x') LOCATION 's3://b/'": "the column a INT COMMENT 'x'",
    **{
        f"CREATE EXTERNAL TABLE t (a int) {clause} LOCATION 's3://b/'": (
            "a table in any format but TEXTFILE with a ROW FORMAT and PARQUET without one"
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
    "CREATE EXTERNAL TABLE t (a int) LOCATION 's3://b/' TBLPROPERTIES ('projection.enabled'='true')": (
        "a table with the property 'projection.enabled'='true'"
    ),
    "DROP DATABASE lake": "DROP DATABASE",
    "DROP VIEW v": "DROP VIEW",
    "DROP TABLE t PURGE": "DROP TABLE with PURGE",
    "DROP TABLE t, u": "DROP TABLE of anything but one table",
    **{
        f"UNLOAD (SELECT dt FROM flows) TO 's3://flow-logs/x/'{options}": (
            "UNLOAD with anything but format 'PARQUET', compression and partitioned_by"
        )
        for options in (
            "",
            " WITH (compression = 'ZSTD')",
            " WITH (format = 'ORC')",
            " WITH (format = ARRAY['PARQUET'])",
            " WITH (format = 'PARQUET', field_delimiter = ',')",
            " WITH (format = 'PARQUET', partitioned_by = 'dt')",
        )
    },
    "UNLOAD (SELECT dt FROM flows) TO 's3://flow-logs/x/' WITH (format = 'PARQUET', compression = 'LZO')": (
        "UNLOAD with compression 'LZO'"
    ),
    f"UNLOAD (DROP TABLE flows) {TO}": "DROP in this form",
    f"UNLOAD (VALUES 1) {TO}": "VALUES in this form",
    f"UNLOAD (SELECT read_text('/etc/passwd') AS a) {TO}": "the function read_text",
    **{
        f"UNLOAD ({query}) TO 's3://flow-logs/x/' WITH (format = 'PARQUET', partitioned_by = ARRAY['{by}'])": (
            "UNLOAD partitioned by anything but partition columns of the one table that is read"
        )
        for query, by in (
            ("SELECT dt, action FROM flows", "action"),
            ("SELECT action, lower(dt) AS dt FROM flows", "dt"),
            ("SELECT count(*) AS n, max(dt) AS dt FROM flows", "dt"),
            ("SELECT n, dt FROM (SELECT 1 AS n, dt FROM flows)", "dt"),
            ("SELECT 1 AS n, f.dt FROM flows f JOIN flows g ON f.dt = g.dt", "dt"),
            ("SELECT 1 AS n, dt FROM flows WHERE dt = (SELECT max(dt) FROM flows)", "dt"),
            ("SELECT row_number() OVER (ORDER BY numpackets) AS n, dt FROM flows", "dt"),
            ("SELECT count(*) AS n, dt FROM flows GROUP BY ROLLUP (dt)", "dt"),
            ("SELECT numpackets, dt FROM flows LIMIT 1", "dt"),
            ("SELECT numpackets, dt FROM flows UNION ALL SELECT 1, dt FROM flows", "dt"),
            ("SELECT 1 AS n, '2024-03-01' AS dt", "dt"),
        )
    },
    # What is DuckDB's, or another engine's, and not Trino's.
    "SELECT * FROM read_csv('/etc/passwd')": "the function read_csv",
    "SELECT * FROM read_text('/etc/passwd')": "the function read_text",
    "SELECT * FROM flows, read_parquet('/etc/passwd')": "the function read_parquet",
    "SELECT (SELECT content FROM read_blob('/etc/passwd'))": "the function read_blob",
    "SELECT * FROM duckdb_settings()": "the function duckdb_settings",
    "SELECT * FROM query('SELECT 1')": "the function query",
    "SELECT * FROM TABLE(sequence(1, 2))": "the function table",
    "SELECT current_setting('threads')": "the function current_setting",
    "SELECT getenv('HOME')": "the function getenv",
    "SELECT version()": "the function version",
    "SELECT getvariable('x')": "the function getvariable",
    "SELECT list_sum(split(dt, '-')) FROM flows": "the function list_sum",
    "SELECT ifnull(dt, '-') FROM flows": "the function ifnull",
    "SELECT string_agg(dt, ',' ORDER BY dt) FROM flows": "the function string_agg",
    "SELECT arg_max(dt, numbytes) FROM flows": "the function arg_max",
    "SELECT safe_cast(dt AS bigint) FROM flows": "the function safe_cast",
    "SELECT json_extract_scalar(dt, '$.a') FROM flows": "the function json_extract_scalar",
    "SELECT typeof(dt) FROM flows": "the function typeof",
    "SELECT random()": "the function random",
    "SELECT dt ILIKE 'a' FROM flows": "dt ILIKE 'a'",
    "SELECT DISTINCT ON (dt) dt FROM flows": "ON in DISTINCT ON (dt)",
    "SELECT * EXCEPT (dt) FROM flows": "EXCEPT in *",
    "SELECT dt FROM flows GROUP BY ALL": "ALL in GROUP BY ALL",
    "SELECT dt INTO t FROM flows": "INTO in",
    "SELECT dt FROM flows FOR UPDATE": "LOCKS in",
    "SELECT dt FROM flows SORT BY dt": "SORT in",
    "SELECT dt FROM flows TABLESAMPLE BERNOULLI (10)": "TABLESAMPLE BERNOULLI (10)",
    "SELECT dt FROM flows FOR TIMESTAMP AS OF TIMESTAMP '2024-01-01 00:00:00'": "FOR TIMESTAMP AS OF",
    "SELECT dt FROM flows f ASOF JOIN flows g ON f.dt = g.dt": "METHOD in",
    "SELECT dt FROM flows f NATURAL JOIN flows g": "METHOD in",
    "SELECT dt FROM flows f SEMI JOIN flows g ON f.dt = g.dt": "SEMI JOIN",
    "SELECT dt FROM flows, LATERAL (SELECT 1)": "LATERAL",
    "SELECT dt FROM flows PIVOT (sum(numbytes) FOR action IN ('REJECT'))": "PIVOT",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 9) SELECT * FROM r": "RECURSIVE in",
    "WITH d AS (DELETE FROM flows) SELECT 1": "DELETE FROM flows",
    "SELECT ?": "?",
    "SELECT split(dt, '-')[1] FROM flows": "a subscript; use element_at",
    "SELECT dt IS TRUE FROM flows": "IS with anything but NULL",
    "SELECT 100.0 * numpackets FROM flows": "reckoning with decimals (write 100.0e0, a double)",
    "SELECT CAST(dt AS varbinary) FROM flows": "a cast to VARBINARY",
    "SELECT CAST(numbytes AS decimal(20, 2)) FROM flows": "a cast to DECIMAL(20, 2)",
    "SELECT CAST(dt AS varchar(3)) FROM flows": "a cast to VARCHAR(3)",
    "SELECT CAST(avg(numbytes) AS varchar) FROM flows": "a cast of a fraction or a time to text",
    "SELECT CAST(from_unixtime(starttime) AS varchar) FROM flows": "a cast of a fraction or a time to text",
    "SELECT date_format(now(), '%x')": "the format",
    "SELECT date_format(now(), dt) FROM flows": "the format",
    "SELECT extract(dow FROM now())": "the field DOW",
    "SELECT date_add('decade', 1, now())": "the unit DECADE",
    "SELECT now() - now()": "the difference of two times (use date_diff)",
    "SELECT regexp_replace(dt, '(-)', '${x}') FROM flows": "a replacement of this form",
    "SELECT listagg(dt, ',') FROM flows": "listagg without WITHIN GROUP",
    "SELECT from_unixtime(starttime, 'Asia/Tokyo') FROM flows": "ZONE in",
    "SELECT now() AT TIME ZONE 'Asia/Tokyo'": "AT TIME ZONE 'Asia/Tokyo'",
    "SELECT split(dt, '-', 2) FROM flows": "LIMIT in",
    "SELECT max(dt, 2) FROM flows": "EXPRESSIONS in",
    "SELECT FROM flows": "nothing selected",
    "SELECT (dt, account) FROM flows": "a row as a value",
}


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> SmallBucket:
    bucket = SmallBucket(tmp_path_factory.mktemp("dialect"))
    bucket.put_day("2024-03-01", [record(1)])
    return bucket


@pytest.mark.parametrize("statement", REFUSED)
def test_what_is_not_understood_is_refused_by_name_and_with_the_statement(statement: str, bucket: SmallBucket) -> None:
    bucket.store.opened.clear()
    with pytest.raises(QueryError) as refusal:
        bucket.engine.execute(statement)
    assert refusal.value.code == "NOT_SUPPORTED"
    assert str(refusal.value).startswith("NOT_SUPPORTED: the embedded Athena does not execute ")
    assert REFUSED[statement] in str(refusal.value).partition("The statement was:")[0]
    assert str(refusal.value).endswith(f"\nThe statement was:\n{statement}")
    assert refusal.value.statement == statement
    assert bucket.store.opened == []


MISTAKES = {
    "SELECT `dt` FROM flows": "SYNTAX_ERROR",
    "SELECT dt FROM flows WHERE": "SYNTAX_ERROR",
    "SELECT 'open FROM flows": "SYNTAX_ERROR",
    "SELECT dt FROM": "SYNTAX_ERROR",
    "SELECT 1; SELECT 2": "SYNTAX_ERROR",
    "SELECT 1; DROP TABLE flows": "SYNTAX_ERROR",
    "SELECT dt, FROM flows": "SYNTAX_ERROR",
    "SELECT , dt FROM flows": "SYNTAX_ERROR",
    "SELECT concat(dt,, dt) FROM flows": "SYNTAX_ERROR",
    "SELECT lower(dt,) FROM flows": "SYNTAX_ERROR",
    "SELECT CAST(dt AS varchar FROM flows": "SYNTAX_ERROR",
    "SELECT 'a' 'b'": "SYNTAX_ERROR",
    "SELECT dt::varchar FROM flows": "SYNTAX_ERROR",
    "SELECT substr(dt) FROM flows": "FUNCTION_NOT_FOUND",
    "SELECT split_part(dt, '-') FROM flows": "FUNCTION_NOT_FOUND",
    "SELECT dt FROM flows LIMIT 1 OFFSET 1": "SYNTAX_ERROR",
    "SELECT * FROM flows, flows": "SYNTAX_ERROR",
    "SELECT * FROM '/etc/passwd'": "SYNTAX_ERROR",
    "SELECT * FROM glob('/etc/*')": "SYNTAX_ERROR",
    'SELECT * FROM "/etc/passwd"': "SYNTAX_ERROR",
    "SELECT '\ud800'": "SYNTAX_ERROR",
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
    "UNLOAD": "SYNTAX_ERROR",
    f"UNLOAD () {TO}": "SYNTAX_ERROR",
    f"UNLOAD SELECT 1 AS a {TO}": "SYNTAX_ERROR",
    f"UNLOAD (SELECT 1; SELECT 2) {TO}": "SYNTAX_ERROR",
    f"UNLOAD (SELECT 'open) {TO}": "SYNTAX_ERROR",
    f"UNLOAD (SELECT dt FROM flows WHERE) {TO}": "SYNTAX_ERROR",
    f"UNLOAD (SELECT 1 AS a) {TO} SELECT 1": "SYNTAX_ERROR",
    "UNLOAD (SELECT 1 AS a) TO \"s3://b/\" WITH (format = 'PARQUET')": "SYNTAX_ERROR",
    "UNLOAD (SELECT 1 AS a) TO 's3://b/' WITH ()": "SYNTAX_ERROR",
    "UNLOAD (SELECT 1 AS a) TO 's3://b/' WITH (format = 'PARQUET', partitioned_by = ARRAY[])": "SYNTAX_ERROR",
    f"UNLOAD (SELECT nothing FROM flows) {TO}": "COLUMN_NOT_FOUND",
    f"UNLOAD (SELECT 1 FROM nothing) {TO}": "TABLE_NOT_FOUND",
    f"UNLOAD (SELECT dt, lower(action) AS dt FROM flows) {TO}": "DUPLICATE_COLUMN_NAME",
    **{
        f"UNLOAD (SELECT {columns} FROM flows) TO 's3://b/x/' WITH (format = 'PARQUET', partitioned_by = {by})": code
        for columns, by, code in (
            ("dt, action", "ARRAY['dt']", "HIVE_COLUMN_ORDER_MISMATCH"),
            ("action", "ARRAY['dt']", "HIVE_COLUMN_ORDER_MISMATCH"),
            ("action, dt AS day", "ARRAY['dt']", "HIVE_COLUMN_ORDER_MISMATCH"),
            ("numpackets, action, dt", "ARRAY['dt', 'action']", "HIVE_COLUMN_ORDER_MISMATCH"),
            ("dt", "ARRAY['dt']", "SYNTAX_ERROR"),
        )
    },
    "CREATE DATABASE a.b": "SYNTAX_ERROR",
    "CREATE DATABASE `a b`": "SYNTAX_ERROR",
    "CREATE EXTERNAL TABLE t (a int": "SYNTAX_ERROR",
    "CREATE EXTERNAL TABLE t (a int)": "SYNTAX_ERROR",
    "CREATE EXTERNAL TABLE t LOCATION 's3://b/'": "SYNTAX_ERROR",
    "CREATE EXTERNAL TABLE t (a int, A string) LOCATION 's3://b/'": "SemanticException",
    "CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (a string) LOCATION 's3://b/'": "SemanticException",
}


@pytest.mark.parametrize("statement", MISTAKES)
def test_a_mistake_is_told_with_its_kind_and_the_statement(statement: str, bucket: SmallBucket) -> None:
    with pytest.raises(QueryError) as mistake:
        bucket.engine.execute(statement)
    assert mistake.value.code == MISTAKES[statement]
    assert "\nThe statement was:\n" in str(mistake.value)
    assert bucket.rows("SELECT count(*) FROM flows") == [(1,)]


def test_a_syntax_error_says_where() -> None:
    with pytest.raises(QueryError, match=re.escape("line 2:17: 'dt' where ( is expected")):
        parse("ALTER TABLE flows\n  ADD PARTITION dt='a'", "lake")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UNLOAD\n  SELECT 1 AS a", "line 2:3: 'SELECT' where ( is expected"),
        ("UNLOAD (SELECT (1) AS a TO 's3://b/'", "the statement ends where ) is expected"),
        ("-- é\nUNLOAD (SELECT 1 AS a) AT 's3://b/'", "line 2:24: 'AT' where TO is expected"),
        (
            "UNLOAD (SELECT 1 AS a)\nTO 's3://b/' WITH (format = PARQUET)",
            "line 2:29: 'PARQUET' where a text in quotes is expected",
        ),
        ("UNLOAD (SELECT 1 AS a)\nTO 's3://b/' WITH (format = 'PARQUET'", "the statement ends where ) is expected"),
        ("UNLOAD (SELECT 1 AS a)\nTO 's3://b/' WITH ('format' = 'PARQUET')", "line 2:20: 'format' where an option is"),
    ],
)
def test_a_syntax_error_in_unload_says_where(statement: str, words: str) -> None:
    with pytest.raises(QueryError, match=re.escape(words)):
        parse(statement, "lake")


def test_a_mistake_in_the_query_of_unload_is_told_where_it_stands_in_the_whole_statement(bucket: SmallBucket) -> None:
    with pytest.raises(QueryError, match=re.escape("line 3:8: Table 'awsdatacatalog.lake.nothing' does not exist")):
        bucket.engine.execute(f"-- é\nUNLOAD (SELECT 1 AS a\n  FROM nothing) {TO}")


def test_a_statement_longer_than_athena_takes_is_refused() -> None:
    longest = "SELECT '" + "é" * 131_067 + "'"
    assert len(longest.encode()) == 262_143
    parse(longest, "lake")
    with pytest.raises(QueryError, match=r"InvalidRequestException: the statement has 262,145 bytes, and Athena takes"):
        parse(longest.replace("'", "'é", 1), "lake")


def test_a_statement_that_is_nested_too_deeply_is_refused(bucket: SmallBucket) -> None:
    with pytest.raises(QueryError, match="nested this deeply"):
        bucket.engine.execute("SELECT " + "(" * 5000 + "1" + ")" * 5000)


def test_a_long_chain_of_conditions_is_no_deep_nest(bucket: SmallBucket) -> None:
    condition = " OR ".join(f"dt = '2024-03-{day:02}'" for day in range(1, 31) for _ in range(8))
    assert bucket.rows(f"SELECT count(*) FROM flows WHERE {condition}") == [(1,)]


# Which partitions a query is found to need.

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


def test_a_condition_that_fails_on_a_partitions_value_fails_the_query_only_where_there_is_a_row(tmp_path: Path) -> None:
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


# Whatever a query says, the partitions that it is spared have no say in its answer: a table that has the days in a
# column of its own gives the same.

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


WORDS = st.sampled_from(
    [word for statement in (*REFUSED, *MISTAKES, *READ) for word in re.findall(r"'[^']*'|\w+|\S", statement)]
)


@settings(max_examples=80, deadline=None)
@given(
    words=st.lists(WORDS, max_size=12),
    start=st.sampled_from(["SELECT", "WITH", "CREATE", "DROP", "ALTER", "SHOW", "UNLOAD", "UNLOAD (SELECT dt"]),
)
def test_no_text_is_met_with_anything_but_an_answer_or_a_query_error(
    bucket: SmallBucket, start: str, words: list[str]
) -> None:
    with suppress(QueryError):
        parsed = parse(" ".join([start, *words]), "lake")
        if isinstance(parsed, Query):
            plan(parsed, "lake", bucket.engine.find_table)


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
    (read,) = plan(parsed, "lake", bucket.engine.find_table).reads
    assert read.required == required


def test_the_side_of_an_outer_join_that_may_be_missing_must_contain_nothing(bucket: SmallBucket) -> None:
    parsed = parse("SELECT 1 FROM flows x LEFT JOIN flows y ON x.dt = y.dt WHERE y.action = 'REJECT'", "lake")
    assert isinstance(parsed, Query)
    reads = plan(parsed, "lake", bucket.engine.find_table).reads
    assert [read.required for read in reads] == ["", ""]


def test_rows_are_ordered_by_what_an_unnamed_column_says_too(tmp_path: Path) -> None:
    bucket = SmallBucket(tmp_path)
    bucket.put_day("2024-03-01", [record(1), record(2), record(3, action="ACCEPT")])
    statement = "SELECT action, count(*) FROM flows WHERE dt = '2024-03-01' GROUP BY action ORDER BY count(*) DESC"
    assert bucket.rows(statement) == [("REJECT", 2), ("ACCEPT", 1)]
    assert list(bucket.engine.execute(statement).frame.columns) == ["action", "_col1"]


def test_not_like(tmp_path: Path) -> None:
    bucket = SmallBucket(tmp_path)
    bucket.put_day("2024-03-01", [record(1), record(2, source="10.0.0.9")])
    statement = "SELECT sourceaddress FROM flows WHERE dt = '2024-03-01' AND sourceaddress NOT LIKE '10.%'"
    assert bucket.rows(statement) == [("192.0.2.1",)]


def test_a_part_of_a_split_text_is_text(tmp_path: Path) -> None:
    bucket = SmallBucket(tmp_path)
    bucket.put_day("2024-03-01", [record(7)])
    statement = "SELECT CAST(element_at(split(sourceaddress, '.'), 4) AS bigint) FROM flows WHERE dt = '2024-03-01'"
    assert bucket.rows(statement) == [(7,)]


def test_rows_among_the_rows_of_a_subquery(tmp_path: Path) -> None:
    bucket = SmallBucket(tmp_path)
    bucket.put_day("2024-03-01", [record(1), record(2, action="ACCEPT")])
    statement = """SELECT numpackets FROM flows WHERE dt = '2024-03-01' AND (sourceaddress, protocol) IN (
        SELECT sourceaddress, protocol FROM flows WHERE dt = '2024-03-01' AND action = 'REJECT')"""
    assert bucket.rows(statement) == [(1,)]
