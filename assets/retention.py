"""Removes what is not kept any more: logs, datasets and reports of days that are over, and the partitions of such days.

First it is found what would go, then it is removed. Every step may be repeated: what a killed run left is found again
by the next one. Only objects that this project made are removed: on S3 a lifecycle rule lets the logs expire
(resources/aws/bucket.py), and here only the partitions of days go whose folders are empty by then.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timezone

from assets.added_days import record_removed_days, recorded_days
from assets.datasets.cleanup import folders_in_use, remove_folders
from assets.datasets.files import ROOT, DayFolder, day_folders, parse_day
from assets.page.asset import INDEX, index_page
from assets.raw_tables import find_raw_tables
from assets.reports.report_output import is_output
from flowlogs.datasets import DATASETS
from flowlogs.days import days_text
from flowlogs.fields import PARTITION_COLUMN
from flowlogs.retention import Retention, first_kept
from flowlogs.statements import TableName, drop_partitions
from resources.bucket import Bucket, ObjectStore, StoredObject
from resources.engine import QueryEngine, day_values

_DAY = r"\d{4}-\d\d-\d\d"
_REPORT_FILE = re.compile(
    rf"reports/(?:(?P<report>[a-z_][a-z0-9_]*)/(?P<day>{_DAY})\.(?:parquet|csv)|day_totals/(?P<totals>{_DAY})\.json"
    rf"|(?P<page>{_DAY})\.html)"
)
"""The key of a file of a report, of the day's totals or of the day's page. The index is of all days."""

Partitions = Mapping[TableName, Sequence[tuple[str, ...]]]
"""Partitions by table, each by the values of the partition columns."""


@dataclass(frozen=True)
class ExpiredLogs:
    """What is over of the logs: objects to remove, and partitions of folders without any other object.

    `waiting` are days that are over and whose folders still hold objects, which are not removed here.
    """

    objects: Sequence[StoredObject] = ()
    partitions: Partitions = field(default_factory=dict)
    waiting: Sequence[date] = ()
    days: Sequence[date] = ()


@dataclass(frozen=True)
class ExpiredDatasets:
    """What is over of the datasets: folders of days, and partitions."""

    folders: Sequence[DayFolder] = ()
    partitions: Mapping[str, Sequence[date]] = field(default_factory=dict)

    @property
    def days(self) -> list[date]:
        """The days that something is left of, in order."""
        of_folders = {found.dataset_day.day for found in self.folders}
        return sorted(of_folders.union(*self.partitions.values()))


@dataclass(frozen=True)
class ExpiredReports:
    """What is over of the reports: their files, and those of pages."""

    files: Sequence[StoredObject] = ()

    @property
    def days(self) -> list[date]:
        """The days of these files, in order."""
        return sorted({day for stored in self.files if (day := day_of_report_file(stored.key))})


@dataclass(frozen=True)
class Expired:
    """All that is over."""

    logs: ExpiredLogs
    datasets: ExpiredDatasets
    reports: ExpiredReports


def day_of_report_file(key: str) -> date | None:
    """The day of a file of a report, of the day's totals or of the day's page; None for any other key."""
    match = _REPORT_FILE.fullmatch(key)
    return parse_day(match["day"] or match["totals"] or match["page"]) if match else None


def find_expired(
    retention: Retention,
    today: date,
    bucket: Bucket,
    athena: QueryEngine,
    results: ObjectStore,
    table: TableName,
    reports_here: Collection[str],
) -> Expired:
    """What is not kept any more on this day. Nothing is changed.

    `reports_here` are the names of the project's reports. Files of a folder with another name, such as that of a report
    that was there before, are opened to see whether a report made them.
    """
    added = recorded_days(results, table)
    logs, datasets, reports = ExpiredLogs(), ExpiredDatasets(), ExpiredReports()
    if first_logs := first_kept(retention.logs, today):
        logs = _expired_logs(first_logs, bucket, athena, results, table, added)
    if first_datasets := first_kept(retention.datasets, today):
        known = {day for days in added.values() for day in days if day < first_datasets}
        datasets = _expired_datasets(first_datasets, athena, results, table.database, known)
    if first_reports := first_kept(retention.reports, today):
        reports = _expired_reports(first_reports, results, reports_here)
    return Expired(logs, datasets, reports)


def _expired_logs(
    first: date,
    bucket: Bucket,
    athena: QueryEngine,
    results: ObjectStore,
    table: TableName,
    added: Mapping[TableName, Sequence[date]],
) -> ExpiredLogs:
    objects = bucket.removable_objects(first)
    going = {stored.key for stored in objects}
    sources = bucket.sources()
    root = bucket.objects.sql_location()
    empty: dict[str, bool] = {}
    partitions: dict[TableName, list[tuple[str, ...]]] = {}
    waiting, gone = set[date](), set[date]()
    for name, days in added.items():
        over = [day for day in days if day < first]
        values = [sources.partition_values(source, day) for day in over for source in sources.sources]
        there = athena.locations_of(name, list(dict.fromkeys(values))) if values else {}
        for found, location in sorted(there.items()):
            day = date.fromisoformat(found[0])
            folder = f"{location.removeprefix(root).rstrip('/')}/"
            if folder not in empty:
                empty[folder] = location.startswith(root) and all(
                    stored.key in going for stored in bucket.visible_objects(folder)
                )
            if empty[folder]:
                partitions.setdefault(name, []).append(found)
                gone.add(day)
            else:
                waiting.add(day)
    gone |= set(filter(None, (sources.find_day(stored.key) for stored in objects)))
    return ExpiredLogs(objects, partitions, sorted(waiting), sorted(gone))


def _expired_datasets(
    first: date, athena: QueryEngine, results: ObjectStore, database: str, known: Iterable[date]
) -> ExpiredDatasets:
    in_use = folders_in_use(results, database, datetime.now(timezone.utc))
    folders = [
        found
        for found in day_folders(results.list(ROOT)).values()
        if found.dataset_day.day < first
        and found.database == database
        and not {found.folder, found.root}.intersection(in_use)
    ]
    days = sorted({*known, *(found.dataset_day.day for found in folders)})
    partitions = {name: sorted(athena.partition_locations(TableName(database, name), days)) for name in DATASETS}
    return ExpiredDatasets(folders, {name: found for name, found in partitions.items() if found})


def _expired_reports(first: date, results: ObjectStore, reports_here: Collection[str]) -> ExpiredReports:
    over = {
        stored.key: stored
        for stored in results.list("reports/")
        if (day := day_of_report_file(stored.key)) is not None and day < first
    }
    of_others = [key for key in over if (name := _report_of(key)) and name not in reports_here]
    parquet = {key: f"{key.rpartition('.')[0]}.parquet" for key in of_others}
    outputs = {key for key in {*parquet.values()}.intersection(over) if is_output(results.read(key))}
    kept = {key for key in of_others if parquet[key] not in outputs}
    # A Parquet file, which tells that a report made both, goes after its CSV file.
    return ExpiredReports([over[key] for key in sorted(over, key=lambda key: (key in outputs, key)) if key not in kept])


def _report_of(key: str) -> str | None:
    """The name of the report that a file is of, by its key."""
    match = _REPORT_FILE.fullmatch(key)
    return match["report"] if match else None


def in_words(retention: Retention, expired: Expired) -> list[str]:
    """What is over, a line for each kind that has a setting."""
    lines = []
    logs, datasets, reports = expired.logs, expired.datasets, expired.reports
    if retention.logs is not None:
        dropped = ", ".join(f"{len(found)} of {name.table}" for name, found in logs.partitions.items()) or "none"
        lines.append(
            f"Logs (FLOWLAKE_KEEP_LOGS_DAYS={retention.logs}): of {days_text(logs.days)}: {_amount(logs.objects)}; "
            f"partitions: {dropped}."
        )
    if retention.datasets is not None:
        dropped = ", ".join(f"{len(found)} of {name}" for name, found in datasets.partitions.items()) or "none"
        files = [size for found in datasets.folders for size in found.files.values()]
        lines.append(
            f"Datasets (FLOWLAKE_KEEP_DATASETS_DAYS={retention.datasets}): of {days_text(datasets.days)}: "
            f"{len(files):,} files, {sum(files):,} bytes; partitions: {dropped}."
        )
    if retention.reports is not None:
        lines.append(
            f"Reports and pages (FLOWLAKE_KEEP_REPORTS_DAYS={retention.reports}): of {days_text(reports.days)}: "
            f"{_amount(reports.files)}."
        )
    return lines


def waiting_words(expired: Expired, bucket: Bucket) -> list[str]:
    """What is said of days that are over and whose folders still hold objects that are not removed here."""
    waiting = expired.logs.waiting
    return [
        f"Logs of {days_text(waiting)} are over, and are still in {bucket.objects.display_path()}: their partitions "
        "stay until they are gone. S3 lets objects expire by the day on which they were put there, and may take a day "
        "or two for it."
    ][: len(waiting)]


def remove_expired(
    expired: Expired, bucket: Bucket, athena: QueryEngine, results: ObjectStore, table: TableName
) -> list[str]:
    """Remove what is over; returns warnings about files that stay, because no run made them.

    Partitions go before their files, so that no query finds a partition without them.
    """
    raw = find_raw_tables(results, bucket.sources(), table)
    record_removed_days(results, table.database, expired.logs.days)
    for name, partitions in expired.logs.partitions.items():
        for statement in drop_partitions(name, raw.columns, partitions):
            athena.execute(statement)
    bucket.objects.delete([stored.key for stored in expired.logs.objects])
    for dataset, days in expired.datasets.partitions.items():
        name = TableName(table.database, dataset)
        for statement in drop_partitions(name, [PARTITION_COLUMN], [day_values(day) for day in days]):
            athena.execute(statement)
    warnings = remove_folders(results, [found.folder for found in expired.datasets.folders])
    results.delete([stored.key for stored in expired.reports.files])
    if expired.reports.files:
        results.replace({INDEX: index_page(results, is_simulated=bucket.is_simulated())})
    return warnings


def _amount(objects: Sequence[StoredObject]) -> str:
    return f"{len(objects):,} objects, {sum(stored.size for stored in objects):,} bytes"
