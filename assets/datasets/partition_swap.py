"""Points days' partitions at new files, one step a partition, and removes the files before. unload.py writes them."""

from collections.abc import Mapping, Sequence
from datetime import date

import dagster as dg

from assets.coverage import Coverage
from assets.datasets.cleanup import (
    OWNER_UNKNOWN,
    folders_of_partitions,
    remove_folders,
    replaced_folders,
    write_cleanup_marker,
)
from assets.datasets.files import (
    DatasetDay,
    UnloadResult,
    key_prefix,
    mark_complete,
    require_unchanged_files,
)
from assets.datasets.lost_objects import losing_days
from assets.table_guards import require_days
from flowlogs.statements import TableName, add_partitions, set_partition_location
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine, QueryError


def swap_partitions(
    context: dg.AssetExecutionContext,
    athena: QueryEngine,
    results: ObjectStore,
    database: str,
    bucket: Bucket,
    covered: Mapping[date, Coverage],
    unloads: Sequence[UnloadResult],
) -> tuple[list[str], dict[date, str]]:
    """Point each day's partition of each dataset at its new folder, and remove the folder before.

    Returns the clean-up markers left, and the days that were not changed, with the reason: a parallel run has made them
    meanwhile, from objects that were not `covered` here.
    """
    require_unchanged_files(results, unloads)
    mark_complete(results, unloads, bucket.sources(), covered)
    folders = {one: folder for unload in unloads for one, folder in unload.folders.items()}
    changed: dict[DatasetDay, str] = {}
    replaced_by_us: dict[str, Mapping[date, str]] = {}
    for dataset in dict.fromkeys(one.dataset for one in folders):
        name = TableName(database, dataset)
        locations = {one.day: results.sql_location(folder) for one, folder in folders.items() if one.dataset == dataset}
        found = athena.partition_locations(name, list(locations))
        for statement in add_partitions(name, {day: where for day, where in locations.items() if day not in found}):
            _execute_free(athena, statement)
        # A parallel run may have added some of them first.
        before = require_days(athena, name, list(locations), dataset)
        others = {
            day: location
            for day, location in before.items()
            if key_prefix(results, location) != folders[DatasetDay(dataset, day)]
        }
        replaced_by_us[dataset] = others
        changed |= {DatasetDay(dataset, day): location for day, location in others.items()}
    of_days = {one.day: covered[one.day].read for one in changed}
    newer = losing_days(bucket, results, replaced_by_us, of_days, smaller_too=True)
    # A day is changed in all datasets, or in none.
    changed = {one: location for one, location in changed.items() if one.day not in newer}
    replaced, owner_unknown = replaced_folders(results, changed, database)
    cleanup_markers = [write_cleanup_marker(results, database, replaced)] if replaced else []
    for one in changed:
        location = results.sql_location(folders[one])
        _execute_free(athena, set_partition_location(TableName(database, one.dataset), one.day, location))
    warnings = [f"{results.display_path(folder)} {OWNER_UNKNOWN}" for folder in owner_unknown]
    useless = _without_partition(athena, results, database, {one: folders[one] for one in folders if one.day in newer})
    for warning in [*remove_folders(results, [*replaced, *useless]), *warnings]:
        context.log.warning(warning)
    return cleanup_markers, newer


def _without_partition(
    athena: QueryEngine, results: ObjectStore, database: str, folders: Mapping[DatasetDay, str]
) -> list[str]:
    """Those of new folders that no partition points at. One that was added for a day without a partition stays."""
    pointed_at = folders_of_partitions(athena, results, database, folders)
    return [folder for one, folder in folders.items() if pointed_at.get(one) != folder]


def _execute_free(athena: QueryEngine, statement: str) -> None:
    """Execute a statement that costs nothing and may be repeated, once more if it fails: a scan was paid for it."""
    try:
        athena.execute(statement)
    except QueryError:
        athena.execute(statement)
