"""The reports over captured logs, against the answers of Hive's own reader, and over small logs that are made here.

The answers are those of the classroom's DDL, in which packets, start and end are `int`: so is the table here.

The captured ones lie in the folder that FLOWLAKE_TEST_LOGS names, each beside its expected.json. Where there are none,
the ones made here remain; their answers, written down below, are Hive's too.
"""

import gzip
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from small_bucket import rows
from support import ROOT, day_locations, default_table

from assets.reports.report_files import read_reports
from assets.reports.report_sql import report_sql
from flowlogs.datasets import DATASETS, REJECTED_FLOWS
from flowlogs.fields import DEFAULT_FIELDS, HEADER_LINE
from flowlogs.layout import LogSource, is_visible
from flowlogs.record_format import DEFAULT_FORMAT
from flowlogs.statements import (
    TableName,
    add_partitions,
    create_database,
    create_table,
    dataset_table,
)
from flowlogs.unload import RawRead, dataset_location, unload_datasets
from resources.embedded.athena import EmbeddedAthena
from resources.embedded.bucket import FolderBucket
from resources.embedded.folder_store import FolderStore
from resources.engine import QueryResult

CAPTURED = Path(os.environ.get("FLOWLAKE_TEST_LOGS") or ROOT.parent / "shared" / "flowlogs")
MADE_HERE = "made here"
CASES = [MADE_HERE, *sorted(path.parent.name for path in CAPTURED.glob("*/expected.json"))]

TABLE = TableName("lake", "flows")
REJECTED = TableName(TABLE.database, REJECTED_FLOWS.name)

CLASSROOM_COLUMNS = tuple(
    (field.column, "int" if field.column in ("numpackets", "starttime", "endtime") else field.type)
    for field in DEFAULT_FIELDS
)

ACCOUNT = "123456789012"
WINDOW = (1709251200, 1709251260)

# A record of each kind that captures have shown, twice the same where the order must hold, and the odd ones.
FIRST_OBJECT = f"""{HEADER_LINE}
2 {ACCOUNT} eni-a 203.0.113.5 10.0.0.4 55000 22 6 10 600 1709251200 1709251260 REJECT OK
2 {ACCOUNT} eni-a 203.0.113.5 10.0.0.4 55001 22 6 10 600 1709251200 1709251260 REJECT OK
2 {ACCOUNT} eni-a 203.0.113.6 10.0.0.4 55000 22 6 20 1200 1709251200 1709251260 REJECT OK
2 {ACCOUNT} eni-a 10.0.0.4 203.0.113.6 22 55000 6 20 1200 1709251200 1709251260 ACCEPT OK
2 {ACCOUNT} eni-a - - - - - - - 1709251200 1709251260 - NODATA
2 {ACCOUNT} eni-b - - - - - - - 1709251200 1709251260 - SKIPDATA
2 {ACCOUNT} eni-b 2001:db8::5 2001:db8::4 0 0 58 3 192 1709251200 1709251260 REJECT OK
2 {ACCOUNT} eni-b 198.51.100.7 10.0.0.4 1 2 17 - - 1709251200 1709251260 REJECT OK
2 {ACCOUNT} eni-b 198.51.100.7 10.0.0.4 1 2 17 2147483648 9223372036854775808 1709251200 1709251260 REJECT OK
2 {ACCOUNT} eni-b 198.51.100.8 10.0.0.4 1 2 17 7.9 +41 1709251200 1709251260 REJECT
2 {ACCOUNT} eni-b 198.51.100.8 10.0.0.4 1 2 17 1e3 41 1709251200 1709251260 REJECT OK extra field

short
"""
SECOND_OBJECT = f"""{HEADER_LINE}\r
2 {ACCOUNT} eni-c 203.0.113.5 10.0.0.4 1 1 6 2147483647 5 1709251200 1709251260 REJECT OK\r
2 {ACCOUNT} eni-c \\N "10.0.0.4" 1 1 6 2 5 - - REJECT OK"""
NOTHING_REJECTED = f"""{HEADER_LINE}
2 {ACCOUNT} eni-a 10.0.0.4 203.0.113.6 22 55000 6 20 1200 1709337600 1709337660 ACCEPT OK
"""

