"""What materializing each asset does: rows and files, metadata, warnings and failures. In process, on real folders."""

import csv
import gzip
import io
import re
import shutil
from base64 import b64decode
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from lake import DAILY, TABLE, Lake, failure, metadata
from support import (
    CAPTURED_LOGS,
    DAY,
    FEW_REPORTS,
    NEXT_DAY,
    SMALL_DETAILS,
    SMALL_TOP,
    KnownAnswers,
    files_in,
    known_answers,
    report_rows,
    with_day,
    write_object,
    write_small_logs,
)

from assets.coverage import coverage_of
from assets.metadata import sql_metadata
from assets.tables import cell_text, csv_bytes, markdown_table, markdown_text, parquet_bytes
from flowlogs.datasets import DATASETS
from flowlogs.fields import DERIVED_COLUMNS
from resources.engine import FRAME_TYPES

EMPTY_DAY = date(2021, 9, 4)


# Reports


@pytest.mark.parametrize("known", known_answers(), ids=str)
def test_a_run_changes_nothing_in_a_folder_of_logs(known: KnownAnswers, small_logs, tmp_path, instance):
    folder = known.folder or small_logs
    before = files_in(folder)
    assert Lake(folder, tmp_path, instance).run(known.day).success
    assert files_in(folder) == before


def test_a_csv_file_has_the_rows_of_the_parquet_file_with_nothing_for_null(lake):
    lake.run(DAY)
    assert (lake.results / "reports/top_rejected_pairs/2021-09-02.csv").read_text() == (
        "packetcount,sourceaddress,destinationaddress,dt\n"
        "47,203.0.113.9,10.0.0.5,2021-09-02\n"
        "3,198.51.100.7,10.0.0.6,2021-09-02\n"
        ",198.51.100.6,10.0.0.6,2021-09-02\n"
    )


def test_running_again_leaves_the_same_reports(lake):
    lake.run(DAY)
    before = files_in(lake.results / "reports")
    lake.run(DAY)
    assert files_in(lake.results / "reports") == before


def test_each_day_of_a_range_has_files_of_its_own(lake):
    lake.run(DAY)
    lake.run(DAY, EMPTY_DAY, DAILY)
    rows = {day: report_rows(lake.results, "top_rejected_pairs", day) for day in (DAY, NEXT_DAY, EMPTY_DAY)}
    assert rows == {
        DAY: with_day(SMALL_TOP[DAY], DAY),
        NEXT_DAY: with_day(SMALL_TOP[NEXT_DAY], NEXT_DAY),
        EMPTY_DAY: [],
    }
    details = {day: report_rows(lake.results, "rejected_flow_details", day) for day in (DAY, NEXT_DAY, EMPTY_DAY)}
    assert details == {
        DAY: with_day(SMALL_DETAILS[DAY], DAY),
        NEXT_DAY: with_day(SMALL_DETAILS[NEXT_DAY], NEXT_DAY),
        EMPTY_DAY: [],
    }


def test_a_range_of_days_gives_the_files_that_the_days_give_one_by_one(lake, tmp_path, instance):
    lake.run(DAY)
    lake.run(DAY, NEXT_DAY, [*DAILY, "daily_page"])
    one_by_one = Lake(lake.logs, tmp_path / "one by one", instance)
    one_by_one.run(DAY)
    one_by_one.run(NEXT_DAY)
    assert files_in(one_by_one.results / "reports") == files_in(lake.results / "reports")


def test_a_report_depends_on_its_own_day_alone(lake):
    lake.run(DAY)
    before = files_in(lake.results / "reports")
    del before["index.html"]  # which links all days
    write_object(lake.logs, NEXT_DAY, [], number=7)
    lake.run(NEXT_DAY)
    lake.run(DAY)
    after = files_in(lake.results / "reports")
    assert {name: digest for name, digest in after.items() if str(DAY) in name} == before


# Metadata


