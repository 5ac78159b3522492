"""The sensor that alerts people: of runs that ended, whoever started them, and of a day whose run did not come.

It exists only where alerts are configured. alert.py has what is told, sender.py sends it, once.
"""

import json
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, timezone

import dagster as dg
from dagster._core.storage.tags import WILL_RETRY_TAG

from assets.page.asset import made_days
from assets.reports.report_files import Report
from flowlogs.errors import FlowLakeError
from flowlogs.printable import printable
from pipelines.active_runs import busy_days
from pipelines.alerts.alert import Alert, Places, alerts_of, no_run
from pipelines.alerts.run_facts import run_facts, with_alarms
from pipelines.alerts.sender import send_alerts
from resources.alert_channel import AlertChannel
from resources.bucket import ObjectStore
from resources.names_file import NamesFile

SENSOR = "alerts_sensor"

INTERVAL_SECONDS = 60

DUE_AT = time(3)
"""When (UTC) the page of the day before is missed. Its run begins at 01:00."""

LATELY = timedelta(days=7)
"""A day is missed where one of the days so long before it has a page: nobody waits for days after old logs."""

RUNS_AT_ONCE = 50
"""How many ended runs one look tells of. The others follow with the next look."""

ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)

IMPLICIT_JOB = "__ASSET_JOB"
"""Dagster's (1.13) name of the job of assets that were chosen by hand."""


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


def alerts_sensor(
    days: dg.DailyPartitionsDefinition,
    reports: Sequence[Report],
    channels: Sequence[AlertChannel],
    jobs: Sequence[str],
    *,
    ui: str | None,
    least: int,
) -> dg.SensorDefinition:
    """The sensor, for the runs of these jobs and of assets that were chosen by hand."""

    @dg.sensor(
        name=SENSOR,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Every minute, tells people (FLOWLAKE_ALERT_SNS_TOPIC, FLOWLAKE_ALERT_WEBHOOK) of failed runs, "
        "failed checks, days without delivery, late objects and rows that need a look; and at 03:00 UTC, if the page "
        "of the day before did not come. Of a day and cause, it tells once.",
    )
    def alerts(
        context: dg.SensorEvaluationContext,
        results: dg.ResourceParam[ObjectStore],
        names_file: dg.ResourceParam[NamesFile],
    ) -> dg.SkipReason:
        """Look at what ended since the last look."""
        now = utc_now()
        places = Places(ui, results.display_path("reports/"))
        since = _since(context.cursor, now)
        origin = context.code_location_origin
        ended, until = ended_runs(
            context.instance, since, [*jobs, IMPLICIT_JOB], origin.location_name if origin else ""
        )
        found: list[Alert] = []
        problems: list[str] = []
        for run in ended:
            try:
                facts = with_alarms(run_facts(context.instance, run), reports, results, names_file, least)
                found += alerts_of(facts, places)
            except FlowLakeError as error:
                problems.append(f"What run {run.run_id} tells is not known: {printable(str(error))}")
        try:
            missing = day_that_did_not_come(context.instance, results, days, now)
        except FlowLakeError as error:
            missing = None
            problems.append(f"The days that have a page are not known: {printable(str(error))}")
        found += [no_run([missing], places)] if missing else []
        problems += send_alerts(found, results, channels, now)
        for problem in problems:
            context.log.warning(problem)
        context.update_cursor(json.dumps({"since": until.isoformat()}))
        return dg.SkipReason("\n".join(problems) or f"Looked at {len(ended)} runs that ended.")

    return alerts


def ended_runs(
    instance: dg.DagsterInstance, since: datetime, jobs: Sequence[str], location: str
) -> tuple[list[dg.DagsterRun], datetime]:
    """Our runs that ended since, in order, and since when to look the next time.

    A run whose process was killed, or that could not be started, is marked as failed by Dagster or by the next command,
    and is among them then. One that Dagster repeats by itself is left out: its last attempt counts.
    """
    records = instance.get_run_records(
        dg.RunsFilter(statuses=list(ENDED), updated_after=since),
        limit=RUNS_AT_ONCE,
        order_by="update_timestamp",
        ascending=True,
    )
    runs = [record.dagster_run for record in records]
    newest = max((record.update_timestamp for record in records), default=since)
    ours = [
        run
        for run in runs
        if run.job_name in jobs
        and (run.remote_job_origin is None or not location or run.remote_job_origin.location_name == location)
        and run.tags.get(WILL_RETRY_TAG) != "true"
    ]
    return ours, newest.replace(tzinfo=newest.tzinfo or timezone.utc)


def day_that_did_not_come(
    instance: dg.DagsterInstance, results: ObjectStore, days: dg.DailyPartitionsDefinition, now: datetime
) -> date | None:
    """The day before, if its page is due and is not there, pages came LATELY, and no run of it waits or is active."""
    day = (now - timedelta(days=1)).date()
    is_due = now.time() >= DUE_AT
    if not is_due or not days.has_partition_key(day.isoformat()):
        return None
    made = made_days(results)
    if day in made or not any(day - LATELY <= before < day for before in made):
        return None
    return None if day in busy_days(instance, now) else day


def _since(cursor: str | None, now: datetime) -> datetime:
    """Since when to look. The first look tells nothing of what was before it."""
    try:
        return datetime.fromisoformat(json.loads(cursor or "")["since"])
    except (ValueError, TypeError, KeyError):
        return now - timedelta(seconds=INTERVAL_SECONDS)
