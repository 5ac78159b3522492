"""The switch of days' partitions to new files, in one step a day, and the removal of the files before."""

from collections.abc import Sequence

import dagster as dg

from assets.rejected_flows.files import (
    NOT_PROVEN,
    Unloaded,
    key_of,
    mark_complete,
    note,
    remove,
    replaced_folders,
    require_kept,
)
from assets.table_guards import require_days
from flowlogs.layout import LogSource
from flowlogs.statements import (
    REJECTED_FLOWS,
    TableName,
    add_partitions,
    move_partition,
)
from resources.bucket import ObjectStore
from resources.engine import QueryEngine, QueryError


def point_at(
    context: dg.AssetExecutionContext,
    athena: QueryEngine,
    results: ObjectStore,
    name: TableName,
    source: LogSource,
    parts: Sequence[Unloaded],
) -> list[str]:
    """Let each day's partition be the new folder, and remove what it was before; returns what notes that left."""
    require_kept(results, parts)
    mark_complete(results, parts, source)
    folders = {day: folder for part in parts for day, folder in part.folders.items()}
    locations = {day: results.location(folder) for day, folder in folders.items()}
    found = athena.partition_locations(name, [day.isoformat() for day in locations])
    new = {day: location for day, location in locations.items() if day.isoformat() not in found}
    for statement in add_partitions(name, new):
        _execute_free(athena, statement)
    # A run beside this one may have been faster.
    before = require_days(athena, name, list(locations), REJECTED_FLOWS)
    moved = {day: location for day, location in before.items() if key_of(results, location) != folders[day]}
    if not moved:
        return []
    replaced, others = replaced_folders(results, moved, name.database)
    notes = [note(results, name, replaced)] if replaced else []
    for day in moved:
        _execute_free(athena, move_partition(name, day, locations[day]))
    for left in [*remove(results, replaced), *(f"{results.uri(folder)} {NOT_PROVEN}" for folder in others)]:
        context.log.warning(left)
    return notes


def _execute_free(athena: QueryEngine, statement: str) -> None:
    """Execute a statement that costs nothing and may be repeated, once more if it fails: a scan was paid for it."""
    try:
        athena.execute(statement)
    except QueryError:
        athena.execute(statement)
