"""What the objects of a day are, looked at before they are read: is each of them what the table takes it for?

A first look at one object of each flow log is enough for its format, which cannot be changed; some more are looked at
for records that are none. A day that cannot be read as it is has a problem, which fails it by name. What people should
know of a day that can be is a warning.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import PurePosixPath

from assets.results_source import ObjectsRead, note_key, noted_objects
from flowlogs.errors import FlowLakeError
from flowlogs.first_look import (
    HEAD_BYTES,
    FirstLook,
    first_look,
    header_inside_told,
    odd_told,
    other_files_told,
)
from flowlogs.layout import LogSource, find_flow_log, find_object_name, find_owner, find_window_day, is_visible
from flowlogs.printable import few
from resources.bucket import Bucket, ObjectStore, StoredObject

LOOKS_PER_FLOW_LOG = 8
"""At how many objects of each flow log a day's look looks, evenly from its first to its last."""

MOST_OTHER_FILES = 100
"""How many files may lie between a day's objects that are none: each of them is looked at."""

DAYS_AT_ONCE = 8


@dataclass(frozen=True)
class DayObjects:
    """The objects of one day that Athena reads; why they cannot be read as they are, if so; what people should know."""

    objects: Mapping[str, StoredObject]
    problem: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes, as stored, of what Athena reads: it passes over what is in an archive."""
        return sum(stored.size for stored in self.objects.values() if not stored.archived)

    @property
    def read(self) -> ObjectsRead:
        """What of them is read as a flow log's."""
        return _readable(self.objects.values())


def look_at(bucket: Bucket, days: Sequence[date]) -> dict[date, DayObjects]:
    """A look at the objects of each of these days."""
    source = bucket.source()
    with ThreadPoolExecutor(min(DAYS_AT_ONCE, len(days) or 1), thread_name_prefix="day-objects") as pool:
        looked = dict(zip(days, pool.map(lambda day: _look_at_day(bucket, source, day), days), strict=True))
    return looked | {day: DayObjects({}, problem) for day, problem in bucket.shared_days(days).items()}


def unreadable_days(looked: Mapping[date, DayObjects]) -> dict[date, str]:
    """The days that cannot be read as they are, and why."""
    return {day: found.problem for day, found in looked.items() if found.problem}


