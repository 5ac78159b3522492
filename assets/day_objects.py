"""Inspects the objects of a day before they are scanned: can the table read them right?

A flow log's format cannot be changed, so that the first look at one object is enough for the format. It is remembered
for the other assets of a run. A day that would be read wrongly has a problem, and fails. Everything else that is worth
knowing about a day is a warning. What the lines of an object mean is in flowlogs/first_look.py.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timezone
from itertools import combinations
from pathlib import PurePosixPath
from weakref import WeakKeyDictionary

from assets.copies import find_copies
from assets.coverage import Coverage, coverage_of
from assets.object_looks import first_look_at
from assets.objects_read import ObjectsRead, objects_read
from flowlogs.errors import FlowLakeError
from flowlogs.first_look import (
    FirstLook,
    empty_warning,
    header_inside_warning,
    odd_lines_warnings,
    other_files_warning,
)
from flowlogs.layout import (
    LogSource,
    find_embedded_object_name,
    find_flow_log,
    find_owner,
    find_source,
    find_window,
    is_visible,
    touches_day,
    unpacked_name,
)
from flowlogs.printable import first_names
from flowlogs.record_format import PARQUET, RecordFormat
from flowlogs.sources import LogSources
from resources.bucket import Bucket, StoredObject
from resources.object_damage import damage_of

INSPECTED_PER_FLOW_LOG = 8
"""How many of a day's objects are inspected for each flow log, evenly from the first to the last.

Where each look costs a request, it is one object.
"""

MAX_OTHER_FILES = 100
"""How many other files a day's folder may hold. Each of them is inspected."""

FOLDERS_AT_ONCE = 16

_LOG_SUFFIXES = (".log", ".gz", ".parquet")


@dataclass(frozen=True)
class Group:
    """Objects whose keys lie between two keys, and their format; None where reports count none of their records."""

    first: str
    last: str
    record_format: RecordFormat | None


@dataclass(frozen=True)
class FolderObjects:
    """The objects of one source's folder of a day that Athena reads, by key.

    `groups` are those whose format was recognized: of each flow log, and single files. `problem` says why its records
    cannot be read right, if so. `looks` are the findings by key, `there` is everything that was listed, `damaged` are
    the objects that are left out because they are damaged, with the reason.
    """

    source: LogSource
    objects: Mapping[str, StoredObject] = field(default_factory=dict)
    groups: Sequence[Group] = ()
    looks: Mapping[str, FirstLook] = field(default_factory=dict)
    there: Sequence[StoredObject] = ()
    problem: str | None = None
    damaged: Mapping[str, str] = field(default_factory=dict)

    @property
    def formats(self) -> list[RecordFormat]:
        """The formats of records that reports count, each once."""
        return list(dict.fromkeys(group.record_format for group in self.groups if group.record_format))


@dataclass(frozen=True)
class DayObjects:
    """The objects of one day that Athena reads, by key; why the table would read them wrongly, if so; and warnings.

    `folders` are those of the sources that hold any.
    """

    objects: Mapping[str, StoredObject]
    problem: str | None = None
    warnings: tuple[str, ...] = ()
    folders: tuple[FolderObjects, ...] = ()

    @property
    def size(self) -> int:
        """Bytes, as stored, of what Athena reads: it passes over what is in an archive."""
        return sum(stored.size for stored in self.objects.values() if not stored.archived)

    @property
    def coverage(self) -> Coverage:
        """The objects, as they are stored with what is made from them."""
        return coverage_of(self.objects.values(), self.damaged)

    @property
    def damaged(self) -> dict[str, str]:
        """The objects that are left out because they are damaged, by key, and why."""
        return {key: why for folder in self.folders for key, why in folder.damaged.items()}

    def without(self, damaged: Mapping[str, str]) -> "DayObjects":
        """The day without these objects, which are damaged."""
        return replace(self, folders=tuple(_without_damaged(folder, damaged) for folder in self.folders))

    @property
    def formats(self) -> list[RecordFormat]:
        """The formats of the day's records, each once."""
        return list(dict.fromkeys(found for folder in self.folders for found in folder.formats))


