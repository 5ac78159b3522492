"""Builds Dagster's definitions from the settings: assets, jobs, schedules, sensors and resources.

definitions.py and workspace.py load them.
"""

import gc
import warnings
from collections.abc import Sequence

import click
import dagster as dg

from assets.datasets.asset import datasets_asset
from assets.definition_metadata import described
from assets.flow_logs_table import vpc_flow_logs
from assets.infrastructure import vpc_flow_log, vpc_flow_logs_bucket
from assets.missed_days import every_day_came
from assets.network_interfaces import network_interfaces
from assets.page.asset import page_asset
from assets.partitions import partition_asset
from assets.reports.asset import report_asset
from assets.reports.report_files import Report
from flowlogs.errors import FlowLakeError
from pipelines.alerts.configured import alert_sensors
from pipelines.dagster_resources import dagster_resources
from pipelines.days import days_from_the_start, days_of_the_logs
from pipelines.jobs import EXECUTOR, JOB_NAME, daily_job, daily_schedule, running_day_schedule, teardown
from pipelines.report_selection import known_fields, load_reports, without_fields
from pipelines.retention_job import retention_job, retention_schedule
from pipelines.sensors import late_objects_sensor, missed_days_sensor
from pipelines.settings import Settings, read_settings
from pipelines.targets import KINDS, Target, build_target


def build_definitions(
    settings: Settings,
    reports: Sequence[Report] | None = None,
    *,
    by_hand: bool = False,
    days_of_logs_only: bool = False,
    target: Target | None = None,
) -> dg.Definitions:
    """New definitions for these settings; with the resources of `target`, if it is given.

    Partitions are the days that are over. With `days_of_logs_only`, they are the days of the logs. Then this lists
    folders; without it, it makes no request and opens no file. `by_hand`: for a run in this process, with today as a
    partition, and without what runs by itself.
    """
    reports = load_reports(settings) if reports is None else reports
    names = [report.name for report in reports]
    resources = target.resources if target else dagster_resources(settings)
    may_look = days_of_logs_only or target is not None
    target = target or build_target(settings)
    left_out = without_fields(reports, known_fields(settings, target.bucket, may_look=may_look))
    not_made = [(report.title, left_out[report.name]) for report in reports if report.name in left_out]
    reports = [report for report in reports if report.name not in left_out]
    today_too = by_hand or settings.running_day
    if days_of_logs_only:
        days = days_of_the_logs(settings, target.bucket, today_too=today_too)
    else:
        days = days_from_the_start(settings, today_too=today_too)
    with warnings.catch_warnings():
        # What is beta here: a range of days in one run, and the code references.
        warnings.simplefilter("ignore", category=dg.BetaWarning)
        daily = [
            partition_asset(days, settings.retention),
            datasets_asset(days, settings.retention, coarse=settings.coarse_summary),
            *(report_asset(report, days) for report in reports),
            page_asset(reports, days, not_made),
        ]
        assets = described(
            [vpc_flow_logs_bucket, vpc_flow_log, network_interfaces, vpc_flow_logs, *daily],
            reports,
            bucket=target.bucket,
            results=target.results,
            table=target.table,
            kinds=KINDS[settings.target],
            tags={"target": settings.target},
        )
    job = daily_job([network_interfaces, *daily])
    removal = retention_job(settings.retention, names)
    schedules = [
        daily_schedule(job, days),
        running_day_schedule(job, days, is_on=settings.running_day),
        retention_schedule(removal, settings.retention),
    ]
    sensors = [
        late_objects_sensor(job, days, settings.lateness_days, settings.retention),
        missed_days_sensor(job, days, settings.retention),
        *alert_sensors(settings, days, reports, [JOB_NAME, removal.name, teardown.name]),
    ]
    return dg.Definitions(
        assets=assets,
        jobs=[job, removal, teardown],
        asset_checks=[] if by_hand else [every_day_came],
        schedules=[] if by_hand else schedules,
        sensors=[] if by_hand else sensors,
        resources=resources,
        executor=EXECUTOR,
    )


def load_definitions(*, days_of_logs_only: bool = False) -> dg.Definitions:
    """The definitions for the environment and ``.env``, for a module that Dagster loads."""
    try:
        loaded = build_definitions(read_settings(), days_of_logs_only=days_of_logs_only)
    except FlowLakeError as error:
        # Dagster's commands print the message of click's exception, and the traceback of any other.
        raise click.ClickException(str(error)) from None
    keep_what_is_imported()
    return loaded


def keep_what_is_imported() -> None:
    """Tell Python that what is imported by now stays for good.

    Without this, it walks through all of Dagster again and again, while the rest is imported, while the first assets
    run and at its end: a quarter of the time that a small day takes.
    """
    gc.freeze()
