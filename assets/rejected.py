"""The REJECT records of each day, in Parquet: written by the one scan of a day's objects, read by every report.

A day's files are never changed. Each attempt writes into a folder of its own; when it is complete, the day's partition
is pointed at it, in one step, and what the partition pointed at before is removed. So a query beside it sees the day
as it was or as it is. Whatever may have to be removed is noted first; a run that comes to its end takes its notes back,
and those of one that was killed tell a later run what to look for.
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, timezone

import dagster as dg

from assets.catalog import query_metadata, require_days, require_table
from assets.runs import batches, clear_failures, days_of, listed, naming_days, traceable
from flowlogs.errors import FlowLakeError
from flowlogs.statements import (
    MAX_PARTITIONS_PER_STATEMENT,
    MAX_UNLOADED_PARTITIONS,
    REJECTED_FLOWS,
    TableName,
    add_partitions,
    move_partition,
    rejected_flows_name,
    rejected_flows_table,
    unload_rejected,
    unloaded_location,
)
from resources.bucket import ObjectStore
from resources.engine import QueryEngine

ROOT = f"{REJECTED_FLOWS}/"

NOTES = f"{ROOT}_unfinished/"
"""Where the notes are: each names, a line each, folders that something unfinished may leave without a partition."""

STAMP = "%Y%m%dT%H%M%SZ"

LEFT_AFTER = timedelta(hours=12)
"""A note older than this is of no run that is still at work: an UNLOAD ends after half an hour at the latest."""

_FILE = re.compile(rf"(?P<folder>{ROOT}[^/]+/[a-z]+=(?P<day>\d{{4}}-\d\d-\d\d)/).+")


def rejected_flows_asset(days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset ``rejected_flows`` over these days."""

    @dg.asset(
        name=REJECTED_FLOWS,
        group_name="reports",
        kinds={"athena", "parquet"},
        deps=["vpc_flow_logs_partition"],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def rejected_flows(
        context: dg.AssetExecutionContext,
        athena: dg.ResourceParam[QueryEngine],
        results: dg.ResourceParam[ObjectStore],
        table: dg.ResourceParam[TableName],
    ) -> None:
        """The day's REJECT records, every column, as Parquet: from one scan of the day's objects. Reports read this.

        The day's partition points at the new files when all of them are there; those that they replace are removed.
        """
        days = days_of(context)
        notes: list[str] = []
        with clear_failures():
            name = rejected_flows_name(table)
            require_table(athena, name, rejected_flows_table(results.location()))
            require_days(athena, table, days, "vpc_flow_logs_partition")
            for group in batches(days, MAX_PARTITIONS_PER_STATEMENT):
                written: dict[date, str] = {}
                failure = None
                try:
                    for batch in batches(group, MAX_UNLOADED_PARTITIONS):
                        root = f"{ROOT}{_new_name()}/"
                        with naming_days(days, batch[0]):
                            notes.append(note(results, [root]))
                            written |= unload(context, athena, results, table, batch, root)
                        context.log.info(f"{listed(batch)} ({days.index(batch[-1]) + 1} of {len(days)}): written.")
                except FlowLakeError as error:
                    failure = error
                # Also where a later day failed: these are complete.
                with naming_days(days, group[0]):
                    notes += point_at(context, athena, results, name, written)
                if failure:
                    raise failure
            tidy(athena, results, name, notes, datetime.now(timezone.utc))

    return rejected_flows


def unload(
    context: dg.AssetExecutionContext,
    athena: QueryEngine,
    results: ObjectStore,
    table: TableName,
    days: Sequence[date],
    root: str,
) -> dict[date, str]:
    """Write the records of these days below `root`, as one statement, and tell of them; returns each day's folder.

    Folders are key prefixes.
    """
    statement = unload_rejected(table, days[0], days[-1], results.location(root))
    result = athena.execute(traceable(context, statement))
    folders = {day: unloaded_location(root, day) for day in days}
    files = list(results.list(root))
    for day, folder in folders.items():
        sizes = [stored.size for stored in files if stored.key.startswith(folder)]
        context.add_asset_metadata(
            {
                "location": results.location(folder),
                "files": len(sizes),
                "bytes": sum(sizes),
                **query_metadata(result),
            },
            asset_key=context.asset_key,
            partition_key=day.isoformat(),
        )
    return folders


def point_at(
    context: dg.AssetExecutionContext,
    athena: QueryEngine,
    results: ObjectStore,
    name: TableName,
    unloaded: Mapping[date, str],
) -> list[str]:
    """Let each day's partition be the new folder, and remove what it was before; returns what notes that left."""
    locations = {day: results.location(folder) for day, folder in unloaded.items()}
    values = [day.isoformat() for day in unloaded]
    found = athena.partition_locations(name, values)
    new = {day: location for day, location in locations.items() if day.isoformat() not in found}
    for statement in add_partitions(name, new):
        athena.execute(traceable(context, statement))
    if new:
        found = athena.partition_locations(name, values)  # a run beside this one may have been faster
    moved = {day: found[day.isoformat()] for day in unloaded if not _same(found[day.isoformat()], locations[day])}
    if not moved:
        return []
    ours = results.location(ROOT)
    replaced = [f"{ROOT}{place.removeprefix(ours).rstrip('/')}/" for place in moved.values() if place.startswith(ours)]
    notes = [note(results, replaced)]
    for day in moved:
        athena.execute(traceable(context, move_partition(name, day, locations[day])))
    results.delete([stored.key for folder in replaced for stored in results.list(folder)])
    return notes


def note(results: ObjectStore, folders: Sequence[str]) -> str:
    """Note folders that may have to be removed; returns the note's key."""
    key = f"{NOTES}{_new_name()}"
    results.replace({key: "".join(f"{folder}\n" for folder in folders).encode()})
    return key


def tidy(athena: QueryEngine, results: ObjectStore, name: TableName, own: Sequence[str], now: datetime) -> None:
    """Remove what killed runs left and, unless another run is at work, this run's notes.

    Two runs of one day may each point its partition at files of their own, and each remove what was there before both:
    then the files of the first are left, which its note tells of.
    """
    others = [stored.key for stored in results.list(NOTES) if stored.key not in own]
    old = {key: _noted(results, key) for key in others if key.removeprefix(NOTES) < f"{now - LEFT_AFTER:{STAMP}}"}
    folders = sorted({folder for noted in old.values() for folder in noted})
    files = [stored.key for folder in folders for stored in results.list(folder)]
    found = [match for key in files if (match := _FILE.fullmatch(key))]
    locations = athena.partition_locations(name, sorted({match["day"] for match in found})) if found else {}
    unseen = [m[0] for m in found if not _same(locations.get(m["day"], ""), results.location(m["folder"]))]
    results.delete([*unseen, *old, *(own if len(old) == len(others) else ())])


def _noted(results: ObjectStore, key: str) -> list[str]:
    try:
        with results.open(key) as stored:
            return stored.read().decode().splitlines()
    except FlowLakeError:
        if any(stored.key == key for stored in results.list(NOTES)):
            raise
        return []  # a run beside this one has just done what it said


def _same(location: str, other: str) -> bool:
    # Hive's client of Glue takes a closing slash away.
    return location.rstrip("/") == other.rstrip("/")


def _new_name() -> str:
    """A name that nobody else has, and that tells the time (UTC)."""
    return f"{datetime.now(timezone.utc):{STAMP}}-{uuid.uuid4().hex[:8]}"
