"""Which days have lost objects since a run read them: what is gone, or smaller.

If such a day was made again, its records would be replaced by fewer ones, and nobody would miss them. The record of
what was read is in objects_read.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from assets.added_days import removed_days
from assets.datasets.files import (
    ROOT,
    completion_markers,
    day_folders,
    newest_complete,
    recorded_objects,
)
from assets.day_objects import objects_of_days
from assets.objects_read import ObjectsRead
from flowlogs.datasets import DATASETS
from flowlogs.days import days_text
from flowlogs.printable import first_names
from flowlogs.sources import LogSources
from flowlogs.statements import TableName
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine

Records = Mapping[date, Sequence[tuple[ObjectsRead, str]]]
"""By day, what its datasets were made from: the objects, and the path of the completion marker that records them."""


def losing_days(
    bucket: Bucket,
    results: ObjectStore,
    locations: Mapping[str, Mapping[date, str]],
    read: Mapping[date, ObjectsRead],
    *,
    smaller_too: bool = False,
) -> dict[date, str]:
    """Of days of datasets, those that would lose objects if they were made from `read`, and the reason of each.

    `locations` are those of the days' partitions, by dataset. An object that has become smaller and is damaged is told
    by whoever reads it. If it is not damaged, it is lost too.
    """
    records: dict[date, list[tuple[ObjectsRead, str]]] = {}
    for dataset, of_days in locations.items():
        markers = completion_markers(results, dataset, of_days)
        unread = [day for day in read if day not in markers]
        if unread:
            # Reports are shared by the databases of one place of results: what another one's runs read counts too.
            complete = newest_complete(day_folders(results.list(ROOT)).values(), dataset, None, bucket.sources())
            others = {day: results.sql_location(complete[day].folder) for day in unread if day in complete}
            markers |= completion_markers(results, dataset, others)
        for day, before in recorded_objects(results, markers).items():
            if day in read:
                records.setdefault(day, []).append((before, results.display_path(markers[day])))
    smaller = _smaller(records, read) if smaller_too else {}
    return smaller | _gone(bucket, records, read)


def lost_since(
    bucket: Bucket, results: ObjectStore, athena: QueryEngine, database: str, days: Sequence[date]
) -> list[str]:
    """Warnings about days of which a run read more than is there now.

    Days whose logs were removed when they were over are none of them.
    """
    now = _without_removed(results, database, objects_of_days(bucket, days))
    locations = {name: athena.partition_locations(TableName(database, name), days) for name in DATASETS}
    return list(losing_days(bucket, results, locations, now, smaller_too=True).values())


def changed_warnings(
    athena: QueryEngine,
    results: ObjectStore,
    database: str,
    datasets: Iterable[str],
    now: Mapping[date, ObjectsRead],
) -> list[str]:
    """Warnings about days with other objects now than these datasets were made from, one for the same days.

    Reports tell of it too, but only those that are made again. Days whose logs were removed when they were over are as
    they are to stay.
    """
    now = _without_removed(results, database, now)
    alike: dict[tuple[date, ...], list[str]] = {}
    for dataset in datasets if now else ():
        locations = athena.partition_locations(TableName(database, dataset), list(now))
        read = recorded_objects(results, completion_markers(results, dataset, locations))
        changed = tuple(
            sorted(day for day, before in read.items() if before.has_more(now[day]) or before.gone(now[day]))
        )
        if changed:
            alike.setdefault(changed, []).append(dataset)
    return [
        f"Objects of {days_text(days)} came, went or changed after they were read for {', '.join(names)}, and these "
        "are as they were read then. Materialize them for these days again, then their reports."
        for days, names in alike.items()
    ]


def _without_removed(results: ObjectStore, database: str, now: Mapping[date, ObjectsRead]) -> dict[date, ObjectsRead]:
    """The days and their objects, without those whose logs were removed when they were over, and are not back."""
    empty = {day for day, read in now.items() if not read.count}
    removed = removed_days(results, database) if empty else set[date]()
    return {day: read for day, read in now.items() if day not in empty & removed}


def _gone(bucket: Bucket, records: Records, now: Mapping[date, ObjectsRead]) -> dict[date, str]:
    """The days whose objects an earlier run read and that are gone now, and what to do.

    If such a day was read again, its records would be replaced by fewer ones.
    """
    sources, problems = bucket.sources(), {}
    for day, of_day in records.items():
        losing = [(before, path) for before, path in of_day if before.gone(now[day])]
        if losing:
            before, _ = losing[0]
            problems[day] = (
                f"Logs of {day} are gone: of {before.count} objects that an earlier run read, "
                f"{before.count - len(before.gone(now[day]))} are left in "
                f"{_folders_of_day(bucket, sources, day)} that Athena reads. "
                "What was read is kept. If they were removed on purpose, nothing is to be done. Else restore them; or, "
                f"to make the day from what is left, remove {_paths(losing)} and run again."
            )
    return problems


def _folders_of_day(bucket: Bucket, sources: LogSources, day: date) -> str:
    return first_names([bucket.objects.display_path(prefix) for prefix in sources.day_prefixes(day).values()])


def _smaller(records: Records, now: Mapping[date, ObjectsRead]) -> dict[date, str]:
    """The days whose objects are smaller than when an earlier run read them, and what to do."""
    problems = {}
    for day, of_day in records.items():
        losing = [(before, path) for before, path in of_day if before.smaller(now[day])]
        if losing:
            names = first_names(losing[0][0].smaller(now[day]))
            problems[day] = (
                f"Objects of {day} are smaller than an earlier run read them: {names}. What was read is kept. Restore "
                f"them; or, to make the day from what is there now, remove {_paths(losing)} and run again."
            )
    return problems


def _paths(losing: Sequence[tuple[ObjectsRead, str]]) -> str:
    return ", ".join(path for _, path in losing)
