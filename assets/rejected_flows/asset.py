"""The REJECT records of each day, in Parquet: written by the one scan of a day's objects, read by every report.

A day's files are never changed. Each attempt writes into a folder of its own; when it is complete, the day's partition
is pointed at it, in one step, and what the partition pointed at before is removed. So whoever asks sees the day as it
was or as it is. Which files those are, rejected_files.py knows.
"""

from collections.abc import Iterator
from datetime import date, datetime, timezone

import dagster as dg

from assets.day_objects import look_at, missing_since, unreadable_days
from assets.rejected_flows.files import (
    Unloaded,
    tidy,
)
from assets.rejected_flows.partition_swap import point_at
from assets.rejected_flows.taken_up import only_warned_of
from assets.rejected_flows.unload import Scan, days_too_large, scans
from assets.results_source import claim_results, note_objects
from assets.runs import clear_failures, days_of, finish_days
from assets.table_guards import days_without_partition, require_locations, require_table
from flowlogs.days import batches, listed
from flowlogs.errors import FlowLakeError
from flowlogs.statements import (
    MAX_PARTITIONS_PER_STATEMENT,
    REJECTED_FLOWS,
    TableName,
    flow_logs_table,
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
        kinds={"athena", "parquet"},
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
        days = days_of(context)
        name = rejected_flows_name(table)
        with clear_failures():
            claim_results(results, bucket, athena, table)
            require_table(athena, name, rejected_flows_table(results.location()))
            require_table(athena, table, flow_logs_table(bucket.source()))
            there, failures = days_without_partition(athena, table, days, "vpc_flow_logs_partition")
            require_locations(athena, table, bucket.source(), list(there))
            looked = look_at(bucket, [day for day in days if day not in failures])
            for warning in [text for found in looked.values() for text in found.warnings]:
                context.log.warning(warning)
            failures |= unreadable_days(looked)
            failures |= missing_since(bucket, {day: looked[day] for day in looked if day not in failures}, results)
            sizes = {day: found.size for day, found in looked.items()}
            failures |= days_too_large(athena, {day: sizes[day] for day in sizes if day not in failures})
            readable = [day for day in days if day not in failures]
            scan = Scan(context, bucket, athena, results, table, looked, failures)
            done: list[date] = []
            stopped: FlowLakeError | None = None
            for group in batches(readable, MAX_PARTITIONS_PER_STATEMENT):
                parts: list[Unloaded] = []
                try:
                    for batch in scans(group, sizes, athena.scan_limit_bytes):
                        for part in scan.unload_within_limit(batch):
                            parts.append(part)
                            told = f"{listed(list(part.folders))} ({days.index(max(part.folders)) + 1} of {len(days)})"
                            context.log.info(f"{told}: written.")
                except FlowLakeError as error:
                    stopped = error
                # Also where a later day failed: these are complete.
                try:
                    scan.notes += point_at(context, athena, results, name, bucket.source(), parts)
                    # Not before: it says what the days hold that are pointed at. A run that is killed in between leaves
                    # a report's needless warning.
                    note_objects(results, {day: looked[day].read for part in parts for day in part.folders})
                    done += [day for part in parts for day in part.folders]
                except FlowLakeError as error:
                    stopped = FlowLakeError(f"{stopped}\n{error}") if stopped else error
                if stopped:
                    break
            if not stopped:
                with only_warned_of(context):
                    for left in tidy(athena, results, name, scan.notes, datetime.now(timezone.utc)):
                        context.log.warning(left)
            failures |= {day: str(stopped) for day in readable if day not in done and day not in failures}
            yield from finish_days(context, days, {day: scan.metadata[day] for day in done}, failures, "reports")
        yield dg.MaterializeResult()

    return rejected_flows
