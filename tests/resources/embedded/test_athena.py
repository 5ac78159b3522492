"""The embedded Athena's answers, where DuckDB would give others than Trino, and what it does as an engine."""

import gzip
import subprocess
import sys
import time
from datetime import date, datetime, timezone
from pathlib import Path

import pytest
from small_bucket import NAME, SOURCE, RecordingStore, SmallBucket, record
from support import ROOT, default_table

from flowlogs.errors import FlowLakeError
from flowlogs.statements import TableName, create_database, create_table, set_partition_location
from resources.embedded.athena import EmbeddedAthena
from resources.embedded.catalog import Catalog
from resources.engine import QueryError


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> SmallBucket:
    """Three days: packets 1 to 3, of which 1 is accepted, and a window without data."""
    bucket = SmallBucket(tmp_path_factory.mktemp("athena"))
    bucket.put_day("2024-03-01", [record(1, action="ACCEPT"), record(2)])
    bucket.put_day("2024-03-02", [record(3, end=1_709_251_199)])
    nothing = dict.fromkeys(("source", "destination", "source_port", "destination_port", "protocol"), "-")
    bucket.put_day("2024-03-03", [record(9, packets="-", bytes="-", action="-", status="NODATA", **nothing)])
    return bucket


# Values. Each is what Trino's documentation and sources say; the comment names what DuckDB would say.

