"""Adds partitions again that were lost with a dropped table. No flow log is scanned for that.

A day of a dataset is found by the folder that a run completed. A day of flow logs is found by the record of the
run that added it; its objects are inspected again.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from assets.added_days import recorded_days, removed_days
from assets.datasets.cleanup import (
    folders_in_use,
    folders_of_partitions,
    remove_folders,
    remove_orphans,
    superseded_folders,
)
from assets.datasets.files import ROOT, day_folders, newest_complete
from assets.datasets.lost_objects import changed_warnings
from assets.day_objects import inspect_days
from assets.raw_tables import RawTables, add_partitions_of, create_side_tables
from assets.runs import MAX_CAUSES
from flowlogs.datasets import DATASETS
from flowlogs.days import days_text
from flowlogs.errors import FlowLakeError
from flowlogs.sources import LogSources
from flowlogs.statements import TableName, add_partitions
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine


@dataclass(frozen=True)
class RestoredPartitions:
    """The days whose partitions were added again, and warnings about others.

    `is_listed`: the place where lost days may be was listed.
    """

    days: Sequence[date]
    warnings: Sequence[str] = ()
    is_listed: bool = True


def restore_flow_log_partitions(
    athena: QueryEngine, bucket: Bucket, results: ObjectStore, raw: RawTables
) -> RestoredPartitions:
    """Add the partitions of recorded days that have none.

    A day whose objects are gone, or cannot be read right, gets no partition.
    """
    table, lost = raw.main, set[date]()
    for name, recorded in recorded_days(results, table).items():
        lost |= set(recorded) - raw.present_days(athena, name, recorded)
    # Their time is over, unless somebody put their logs back.
    if lost and (removed := removed_days(results, table.database) & lost):
        lost -= removed.difference(bucket.delivered_days())
    inspected = inspect_days(bucket, sorted(lost))
    gone = "Their folders hold no objects."
    left_out = {day: found.problem or gone for day, found in inspected.items() if found.problem or not found.objects}
    days = [day for day in inspected if day not in left_out]
    tables = raw.filled({day: inspected[day] for day in days})
    create_side_tables(athena, tables)
    for statement in add_partitions_of(tables):
        athena.execute(statement)
    known = [warning for found in inspected.values() for warning in found.warnings]
    now = {day: inspected[day].coverage.read for day in days}
    known += changed_warnings(athena, results, table.database, DATASETS, now)
    return RestoredPartitions(days, [*known, *([left_out_warning(left_out)] if left_out else [])])


def left_out_warning(left_out: Mapping[date, str]) -> str:
    """Which days get no partition again, and the first few of the reasons."""
    reasons = list(dict.fromkeys(left_out.values()))
    more = [f"Others are left out likewise: {len(reasons) - MAX_CAUSES}."] if len(reasons) > MAX_CAUSES else []
    text = "\n".join([*reasons[:MAX_CAUSES], *more])
    return (
        f"Not added again to the table of flow logs: {days_text(sorted(left_out))}. Their datasets and reports "
        f"stay. Materialize vpc_flow_logs_partition for them when this is mended:\n{text}"
    )


def restore_dataset_partitions(
    athena: QueryEngine, results: ObjectStore, database: str, sources: LogSources
) -> RestoredPartitions:
    """Point the partitions of days that have none at the newest complete folder of the day, in each dataset."""
    try:
        folders = day_folders(results.list(ROOT))
    except FlowLakeError as error:
        warning = f"Rows of days without a partition are not looked for, and none is removed: {error}"
        return RestoredPartitions([], [warning], is_listed=False)
    restored = set[date]()
    for dataset in DATASETS:
        name = TableName(database, dataset)
        complete = newest_complete(folders.values(), dataset, database, sources)
        present = athena.partition_locations(name, list(complete)) if complete else {}
        lost = {day: results.sql_location(complete[day].folder) for day in sorted(complete) if day not in present}
        for statement in add_partitions(name, lost):
            athena.execute(statement)
        restored |= lost.keys()
    return RestoredPartitions(sorted(restored))


def remove_superseded(athena: QueryEngine, results: ObjectStore, database: str, now: datetime) -> list[str]:
    """Remove what earlier runs of this database left without a partition; returns a warning for each failure."""
    folders = day_folders(results.list(ROOT))
    attempts = Counter(found.dataset_day for found in folders.values() if found.database == database)
    days = sorted(one for one, count in attempts.items() if count > 1)
    warnings = []
    if days:
        in_use = folders_in_use(results, database, now)
        locations = folders_of_partitions(athena, results, database, days)
        warnings = remove_folders(results, superseded_folders(folders, locations, database, in_use, now))
    return [*warnings, *remove_orphans(athena, results, database, [], now)]
