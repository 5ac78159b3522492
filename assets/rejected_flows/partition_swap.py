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
    set_partition_location,
)
from resources.bucket import ObjectStore
from resources.engine import QueryEngine


def swap_partitions(
    context: dg.AssetExecutionContext,
    athena: QueryEngine,
    results: ObjectStore,
    name: TableName,
    source: LogSource,
    parts: Sequence[Unloaded],
) -> list[str]:
    """Point each day's partition at its new folder, and remove the folder before; returns the clean-up markers left."""
    require_kept(results, parts)
    mark_complete(results, parts, source)
    folders = {day: folder for part in parts for day, folder in part.folders.items()}
    locations = {day: results.sql_location(folder) for day, folder in folders.items()}
    found = athena.partition_locations(name, list(locations))
    new = {day: location for day, location in locations.items() if day not in found}
    for statement in add_partitions(name, new):
        athena.execute(statement)
    # A run beside this one may have been faster.
    before = require_days(athena, name, list(locations), REJECTED_FLOWS)
    moved = {day: location for day, location in before.items() if key_of(results, location) != folders[day]}
    if not moved:
        return []
    replaced, others = replaced_folders(results, moved, name.database)
    notes = [note(results, name, replaced)] if replaced else []
    for day in moved:
        athena.execute(set_partition_location(name, day, locations[day]))
    for left in [*remove(results, replaced), *(f"{results.display_path(folder)} {NOT_PROVEN}" for folder in others)]:
        context.log.warning(left)
    return notes