def test_the_buckets_metadata(lake):
    made = metadata(lake.run(DAY), "vpc_flow_logs_bucket")[None]
    bucket = lake.target.bucket.sources().sources[0].bucket
    assert made == {
        "path": dg.MetadataValue.text(str(lake.logs)),
        "whose": dg.MetadataValue.text("123456789012 in us-east-1"),
        "location": dg.MetadataValue.text(f"s3://{bucket}/AWSLogs/123456789012/vpcflowlogs/us-east-1/"),
    }


def test_the_flow_logs_metadata(lake):
    made = metadata(lake.run(DAY), "vpc_flow_log")[None]
    assert made == {"flow log": dg.MetadataValue.text(f"none is created: the logs in {lake.logs} are read as they are")}


def test_the_tables_metadata(lake):
    made = metadata(lake.run(DAY), "vpc_flow_logs")[None]
    location = lake.target.bucket.sources().sources[0].location
    schema = made.pop("dagster/column_schema").schema
    assert made == {
        "dagster/table_name": dg.MetadataValue.text("vpc_flow_lake.vpc_flow_logs"),
        "location": dg.MetadataValue.text(location),
        "format": dg.MetadataValue.text("text, default format"),
        "days of datasets added again": dg.MetadataValue.int(0),
        "days of flow logs added again": dg.MetadataValue.int(0),
        "engine": dg.MetadataValue.text("DuckDB, in this process"),
        "catalog": dg.MetadataValue.text(str(lake.results / "catalog.sqlite")),
        "statements": dg.MetadataValue.md(
            "```sql\n"
            "CREATE DATABASE IF NOT EXISTS `vpc_flow_lake`\n"
            "```\n\n"
            "```sql\n"
            "CREATE EXTERNAL TABLE IF NOT EXISTS `vpc_flow_lake`.`vpc_flow_logs` (\n"
            "  `version` int,\n"
            "  `account` string,\n"
            "  `interfaceid` string,\n"
            "  `sourceaddress` string,\n"
            "  `destinationaddress` string,\n"
            "  `sourceport` int,\n"
            "  `destinationport` int,\n"
            "  `protocol` int,\n"
            "  `numpackets` bigint,\n"
            "  `numbytes` bigint,\n"
            "  `starttime` bigint,\n"
            "  `endtime` bigint,\n"
            "  `action` string,\n"
            "  `logstatus` string\n"
            ")\n"
            "PARTITIONED BY (`dt` string)\n"
            "ROW FORMAT DELIMITED FIELDS TERMINATED BY ' '\n"
            f"LOCATION '{location}'\n"
            "TBLPROPERTIES ('skip.header.line.count'='1')\n"
            "```\n\n"
            "```sql\n"
            "CREATE EXTERNAL TABLE IF NOT EXISTS `vpc_flow_lake`.`rejected_flows` (\n"
            + "".join(f"  `{column}` {kind},\n" for column, kind in DERIVED_COLUMNS[:-1])
            + "  `aws_region` string\n"
            ")\n"
            "PARTITIONED BY (`dt` string)\n"
            "STORED AS PARQUET\n"
            "LOCATION 's3://vpc-flow-lake-results/datasets/'\n"
            "```\n\n"
            "2 more statements like these."
        ),
    }
    assert [(column.name, column.type) for column in schema.columns][-3:] == [
        ("action", "string"),
        ("logstatus", "string"),
        ("dt", "string"),
    ]


