"""Dagster's definitions, built from the settings: assets, jobs, the schedule and the resources."""

import warnings
from collections.abc import Sequence

import dagster as dg

from assets.definition_metadata import described
from assets.flow_logs_table import vpc_flow_logs
from assets.infrastructure import vpc_flow_log, vpc_flow_logs_bucket
from assets.partitions import partition_asset
from assets.rejected_flows.asset import rejected_flows_asset
from assets.reports.asset import REPORTS, Report, report_asset
from pipelines.jobs import EXECUTOR, daily_job, daily_schedule, teardown
from pipelines.settings import Settings
from pipelines.targets import KINDS, Target, build_target


def build_definitions(
    settings: Settings,
    reports: Sequence[Report] = REPORTS,
    *,
    today_too: bool = False,
    target: Target | None = None,
) -> dg.Definitions:
    """Fresh definitions for these settings, on another `target` if one is given. Touches neither disk nor network.

    Partitions are the days that are over. An incident is looked at while it lasts: for that, today is one, too.
    """
    days = dg.DailyPartitionsDefinition(
        start_date=settings.start_date.isoformat(), timezone="UTC", end_offset=int(today_too)
    )
    target = target or build_target(settings)
    with warnings.catch_warnings():
        # What is beta here: a range of days in one run, and the code references.
        warnings.simplefilter("ignore", category=dg.BetaWarning)
        daily = [
            partition_asset(days),
            rejected_flows_asset(days),
            *(report_asset(report, days) for report in reports),
        ]
        assets = described(
            [vpc_flow_logs_bucket, vpc_flow_log, vpc_flow_logs, *daily],
            reports,
            bucket=target.bucket,
            results=target.results,
            table=target.table,
            kinds=KINDS[settings.target],
            tags={"target": settings.target},
        )
    job = daily_job(daily)
    return dg.Definitions(
        assets=assets,
        jobs=[job, teardown],
        schedules=[daily_schedule(job)],
        resources=target.resources,
        executor=EXECUTOR,
    )
