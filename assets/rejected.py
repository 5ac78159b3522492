"""The REJECT records of each day, in Parquet: written by the one scan of a day's objects, read by every report.

A day's files are never changed. Each attempt writes into a folder of its own; when it is complete, the day's partition
is pointed at it, in one step, and what the partition pointed at before is removed. So whoever asks sees the day as it
was or as it is. Which files those are, rejected_files.py knows.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timezone

import dagster as dg

from assets.catalog import query_metadata, require_days, require_table
from assets.rejected_files import (
    Unloaded,
    key_of,
    new_root,
    note,
    replaced_folders,
    require_kept,
    tidy,
    unloaded,
    unnamed,
)
from assets.runs import batches, clear_failures, days_of, listed, naming_days, origin
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
)
from resources.bucket import ObjectStore
from resources.engine import QueryEngine, ScanLimitError


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
        name = rejected_flows_name(table)
        notes: list[str] = []
        roots: list[str] = []
        done = 0

        def begin() -> str:
            # Every one is noted anew each time, so that a run of many hours is not taken for dead.
            roots.append(new_root())
            notes.append(note(results, name, roots))
            return roots[-1]

        with clear_failures():
            require_table(athena, name, rejected_flows_table(results.location()))
            require_days(athena, table, days, "vpc_flow_logs_partition")
            for group in batches(days, MAX_PARTITIONS_PER_STATEMENT):
                parts: list[Unloaded] = []
                failure = None
                try:
                    for batch in batches(group, MAX_UNLOADED_PARTITIONS):
                        for part in unload_within_limit(context, athena, results, table, batch, begin):
                            parts.append(part)
                            *_, last = part.folders
                            told = f"{listed(list(part.folders))} ({days.index(last) + 1} of {len(days)})"
                            context.log.info(f"{told}: written.")
                except FlowLakeError as error:
                    failure = error
                # Also where a later day failed: these are complete.
                try:
                    notes += point_at(context, athena, results, name, parts)
                    done += sum(len(part.folders) for part in parts)
                except FlowLakeError as error:
                    failure = FlowLakeError(f"{failure}\n{error}") if failure else error
                if failure:
                    with naming_days(days, days[done], "reports"):
                        raise failure
            with only_warned_of(context):
                tidy(athena, results, name, notes, datetime.now(timezone.utc))

    return rejected_flows


def unload_within_limit(
    context: dg.AssetExecutionContext,
    athena: QueryEngine,
    results: ObjectStore,
    table: TableName,
    days: Sequence[date],
    begin: Callable[[], str],
) -> Iterator[Unloaded]:
    """Write the records of these days in one statement, or in as few as the limit of what one may scan lets through.

    `begin` gives a new folder to write into.
    """
    root = begin()
    context.log.info(f"{listed(days)}: to be written, from one scan of their objects.")
    try:
        parts = [unload(context, athena, results, table, days, root)]
    except ScanLimitError:
        if len(days) == 1:
            raise
        context.log.warning(f"{listed(days)}: more than one query may scan. Each half of them by itself.")
        results.delete([stored.key for stored in results.list(root)])
        halves = days[: len(days) // 2], days[len(days) // 2 :]
        for half in halves:
            yield from unload_within_limit(context, athena, results, table, half, begin)
        return
    yield from parts


def unload(
    context: dg.AssetExecutionContext,
    athena: QueryEngine,
    results: ObjectStore,
    table: TableName,
    days: Sequence[date],
    root: str,
) -> Unloaded:
    """Write the records of these days below `root`, as one statement, and tell of them."""
    result = athena.execute(unload_rejected(table, days[0], days[-1], results.location(root), origin(context)))
    sizes = {stored.key: stored.size for stored in results.list(root)}
    tried_before = unnamed(sizes, result.written)
    for key in tried_before:
        context.log.warning(f"{results.uri(key)} is of a first try of this query, which was tried again: removed.")
        del sizes[key]
    if tried_before:
        results.delete(tried_before)
    part = unloaded(root, days, sizes)
    for day, folder in part.folders.items():
        own = [size for key, size in sizes.items() if key.startswith(folder)]
        context.add_asset_metadata(
            {
                "folder": dg.MetadataValue.path(results.uri(folder)),
                "location": results.location(folder),
                "files": len(own),
                "bytes": sum(own),
                **query_metadata(result),
            },
            asset_key=context.asset_key,
            partition_key=day.isoformat(),
        )
    return part


def point_at(
    context: dg.AssetExecutionContext,
    athena: QueryEngine,
    results: ObjectStore,
    name: TableName,
    parts: Sequence[Unloaded],
) -> list[str]:
    """Let each day's partition be the new folder, and remove what it was before; returns what notes that left."""
    require_kept(results, parts)
    folders = {day: folder for part in parts for day, folder in part.folders.items()}
    locations = {day: results.location(folder) for day, folder in folders.items()}
    found = athena.partition_locations(name, [day.isoformat() for day in locations])
    new = {day: location for day, location in locations.items() if day.isoformat() not in found}
    for statement in add_partitions(name, new):
        athena.execute(statement)
    # A run beside this one may have been faster.
    before = require_days(athena, name, list(locations), REJECTED_FLOWS)
    moved = {day: location for day, location in before.items() if key_of(results, location) != folders[day]}
    if not moved:
        return []
    replaced = replaced_folders(results, moved)
    notes = [note(results, name, replaced)]
    for day in moved:
        athena.execute(move_partition(name, day, locations[day]))
    with only_warned_of(context):
        results.delete([stored.key for folder in replaced for stored in results.list(folder)])
    return notes


@contextmanager
def only_warned_of(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Files of no use that cannot be removed are no reason to fail days that are done: their notes are left."""
    try:
        yield
    except FlowLakeError as error:
        context.log.warning(f"Files of no use are left, which a later run will remove: {error}")
