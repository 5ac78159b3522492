"""The daily job, its schedules, the teardown job, and the executor of runs. Its sensors are in sensors.py."""

import json
from collections.abc import Sequence
from datetime import timedelta, timezone
from typing import TYPE_CHECKING

import dagster as dg

from assets.infrastructure import DELIVERS
from assets.missed_days import CAME
from assets.runs import as_dagster_failure
from pipelines.active_runs import busy_days
from pipelines.days import is_partition
from resources.bucket import Bucket, ObjectStore
from resources.flow_log import FlowLog

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

JOB_NAME = "daily_reject_reports"

RUNNING_DAY_SCHEDULE = "running_day_schedule"

EXECUTOR = dg.in_process_executor
"""Runs all steps in the run's own process. Steps wait for files or for Athena. A process for each of them (Dagster's
default) takes 2 to 4 seconds a step and saves nothing."""


NOT_REPEATED = {"dagster/retry_on_asset_or_op_failure": "false"}
"""The tag of runs that Dagster does not repeat after an error, whatever its instance is set to. A run whose process was
killed is repeated nevertheless. What AWS refused, or cancelled for what it had scanned, would be billed again."""


def daily_job(daily_assets: Sequence[dg.AssetsDefinition]) -> "UnresolvedAssetJobDefinition":
    """The job that adds a day's partition and then makes the day's reports. Its partitions are the assets' own.

    It first checks whether the flow logs still exist and deliver. It creates none. What network interfaces are called
    is looked up beside that, and nothing waits for it.
    """
    return dg.define_asset_job(
        JOB_NAME,
        selection=(dg.AssetSelection.checks(DELIVERS) | dg.AssetSelection.assets(*daily_assets))
        - dg.AssetSelection.checks(CAME),
        description="Check the flow logs, look up the names of network interfaces, add the day's partition, scan it "
        "once for the datasets, then write the reports from those, and the page of the day from the reports.",
        tags=NOT_REPEATED,
    )


def daily_schedule(job: "UnresolvedAssetJobDefinition", days: dg.DailyPartitionsDefinition) -> dg.ScheduleDefinition:
    """Every day at 01:00 UTC, for the day before: its last objects usually arrive within 10 minutes."""

    @dg.schedule(
        name=f"{JOB_NAME}_schedule",
        job=job,
        cron_schedule="0 1 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="At 01:00 UTC, makes the reports of the day that just ended.",
    )
    def yesterday(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        day = context.scheduled_execution_time.astimezone(timezone.utc).date() - timedelta(days=1)
        if not is_partition(days, day):
            return dg.SkipReason(f"{day} is not a day of these logs.")
        return dg.RunRequest(run_key=day.isoformat(), partition_key=day.isoformat())

    return yesterday


def running_day_schedule(
    job: "UnresolvedAssetJobDefinition", days: dg.DailyPartitionsDefinition
) -> dg.ScheduleDefinition:
    """Every hour, for the day that is running. It is off until somebody turns it on."""

    @dg.schedule(
        name=RUNNING_DAY_SCHEDULE,
        job=job,
        cron_schedule="20 * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Off by default. Every hour at 20 past, makes the page of the day that is running, which says that "
        "it is not over. Each run scans all of the day's objects until then.",
    )
    def today(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        moment = context.scheduled_execution_time.astimezone(timezone.utc)
        if not is_partition(days, moment.date()):
            return dg.SkipReason(f"{moment.date()} is not a day of these logs.")
        if moment.date() in busy_days(context.instance, moment):
            return dg.SkipReason(f"A run of {moment.date()} has not ended.")
        return dg.RunRequest(run_key=f"{moment:%Y-%m-%dT%H}", partition_key=moment.date().isoformat())

    return today


KEPT_BY_TEARDOWN = (
    (
        "the bucket and the logs in it",
        "they are the record of what happened; a lifecycle rule is the way to let them go",
    ),
    ("the database, the tables and their partitions", "they cost nothing, and the logs stay queryable with them"),
    ("the datasets", "they are small, and what the reports were made from"),
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
    """Delete the flow logs that this project created, which ends their cost, and log what is kept and why."""
    with as_dagster_failure():
        removed = flow_log.remove()
    context.log.info(f"Flow logs: {json.dumps(dict(removed.facts))}")
    for what, why in KEPT_BY_TEARDOWN:
        context.log.info(f"Left as it is: {what}: {why}.")
    context.log.info(f"Logs: {bucket.objects.display_path()}. Reports: {results.display_path('reports/')}.")


@dg.job(executor_def=EXECUTOR)
def teardown() -> None:
    """Delete the flow logs that this project created. Bucket, logs, tables and reports stay. It has no schedule."""
    delete_flow_logs()
