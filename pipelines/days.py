"""Which UTC days are partitions of the daily assets."""

from datetime import date, datetime, timedelta, timezone

import dagster as dg

from pipelines.settings import Settings
from resources.bucket import Bucket

ARCHIVE_AFTER = timedelta(days=31)
"""If a folder's last day is longer ago than this, the folder does not grow: its last day is the last partition."""


def days_from_the_start(settings: Settings, *, today_too: bool = False) -> dg.DailyPartitionsDefinition:
    """Every day that is over since FLOWLAKE_START_DATE.

    With `today_too`, today is one as well: `make run` can report on an incident while it lasts.
    """
    return _days(settings.start_date, today_too=today_too)


def days_of_the_logs(settings: Settings, bucket: Bucket, *, today_too: bool = False) -> dg.DailyPartitionsDefinition:
    """The days from the first to the last in a folder of logs; without such a folder, `days_from_the_start`.

    The end stays open while the folder grows (see ARCHIVE_AFTER), `today_too` counts then. If FLOWLAKE_START_DATE is
    set, it is the first day. This lists folders, and reads no file.
    """
    days = [day for day in bucket.listed_days() or () if day >= settings.start_date]
    if not days:
        return days_from_the_start(settings, today_too=today_too)
    first = settings.start_date if "start_date" in settings.model_fields_set else days[0]
    grows = days[-1] > datetime.now(timezone.utc).date() - ARCHIVE_AFTER
    return _days(first, None if grows else days[-1] + timedelta(days=1), today_too=grows and today_too)


def is_partition(days: dg.DailyPartitionsDefinition, day: date) -> bool:
    """Whether a day is one of the partitions now."""
    return days.has_partition_key(day.isoformat())


def _days(first: date, end: date | None = None, *, today_too: bool) -> dg.DailyPartitionsDefinition:
    return dg.DailyPartitionsDefinition(
        start_date=first.isoformat(),
        end_date=end.isoformat() if end else None,
        timezone="UTC",
        end_offset=int(today_too),
    )
