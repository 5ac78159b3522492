"""What the children do: run the lineage for some days, and read back what lies in the results."""

import csv
import io
import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from assets.reports.asset import report_keys
from assets.reports.report_files import read_reports
from flowlogs.errors import FlowLakeError
from flowlogs.layout import is_visible
from flowlogs.statements import TableName
from pipelines.build import build_definitions
from pipelines.settings import Settings
from pipelines.targets import build_target
from torture.expected import COLUMNS, DATASETS, REPORTS

Request = tuple[date, date]
"""The first and the last day of a run."""


def job_of(settings: Settings) -> dg.JobDefinition:
    """The whole lineage, with the reports that `expected.py` knows, as a job. Makes no request and opens no file."""
    reports = [report for report in read_reports() if report.name in REPORTS]
    return build_definitions(settings, reports).resolve_implicit_global_asset_job_def()


def run_lineage(job: dg.JobDefinition, request: Request) -> dict[str, object]:
    """Materialize everything for the days of the request; says how that ended."""
    first, last = request
    bounds = {"start": first.isoformat(), "end": last.isoformat()}
    days: dict[str, Any] = {"partition_key": first.isoformat()}
    if first != last:
        days = {"tags": {f"dagster/asset_partition_range_{end}": day for end, day in bounds.items()}}
    with dg.DagsterInstance.ephemeral() as instance:
        try:
            result = job.execute_in_process(instance=instance, raise_on_error=False, **days)
        except FlowLakeError as error:
            return {"success": False, "failures": [str(error)]}
        failures, crashes = [], []
        for event in result.get_step_failure_events():
            told = event.step_failure_data
            if told.user_failure_data and told.user_failure_data.description:
                failures.append(told.user_failure_data.description)
            else:
                crashes.append(told.error.to_string() if told.error else "a step failed without an error")
        entries = [entry for entry in instance.all_logs(result.run_id) if not entry.is_dagster_event]
        return {
            "success": result.success,
            "failures": failures,
            "crashes": crashes,
            "warnings": [entry.user_message for entry in entries if entry.level >= 30],
        }


def as_on_the_next_day() -> None:
    """In this process, runs that were killed have ended long ago: what they left may be removed."""
    from assets.datasets import cleanup

    time.sleep(1.05)  # names of attempts have whole seconds
    cleanup.RUN_ENDS_WITHIN = timedelta(0)


def wait_for_nothing() -> None:
    """In this process, nothing is waited for as long as AWS would want it."""
    sleep = time.sleep
    time.sleep = lambda seconds: sleep(min(seconds, 0.02))


def read_tables(settings: Settings, days: Sequence[date], read: Callable[[str], dict[str, bytes]]) -> dict[str, Any]:
    """By day, the rows of each dataset that has a partition and of each report that is there.

    `read` gives the files whose keys in the results begin so. Partitions are looked up in the catalog; what they point
    at is read file by file, by no reader of ours. A report's CSV must say what its Parquet says.
    """
    target, found = build_target(settings), {day.isoformat(): dict[str, list[list[object]]]() for day in days}
    for dataset in DATASETS:
        try:
            locations = target.athena.partition_locations(TableName(settings.database, dataset), days)
        except FlowLakeError:  # there is no such table yet
            continue
        for day, location in locations.items():
            folder = f"{location.removeprefix(target.results.sql_location()).rstrip('/')}/"
            files = {key: data for key, data in read(folder).items() if is_visible(key, folder)}
            rows = [row for data in files.values() for row in _parquet_rows(data, COLUMNS[dataset])]
            found[day.isoformat()][dataset] = rows
    for report in REPORTS:
        for day in days:
            parquet, as_csv = report_keys(report, day)
            if data := read(parquet):
                rows = _parquet_rows(data[parquet], COLUMNS[report])
                found[day.isoformat()][report] = rows
                if (text := read(as_csv)) and (other := _csv_rows(text[as_csv])) != [
                    list(map(_text, row)) for row in rows
                ]:
                    found[day.isoformat()][f"{report}.csv"] = other  # type: ignore[assignment]
    return found


def _parquet_rows(data: bytes, columns: Sequence[str]) -> list[list[object]]:
    table = pq.read_table(io.BytesIO(data), use_threads=False).to_pylist()
    return [[row.get(column) for column in columns] for row in table]


def _csv_rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode())))[1:]


def _text(value: object) -> str:
    return "" if value is None else str(value)