ANSWERS = {
    "2024-03-01": {
        "top": [
            [2147483667, "203.0.113.5", "10.0.0.4"],
            [20, "203.0.113.6", "10.0.0.4"],
            [7, "198.51.100.8", "10.0.0.4"],
            [3, "2001:db8::5", "2001:db8::4"],
            [2, None, '"10.0.0.4"'],
            [None, "198.51.100.7", "10.0.0.4"],
        ],
        "details": [
            [2, ACCOUNT, "eni-c", "203.0.113.5", "10.0.0.4", 1, 1, 6, 2147483647, 5, *WINDOW, "REJECT", "OK"],
            [2, ACCOUNT, "eni-a", "203.0.113.6", "10.0.0.4", 55000, 22, 6, 20, 1200, *WINDOW, "REJECT", "OK"],
            [2, ACCOUNT, "eni-a", "203.0.113.5", "10.0.0.4", 55000, 22, 6, 10, 600, *WINDOW, "REJECT", "OK"],
            [2, ACCOUNT, "eni-a", "203.0.113.5", "10.0.0.4", 55001, 22, 6, 10, 600, *WINDOW, "REJECT", "OK"],
            [2, ACCOUNT, "eni-b", "198.51.100.8", "10.0.0.4", 1, 2, 17, 7, 41, *WINDOW, "REJECT", None],
            [2, ACCOUNT, "eni-b", "2001:db8::5", "2001:db8::4", 0, 0, 58, 3, 192, *WINDOW, "REJECT", "OK"],
            [2, ACCOUNT, "eni-c", None, '"10.0.0.4"', 1, 1, 6, 2, 5, None, None, "REJECT", "OK"],
            [2, ACCOUNT, "eni-b", "198.51.100.7", "10.0.0.4", 1, 2, 17, None, None, *WINDOW, "REJECT", "OK"],
            [2, ACCOUNT, "eni-b", "198.51.100.7", "10.0.0.4", 1, 2, 17, None, None, *WINDOW, "REJECT", "OK"],
            [2, ACCOUNT, "eni-b", "198.51.100.8", "10.0.0.4", 1, 2, 17, None, 41, *WINDOW, "REJECT", "OK"],
        ],
    },
    "2024-03-02": {"top": [], "details": []},
}


class Logs:
    """A folder of flow logs, with what its reports must say, and an engine over it and over its REJECT records."""

    def __init__(self, folder: Path, answers: Mapping[str, Mapping[str, list[list[object]]]], work: Path) -> None:
        self.folder = folder
        self.answers = answers
        self.before = fingerprint(folder)
        self.bucket = FolderBucket("flow-logs", folder)
        self.source = self.bucket.sources().sources[0]
        results = FolderStore(work / "results", "FLOWLAKE_RESULTS", "results")
        buckets = {"flow-logs": self.bucket.objects, "results": results}
        self.engine = EmbeddedAthena(work / "catalog.sqlite", buckets, TABLE.database)
        days = [date.fromisoformat(day) for day in answers]
        folder = results.sql_location("datasets/1/")
        for statement in (
            create_database(TABLE.database),
            create_table(TABLE, replace(default_table(self.source), columns=CLASSROOM_COLUMNS)),
            *add_partitions(TABLE, day_locations(self.source, days)),
        ):
            self.engine.execute(statement)
        for name, dataset in DATASETS.items():
            table = TableName(TABLE.database, name)
            self.engine.execute(create_table(table, dataset_table(dataset, results.sql_location())))
            for statement in add_partitions(table, {day: dataset_location(folder, name, day) for day in days}):
                self.engine.execute(statement)
        read = RawRead(TABLE, DEFAULT_FORMAT, (self.source.account, self.source.region))
        statement = unload_datasets([read], list(DATASETS.values()), min(days), max(days), folder)
        self.unloaded = self.engine.execute(statement)

    def report(self, name: str, day: str) -> QueryResult:
        (report,) = (report for report in read_reports() if report.name == name)
        result = self.engine.execute(report_sql(report, date.fromisoformat(day), date.fromisoformat(day)))
        return replace(result, frame=result.frame.head(report.rows))

    def visible_bytes(self, day: str) -> int:
        prefix = self.source.day_prefix(date.fromisoformat(day))
        paths = [path for path in (self.folder / prefix).rglob("*") if path.is_file()]
        return sum(
            path.stat().st_size for path in paths if is_visible(path.relative_to(self.folder).as_posix(), prefix)
        )


def fingerprint(folder: Path) -> dict[str, tuple[str, int]]:
    """Every file's bytes and time of change."""
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def make_logs(folder: Path) -> None:
    source = LogSource("flow-logs", ACCOUNT, "us-east-1")
    first, second, other = (text.encode() for text in (FIRST_OBJECT, SECOND_OBJECT, NOTHING_REJECTED))
    for day, name, data in (
        (date(2024, 3, 1), "a.log.gz", gzip.compress(first)),
        (date(2024, 3, 1), "b.log.gz", gzip.compress(second[:150]) + gzip.compress(second[150:])),
        (date(2024, 3, 1), "c.log.gz", b""),
        (date(2024, 3, 1), "_d.log.gz", gzip.compress(first)),
        (date(2024, 3, 1), ".e.log.gz.part", gzip.compress(first)[:99]),
        (date(2024, 3, 2), "a.log.gz", gzip.compress(other)),
        (date(2024, 3, 3), "a.log.gz", gzip.compress(first)),
    ):
        path = folder / source.day_prefix(day) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@pytest.fixture(scope="module", params=CASES)
def logs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Logs:
    work = tmp_path_factory.mktemp("work")
    if request.param == MADE_HERE:
        make_logs(work / "bucket")
        return Logs(work / "bucket", ANSWERS, work)
    folder = CAPTURED / request.param
    return Logs(folder, json.loads((folder / "expected.json").read_text(encoding="utf-8")), work)


