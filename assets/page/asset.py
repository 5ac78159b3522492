"""The asset of the morning page: a day's page and the index as HTML, from the reports' files and the day's totals.

model.py says what is on a page, render.py makes the HTML, day_totals.py has the query of the totals.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

import dagster as dg

from assets.datasets.files import completion_markers, recorded_objects, size_in_marker
from assets.day_objects import inspect_days
from assets.metadata import query_metadata
from assets.names import NamesByDay
from assets.page.day_totals import (
    DAYS_COMPARED,
    FOLDER,
    SOURCES,
    DaySummary,
    baseline,
    parse_summary,
    summary_bytes,
    summary_key,
    totals_of,
    totals_sql,
)
from assets.page.model import DayPage, Facts, day_dollars, day_page
from assets.page.render import TREND_DAYS, index_html, page_html
from assets.reports.asset import GROUP, consistent_result
from assets.reports.report_files import Report
from assets.reports.report_output import ReportOutput, parse_output, report_keys, stored_outputs
from assets.results_source import require_own_results
from assets.runs import as_dagster_failure, finish_days, query_comment, run_days
from assets.table_guards import days_without_partition
from assets.tables import markdown_text
from flowlogs.datasets import DATASETS
from flowlogs.statements import TableName
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine
from resources.names_file import NamesFile

NAME = "daily_page"
INDEX = "reports/index.html"


def page_key(day: date) -> str:
    """The key of a day's page, below the results root."""
    return f"reports/{day}.html"


def page_asset(
    reports: Sequence[Report], days: dg.DailyPartitionsDefinition, left_out: Sequence[tuple[str, str]] = ()
) -> dg.AssetsDefinition:
    """The asset ``daily_page`` over these days. `left_out` are reports that cannot be made, with the reason."""

    @dg.asset(
        name=NAME,
        group_name=GROUP,
        kinds={"html"},
        deps=[*SOURCES, *(report.name for report in reports)],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def daily_page(
        context: dg.AssetExecutionContext,
        bucket: dg.ResourceParam[Bucket],
        athena: dg.ResourceParam[QueryEngine],
        results: dg.ResourceParam[ObjectStore],
        names_file: dg.ResourceParam[NamesFile],
        table: dg.ResourceParam[TableName],
    ) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult]:
        """The page of a day, `reports/<day>.html`, and `reports/index.html`, which links all days.

        A page is one file that loads nothing. A report without a file for the day is named there.
        """
        days = run_days(context)
        done: dict[date, Mapping[str, object]] = {}
        failures: dict[date, str] = {}
        with as_dagster_failure():
            require_own_results(results, bucket, athena, table)
            sources = [TableName(table.database, name) for name in SOURCES]
            for source in sources:
                _, missing = days_without_partition(athena, source, days, source.table)
                failures |= missing
            there = [day for day in days if day not in failures]
            if there:
                statement = f"{totals_sql(there[0], there[-1])}\n{query_comment(context, NAME)}"
                result = consistent_result(athena, results, sources, there, statement)
                told = query_metadata(result, there)
                totals = totals_of(result.frame, there)
                markers = dataset_markers(
                    athena, results, table, there, max((report.history for report in reports), default=0)
                )
                read = recorded_objects(results, {day: key for day, key in markers[SOURCES[0]].items() if day in there})
                warnings = {day: found.warnings for day, found in inspect_days(bucket, there).items()}
                sizes = {
                    name: {day: size_in_marker(key) for day, key in keys.items()} for name, keys in markers.items()
                }
                summaries = stored_summaries(results, [before for day in there for before in _days_before(day)])
                files = StoredReports(results, reports)
                names = NamesByDay(results, names_file)
                for day in there:
                    earlier = [summaries[before].totals for before in _days_before(day) if before in summaries]
                    facts = Facts(
                        day=day,
                        totals=replace(totals[day], stored_bytes=read[day].size if day in read else 0),
                        outputs=files.of(day),
                        baseline=baseline(day, earlier),
                        names=names.on(day),
                        warnings=warnings[day],
                        left_out=left_out,
                        dataset_bytes=sizes,
                        is_simulated=bucket.is_simulated(),
                        cost_of=athena.cost_in_dollars,
                    )
                    page = day_page(facts)
                    results.replace({page_key(day): page_html(page), summary_key(day): summary_bytes(page.summary)})
                    summaries[day] = page.summary
                    done[day] = {**page_metadata(page, facts, results), **told[day]}
                    if page.missing:
                        names_of_missing = ", ".join(report.name for report in page.missing)
                        context.log.warning(
                            f"{day}: the page lacks {names_of_missing}, which has no file for that day."
                        )
                results.replace({INDEX: index_page(results, is_simulated=bucket.is_simulated())})
            yield from finish_days(context, days, done, failures)
        yield dg.MaterializeResult()

    return daily_page