def changed_days(bucket: Bucket, before: Mapping[date, DayObjects]) -> dict[date, str]:
    """Of days that were read since they were looked at, those whose objects were not all there, and what is to do.

    Athena lists a folder anew when it reads it: objects that are gone by then are records that nobody misses.
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
                f"Objects of {day} came, went or changed while they were read: {some(bucket, gone)}. The day is as "
                "it was before. Run again when nothing moves there."
            )
    return changed


def arrived_since(bucket: Bucket, read: Mapping[date, ObjectsRead]) -> list[str]:
    """What people should know of days that have other objects now than were read of them."""
    source, late = bucket.source(), []
    for day, before in read.items():
        now = _readable(bucket.visible_objects(source.day_prefix(day)))
        if now.count > before.count or (now.count == before.count and now.size != before.size):
            late.append(
                f"Objects of {day} arrived or changed after its rejected flows were read: {before.count} objects of "
                f"{before.size:,} bytes then, {now.count} of {now.size:,} now. Materialize rejected_flows for that day "
                "again, then its reports."
            )
    return late


def missing_since(bucket: Bucket, looked: Mapping[date, DayObjects], results: ObjectStore) -> dict[date, str]:
    """The days of which objects are gone that an earlier run read, and what is to do.

    To read such a day again would put less in the place of what was read when they were there.
    """
    missing = {}
    for day, before in noted_objects(results, looked).items():
        now = looked[day].read
        if now.count < before.count:
            missing[day] = (
                f"Logs of {day} are gone: of {before.count} objects that an earlier run read, {now.count} are left in "
                f"{bucket.objects.uri(bucket.source().day_prefix(day))} that Athena reads. What was read is kept. If "
                "they were removed on purpose, nothing is to be done. Else restore them; or, to make the day from what "
                f"is left, remove {results.uri(note_key(day))} and run again."
            )
    return missing


def _readable(objects: Iterable[StoredObject]) -> ObjectsRead:
    """The objects of flow logs that Athena reads, each of them once, however often it is there."""
    sizes = {
        _unpacked_name(stored.key): stored.size
        for stored in objects
        if find_flow_log(stored.key) and not stored.archived
    }
    return ObjectsRead(len(sizes), sum(sizes.values()))


def _look_at_day(bucket: Bucket, source: LogSource, day: date) -> DayObjects:
    try:
        return _found(bucket, source, day)
    except FlowLakeError as error:  # of one object, or of the day's folder: other days can be read
        return DayObjects({}, str(error))


def _found(bucket: Bucket, source: LogSource, day: date) -> DayObjects:
    prefix = source.day_prefix(day)
    there = list(bucket.objects.list(prefix))
    objects = {stored.key: stored for stored in there if is_visible(stored.key, prefix)}
    readable = [key for key, stored in objects.items() if not stored.archived]
    others = [key for key in readable if find_flow_log(key) is None]
    if len(others) > MOST_OTHER_FILES:
        return DayObjects(
            objects,
            f"{len(others)} files of {day} are no objects of a flow log, as {some(bucket, others)}. To Athena each of "
            "their lines is a record. Move them away.",
        )
    flow_logs: dict[str, list[str]] = defaultdict(list)
    for key in readable:
        if flow_log := find_flow_log(key):
            flow_logs[flow_log].append(key)
    looks = {
        flow_log: {key: _look(bucket, key) for key in _spread(keys, LOOKS_PER_FLOW_LOG)}
        for flow_log, keys in flow_logs.items()
    }
    seen = {key: look for found in looks.values() for key, look in found.items()}
    seen |= {key: _look(bucket, key) for key in others}
    problems = [f"{bucket.objects.uri(key)} {look.problem}" for key, look in seen.items() if look.problem]
    warnings = [
        *_other_files(bucket, seen),
        *_hidden(bucket, there, objects),
        *_empty(bucket, seen),
        *_odd_records(bucket, seen),
        *_headers_inside(bucket, seen),
        *_twice(bucket, objects),
        *_copies(bucket, objects.values()),
        *_of_other_days(bucket, objects, day),
        *_of_others(bucket, source, objects),
        *_doubled_interfaces(looks, day),
        *_archived(bucket, objects.values(), day),
        *([f"{day} is not over yet (UTC): its reports tell of a part of it."] if day >= _today() else []),
    ]
    return DayObjects(objects, "\n".join(problems) or None, tuple(warnings))


def _look(bucket: Bucket, key: str) -> FirstLook:
    return first_look(PurePosixPath(key).name, bucket.objects.head(key, HEAD_BYTES))


def _spread(keys: Sequence[str], most: int) -> list[str]:
    """Some of the keys: the first, the last, and evenly between them."""
    if len(keys) <= most:
        return list(keys)
    return [keys[number * (len(keys) - 1) // (most - 1)] for number in range(most)]


def _other_files(bucket: Bucket, seen: Mapping[str, FirstLook]) -> Iterator[str]:
    alike: dict[str, list[str]] = defaultdict(list)
    for key, look in seen.items():
        if look.warning:
            alike[look.warning].append(key)
    for warning, keys in alike.items():
        yield other_files_told(_uris(bucket, keys), warning)


def _hidden(bucket: Bucket, there: Iterable[StoredObject], objects: Iterable[str]) -> Iterator[str]:
    """Objects of a flow log that Athena passes over for their names, where the same ones are not there to be read."""
    read = {_unpacked_name(key) for key in objects}
    names = {stored.key: PurePosixPath(stored.key).name.lstrip("._") for stored in there if stored.key not in objects}
    hidden = [key for key, name in names.items() if (own := find_object_name(name)) and _unpacked_name(own) not in read]
    if hidden:
        yield (
            f"Athena passes over names that begin with a dot or an underscore: {some(bucket, hidden)}. But for that, "
            "they are called as objects of a flow log, as what an interrupted copy leaves, and no report counts their "
            "records. Copy them again, or rename them; then run again."
        )


def _empty(bucket: Bucket, seen: Mapping[str, FirstLook]) -> Iterator[str]:
    empty = [key for key, look in seen.items() if look.empty]
    if empty:
        yield (
            f"Objects without a line, not even a header: {some(bucket, empty)}. That is what a copy leaves that was "
            "interrupted, and no flow log delivers. If so, copy again, then run again."
        )


def _odd_records(bucket: Bucket, seen: Mapping[str, FirstLook]) -> Iterator[str]:
    odd = {key: look.odd for key, look in seen.items() if look.odd is not None}
    if odd:
        yield odd_told(_uris(bucket, list(odd)), next(iter(odd.values())))


def _headers_inside(bucket: Bucket, seen: Mapping[str, FirstLook]) -> Iterator[str]:
    inside = [key for key, look in seen.items() if look.header_inside]
    if inside:
        yield header_inside_told(_uris(bucket, inside))


def _twice(bucket: Bucket, objects: Iterable[str]) -> Iterator[str]:
    """Objects that are there twice: packed and unpacked, or in two folders. Athena reads both."""
    names = Counter(_unpacked_name(key) for key in objects if find_flow_log(key))
    doubled = [key for key in objects if names[_unpacked_name(key)] > 1]
    if doubled:
        yield (
            f"Some objects are there twice, so that their records count twice: {some(bucket, doubled)}. Remove one of "
            "each, and run again."
        )


def _copies(bucket: Bucket, objects: Iterable[StoredObject]) -> Iterator[str]:
    """Objects under different names that begin alike and have the same size: copies, whose records count twice."""
    of_size: dict[int, list[StoredObject]] = defaultdict(list)
    for stored in objects:
        if find_flow_log(stored.key) and not stored.archived:
            of_size[stored.size].append(stored)
    of_one_size = [stored for alike in of_size.values() if len(alike) > 1 for stored in alike]
    compared = of_one_size[: bucket.objects.most_compared]
    copies = defaultdict(list)
    for stored in compared:
        copies[stored.size, bucket.objects.content_id(stored)].append(stored.key)
    if len(compared) < len(of_one_size):
        yield (
            f"{len(of_one_size)} objects have the size of another one, and {len(compared)} of them were compared: "
            "whether the others are copies, so that records count twice, is not known."
        )
    for keys in copies.values():
        different = list({_unpacked_name(key): key for key in keys}.values())
        # Objects that hold no record are alike, too: two empty ones, or those of a header line alone.
        if len(different) > 1 and _look(bucket, different[0]).interfaces:
            yield (
                f"Some objects hold the same records under different names, so that these count twice: "
                f"{some(bucket, different)}. Remove all but one of them, and run again."
            )


def _of_other_days(bucket: Bucket, objects: Iterable[str], day: date) -> Iterator[str]:
    """Objects that went astray: by their names they are of another day, and not just of the one beside it."""
    astray = [key for key in objects if (own := find_window_day(key)) and abs(own - day) > timedelta(days=1)]
    if astray:
        yield (
            f"Some objects are called as those of another day than {day}, in whose folder they lie: "
            f"{some(bucket, astray)}. Their records are counted on {day}."
        )


def _of_others(bucket: Bucket, source: LogSource, objects: Iterable[str]) -> Iterator[str]:
    """Objects of another account or region than the one whose folder they lie in."""
    own = (source.account, source.region)
    others = [key for key in objects if find_owner(key) not in (None, own)]
    if others:
        yield (
            f"Some objects are called as those of another account or region than {' in '.join(own)}, in whose folder "
            f"they lie: {some(bucket, others)}. Their records are counted there."
        )


def _unpacked_name(key: str) -> str:
    return PurePosixPath(key).name.removesuffix(".gz")


def _doubled_interfaces(looks: Mapping[str, Mapping[str, FirstLook]], day: date) -> Iterator[str]:
    """Flow logs that tell of the same interface, as those of a VPC and of its subnet do."""
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
            f"{some(bucket, archived)}. Their records are missing. Restore and copy them, then run again."
        )


def some(bucket: Bucket, keys: Sequence[str]) -> str:
    """The first of these keys, as people find them, and how many more there are."""
    return few(_uris(bucket, keys))


def _uris(bucket: Bucket, keys: Iterable[str]) -> list[str]:
    return [bucket.objects.uri(key) for key in keys]


def _today() -> date:
    return datetime.now(timezone.utc).date()