def test_the_partitions_metadata(lake):
    made = metadata(lake.run(DAY), "vpc_flow_logs_partition")[str(DAY)]
    location = f"{lake.target.bucket.sources().sources[0].location}2021/09/02"
    objects = list(lake.target.bucket.objects.list("AWSLogs/123456789012/vpcflowlogs/us-east-1/2021/09/02/"))
    assert made == {
        "location": dg.MetadataValue.text(location),
        "objects": dg.MetadataValue.int(2),
        "bytes": dg.MetadataValue.int(size := sum(stored.size for stored in objects)),
        "flow logs": dg.MetadataValue.int(1),
        "flow logs that stopped": dg.MetadataValue.int(0),
        "windows with objects": dg.MetadataValue.int(2),
        "windows expected": dg.MetadataValue.int(2),
        "windows missing": dg.MetadataValue.int(0),
        "first window": dg.MetadataValue.text("00:05 UTC"),
        "last window": dg.MetadataValue.text("01:05 UTC"),
        "longest gap in minutes": dg.MetadataValue.int(1_370),
        "share delivered in percent": dg.MetadataValue.float(100.0),
        "compared with": dg.MetadataValue.text(
            "No day before has objects: computed from the day's own objects and records."
        ),
        "deliveries": dg.MetadataValue.md(
            "|flow log|windows|expected|missing|longest gap|objects|bytes|\n|-|-|-|-|-|-|-|\n"
            f"|fl-0123456789abcdef0|2|2|0|22 h 50 min|2|{size}|"
        ),
        "statements": dg.MetadataValue.md(
            "```sql\n"
            "ALTER TABLE `vpc_flow_lake`.`vpc_flow_logs` ADD IF NOT EXISTS "
            f"PARTITION (dt='2021-09-02') LOCATION '{location}'\n"
            "```"
        ),
    }


def test_the_rejected_flows_metadata(lake):
    lake.run(DAY, assets=["vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"])
    result = lake.run(DAY, assets=["vpc_flow_logs_partition", "rejected_flows"])
    made = metadata(result, "rejected_flows")[str(DAY)]
    seconds, query_id, statement = (made.pop(name) for name in ("seconds", "query id", "statement"))
    (path,) = lake.rejected_files()
    location = f"s3://vpc-flow-lake-results/{path.rpartition('/')[0]}/"
    covered = coverage_of(lake.target.bucket.objects.list("AWSLogs/123456789012/vpcflowlogs/us-east-1/2021/09/02/"))
    assert covered.newest
    assert made == {
        "folder": dg.MetadataValue.path(lake.results / path.rpartition("/")[0]),
        "location": dg.MetadataValue.text(location),
        "files": dg.MetadataValue.int(1),
        "bytes": dg.MetadataValue.int((lake.results / path).stat().st_size),
        "bytes scanned": (read := metadata(result, "vpc_flow_logs_partition")[str(DAY)]["bytes"]),
        "objects covered": dg.MetadataValue.int(2),
        "bytes covered": read,
        "newest object": dg.MetadataValue.timestamp(covered.newest),
        "coverage": dg.MetadataValue.text(covered.digest),
    }
    assert isinstance(seconds, dg.FloatMetadataValue)
    assert isinstance(query_id, dg.TextMetadataValue)
    assert statement.value == (
        "```sql\nUNLOAD (\n"
        '  SELECT "version", account, interfaceid, sourceaddress, destinationaddress, sourceport, destinationport, '
        '"protocol", numpackets, numbytes, starttime, endtime, action, logstatus, '
        "'123456789012' AS aws_account_id, 'us-east-1' AS aws_region, dt, 'rejected_flows' AS dataset\n"
        '  FROM "vpc_flow_lake"."vpc_flow_logs"\n'
        "  WHERE action = 'REJECT'\n"
        "    AND dt BETWEEN '2021-09-02' AND '2021-09-02'\n"
        f"  -- vpc-flow-lake: rejected_flows, run {result.run_id}\n"
        ")\n"
        f"TO '{location.removesuffix('dt=2021-09-02/dataset=rejected_flows/')}'\n"
        "WITH (format = 'PARQUET', compression = 'ZSTD', partitioned_by = ARRAY['dt', 'dataset'])\n```"
    )


