"""Inspects the objects of a day before they are scanned: can the table read them right?

A flow log's format cannot be changed, so that the first look at one object is enough for the format; a few more objects
are inspected for odd records. A day that would be read wrongly has a problem, and fails. Everything else that is worth
knowing about a day is a warning. What the lines of an object mean is in flowlogs/first_look.py.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import PurePosixPath

from assets.objects_read import ObjectsRead, objects_read, unpacked_name
from flowlogs.errors import FlowLakeError
from flowlogs.first_look import (
    HEAD_BYTES,
    FirstLook,
    first_look,
    header_inside_warning,
    odd_lines_warnings,
    other_files_warning,
)
from flowlogs.layout import (
    LogSource,
    find_flow_log,
    find_leading_object_name,
    find_owner,
    find_source,
    find_window,
    is_visible,
    touches_day,
)
from flowlogs.printable import first_names
from resources.bucket import Bucket, StoredObject

INSPECTED_PER_FLOW_LOG = 8
"""How many of a day's objects are inspected for each flow log, evenly from the first to the last."""

MAX_OTHER_FILES = 100
"""How many other files a day's folder may hold. Each of them is inspected."""

DAYS_AT_ONCE = 8


@dataclass(frozen=True)
class DayObjects:
    """The objects of one day that Athena reads, by key; why the table would read them wrongly, if so; and warnings."""

    objects: Mapping[str, StoredObject]
    problem: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes, as stored, of what Athena reads: it passes over what is in an archive."""
        return sum(stored.size for stored in self.objects.values() if not stored.archived)

    @property
    def read(self) -> ObjectsRead:
        """The objects of flow logs among them."""
        return objects_read(self.objects.values())


def inspect_days(bucket: Bucket, days: Sequence[date]) -> dict[date, DayObjects]:
    """Inspect the objects of each of these days."""
    source = bucket.source()
    with ThreadPoolExecutor(min(DAYS_AT_ONCE, len(days) or 1), thread_name_prefix="day-objects") as pool:
        inspected = dict(zip(days, pool.map(lambda day: _inspect_day_or_fail(bucket, source, day), days), strict=True))
    return inspected | {day: DayObjects({}, problem) for day, problem in bucket.unfit_days(days).items()}


def days_read(bucket: Bucket, locations: Iterable[str]) -> list[date]:
    """The days of flow logs whose partitions have these locations."""
    of_logs = [location for location in locations if find_source(location.split("/", 3)[-1])]
    if not of_logs:
        return []
    source = bucket.source()
    found = {source.find_day(f"{location.removeprefix(f's3://{source.bucket}/')}/") for location in of_logs}
    return sorted(day for day in found if day)


def listing_warnings(bucket: Bucket, days: Sequence[date]) -> list[str]:
    """What people should know of these days, by the listing of their folders."""
    if not days:
        return []
    source = bucket.source()
    told = list(bucket.unfit_days(days).values())
    for day in days:
        there = list(bucket.objects.list(source.day_prefix(day)))
        told += _listing_warnings(bucket, source, there, day)
    return told


def unreadable_days(inspected: Mapping[date, DayObjects]) -> dict[date, str]:
    """The days that would be read wrongly, and why."""
    return {day: found.problem for day, found in inspected.items() if found.problem}


def changed_since(bucket: Bucket, before: Mapping[date, DayObjects]) -> dict[date, str]:
    """The days whose objects changed between the inspection and the end of the scan, and what to do.

    Athena lists a folder again when it reads it. If objects are gone by then, their records are missing without an
    error.
    """
    source, changed = bucket.source(), {}
    for day, found in before.items():
        try:
            now = {stored.key: stored.version for stored in bucket.visible_objects(source.day_prefix(day))}
        except FlowLakeError as error:
            changed[day] = str(error)
            continue
        gone = [key for key, stored in found.objects.items() if now.get(key) != stored.version]
        gone += [key for key in now if key not in found.objects]
        if gone:
            changed[day] = (
                f"Objects of {day} came, went or changed while they were read: {first_paths(bucket, gone)}. The day "
                "is as it was before. Run again when nothing moves there."
            )
    return changed


def arrived_since(bucket: Bucket, read: Mapping[date, ObjectsRead]) -> list[str]:
    """Warnings about days that have other objects now than were read."""
    source, late = bucket.source(), []
    for day, before in read.items():
        now = objects_read(bucket.visible_objects(source.day_prefix(day)))
        if before.has_more(now):
            late.append(
                f"Objects of {day} arrived or changed after its rejected flows were read: {before.count} objects of "
                f"{before.size:,} bytes then, {now.count} of {now.size:,} now. Materialize rejected_flows for that day "
                "again, then its reports."
            )
    return late


def _inspect_day_or_fail(bucket: Bucket, source: LogSource, day: date) -> DayObjects:
    try:
        return _inspect_day(bucket, source, day)
    except FlowLakeError as error:  # it concerns this day alone: other days can be read
        return DayObjects({}, str(error))


def _inspect_day(bucket: Bucket, source: LogSource, day: date) -> DayObjects:
    prefix = source.day_prefix(day)
    there = list(bucket.objects.list(prefix))
    objects = {stored.key: stored for stored in there if is_visible(stored.key, prefix)}
    readable = [key for key, stored in objects.items() if not stored.archived]
    others = [key for key in readable if find_flow_log(key) is None]
    if len(others) > MAX_OTHER_FILES:
        return DayObjects(
            objects,
            f"{len(others)} files of {day} are no objects of a flow log, as {first_paths(bucket, others)}. To Athena "
            "each of their lines is a record. Move them away.",
        )
    flow_logs: dict[str, list[str]] = defaultdict(list)
    for key in readable:
        if flow_log := find_flow_log(key):
            flow_logs[flow_log].append(key)
    looks = {
        flow_log: {key: _first_look_at(bucket, key) for key in _spread(keys, INSPECTED_PER_FLOW_LOG)}
        for flow_log, keys in flow_logs.items()
    }
    seen = {key: look for found in looks.values() for key, look in found.items()}
    seen |= {key: _first_look_at(bucket, key) for key in others}
    problems = [f"{bucket.objects.display_path(key)} {look.problem}" for key, look in seen.items() if look.problem]
    warnings = [
        *_other_files(bucket, seen),
        *_empty(bucket, seen),
        *_odd_lines(bucket, seen),
        *_headers_inside(bucket, seen),
        *_copies(bucket, objects.values(), seen),
        *_doubled_interfaces(looks, day),
        *_listing_warnings(bucket, source, there, day),
        *([f"{day} is not over yet (UTC): its reports tell of a part of it."] if day >= _today() else []),
    ]
    return DayObjects(objects, "\n".join(problems) or None, tuple(warnings))


def _listing_warnings(bucket: Bucket, source: LogSource, there: Sequence[StoredObject], day: date) -> Iterator[str]:
    """What people should know of a day by the listing of its folder."""
    objects = {stored.key: stored for stored in there if is_visible(stored.key, source.day_prefix(day))}
    yield from _hidden(bucket, there, objects)
    yield from _twice(bucket, objects)
    yield from _of_other_days(bucket, objects, day)
    yield from _in_two_days(bucket, source, objects, day)
    yield from _of_others(bucket, source, objects)
    yield from _archived(bucket, objects.values(), day)


def _first_look_at(bucket: Bucket, key: str) -> FirstLook:
    return first_look(PurePosixPath(key).name, bucket.objects.head(key, HEAD_BYTES))


def _spread(keys: Sequence[str], most: int) -> list[str]:
    """At most so many of the keys: the first, the last, and others evenly between them."""
    if len(keys) <= most:
        return list(keys)
    return [keys[number * (len(keys) - 1) // (most - 1)] for number in range(most)]


def _other_files(bucket: Bucket, seen: Mapping[str, FirstLook]) -> Iterator[str]:
    alike: dict[str, list[str]] = defaultdict(list)
    for key, look in seen.items():
        if look.warning:
            alike[look.warning].append(key)
    for warning, keys in alike.items():
        yield other_files_warning(_display_paths(bucket, keys), warning)


def _hidden(bucket: Bucket, there: Iterable[StoredObject], objects: Iterable[str]) -> Iterator[str]:
    """Objects of a flow log that Athena skips because of their names, unless a readable copy is there too."""
    read = {unpacked_name(key) for key in objects}
    names = {stored.key: PurePosixPath(stored.key).name.lstrip("._") for stored in there if stored.key not in objects}
    hidden = [
        key for key, name in names.items() if (own := find_leading_object_name(name)) and unpacked_name(own) not in read
    ]
    if hidden:
        yield (
            f"Athena passes over names that begin with a dot or an underscore: {first_paths(bucket, hidden)}. But for "
            "that, they are called as objects of a flow log, as what an interrupted copy leaves, and no report counts "
            "their records. Copy them again, or rename them; then run again."
        )


def _empty(bucket: Bucket, seen: Mapping[str, FirstLook]) -> Iterator[str]:
    empty = [key for key, look in seen.items() if look.empty]
    if empty:
        yield (
            f"Objects without a line, not even a header: {first_paths(bucket, empty)}. That is what a copy leaves "
            "that was interrupted, and no flow log delivers. If so, copy again, then run again."
        )


def _odd_lines(bucket: Bucket, seen: Mapping[str, FirstLook]) -> Iterator[str]:
    yield from odd_lines_warnings({bucket.objects.display_path(key): look.odd for key, look in seen.items()})


def _headers_inside(bucket: Bucket, seen: Mapping[str, FirstLook]) -> Iterator[str]:
    inside = [key for key, look in seen.items() if look.header_inside]
    if inside:
        yield header_inside_warning(_display_paths(bucket, inside))


def _twice(bucket: Bucket, objects: Iterable[str]) -> Iterator[str]:
    """Objects that exist twice: compressed and uncompressed, or in two folders. Athena reads both."""
    names = Counter(unpacked_name(key) for key in objects if find_flow_log(key))
    doubled = [key for key in objects if names[unpacked_name(key)] > 1]
    if doubled:
        yield (
            f"Some objects are there twice, so that their records count twice: {first_paths(bucket, doubled)}. Remove "
            "one of each, and run again."
        )


def _copies(bucket: Bucket, objects: Iterable[StoredObject], seen: Mapping[str, FirstLook]) -> Iterator[str]:
    """Objects under different names that begin alike, unpacked: copies, whose records count twice.

    Compared are those that were looked at, and those that may be copies by what is known of them without a look.
    """
    like: dict[str, list[str]] = defaultdict(list)
    for stored in objects:
        if find_flow_log(stored.key) and not stored.archived:
            like[bucket.objects.content_id(stored)].append(stored.key)
    looks = {key: look for key, look in seen.items() if find_flow_log(key)}
    alike = [key for keys in like.values() if len(keys) > 1 for key in keys if key not in looks]
    compared = alike[: bucket.objects.most_compared]
    looks |= {key: _first_look_at(bucket, key) for key in compared}
    if len(compared) < len(alike):
        yield (
            f"{len(alike)} objects have the size of another one, and {len(compared)} of them were compared: whether "
            "the others are copies, so that records count twice, is not known."
        )
    copies: dict[str, list[str]] = defaultdict(list)
    for key, look in sorted(looks.items()):
        if look.beginning:
            copies[look.beginning].append(key)
    for keys in copies.values():
        different = list({unpacked_name(key): key for key in keys}.values())
        if len(different) > 1:
            yield (
                f"Some objects hold the same records under different names, so that these count twice: "
                f"{first_paths(bucket, different)}. Remove all but one of them, and run again."
            )


def _of_other_days(bucket: Bucket, objects: Iterable[str], day: date) -> Iterator[str]:
    """Objects whose names say another day than the folder, and not the minutes around midnight."""
    windows = {key: window for key in objects if (window := find_window(key)) and window.date() != day}
    astray = [key for key, window in windows.items() if not touches_day(window, day)]
    if astray:
        yield (
            f"Some objects are called as those of another day than {day}, in whose folder they lie: "
            f"{first_paths(bucket, astray)}. Their records are counted on {day}."
        )


def _in_two_days(bucket: Bucket, source: LogSource, objects: Iterable[str], day: date) -> Iterator[str]:
    """Objects of the minutes around midnight that lie in the folder of the other day, too."""
    beside: dict[date, list[str]] = defaultdict(list)
    for key in objects:
        window = find_window(key)
        if window and window.date() != day and touches_day(window, day):
            beside[window.date()].append(key)
    for other, keys in beside.items():
        there = {unpacked_name(stored.key) for stored in bucket.visible_objects(source.day_prefix(other))}
        doubled = [key for key in keys if unpacked_name(key) in there]
        if doubled:
            yield (
                f"Some objects of {day} are there on {other}, too, so that their records count on both days: "
                f"{first_paths(bucket, doubled)}. Remove them from one of the two folders, and run again."
            )


def _of_others(bucket: Bucket, source: LogSource, objects: Iterable[str]) -> Iterator[str]:
    """Objects whose names say another account or region than the folder."""
    own = (source.account, source.region)
    others = [key for key in objects if find_owner(key) not in (None, own)]
    if others:
        yield (
            f"Some objects are called as those of another account or region than {' in '.join(own)}, in whose folder "
            f"they lie: {first_paths(bucket, others)}. Their records are counted there."
        )


def _doubled_interfaces(looks: Mapping[str, Mapping[str, FirstLook]], day: date) -> Iterator[str]:
    """Flow logs that record the same interface, such as those of a VPC and of its subnet."""
    interfaces = {
        flow_log: {name for look in found.values() for name in look.interfaces} for flow_log, found in looks.items()
    }
    for number, first in enumerate(interfaces):
        for second in list(interfaces)[number + 1 :]:
            shared = sorted(interfaces[first] & interfaces[second])
            if shared:
                yield (
                    f"The flow logs {first} and {second} both tell of {shared[0]} on {day}, so that its records count "
                    "twice, as where a VPC and its subnet have one each. Have one of them deliver elsewhere."
                )


def _archived(bucket: Bucket, objects: Iterable[StoredObject], day: date) -> Iterator[str]:
    archived = [stored.key for stored in objects if stored.archived]
    if archived:
        yield (
            f"{len(archived)} objects of {day} are in a Glacier class, and Athena passes over them without a word: "
            f"{first_paths(bucket, archived)}. Their records are missing. Restore and copy them, then run again."
        )


def first_paths(bucket: Bucket, keys: Sequence[str]) -> str:
    """The display paths of the first keys, and how many more there are."""
    return first_names(_display_paths(bucket, keys))


def _display_paths(bucket: Bucket, keys: Iterable[str]) -> list[str]:
    return [bucket.objects.display_path(key) for key in keys]


def _today() -> date:
    return datetime.now(timezone.utc).date()
