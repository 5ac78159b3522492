"""The job that removes what is not kept any more, and its schedule, which is on where a setting says how long.

By hand it only says what would be removed, unless it is told to remove it. assets/retention.py finds and removes it.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, timezone

import dagster as dg

from assets.page.asset import NAME as PAGE
from assets.results_source import require_own_results
from assets.retention import Expired, find_expired, in_words, remove_expired, waiting_words
from assets.runs import as_dagster_failure
from flowlogs.datasets import DATASETS
from flowlogs.days import days_text
from flowlogs.retention import Retention
from flowlogs.statements import TableName
from pipelines.jobs import EXECUTOR
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine

JOB_NAME = "retention"

OP_NAME = "remove_expired_days"


class RetentionRun(dg.Config):
    """What a run of the job does."""

    dry_run: bool = True


def retention_job(retention: Retention, reports: Collection[str]) -> dg.JobDefinition:
    """The job ``retention`` for these settings. `reports` are the names of all reports."""

    @dg.op(name=OP_NAME, out=dg.Out(dg.Nothing))
    def remove_expired_days(
        context: dg.OpExecutionContext,
        config: RetentionRun,
        bucket: dg.ResourceParam[Bucket],
        athena: dg.ResourceParam[QueryEngine],
        results: dg.ResourceParam[ObjectStore],
        table: dg.ResourceParam[TableName],
    ) -> None:
        """Say what is not kept any more, then remove it, unless `dry_run` is true."""
        if retention.logs_left:
            context.log.warning(f"No logs are removed (FLOWLAKE_KEEP_LOGS_DAYS): {retention.logs_left}.")
        if not retention.is_set:
            context.log.info(NOTHING_SET)
            return
        with as_dagster_failure():
            if not require_own_results(results, bucket, athena, table):
                context.log.info(f"Nothing is removed: nothing was made yet in {results.display_path()}.")
                return
            today = datetime.now(timezone.utc).date()
            expired = find_expired(retention, today, bucket, athena, results, table, reports)
            for line in in_words(retention, expired):
                context.log.info(f"{'Would be' if config.dry_run else 'To be'} removed: {line}")
            for line in waiting_words(expired, bucket):
                context.log.info(line)
            if config.dry_run:
                context.log.info(DRY_RUN)
                return
            for warning in remove_expired(expired, bucket, athena, results, table):
                context.log.warning(warning)
            for observation in observations(expired):
                context.log_event(observation)
            context.log.info("Removed.")

    @dg.job(name=JOB_NAME, executor_def=EXECUTOR, description=DESCRIPTION)
    def remove_what_is_over() -> None:
        remove_expired_days()

    return remove_what_is_over


def retention_schedule(job: dg.JobDefinition, retention: Retention) -> dg.ScheduleDefinition:
    """Every day at 03:00 UTC, after the daily job. It is on where a setting says how long something is kept."""
    status = dg.DefaultScheduleStatus.RUNNING if retention.is_set else dg.DefaultScheduleStatus.STOPPED
    return dg.ScheduleDefinition(
        name=f"{JOB_NAME}_schedule",
        job=job,
        cron_schedule="0 3 * * *",
        execution_timezone="UTC",
        run_config={"ops": {OP_NAME: {"config": {"dry_run": False}}}},
        default_status=status,
    )


def observations(expired: Expired) -> Iterator[dg.AssetObservation]:
    """What was removed, for the pages of the assets in the UI."""
    logs, datasets, reports = expired.logs, expired.datasets, expired.reports
    if logs.days:
        dropped = sum(map(len, logs.partitions.values()))
        yield _observation(
            "vpc_flow_logs_partition", logs.days, {"partitions removed": dropped, "objects removed": len(logs.objects)}
        )
    for name in DATASETS:
        folders = [found for found in datasets.folders if found.dataset_day.dataset == name]
        dropped_days = datasets.partitions.get(name, ())
        days = sorted({*dropped_days, *(found.dataset_day.day for found in folders)})
        if days:
            files = sum(len(found.files) for found in folders)
            yield _observation(name, days, {"partitions removed": len(dropped_days), "files removed": files})
    if reports.days:
        yield _observation(PAGE, reports.days, {"files of reports and pages removed": len(reports.files)})


def _observation(asset: str, days: Sequence[date], counts: dict[str, int]) -> dg.AssetObservation:
    return dg.AssetObservation(asset, metadata={"days removed": days_text(days), **counts})


NOTHING_SET = (
    "Everything is kept: none of FLOWLAKE_KEEP_LOGS_DAYS, FLOWLAKE_KEEP_DATASETS_DAYS and FLOWLAKE_KEEP_REPORTS_DAYS "
    "is set."
)

DRY_RUN = (
    "Nothing was removed: this was a dry run. To remove it now, run the job with "
    f'{{"ops": {{"{OP_NAME}": {{"config": {{"dry_run": false}}}}}}}}.'
)

DESCRIPTION = (
    "Remove logs, datasets and reports that are older than the settings FLOWLAKE_KEEP_… say, and the partitions of "
    "such days. By hand it is a dry run, which only says what would be removed; its schedule removes it."
)
