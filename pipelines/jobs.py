"""When it runs: the daily job and its schedule, and what executes a run."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from dagster._core.definitions.partitions.partitioned_schedule import UnresolvedPartitionedAssetScheduleDefinition
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

JOB_NAME = "daily_reject_reports"

EXECUTOR = dg.in_process_executor
"""Every step in the run's own process: a step here waits for files or for Athena, while a process for each of them
(Dagster's default) costs 2 to 4 seconds a step and gains nothing."""


def daily_job(
    days: dg.DailyPartitionsDefinition, daily_assets: Sequence[dg.AssetsDefinition]
) -> "UnresolvedAssetJobDefinition":
    """The job that adds a day's partition and then writes the day's reports."""
    return dg.define_asset_job(
        JOB_NAME,
        selection=dg.AssetSelection.assets(*daily_assets),
        partitions_def=days,
        description="Add the day's partition, then write its reports.",
    )


def daily_schedule(
    job: "UnresolvedAssetJobDefinition",
) -> "dg.ScheduleDefinition | UnresolvedPartitionedAssetScheduleDefinition":
    """At 01:00 UTC, the day that just ended: by then its last objects are there (they usually take 10 minutes)."""
    return dg.build_schedule_from_partitioned_job(job, hour_of_day=1, default_status=dg.DefaultScheduleStatus.RUNNING)