def test_the_datasets_of_one_statement_tell_its_cost_once(lake):
    result = lake.run(DAY)
    made = {name: metadata(result, name)[str(DAY)] for name in DATASETS}
    assert [name for name, facts in made.items() if "bytes scanned" in facts] == ["rejected_flows"]
    assert made["traffic_by_hour"]["statement"].value == "one for all datasets, shown with rejected_flows"
    for name, facts in made.items():
        (file,) = lake.results.glob(f"datasets/*/dt={DAY}/dataset={name}/*.parquet")
        assert (facts["files"].value, facts["bytes"].value) == (1, file.stat().st_size)


def test_a_reports_metadata(lake):
    result = lake.run(DAY)
    made = metadata(result, "top_rejected_pairs")[str(DAY)]
    (path,) = lake.rejected_files()
    stored = pq.read_metadata(lake.results / path).row_group(0)
    sizes = {column["path_in_schema"]: column["total_compressed_size"] for column in stored.to_dict()["columns"]}
    seconds, query_id, statement = (made.pop(name) for name in ("seconds", "query id", "statement"))
    picture = re.fullmatch(r"!\[bars\]\(data:image/svg\+xml;base64,(.+)\)", made.pop("picture").value)
    assert re.findall("<text[^>]*>([^<]+)</text>", b64decode(picture[1]).decode()) == [
        "203.0.113.9 → 10.0.0.5: 47",
        "198.51.100.7 → 10.0.0.6: 3",
        "198.51.100.6 → 10.0.0.6: unknown",
    ]
    assert made == {
        "dagster/row_count": dg.MetadataValue.int(3),
        "bytes scanned": dg.MetadataValue.int(
            sizes["numpackets"] + sizes["sourceaddress"] + sizes["destinationaddress"]
        ),
        "parquet": dg.MetadataValue.path(str(lake.results / "reports/top_rejected_pairs/2021-09-02.parquet")),
        "csv": dg.MetadataValue.path(str(lake.results / "reports/top_rejected_pairs/2021-09-02.csv")),
        "table": dg.MetadataValue.md(
            "|packetcount|sourceaddress|destinationaddress|\n"
            "|-|-|-|\n"
            "|47|203.0.113.9|10.0.0.5|\n"
            "|3|198.51.100.7|10.0.0.6|\n"
            "||198.51.100.6|10.0.0.6|"
        ),
    }
    assert isinstance(seconds, dg.FloatMetadataValue)
    assert isinstance(query_id, dg.TextMetadataValue)
    assert statement.value.startswith("```sql\n")
    assert statement.value.endswith(
        "SELECT packetcount, sourceaddress, destinationaddress, dt\n"
        "FROM (\n"
        "  SELECT packetcount, sourceaddress, destinationaddress, dt,\n"
        "    row_number() OVER (PARTITION BY dt ORDER BY packetcount DESC NULLS LAST, sourceaddress NULLS LAST, "
        "destinationaddress NULLS LAST) AS row_number\n"
        "  FROM (\n"
        "SELECT sum(numpackets) AS packetcount, sourceaddress, destinationaddress, dt\n"
        "FROM rejected_flows\n"
        "WHERE dt BETWEEN '2021-09-02' AND '2021-09-02'\n"
        "GROUP BY sourceaddress, destinationaddress, dt\n"
        "  )\n"
        ")\n"
        "WHERE row_number <= 21\n"
        "ORDER BY dt, row_number\n"
        f"-- vpc-flow-lake: top_rejected_pairs, run {result.run_id}\n"
        "```"
    )


def test_a_reports_table_shows_times_and_its_files_numbers(lake):
    made = metadata(lake.run(DAY), "rejected_flow_details")[str(DAY)]
    numbers = [row[10:12] for row in report_rows(lake.results, "rejected_flow_details", DAY)]
    shown = [row.strip("|").split("|")[10:12] for row in made["table"].value.splitlines()[2:]]
    assert shown == [["" if number is None else time_text(number) for number in row] for row in numbers]