def inspect_days(bucket: Bucket, days: Sequence[date]) -> dict[date, DayObjects]:
    """Inspect the objects of each of these days."""
    sources = bucket.sources()
    asked = [(day, source) for day in days for source in sources.sources]
    with ThreadPoolExecutor(min(FOLDERS_AT_ONCE, len(asked) or 1), thread_name_prefix="day-objects") as pool:
        folders = list(pool.map(lambda pair: _inspect_folder_or_fail(bucket, *pair), asked))
    by_day: dict[date, list[FolderObjects]] = {day: [] for day in days}
    for (day, _), folder in zip(asked, folders, strict=True):
        by_day[day].append(folder)
    inspected = {day: _inspected_day(bucket, sources, day, found) for day, found in by_day.items()}
    return inspected | {day: DayObjects({}, problem) for day, problem in bucket.unfit_days(days).items()}


def formats_of_day(bucket: Bucket, day: date) -> Iterator[tuple[LogSource, RecordFormat, int]]:
    """The formats of a day's flow logs, by one object of each: its source, its format, how many objects it has."""
    for source in bucket.sources().sources:
        flow_logs: dict[str, list[StoredObject]] = defaultdict(list)
        for stored in bucket.visible_objects(source.day_prefix(day)):
            flow_log = find_flow_log(stored.key)
            if flow_log and stored.size and not stored.archived:
                flow_logs[flow_log].append(stored)
        for found in flow_logs.values():
            try:
                look = first_look_at(bucket, found[0])
            except FlowLakeError:  # whoever reads the day reports it
                continue
            if look.record_format and not look.problem:
                yield source, look.record_format, len(found)


_fields: WeakKeyDictionary[Bucket, dict[date, frozenset[str]]] = WeakKeyDictionary()
"""By the bucket and the day, what `fields_of_day` has found."""


def fields_of_day(bucket: Bucket, day: date) -> frozenset[str]:
    """The fields of a day's flow logs, by AWS's names. They are looked for once in a run."""
    known = _fields.setdefault(bucket, {})
    if day not in known:
        found = formats_of_day(bucket, day)
        known[day] = frozenset(field.header for _, one, _ in found for field in one.fields)
    return known[day]


def visible_of_day(bucket: Bucket, sources: LogSources, day: date) -> Iterator[StoredObject]:
    """The objects in a day's folders that Athena reads. Several folders are listed at once."""
    prefixes = list(sources.day_prefixes(day).values())
    with ThreadPoolExecutor(min(FOLDERS_AT_ONCE, len(prefixes) or 1), thread_name_prefix="day-objects") as pool:
        for objects in pool.map(lambda prefix: list(bucket.visible_objects(prefix)), prefixes):
            yield from objects


def objects_of_days(bucket: Bucket, days: Iterable[date]) -> dict[date, ObjectsRead]:
    """The objects of flow logs that lie in each of these days' folders now."""
    sources = bucket.sources()
    return {day: objects_read(visible_of_day(bucket, sources, day)) for day in days}


def days_read(bucket: Bucket, locations: Iterable[str]) -> list[date]:
    """The days of flow logs whose partitions have these locations."""
    keys = [f"{location.split('/', 3)[-1].rstrip('/')}/" for location in locations]
    of_logs = [key for key in keys if find_source("any-bucket", key)]
    if not of_logs:
        return []
    sources = bucket.sources()
    return sorted({day for key in of_logs if (day := sources.find_day(key))})


def listing_warnings(bucket: Bucket, days: Sequence[date]) -> list[str]:
    """What people should know of these days, by the listing of their folders."""
    if not days:
        return []
    sources = bucket.sources()
    told = list(bucket.unfit_days(days).values())
    for day in days:
        there = {source: list(bucket.objects.list(prefix)) for source, prefix in sources.day_prefixes(day).items()}
        told += _listing_warnings(bucket, there, day)
    return told


def unreadable_days(inspected: Mapping[date, DayObjects]) -> dict[date, str]:
    """The days that would be read wrongly, and why."""
    return {day: found.problem for day, found in inspected.items() if found.problem}