def dataset_markers(
    athena: QueryEngine, results: ObjectStore, table: TableName, days: Sequence[date], history: int
) -> dict[str, dict[date, str]]:
    """By dataset, the keys of the completion markers of these days and of so many days before each."""
    wanted = sorted({day - timedelta(days=ago) for day in days for ago in range(history + 1)})
    found = {}
    for name in DATASETS:
        locations = athena.partition_locations(TableName(table.database, name), wanted)
        found[name] = completion_markers(results, name, locations)
    return found


class StoredReports:
    """The files of reports, by day. Each report's folder is listed once."""

    def __init__(self, results: ObjectStore, reports: Sequence[Report]) -> None:
        self.results = results
        self.stored = {report: stored_outputs(results, report) for report in reports}

    def of(self, day: date) -> list[tuple[Report, ReportOutput | None]]:
        """Each report with its rows of the day; with None where it has no file."""
        found: list[tuple[Report, ReportOutput | None]] = []
        for report, keys in self.stored.items():
            key, _ = report_keys(report.name, day)
            found.append((report, parse_output(self.results.read(key)) if key in keys else None))
        return found


def stored_summaries(results: ObjectStore, days: Sequence[date]) -> dict[date, DaySummary]:
    """The summaries of these days, as far as they are there."""
    stored = {found.key for found in results.list(FOLDER)}
    keys = {day: summary_key(day) for day in sorted(set(days))}
    return {
        day: parse_summary(results.read(key), results.display_path(key)) for day, key in keys.items() if key in stored
    }


def index_page(results: ObjectStore, *, is_simulated: bool) -> bytes:
    """The index of all days that have a page."""
    days = sorted(filter(None, map(_day_of_page, results.list_folder("reports/").keys)), reverse=True)
    recent = stored_summaries(results, days[:TREND_DAYS])
    return index_html(days, [recent[day] for day in days if day in recent], is_simulated=is_simulated)


def page_metadata(page: DayPage, facts: Facts, results: ObjectStore) -> Mapping[str, object]:
    """The metadata of a day's page: where it is, its sentences, and the day's numbers, which Dagster plots."""
    totals = page.summary.totals
    made = [report for report, output in facts.outputs if output is not None]
    return {
        "page": dg.MetadataValue.path(results.display_path(page_key(page.day))),
        "index": dg.MetadataValue.path(results.display_path(INDEX)),
        "what happened": dg.MetadataValue.md("\n\n".join(map(markdown_text, page.summary.sentences))),
        "look at": dg.MetadataValue.md("\n".join(f"- {markdown_text(text)}" for text in page.summary.look_at) or "-"),
        "simulated": page.is_simulated,
        "records": totals.records,
        "rejected flows": totals.rejected,
        "rejected packets": totals.rejected_packets,
        "rejected sources": totals.sources,
        "rejected ports": totals.ports,
        "unreadable records": totals.unreadable,
        "rows that need a look": totals.need_a_look,
        "bytes of traffic": totals.bytes,
        "bytes of logs": totals.stored_bytes,
        "cost of the day in US dollars": float(day_dollars(facts, made) or 0),
        "reports missing": len(page.missing),
    }


def _days_before(day: date) -> list[date]:
    return [day - timedelta(days=ago) for ago in range(1, DAYS_COMPARED + 1)]


def _day_of_page(key: str) -> date | None:
    name = key.rpartition("/")[2]
    try:
        return date.fromisoformat(name.removesuffix(".html")) if name.endswith(".html") else None
    except ValueError:
        return None