def time_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_each_day_of_a_range_has_metadata_of_its_own(lake):
    lake.run(DAY)
    result = lake.run(DAY, EMPTY_DAY, DAILY)
    partitions = metadata(result, "vpc_flow_logs_partition")
    assert {day: made["objects"].value for day, made in partitions.items()} == {
        "2021-09-02": 2,
        "2021-09-03": 1,
        "2021-09-04": 0,
    }
    assert {day: made["location"].value[-11:] for day, made in partitions.items()} == {
        "2021-09-02": "/2021/09/02",
        "2021-09-03": "/2021/09/03",
        "2021-09-04": "/2021/09/04",
    }
    for report, rows in (("top_rejected_pairs", [3, 1, 0]), ("rejected_flow_details", [4, 1, 0])):
        made = metadata(result, report)
        assert {day: facts["dagster/row_count"].value for day, facts in made.items()} == dict(
            zip(partitions, rows, strict=True)
        )
        assert [facts["csv"].value for facts in made.values()] == [
            str(lake.results / f"reports/{report}/{day}.csv") for day in partitions
        ]


@pytest.mark.parametrize("name", [name for name in DAILY if not name.startswith("traffic_")])
def test_what_days_have_in_common_is_told_with_the_first(lake, name):
    lake.run(DAY)
    first, *others = metadata(lake.run(DAY, EMPTY_DAY, DAILY), name).values()
    key = "statements" if name == "vpc_flow_logs_partition" else "statement"
    assert first[key].value.startswith("```sql\n")
    assert first["days at once"].value == 3
    assert [made[key].value for made in others] == ["one for 3 days, shown with 2021-09-02"] * 2
    cost = {"bytes scanned", "seconds", "query id"}
    assert cost <= first.keys() or name == "vpc_flow_logs_partition"
    assert not any(cost & made.keys() for made in others)


def test_a_long_statement_is_shortened():
    text = sql_metadata(["\n".join(map(str, range(1_000)))]).value
    assert text.splitlines()[:2] == ["```sql", "0"]
    assert text.splitlines()[-3:] == ["79", "-- and 920 more lines", "```"]


def test_of_many_statements_the_first_are_shown():
    assert sql_metadata(["a", "b", "c", "d", "e"]).value == (
        "```sql\na\n```\n\n```sql\nb\n```\n\n```sql\nc\n```\n\n2 more statements like these."
    )


# Tables as people and programs read them


@pytest.fixture
def frame() -> pd.DataFrame:
    columns = {"packets": [47, None], "address": ["10.0.0.5", None]}
    return pd.DataFrame(columns).astype({"packets": FRAME_TYPES["bigint"], "address": FRAME_TYPES["varchar"]})


def test_a_table_in_markdown_has_nothing_for_null(frame):
    assert markdown_table(frame) == "|packets|address|\n|-|-|\n|47|10.0.0.5|\n|||"


def test_a_table_in_markdown_tells_how_many_rows_it_leaves_out(frame):
    assert markdown_table(frame, 1).splitlines()[2:] == ["|47|10.0.0.5|", "", "More rows in the files: 1."]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a|b", r"a\|b"),
        ("a\\|b", r"a\\\|b"),
        ("a\nb", r"a\\nb"),
        ("<b>&lt;", "&lt;b>&amp;lt;"),
        ("![x](mailto:y)", r"!\[x\](mailto:y)"),
        ("![x](http://y)", "`![x](http://y)`"),
        ("https://a|b`c@d", r"`https://a`\|b\``c@d`"),
        ("WWW.a.b a@b.c", "`WWW.a.b` `a@b.c`"),
        ("# a", r"\# a"),
        ("FLOWLAKE_TYPE _a_ b__c", r"FLOWLAKE_TYPE \_a\_ b\_\_c"),
        ("1. a", r"1\. a"),
        ("-", "-"),
        ("x" * 101, "x" * 99 + "…"),
        ("*_`~", r"\*\_\`\~"),
    ],
)
def test_a_cell_in_markdown_is_what_it_says(text, written):
    assert markdown_table(pd.DataFrame({"a": [text]})).splitlines()[2] == f"|{written}|"