def changed_since(bucket: Bucket, before: Mapping[date, DayObjects]) -> dict[date, str]:
    """The days whose objects changed between the inspection and the end of the scan, and what to do.

    Athena lists a folder again when it reads it. If objects are gone by then, their records are missing without an
    error.
    """
    sources, changed = bucket.sources(), {}
    for day, found in before.items():
        try:
            now = {stored.key: stored.version for stored in visible_of_day(bucket, sources, day)}
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


def arrived_since(bucket: Bucket, read: Mapping[date, ObjectsRead], dataset: str) -> list[str]:
    """Warnings about days that have other objects now than a dataset was made from."""
    late = []
    there = objects_of_days(bucket, read)
    for day, before in read.items():
        now = there[day]
        if before.has_more(now):
            late.append(
                f"Objects of {day} arrived or changed after they were read for {dataset}: {before.count} objects of "
                f"{before.size:,} bytes then, {now.count} of {now.size:,} now. Materialize {dataset} for that day "
                "again, then its reports."
            )
    return late


def _inspect_folder_or_fail(bucket: Bucket, day: date, source: LogSource) -> FolderObjects:
    try:
        return _inspect_folder(bucket, day, source)
    except FlowLakeError as error:  # it concerns this day alone: other days can be read
        return FolderObjects(source, problem=str(error))


def _inspect_folder(bucket: Bucket, day: date, source: LogSource) -> FolderObjects:
    prefix = source.day_prefix(day)
    there = list(bucket.objects.list(prefix))
    objects = {stored.key: stored for stored in there if is_visible(stored.key, prefix)}
    readable = [key for key, stored in objects.items() if not stored.archived]
    others = [key for key in readable if find_flow_log(key) is None]
    if len(others) > MAX_OTHER_FILES:
        problem = (
            f"{len(others)} files of {day} are no objects of a flow log, as {first_paths(bucket, others)}. To Athena "
            "each of their lines is a record. Move them away."
        )
        return FolderObjects(source, objects, there=there, problem=problem)
    flow_logs: dict[str, list[str]] = defaultdict(list)
    for key in readable:
        if flow_log := find_flow_log(key):
            flow_logs[flow_log].append(key)
    groups: list[Group] = []
    looks: dict[str, FirstLook] = {}
    problems: list[str] = []
    damaged: dict[str, str] = {}
    most = INSPECTED_PER_FLOW_LOG if bucket.objects.most_compared is None else 1
    for flow_log, keys in flow_logs.items():
        found = {}
        for key in _inspected_keys(keys, most):
            try:
                found[key] = first_look_at(bucket, objects[key])
            except FlowLakeError:
                why = damage_of(bucket.objects, objects[key]) if bucket.leave_out_damaged else None
                if why is None:
                    raise
                damaged[key] = why
        looks |= found
        by_format = {look.record_format: key for key, look in found.items() if look.record_format and not look.problem}
        if len(by_format) > 1:
            kinds = "; ".join(
                f"{bucket.objects.display_path(key)} ({kind.in_words})" for kind, key in by_format.items()
            )
            problems.append(
                f"The objects of {flow_log} are in several formats, and a flow log's format never changes: {kinds}. "
                "Move away those that the flow log did not deliver."
            )
        elif by_format or any(look.left_out for look in found.values()):
            groups += _groups(flow_log, keys, next(iter(by_format), None))
    for key in others:
        looks[key] = first_look_at(bucket, objects[key])
        if looks[key].record_format:
            groups.append(Group(key, key, looks[key].record_format))
    if any(group.record_format and group.record_format.stored_as == PARQUET for group in groups):
        # A table of Parquet objects cannot read the others at all.
        groups += [Group(key, key, None) for key in others if not looks[key].record_format]
    for key in others:
        within = [group for group in groups if group.first <= key <= group.last and group.first != key]
        if any(group.record_format != looks[key].record_format for group in within) and looks[key].record_format:
            problems.append(
                f"{bucket.objects.display_path(key)} is named after an object of a flow log, and its records are in "
                "another format than that flow log's, so that no query can tell them apart by name. Move it away."
            )
    problems += [f"{bucket.objects.display_path(key)} {look.problem}" for key, look in looks.items() if look.problem]
    inspected = FolderObjects(source, objects, groups, looks, there, "\n".join(problems) or None)
    return _without_damaged(inspected, damaged)


