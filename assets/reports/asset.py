"""The asset of a daily report: its SQL, run over the datasets, and its rows as Parquet and CSV.

What a day's report says depends on the datasets of that day, and of the days before that its file names.
report_files.py finds the reports, report_output.py makes the files.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta

import dagster as dg

from assets.coverage import Coverage, coverage_version
from assets.datasets.files import completion_markers, days_without_files, recorded_coverage, require_files
from assets.day_objects import arrived_since, damaged_warning, fields_of_day
from assets.metadata import query_metadata
from assets.names import NO_NAMES, Names, NamesByDay
from assets.page.charts import bars_picture
from assets.page.model import frame_for_people, report_figure
from assets.reports.report_files import Report, lacking
from assets.reports.report_output import (
    ReportOutput,
    files_of_report,
    output_without_rows,
    report_keys,
    split_result,
)
from assets.reports.report_sql import report_sql
from assets.results_source import require_own_results
from assets.runs import as_dagster_failure, data_version, days_to_do, finish_days, query_comment, run_days
from assets.table_guards import days_without_partition, derived_days_read_otherwise, require_days
from assets.tables import SHOWN_AT_ONCE, markdown_table
from flowlogs.days import batches, days_text
from flowlogs.errors import FlowLakeError
from flowlogs.fields import PARTITION_COLUMN
from flowlogs.statements import TableName
from resources.bucket import Bucket, ObjectStore
from resources.consistent_read import attempts
from resources.engine import QueryEngine, QueryResult
from resources.names_file import NamesFile

GROUP = "reports"
ROWS_SHOWN = 20
BARS_SHOWN = 10
MADE_WITHOUT = "made without"
"""The metadata of a day that was made without its damaged objects."""

DAYS_AT_ONCE = 30
"""How many days' files are written together. Each file is whole, and the disk is waited for once."""


