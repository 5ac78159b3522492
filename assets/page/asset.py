"""The asset of the morning page: a day's page and the index as HTML, from the reports' files and the day's totals.

model.py says what is on a page, render.py makes the HTML, day_totals.py has the query of the totals.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import dagster as dg

from assets.coverage import Coverage, coverage_version
from assets.datasets.files import completion_markers, derived_days, parse_day, recorded_coverage, size_in_marker
from assets.day_objects import DayObjects, damaged_warning, inspect_days
from assets.deliveries import compared_deliveries, deliveries_by_day
from assets.delivery_changes import delivery_changes
from assets.metadata import query_metadata
from assets.names import NamesByDay
from assets.page.day_check import (
    COMPLETE_CHECK,
    SILENT_INTERFACES,
    DayFacts,
    complete_check,
    completeness_metadata,
    completeness_of,
    coverage_disagreement,
)
from assets.page.day_totals import (
    DAYS_COMPARED,
    FOLDER,
    SOURCES,
    Covered,
    DaySummary,
    DayTotals,
    baseline,
    disagreements,
    parse_summary,
    summary_bytes,
    summary_key,
    totals_of,
    totals_sql,
)
from assets.page.model import DayPage, Facts, day_dollars, day_page
from assets.page.odd_records import examples_of, examples_sql
from assets.page.render import TREND_DAYS, index_html, page_html
from assets.page.updates import updates_of
from assets.reports.asset import GROUP, MADE_WITHOUT, consistent_result
from assets.reports.report_files import Report
from assets.reports.report_output import ReportOutput, parse_output, report_keys, stored_outputs
from assets.results_source import require_own_results
from assets.runs import as_dagster_failure, data_version, days_to_do, finish_days, query_comment, run_days
from assets.table_guards import days_without_partition
from assets.tables import markdown_list, markdown_text
from flowlogs.completeness import Completeness
from flowlogs.datasets import DATASETS
from flowlogs.errors import FlowLakeError
from flowlogs.statements import TableName
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine
from resources.names_file import NamesFile

NAME = "daily_page"
ADD_UP_CHECK = "records_add_up"
LEFT_OUT_CHECK = "no_object_left_out"
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
        check_specs=[
            dg.AssetCheckSpec(
                ADD_UP_CHECK,
                asset=NAME,
                description="Each record that was read is rejected, accepted, NODATA, SKIPDATA or unreadable, and the "
                "datasets have the same records, from the same objects.",
            ),
            dg.AssetCheckSpec(
                COMPLETE_CHECK,
                asset=NAME,
                description="The day is complete, as far as its listing, its records and the days before tell. What is "
                "told says what to do; docs/completeness.md defines the figure.",
            ),
            dg.AssetCheckSpec(
                LEFT_OUT_CHECK,
                asset=NAME,
                description="No day was made without a damaged object (FLOWLAKE_LEAVE_OUT_DAMAGED).",
            ),
        ],
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
        days, failed_before = days_to_do(context)
        done: dict[date, Mapping[str, object]] = {}
        failures: dict[date, str] = {}
        different: dict[date, str] = {}
        complete: dict[date, Completeness] = {}
        covered: list[Coverage] = []
        incomplete: dict[date, str] = {}
        records = 0
        with as_dagster_failure():
            require_own_results(results, bucket, athena, table)
            sources = [TableName(table.database, name) for name in SOURCES]
            for source in sources:
                failures |= days_without_partition(athena, source, days, source.table)[1]
            there = [day for day in days if day not in failures]
            if there:
                facts_of = FactsOfDays(bucket, athena, results, names_file, table, reports, there)
                comment = query_comment(context, NAME)
                statement = f"{totals_sql(there[0], there[-1], facts_of.headers)}\n{comment}"
                result = consistent_result(athena, results, sources, there, statement)
                told = query_metadata(result, there)
                of_days = totals_of(result.frame, there)
                odd = [day for day, totals in of_days.items() if totals.odd or totals.unreadable]
                if odd:
                    statement = f"{examples_sql(odd[0], odd[-1], facts_of.headers)}\n{comment}"
                    examples = consistent_result(athena, results, sources, odd, statement)
                    facts_of.odd_records = examples_of(examples.frame)
                different = disagreements(result.frame, of_days)
                for day in there:
                    if text := coverage_disagreement(day, facts_of.covered(day)):
                        different[day] = "\n".join(filter(None, [different.get(day), text]))
                records = sum(totals.records for totals in of_days.values())
                for warning in different.values():
                    context.log.warning(warning)
                for day, totals in of_days.items():
                    of_day = facts_of.completeness_facts(day, totals, different.get(day))
                    complete[day] = completeness_of(of_day, bucket)
                    facts = replace(facts_of.day(day, totals, left_out), completeness=complete[day])
                    page = day_page(facts)
                    covered += [of_day.covered] if of_day.covered else []
                    if without := facts_of.damaged_warning(day):
                        incomplete[day] = without
                        context.log.warning(without)
                    results.replace({page_key(day): page_html(page), summary_key(day): summary_bytes(page.summary)})
                    facts_of.summaries[day] = page.summary
                    of_completeness = completeness_metadata(complete[day], of_day, facts_of.silent_interfaces(facts))
                    done[day] = {**page_metadata(page, facts, results), **of_completeness, **told[day]}
                    if day in incomplete:
                        done[day] = {**done[day], MADE_WITHOUT: incomplete[day]}
                    for report in page.missing:
                        context.log.warning(f"The page of {day} lacks {report.name}, which has no file for that day.")
                for warning in facts_of.names.warnings:
                    context.log.warning(warning)
                results.replace({INDEX: index_page(results, is_simulated=bucket.is_simulated())})
            versions = {day: facts_of.version(day) for day in done}
            finished = yield from finish_days(context, run_days(context), done, failed_before | failures, versions)
        yield dg.MaterializeResult(
            metadata=finished.metadata,
            check_results=[
                add_up_check(different, records, covered, days),
                complete_check(complete, done, days),
                left_out_check(incomplete, days),
            ],
            data_version=data_version(versions, days),
        )
        finished.fail_if_last()

    return daily_page


def add_up_check(
    different: Mapping[date, str], records: int, covered: Sequence[Coverage], days: Sequence[date]
) -> dg.AssetCheckResult:
    """The check that the datasets of these days have the same records, from the same objects."""
    return dg.AssetCheckResult(
        check_name=ADD_UP_CHECK,
        passed=not different,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n\n".join(map(markdown_text, different.values())) or None,
        metadata={
            "days looked at": len(days),
            "records": records,
            "objects covered": sum(found.count for found in covered),
            "bytes covered": sum(found.size for found in covered),
        },
    )


def left_out_check(incomplete: Mapping[date, str], days: Sequence[date]) -> dg.AssetCheckResult:
    """The check that no day was made without a damaged object."""
    return dg.AssetCheckResult(
        check_name=LEFT_OUT_CHECK,
        passed=not incomplete,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n\n".join(map(markdown_text, incomplete.values())) or None,
        metadata={"days looked at": len(days), "days without an object": len(incomplete)},
    )


class FactsOfDays:
    """Gathers what the pages of several days are made from. Each folder is listed once, whatever the number of days.

    `summaries` are those of the days before, which a page is compared with, and those of the pages before.
    `odd_records` are examples of odd records.
    """

    def __init__(
        self,
        bucket: Bucket,
        athena: QueryEngine,
        results: ObjectStore,
        names_file: NamesFile,
        table: TableName,
        reports: Sequence[Report],
        days: Sequence[date],
    ) -> None:
        self.bucket = bucket
        self.results = results
        self.is_simulated = bucket.is_simulated()
        self.cost_of = athena.cost_in_dollars
        self.names = NamesByDay(results, names_file)
        self.inspected = inspect_days(bucket, days)
        self.by_day = deliveries_by_day(bucket, self.inspected)
        self.silent_on = delivery_changes(bucket, self.inspected, self.by_day).silent_on
        self.headers = common_headers(self.inspected.values())
        self.odd_records: Mapping[date, Sequence[str]] = {}
        self.stored = {report: stored_outputs(results, report) for report in reports}
        self.summaries = stored_summaries(
            results, [one for day in days for one in (day, *_days_before(day))], replaced=days
        )
        self.now = datetime.now(timezone.utc)
        history = max((report.history for report in reports), default=0)
        wanted = sorted({day - timedelta(days=ago) for day in days for ago in range(history + 1)})
        self.dataset_bytes: dict[str, dict[date, int]] = {}
        self.coverage: dict[str, dict[date, Coverage]] = {}
        self.left_out: dict[date, dict[str, str]] = {}
        for name in DATASETS:
            locations = athena.partition_locations(TableName(table.database, name), wanted)
            markers = completion_markers(results, name, locations)
            self.dataset_bytes[name] = {day: size_in_marker(key) for day, key in markers.items()}
            found = recorded_coverage(results, {day: markers[day] for day in days if day in markers})
            self.coverage[name] = found
            for day, covered in found.items():
                self.left_out[day] = {**self.left_out.get(day, {}), **covered.left_out}
            if name == SOURCES[0]:
                began = derived_days(results, locations.values())
                self.began = {one.day: when for one, when in began.items()}

    def covered(self, day: date) -> dict[str, Coverage]:
        """By dataset, the objects that it was made from, as far as that is recorded."""
        return {name: self.coverage[name][day] for name in SOURCES if day in self.coverage[name]}

    def version(self, day: date) -> str:
        """The data version of what is made from a day's datasets."""
        return coverage_version(self.covered(day).values())

    def completeness_facts(self, day: date, totals: DayTotals, different: str | None) -> DayFacts:
        """What the completeness of a day is computed from."""
        return DayFacts(
            day,
            self.inspected[day],
            compared_deliveries(day, self.by_day),
            totals,
            self._earlier(day),
            self.covered(day).get(SOURCES[0]),
            self.silent_on.get(day, []),
            different,
            self.left_out.get(day, {}),
        )

    def silent_interfaces(self, facts: Facts) -> int | None:
        """How many interfaces fell silent, as the report of that name says; None without it."""
        found = [output for report, output in facts.outputs if report.name == SILENT_INTERFACES and output]
        return len(found[0].alarms) if found else None

    def _earlier(self, day: date) -> list[DayTotals]:
        return [self.summaries[before].totals for before in _days_before(day) if before in self.summaries]

    def day(self, day: date, totals: DayTotals, left_out: Sequence[tuple[str, str]]) -> Facts:
        """The facts of a day."""
        read, covered = self.covered(day).get(SOURCES[0]), self._covered_by_page(day)
        return Facts(
            day=day,
            totals=replace(totals, stored_bytes=read.read.size if read else 0),
            outputs=[(report, self._output(report, day)) for report in self.stored],
            baseline=baseline(day, self._earlier(day)),
            names=self.names.on(day),
            odd_records=self.odd_records.get(day, []),
            left_out=left_out,
            is_simulated=self.is_simulated,
            dataset_bytes=self.dataset_bytes,
            cost_of=self.cost_of,
            covered=covered,
            updates=updates_of(self.summaries.get(day), covered, totals.records, self.now),
        )

    def _covered_by_page(self, day: date) -> Covered | None:
        read = self.coverage[SOURCES[0]].get(day)
        if read is None:
            return None
        return Covered(read.count, read.size, read.digest, partial=self.began[day].date() <= day)

    def damaged_warning(self, day: date) -> str | None:
        """What to know of a day that was made without its damaged objects."""
        damaged = self.left_out.get(day)
        return damaged_warning(self.bucket, day, damaged) if damaged else None

    def _output(self, report: Report, day: date) -> ReportOutput | None:
        key, _ = report_keys(report.name, day)
        return parse_output(self.results.read(key)) if key in self.stored[report] else None