VALUES = {
    # Integers are divided to integers, towards zero. (DuckDB: 3.5)
    "7 / 2": 3,
    "-7 / 2": -3,
    "7 / -2": -3,
    "9223372036854775807 / 2": 4611686018427387903,
    "7 % -2": 1,
    "mod(-7, 2)": -1,
    "ceil(7) / 2": 3,
    "round(7) / 2": 3,
    "year(DATE '2024-02-29') / 1000": 2,
    "7 / 2e0": 3.5,
    "1e0 / 0": float("inf"),
    "7 / CAST(2 AS double)": 3.5,
    "2 + 3 * 4 - -1": 15,
    "1.5 > 1": True,
    "CAST(NULL AS bigint) / 0": None,
    "CAST(NULL AS bigint) % 0": None,
    "CAST(100 AS tinyint) * 2": 200,
    # Types of a length: a text is cut.
    "CAST('abcdé' AS varchar(5))": "abcdé",
    "CAST('abcdéf' AS varchar(5))": "abcdé",
    "TRY_CAST(123 AS varchar(2))": None,
    # Failures in try.
    "try(7 / 2)": 3,
    "try(1 / 0)": None,
    "try(CAST('x' AS bigint) + 1)": None,
    # Casts: to the nearest, halves away from zero (DuckDB: 2); text only in the form of the type.
    "CAST(2.5e0 AS bigint)": 3,
    "CAST(-2.5e0 AS integer)": -3,
    "CAST('42' AS bigint)": 42,
    "CAST(' -42 ' AS integer)": -42,
    "TRY_CAST('1e3' AS integer)": None,
    "TRY_CAST('7.9' AS integer)": None,
    "TRY_CAST('0x1F' AS integer)": None,
    "TRY_CAST('1_000' AS bigint)": None,
    "TRY_CAST('300' AS tinyint)": None,
    "TRY_CAST('x' AS double)": None,
    "CAST('1e3' AS double)": 1000.0,
    "CAST('true' AS boolean)": True,
    "TRY_CAST('yes' AS boolean)": None,
    "CAST(1 AS varchar)": "1",
    "CAST(TRUE AS varchar)": "true",
    "CAST(DATE '2024-01-31' AS varchar)": "2024-01-31",
    "CAST(NULL AS bigint)": None,
    "TRY_CAST('2024/01/31' AS date)": None,
    "TRY_CAST('2024-02-30' AS date)": None,
    "CAST('2024-2-9' AS date)": date(2024, 2, 9),
    # Texts.
    "lower('ÄB')": "äb",
    "upper('äb')": "ÄB",
    "length('äöü')": 3,
    "'a' || 'b'": "ab",
    "concat('a', NULL)": None,
    "substr('abc', 2)": "bc",
    "substr('abc', 1, 2)": "ab",
    "substr('abc', -2)": "bc",
    "substr('abc', -4)": "",
    "substr('abc', -4, 2)": "",
    "substr('abc', 0, 2)": "",
    "substr('abc', 2, -1)": "",
    "substr('abc', strpos('abc', 'b'))": "bc",
    "substring('abc' FROM 2 FOR 1)": "b",
    "strpos('abc', 'c')": 3,
    "position('z' IN 'abc')": 0,
    "replace('a-b-c', '-', '+')": "a+b+c",
    "replace('a-b', '-')": "ab",
    "reverse('abc')": "cba",
    "translate('abc', 'ab', 'xy')": "xyc",
    "lpad('a', 3, 'xy')": "xya",
    "rpad('abc', 2, 'x')": "ab",
    "trim(chr(9) || ' a ' || chr(10))": "a",
    "ltrim('  a ')": "a ",
    "rtrim(' a  ')": " a",
    "trim(BOTH 'x' FROM 'xax')": "a",
    "trim(LEADING 'x' FROM 'xax')": "ax",
    "starts_with('abc', 'ab')": True,
    "split_part('a.b', '.', 2)": "b",
    "split_part('a.b', '.', 3)": None,
    "element_at(split('a.b', '.'), 1)": "a",
    "element_at(split('a.b', '.'), -1)": "b",
    "element_at(split('a.b', '.'), 3)": None,
    "cardinality(split('a.b.c', '.'))": 3,
    "array_join(ARRAY['a', NULL, 'b'], '-')": "a-b",
    "regexp_like('REJECT', 'JEC')": True,
    "regexp_like('REJECT', '^JEC')": False,
    "regexp_extract('port 22', '\\d+')": "22",
    "regexp_extract('port 22', '(\\w+) (\\d+)', 2)": "22",
    "regexp_extract('port', '\\d+')": None,
    "regexp_replace('a1b2', '\\d', '#')": "a#b#",
    "regexp_replace('a1b2', '(\\d)', '<$1>')": "a<1>b<2>",
    "regexp_replace('a1b2', '\\d')": "ab",
    "'a%' LIKE 'a\\%'": False,
    "'a\\x' LIKE 'a\\%'": True,
    "'a%' LIKE 'a!%' ESCAPE '!'": True,
    "'ab' LIKE 'a!%' ESCAPE '!'": False,
    "'it''s'": "it's",
    "'back\\'": "back\\",
    # Texts that are empty, or not ASCII.
    "replace('', '', 'x')": "x",
    "replace('aé', '', '-')": "-a-é-",
    "replace('abc', '')": "abc",
    "replace('abc', NULL, 'x')": None,
    "replace('abc', substr('b', 2), '-')": "-a-b-c-",
    "split_part('noël', '', 3)": "ë",
    "split_part('abc', '', 4)": None,
    "element_at(split('a-', '-'), 2)": "",
    "cardinality(split('', '-'))": 1,
    "strpos('abc', '')": 1,
    "substr('abc', 2, 9223372036854775807)": "bc",
    "trim(chr(8195) || 'a' || chr(28))": "a",
    "trim(chr(160))": "\xa0",
    "upper('ßß')": "ßß",
    "upper(NULL)": None,
    "lower('İ')": "i",
    "reverse('noël')": "lëon",
    "reverse(CAST(NULL AS varchar))": None,
    "chr(1114111)": chr(1114111),
    "lpad('a', 3, substr('xy', 1, 1))": "xxa",
    # Regular expressions.
    "regexp_extract('abc', '(x*)abc', 1)": "",
    "regexp_extract('abc', '(x)|abc', 1)": None,
    "regexp_extract('abc', '(x)|(a)bc', 2)": "a",
    "regexp_extract('abc', 'a((x)|b)', 2)": None,
    "regexp_extract('b', '(a){0,1}b', 1)": None,
    "regexp_extract('aab', '(a)+b', 1)": "a",
    "regexp_extract('ab', '(?:a)(b)', 1)": "b",
    "regexp_extract(NULL, '(a)', 1)": None,
    "regexp_replace('abc', '^', '>')": ">abc",
    "regexp_replace('a-b', '[^a-z]', '')": "ab",
    "regexp_replace('ab', '(a)(b)', '$2$1$0')": "baab",
    "regexp_like('ABC', '(?i)b')": True,
    "regexp_like('ABC', '(?i:b)c')": False,
    "regexp_like('a.b', 'a\\.b')": True,
    "regexp_like('a-b', '[a-]-[b-]')": True,
    # NaN: in comparisons as in IEEE 754, and passed over by the greatest and the least.
    "0e0 / 0 = 0e0 / 0": False,
    "0e0 / 0 <> 0e0 / 0": True,
    "0e0 / 0 > 1000": False,
    "0e0 / 0 < 1000": False,
    "0e0 / 0 >= 0e0 / 0": False,
    "1 <= sqrt(-1)": False,
    "NOT (0e0 / 0 > 1)": True,
    "0e0 / 0 > NULL": None,
    "0e0 / 0 BETWEEN 0 AND 1": False,
    "1e0 BETWEEN 0 AND 0e0 / 0": False,
    "0e0 / 0 NOT BETWEEN 0 AND 1": True,
    "0e0 / 0 IN (0e0 / 0)": False,
    "0e0 / 0 IN (1, NULL)": None,
    "1e0 IN (0e0 / 0, 1)": True,
    "0e0 / 0 IS DISTINCT FROM 0e0 / 0": False,
    "CASE 0e0 / 0 WHEN 0e0 / 0 THEN 'same' ELSE 'other' END": "other",
    "greatest(1e0, 0e0 / 0, 2e0)": 2.0,
    "greatest(0e0 / 0, NULL)": None,
    "least(0e0 / 0, 1e0)": 1.0,
    "5e0 / 0": float("inf"),
    # Rows, NULL among them; types of results; NULL as a delimiter.
    "(NULL, 2) IN ((1, 2))": None,
    "(NULL, 2) NOT IN ((1, 3))": True,
    "(1, 2) IN ((1, 3), (1, 2))": True,
    "(1e0, 0e0 / 0) IN ((1, 0e0 / 0))": False,
    "nullif(7, 2e0) / 2": 3,
    "split_part('a', CAST(NULL AS varchar), 1)": None,
    "array_join(ARRAY[1, NULL, 2], ',')": "1,2",
    "array_join(ARRAY[true], ',')": "true",
    "regexp_replace('aé', '(.)', '$1-')": "a-é-",
    "replace('aé', '', chr(92))": "\\a\\é\\",
    "lag(7, 1, 8) OVER ()": 8,
    "sum(numpackets) OVER () FROM (VALUES 1) t (numpackets)": 1,
    # Nothing.
    "greatest(1, NULL)": None,
    "least(1, 2)": 1,
    "coalesce(NULL, 2)": 2,
    "nullif(1, 1)": None,
    "NULL = NULL": None,
    "1 IS DISTINCT FROM NULL": True,
    "if(1 > 2, 'a')": None,
    "if(1 < 2, 'a', 'b')": "a",
    "CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' END": "b",
    "CASE WHEN 1 > 2 THEN 'a' ELSE 'b' END": "b",
    "1 IN (2, NULL)": None,
    # Numbers.
    "abs(-7)": 7,
    "ceil(7)": 7,
    "ceiling(7.1e0)": 8.0,
    "floor(-7.1e0)": -8.0,
    "round(2.5e0)": 3.0,
    "round(2.345e0, 1)": 2.3,
    "truncate(-2.7e0)": -2.0,
    "power(2, 10)": 1024.0,
    "sqrt(49)": 7.0,
    "log10(1000)": 3.0,
    "bitwise_and(6, 3)": 2,
    "bitwise_or(6, 3)": 7,
    "bitwise_xor(6, 3)": 5,
    # Times, in UTC. A date and an interval make a date (DuckDB: a timestamp).
    "from_unixtime(1709251200)": datetime(2024, 3, 1, tzinfo=timezone.utc),
    "to_unixtime(from_unixtime(1709251200))": 1709251200.0,
    "date(from_unixtime(1709251199))": date(2024, 2, 29),
    "date('2024-02-29')": date(2024, 2, 29),
    "from_iso8601_date('2024-02-29')": date(2024, 2, 29),
    "DATE '2024-02-29' + INTERVAL '1' DAY": date(2024, 3, 1),
    "CAST(DATE '2024-03-01' - INTERVAL '1' DAY AS varchar)": "2024-02-29",
    "date_add('month', 1, DATE '2024-01-31')": date(2024, 2, 29),
    "date_add('hour', -1, from_unixtime(1709251200))": datetime(2024, 2, 29, 23, tzinfo=timezone.utc),
    "date_diff('day', DATE '2024-02-28', DATE '2024-03-01')": 2,
    "date_diff('hour', from_unixtime(1709251199), from_unixtime(1709251200))": 0,
    "date_diff('hour', from_unixtime(1709258400), from_unixtime(1709251199))": -2,
    "date_trunc('month', DATE '2024-02-29')": date(2024, 2, 1),
    "date_trunc('week', DATE '2024-03-03')": date(2024, 2, 26),
    "date_trunc('hour', from_unixtime(1709254799))": datetime(2024, 3, 1, tzinfo=timezone.utc),
    "date_format(from_unixtime(1709251199), '%Y-%m-%d %H:%i:%s')": "2024-02-29 23:59:59",
    "date_format(from_unixtime(1709251199), '%e %M %y, %W, %l %p')": "29 February 24, Thursday, 11 PM",
    "date_format(TIMESTAMP '2024-02-29 01:02:03', '%T')": "01:02:03",
    "date_parse('29.02.2024 23', '%d.%m.%Y %H')": datetime(2024, 2, 29, 23),  # noqa: DTZ001 - it has none
    "year(DATE '2024-02-29')": 2024,
    "month(DATE '2024-02-29')": 2,
    "day_of_month(DATE '2024-02-29')": 29,
    "day_of_week(DATE '2024-03-03')": 7,
    "day_of_year(DATE '2024-02-29')": 60,
    "week(DATE '2021-01-03')": 53,
    "quarter(DATE '2024-04-01')": 2,
    "hour(from_unixtime(1709251199))": 23,
    "minute(from_unixtime(1709251199))": 59,
    "second(from_unixtime(1709251199))": 59,
    "extract(hour FROM from_unixtime(1709251199))": 23,
    "last_day_of_month(DATE '2024-02-03')": date(2024, 2, 29),
    # Times in other zones, and as texts.
    "CAST(from_unixtime(1709251200) AS varchar)": "2024-03-01 00:00:00.000 UTC",
    "CAST(CAST(from_unixtime(1709251200) AS timestamp) AS varchar)": "2024-03-01 00:00:00.000",
    "CAST(date_trunc('day', TIMESTAMP '2024-03-01 05:00:00') AS varchar)": "2024-03-01 00:00:00",
    "CAST(from_iso8601_timestamp('2024-03-01T09:00:00+09:00') AS varchar)": "2024-03-01 09:00:00.000 +09:00",
    "CAST(TIMESTAMP '2024-03-01 00:00:00 UTC' AS varchar)": "2024-03-01 00:00:00 UTC",
    "CAST(from_unixtime(1709251200) AT TIME ZONE 'America/New_York' AS varchar)": (
        "2024-02-29 19:00:00.000 America/New_York"
    ),
    "date(from_unixtime(1709251200) AT TIME ZONE 'America/New_York')": date(2024, 2, 29),
    "extract(hour FROM from_unixtime(0) AT TIME ZONE '+02:00')": 2,
    "hour(from_unixtime(0, 'Asia/Kolkata'))": 5,
    "minute(date_trunc('hour', from_unixtime(1800) AT TIME ZONE 'Asia/Kolkata'))": 0,
    "to_unixtime(date_trunc('hour', from_unixtime(1800) AT TIME ZONE 'Asia/Kolkata'))": 1800.0,
    # The hour that comes twice when clocks are turned back is two hours.
    "to_unixtime(date_trunc('hour', from_unixtime(1730611800) AT TIME ZONE 'America/New_York'))": 1730610000.0,
    "to_unixtime(date_trunc('hour', from_unixtime(1730615400) AT TIME ZONE 'America/New_York'))": 1730613600.0,
    "to_unixtime(date_trunc('day', from_unixtime(1730700000) AT TIME ZONE 'America/New_York'))": 1730696400.0,
    "date_diff('hour', from_unixtime(0) AT TIME ZONE 'Asia/Tokyo', from_unixtime(3600))": 1,
    "from_unixtime(0) AT TIME ZONE 'Asia/Tokyo' = from_unixtime(0)": True,
    "to_iso8601(TIMESTAMP '2024-03-01 01:02:03')": "2024-03-01T01:02:03",
    "to_iso8601(from_unixtime(0) AT TIME ZONE '-05:30')": "1969-12-31T18:30:00.000-05:30",
    "to_unixtime(from_iso8601_timestamp('2024-03-01'))": 1709251200.0,
    "to_unixtime(from_iso8601_timestamp('2024-03-01T00:00'))": 1709251200.0,
    "to_unixtime(from_iso8601_timestamp('2024-03-01T00:00:00.5999Z'))": 1709251200.599,
    "to_unixtime(from_iso8601_timestamp('2024-03-01T09:00:00+0900'))": 1709251200.0,
    "from_iso8601_timestamp(NULL) IS NULL": True,
    "format_datetime(from_unixtime(1709251199), 'yyyy-MM-dd HH:mm')": "2024-02-29 23:59",
    "format_datetime(DATE '2024-02-29', 'EEEE d MMMM, hh')": "Thursday 29 February, 12",
    "date_add('millisecond', 1500, from_unixtime(0)) = from_unixtime(1.5e0)": True,
    "date_diff('millisecond', from_unixtime(0), from_unixtime(1.5e0))": 1500,
    # Timestamps have milliseconds.
    "to_unixtime(from_unixtime(1.23456e0))": 1.235,
    "date_format(from_unixtime(1.23456e0), '%f')": "235000",
    "date_format(date_parse('2024-03-01 00:00:00.123999', '%Y-%m-%d %H:%i:%s.%f'), '%f')": "123000",
    "date_format(CAST('2024-03-01 00:00:00.12' AS timestamp), '%f')": "120000",
    "date_parse('2024-3-1 9:05 PM', '%Y-%m-%d %h:%i %p')": datetime(2024, 3, 1, 21, 5),  # noqa: DTZ001
    "date_parse('20240301', '%Y%m%d')": datetime(2024, 3, 1),  # noqa: DTZ001
    "date_parse('2024-03', '%Y-%m')": datetime(2024, 3, 1),  # noqa: DTZ001
}  # fmt: skip