def test_top_rejected_pairs_are_those_that_hives_reader_finds(logs: Logs) -> None:
    for day, answers in logs.answers.items():
        assert rows(logs.report("top_rejected_pairs", day)) == [(*row, day) for row in answers["top"]], day


def test_rejected_flow_details_are_those_that_hives_reader_finds(logs: Logs) -> None:
    for day, answers in logs.answers.items():
        assert rows(logs.report("rejected_flow_details", day)) == [(*row, day) for row in answers["details"]], day


def test_reports_of_all_days_are_those_of_each_day(logs: Logs) -> None:
    first, last = date.fromisoformat(min(logs.answers)), date.fromisoformat(max(logs.answers))
    for name, kind in (("top_rejected_pairs", "top"), ("rejected_flow_details", "details")):
        (report,) = (report for report in read_reports() if report.name == name)
        frame = logs.engine.execute(report_sql(report, first, last)).frame
        found = rows(replace(logs.unloaded, frame=frame.groupby("dt").head(report.rows)))
        assert found == [(*row, day) for day in sorted(logs.answers) for row in logs.answers[day][kind]]


def test_the_rejected_flows_in_parquet_are_those_in_the_text(logs: Logs) -> None:
    columns = ", ".join(column for column, _ in CLASSROOM_COLUMNS)
    parquet = rows(logs.engine.execute(f"SELECT {columns}, dt FROM {REJECTED.trino}"))
    text = rows(logs.engine.execute(f"SELECT * FROM {TABLE.trino} WHERE action = 'REJECT'"))
    assert sorted(map(repr, parquet)) == sorted(map(repr, text))
    plain = rows(logs.engine.execute(f"SELECT * FROM {TABLE.trino}"))
    assert sorted(map(repr, text)) == sorted(repr(row) for row in plain if row[12] == "REJECT")


IN_RANGE = "dt IN (SELECT DISTINCT dt FROM traffic_by_hour)"
SUMS = "count(*) AS records, sum(numpackets) AS numpackets, sum(numbytes) AS numbytes"
SUMS_OF_SUMS = "sum(records) AS records, sum(numpackets) AS numpackets, sum(numbytes) AS numbytes"
HOUR = "CAST(starttime % 86400 / 3600 AS integer)"
PORT = "CASE WHEN least(sourceport, destinationport) < 32768 THEN least(sourceport, destinationport) END"


@pytest.mark.parametrize("keys", ["action", "protocol", "interfaceid", "logstatus", "dt", "action, protocol, dt"])
@pytest.mark.parametrize("dataset", ["traffic_summary", "traffic_by_hour"])
def test_sums_of_the_traffic_are_those_of_the_records(logs: Logs, dataset: str, keys: str) -> None:
    raw = f"SELECT {keys}, {SUMS} FROM {TABLE.trino} WHERE {IN_RANGE} GROUP BY {keys}"
    summed = f'SELECT {keys}, {SUMS_OF_SUMS} FROM "{TABLE.database}"."{dataset}" GROUP BY {keys}'
    assert sorted(map(repr, rows(logs.engine.execute(summed)))) == sorted(map(repr, rows(logs.engine.execute(raw))))


def test_hours_are_those_of_the_records(logs: Logs) -> None:
    raw = f"SELECT {HOUR}, action, dt, {SUMS} FROM {TABLE.trino} WHERE {IN_RANGE} GROUP BY 1, 2, 3"
    summed = f'SELECT hour, action, dt, {SUMS_OF_SUMS} FROM "{TABLE.database}"."traffic_by_hour" GROUP BY 1, 2, 3'
    assert sorted(map(repr, rows(logs.engine.execute(summed)))) == sorted(map(repr, rows(logs.engine.execute(raw))))


def test_pairs_and_ports_are_those_of_the_records(logs: Logs) -> None:
    keys = "interfaceid, sourceaddress, destinationaddress"
    times = "min(starttime) AS starttime, max(endtime) AS endtime"
    raw = f"SELECT {keys}, {PORT}, dt, {SUMS}, {times} FROM {TABLE.trino} WHERE {IN_RANGE} GROUP BY 1, 2, 3, 4, 5"
    summed = f'SELECT {keys}, serviceport, dt, {SUMS_OF_SUMS}, {times} FROM "{TABLE.database}"."traffic_summary" '
    found = logs.engine.execute(f"{summed} GROUP BY 1, 2, 3, 4, 5")
    assert sorted(map(repr, rows(found))) == sorted(map(repr, rows(logs.engine.execute(raw))))


def test_bytes_scanned_are_those_of_the_days_visible_objects_once(logs: Logs) -> None:
    assert logs.unloaded.scanned_bytes == sum(logs.visible_bytes(day) for day in logs.answers)
    for day in logs.answers:
        statement = f"SELECT count(*) FROM {TABLE.trino} WHERE dt = '{day}'"
        assert logs.engine.execute(statement).scanned_bytes == logs.visible_bytes(day), day


def test_the_folder_is_left_as_it_was(logs: Logs) -> None:
    for day in logs.answers:
        logs.report("top_rejected_pairs", day)
    assert fingerprint(logs.folder) == logs.before
