"""The daily reports: each is one SQL file beside this module, run over the rejected flows, written as Parquet and CSV.

A new report is a new .sql file and its line in REPORTS. What a day's report says depends on that day's records alone.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from assets.day_objects import arrived_since
from assets.metadata import query_metadata
from assets.rejected_flows.files import days_without_files, require_files
from assets.results_source import noted_objects, require_own_results
from assets.runs import clear_failures, days_of, finish_days, origin
from assets.table_guards import days_without_partition, require_days
from assets.tables import csv_bytes, markdown_table, parquet_bytes, with_times
from flowlogs.days import batches, listed
from flowlogs.errors import FlowLakeError
from flowlogs.statements import REJECTED_FLOWS, TableName, rejected_flows_name
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine, QueryResult

if TYPE_CHECKING:
    import pandas as pd

GROUP = "reports"
ROWS_SHOWN = 20
DAYS_AT_ONCE = 30
"""Of a range, how many days' files are written together: each is whole, and few waits for the disk do for all."""


@dataclass(frozen=True)
class Report:
    """A report's asset key, what it tells, and its SQL.

    In that, `{table}` stands for the table of REJECT records, `{first}` and `{last}` for the first and the last day.
    It gives the rows of each day, which its last column ``dt`` names, in the day's order. `columns` are the names and
    Hive types of what it gives; `path` is the file that it was read from.
    """

    name: str
    description: str
    template: str
    columns: Sequence[tuple[str, str]] = ()
    path: Path | None = None


def read_report(path: Path, description: str) -> Report:
    """The report of a SQL file: comments `-- name type` in front of the statement declare the columns that it gives."""
    lines = path.read_text(encoding="utf-8").strip().splitlines()
    declared = list(takewhile(lambda line: line.startswith("--"), lines))
    columns = []
    for line in declared:
        match line.removeprefix("--").split():
            case [name, hive_type]:
                columns.append((name, hive_type))
            case _:
                raise FlowLakeError(
                    f"{path}: {line!r} declares no column. In front of the statement, each comment names a column and "
                    "its type, such as `-- packetcount bigint`; other comments go further down."
                )
    return Report(path.stem, description, "\n".join(lines[len(declared) :]), tuple(columns), path)


def _of_this_folder(name: str, description: str) -> Report:
    return read_report(Path(__file__).with_name(f"{name}.sql"), description)


# The most important one first: the terminal shows it last, where people look.
REPORTS: Sequence[Report] = (
    _of_this_folder(
        "top_rejected_pairs", "The 20 source and destination pairs with the most rejected packets of the day."
    ),
    _of_this_folder(
        "rejected_flow_details", "The day's rejected flows in full, up to 100: those with the most packets."
    ),
)


def report_asset(report: Report, days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of one report over these days."""

    @dg.asset(
        name=report.name,
        description=report.description,
        group_name=GROUP,
        kinds={"parquet"},
        deps=[REJECTED_FLOWS],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def write_report(
        context: dg.AssetExecutionContext,
        bucket: dg.ResourceParam[Bucket],
        athena: dg.ResourceParam[QueryEngine],
        results: dg.ResourceParam[ObjectStore],
        table: dg.ResourceParam[TableName],
    ) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult]:
        days = days_of(context)
        source = rejected_flows_name(table)
        done: dict[date, Mapping[str, object]] = {}
        with clear_failures():
            require_own_results(results, bucket, athena, table)
            locations, failures = days_without_partition(athena, source, days, REJECTED_FLOWS)
            failures |= days_without_files(results, locations)
            there = [day for day in days if day not in failures]
            for warning in arrived_since(bucket, noted_objects(results, there)):
                context.log.warning(warning)
            try:
                for group in batches(there, len(days)):
                    statement = f"{report_sql(report, source, group[0], group[-1])}\n{origin(context)}"
                    result = consistent_result(athena, results, source, group, statement)
                    told = query_metadata(result, group)
                    rows = dict(list(result.frame.groupby("dt")))
                    frames = {day: rows.get(day.isoformat(), result.frame.iloc[:0]) for day in group}
                    for batch in batches(group, DAYS_AT_ONCE):
                        files = [report_files(report.name, day, frames[day]) for day in batch]
                        results.replace({key: data for day_files in files for key, data in day_files.items()})
                        count = sum(len(frames[day]) for day in batch)
                        rows_told = f"{count} {'row' if count == 1 else 'rows'}"
                        context.log.info(f"{listed(batch)} ({days.index(batch[-1]) + 1} of {len(days)}): {rows_told}.")
                        done |= {
                            day: report_metadata(report.name, day, frames[day], told[day], results) for day in batch
                        }
            except FlowLakeError as error:
                failures |= {day: str(error) for day in there if day not in done}
            yield from finish_days(context, days, done, failures)
        yield dg.MaterializeResult()

    return write_report


def consistent_result(
    athena: QueryEngine, results: ObjectStore, table: TableName, days: Sequence[date], statement: str
) -> QueryResult:
    """What the statement gives, over days each of which is there and stays as it is while it runs.

    A run beside this one may replace a day, and remove the files that are just being looked for, or read.
    """
    locations = require_days(athena, table, days, REJECTED_FLOWS)
    while True:
        failure = None
        try:
            require_files(results, locations)
            result = athena.execute(statement)
        except FlowLakeError as error:
            failure = error
        before, locations = locations, require_days(athena, table, days, REJECTED_FLOWS)
        if locations == before:
            if failure:
                raise failure
            return result


def report_sql(report: Report, table: TableName, first: date, last: date) -> str:
    """The statement of a report for these days."""
    return filled_in(report, table.trino, first, last)


def filled_in(report: Report, table: str, first: date, last: date) -> str:
    """A report's SQL with its placeholders filled in. Other braces stay, such as those of a regular expression."""
    values = {"{table}": table, "{first}": first.isoformat(), "{last}": last.isoformat()}
    return re.sub("|".join(map(re.escape, values)), lambda found: values[found[0]], report.template)


def report_keys(name: str, day: date) -> tuple[str, str]:
    """Where a day's report lies below the results root: its Parquet and its CSV file."""
    return f"reports/{name}/{day}.parquet", f"reports/{name}/{day}.csv"


def report_files(name: str, day: date, frame: "pd.DataFrame") -> dict[str, bytes]:
    parquet, csv = report_keys(name, day)
    return {csv: csv_bytes(frame), parquet: parquet_bytes(frame)}


def report_metadata(
    name: str, day: date, frame: "pd.DataFrame", query: Mapping[str, object], results: ObjectStore
) -> Mapping[str, object]:
    """What a person wants to know of one day's report, whose rows are in the frame, and of the query for it."""
    parquet, csv = report_keys(name, day)
    return {
        "dagster/row_count": len(frame),
        "table": dg.MetadataValue.md(markdown_table(with_times(frame), ROWS_SHOWN)),
        "parquet": dg.MetadataValue.path(results.uri(parquet)),
        "csv": dg.MetadataValue.path(results.uri(csv)),
        **query,
    }
