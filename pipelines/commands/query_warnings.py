"""What `make sql` tells of the days that a statement read, besides what the engine says of their objects."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

from assets.added_days import recorded_days
from assets.datasets.files import ROOT, DatasetDay, changed_folders, day_folders, derived_days, parse_day
from assets.datasets.lost_objects import changed_warnings, lost_since
from assets.day_objects import days_read, listing_warnings, objects_of_days
from assets.raw_tables import find_raw_tables
from assets.table_guards import days_read_otherwise, derived_days_read_otherwise
from flowlogs.datasets import DATASETS, REJECTED_FLOWS
from flowlogs.days import days_text
from flowlogs.errors import FlowLakeError
from flowlogs.layout import LogSource
from flowlogs.printable import first_names
from flowlogs.statements import TableName
from pipelines.commands.statement_guard import reads_tables
from pipelines.targets import Target
from resources.engine import QueryResult

_DATE = re.compile(r"\d{4}-\d\d-\d\d")

MAX_WARNINGS_OF_DAYS = 10
"""How many warnings about days are shown after a statement, which may read a thousand of them."""


def query_warnings(target: Target, statement: str, result: QueryResult) -> list[str]:
    """Warnings about the days that were read; of an engine that does not report them, about all days of the tables."""
    if result.locations is not None:
        found = _first_warnings(_warnings_of_days(target, result.locations))
        is_read = target.table in (result.tables or ())
        return [*found, *((days_not_in_table(target, statement) if is_read else []) or result.unmatched)]
    try:
        return _warnings_of_all_days(target, statement) if reads_tables(statement) else []
    except FlowLakeError as error:
        return [f"Whether the days are as runs have left them is not known: {error}"]


def _warnings_of_days(target: Target, locations: Sequence[str]) -> list[str]:
    """What people should know of the days that were read: by their listing, and by what the last run read of them."""
    days = days_read(target.bucket, locations)
    derived = derived_days(target.results, locations)
    database = target.table.database
    lost = lost_since(target.bucket, target.results, target.athena, database, days) if days else []
    made = sorted({one.day for one in derived if one.day not in days})
    now = objects_of_days(target.bucket, made) if made else {}
    names = list(dict.fromkeys(one.dataset for one in derived))
    changed = changed_warnings(target.athena, target.results, database, names, now)
    return [*lost, *listing_warnings(target.bucket, days), *changed, *_unfinished(derived)]


def _table(target: Target, dataset: str) -> TableName:
    return TableName(target.table.database, dataset)


def _unfinished(derived: Mapping[DatasetDay, datetime]) -> list[str]:
    """A warning about days that were not over when a dataset of them was made."""
    early = sorted({one.day for one, began in derived.items() if began.date() <= one.day})
    if not early:
        return []
    names = ", ".join(dict.fromkeys(one.dataset for one in derived))
    return [
        f"{days_text(early)}: not over (UTC) when the flow logs were read for {names}, so that these are a part of the "
        f"day. Materialize {names} again when it is over."
    ]


def days_not_in_table(target: Target, statement: str) -> list[str]:
    """Warnings about days in the folder of flow logs that a statement may ask for, and that the table does not have.

    Athena gives no row of such a day, and no error. The day was never added, or its flow logs are in another format or
    layout and have a table of their own.
    """
    folders = target.bucket.listed_folders()
    if not folders:
        return []
    raw = find_raw_tables(target.results, target.bucket.sources(), target.table)
    asked = _asked_days(statement, {day for days in folders.values() for day in days})
    values = {raw.sources.partition_values(source, day) for source in folders for day in asked}
    present = target.athena.locations_of(target.table, sorted(values)) if values else {}
    locations = {location.rstrip("/") for location in present.values()}
    missing = [
        (source, day)
        for source in folders
        for day in folders[source]
        if day in asked and source.day_location(day) not in locations and _holds_objects(target, source, day)
    ]
    if not missing:
        return []
    days = sorted({day for _, day in missing})
    whose = sorted({f"{source.account} in {source.region}" for source, _ in missing}) if raw.sources.is_keyed else []
    of_whom = f" of {first_names(whose)}" if whose else ""
    beside = [name.table for name in recorded_days(target.results, target.table) if name != target.table]
    elsewhere = f" Tables of other formats and layouts: {first_names(beside)}." if beside else ""
    return [
        f"Flow logs{of_whom} on {days_text(days)} are in the folder, and {target.table.table} has no partition for "
        "them, so that no row is of them: they were never added, or are in another format or layout, which has its own "
        f"table.{elsewhere} Add a day with: make run DATE={days[-1]}. "
        f"{REJECTED_FLOWS.name} has the REJECT records of all formats."
    ]


def _asked_days(statement: str, listed: Collection[date]) -> set[date]:
    """Those of the listed days that a statement may ask for, by the dates in its text."""
    found = sorted({day for text in _DATE.findall(statement) if (day := parse_day(text))})
    if not found or re.search(r"[<>]", statement):
        return set(listed)
    is_range = re.search(r"\bBETWEEN\b", statement, re.IGNORECASE) is not None
    return {day for day in listed if (found[0] <= day <= found[-1] if is_range else day in found)}


def _holds_objects(target: Target, source: LogSource, day: date) -> bool:
    return next(target.bucket.visible_objects(source.day_prefix(day)), None) is not None


def _first_warnings(warnings: Sequence[str]) -> list[str]:
    others = len(warnings) - MAX_WARNINGS_OF_DAYS
    more = [f"{others} more of such warnings are not shown. Ask for fewer days to see them."] if others > 0 else []
    return [*warnings[:MAX_WARNINGS_OF_DAYS], *more]


def _warnings_of_all_days(target: Target, statement: str) -> list[str]:
    told: list[str] = []
    recorded = recorded_days(target.results, target.table)[target.table]
    if _names(statement, target.table):
        raw = find_raw_tables(target.results, target.bucket.sources(), target.table)
        values = [raw.sources.partition_values(source, day) for day in recorded for source in raw.sources.sources]
        told += days_read_otherwise(target.athena, target.table, raw.main_table.columns, values).values()
    named = [dataset for dataset in DATASETS if _names(statement, _table(target, dataset))]
    folders = day_folders(target.results.list(ROOT)) if named else {}
    for dataset in named:
        days = sorted({*recorded, *(found.dataset_day.day for found in folders.values())})
        table = _table(target, dataset)
        told += derived_days_read_otherwise(target.athena, table, days).values()
        locations = target.athena.partition_locations(table, days)
        if changed := changed_folders(target.results, folders, locations.values()):
            told.append(
                f"Where the statement reads these days, the rows of {dataset} may not be those that were written: "
                f"{first_names(changed)}. Move away what is not the table's, or materialize {dataset} for these days "
                "again."
            )
    return list(dict.fromkeys(told))


def _names(statement: str, table: TableName) -> bool:
    return re.search(rf"\b{table.table}\b", statement, re.IGNORECASE) is not None
