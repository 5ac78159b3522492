"""The asset of the datasets of each day, in Parquet: one scan of a day's objects writes them, every report reads them.

A run may choose some of the datasets; one statement and one scan make all that are chosen. A day's files are never
changed. Each run writes into new folders. When they are complete, it points the day's partitions at them, each in one
step, and removes the folders before. So a query sees the day as it was or as it is, and nothing between.
flowlogs/datasets.py describes the datasets, files.py the folders, unload.py the scan, cleanup.py the removal of what is
left behind.
"""

from collections.abc import Iterator
from datetime import date, datetime, timezone

import dagster as dg

from assets.datasets.cleanup import cleanup_errors_as_warnings, remove_orphans
from assets.datasets.files import UnloadResult
from assets.datasets.lost_objects import losing_days
from assets.datasets.partition_swap import swap_partitions
from assets.datasets.unload import Scan, days_too_large, scan_batches
from assets.day_objects import damaged_warning, inspect_days, unreadable_days
from assets.expired_days import over_days, removed_among
from assets.metadata import coverage_metadata
from assets.raw_tables import find_raw_tables, unread_days
from assets.results_source import claim_results
from assets.runs import as_dagster_failure, data_version, days_to_do, finish_dataset_days, run_days
from assets.table_guards import derived_days_read_otherwise, require_table
from flowlogs.datasets import DATASETS, coarser
from flowlogs.days import batches, days_text
from flowlogs.errors import FlowLakeError
from flowlogs.retention import KEPT_FOR_GOOD, Retention
from flowlogs.statements import (
    MAX_PARTITIONS_PER_STATEMENT,
    TableName,
    dataset_table,
)
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine

GROUP = "datasets"


def datasets_asset(
    days: dg.DailyPartitionsDefinition, retention: Retention = KEPT_FOR_GOOD, *, coarse: bool = False
) -> dg.AssetsDefinition:
    """The assets of the datasets over these days. `coarse`: sums are by networks of the internet, not by addresses.

    Days whose logs are not kept any more are not made again.
    """

    @dg.multi_asset(
        name="daily_datasets",
        specs=[
            dg.AssetSpec(
                dataset.name,
                deps=["vpc_flow_logs_partition"],
                description=dataset.description,
                group_name=GROUP,
                kinds={"parquet"},
                skippable=True,
            )
            for dataset in DATASETS.values()
        ],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
    )
    def daily_datasets(
        context: dg.AssetExecutionContext,
        bucket: dg.ResourceParam[Bucket],
        athena: dg.ResourceParam[QueryEngine],
        results: dg.ResourceParam[ObjectStore],
        table: dg.ResourceParam[TableName],
    ) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult]:
        """The day's datasets that are chosen, as Parquet: from one scan of the day's objects. Reports read these.

        The day's partitions point at the new files when all of them are there; those that they replace are removed. A
        day that cannot be read fails by name and stays as it was; the other days of a range are done.
        """
        days, failed_before = days_to_do(context)
        chosen = [dataset for dataset in DATASETS.values() if dg.AssetKey(dataset.name) in context.selected_asset_keys]
        names = {dataset: TableName(table.database, dataset.name) for dataset in chosen}
        with as_dagster_failure():
            claim_results(results, bucket, athena, table)
            for dataset, name in names.items():
                require_table(athena, name, dataset_table(dataset, results.sql_location()))
            raw = find_raw_tables(results, bucket.sources(), table)
            require_table(athena, table, raw.main_table.definition)
            expired = over_days(retention, days)
            inspected = inspect_days(bucket, [day for day in days if day not in expired])
            expired |= removed_among(results, table.database, inspected)
            known = {day: found for day, found in inspected.items() if not found.problem and day not in expired}
            tables = raw.filled(known)
            failures = unread_days(athena, tables, "vpc_flow_logs_partition") | expired
            for warning in [text for day, found in inspected.items() if day not in failures for text in found.warnings]:
                context.log.warning(warning)
            failures |= unreadable_days(inspected)
            covered = {day: found.coverage for day, found in inspected.items() if day not in failures}
            read = {day: found.read for day, found in covered.items()}
            for name in names.values():
                failures |= derived_days_read_otherwise(athena, name, list(read))
            locations = {name.table: athena.partition_locations(name, list(read)) for name in names.values()}
            failures |= losing_days(bucket, results, locations, read)
            sizes = {day: found.size for day, found in inspected.items()}
            failures |= days_too_large(athena, {day: sizes[day] for day in sizes if day not in failures})
            readable = [day for day in days if day not in failures]
            made = [coarser(dataset) if coarse else dataset for dataset in chosen]
            scan = Scan(context, bucket, athena, results, raw, tables, inspected, failures, made, locations)
            done: list[date] = []
            stopped: FlowLakeError | None = None
            for group in batches(readable, MAX_PARTITIONS_PER_STATEMENT):
                parts: list[UnloadResult] = []
                try:
                    for batch in scan_batches(group, sizes, athena.scan_limit_bytes, len(chosen)):
                        for part in scan.unload_within_limit(batch):
                            parts.append(part)
                            progress = f"{days_text(part.days)} ({days.index(part.days[-1]) + 1} of {len(days)})"
                            context.log.info(f"{progress}: written.")
                except FlowLakeError as error:
                    stopped = error
                covered |= {day: inspected[day].coverage for part in parts for day in part.days}
                # Also where a later day failed: these are complete.
                try:
                    markers, newer = swap_partitions(context, athena, results, table.database, bucket, covered, parts)
                    scan.cleanup_markers += markers
                    failures |= newer
                    done += [day for part in parts for day in part.days if day not in newer]
                except FlowLakeError as error:
                    stopped = FlowLakeError(f"{stopped}\n{error}") if stopped else error
                if stopped:
                    break
            if not stopped:
                with cleanup_errors_as_warnings(context):
                    now = datetime.now(timezone.utc)
                    for left in remove_orphans(athena, results, table.database, scan.cleanup_markers, now):
                        context.log.warning(left)
            failures |= {day: str(stopped) for day in readable if day not in done and day not in failures}
            for day in done:
                if inspected[day].damaged:
                    context.log.warning(damaged_warning(bucket, day, inspected[day].damaged))
            metadata = {
                dataset.name: {
                    day: {**scan.metadata[dataset.name, day], **coverage_metadata(covered[day])} for day in done
                }
                for dataset in chosen
            }
            versions = {day: covered[day].digest for day in done}
            asked = run_days(context)
            finished = yield from finish_dataset_days(context, asked, metadata, failed_before | failures, versions)
        for dataset in chosen:
            version = data_version(versions, asked)
            yield dg.MaterializeResult(dataset.name, metadata=finished.metadata, data_version=version)
        finished.fail_if_last()

    return daily_datasets