@pytest.mark.parametrize("expression", VALUES)
def test_value(expression: str, bucket: SmallBucket) -> None:
    assert bucket.rows(f"SELECT {expression}") == [(VALUES[expression],)]


AGGREGATES = {
    "count(*)": 4,
    "count(numpackets)": 3,
    "count(DISTINCT dt)": 3,
    "count(*) FILTER (WHERE action = 'REJECT')": 2,
    "count_if(numpackets > 1)": 2,
    "sum(numpackets)": 6,
    "sum(numpackets) / count(*)": 1,
    "sum(numbytes) FILTER (WHERE numpackets > 5)": None,
    "avg(numpackets)": 2.0,
    "min(dt)": "2024-03-01",
    "max(numbytes)": 120,
    "min_by(interfaceid, numpackets)": "eni-1",
    # The row with the most has nothing to give. (DuckDB: the one with the most that has.)
    "max_by(numpackets, interfaceid)": None,
    "max_by(interfaceid, numpackets) FILTER (WHERE dt < '2024-03-02')": "eni-2",
    "approx_distinct(sourceaddress)": 4,
    "approx_distinct(sourceaddress, 0.01)": 4,
    "approx_percentile(numpackets, 0.5)": 2,
    "approx_percentile(numpackets, 0.9) / 2": 1,
    "max_by(numpackets, numbytes) / 2": 1,
    "bool_or(action = 'REJECT')": True,
    "bool_and(action = 'REJECT')": False,
    "stddev_pop(numpackets) FILTER (WHERE numpackets < 3)": 0.5,
    "variance(numpackets)": 1.0,
    "listagg(action, ',') WITHIN GROUP (ORDER BY numpackets DESC)": "REJECT,REJECT,ACCEPT,-",
    "array_join(array_agg(DISTINCT action ORDER BY action), '|')": "-|ACCEPT|REJECT",
    "arbitrary(account)": "123456789012",
    # NaN, of the one record with 0 packets after the division, is passed over.
    "every(numpackets > 0)": True,
    "every(numpackets > 1)": False,
    "approx_percentile(numpackets, ARRAY[0, 0.5, 1])": [1, 2, 3],
    "max(1e0 * (numpackets - 2) / (numpackets - 2))": 1.0,
    "min(1e0 * (numpackets - 2) / (numpackets - 2))": 1.0,
    "max(sqrt(-numpackets)) IS NULL": False,
    "max_by(numpackets, numpackets / (numpackets - 2e0)) FILTER (WHERE numpackets < 3)": 2,
    "max(numpackets * 1e0) FILTER (WHERE numpackets < 3)": 2.0,
    "max(DISTINCT numpackets * 1e0)": 3.0,
    "sum(CASE WHEN action = 'REJECT' THEN numpackets ELSE 0 END)": 5,
}


@pytest.mark.parametrize("expression", AGGREGATES)
def test_aggregate(expression: str, bucket: SmallBucket) -> None:
    assert bucket.rows(f"SELECT {expression} FROM flows") == [(AGGREGATES[expression],)]


