"""The asset of a daily report: its SQL, run over the rejected flows, and its rows as Parquet and CSV.

What a day's report says depends on that day's records alone. report_files.py finds the reports.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from assets.day_objects import arrived_since
from assets.metadata import query_metadata
from assets.rejected_flows.files import completion_markers, days_without_files, recorded_objects, require_files
from assets.reports.report_files import Report, report_sql
from assets.results_source import require_own_results
from assets.runs import as_dagster_failure, finish_days, query_comment, run_days
from assets.table_guards import days_without_partition, derived_days_read_otherwise, require_days
from assets.tables import csv_bytes, markdown_table, parquet_bytes, with_times
from flowlogs.days import batches, days_text
from flowlogs.errors import FlowLakeError
from flowlogs.statements import REJECTED_FLOWS, TableName, rejected_flows_name
from resources.bucket import Bucket, ObjectStore
from resources.consistent_read import attempts
from resources.engine import QueryEngine, QueryResult

if TYPE_CHECKING:
    import pandas as pd

GROUP = "reports"
ROWS_SHOWN = 20
DAYS_AT_ONCE = 30
"""How many days' files are written together. Each file is whole, and the disk is waited for once."""


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
        days = run_days(context)
        source = rejected_flows_name(table)
        done: dict[date, Mapping[str, object]] = {}
        with as_dagster_failure():
            require_own_results(results, bucket, athena, table)
            locations, failures = days_without_partition(athena, source, days, REJECTED_FLOWS)
            failures |= days_without_files(results, locations)
            failures |= derived_days_read_otherwise(athena, source, [day for day in locations if day not in failures])
            there = [day for day in days if day not in failures]
            markers = completion_markers(results, {day: locations[day] for day in there})
            for warning in arrived_since(bucket, recorded_objects(results, markers)):
                context.log.warning(warning)
            try:
                for group in batches(there, len(days)):
                    statement = f"{report_sql(report, source, group[0], group[-1])}\n{query_comment(context)}"
                    result = consistent_result(athena, results, source, group, statement)
                    shown = query_metadata(result, group)
                    rows = dict(list(result.frame.groupby("dt")))
                    frames = {day: rows.get(day.isoformat(), result.frame.iloc[:0]) for day in group}
                    for batch in batches(group, DAYS_AT_ONCE):
                        files = [files_of_report(report.name, day, frames[day]) for day in batch]
                        results.replace({key: data for day_files in files for key, data in day_files.items()})
                        count = sum(len(frames[day]) for day in batch)
                        rows_text = f"{count} {'row' if count == 1 else 'rows'}"
                        context.log.info(
                            f"{days_text(batch)} ({days.index(batch[-1]) + 1} of {len(days)}): {rows_text}."
                        )
                        done |= {
                            day: report_metadata(report.name, day, frames[day], shown[day], results) for day in batch
                        }
            except FlowLakeError as error:
                failures |= {day: str(error) for day in there if day not in done}
            yield from finish_days(context, days, done, failures)
        yield dg.MaterializeResult()

    return write_report


def consistent_result(
    athena: QueryEngine, results: ObjectStore, table: TableName, days: Sequence[date], statement: str
) -> QueryResult:
    """The statement's result, over days none of which is missing or was replaced while it ran.

    A parallel run may replace a day and remove its files while these are read.
    """
    for attempt in attempts():
        locations = require_days(athena, table, days, REJECTED_FLOWS)
        with attempt.error_deferred():
            require_files(results, locations)
            result = athena.execute(statement)
        attempt.changed = require_days(athena, table, days, REJECTED_FLOWS) != locations
    return result


def report_keys(name: str, day: date) -> tuple[str, str]:
    """The keys of a day's report, below the results root: its Parquet file and its CSV file."""
    return f"reports/{name}/{day}.parquet", f"reports/{name}/{day}.csv"


def files_of_report(name: str, day: date, frame: "pd.DataFrame") -> dict[str, bytes]:
    parquet, csv = report_keys(name, day)
    return {csv: csv_bytes(frame), parquet: parquet_bytes(frame)}


def report_metadata(
    name: str, day: date, frame: "pd.DataFrame", query: Mapping[str, object], results: ObjectStore
) -> Mapping[str, object]:
    """The metadata of one day's report, whose rows are in the frame, and of the query for it."""
    parquet, csv = report_keys(name, day)
    return {
        "dagster/row_count": len(frame),
        "table": dg.MetadataValue.md(markdown_table(with_times(frame), ROWS_SHOWN)),
        "parquet": dg.MetadataValue.path(results.display_path(parquet)),
        "csv": dg.MetadataValue.path(results.display_path(csv)),
        **query,
    }
