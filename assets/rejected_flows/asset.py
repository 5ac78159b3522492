"""The asset of the REJECT records of each day, in Parquet: one scan of a day's objects writes it, every report reads
it.

A day's files are never changed. Each run writes into new folders. When they are complete, it points the day's partition
at them, in one step, and removes the folder before. So a query sees the day as it was or as it is, and nothing between.
The folders are described in files.py, the scan in unload.py, the removal of what is left behind in cleanup.py.
"""

from collections.abc import Iterator
from datetime import date, datetime, timezone

import dagster as dg

from assets.day_objects import inspect_days, unreadable_days
from assets.raw_tables import find_raw_tables, unread_days
from assets.rejected_flows.cleanup import cleanup_errors_as_warnings, remove_orphans
from assets.rejected_flows.files import UnloadResult
from assets.rejected_flows.lost_objects import losing_days
from assets.rejected_flows.partition_swap import swap_partitions
from assets.rejected_flows.unload import Scan, days_too_large, scan_batches
from assets.results_source import claim_results
from assets.runs import as_dagster_failure, finish_days, run_days
from assets.table_guards import derived_days_read_otherwise, require_table
from flowlogs.days import batches, days_text
from flowlogs.errors import FlowLakeError
from flowlogs.statements import (
    MAX_PARTITIONS_PER_STATEMENT,
    REJECTED_FLOWS,
    TableName,
    rejected_flows_name,
    rejected_flows_table,
)
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine


def rejected_flows_asset(days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset ``rejected_flows`` over these days."""

    @dg.asset(
        name=REJECTED_FLOWS,
        group_name="reports",
        kinds={"parquet"},
        deps=["vpc_flow_logs_partition"],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def rejected_flows(
        context: dg.AssetExecutionContext,
        bucket: dg.ResourceParam[Bucket],
        athena: dg.ResourceParam[QueryEngine],
        results: dg.ResourceParam[ObjectStore],
        table: dg.ResourceParam[TableName],
    ) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult]:
        """The day's REJECT records, every column, as Parquet: from one scan of the day's objects. Reports read this.

        The day's partition points at the new files when all of them are there; those that they replace are removed. A
        day that cannot be read fails by name and stays as it was; the other days of a range are done.
        """
        days = run_days(context)
        name = rejected_flows_name(table)
        with as_dagster_failure():
            claim_results(results, bucket, athena, table)
            require_table(athena, name, rejected_flows_table(results.sql_location()))
            raw = find_raw_tables(results, bucket.sources(), table)
            require_table(athena, table, raw.main_table.definition)
            inspected = inspect_days(bucket, days)
            tables = raw.filled({day: found for day, found in inspected.items() if not found.problem})
            failures = unread_days(athena, tables, "vpc_flow_logs_partition")
            for warning in [text for day, found in inspected.items() if day not in failures for text in found.warnings]:
                context.log.warning(warning)
            failures |= unreadable_days(inspected)
            read = {day: found.read for day, found in inspected.items() if day not in failures}
            failures |= derived_days_read_otherwise(athena, name, list(read))
            failures |= losing_days(bucket, results, athena.partition_locations(name, list(read)), read)
            sizes = {day: found.size for day, found in inspected.items()}
            failures |= days_too_large(athena, {day: sizes[day] for day in sizes if day not in failures})
            readable = [day for day in days if day not in failures]
            scan = Scan(context, bucket, athena, results, raw, tables, inspected, failures)
            done: list[date] = []
            stopped: FlowLakeError | None = None
            for group in batches(readable, MAX_PARTITIONS_PER_STATEMENT):
                parts: list[UnloadResult] = []
                try:
                    for batch in scan_batches(group, sizes, athena.scan_limit_bytes):
                        for part in scan.unload_within_limit(batch):
                            parts.append(part)
                            progress = (
                                f"{days_text(list(part.folders))} ({days.index(max(part.folders)) + 1} of {len(days)})"
                            )
                            context.log.info(f"{progress}: written.")
                except FlowLakeError as error:
                    stopped = error
                # Also where a later day failed: these are complete.
                try:
                    markers, newer = swap_partitions(context, athena, results, name, bucket, read, parts)
                    scan.cleanup_markers += markers
                    failures |= newer
                    done += [day for part in parts for day in part.folders if day not in newer]
                except FlowLakeError as error:
                    stopped = FlowLakeError(f"{stopped}\n{error}") if stopped else error
                if stopped:
                    break
            if not stopped:
                with cleanup_errors_as_warnings(context):
                    for left in remove_orphans(athena, results, name, scan.cleanup_markers, datetime.now(timezone.utc)):
                        context.log.warning(left)
            failures |= {day: str(stopped) for day in readable if day not in done and day not in failures}
            yield from finish_days(context, days, {day: scan.metadata[day] for day in done}, failures, "reports")
        yield dg.MaterializeResult()

    return rejected_flows
