"""The sensors: they request runs of the days that got more objects after their reports were made, and of missed days.

A sensor lists, compares and asks; the run that it asks for is one of the daily job. day_requests.py decides when.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import dagster as dg

from assets.late_objects import listed_coverage, look_at_days
from assets.missed_days import CAME, CATCH_UP_DAYS, came_evaluation, last_due_day, missed_days
from assets.page.asset import made_days
from flowlogs.days import batches, days_text
from flowlogs.errors import FlowLakeError
from flowlogs.retention import KEPT_FOR_GOOD, Retention
from flowlogs.statements import TableName
from pipelines.active_runs import busy_days, parse_day, range_tags
from pipelines.day_requests import Decision, days_as_json, days_in, decide, parse_cursor
from pipelines.days import is_partition
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

LATE_SENSOR = "late_objects_sensor"
MISSED_SENSOR = "missed_days_sensor"

INTERVAL_SECONDS = 600
"""How often each sensor looks: one listing of each day's folders at a time."""

BECAUSE_TAG = "vpc-flow-lake/because"
"""The tag of a requested run that says why it was requested."""


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


def late_objects_sensor(
    job: "UnresolvedAssetJobDefinition",
    days: dg.DailyPartitionsDefinition,
    lateness_days: int,
    retention: Retention = KEPT_FOR_GOOD,
) -> dg.SensorDefinition:
    """The sensor of the last `lateness_days` days that are due and kept; it looks at none where that is 0."""

    @dg.sensor(
        name=LATE_SENSOR,
        job=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Every 10 minutes, lists the folders of the days that ended lately (FLOWLAKE_LATENESS_DAYS) and "
        "requests a run for those whose objects came or changed after their reports were made, when the listing has "
        "stayed the same for 15 minutes. Days that lost objects keep what was read.",
    )
    def late_objects(
        context: dg.SensorEvaluationContext,
        bucket: dg.ResourceParam[Bucket],
        athena: dg.ResourceParam[QueryEngine],
        results: dg.ResourceParam[ObjectStore],
        table: dg.ResourceParam[TableName],
    ) -> dg.SensorResult | dg.SkipReason:
        """Compare the last days with what their pages were made from."""
        if not lateness_days:
            return dg.SkipReason("FLOWLAKE_LATENESS_DAYS is 0: late objects are not looked for.")
        now = utc_now()
        window = [last_due_day(now) - timedelta(days=ago) for ago in range(lateness_days)]
        asked = [day for day in sorted(window) if is_partition(days, day) and is_kept(retention, day, now)]
        if not asked:
            return dg.SkipReason(f"None of the last {lateness_days} days is a day of these logs.")
        try:
            found = look_at_days(bucket, results, athena, table.database, asked)
        except FlowLakeError as error:
            return dg.SkipReason(f"The days could not be looked at: {error}")
        wanted = {day: state for day, state in found.states.items() if state.reason}
        known = days_in(parse_cursor(context.cursor))
        digests = {day: state.digest for day, state in wanted.items()}
        busy = busy_days(context.instance, now) if wanted else ()
        decision = decide(known, digests, busy, now, unknown=found.errors)
        cursor = json.dumps({"days": days_as_json(decision.remembered, window[-1])})
        words = [f"{day}: {state.lost}." for day, state in found.states.items() if state.lost]
        words += [f"{day}: {wanted[day].reason}; {why}." for day, why in decision.waiting.items()]
        words += [f"{day} could not be looked at: {error}" for day, error in found.errors.items()]
        requests = run_requests(decision, {day: wanted[day].reason for day in decision.requested})
        nothing = f"Nothing new for {days_text(sorted(found.states))}." if found.states else "None of them has a page."
        return _result(context, requests, words, cursor, nothing)

    return late_objects


