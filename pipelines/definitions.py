"""What Dagster loads: the assets, the job, the schedule and the resources, put together from the settings."""

import gc
import warnings
from collections.abc import Sequence

import click
import dagster as dg

from assets.catalog import partition_asset, vpc_flow_logs
from assets.infrastructure import vpc_flow_log, vpc_flow_logs_bucket
from assets.rejected import rejected_flows_asset
from assets.reports import REPORTS, Report, report_asset
from flowlogs.errors import FlowLakeError
from pipelines.jobs import EXECUTOR, daily_job, daily_schedule, teardown
from pipelines.settings import Settings, read_settings
from pipelines.targets import build_target


def build_definitions(
    settings: Settings, reports: Sequence[Report] = REPORTS, *, today_too: bool = False
) -> dg.Definitions:
    """Fresh definitions for these settings. Touches neither disk nor network.

    Partitions are the days that are over. An incident is looked at while it lasts: for that, today is one, too.
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
        resources=build_target(settings).resources,
        executor=EXECUTOR,
    )


def _load() -> dg.Definitions:
    try:
        return build_definitions(read_settings())
    except FlowLakeError as error:
        # Dagster's commands end with the words of click's own exception, and with the traceback of any other.
        raise click.ClickException(str(error)) from None


defs = _load()

# What is imported by now stays for good. Without this, Python walks through all of Dagster again and again while the
# rest is imported and the first assets run: a quarter of the time that a small day takes.
gc.freeze()