def report_asset(report: Report, days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of one report over these days."""

    @dg.asset(
        name=report.name,
        description=report.description,
        group_name=GROUP,
        kinds={"parquet"},
        deps=[_dependency(report, dataset) for dataset in report.reads],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def write_report(
        context: dg.AssetExecutionContext,
        bucket: dg.ResourceParam[Bucket],
        athena: dg.ResourceParam[QueryEngine],
        results: dg.ResourceParam[ObjectStore],
        names_file: dg.ResourceParam[NamesFile],
        table: dg.ResourceParam[TableName],
    ) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult]:
        days, failed_before = days_to_do(context)
        done: dict[date, Mapping[str, object]] = {}
        failures: dict[date, str] = {}
        coverage: dict[date, list[Coverage]] = {}
        left_out: dict[date, Mapping[str, str]] = {}
        with as_dagster_failure():
            require_own_results(results, bucket, athena, table)
            for source in sources_of(report, table):
                locations, missing = days_without_partition(athena, source, days, source.table)
                failures |= missing
                failures |= days_without_files(results, source.table, locations)
                failures |= derived_days_read_otherwise(
                    athena, source, [day for day in locations if day not in failures]
                )
                there = {day: locations[day] for day in days if day not in failures}
                covered = recorded_coverage(results, completion_markers(results, source.table, there))
                for day, found in covered.items():
                    coverage.setdefault(day, []).append(found)
                left_out |= {day: found.left_out for day, found in covered.items() if found.left_out}
                made_from = {day: found.read for day, found in covered.items()}
                for warning in arrived_since(bucket, made_from, source.table):
                    context.log.warning(warning)
            lacks = {
                day: lost
                for day in days
                if day not in failures
                and (lost := [field for field in report.fields if field not in fields_of_day(bucket, day)])
            }
            there_days = [day for day in days if day not in failures and day not in lacks]
            names = NamesByDay(results, names_file)
            before = days_before(athena, report, table, there_days)
            # Without an earlier day, everything would be new.
            alone = [day for day in there_days if report.history and not before[day]]
            try:
                for day in [*lacks, *alone]:
                    if day in lacks:
                        context.log.info(f"{day}: left out, as {lacking(lacks[day])}.")
                    output = output_without_rows(report, lacks.get(day, ()))
                    results.replace(files_of_report(report, day, output))
                    done[day] = report_metadata(report, day, output, {}, results)
                for group in batches([day for day in there_days if day not in alone], len(days)):
                    comment = query_comment(context, report.name)
                    statement = f"{report_sql(report, group[0], group[-1])}\n{comment}"
                    read = [*group, *(other for day in group for other in before[day])]
                    result = consistent_result(athena, results, sources_of(report, table), read, statement)
                    shown = query_metadata(result, group)
                    outputs = split_result(report, result, group, before)
                    for batch in batches(group, DAYS_AT_ONCE):
                        files = [files_of_report(report, day, outputs[day]) for day in batch]
                        results.replace({key: data for day_files in files for key, data in day_files.items()})
                        count = sum(len(outputs[day].frame) for day in batch)
                        rows_text = f"{count} {'row' if count == 1 else 'rows'}"
                        if len(days) > 1:
                            context.log.info(
                                f"{days_text(batch)} ({days.index(batch[-1]) + 1} of {len(days)}): {rows_text}."
                            )
                        done |= {
                            day: report_metadata(report, day, outputs[day], shown[day], results, names.on(day))
                            for day in batch
                        }
            except FlowLakeError as error:
                failures |= {day: str(error) for day in there_days if day not in done}
            for day in done:
                if day in left_out:
                    done[day] = {**done[day], MADE_WITHOUT: damaged_warning(bucket, day, left_out[day])}
            for warning in names.warnings:
                context.log.warning(warning)
            versions = {day: coverage_version(coverage.get(day, ())) for day in done}
            finished = yield from finish_days(context, run_days(context), done, failed_before | failures, versions)
        yield dg.MaterializeResult(metadata=finished.metadata, data_version=data_version(versions, days))
        finished.fail_if_last()

    return write_report


def _dependency(report: Report, dataset: str) -> dg.AssetDep:
    """A dataset that the report reads: the same day, and the days before that it compares with."""
    if not report.history:
        return dg.AssetDep(dataset)
    mapping = dg.TimeWindowPartitionMapping(start_offset=-report.history, allow_nonexistent_upstream_partitions=True)
    return dg.AssetDep(dataset, partition_mapping=mapping)


def sources_of(report: Report, table: TableName) -> list[TableName]:
    """The tables that a report reads."""
    return [TableName(table.database, dataset) for dataset in report.reads]


def days_before(athena: QueryEngine, report: Report, table: TableName, days: Sequence[date]) -> dict[date, list[date]]:
    """By day, those of the days before it with which the report compares that all its datasets have."""
    if not report.history or not days:
        return {day: [] for day in days}
    wanted = {day: [day - timedelta(days=ago) for ago in range(report.history, 0, -1)] for day in days}
    there = {day for of_day in wanted.values() for day in of_day}
    for source in sources_of(report, table):
        there &= athena.partition_locations(source, sorted(there)).keys()
    return {day: [other for other in of_day if other in there] for day, of_day in wanted.items()}


def consistent_result(
    athena: QueryEngine, results: ObjectStore, sources: Sequence[TableName], days: Iterable[date], statement: str
) -> QueryResult:
    """The statement's result, over days of datasets none of which is missing or was replaced while it ran.

    A parallel run may replace a day and remove its files while these are read.
    """
    read = sorted(set(days))
    for attempt in attempts():
        locations = {source: require_days(athena, source, read, source.table) for source in sources}
        with attempt.error_deferred():
            for source, found in locations.items():
                require_files(results, source.table, found)
            result = athena.execute(statement)
        attempt.changed = {source: require_days(athena, source, read, source.table) for source in sources} != locations
    return result


def report_metadata(
    report: Report,
    day: date,
    output: ReportOutput,
    query: Mapping[str, object],
    results: ObjectStore,
    names: Names = NO_NAMES,
) -> Mapping[str, object]:
    """The metadata of one day's report and of the query for it."""
    parquet, csv = report_keys(report.name, day)
    shown = output.frame.drop(columns=PARTITION_COLUMN)
    return {
        "dagster/row_count": len(output.frame),
        **_picture(report, output, names),
        "table": dg.MetadataValue.md(markdown_table(frame_for_people(report, shown, names), ROWS_SHOWN, SHOWN_AT_ONCE)),
        **({"more rows": f"the report has the first {report.rows}"} if output.has_more else {}),
        **({"rows that need a look": len(output.alarms)} if report.alarm else {}),
        **({"left out": lacking(output.lacks)} if output.lacks else {}),
        **({"days compared with": f"{output.compared} of {report.history}"} if report.history else {}),
        "parquet": dg.MetadataValue.path(results.display_path(parquet)),
        "csv": dg.MetadataValue.path(results.display_path(csv)),
        **query,
    }


def _picture(report: Report, output: ReportOutput, names: Names) -> Mapping[str, object]:
    """The report's first bars as an image in Markdown, as many as Dagster's UI shows at once; nothing without bars."""
    figure = report_figure(report, output, names)
    bars = [(bar.label, bar.value, bar.share) for bar in figure.bars[:BARS_SHOWN]] if figure else []
    for count in range(len(bars), 0, -1):
        data = base64.b64encode(bars_picture(bars[:count]).encode()).decode()
        text = f"![bars](data:image/svg+xml;base64,{data})"
        if len(text) <= SHOWN_AT_ONCE or count == 1:
            return {"picture": dg.MetadataValue.md(text)}
    return {}