ANSWERS = {
    # Order: NULLs last, whichever way; a name means a column of the result first; OFFSET, then LIMIT.
    "SELECT numpackets FROM flows ORDER BY numpackets": [(1,), (2,), (3,), (None,)],
    "SELECT numpackets FROM flows ORDER BY numpackets DESC": [(3,), (2,), (1,), (None,)],
    "SELECT numpackets FROM flows ORDER BY 1 NULLS FIRST": [(None,), (1,), (2,), (3,)],
    "SELECT -numpackets AS numpackets FROM flows ORDER BY numpackets": [(-3,), (-2,), (-1,), (None,)],
    "SELECT -numpackets AS numpackets FROM flows ORDER BY numpackets + 0": [(-3,), (-2,), (-1,), (None,)],
    "SELECT dt FROM flows ORDER BY numbytes DESC NULLS LAST LIMIT 1": [("2024-03-02",)],
    "SELECT dt FROM flows ORDER BY numpackets OFFSET 2 LIMIT 1": [("2024-03-02",)],
    "SELECT dt FROM flows ORDER BY numpackets OFFSET 1 ROW FETCH FIRST 1 ROW ONLY": [("2024-03-01",)],
    "SELECT f.dt, g.dt FROM flows f JOIN flows g ON f.numpackets + 1 = g.numpackets ORDER BY 2 DESC": [
        ("2024-03-01", "2024-03-02"),
        ("2024-03-01", "2024-03-01"),
    ],
    # Groups.
    "SELECT dt, count(*) FROM flows GROUP BY dt ORDER BY 2 DESC, 1 DESC": [
        ("2024-03-01", 2),
        ("2024-03-03", 1),
        ("2024-03-02", 1),
    ],
    "SELECT lower(action) AS action, count(*) FROM flows GROUP BY action HAVING action = 'REJECT'": [("reject", 2)],
    "SELECT lower(action), count(*) FROM flows GROUP BY 1 HAVING count(*) > 1": [("reject", 2)],
    "SELECT action, dt, count(*) FROM flows GROUP BY ROLLUP (action, dt) HAVING action = 'REJECT' ORDER BY 2": [
        ("REJECT", "2024-03-01", 1),
        ("REJECT", "2024-03-02", 1),
        ("REJECT", None, 2),
    ],
    "SELECT action, grouping(action) FROM flows GROUP BY GROUPING SETS ((action), ()) ORDER BY 2 DESC, 1 LIMIT 2": [
        (None, 1),
        ("-", 0),
    ],
    "SELECT DISTINCT action FROM flows ORDER BY action": [("-",), ("ACCEPT",), ("REJECT",)],
    # Windows.
    "SELECT numpackets, rank() OVER (PARTITION BY dt ORDER BY numpackets DESC) FROM flows ORDER BY 1": [
        (1, 2),
        (2, 1),
        (3, 1),
        (None, 1),
    ],
    "SELECT numpackets, sum(numpackets) OVER (ORDER BY numpackets) FROM flows ORDER BY 1": [
        (1, 1),
        (2, 3),
        (3, 6),
        (None, 6),
    ],
    "SELECT lag(numpackets) OVER w, lead(numpackets, 1, 0) OVER w FROM flows WHERE numpackets > 0 "
    "WINDOW w AS (ORDER BY numpackets) ORDER BY 1": [(1, 3), (2, 0), (None, 2)],
    "SELECT ntile(2) OVER (ORDER BY interfaceid), first_value(interfaceid) OVER (ORDER BY interfaceid DESC) "
    "FROM flows ORDER BY 1": [(1, "eni-9"), (1, "eni-9"), (2, "eni-9"), (2, "eni-9")],
    "SELECT max(numpackets * 1e0) OVER (ORDER BY numpackets) FROM flows WHERE numpackets > 0 ORDER BY 1": [
        (1.0,),
        (2.0,),
        (3.0,),
    ],
    # Parts put together.
    "SELECT dt FROM flows WHERE numpackets = 1 UNION ALL SELECT dt FROM flows WHERE numpackets < 3 ORDER BY dt": [
        ("2024-03-01",),
        ("2024-03-01",),
        ("2024-03-01",),
    ],
    "SELECT dt FROM flows EXCEPT SELECT dt FROM flows WHERE action = 'REJECT'": [("2024-03-03",)],
    "SELECT dt FROM flows INTERSECT SELECT dt FROM flows WHERE action = 'ACCEPT'": [("2024-03-01",)],
    "(SELECT dt FROM flows ORDER BY dt LIMIT 1) UNION (SELECT 'x') ORDER BY 1 DESC": [("x",), ("2024-03-01",)],
    "SELECT numpackets FROM flows WHERE dt IN (SELECT max(dt) FROM flows WHERE action = 'REJECT')": [(3,)],
    "SELECT f.numpackets FROM flows f WHERE NOT EXISTS (SELECT 1 FROM flows g WHERE g.numpackets > f.numpackets) "
    "ORDER BY 1": [(3,), (None,)],
    "SELECT numpackets FROM flows WHERE numpackets >= ALL (SELECT numpackets FROM flows WHERE numpackets > 0)": [(3,)],
    "WITH few AS (SELECT * FROM flows WHERE numpackets < 3) SELECT count(*) FROM few a CROSS JOIN few b": [(4,)],
    "SELECT v.port FROM flows JOIN (VALUES (22, 'ssh')) AS v (port, name) ON v.port = destinationport LIMIT 1": [(22,)],
    "SELECT part FROM flows CROSS JOIN UNNEST(split(interfaceid, '-')) AS u (part) WHERE numpackets = 1 ORDER BY 1": [
        ("1",),
        ("eni",),
    ],
    "SELECT f.dt FROM flows f JOIN flows g USING (interfaceid) WHERE g.numpackets = 3": [("2024-03-02",)],
    "WITH flows AS (SELECT numpackets AS n FROM flows WHERE dt = '2024-03-02') SELECT n FROM flows": [(3,)],
    # Samples are random, but for all rows and for none.
    "SELECT count(*) FROM flows TABLESAMPLE BERNOULLI (100)": [(4,)],
    "SELECT count(*) FROM flows AS f TABLESAMPLE SYSTEM (0)": [(0,)],
    # Values alone.
    "VALUES (1, 'a'), (2, 'b')": [(1, "a"), (2, "b")],
    "VALUES 1, 3, 2 ORDER BY 1 DESC LIMIT 2": [(3,), (2,)],
    "SELECT try(sum(numpackets) / count(CAST(NULL AS bigint))) FROM flows": [(None,)],
    "SELECT try(CAST(interfaceid AS double)) FROM flows WHERE numpackets = 1": [(None,)],
    # Subqueries without a name.
    "SELECT a, b FROM (SELECT 1 AS a) CROSS JOIN (SELECT 2 AS b)": [(1, 2)],
    "SELECT a, b FROM (SELECT 1 AS a), (SELECT 2 AS b) WHERE a < b": [(1, 2)],
    "SELECT * FROM (SELECT 1) JOIN (SELECT 2) ON true": [(1, 2)],
    # Names: of any case, with the catalog and the database or without, of the table or of its alias.
    "SELECT NumPackets FROM AwsDataCatalog.Lake.Flows WHERE DT = '2024-03-02'": [(3,)],
    'SELECT "numpackets" FROM "lake"."flows" AS "F" WHERE f."dt" = \'2024-03-02\'': [(3,)],
    "SELECT lake.flows.numpackets FROM lake.flows WHERE flows.dt = '2024-03-02'": [(3,)],
    "/* a comment */ SELECT numpackets -- another\nFROM flows WHERE dt = '2024-03-02';": [(3,)],
    "SELECT numpackets FROM flows WHERE from_unixtime(endtime) < TIMESTAMP '2024-03-01 00:00:00'": [(3,)],
}


@pytest.mark.parametrize("statement", ANSWERS)
def test_answer(statement: str, bucket: SmallBucket) -> None:
    assert bucket.rows(statement) == ANSWERS[statement]


def test_unnamed_columns_are_numbered_by_their_place_among_all(bucket: SmallBucket) -> None:
    statement = (
        "SELECT count(*), dt, g.*, max(numpackets) AS Most, 1 FROM flows "
        "CROSS JOIN (SELECT 1 AS a, 2 AS b) g GROUP BY 2, a, b"
    )
    assert list(bucket.engine.execute(statement).frame) == ["_col0", "dt", "a", "b", "Most", "_col5"]


def test_two_columns_may_have_one_name(bucket: SmallBucket) -> None:
    frame = bucket.engine.execute("SELECT dt, account AS dt FROM flows WHERE numpackets = 3").frame
    assert list(frame) == ["dt", "dt"]
    assert frame.to_numpy().tolist() == [["2024-03-02", "123456789012"]]


