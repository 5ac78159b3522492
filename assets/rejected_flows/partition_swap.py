"""Points days' partitions at new files, one step a day, and removes the files before. The files are made elsewhere."""

from collections.abc import Sequence

import dagster as dg

from assets.rejected_flows.cleanup import OWNER_UNKNOWN, remove_folders, replaced_folders, write_cleanup_marker
from assets.rejected_flows.files import UnloadResult, key_prefix, mark_complete, require_unchanged_files
from assets.table_guards import require_days
from flowlogs.layout import LogSource
from flowlogs.statements import REJECTED_FLOWS, TableName, add_partitions, set_partition_location
from resources.bucket import ObjectStore
from resources.engine import QueryEngine


def swap_partitions(
    context: dg.AssetExecutionContext,
    athena: QueryEngine,
    results: ObjectStore,
    name: TableName,
    source: LogSource,
    unloads: Sequence[UnloadResult],
) -> list[str]:
    """Point each day's partition at its new folder, and remove the folder before; returns the clean-up markers left."""
    require_unchanged_files(results, unloads)
    mark_complete(results, unloads, source)
    folders = {day: folder for unload in unloads for day, folder in unload.folders.items()}
    locations = {day: results.sql_location(folder) for day, folder in folders.items()}
    found = athena.partition_locations(name, list(locations))
    new = {day: location for day, location in locations.items() if day not in found}
    for statement in add_partitions(name, new):
        athena.execute(statement)
    # A parallel run may have added some of them first.
    before = require_days(athena, name, list(locations), REJECTED_FLOWS)
    changed = {day: location for day, location in before.items() if key_prefix(results, location) != folders[day]}
    if not changed:
        return []
    replaced, owner_unknown = replaced_folders(results, changed, name.database)
    cleanup_markers = [write_cleanup_marker(results, name, replaced)] if replaced else []
    for day in changed:
        athena.execute(set_partition_location(name, day, locations[day]))
    warnings = [f"{results.display_path(folder)} {OWNER_UNKNOWN}" for folder in owner_unknown]
    for warning in [*remove_folders(results, replaced), *warnings]:
        context.log.warning(warning)
    return cleanup_markers
