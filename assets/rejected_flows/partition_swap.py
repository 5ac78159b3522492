"""Points days' partitions at new files, one step a day, and removes the files before. The files are made elsewhere."""

from collections.abc import Mapping, Sequence
from datetime import date

import dagster as dg

from assets.objects_read import ObjectsRead
from assets.rejected_flows.cleanup import OWNER_UNKNOWN, remove_folders, replaced_folders, write_cleanup_marker
from assets.rejected_flows.files import (
    UnloadResult,
    key_prefix,
    mark_complete,
    require_unchanged_files,
)
from assets.rejected_flows.lost_objects import losing_days
from assets.table_guards import require_days
from flowlogs.statements import REJECTED_FLOWS, TableName, add_partitions, set_partition_location
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine, QueryError


def swap_partitions(
    context: dg.AssetExecutionContext,
    athena: QueryEngine,
    results: ObjectStore,
    name: TableName,
    bucket: Bucket,
    read: Mapping[date, ObjectsRead],
    unloads: Sequence[UnloadResult],
) -> tuple[list[str], dict[date, str]]:
    """Point each day's partition at its new folder, and remove the folder before.

    Returns the clean-up markers left, and the days that were not changed, with the reason: a parallel run has made them
    meanwhile, from objects that were not `read` here.
    """
    require_unchanged_files(results, unloads)
    mark_complete(results, unloads, bucket.sources(), read)
    folders = {day: folder for unload in unloads for day, folder in unload.folders.items()}
    locations = {day: results.sql_location(folder) for day, folder in folders.items()}
    found = athena.partition_locations(name, list(locations))
    new = {day: location for day, location in locations.items() if day not in found}
    for statement in add_partitions(name, new):
        _execute_free(athena, statement)
    # A parallel run may have added some of them first.
    before = require_days(athena, name, list(locations), REJECTED_FLOWS)
    changed = {day: location for day, location in before.items() if key_prefix(results, location) != folders[day]}
    newer = losing_days(bucket, results, changed, {day: read[day] for day in changed}, smaller_too=True)
    changed = {day: location for day, location in changed.items() if day not in newer}
    replaced, owner_unknown = replaced_folders(results, changed, name.database)
    cleanup_markers = [write_cleanup_marker(results, name, replaced)] if replaced else []
    for day in changed:
        _execute_free(athena, set_partition_location(name, day, locations[day]))
    warnings = [f"{results.display_path(folder)} {OWNER_UNKNOWN}" for folder in owner_unknown]
    useless = [folders[day] for day in newer]
    for warning in [*remove_folders(results, [*replaced, *useless]), *warnings]:
        context.log.warning(warning)
    return cleanup_markers, newer


def _execute_free(athena: QueryEngine, statement: str) -> None:
    """Execute a statement that costs nothing and may be repeated, once more if it fails: a scan was paid for it."""
    try:
        athena.execute(statement)
    except QueryError:
        athena.execute(statement)