INVISIBLE = ["\u00a0", "\ufeff", "\u200b", "\u2003", "\x00", "\x1b", "  ", "\u3000 \u202e"]
LIVE = ["=1+1", "+1", "-1", "@SUM(A1)", "\uff1d1", "\uff0b1", "\uff0d1", "\uff201", "\ufe661", "\u22121", "--"]


@pytest.mark.parametrize(
    "text", [*LIVE, *(f"{invisible}=1" for invisible in INVISIBLE), '"=1', "\tx", "\r", "\nx"], ids=ascii
)
def test_csv_text_that_a_spreadsheet_would_execute_has_an_apostrophe(text):
    table = pd.DataFrame({"a": [text], "b": [-1]}).astype({"a": "string", "b": "Int64"})
    assert list(csv.reader(io.StringIO(csv_bytes(table).decode(), newline=""))) == [["a", "b"], [f"'{text}", "-1"]]
    assert pq.read_table(io.BytesIO(parquet_bytes(table))).to_pylist() == [{"a": text, "b": -1}]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (";=1", "';'=1"),
        ("\t=1", "'\t'=1"),
        ("\x0b=1", "'\x0b'=1"),
        ("a;=1", "a;'=1"),
        ("a;b-c; \u00a0-1", "a;b-c;' \u00a0-1"),
        ('a;"=1', "a;'\"=1"),
        ("a\t+1", "a\t'+1"),
        ("a\r=1", "a\r'=1"),
        ("a\r\n=1", "a\r\n'=1"),
        ("a\u2028@b", "a\u2028'@b"),
    ],
    ids=ascii,
)
def test_csv_text_holds_no_cell_that_a_spreadsheet_would_execute(text, written):
    table = pd.DataFrame({"a": [text], "b": ["x"]}, dtype="string")
    assert list(csv.reader(io.StringIO(csv_bytes(table).decode(), newline="")))[1] == [written, "x"]


@pytest.mark.parametrize("text", ["-", "", "a=1", "10.0.0.5", "a;b=1", "a, -1", "'=1", ";", "\u00a0"], ids=ascii)
def test_csv_text_that_no_spreadsheet_would_execute_stays(text):
    table = pd.DataFrame({"a": [text], "b": ["x"]}, dtype="string")
    assert list(csv.reader(io.StringIO(csv_bytes(table).decode(), newline="")))[1] == [text, "x"]


def test_csv_text_begins_no_line_of_its_own():
    table = pd.DataFrame({"a": ["x\r1", "y\n2", "z\r\n3"]}, dtype="string")
    assert csv_bytes(table) == b'a\n"x\r1"\n"y\n2"\n"z\r\n3"\n'


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        ("\x1b[2J\n", r"\x1b[2J\n"),
        ("x" * 10_000_000, "x" * 99 + "…"),
        ([1, None, "a", [2]], "[1, null, a, [2]]"),
        (np.full(10_000_000, 7), "[" + "7, " * 32 + "7,…"),
        ({"a": b"\xff", "b": 1.5}, r"{a=b'\xff', b=1.5}"),
    ],
    ids=["null", "control", "long", "nested", "array", "row"],
)
def test_a_cell_is_one_line_cut_for_people(value, shown):
    assert cell_text(value) == shown


def test_a_statement_in_markdown_stays_in_its_block():
    assert sql_metadata(["a\n```\n<b>\x1b"]).value == "````sql\na\n```\n<b>\\x1b\n````"


def test_the_same_rows_give_the_same_bytes(frame):
    assert parquet_bytes(frame.copy()) == parquet_bytes(frame)
    assert csv_bytes(frame) == b"packets,address\n47,10.0.0.5\n,\n"


