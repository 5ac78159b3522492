"""Compares what lies in the folders of days with what their pages were made from: objects that arrived later.

Only listings and small files are read, and no record. What a day was made from is in coverage.py, who makes such a day
again is in pipelines/sensors.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import PurePosixPath

from assets.coverage import Coverage, coverage_of
from assets.datasets.files import stored_coverage
from assets.day_objects import visible_of_day
from assets.page.asset import stored_summaries
from assets.page.day_totals import SOURCES, Covered, DaySummary
from assets.page.words import counted
from flowlogs.errors import FlowLakeError
from flowlogs.layout import unpacked_name
from flowlogs.sources import LogSources
from flowlogs.statements import TableName
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine


@dataclass(frozen=True)
class Difference:
    """How the objects of a day differ from those that were read: how many are new, replaced, and gone or smaller."""

    new: int = 0
    replaced: int = 0
    lost: int = 0


@dataclass(frozen=True)
class DayState:
    """What lies in a day's folders now, by a digest, and why the day should be made again: empty if it should not.

    `lost` says that it cannot be made again, since objects that were read are gone or smaller: it keeps what was read.
    """

    digest: str
    reason: str = ""
    lost: str = ""


@dataclass(frozen=True)
class LookAtDays:
    """The states of the days that have a page, and the errors of those that could not be looked at."""

    states: Mapping[date, DayState] = field(default_factory=dict)
    errors: Mapping[date, str] = field(default_factory=dict)


def look_at_days(
    bucket: Bucket, results: ObjectStore, athena: QueryEngine, database: str, days: Sequence[date]
) -> LookAtDays:
    """Compare these days with their pages; those without a page are left out.

    This lists the results' folder of summaries and each day's folders once, and reads a small file a day. Only for a
    day that differs, it asks the catalog, lists a folder of datasets and reads one more file.
    """
    summaries = stored_summaries(results, days)
    if not summaries:
        return LookAtDays()
    sources = bucket.sources()
    states: dict[date, DayState] = {}
    errors: dict[date, str] = {}
    for day, summary in summaries.items():
        try:
            states[day] = _look_at(bucket, results, athena, TableName(database, SOURCES[0]), sources, day, summary)
        except FlowLakeError as error:
            errors[day] = str(error)
    return LookAtDays(states, errors)


def listed_coverage(bucket: Bucket, sources: LogSources, day: date) -> Coverage:
    """What a day would be made from now."""
    return coverage_of(visible_of_day(bucket, sources, day))


def difference(before: Coverage, now: Coverage) -> Difference:
    """How the objects that are there now differ from those that were read.

    An object that was compressed or decompressed is still the same one. ETags count where both are known.
    """
    read = {PurePosixPath(key).name: found for key, found in before.objects.items()}
    known = set(map(unpacked_name, read))
    new, replaced = 0, 0
    for key, found in now.objects.items():
        was = read.get(PurePosixPath(key).name)
        if unpacked_name(key) not in known:
            new += 1
        elif was and (was.size != found.size or (was.etag and found.etag and was.etag != found.etag)):
            replaced += 1
    return Difference(new, replaced, len(before.read.gone(now.read)) + len(before.read.smaller(now.read)))


def state_of(page: Covered | None, read: Coverage | None, now: Coverage) -> DayState:
    """The state of a day that is over: `page` is what its page was made from, `read` what its datasets were.

    Either is None where nothing is known of it.
    """
    found = difference(read or Coverage(), now)
    if found.lost:
        gone = counted(found.lost, "object that was read is", "objects that were read are")
        return DayState(now.digest, lost=f"{gone} gone or smaller: its reports stay as they are")
    return DayState(now.digest, reason=_why_again(found, page, read))


def _why_again(found: Difference, page: Covered | None, read: Coverage | None) -> str:
    told = [f"{counted(found.new, 'object')} arrived"] if found.new else []
    told += [f"{counted(found.replaced, 'object')} changed"] if found.replaced else []
    if told:
        return f"{' and '.join(told)} since its reports were made"
    if page and page.partial:
        return "it was not over when its reports were made"
    if page and read and page.digest != read.digest:
        return "its page is older than its datasets"
    return ""


def _look_at(
    bucket: Bucket,
    results: ObjectStore,
    athena: QueryEngine,
    dataset: TableName,
    sources: LogSources,
    day: date,
    summary: DaySummary,
) -> DayState:
    now = listed_coverage(bucket, sources, day)
    page = summary.covered
    if page and page.digest == now.digest and not page.partial:
        return DayState(now.digest)
    return state_of(page, stored_coverage(results, athena, dataset, [day]).get(day), now)
