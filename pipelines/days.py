"""Which UTC days are partitions of the daily assets."""

from datetime import date, datetime, timedelta, timezone

import dagster as dg

from pipelines.settings import Settings
from resources.bucket import Bucket

ARCHIVE_AFTER = timedelta(days=31)
"""A folder whose last day is longer ago gets no more days: nobody copies into it every night."""


def days_from_the_start(settings: Settings, *, today_too: bool = False) -> dg.DailyPartitionsDefinition:
    """Every day that is over since FLOWLAKE_START_DATE.

    An incident is looked at while it lasts: for that, today can be one, too.
    """
    return _days(settings.start_date, end_offset=int(today_too))


def days_of_the_logs(settings: Settings, bucket: Bucket) -> dg.DailyPartitionsDefinition:
    """The days from the first to the last that a folder of logs holds; without such a folder, as above.

    The end stays open while the folder grows. A start date that is set holds. Looks at the names of folders alone.
    """
    days = [day for day in bucket.listed_days() or () if day >= settings.start_date]
    if not days:
        return days_from_the_start(settings)
    first = settings.start_date if "start_date" in settings.model_fields_set else days[0]
    grows = days[-1] > datetime.now(timezone.utc).date() - ARCHIVE_AFTER
    return _days(first, None if grows else days[-1] + timedelta(days=1))


def _days(first: date, end: date | None = None, end_offset: int = 0) -> dg.DailyPartitionsDefinition:
    return dg.DailyPartitionsDefinition(
        start_date=first.isoformat(),
        end_date=end.isoformat() if end else None,
        timezone="UTC",
        end_offset=end_offset,
    )
