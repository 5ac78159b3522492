"""Which of Trino's clauses and functions are executed, and that all else is refused by its name."""

from collections.abc import Callable
from pathlib import Path

import pytest
from small_bucket import SmallBucket, record

REFUSED = {
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
    "SELECT typeof(dt) FROM flows": "the type of a text",
    "SELECT random()": "the function random",
    "SELECT DISTINCT ON (dt) dt FROM flows": "ON in DISTINCT ON (dt)",
    "SELECT * EXCEPT (dt) FROM flows": "EXCEPT in *",
    "SELECT dt FROM flows GROUP BY ALL": "ALL in GROUP BY ALL",
    "SELECT dt INTO t FROM flows": "INTO in",
    "SELECT dt FROM flows FOR UPDATE": "LOCKS in",
    "SELECT dt FROM flows SORT BY dt": "SORT in",
    "SELECT dt FROM flows TABLESAMPLE BERNOULLI (101)": "a sample whose percentage is no constant from 0 to 100",
    "SELECT try(coalesce(1 / 0, 2))": "try of anything but casts, arithmetic, date_parse and aggregates",
    "SELECT try(CAST(dt AS double) + 1) FROM flows": "try of arithmetic with a cast to this type",
    "SELECT ARRAY[1] || 2": "an array and an element put together",
    "SELECT dt FROM flows FOR TIMESTAMP AS OF TIMESTAMP '2024-01-01 00:00:00'": "FOR TIMESTAMP AS OF",
    "SELECT dt FROM flows f ASOF JOIN flows g ON f.dt = g.dt": "METHOD in",
    "SELECT dt FROM flows f NATURAL JOIN flows g": "METHOD in",
    "SELECT dt FROM flows f SEMI JOIN flows g ON f.dt = g.dt": "SEMI JOIN",
    "SELECT dt FROM flows, LATERAL (SELECT 1)": "LATERAL",
    "SELECT dt FROM flows PIVOT (sum(numbytes) FOR action IN ('REJECT'))": "PIVOT",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 9) SELECT * FROM r": "RECURSIVE in",
    "WITH d AS (DELETE FROM flows) SELECT 1": "DELETE FROM flows",
    "SELECT ?": "?",
    "SELECT contains(ARRAY[1e0], 1e0)": "an array that is not of texts, exact numbers",
    "SELECT contains(ARRAY['a'], 1)": "an array and a value of another type than its elements'",
    "SELECT array_union(ARRAY['a'], ARRAY[1])": "two arrays with elements of other types",
    "SELECT sequence(DATE '2024-01-01', DATE '2024-03-01', INTERVAL '1' MONTH)": "a step that is no constant interval",
    "SELECT transform(ARRAY[1], x -> x + 1)": "the function transform",
    "SELECT map_agg(dt, action) FILTER (WHERE dt > '') FROM flows": "map_agg with FILTER",
    "SELECT histogram(numbytes * 1e0) FROM flows": "a map whose keys are not texts",
    "SELECT * FROM UNNEST(ARRAY[1], ARRAY[2])": "UNNEST without names for its columns",
    "SELECT dt IS TRUE FROM flows": "IS with anything but NULL",
    "SELECT CAST(dt AS varbinary) FROM flows": "a cast to VARBINARY",
    "SELECT CAST(1e0 AS varchar(3)) FROM flows": "a cast of this value to varchar(3)",
    "SELECT CAST(avg(numbytes) AS varchar) FROM flows": "a cast of a fraction to text",
    "SELECT date_format(now(), '%x')": "the format",
    "SELECT date_format(now(), dt) FROM flows": "the format",
    "SELECT extract(dow FROM now())": "the field DOW",
    "SELECT date_add('decade', 1, now())": "the unit DECADE",
    "SELECT now() - now()": "the difference of two times (use date_diff)",
    "SELECT regexp_replace(dt, '(-)', '${x}') FROM flows": "a replacement of this form",
    "SELECT listagg(dt, ',') FROM flows": "listagg without WITHIN GROUP",
    "SELECT stddev(numpackets * 1.0) FROM flows": "a decimal (CAST it to double) in STDDEV",
    "SELECT approx_percentile(numpackets * 1.0, 0.5) FROM flows": "a decimal (CAST it to double) in APPROX_PERCENTILE",
    "SELECT ARRAY[1, NULL] = ARRAY[1, NULL]": "a comparison of arrays",
    "SELECT numpackets FROM flows WHERE split(dt, '-') IN (ARRAY['a'])": "a comparison of arrays",
    "SELECT nullif(ARRAY[1], ARRAY[1])": "a comparison of arrays",
    "SELECT array_join(array_agg(from_unixtime(starttime)), ',') FROM flows": "array_join of an array that is not of",
    "SELECT array_join(ARRAY[1e0], ',')": "array_join of an array that is not of",
    "SELECT array_join(ARRAY[ARRAY[1]], ',')": "array_join of an array that is not of",
    "SELECT array_join(split(dt, '-'), action) FROM flows": "array_join with a delimiter that is no constant text",
    "SELECT count(DISTINCT (dt, action)) FROM flows": "a row as a value",
    "SELECT INTERVAL '1' DAY": "an interval as a column of the result",
    "SELECT DATE '2024-03-01' + INTERVAL '1.5' DAY": "an interval of this form",
    "SELECT lag(numpackets, sourceport) OVER (ORDER BY dt) FROM flows": "an offset that is no constant number",
    "SELECT lag(numpackets, 1, 0.5e0) OVER (ORDER BY dt) FROM flows": "a default of another type",
    "SELECT now() AT TIME ZONE 'Mars/Base'": "the time zone 'Mars/Base' in AT_TIMEZONE(CURRENT_TIMESTAMP, 'Mars/Base')",
    "SELECT now() AT TIME ZONE dt FROM flows": "a time zone that is no constant text",
    "SELECT from_unixtime(starttime, 'CET') FROM flows": "the time zone 'CET'",
    "SELECT from_unixtime(starttime, 9, 0) FROM flows": "HOURS in",
    "SELECT max(now() AT TIME ZONE 'Asia/Tokyo')": "a time in the zone Asia/Tokyo within max",
    "SELECT now() AT TIME ZONE 'Asia/Tokyo' UNION SELECT now()": "a time in the zone Asia/Tokyo within select",
    "SELECT date_add('day', 1, now() AT TIME ZONE 'Asia/Tokyo')": "date_add of days to a time in another zone than UTC",
    "SELECT to_iso8601(TIMESTAMP '2024-03-01 00:00:00.5')": "a time whose fraction has not 3 digits",
    "SELECT format_datetime(now(), 'GG')": "the letters GG",
    "SELECT format_datetime(now(), dt) FROM flows": "a pattern that is no constant",
    "SELECT parse_datetime(dt, 'yyyyMMdd') FROM flows": "reading a time without a year",
    "SELECT split(dt, '-', 2) FROM flows": "LIMIT in",
    "SELECT max(dt, 2) FROM flows": "EXPRESSIONS in",
    "SELECT FROM flows": "nothing selected",
    "SELECT (dt, account) FROM flows": "a row as a value",
}


@pytest.mark.parametrize("statement", REFUSED)
def test_what_is_not_trinos_or_not_executed_is_refused_by_name(statement: str, refusal: Callable[[str], str]) -> None:
    assert REFUSED[statement] in refusal(statement)


def test_not_like_is_allowed(tmp_path: Path) -> None:
    bucket = SmallBucket(tmp_path)
    bucket.put_day("2024-03-01", [record(1), record(2, source="10.0.0.9")])
    statement = "SELECT sourceaddress FROM flows WHERE dt = '2024-03-01' AND sourceaddress NOT LIKE '10.%'"
    assert bucket.rows(statement) == [("192.0.2.1",)]
