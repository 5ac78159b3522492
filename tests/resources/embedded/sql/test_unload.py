"""UNLOAD: how it is parsed, and its partition columns. ../test_unload.py tests what it writes."""

import re
from collections.abc import Callable
from datetime import date

import pytest
from small_bucket import SOURCE, SmallBucket
from support import default_table

from flowlogs.datasets import REJECTED_FLOWS
from flowlogs.record_format import DEFAULT_FORMAT
from flowlogs.statements import TableName
from flowlogs.unload import RawRead, unload_datasets
from resources.embedded.sql.parse import parse
from resources.embedded.sql.planner import plan_query
from resources.embedded.sql.statements import Unload
from resources.engine import QueryError

NAME = TableName("lake", "flows")


def test_unload_of_rejected_flows() -> None:
    read = RawRead(NAME, DEFAULT_FORMAT, ("123456789012", "eu-west-1"))
    destination = "s3://results/datasets/1/"
    statement = unload_datasets([read], [REJECTED_FLOWS], date(2021, 1, 30), date(2021, 1, 31), destination, "-- run 1")
    unload = parse(statement, "other")
    assert isinstance(unload, Unload)
    assert (unload.destination, unload.compression) == ("s3://results/datasets/1/", "zstd")
    assert unload.partitioned_by == ("dt", "dataset")
    assert unload.query.text == statement
    (read,) = (found := plan_query(unload.query, "other", lambda _: default_table(SOURCE))).reads
    assert (read.name, read.required_text) == (NAME, "REJECT")
    assert [condition.sql("duckdb") for condition in read.partition_predicates] == [
        "\"dt\" BETWEEN '2021-01-30' AND '2021-01-31'"
    ]
    assert found.columns == (
        *(column for column, _ in DEFAULT_FORMAT.columns),
        "aws_account_id",
        "aws_region",
        "dt",
        "dataset",
    )
    assert found.partition_columns == {"dt": "dt"}


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


REFUSED = {
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
            ("SELECT 1 AS n, f.dt FROM flows f JOIN flows g ON f.dt = g.dt", "dt"),
            ("SELECT 1 AS n, dt FROM flows WHERE dt = (SELECT max(dt) FROM flows)", "dt"),
            ("SELECT row_number() OVER (ORDER BY numpackets) AS n, dt FROM flows", "dt"),
            ("SELECT count(*) AS n, dt FROM flows GROUP BY ROLLUP (dt)", "dt"),
            ("SELECT numpackets, dt FROM flows LIMIT 1", "dt"),
            ("SELECT numpackets, dt FROM flows UNION SELECT numpackets, dt FROM flows", "dt"),
            ("SELECT 1 AS n, '2024-03-01' AS dt", "dt"),
        )
    },
}


@pytest.mark.parametrize("statement", REFUSED)
def test_an_unload_that_is_not_executed_is_refused_by_name(statement: str, refusal: Callable[[str], str]) -> None:
    assert REFUSED[statement] in refusal(statement)


MISTAKES = {
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
}


@pytest.mark.parametrize("statement", MISTAKES)
def test_a_mistake_in_unload_is_told_by_its_kind(statement: str, mistake: Callable[[str], str]) -> None:
    assert mistake(statement) == MISTAKES[statement]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UNLOAD\n  SELECT 1 AS a", "line 2:3: 'SELECT' where ( is expected"),
        ("UNLOAD (SELECT (1) AS a TO 's3://b/'", "the statement ends where ) is expected"),
        ("-- é\nUNLOAD (SELECT 1 AS a) AT 's3://b/'", "line 2:24: 'AT' where TO is expected"),
        (
            "UNLOAD (SELECT 1 AS a)\nTO 's3://b/' WITH (format = PARQUET)",
            "line 2:29: 'PARQUET' where a constant is expected",
        ),
        ("UNLOAD (SELECT 1 AS a)\nTO 's3://b/' WITH (format = 'PARQUET'", "the statement ends where ) is expected"),
        ("UNLOAD (SELECT 1 AS a)\nTO 's3://b/' WITH ('format' = 'PARQUET')", "line 2:20: 'format' where an option is"),
    ],
)
def test_a_syntax_error_in_unload_says_where(statement: str, words: str) -> None:
    with pytest.raises(QueryError, match=re.escape(words)):
        parse(statement, "lake")


def test_a_mistake_in_an_unloads_query_says_where(bucket: SmallBucket) -> None:
    with pytest.raises(QueryError, match=re.escape("line 3:8: Table 'awsdatacatalog.lake.nothing' does not exist")):
        bucket.engine.execute(f"-- é\nUNLOAD (SELECT 1 AS a\n  FROM nothing) {TO}")
