"""Finds days that should have a page and have none: the daily run did not come, or it failed.

The truth is the pages themselves, so that it does not matter who made them, or whether Dagster's history was lost.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta, timezone

import dagster as dg

from assets.page.asset import NAME, made_days
from assets.tables import markdown_text
from flowlogs.days import days_text
from resources.bucket import ObjectStore

DUE_AFTER = timedelta(hours=2)
"""So long after midnight (UTC) the page of the day before is there: the daily run begins an hour after midnight."""

CATCH_UP_DAYS = 14
"""How many days back are looked at. A gap that begins earlier is not closed by itself."""

CAME_CHECK = "every_day_came"

CAME = dg.AssetCheckKey(dg.AssetKey(NAME), CAME_CHECK)


def last_due_day(now: datetime) -> date:
    """The last UTC day whose page is due at that moment."""
    return (now.astimezone(timezone.utc) - DUE_AFTER).date() - timedelta(days=1)


def missed_days(made: Collection[date], now: datetime, since: date | None = None) -> list[date]:
    """The days that are due and have no page, among the last CATCH_UP_DAYS, in order. `made` are those that have one.

    They begin with the first of these that has a page, or with `since`, if that is earlier: a new installation owes no
    day before its first one.
    """
    due = last_due_day(now)
    window = [due - timedelta(days=ago) for ago in reversed(range(CATCH_UP_DAYS))]
    begin = min([*(day for day in window if day in made), *([since] if since else [])], default=None)
    return [day for day in window if begin and day >= begin and day not in made]


def came_evaluation(missed: Sequence[date]) -> dg.AssetCheckResult:
    """The result of the check, by the days that have no page."""
    text = "Every day that is due has its page."
    if missed:
        pages = "No page" if len(missed) == 1 else "No pages"
        text = (
            f"{pages} of {days_text(missed)}: the page of a day is due at 02:00 UTC of the next one. "
            "Did the daemon run, and the schedule daily_reject_reports_schedule? If there is a run of the "
            "day, it says why it failed. To make the days: dagster asset materialize --select "
            f"'vpc_flow_logs_partition*' --partition-range {missed[0]}...{missed[-1]} -m pipelines.definitions"
        )
    return dg.AssetCheckResult(
        check_name=CAME_CHECK,
        asset_key=CAME.asset_key,
        passed=not missed,
        severity=dg.AssetCheckSeverity.WARN,
        description=markdown_text(text),
        metadata={"days without a page": len(missed), "first": str(missed[0]) if missed else "none"},
    )


@dg.asset_check(
    name=CAME_CHECK,
    asset=CAME.asset_key,
    description="Every day that is over has its page by 02:00 UTC of the next day: missed_days_sensor looks.",
)
def every_day_came(results: dg.ResourceParam[ObjectStore]) -> dg.AssetCheckResult:
    """The check, for whoever executes it by hand. No run of the lineage does: the sensor tells what it finds."""
    return came_evaluation(missed_days(made_days(results), datetime.now(timezone.utc)))
