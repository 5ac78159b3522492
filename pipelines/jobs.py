"""When it runs: the daily job and its schedule, and what executes a run."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from assets.infrastructure import DELIVERS
from assets.runs import as_dagster_failure
from resources.bucket import Bucket, ObjectStore
from resources.flow_log import FlowLog

if TYPE_CHECKING:
    from dagster._core.definitions.partitions.partitioned_schedule import UnresolvedPartitionedAssetScheduleDefinition
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

JOB_NAME = "daily_reject_reports"

EXECUTOR = dg.in_process_executor
"""Every step in the run's own process: a step here waits for files or for Athena, while a process for each of them
(Dagster's default) costs 2 to 4 seconds a step and gains nothing."""


def daily_job(daily_assets: Sequence[dg.AssetsDefinition]) -> "UnresolvedAssetJobDefinition":
    """The job that adds a day's partition and then writes the day's reports; the assets' partitions are its own.

    It looks first whether the flow logs are still there and deliver, and creates none.
    """
    return dg.define_asset_job(
        JOB_NAME,
        selection=dg.AssetSelection.checks(DELIVERS) | dg.AssetSelection.assets(*daily_assets),
        description="Look at the flow logs, add the day's partition, scan it once for its REJECT records, then write "
        "the reports from those.",
    )


def daily_schedule(
    job: "UnresolvedAssetJobDefinition",
) -> "dg.ScheduleDefinition | UnresolvedPartitionedAssetScheduleDefinition":
    """At 01:00 UTC, the day that just ended: by then its last objects are there (they usually take 10 minutes)."""
    return dg.build_schedule_from_partitioned_job(job, hour_of_day=1, default_status=dg.DefaultScheduleStatus.RUNNING)


KEPT_BY_TEARDOWN = (
    (
        "the bucket and the logs in it",
        "they are the record of what happened; a lifecycle rule is the way to let them go",
    ),
    ("the database, the tables and their partitions", "they cost nothing, and the logs stay queryable with them"),
    ("the rejected flows", "they are small, and what the reports were made from"),
    ("the workgroup", "it costs nothing, and holds the history of the queries"),
    ("the reports", "they are small, and what this project was run for"),
)


@dg.op(out=dg.Out(dg.Nothing))
def delete_flow_logs(
    context: dg.OpExecutionContext,
    bucket: dg.ResourceParam[Bucket],
    flow_log: dg.ResourceParam[FlowLog],
    results: dg.ResourceParam[ObjectStore],
) -> None:
    """Delete the flow logs that this project created, so that their cost stops, and say what is left and why."""
    with as_dagster_failure():
        removed = flow_log.remove()
    context.log.info(f"Flow logs: {json.dumps(dict(removed.facts))}")
    for what, why in KEPT_BY_TEARDOWN:
        context.log.info(f"Left as it is: {what}: {why}.")
    context.log.info(f"Logs: {bucket.objects.display_path()}. Reports: {results.display_path('reports/')}.")


@dg.job(executor_def=EXECUTOR)
def teardown() -> None:
    """Delete the flow logs that this project created; the bucket, logs, table and reports stay. On no schedule."""
    delete_flow_logs()
