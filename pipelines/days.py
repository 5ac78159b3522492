"""Which UTC days are partitions of the daily assets."""

from datetime import date, datetime, timedelta, timezone

import dagster as dg

from pipelines.settings import Settings
from resources.bucket import Bucket

ARCHIVE_AFTER = timedelta(days=31)
"""If a folder's last day is longer ago than this, the folder does not grow: its last day is the last partition."""


def days_from_the_start(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Every day since FLOWLAKE_START_DATE, up to the one that is running: an incident is reported on while it lasts."""
    return _days(settings.start_date)


def days_of_the_logs(settings: Settings, bucket: Bucket) -> dg.DailyPartitionsDefinition:
    """The days from the first to the last in a folder of logs; without such a folder, `days_from_the_start`.

    While the folder grows, the last day is the one that is running (see ARCHIVE_AFTER). If FLOWLAKE_START_DATE is set,
    it is the first day. This lists folders, and reads no file.
    """
    days = [day for day in bucket.listed_days() or () if day >= settings.start_date]
    if not days:
        return days_from_the_start(settings)
    first = settings.start_date if "start_date" in settings.model_fields_set else days[0]
    grows = days[-1] > datetime.now(timezone.utc).date() - ARCHIVE_AFTER
    return _days(first, None if grows else days[-1] + timedelta(days=1))


def is_partition(days: dg.DailyPartitionsDefinition, day: date) -> bool:
    """Whether a day is one of the partitions now."""
    return days.has_partition_key(day.isoformat())


def _days(first: date, end: date | None = None) -> dg.DailyPartitionsDefinition:
    """The days from the first one to the one before `end`; without an end, to the one that is running (UTC)."""
    return dg.DailyPartitionsDefinition(
        start_date=first.isoformat(),
        end_date=end.isoformat() if end else None,
        timezone="UTC",
        end_offset=0 if end else 1,
    )
