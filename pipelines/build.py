"""Builds Dagster's definitions from the settings: assets, jobs, the schedule and the resources.

Loading is elsewhere.
"""

import warnings
from collections.abc import Sequence

import dagster as dg

from assets.flow_logs_table import vpc_flow_logs
from assets.infrastructure import vpc_flow_log, vpc_flow_logs_bucket
from assets.partitions import partition_asset
from assets.rejected_flows.asset import rejected_flows_asset
from assets.reports.asset import REPORTS, Report, report_asset
from pipelines.jobs import EXECUTOR, daily_job, daily_schedule, teardown
from pipelines.settings import Settings
from pipelines.targets import Target, build_target


def build_definitions(
    settings: Settings,
    reports: Sequence[Report] = REPORTS,
    *,
    today_too: bool = False,
    target: Target | None = None,
) -> dg.Definitions:
    """New definitions for these settings, with another `target` if one is given. Touches neither disk nor network.

    Partitions are the days that are over, and with `today_too` also today.
    """
    days = dg.DailyPartitionsDefinition(
        start_date=settings.start_date.isoformat(), timezone="UTC", end_offset=int(today_too)
    )
    with warnings.catch_warnings():
        # BackfillPolicy.single_run is beta; a range of days in one run is what this project needs it for.
        warnings.filterwarnings("ignore", message=".*[Bb]ackfill", category=dg.BetaWarning)
        daily = [
            partition_asset(days),
            rejected_flows_asset(days),
            *(report_asset(report, days) for report in reports),
        ]
    job = daily_job(daily)
    return dg.Definitions(
        assets=[vpc_flow_logs_bucket, vpc_flow_log, vpc_flow_logs, *daily],
        jobs=[job, teardown],
        schedules=[daily_schedule(job)],
        resources=(target or build_target(settings)).resources,
        executor=EXECUTOR,
    )