# A day without objects


def test_a_day_without_objects_has_a_partition_and_empty_reports(lake):
    assert lake.run(EMPTY_DAY).success
    assert [report_rows(lake.results, report, EMPTY_DAY) for report in FEW_REPORTS] == [[] for _ in FEW_REPORTS]
    location = f"{lake.target.bucket.sources().sources[0].location}2021/09/04"
    assert lake.target.athena.partition_locations(TABLE, [EMPTY_DAY]) == {EMPTY_DAY: location}


def test_a_day_without_objects_gives_a_warning_that_tells_the_days_with_some(lake):
    result = lake.run(EMPTY_DAY)
    warning = (
        f"Nothing was delivered on 2021-09-04: {lake.logs}/AWSLogs/123456789012/vpcflowlogs/us-east-1/2021/09/04 holds "
        "no objects. Days that do: 2021-09-02, 2021-09-03."
    )
    (check,) = [check for check in result.get_asset_check_evaluations() if check.check_name == "objects_delivered"]
    assert (check.passed, check.severity, check.description) == (
        False,
        dg.AssetCheckSeverity.WARN,
        markdown_text(warning),
    )
    assert lake.messages(result, level=30) == [warning]


def test_many_days_without_objects_give_one_warning(lake):
    lake.run(DAY)
    result = lake.run(EMPTY_DAY, EMPTY_DAY + timedelta(days=9), DAILY)
    assert lake.messages(result, level=30) == [
        "Nothing was delivered on 10 days from 2021-09-04 to 2021-09-13: "
        f"{lake.logs}/AWSLogs/123456789012/vpcflowlogs/us-east-1/2021/09/04 holds no objects, nor do the others. "
        "Days that do: 2021-09-02, 2021-09-03."
    ]


def test_a_day_with_invisible_objects_only_is_a_day_without_objects(lake):
    write_object(lake.logs, EMPTY_DAY, []).rename(
        lake.logs / "AWSLogs/123456789012/vpcflowlogs/us-east-1/2021/09/04/_in_progress.log.gz"
    )
    made = metadata(lake.run(EMPTY_DAY), "vpc_flow_logs_partition")[str(EMPTY_DAY)]
    assert (made["objects"].value, made["bytes"].value) == (0, 0)


def test_a_day_with_objects_passes_the_check_without_a_warning(lake):
    result = lake.run(DAY)
    # One of the small logs' records stands for lost ones.
    failed = [check.check_name for check in result.get_asset_check_evaluations() if not check.passed]
    assert failed == ["day_complete"]
    assert lake.messages(result, level=30) == []


# Failures


def test_without_the_table_the_partition_says_what_creates_it(lake):
    assert failure(lake.run(DAY, DAY, DAILY)) == (
        "vpc_flow_logs_partition",
        "The table `vpc_flow_lake`.`vpc_flow_logs` does not exist. Materialize vpc_flow_logs, which creates it.",
    )


def test_a_table_that_differs_is_left_alone_and_each_difference_is_told(lake):
    athena = lake.target.athena
    athena.execute("CREATE DATABASE vpc_flow_lake")
    athena.execute(
        "CREATE EXTERNAL TABLE vpc_flow_lake.vpc_flow_logs (version int, account string) PARTITIONED BY (dt string) "
        "ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION 's3://elsewhere/'"
    )
    before = files_in(lake.results)
    asset, words = failure(lake.run(DAY))
    location = lake.target.bucket.sources().sources[0].location
    assert asset == "vpc_flow_logs"
    assert words.splitlines()[0] == (
        "The table `vpc_flow_lake`.`vpc_flow_logs` is not the one that these settings ask for:"
    )
    assert words.splitlines()[1].startswith("  columns: expected version int, account string, interfaceid string, ")
    assert words.splitlines()[1].endswith("logstatus string; found version int, account string")
    assert words.splitlines()[2:5] == [
        f"  location: expected {location}; found s3://elsewhere/",
        "  field delimiter: expected ' '; found ','",
        "  property skip.header.line.count: expected '1'; found None",
    ]
    assert words.splitlines()[-2].endswith(
        "objects and reports stay where they are, and the days that were read are added again, without a scan:"
    )
    assert words.splitlines()[-1] == "DROP TABLE IF EXISTS `vpc_flow_lake`.`vpc_flow_logs`"
    assert files_in(lake.results) == before