def test_types_of_a_result_have_room_for_nothing(bucket: SmallBucket) -> None:
    statement = (
        "SELECT numpackets, sum(numpackets) AS packets, count(*) AS number, sourceport / 2 AS half, "
        "avg(numbytes) AS mean, action, numpackets > 1 AS many, CAST(numpackets AS smallint) AS small, "
        "from_unixtime(starttime) AS since "
        "FROM flows GROUP BY numpackets, sourceport, action, starttime"
    )
    types = {name: str(kind) for name, kind in bucket.engine.execute(statement).frame.dtypes.items()}
    assert types == {
        "numpackets": "Int64",
        "packets": "Int64",
        "number": "Int64",
        "half": "Int32",
        "mean": "Float64",
        "action": "string",
        "many": "boolean",
        "small": "Int16",
        "since": "datetime64[us, UTC]",
    }


def test_a_result_without_rows_has_its_columns(bucket: SmallBucket) -> None:
    frame = bucket.engine.execute("SELECT dt, sum(numbytes) AS bytes FROM flows WHERE dt = 'x' GROUP BY dt").frame
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {"dt": "string", "bytes": "Int64"}
    assert frame.empty


# Errors, under Trino's names.

ERRORS = {
    "SELECT dt FROM nothing": "TABLE_NOT_FOUND: line 1:16: Table 'awsdatacatalog.lake.nothing' does not exist",
    "SELECT dt FROM other.flows": "TABLE_NOT_FOUND: line 1:16: Table 'awsdatacatalog.other.flows' does not exist",
    "SELECT x.dt FROM (SELECT dt FROM flows) y": "COLUMN_NOT_FOUND",
    "SELECT packets FROM flows": "COLUMN_NOT_FOUND: line 1:8: Column 'packets' cannot be resolved. Did you",
    'SELECT dt FROM flows WHERE action = "REJECT"': "COLUMN_NOT_FOUND: line 1:37: Column 'reject'",
    "SELECT f.dt FROM flows": "COLUMN_NOT_FOUND",
    "SELECT dt FROM flows ORDER BY 2": "COLUMN_NOT_FOUND",
    # An alias is seen in ORDER BY alone.
    "SELECT numpackets AS p FROM flows WHERE p > 1": "COLUMN_NOT_FOUND: line 1:41: Column 'p' cannot be",
    "SELECT numpackets AS p, count(*) FROM flows GROUP BY p": "COLUMN_NOT_FOUND: line 1:54: Column 'p' cannot",
    "SELECT count(*) AS c FROM flows HAVING c > 1": "COLUMN_NOT_FOUND: line 1:40: Column 'c' cannot be resolved",
    "SELECT numpackets AS p, p + 1 FROM flows": "COLUMN_NOT_FOUND: line 1:25: Column 'p' cannot be resolved",
    "SELECT numpackets + 1 AS p, rank() OVER (ORDER BY p) FROM flows": "COLUMN_NOT_FOUND: line 1:51: Column 'p'",
    # Values of different types are not put together.
    "SELECT 1 FROM flows WHERE numpackets = '1'": "TYPE_MISMATCH: values of type number and varchar",
    "SELECT 1 FROM flows WHERE dt = 20240301": "TYPE_MISMATCH: values of type number and varchar",
    "SELECT 1 FROM flows WHERE dt >= DATE '2024-03-01'": "TYPE_MISMATCH: values of type date or timestamp and varchar",
    "SELECT 1 FROM flows WHERE dt IN (20240301, 20240302)": "TYPE_MISMATCH",
    "SELECT 1 FROM flows WHERE dt IN (SELECT numpackets FROM flows)": "TYPE_MISMATCH",
    "SELECT 1 FROM flows WHERE dt BETWEEN 1 AND 2": "TYPE_MISMATCH",
    "SELECT 1 FROM flows WHERE numpackets": "TYPE_MISMATCH: values of type boolean and number",
    "SELECT 1 FROM flows WHERE numpackets LIKE '1%'": "TYPE_MISMATCH",
    "SELECT 1 FROM flows f JOIN flows g ON f.dt = g.numpackets": "TYPE_MISMATCH",
    "SELECT numpackets + '1' FROM flows": "TYPE_MISMATCH",
    "SELECT numpackets || ' packets' FROM flows": "TYPE_MISMATCH",
    "SELECT DATE '2024-03-01' + 1": "TYPE_MISMATCH",
    "SELECT 1 FROM flows WHERE (sourceport, action) IN (('22', 'REJECT'))": "TYPE_MISMATCH: values of type number and",
    "SELECT 1 FROM flows WHERE (sourceport, action) IN ((22, 'REJECT', 1))": "TYPE_MISMATCH",
    "SELECT bitwise_and(1.5e0, 1)": "TYPE_MISMATCH: 1.5e0 is no integer in: BITWISE_AND(1.5e0, 1)",
    "SELECT bitwise_and(1, '1')": "TYPE_MISMATCH: '1' is no integer",
    "SELECT ARRAY[1, 2][1] || 'a'": (
        "TYPE_MISMATCH: values of type number and varchar are put together in: ARRAY[1, 2][1]"
    ),
    "SELECT lag(ip) OVER (ORDER BY ip) || 'a' FROM (VALUES IPADDRESS '::1') AS t (ip)": (
        "TYPE_MISMATCH: values of type ipaddress and varchar"
    ),
    "SELECT log('2', 8)": "TYPE_MISMATCH: '2' is no number",
    "SELECT power(2, '2')": "TYPE_MISMATCH: '2' is no number",
    "SELECT chr('65')": "TYPE_MISMATCH: '65' is no integer",
    "SELECT split_part('a,b', ',', '2')": "TYPE_MISMATCH: '2' is no integer",
    "SELECT round(1.5e0, '1')": "TYPE_MISMATCH: '1' is no integer",
    "SELECT date_add('day', '1', current_date)": "TYPE_MISMATCH: '1' is no integer",
    "SELECT date_add('day', 1.5e0, current_date)": "TYPE_MISMATCH: 1.5e0 is no integer",
    "SELECT lag(action, 1, 0) OVER (ORDER BY dt) FROM flows": "TYPE_MISMATCH",
    "SELECT listagg(numpackets, ',') WITHIN GROUP (ORDER BY dt) FROM flows": "TYPE_MISMATCH: values of type number and",
    "SELECT x FROM (VALUES 1, '2') t (x)": "TYPE_MISMATCH",
    "SELECT approx_percentile(action, 0.5) FROM flows": "TYPE_MISMATCH",
    # Names that two columns have.
    "SELECT a FROM (SELECT 1 AS a, 2 AS a)": "AMBIGUOUS_NAME: line 1:8: Column 'a' is ambiguous",
    "WITH j AS (SELECT * FROM flows a JOIN flows b ON a.dt = b.dt) SELECT action FROM j": "AMBIGUOUS_NAME",
    "SELECT numpackets AS a, numbytes AS a FROM flows ORDER BY a": "AMBIGUOUS_NAME",
    "SELECT DISTINCT action FROM flows ORDER BY numpackets": "EXPRESSION_NOT_IN_DISTINCT",
    # Sums that do not fit, also where they are only a part of the result.
    "SELECT sum(numbytes + 9223372036854775000) / 100 FROM flows": "NUMERIC_VALUE_OUT_OF_RANGE",
    "SELECT 1 FROM flows HAVING sum(numbytes + 9223372036854775000) > 0": "NUMERIC_VALUE_OUT_OF_RANGE",
    "SELECT sum(numbytes + 9223372036854775000) OVER () / 2 FROM flows": "NUMERIC_VALUE_OUT_OF_RANGE",
    "SELECT sum(numbytes + 9223372036854775000) FILTER (WHERE true) / 2 FROM flows": "NUMERIC_VALUE_OUT_OF_RANGE",
    "SELECT lower(numpackets) FROM flows": "TYPE_MISMATCH",
    "SELECT sum(action) FROM flows": "TYPE_MISMATCH",
    "SELECT year(dt) FROM flows": "TYPE_MISMATCH",
    "SELECT date_add('day', 1, dt) FROM flows": "TYPE_MISMATCH",
    "SELECT from_unixtime(dt) FROM flows": "TYPE_MISMATCH",
    "SELECT coalesce(numpackets, '-') FROM flows": "TYPE_MISMATCH",
    "SELECT CASE WHEN numpackets > 1 THEN numpackets ELSE '-' END FROM flows": "TYPE_MISMATCH",
    "SELECT if(numpackets > 1, 'many', 1) FROM flows": "TYPE_MISMATCH",
    "SELECT dt FROM flows UNION ALL SELECT numpackets FROM flows": (
        "TYPE_MISMATCH: values of type number and varchar are put together in: the columns of a UNION"
    ),
    # Mistakes that DuckDB tells in its own words, or passes over.
    "SELECT count(DISTINCT dt, action) FROM flows": "FUNCTION_NOT_FOUND: Unexpected parameters for function count",
    "SELECT count(dt, action) FROM flows": "FUNCTION_NOT_FOUND: Unexpected parameters for function count",
    "SELECT lower(dt, action) FROM flows": "FUNCTION_NOT_FOUND: line 1:24: a function has too many arguments",
    "SELECT dt FROM flows GROUP BY 0": "INVALID_COLUMN_REFERENCE: GROUP BY position 0 is not in select list",
    "SELECT dt FROM flows ORDER BY 0": "INVALID_COLUMN_REFERENCE: ORDER BY position is not in select list",
    "SELECT a FROM (VALUES (1, 2)) AS t (a)": "MISMATCHED_COLUMN_ALIASES: Column alias list has 1 entries but",
    "SELECT a FROM (SELECT 1) AS t (a, b)": "MISMATCHED_COLUMN_ALIASES: Column alias list has 2 entries but",
    "SELECT dt FROM flows WHERE dt IN ()": "SYNTAX_ERROR: line 1:35: there is nothing in the list of IN",
    "SELECT dt FROM flows WHERE sum(numpackets) > 1": "EXPRESSION_NOT_SCALAR: WHERE clause cannot contain aggregations",
    "SELECT dt FROM flows GROUP BY rank() OVER ()": "EXPRESSION_NOT_SCALAR: GROUP BY clause cannot contain",
    "SELECT sum(sum(numpackets)) FROM flows": "NESTED_AGGREGATION: Cannot nest aggregations",
    "SELECT sum(rank() OVER ()) FROM flows": "NESTED_WINDOW: Cannot nest window functions inside aggregations",
    "SELECT (SELECT dt FROM flows)": "SUBQUERY_MULTIPLE_ROWS: Scalar sub-query has returned multiple rows",
    "SELECT (SELECT dt, action FROM flows)": "TYPE_MISMATCH: a subquery has 2 columns, and is used where there are 1",
    "SELECT dt FROM flows UNION SELECT dt, action FROM flows": "TYPE_MISMATCH: the queries of a UNION",
    "SELECT a FROM (VALUES (1, 2), (3)) t (a, b)": "TYPE_MISMATCH: Values rows have mismatched sizes",
    "SELECT round(numpackets) OVER () FROM flows": "FUNCTION_NOT_WINDOW: Not a window function: round",
    "SELECT rank() FROM flows": "MISSING_OVER: Window function requires OVER clause",
    "SELECT ntile(0) OVER () FROM flows": "INVALID_FUNCTION_ARGUMENT: Buckets must be greater than 0",
    "SELECT grouping(dt) FROM flows": "MISSING_GROUP_BY: A GROUPING() operation can only be used",
    "SELECT sum(numpackets) OVER w FROM flows": "INVALID_WINDOW_REFERENCE: Cannot resolve WINDOW name w",
    "SELECT sum(numpackets) OVER (ROWS BETWEEN -1 PRECEDING AND CURRENT ROW) FROM flows": (
        "INVALID_WINDOW_FRAME: Window frame offset must not be negative"
    ),
    "SELECT sum(numpackets) OVER (ORDER BY dt RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM flows": (
        "TYPE_MISMATCH: a value is of a type that it may not have in its place"
    ),
    "WITH t AS (SELECT 1 AS a), t AS (SELECT 2 AS a) SELECT * FROM t": (
        "DUPLICATE_NAMED_QUERY: WITH query name 't' specified more than once"
    ),
    "SELECT *": "COLUMN_NOT_FOUND: SELECT * not allowed in queries without FROM clause",
    "SELECT 9223372036854775807 + 1": "NUMERIC_VALUE_OUT_OF_RANGE: bigint addition overflow: 9223372036854775807 + 1.",
    "SELECT abs(-9223372036854775808)": "NUMERIC_VALUE_OUT_OF_RANGE: a value does not fit into its type",
    "SELECT CAST(300 AS tinyint)": "INVALID_CAST_ARGUMENT: Out of range for tinyint: 300",
    "SELECT DATE '2024-13-01'": "INVALID_CAST_ARGUMENT: Value cannot be cast to date: 2024-13-01",
    # Values that there are not.
    "SELECT numpackets / 0 FROM flows": "DIVISION_BY_ZERO: Division by zero",
    "SELECT numpackets % (numpackets - 1) FROM flows": "DIVISION_BY_ZERO: Division by zero",
    "SELECT CAST(interfaceid AS bigint) FROM flows WHERE numpackets = 1": (
        "INVALID_CAST_ARGUMENT: Cannot cast 'eni-1' to BIGINT"
    ),
    "SELECT date(interfaceid) FROM flows WHERE numpackets = 1": "INVALID_CAST_ARGUMENT: Cannot cast 'eni-1' to DATE",
    "SELECT CAST('9999999999' AS integer)": "INVALID_CAST_ARGUMENT",
    "SELECT 2147483647 + sourceport FROM flows": "NUMERIC_VALUE_OUT_OF_RANGE",
    "SELECT sum(numbytes + 9223372036854775000) FROM flows": "NUMERIC_VALUE_OUT_OF_RANGE",
    "SELECT from_iso8601_timestamp('2024-02-30T00:00:00Z')": "INVALID_FUNCTION_ARGUMENT: Invalid format",
    "SELECT from_iso8601_timestamp(action) FROM flows": "INVALID_FUNCTION_ARGUMENT: Invalid format",
    "SELECT from_iso8601_timestamp('2024-W09-1')": "NOT_SUPPORTED: the embedded Athena does not read this time",
    "SELECT parse_datetime('2024-02-30', 'yyyy-MM-dd')": 'INVALID_FUNCTION_ARGUMENT: Invalid format: "2024-02-30"',
    "SELECT CAST(from_unixtime(starttime * 1000) AS varchar) FROM flows": "NOT_SUPPORTED: the embedded Athena does not",
    "SELECT CAST('2024-03-01' AS timestamp with time zone)": "NOT_SUPPORTED",
    "SELECT split_part(dt, '-', 0) FROM flows": "INVALID_FUNCTION_ARGUMENT: Index must be greater than zero",
    "SELECT dt, numpackets FROM flows GROUP BY dt": "EXPRESSION_NOT_AGGREGATE",
    "SELECT regexp_like(dt, '(') FROM flows": "NOT_SUPPORTED",
}  # fmt: skip