def _inspected_keys(keys: Sequence[str], most: int) -> list[str]:
    """The keys of one flow log's objects to inspect: of text and of Parquet objects, if there should be both."""
    parquet = [key for key in keys if key.endswith(".parquet")]
    text = [key for key in keys if not key.endswith(".parquet")]
    return [*_spread(text, most), *_spread(parquet, most)]


def _groups(flow_log: str, keys: Iterable[str], record_format: RecordFormat | None) -> list[Group]:
    """The groups of a flow log's objects: one in each folder, since a folder may have others for its hours."""
    starts = dict.fromkeys(key[: key.rindex(flow_log) + len(flow_log)] + "_" for key in keys)
    # No character of an object's name comes behind "~".
    return [Group(start, f"{start}~", record_format) for start in starts]


def _inspected_day(bucket: Bucket, sources: LogSources, day: date, folders: Sequence[FolderObjects]) -> DayObjects:
    problems = [folder.problem for folder in folders if folder.problem]
    objects = {key: stored for folder in folders for key, stored in folder.objects.items()}
    if problems:
        return DayObjects(objects, "\n".join(problems))
    seen = {key: look for folder in folders for key, look in folder.looks.items()}
    try:
        copies = [find_copies(bucket, own, seen) for own in _by_owner(folders)]
        identical = {copy: own for found in copies for copy, own in found.identical.items()}
        warnings = [
            *_alike(bucket, {key: look.left_out for key, look in seen.items()}),
            *_unknown_fields(bucket, seen),
            *_alike(bucket, {key: look.warning for key, look in seen.items()}),
            *_empty(bucket, objects, seen),
            *_odd_lines(bucket, seen),
            *_headers_inside(bucket, seen),
            *(warning for found in copies for warning in found.warnings),
            *_doubled_interfaces(seen, day),
            *_listing_warnings(bucket, {folder.source: folder.there for folder in folders}, day),
            *([f"{day} is not over yet (UTC): its reports tell of a part of it."] if day >= _today() else []),
        ]
    except FlowLakeError as error:
        return DayObjects(objects, str(error))
    filled = tuple(_without_copies(folder, identical) for folder in folders if folder.objects)
    return DayObjects(objects, None, tuple(warnings), filled)


def _listing_warnings(bucket: Bucket, there: Mapping[LogSource, Sequence[StoredObject]], day: date) -> Iterator[str]:
    """What people should know of a day by the listing of its folders."""
    everything: dict[str, StoredObject] = {}
    for source, listed in there.items():
        objects = {stored.key: stored for stored in listed if is_visible(stored.key, source.day_prefix(day))}
        yield from _hidden(bucket, listed, objects)
        yield from _of_other_days(bucket, objects, day)
        yield from _in_two_days(bucket, source, objects, day)
        yield from _of_others(bucket, source, objects)
        everything |= objects
    yield from _without_bytes(bucket, everything)
    yield from _twice(bucket, everything)
    yield from _archived(bucket, everything.values(), day)