def test_two_buckets_never_share_a_catalog_even_where_their_results_are_set_to_one_folder(lake, tmp_path, instance):
    lake.run(DAY)
    before = files_in(lake.results)
    other = Lake(write_small_logs(tmp_path / "other"), tmp_path, instance)
    asset, words = failure(other.run(DAY))
    assert (asset, words.count("FLOWLAKE_RESULTS")) == ("vpc_flow_logs", 1)
    assert files_in(lake.results) == before


@pytest.fixture
def damaged(lake) -> Path:
    """An object of a day whose reports are there, for a test to damage."""
    lake.run(DAY)
    return sorted((lake.logs / "AWSLogs/123456789012/vpcflowlogs/us-east-1/2021/09/02").iterdir())[0]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[:-12], id="cut off"),
        pytest.param(lambda data: data[:5], id="cut off in its header"),
        pytest.param(lambda data: gzip.decompress(data), id="no gzip at all"),
        pytest.param(lambda data: data[:60] + bytes([data[60] ^ 255]) + data[61:], id="a byte changed"),
    ],
)
def test_an_object_that_cannot_be_read_is_named_and_the_day_stays_as_it_was(lake, damaged, damage):
    before = lake.without_cleanup_markers()
    damaged.write_bytes(damage(damaged.read_bytes()))
    asset, words = failure(lake.run(DAY, assets=DAILY))
    assert asset == "daily_datasets"
    assert words.startswith(f"{damaged} cannot be read to its end: ")
    assert "fetch it again (or move it away, and its records with it)" in words
    assert lake.without_cleanup_markers() == before


def test_an_object_in_parquet_among_those_in_text_is_refused_by_name(lake, damaged):
    path = damaged.rename(damaged.with_suffix(".parquet"))
    captured = sorted(CAPTURED_LOGS.glob("parquet-*/AWSLogs/**/*.parquet"))
    if captured:
        shutil.copyfile(captured[0], path)
    else:
        pd.DataFrame({"version": [2]}).to_parquet(path)
    before = lake.without_cleanup_markers()
    result = lake.run(DAY, assets=DAILY)
    words = failure(result)[1]
    assert str(path) in words and ("are in several formats" in words or "has other columns than a flow log" in words)
    assert lake.without_cleanup_markers() == before


def test_a_report_that_cannot_be_written_stays_as_it_was(lake):
    lake.run(DAY)
    csv = lake.results / "reports/top_rejected_pairs/2021-09-02.csv"
    csv.unlink()
    csv.mkdir()
    before = files_in(lake.results / "reports")
    asset, words = failure(lake.run(DAY, assets=["top_rejected_pairs"]))
    assert asset == "top_rejected_pairs"
    assert words.startswith(f"{csv} cannot be written: Is a directory. What was there is unchanged.")
    assert "FLOWLAKE_RESULTS" in words
    assert files_in(lake.results / "reports") == before


# A range the wrong way round


def test_a_range_with_its_last_day_first_says_how_to_write_it(lake):
    lake.run(DAY)
    assert failure(lake.run(NEXT_DAY, DAY, DAILY)) == (
        "vpc_flow_logs_partition",
        "The range 2021-09-03...2021-09-02 ends before it begins: write its first day in front, as "
        "--partition-range 2021-09-02...2021-09-03.",
    )