def missed_days_sensor(
    job: "UnresolvedAssetJobDefinition", days: dg.DailyPartitionsDefinition, retention: Retention = KEPT_FOR_GOOD
) -> dg.SensorDefinition:
    """The sensor of days that are kept and have no page. It also tells what the check `every_day_came` would find."""

    @dg.sensor(
        name=MISSED_SENSOR,
        job=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Every 10 minutes, looks for days that are over and have no page by 02:00 UTC, at most "
        f"{CATCH_UP_DAYS} days back and none before the first day with a page, and requests a run of them: one for all "
        "days in a row. The check every_day_came of daily_page says which days are missing.",
    )
    def missed(
        context: dg.SensorEvaluationContext,
        bucket: dg.ResourceParam[Bucket],
        results: dg.ResourceParam[ObjectStore],
    ) -> dg.SensorResult | dg.SkipReason:
        """Compare the days that should have a page with those that have one."""
        now = utc_now()
        cursor = parse_cursor(context.cursor)
        due = last_due_day(now)
        try:
            made = made_days(results)
        except FlowLakeError as error:
            return dg.SkipReason(f"The days that have a page are not known: {error}")
        # Every day that became due since the first look is one that the schedule should have made.
        since = parse_day(cursor.get("since")) or due + timedelta(days=1)
        owed = [
            day for day in missed_days(made, now, since) if is_partition(days, day) and is_kept(retention, day, now)
        ]
        digests, errors = {}, {}
        for day in owed if made else ():
            try:
                digests[day] = listed_coverage(bucket, bucket.sources(), day).digest
            except FlowLakeError as error:
                errors[day] = str(error)
        busy = busy_days(context.instance, now) if digests else ()
        decision = decide(days_in(cursor), digests, busy, now, unknown=errors)
        told = [day.isoformat() for day in owed]
        window = due - timedelta(days=CATCH_UP_DAYS)
        remembered = days_as_json(decision.remembered, window)
        new_cursor = json.dumps({"days": remembered, "since": since.isoformat(), "told": told})
        words = [f"{day} has no page; {why}." for day, why in decision.waiting.items()]
        words += [f"{day} has no page, and could not be looked at: {error}" for day, error in errors.items()]
        words += [f"No day has a page yet. Due: {days_text(owed)}."] if owed and not made else []
        requests = run_requests(decision, dict.fromkeys(decision.requested, "it has no page"))
        events = [_evaluation(owed)] if cursor.get("told") != told else []
        return _result(context, requests, words, new_cursor, "Every day that is due has its page.", events)

    return missed


def is_kept(retention: Retention, day: date, now: datetime) -> bool:
    """Whether nothing of a day is removed yet because its time is over."""
    first = retention.remakes_from(now.date())
    return first is None or day >= first


def run_requests(decision: Decision, reasons: Mapping[date, str]) -> list[dg.RunRequest]:
    """A run request for each row of days without a gap: a range of days is one run."""
    requests = []
    for group in batches(list(decision.requested), len(decision.requested) or 1):
        because = "; ".join(f"{day}: {reasons[day]}" for day in group)
        tags = {BECAUSE_TAG: because}
        if len(group) > 1:
            tags |= range_tags(group[0], group[-1])
        key = group[0].isoformat() if len(group) == 1 else None
        requests.append(dg.RunRequest(run_key=decision.run_key(group), partition_key=key, tags=tags))
    return requests


def _evaluation(missed: Sequence[date]) -> dg.AssetCheckEvaluation:
    """What the check finds, without a run."""
    found = came_evaluation(missed)
    return dg.AssetCheckEvaluation(
        asset_key=CAME.asset_key,
        check_name=CAME.name,
        passed=found.passed,
        metadata=found.metadata,
        severity=found.severity,
        description=found.description,
    )


def _result(
    context: dg.SensorEvaluationContext,
    requests: list[dg.RunRequest],
    words: Sequence[str],
    cursor: str,
    nothing: str,
    events: Sequence[dg.AssetCheckEvaluation] = (),
) -> dg.SensorResult:
    """The result of a tick. A tick that requests runs has no reason to skip: its words are in its log."""
    for text in words:
        context.log.warning(text)
    skipped = None if requests else dg.SkipReason("\n".join(words) or nothing)
    return dg.SensorResult(run_requests=requests, skip_reason=skipped, cursor=cursor, asset_events=list(events))