@pytest.mark.parametrize("statement", ERRORS)
def test_error(statement: str, bucket: SmallBucket) -> None:
    with pytest.raises(QueryError) as error:
        bucket.engine.execute(statement)
    assert str(error.value).startswith(ERRORS[statement])
    assert str(error.value).endswith(f"\nThe statement was:\n{statement}")


# The engine.


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_times_are_in_utc_wherever_this_runs(bucket: SmallBucket, monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        (row,) = bucket.rows(
            "SELECT from_unixtime(1709251199), date(from_unixtime(1709251199)), hour(from_unixtime(1709251199)), "
            "CAST(TIMESTAMP '2024-03-01 00:00:00' AS date), to_unixtime(TIMESTAMP '2024-03-01 00:00:00')"
        )
        (today,) = bucket.rows("SELECT current_date, date(now())")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert row[0] == datetime(2024, 2, 29, 23, 59, 59, tzinfo=timezone.utc)
    assert row[1:] == (date(2024, 2, 29), 23, date(2024, 3, 1), 1709251200.0)
    assert today[0] == today[1]


def test_a_time_is_shown_in_its_zone(bucket: SmallBucket) -> None:
    frame = bucket.engine.execute(
        "SELECT t, date_trunc('day', t) AS d, CAST(t AS timestamp) AS local "
        "FROM (SELECT from_unixtime(1709251200) AT TIME ZONE 'Asia/Tokyo' AS t)"
    ).frame
    assert [str(value) for value in frame.iloc[0]] == [
        "2024-03-01 09:00:00+09:00",
        "2024-03-01 00:00:00+09:00",
        "2024-03-01 09:00:00",
    ]


def test_integers_in_an_array_are_whole_beside_nothing(bucket: SmallBucket) -> None:
    statement = (
        "SELECT array_agg(x) AS a, array_agg(NULL) AS n, ARRAY[1] AS o FROM (VALUES 9007199254740993, NULL) t (x)"
    )
    assert bucket.rows(statement) == [([9007199254740993, None], [None, None], [1])]


def test_each_execution_has_an_id_and_seconds_of_its_own(bucket: SmallBucket) -> None:
    results = [bucket.engine.execute("SELECT 1") for _ in range(3)]
    assert len({result.query_id for result in results}) == 3
    assert all(result.seconds > 0 for result in results)
    assert [result.statement for result in results] == ["SELECT 1"] * 3


def test_bytes_scanned_are_those_of_every_place_where_a_table_is_read(tmp_path: Path) -> None:
    bucket = SmallBucket(tmp_path)
    size = bucket.put_day("2024-03-01", [record(1)]) + bucket.put_day("2024-03-01", [record(2)], "b.log.gz")
    other = bucket.put_day("2024-03-02", [record(3)])
    assert bucket.engine.execute("SELECT 1").scanned_bytes == 0
    assert bucket.engine.execute("SHOW PARTITIONS flows").scanned_bytes == 0
    assert bucket.engine.execute("SELECT count(*) FROM flows WHERE dt = '2024-03-01'").scanned_bytes == size
    assert bucket.engine.execute("SELECT count(*) FROM flows").scanned_bytes == size + other
    both = "SELECT count(*) FROM flows a JOIN flows b ON a.dt = '2024-03-01' AND b.dt = '2024-03-02'"
    assert bucket.engine.execute(both).scanned_bytes == size + other


def test_a_partition_without_objects_has_no_rows(tmp_path: Path) -> None:
    bucket = SmallBucket(tmp_path)
    bucket.add_days("2024-03-01")
    result = bucket.engine.execute("SELECT count(*) AS n FROM flows WHERE dt = '2024-03-01'")
    assert result.frame["n"].tolist() == [0]
    assert result.scanned_bytes == 0


def test_objects_that_no_partition_points_at_are_not_read(tmp_path: Path) -> None:
    bucket = SmallBucket(tmp_path)
    bucket.put_day("2024-03-01", [record(1)])
    bucket.put(f"{SOURCE.prefix}2024/03/02/a.log", f"header\n{record(2)}\n".encode())
    assert bucket.rows("SELECT numpackets FROM flows") == [(1,)]


def test_the_definitions_of_another_engine_over_the_same_catalog_are_known(tmp_path: Path) -> None:
    bucket = SmallBucket(tmp_path)
    bucket.put_day("2024-03-01", [record(1)])
    other = EmbeddedAthena(tmp_path / "catalog.sqlite", {SOURCE.bucket: bucket.store}, "elsewhere")
    assert other.find_table(NAME) == default_table(SOURCE)
    assert other.find_table(TableName("lake", "none")) is None
    assert other.execute("SELECT numpackets FROM lake.flows").frame["numpackets"].tolist() == [1]
    with pytest.raises(QueryError, match="TABLE_NOT_FOUND"):
        other.execute("SELECT numpackets FROM flows")


def test_another_process_sees_what_this_one_defined(tmp_path: Path) -> None:
    bucket = SmallBucket(tmp_path)
    bucket.put_day("2024-03-01", [record(1)])
    program = """
import sys
from pathlib import Path
from resources.embedded.athena import EmbeddedAthena
from resources.embedded.folder_store import FolderStore

root = Path(sys.argv[1])
engine = EmbeddedAthena(root / "catalog.sqlite", {"flow-logs": FolderStore(root / "bucket", "", "flow-logs")}, "lake")
engine.execute("ALTER TABLE flows ADD PARTITION (dt='2024-03-02') LOCATION 's3://flow-logs/more'")
print(engine.execute("SELECT dt, numpackets FROM flows").frame.to_csv(index=False))
"""
    output = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    assert output.split() == ["dt,numpackets", "2024-03-01,1"]
    assert bucket.rows("SHOW PARTITIONS flows") == [("dt=2024-03-01",), ("dt=2024-03-02",)]


def test_a_look_at_an_empty_catalog_writes_nothing(tmp_path: Path) -> None:
    engine = EmbeddedAthena(tmp_path / "results" / "catalog.sqlite", {}, "lake")
    assert engine.find_table(NAME) is None
    with pytest.raises(QueryError, match="TABLE_NOT_FOUND"):
        engine.execute("SELECT 1 FROM flows")
    assert list(tmp_path.iterdir()) == []


def test_a_query_writes_nothing(bucket: SmallBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in bucket.root.rglob("*")}
    bucket.rows("SELECT * FROM flows a CROSS JOIN flows b ORDER BY 1, 2, 3")
    assert {path: path.stat().st_mtime_ns for path in bucket.root.rglob("*")} == before
    assert list(tmp_path.iterdir()) == []


# Definitions.


@pytest.fixture
def empty(tmp_path: Path) -> SmallBucket:
    return SmallBucket(tmp_path)


def refusal(bucket: SmallBucket, statement: str) -> str:
    with pytest.raises(QueryError) as error:
        bucket.engine.execute(statement)
    return str(error.value).partition("\nThe statement was:")[0]


def test_a_database_is_created_once(empty: SmallBucket) -> None:
    empty.engine.execute("CREATE DATABASE other")
    assert refusal(empty, "CREATE DATABASE other") == "AlreadyExistsException: Database other already exists."
    empty.engine.execute("CREATE DATABASE IF NOT EXISTS other")


def test_a_table_is_created_once_and_stays_as_it_was(empty: SmallBucket) -> None:
    other = "(a int) LOCATION 's3://flow-logs/other'"
    assert refusal(empty, f"CREATE EXTERNAL TABLE flows {other}") == (
        "AlreadyExistsException: Table `lake`.`flows` already exists."
    )
    empty.engine.execute(f"CREATE EXTERNAL TABLE IF NOT EXISTS flows {other}")
    assert empty.engine.find_table(NAME) == default_table(SOURCE)


def test_a_table_needs_its_database(empty: SmallBucket) -> None:
    statement = create_table(TableName("nowhere", "flows"), default_table(SOURCE))
    assert refusal(empty, statement) == "SCHEMA_NOT_FOUND: Database nowhere does not exist."


def test_a_dropped_table_takes_its_partitions_along_and_leaves_its_objects(empty: SmallBucket) -> None:
    empty.put_day("2024-03-01", [record(1)])
    empty.engine.execute("DROP TABLE flows")
    assert refusal(empty, "DROP TABLE flows") == "SemanticException: [Error 10001]: Table not found lake.flows."
    empty.engine.execute("DROP TABLE IF EXISTS `lake`.`flows`")
    empty.engine.execute(create_table(NAME, default_table(SOURCE)))
    assert empty.rows("SHOW PARTITIONS flows") == []
    empty.add_days("2024-03-01")
    assert empty.rows("SELECT numpackets FROM flows") == [(1,)]


def test_a_partition_that_is_there_is_added_again_only_if_not_exists_is_said(empty: SmallBucket) -> None:
    add = "ALTER TABLE flows ADD {} PARTITION (dt='a') LOCATION 's3://flow-logs/{}' PARTITION (dt='b')"
    empty.engine.execute("ALTER TABLE flows ADD PARTITION (dt='b') LOCATION 's3://flow-logs/first'")
    assert refusal(empty, add.format("", "second")) == "AlreadyExistsException: Partition already exists: b."
    assert empty.rows("SHOW PARTITIONS flows") == [("dt=b",)]
    empty.engine.execute(add.format("IF NOT EXISTS", "third"))
    assert empty.rows("SHOW PARTITIONS flows") == [("dt=a",), ("dt=b",)]
    locations = [partition.location for partition in empty.engine.catalog.partitions(NAME)]
    assert locations == ["s3://flow-logs/third", "s3://flow-logs/first"]


def test_the_table_is_looked_up_as_often_for_many_partitions_as_for_one(
    empty: SmallBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up = []
    find_table = Catalog.find_table
    monkeypatch.setattr(Catalog, "find_table", lambda *given: looked_up.append(given[1]) or find_table(*given))
    counts = []
    for first, number in ((0, 1), (1, 100)):
        clauses = " ".join(f"PARTITION (dt='{day:03d}')" for day in range(first, first + number))
        for statement in (
            f"ALTER TABLE flows ADD {clauses}",
            f"ALTER TABLE flows DROP {clauses.replace(') P', '), P')}",
        ):
            looked_up.clear()
            empty.engine.execute(statement)
            counts.append(len(looked_up))
    assert counts[:2] == counts[2:]


def test_a_partition_without_a_location_lies_below_the_tables(empty: SmallBucket) -> None:
    empty.put(f"{SOURCE.prefix}dt=x/a.log", f"header\n{record(4)}\n".encode())
    empty.engine.execute("ALTER TABLE flows ADD PARTITION (dt='x')")
    assert empty.rows("SELECT dt, numpackets FROM flows") == [("x", 4)]


def test_partitions_of_tables_that_have_none_or_others_are_refused(empty: SmallBucket) -> None:
    empty.create("whole", "a int", b"1\n")
    missing = "SemanticException: [Error 10001]: Table not found lake.none."
    assert refusal(empty, "ALTER TABLE none ADD PARTITION (dt='a')") == missing
    assert refusal(empty, "SHOW PARTITIONS none") == missing
    assert refusal(empty, "SHOW PARTITIONS whole") == (
        "SemanticException: Table `lake`.`whole` is not a partitioned table."
    )
    assert refusal(empty, "ALTER TABLE whole ADD PARTITION (dt='a')") == (
        "SemanticException: the partition names dt; the table is partitioned by nothing."
    )
    assert refusal(empty, "ALTER TABLE flows ADD PARTITION (day='a')") == (
        "SemanticException: the partition names day; the table is partitioned by dt."
    )


# Nothing outside the bucket is read.


@pytest.mark.parametrize(
    "location",
    [
        "s3://flow-logs/../secret/",
        "s3://flow-logs/a/../../secret",
        "s3://flow-logs/./secret",
        "s3://flow-logs//{root}/secret",
        "s3://flow-logs/a//secret",
        "s3:///{root}/secret",
        "{root}/secret",
        "file://{root}/secret",
        "s3a://flow-logs/secret",
        "",
    ],
)
def test_a_location_that_is_no_place_in_a_bucket_is_not_read(empty: SmallBucket, location: str) -> None:
    (empty.root / "secret").mkdir()
    (empty.root / "secret" / "a").write_text("secret\n")
    location = location.format(root=str(empty.root).lstrip("/") if "s3" in location else empty.root)
    empty.engine.execute(f"CREATE EXTERNAL TABLE spy (a string) LOCATION '{location}'")
    with pytest.raises(FlowLakeError, match="is no location of objects"):
        empty.engine.execute("SELECT a FROM spy")


def test_a_partitions_value_leads_nowhere_else(empty: SmallBucket) -> None:
    empty.engine.execute("ALTER TABLE flows ADD PARTITION (dt='../../../../../../../secret')")
    with pytest.raises(FlowLakeError, match="is no location of objects"):
        empty.engine.execute("SELECT * FROM flows")


def test_a_table_may_be_the_whole_bucket(empty: SmallBucket) -> None:
    empty.put("a/1", b"1\n")
    empty.put("b/2", b"2\n")
    for name, location in (("whole", "s3://flow-logs/"), ("bare", "s3://flow-logs")):
        empty.engine.execute(f"CREATE EXTERNAL TABLE {name} (a int) LOCATION '{location}'")
        assert empty.rows(f"SELECT a FROM {name} ORDER BY a") == [(1,), (2,)]


def test_another_bucket_is_named(empty: SmallBucket) -> None:
    empty.engine.execute("CREATE EXTERNAL TABLE elsewhere (a int) LOCATION 's3://other/a/'")
    with pytest.raises(FlowLakeError, match="s3://other/a/ lies in a bucket that this engine does not know"):
        empty.engine.execute("SELECT * FROM elsewhere")


def test_a_name_of_this_process_is_no_table(empty: SmallBucket) -> None:
    for name in ("scans", "connection", "partitions", "read_0", "read_0_lines"):
        with pytest.raises(QueryError, match="TABLE_NOT_FOUND"):
            empty.engine.execute(f"SELECT * FROM {name}")


def test_several_buckets_are_read_each_through_its_store(tmp_path: Path) -> None:
    stores = {name: RecordingStore(tmp_path / name) for name in ("one", "two")}
    engine = EmbeddedAthena(tmp_path / "catalog.sqlite", stores, "lake")
    engine.execute(create_database("lake"))
    for number, name in enumerate(stores, 1):
        (tmp_path / name / "t").mkdir(parents=True)
        (tmp_path / name / "t" / "a.gz").write_bytes(gzip.compress(b"%d\n" % number))
        engine.execute(f"CREATE EXTERNAL TABLE {name} (a int) LOCATION 's3://{name}/t/'")
    frame = engine.execute("SELECT one.a AS one, two.a AS two FROM one CROSS JOIN two").frame
    assert frame.to_numpy().tolist() == [[1, 2]]
    assert [store.opened for store in stores.values()] == [["a.gz"], ["a.gz"]]


def test_a_partition_is_pointed_at_another_folder(tmp_path: Path) -> None:
    bucket = SmallBucket(tmp_path)
    bucket.put_day("2024-03-01", [record(1)])
    bucket.put_day("2024-03-02", [record(2)])
    moved = set_partition_location(NAME, date(2024, 3, 1), SOURCE.day_location(date(2024, 3, 2)))
    for _ in range(2):
        bucket.engine.execute(moved)
    assert bucket.rows("SELECT dt, numpackets FROM flows ORDER BY dt") == [("2024-03-01", 2), ("2024-03-02", 2)]


def test_a_partition_that_is_not_there_cannot_be_moved(tmp_path: Path) -> None:
    bucket = SmallBucket(tmp_path)
    with pytest.raises(QueryError, match="Partition not found: 2024-03-01"):
        bucket.engine.execute(set_partition_location(NAME, date(2024, 3, 1), "s3://flow-logs/elsewhere"))
