"""The days of runs, by Dagster's tags: which days a run is for, and which are in a run that has not ended."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

import dagster as dg

from assets.datasets.cleanup import RUN_ENDS_WITHIN

_RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
"""Dagster's tags of a run of a range of days: its first and its last one."""

_DAY_TAG = "dagster/partition"

_NOT_ENDED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def busy_days(instance: dg.DagsterInstance, now: datetime) -> set[date]:
    """The days of runs that wait or are active. One that began half a day ago is dead, and nobody noticed."""
    records = instance.get_run_records(dg.RunsFilter(statuses=_NOT_ENDED))
    longest = RUN_ENDS_WITHIN.total_seconds()
    active = [one for one in records if one.start_time is None or now.timestamp() - one.start_time < longest]
    return {day for one in active for day in days_of_run(one.dagster_run.tags)}


def days_of_run(tags: Mapping[str, str]) -> Iterable[date]:
    """The days of a run, by its tags."""
    first, last = (parse_day(tags.get(name)) for name in _RANGE_TAGS)
    if first and last:
        return map(date.fromordinal, range(first.toordinal(), last.toordinal() + 1))
    one = parse_day(tags.get(_DAY_TAG))
    return [one] if one else []


def range_tags(first: date, last: date) -> dict[str, str]:
    """The tags of a run of all days from the first to the last one."""
    return dict(zip(_RANGE_TAGS, (first.isoformat(), last.isoformat()), strict=True))


def parse_day(text: object) -> date | None:
    """The day in a text; None for any other text."""
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return None
