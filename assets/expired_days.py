"""Days whose logs are over, as the settings say how long they are kept: no dataset or report is made of them again.

Of such a day, some or all objects are gone. Made again, it would count fewer records than its report
does that is kept, or none. retention.py removes what is over.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timezone

from assets.added_days import removed_days
from assets.day_objects import DayObjects
from flowlogs.days import days_text
from flowlogs.retention import Retention, first_kept
from resources.bucket import ObjectStore


def today() -> date:
    """The running day (UTC)."""
    return datetime.now(timezone.utc).date()


def over_days(retention: Retention, days: Sequence[date]) -> dict[date, str]:
    """Those of the days whose logs are no longer kept, and what to do."""
    first = first_kept(retention.logs, today())
    over = [day for day in days if first and day < first]
    problem = (
        f"The logs of {days_text(over)} are not kept any more (FLOWLAKE_KEEP_LOGS_DAYS={retention.logs}), and some of "
        "them may be gone: such a day is not made again. What was made of it before stays as it is. To make it from "
        "what is left of its logs, set a larger number, or none, and run again."
    )
    return dict.fromkeys(over, problem)


def removed_among(results: ObjectStore, database: str, inspected: Mapping[date, DayObjects]) -> dict[date, str]:
    """Those of the days that have no objects since these were removed when their time was over, and what to do."""
    without_objects = [day for day, found in inspected.items() if not found.objects]
    removed = removed_days(results, database).intersection(without_objects) if without_objects else set[date]()
    problem = (
        f"The logs of {days_text(sorted(removed))} were removed, as FLOWLAKE_KEEP_LOGS_DAYS said then: the day is not "
        "empty, and is not made again. What was made of it before stays as it is. To make it again, put its logs back."
    )
    return dict.fromkeys(sorted(removed), problem)
