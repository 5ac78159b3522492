"""Days whose partitions were lost, as with a table that was dropped, are taken up again here, without a scan.

A day of rejected flows is known by the folder that a run completed; a day of flow logs by a record of the run that
added it, and by its objects, which are looked at again.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

import dagster as dg

from assets.day_objects import look_at
from assets.rejected_flows.files import (
    ROOT,
    at_work,
    day_folders,
    key_of,
    left_for_later,
    newest_complete,
    remove,
    superseded,
    tidy,
)
from assets.results_source import DAYS
from assets.runs import CAUSES_SHOWN
from flowlogs.days import batches, listed
from flowlogs.errors import FlowLakeError
from flowlogs.layout import LogSource
from flowlogs.statements import TableName, add_partitions
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine

ADDED = f"{DAYS}added/"
"""Below it, by database and table: the first and the last day of what a run added, in a file's name."""

_ADDED_DAYS = re.compile(r"(?P<first>\d{4}-\d\d-\d\d)_(?P<last>\d{4}-\d\d-\d\d)\.txt")


@dataclass(frozen=True)
class TakenUp:
    """The days whose partitions were added again, and what people should know of others.

    `looked` says whether the place where days may be was looked through.
    """

    days: Sequence[date]
    warnings: Sequence[str] = ()
    looked: bool = True


def record_added(results: ObjectStore, table: TableName, days: Sequence[date]) -> None:
    """Record that a run adds these days to a table of flow logs."""
    lines = f"Added to {table.hive}.\n".encode()
    runs = list(batches(sorted(days), len(days) or 1))
    if runs:
        results.replace({f"{_records_of(table)}{run[0]}_{run[-1]}.txt": lines for run in runs})


def recorded_days(results: ObjectStore, table: TableName) -> list[date]:
    """The days that runs added to a table of flow logs."""
    folder = _records_of(table)
    found: set[date] = set()
    for stored in results.list(folder):
        if match := _ADDED_DAYS.fullmatch(stored.key.removeprefix(folder)):
            found |= set(_days(match["first"], match["last"]))
    return sorted(found)


def take_up_flow_logs(athena: QueryEngine, bucket: Bucket, results: ObjectStore, table: TableName) -> TakenUp:
    """Add the recorded days again that are no partition.

    Those whose objects are gone, or cannot be read as they are, are left out.
    """
    recorded = recorded_days(results, table)
    there = athena.partition_locations(table, [day.isoformat() for day in recorded]) if recorded else {}
    looked = look_at(bucket, [day for day in recorded if day.isoformat() not in there])
    known = [warning for found in looked.values() for warning in found.warnings]
    gone = "Their folders hold no objects."
    left_out = {day: found.problem or gone for day, found in looked.items() if found.problem or not found.objects}
    days = [day for day in looked if day not in left_out]
    for statement in add_partitions(table, bucket.source().day_locations(days)):
        athena.execute(statement)
    return TakenUp(days, [*known, *([left_out_warning(left_out)] if left_out else [])])


def left_out_warning(left_out: Mapping[date, str]) -> str:
    """Which days are not added again, and the first few of the reasons."""
    reasons = list(dict.fromkeys(left_out.values()))
    more = [f"Others are left out likewise: {len(reasons) - CAUSES_SHOWN}."] if len(reasons) > CAUSES_SHOWN else []
    text = "\n".join([*reasons[:CAUSES_SHOWN], *more])
    return (
        f"Not added again to the table of flow logs: {listed(sorted(left_out))}. Their rejected flows and reports "
        f"stay. Materialize vpc_flow_logs_partition for them when this is mended:\n{text}"
    )


def take_up_rejected_flows(athena: QueryEngine, results: ObjectStore, name: TableName, source: LogSource) -> TakenUp:
    """Point the partitions of days that have none at their newest complete folders."""
    try:
        folders = day_folders(results.list(ROOT))
    except FlowLakeError as error:
        told = f"Rejected flows of days that are no partitions are not looked for, and none is removed: {error}"
        return TakenUp([], [told], looked=False)
    complete = newest_complete(folders.values(), name.database, source)
    there = athena.partition_locations(name, [day.isoformat() for day in sorted(complete)]) if complete else {}
    lost = {day: results.location(complete[day].folder) for day in sorted(complete) if day.isoformat() not in there}
    for statement in add_partitions(name, lost):
        athena.execute(statement)
    return TakenUp(list(lost))


def remove_superseded(athena: QueryEngine, results: ObjectStore, name: TableName, now: datetime) -> list[str]:
    """Remove what earlier runs of this database left that no partition points at; returns what could not be."""
    folders = day_folders(results.list(ROOT))
    ours = Counter(found.day for found in folders.values() if found.database == name.database)
    days = sorted(day for day, count in ours.items() if count > 1)
    left = []
    if days:
        busy = at_work(results, name, now)
        found = athena.partition_locations(name, [day.isoformat() for day in days])
        locations = {day: key_of(results, found[day.isoformat()]) for day in days if day.isoformat() in found}
        left = remove(results, superseded(folders, locations, name.database, busy, now))
    return [*left, *tidy(athena, results, name, [], now)]


@contextmanager
def only_warned_of(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Files of no use that cannot be removed are no reason to fail days that are done: their notes are left."""
    try:
        yield
    except FlowLakeError as error:
        context.log.warning(left_for_later(error))


def _records_of(table: TableName) -> str:
    return f"{ADDED}{table.database}/{table.table}/"


def _days(first: str, last: str) -> Iterator[date]:
    try:
        begin, end = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        return
    yield from map(date.fromordinal, range(begin.toordinal(), end.toordinal() + 1))