def _spread(keys: Sequence[str], most: int) -> list[str]:
    """At most so many of the keys: the first, the last, and others evenly between them."""
    if len(keys) <= most or most == 1:
        return list(keys[:most])
    return [keys[number * (len(keys) - 1) // (most - 1)] for number in range(most)]


def _alike(bucket: Bucket, words: Mapping[str, str | None]) -> Iterator[str]:
    """One warning for all objects, by their keys, that have the same words."""
    alike: dict[str, list[str]] = defaultdict(list)
    for key, text in words.items():
        if text:
            alike[text].append(key)
    for text, keys in alike.items():
        yield other_files_warning(_display_paths(bucket, keys), text)


def _unknown_fields(bucket: Bucket, seen: Mapping[str, FirstLook]) -> Iterator[str]:
    """Fields that this version does not know."""
    first: dict[tuple[str, ...], str] = {}
    for key, look in seen.items():
        if look.record_format and look.record_format.unknown:
            first.setdefault(tuple(look.record_format.unknown), key)
    for names, key in first.items():
        yield (
            f"Flow logs have fields that this version does not know: {first_names(names)}, as in "
            f"{bucket.objects.display_path(key)}. They are read as text, into the table of these flow logs; no report "
            "has them."
        )


def _hidden(bucket: Bucket, there: Iterable[StoredObject], objects: Iterable[str]) -> Iterator[str]:
    """Objects of a flow log, and other logs, that Athena skips because of their names, unless a readable copy is
    there.
    """
    read = {unpacked_name(key) for key in objects}
    names = {stored.key: PurePosixPath(stored.key).name for stored in there if stored.key not in objects}
    hidden = [
        key
        for key, name in names.items()
        if unpacked_name(find_embedded_object_name(name) or name) not in read
        and (find_embedded_object_name(name) or name.endswith(_LOG_SUFFIXES))
    ]
    if hidden:
        yield (
            f"Athena passes over names that begin with a dot or an underscore: {first_paths(bucket, hidden)}. But for "
            "that, they are called as logs, as what an interrupted copy leaves, and no report counts their records. "
            "Copy them again, or rename them; then run again."
        )


def _without_bytes(bucket: Bucket, objects: Mapping[str, StoredObject]) -> Iterator[str]:
    """Objects of flow logs of no byte. The listing is enough to find all of them."""
    empty = [key for key, stored in objects.items() if not stored.size and find_flow_log(key)]
    if empty:
        yield empty_warning(_display_paths(bucket, empty))


def _empty(bucket: Bucket, objects: Mapping[str, StoredObject], seen: Mapping[str, FirstLook]) -> Iterator[str]:
    empty = [key for key, look in seen.items() if look.empty and objects[key].size]
    if empty:
        yield empty_warning(_display_paths(bucket, empty))


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


def _by_owner(folders: Sequence[FolderObjects]) -> list[list[StoredObject]]:
    """The objects of each account and region, in whatever layouts."""
    found: dict[tuple[str, str], list[StoredObject]] = defaultdict(list)
    for folder in folders:
        found[folder.source.account, folder.source.region] += folder.objects.values()
    return list(found.values())


def _without_copies(folder: FolderObjects, identical: Mapping[str, str]) -> FolderObjects:
    """The folder with each copy as a group of its own, which no report counts."""
    groups = [Group(key, key, None) for key in folder.objects if key in identical]
    return replace(folder, groups=[*folder.groups, *groups]) if groups else folder


def _without_damaged(folder: FolderObjects, damaged: Mapping[str, str]) -> FolderObjects:
    """The folder with each of these objects as a group of its own, which no report counts."""
    own = {key: why for key, why in damaged.items() if key in folder.objects}
    if not own:
        return folder
    groups = [*folder.groups, *(Group(key, key, None) for key in own)]
    return replace(folder, groups=groups, damaged={**folder.damaged, **own})


def damaged_warning(bucket: Bucket, day: date, damaged: Mapping[str, str]) -> str:
    """What people have to know of a day that was made without these objects."""
    count = "1 damaged object" if len(damaged) == 1 else f"{len(damaged)} damaged objects"
    named = first_names([f"{bucket.objects.display_path(key)} ({why})" for key, why in sorted(damaged.items())])
    its = "Its records are" if len(damaged) == 1 else "Their records are"
    return (
        f"{day} is made without {count}: {named}. {its} in no number of that day, as FLOWLAKE_LEAVE_OUT_DAMAGED asks "
        "for. Fetch what is damaged again, then run again for that day."
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


def _doubled_interfaces(seen: Mapping[str, FirstLook], day: date) -> Iterator[str]:
    """Flow logs that record the same interface, such as those of a VPC and of its subnet."""
    recorded_by: dict[str, set[str]] = defaultdict(set)
    for key, look in seen.items():
        if flow_log := find_flow_log(key):
            for interface in look.interfaces:
                recorded_by[interface].add(flow_log)
    shared: dict[tuple[str, str], str] = {}
    for interface, flow_logs in sorted(recorded_by.items()):
        for pair in combinations(sorted(flow_logs), 2):
            shared.setdefault(pair, interface)
    for (first, second), interface in sorted(shared.items()):
        yield (
            f"The flow logs {first} and {second} both tell of {interface} on {day}, so that its records count twice, "
            "as where a VPC and its subnet have one each. Have one of them deliver elsewhere."
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
