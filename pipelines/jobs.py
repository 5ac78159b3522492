"""When it runs: the daily job and its schedule, and what executes a run."""

import json
from collections.abc import Sequence
from datetime import date, timedelta, timezone
from typing import TYPE_CHECKING

import dagster as dg

from assets.runs import clear_failures
from resources.bucket import Bucket, ObjectStore
from resources.flow_log import FlowLog

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

JOB_NAME = "daily_reject_reports"

EXECUTOR = dg.in_process_executor
"""Every step in the run's own process: a step here waits for files or for Athena, while a process for each of them
(Dagster's default) costs 2 to 4 seconds a step and gains nothing."""


def daily_job(daily_assets: Sequence[dg.AssetsDefinition]) -> "UnresolvedAssetJobDefinition":
    """The job that adds a day's partition and then writes the day's reports; the assets' partitions are its own."""
    return dg.define_asset_job(
        JOB_NAME,
        selection=dg.AssetSelection.assets(*daily_assets),
        description="Add the day's partition, scan it once for its REJECT records, then write the reports from those.",
    )


def daily_schedule(job: "UnresolvedAssetJobDefinition", start: date) -> dg.ScheduleDefinition:
    """At 01:00 UTC, the day that just ended: by then its last objects are there (they usually take 10 minutes).

    Today is a partition too, for whoever asks for it. No schedule does: Dagster's own would take that, the last one.
    """

    @dg.schedule(
        name=f"{JOB_NAME}_schedule",
        cron_schedule="0 1 * * *",
        execution_timezone="UTC",
        job=job,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def at_one_for_the_day_that_ended(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        day = context.scheduled_execution_time.astimezone(timezone.utc).date() - timedelta(days=1)
        if day < start:
            return dg.SkipReason(f"{day} is before the first daily partition, {start} (FLOWLAKE_START_DATE).")
        return dg.RunRequest(run_key=day.isoformat(), partition_key=day.isoformat())

    return at_one_for_the_day_that_ended


LEFT_BEHIND = (
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
    with clear_failures():
        removed = flow_log.remove()
    context.log.info(f"Flow logs: {json.dumps(dict(removed.facts))}")
    for what, why in LEFT_BEHIND:
        context.log.info(f"Left as it is: {what}: {why}.")
    context.log.info(f"Logs: {bucket.objects.uri()}. Reports: {results.uri('reports/')}.")


@dg.job(executor_def=EXECUTOR)
def teardown() -> None:
    """Delete the flow logs that this project created; the bucket, logs, table and reports stay. On no schedule."""
    delete_flow_logs()
