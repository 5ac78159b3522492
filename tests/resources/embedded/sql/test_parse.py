"""Which statements are executed at all; and that any text is met with a statement or a QueryError."""

import re
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_bucket import SmallBucket

from resources.embedded.sql.parse import parse
from resources.embedded.sql.planner import plan_query
from resources.embedded.sql.statements import Query
from resources.engine import QueryError

REFUSED = {
    "": "an empty text as a statement",
    "-- nothing": "an empty text as a statement",
    "SET x = 1": "SET as a statement",
    "USE lake": "USE as a statement",
    "CALL pragma_version()": "CALL as a statement",
    "INSERT INTO flows SELECT 1": "INSERT as a statement",
    "DELETE FROM flows": "DELETE as a statement",
    "UPDATE flows SET a = 1": "UPDATE as a statement",
}


@pytest.mark.parametrize("statement", REFUSED)
def test_a_kind_of_statement_that_is_not_executed_is_refused_by_name(
    statement: str, refusal: Callable[[str], str]
) -> None:
    assert REFUSED[statement] in refusal(statement)


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("SELEC 1", "line 1:1: no statement begins with 'SELEC'. Did you mean SELECT?"),
        ("-- days\n  Discribe flows", "line 2:3: no statement begins with 'Discribe'. Did you mean DESCRIBE?"),
        ("COPY flows TO '/tmp/x'", "line 1:1: no statement begins with 'COPY'."),
        ("ATTACH '/tmp/x'", "line 1:1: no statement begins with 'ATTACH'."),
        ("PRAGMA version", "line 1:1: no statement begins with 'PRAGMA'."),
        ("INSTALL httpfs", "line 1:1: no statement begins with 'INSTALL'. Did you mean INSERT?"),
        ("LOAD httpfs", "line 1:1: no statement begins with 'LOAD'. Did you mean UNLOAD?"),
        ("EXPORT DATABASE 'x'", "line 1:1: no statement begins with 'EXPORT'."),
        ("FROM flows", "line 1:1: no statement begins with 'FROM'."),
    ],
)
def test_a_text_that_begins_as_no_statement_does_is_a_syntax_error(statement: str, problem: str) -> None:
    with pytest.raises(QueryError) as error:
        parse(statement, "lake")
    assert str(error.value) == f"SYNTAX_ERROR: {problem}\nThe statement was:\n{statement}"


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


WORDS = re.findall(
    r"\S+",
    r"""
    " ' '!' '$.a' '${x}' '%Y-%m-%d' '%x' '(-)' ',' '-' '-1' '/etc/*' '/etc/passwd' '/tmp/x' '1' '2024-02-%'
    '2024-02-28' '2024-02-29' '2024-03' '2024-03-01' '2024-03-01x' '2024-03-02' '2030-01-01' 'Asia/Tokyo' 'HOME'
    'LZO' 'ORC' 'PARQUET' 'REJECT' 'ZSTD' 'a' 'action' 'b' 'decade' 'dt' 'flows' 'projection.enabled' 's3://b/'
    's3://b/x/' 's3://flow-logs/x/' 'skip.footer.line.count' 'skip.header.line.count' 'threads' 'true' 'x' 'y' '||'
    ( ) * + , - . / 0 1 10 100 1709251200 2 20 3 5 7 9 : ; < = > ? A ADD ALL ALTER AND ARRAY AS ASOF AT ATTACH
    BERNOULLI BETWEEN BY CALL CASE CAST COLUMNS COMMENT COPY CREATE CROSS DATABASE DATE DAY DELETE DELIMITED
    DESCRIBE DISTINCT DROP ELSE END ESCAPED EXCEPT EXISTS EXPLAIN EXPORT EXTERNAL FIELDS FILTER FOR FORMAT FROM FULL
    GROUP HAVING ILIKE IN INPUTFORMAT INSERT INSTALL INTERVAL INTO IS JOIN LATERAL LEFT LIKE LIMIT LOAD LOCATION
    MSCK NATURAL NOT NULL OF OFFSET ON OR ORC ORDER OUTPUTFORMAT OVER PARQUET PARQUETFILE PARTITION PARTITIONED
    PARTITIONS PIVOT PRAGMA PURGE RECURSIVE RENAME REPAIR REPLACE RIGHT ROLLUP ROW SELECT SEMI SERDE SET SHOW SORT
    STORED TABLE TABLES TABLESAMPLE TBLPROPERTIES TERMINATED THEN TIME TIMESTAMP TO TRUE UNION UNLOAD UNNEST UPDATE
    USE VALUES VIEW WHEN WHERE WITH ZONE [ ] ` a account action arg_max array avg b bigint compression concat
    content count current_setting d date date_add date_format day day_of_week decimal double dow dt duckdb_settings
    etc extract f field_delimiter fl flows format from_unixtime g getenv getvariable glob httpfs ifnull int
    json_extract_scalar lake list_sum listagg lower max n nothing now numbytes numpackets open ows part
    partitioned_by passwd pragma_version query r random read_blob read_csv read_parquet read_text regexp_replace
    row_number s3 safe_cast sequence split split_part starttime string string_agg substr sum t typeof u v varbinary
    varchar version x |
    """,
)
"""Words and signs of statements that are executed, refused or wrong."""


STARTS = (
    *("SELECT", "WITH", "CREATE", "CREATE VIEW v AS", "CREATE TABLE t WITH (", "DROP", "ALTER", "ALTER TABLE flows"),
    *("SHOW", "DESCRIBE", "UNLOAD", "UNLOAD (SELECT dt", "MSCK", "PREPARE a FROM", "EXECUTE a USING", "DEALLOCATE"),
    *("EXPLAIN", "EXPLAIN ("),
)


@settings(max_examples=80, deadline=None)
@given(
    words=st.lists(st.sampled_from(WORDS), max_size=12),
    start=st.sampled_from(STARTS),
)
def test_no_text_is_met_with_anything_but_an_answer_or_a_query_error(
    bucket: SmallBucket, start: str, words: list[str]
) -> None:
    with suppress(QueryError):
        parsed = parse(" ".join([start, *words]), "lake")
        if isinstance(parsed, Query):
            plan_query(parsed, "lake", bucket.engine.find_table)
