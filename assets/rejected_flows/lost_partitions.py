"""Adds partitions again that were lost with a dropped table. No flow log is scanned for that.

A day of rejected flows is found by the folder that a run completed. A day of flow logs is found by the record of the
run that added it; its objects are inspected again.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from assets.day_objects import inspect_days
from assets.objects_read import ObjectsRead
from assets.raw_tables import RawTables, add_partitions_of, create_side_tables
from assets.rejected_flows.cleanup import folders_in_use, remove_folders, remove_orphans, superseded_folders
from assets.rejected_flows.files import (
    ROOT,
    completion_markers,
    day_folders,
    key_prefix,
    newest_complete,
    recorded_objects,
)
from assets.results_source import DAYS
from assets.runs import MAX_CAUSES
from flowlogs.days import batches, days_text
from flowlogs.errors import FlowLakeError
from flowlogs.sources import LogSources
from flowlogs.statements import TableName, add_partitions, rejected_flows_name
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine

ADDED_DAYS = f"{DAYS}added/"
"""Records of added days, by database and table. A file's name is the first and the last day that a run added."""

_ADDED_DAYS_FILE = re.compile(r"(?P<first>\d{4}-\d\d-\d\d)_(?P<last>\d{4}-\d\d-\d\d)\.txt")


@dataclass(frozen=True)
class RestoredPartitions:
    """The days whose partitions were added again, and warnings about others.

    `is_listed`: the place where lost days may be was listed.
    """

    days: Sequence[date]
    warnings: Sequence[str] = ()
    is_listed: bool = True


def record_added_days(results: ObjectStore, table: TableName, days: Sequence[date]) -> None:
    """Record that a run adds these days to a table of flow logs."""
    text = f"Added to {table.hive}.\n".encode()
    ranges = list(batches(sorted(days), len(days) or 1))
    if ranges:
        results.replace({f"{_records_folder(table)}{days[0]}_{days[-1]}.txt": text for days in ranges})


def recorded_days(results: ObjectStore, table: TableName) -> list[date]:
    """The days that runs added to a table of flow logs."""
    folder = _records_folder(table)
    found: set[date] = set()
    for stored in results.list(folder):
        if match := _ADDED_DAYS_FILE.fullmatch(stored.key.removeprefix(folder)):
            found |= set(_days_between(match["first"], match["last"]))
    return sorted(found)


def restore_flow_log_partitions(
    athena: QueryEngine, bucket: Bucket, results: ObjectStore, raw: RawTables
) -> RestoredPartitions:
    """Add the partitions of recorded days that have none.

    A day whose objects are gone, or cannot be read right, gets no partition.
    """
    table = raw.main
    recorded = recorded_days(results, table)
    present = raw.present_days(athena, recorded)
    inspected = inspect_days(bucket, [day for day in recorded if day not in present])
    gone = "Their folders hold no objects."
    left_out = {day: found.problem or gone for day, found in inspected.items() if found.problem or not found.objects}
    days = [day for day in inspected if day not in left_out]
    tables = raw.filled({day: inspected[day] for day in days})
    create_side_tables(athena, tables)
    for statement in add_partitions_of(tables):
        athena.execute(statement)
    known = [warning for found in inspected.values() for warning in found.warnings]
    known += changed_warnings(athena, results, rejected_flows_name(table), {day: inspected[day].read for day in days})
    return RestoredPartitions(days, [*known, *([left_out_warning(left_out)] if left_out else [])])


def changed_warnings(
    athena: QueryEngine, results: ObjectStore, name: TableName, now: Mapping[date, ObjectsRead]
) -> list[str]:
    """A warning about days with other objects now than their rejected flows were read from; none where there are none.

    Reports tell of it too, but only those that are made again.
    """
    markers = completion_markers(results, athena.partition_locations(name, list(now))) if now else {}
    read = recorded_objects(results, markers)
    changed = [day for day, before in read.items() if before.has_more(now[day]) or before.gone(now[day])]
    if not changed:
        return []
    return [
        f"Objects of {days_text(sorted(changed))} came, went or changed after their rejected flows were read, and "
        "these are as they were read then. Materialize rejected_flows for these days again, then their reports."
    ]


def left_out_warning(left_out: Mapping[date, str]) -> str:
    """Which days get no partition again, and the first few of the reasons."""
    reasons = list(dict.fromkeys(left_out.values()))
    more = [f"Others are left out likewise: {len(reasons) - MAX_CAUSES}."] if len(reasons) > MAX_CAUSES else []
    text = "\n".join([*reasons[:MAX_CAUSES], *more])
    return (
        f"Not added again to the table of flow logs: {days_text(sorted(left_out))}. Their rejected flows and reports "
        f"stay. Materialize vpc_flow_logs_partition for them when this is mended:\n{text}"
    )


def restore_rejected_flow_partitions(
    athena: QueryEngine, results: ObjectStore, name: TableName, sources: LogSources
) -> RestoredPartitions:
    """Point the partitions of days that have none at the newest complete folder of the day."""
    try:
        folders = day_folders(results.list(ROOT))
    except FlowLakeError as error:
        warning = f"Rejected flows of days without a partition are not looked for, and none is removed: {error}"
        return RestoredPartitions([], [warning], is_listed=False)
    complete = newest_complete(folders.values(), name.database, sources)
    present = athena.partition_locations(name, list(complete)) if complete else {}
    lost = {day: results.sql_location(complete[day].folder) for day in sorted(complete) if day not in present}
    for statement in add_partitions(name, lost):
        athena.execute(statement)
    return RestoredPartitions(list(lost))


def remove_superseded(athena: QueryEngine, results: ObjectStore, name: TableName, now: datetime) -> list[str]:
    """Remove what earlier runs of this database left without a partition; returns a warning for each failure."""
    folders = day_folders(results.list(ROOT))
    attempts = Counter(found.day for found in folders.values() if found.database == name.database)
    days = sorted(day for day, count in attempts.items() if count > 1)
    warnings = []
    if days:
        in_use = folders_in_use(results, name, now)
        found = athena.partition_locations(name, days)
        locations = {day: key_prefix(results, location) for day, location in found.items()}
        warnings = remove_folders(results, superseded_folders(folders, locations, name.database, in_use, now))
    return [*warnings, *remove_orphans(athena, results, name, [], now)]


def _records_folder(table: TableName) -> str:
    return f"{ADDED_DAYS}{table.database}/{table.table}/"


def _days_between(first: str, last: str) -> Iterator[date]:
    try:
        begin, end = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        return
    yield from map(date.fromordinal, range(begin.toordinal(), end.toordinal() + 1))