def common_headers(inspected: Iterable[DayObjects]) -> frozenset[str]:
    """The fields, by AWS's names, that all records of these days have; none where no format was recognized."""
    formats = {found for of_day in inspected for found in of_day.formats}
    headers = [frozenset(field.header for field in one.fields) for one in formats]
    return headers[0].intersection(*headers[1:]) if headers else frozenset()


def stored_summaries(
    results: ObjectStore, days: Sequence[date], replaced: Collection[date] = ()
) -> dict[date, DaySummary]:
    """The summaries of these days, as far as they are there.

    One that is damaged is an error, unless its day is `replaced`: then it is left out.
    """
    stored = {found.key for found in results.list(FOLDER)}
    summaries = {}
    for day in sorted(set(days)):
        if (key := summary_key(day)) in stored:
            data = results.read(key)
            with suppress(FlowLakeError) if day in replaced else nullcontext():
                summaries[day] = parse_summary(data, results.display_path(key))
    return summaries


def made_days(results: ObjectStore) -> set[date]:
    """The days that have a page."""
    return set(filter(None, map(_day_of_page, results.list_folder("reports/").keys)))


def index_page(results: ObjectStore, *, is_simulated: bool) -> bytes:
    """The index of all days that have a page."""
    days = sorted(made_days(results), reverse=True)
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
        "look at": dg.MetadataValue.md(markdown_list(page.summary.look_at) or "-"),
        **({"updates": dg.MetadataValue.md(markdown_list(page.summary.updates))} if page.summary.updates else {}),
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
    day = parse_day(key.removeprefix("reports/").removesuffix(".html"))
    # Python 3.11 also reads 20210902 as a day.
    return day if day and page_key(day) == key else None
