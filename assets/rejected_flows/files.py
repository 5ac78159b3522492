"""Where the rejected flows lie below the results root, whose they are, and which of them are of use to nobody any more.

Each attempt writes into a folder of its own, whose name tells the database that it is for, and within it into one for
each day, which is what the day's partition points at. Before it does, a marker beside the day's folder says that the
day is complete: so a partition that is lost is found again. Whatever may have to be removed is noted first; a run that
comes to its end takes its notes back, and those of one that was killed tell a later run what to look for.
"""

import re
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from urllib.parse import unquote

from flowlogs.days import listed
from flowlogs.errors import FlowLakeError
from flowlogs.fields import PARTITION_COLUMN
from flowlogs.layout import ACCOUNT_ID, REGION, LogSource, is_visible
from flowlogs.statements import IDENTIFIER, REJECTED_FLOWS, TableName, unloaded_location
from resources.bucket import ObjectStore, StoredObject
from resources.engine import QueryEngine

ROOT = f"{REJECTED_FLOWS}/"

NOTES = f"{ROOT}_unfinished/"
"""Where the notes are, by database: each names, a line each, folders that may be left without a partition."""

OLD_NOTHING = f"{ROOT}_nothing/"
"""Where days' partitions pointed on which nothing was rejected, before each day's folder had a marker."""

STAMP = "%Y%m%dT%H%M%SZ"

LEFT_AFTER = timedelta(hours=12)
"""A note older than this is of no run that is still at work: each statement of a run comes with a new one."""

GIVEN_UP_AFTER = timedelta(days=30)
"""A note older than this ends, also where what it names could not be removed."""

_STAMPED = r"\d{8}T\d{6}Z-[0-9a-f]{8}"
"""How what we make is called here (`_new_name`). Nothing that is called otherwise is ever removed."""

_NAME = rf"{_STAMPED}(?:-(?P<database>{IDENTIFIER.pattern}))?"
"""An attempt's name. Attempts of older versions do not tell their database."""

_ATTEMPT = re.compile(rf"{ROOT}{_NAME}/")
_FOLDER = re.compile(rf"(?P<root>{ROOT}{_NAME}/){PARTITION_COLUMN}=(?P<day>\d{{4}}-\d\d-\d\d)/")
_FILE = re.compile(rf"{_FOLDER.pattern}.+")

_MARKER = re.compile(
    rf"(?P<root>{ROOT}{_NAME}/)(?P<beside>_complete/)?{PARTITION_COLUMN}=(?P<day>\d{{4}}-\d\d-\d\d)/"
    rf"(?(beside)|_complete/)(?P<name>(?P<files>\d+)-(?P<bytes>\d+)-{ACCOUNT_ID.pattern}-{REGION.pattern})"
)
"""A marker's key: how many files the day has, of how many bytes, and whose flow logs they are of.

It is all in the name, so that a listing tells it. The underscore in front hides it from Hive and Athena. It lies beside
the day's folder, in which there are data and nothing else; that of a day without files lies in the folder, which is
there for that: where a partition's place holds no object, Athena might write one.
"""

NOT_PROVEN = "is left: it may be of another database. Remove it by hand if none reads it."
"""What is said of a folder whose name does not prove that this database's runs made it."""


@dataclass(frozen=True)
class Unloaded:
    """What one UNLOAD wrote: below the folder `root`, the files with their sizes in bytes; and each day's folder."""

    root: str
    files: Mapping[str, int]
    folders: Mapping[date, str]

    def of(self, day: date) -> list[int]:
        """The sizes of the day's files."""
        return [size for key, size in self.files.items() if key.startswith(self.folders[day])]


@dataclass
class DayFolder:
    """What lies in an attempt's folder for one day: files with their sizes, and the names of the day's markers.

    `database` is whose attempt it is, None where the name does not tell.
    """

    folder: str
    day: date
    database: str | None
    files: dict[str, int] = field(default_factory=dict)
    markers: list[str] = field(default_factory=list)

    @property
    def root(self) -> str:
        """The attempt's folder."""
        return self.folder[: self.folder.index("/", len(ROOT)) + 1]

    @property
    def problem(self) -> str | None:
        """Why the day cannot be read from here; None where it can.

        Where no marker says what there has to be, as in older versions, any file serves.
        """
        if not self.files and not self.is_whole:
            return "holds no files"
        if self.markers and not self.is_whole:
            return "holds other files than were written there"
        return None

    def is_complete(self, database: str, source: LogSource) -> bool:
        """Whether a run of this database wrote the day to its end, from these flow logs, and all of it is there."""
        return self.database == database and any(
            self._whole(marker) and marker == _marker_name(self.files.values(), source) for marker in self.markers
        )

    @property
    def is_whole(self) -> bool:
        """Whether all is there that a marker says, so that this may be the only copy of its day."""
        return any(map(self._whole, self.markers))

    def _whole(self, marker: str) -> bool:
        return [int(number) for number in marker.split("-")[:2]] == [len(self.files), sum(self.files.values())]


def files_below(results: ObjectStore, root: str) -> dict[str, int]:
    """The files below an attempt's folder that Athena reads, with their sizes in bytes."""
    return {stored.key: stored.size for stored in results.list(root) if is_visible(stored.key, root)}


def new_root(database: str) -> str:
    """A folder for an attempt of this database that nobody else writes into."""
    return f"{ROOT}{_new_name()}-{database}/"


def unloaded(root: str, days: Iterable[date], files: Mapping[str, int]) -> Unloaded:
    """What an UNLOAD of these days wrote, by the files that are below its root."""
    return Unloaded(root, files, {day: unloaded_location(root, day) for day in days})


def mark_complete(results: ObjectStore, parts: Iterable[Unloaded], source: LogSource) -> None:
    """Say of each day that it is complete, before anything points there."""
    markers = {}
    for part in parts:
        for day, folder in part.folders.items():
            sizes = part.of(day)
            place = _marked(folder) if sizes else f"{folder}_complete/"
            markers[f"{place}{_marker_name(sizes, source)}"] = b"The rejected flows of this day are complete.\n"
    results.replace(markers)


def day_folders(stored: Iterable[StoredObject]) -> dict[str, DayFolder]:
    """The days' folders of attempts, by the objects that are below ROOT or below attempts."""
    found: dict[str, DayFolder] = {}
    for item in stored:
        if not (match := _MARKER.fullmatch(item.key) or _FILE.fullmatch(item.key)) or not (day := _day(match["day"])):
            continue
        key = unloaded_location(match["root"], day)
        folder = found.setdefault(key, DayFolder(key, day, match["database"]))
        if match.re is _MARKER:
            folder.markers.append(match["name"])
        elif is_visible(item.key, key):
            folder.files[item.key] = item.size
    return found


def newest_complete(folders: Iterable[DayFolder], database: str, source: LogSource) -> dict[date, DayFolder]:
    """Of each day that a run of this database wrote to its end, the folder of the newest such run."""
    complete = [found for found in folders if found.is_complete(database, source)]
    # The names begin with the time.
    return {found.day: found for found in sorted(complete, key=lambda found: found.folder)}


def superseded(
    folders: Mapping[str, DayFolder],
    locations: Mapping[date, str],
    database: str,
    at_work: Collection[str],
    now: datetime,
) -> list[str]:
    """The folders of this database's runs whose days' partitions point at another folder of it, which is complete.

    `locations` are the keys of the folders that partitions point at; `at_work` are attempts, or folders of theirs, of
    runs that may not have come to their end.
    """
    latest = f"{ROOT}{now - LEFT_AFTER:{STAMP}}"
    pointed_at = {day: folders[key] for day, key in locations.items() if key in folders}
    return sorted(
        found.folder
        for found in folders.values()
        if found.database == database
        and found.folder < latest
        and not {found.folder, found.root} & set(at_work)
        and (other := pointed_at.get(found.day))
        and other.folder != found.folder
        and other.database == database
        and other.is_whole
    )


def unnamed(keys: Iterable[str], written: Sequence[str] | None) -> list[str]:
    """Of the files below an UNLOAD's root, those that it does not tell of, if it tells at all.

    Athena may try a query again by itself, and what its first try wrote stays ("Working with query results, recent
    queries, and output files", Athena user guide, 2026). Raises FlowLakeError where a file that it tells of is missing.
    """
    if written is None:
        return []
    by_name = {_day_and_file(key): key for key in keys}
    told = {_day_and_file(address) for address in written}
    missing = sorted(told - by_name.keys())
    if missing:
        raise FlowLakeError(
            f"The UNLOAD tells of files that are not where it wrote, as happens to a run that slept for half a day: "
            f"{', '.join(missing[:5])}. The days are as they were before. Run again."
        )
    return [key for name, key in by_name.items() if name not in told]


def _day_and_file(address: str) -> str:
    """The last two names of a file's address or key, whether or not they are encoded as those of a URL are."""
    return "/".join(unquote(address).split("/")[-2:])


def require_kept(results: ObjectStore, parts: Iterable[Unloaded]) -> None:
    """Raise FlowLakeError unless each file is where it was written.

    A run that slept for half a day is taken for dead, and what it wrote is removed.
    """
    for part in parts:
        if files_below(results, part.root) != part.files:
            raise FlowLakeError(
                f"What was written below {results.uri(part.root)} has been changed or removed, as happens to a run "
                "that slept for half a day. The days are as they were before. Run again."
            )


def days_without_files(results: ObjectStore, locations: Mapping[date, str]) -> dict[date, str]:
    """The days whose partition points at no file of that day, and what is to do.

    A query would not miss those records, and tell of a day on which nothing was rejected.
    """
    folders = {day: key_of(results, location) for day, location in locations.items()}
    own = {day: folder for day, folder in folders.items() if _is_of(folder, day)}
    # The days of one UNLOAD lie together: one look is enough for all of them.
    roots = sorted({folder[: folder.index("/", len(ROOT)) + 1] for folder in own.values()})
    found = day_folders(stored for root in roots for stored in results.list(root))
    problems: dict[date, str] = {}
    unreadable: dict[str, list[date]] = defaultdict(list)
    for day, folder in folders.items():
        if day in own:
            problem = found[folder].problem if folder in found else "holds no files"
            if problem:
                unreadable[problem].append(day)
        elif folder != unloaded_location(OLD_NOTHING, day):
            problems[day] = (
                f"The partition of {day} points at {locations[day]}, which is not that day's. Materialize "
                f"{REJECTED_FLOWS} for that day again."
            )
    for problem, days in unreadable.items():
        text = (
            f"The rejected flows of {listed(days)} are gone: {results.uri(folders[days[0]])} {problem}. "
            f"Materialize {REJECTED_FLOWS} for that again."
        )
        problems |= dict.fromkeys(days, text)
    return problems


def require_files(results: ObjectStore, locations: Mapping[date, str]) -> None:
    """Raise FlowLakeError, with the days, where the partition of a day points at no file of that day."""
    for problem in days_without_files(results, locations).values():
        raise FlowLakeError(problem)


def replaced_folders(results: ObjectStore, before: Mapping[date, str], database: str) -> tuple[list[str], list[str]]:
    """The folders of attempts that days' partitions pointed at before, where those are of that day.

    First those that this database's runs made, then those that may be another's: attempts of other databases, and of
    older versions, which do not tell.
    """
    folders = [folder for day, location in before.items() if _is_of(folder := key_of(results, location), day)]
    ours = [folder for folder in folders if _database_of(folder) == database]
    return ours, [folder for folder in folders if folder not in ours]


def remove(results: ObjectStore, folders: Iterable[str]) -> list[str]:
    """Remove what is in each of the folders, of one day each, and its marker; returns what could not be, and why."""
    problems = []
    for folder in folders:
        try:
            results.delete([stored.key for stored in _stored_in(results, folder)])
        except FlowLakeError as error:
            problems.append(left_for_later(error))
    return problems


def left_for_later(error: object) -> str:
    """What people are told of files that could not be removed."""
    return f"Files of no use are left, which a later run will remove: {error}"


def _is_of(folder: str, day: date) -> bool:
    """Whether an attempt's folder for that day is called so."""
    match = _FOLDER.fullmatch(folder)
    return match is not None and match["day"] == day.isoformat()


def _database_of(folder: str) -> str | None:
    """Whose attempt a folder is, or is in; None where its name does not tell."""
    match = _ATTEMPT.fullmatch(folder) or _FOLDER.fullmatch(folder)
    return match["database"] if match else None


def note(results: ObjectStore, name: TableName, folders: Iterable[str]) -> str:
    """Note folders that may have to be removed, for the table's database; returns the note's key."""
    key = f"{NOTES}{name.database}/{_new_name()}"
    results.replace({key: "".join(f"{folder}\n" for folder in folders).encode()})
    return key


def tidy(athena: QueryEngine, results: ObjectStore, name: TableName, own: Sequence[str], now: datetime) -> list[str]:
    """Remove what killed runs left and, unless another run is at work, this run's notes; returns what could not be.

    Two runs of one day may each point its partition at files of their own, and each remove what was there before both:
    then the files of the first are left, which its note tells of. What cannot be removed is left out, and its note
    stays for other runs to try again, until it is given up. A day's folder that is complete stays unless the day's
    partition points at another one that is: it may be the only copy, and a later run takes it up.
    """
    old, young = _notes(results, name, own, now)
    at_work = {folder for key in young for folder in _noted(results, key)} if old else set()
    noted: dict[str, list[str]] = {}
    problems: dict[str, str] = {}
    stored: dict[str, list[StoredObject]] = {}
    for key in old:
        try:
            noted[key] = _noted(results, key)
        except FlowLakeError as error:
            noted[key], problems[key] = [key], str(error)
    folders = sorted({folder for lines in noted.values() for folder in lines} - at_work)
    for folder in filter(_is_attempt, folders):
        try:
            stored[folder] = _stored_in(results, folder)
        except FlowLakeError as error:
            problems[folder] = str(error)
    not_ours = [folder for folder, listing in stored.items() if listing and not _may_remove(folder, name.database)]
    for folder in not_ours:
        del stored[folder]
    found = {
        item.key: match
        for listing in stored.values()
        for item in listing
        if (match := _MARKER.fullmatch(item.key) or _FILE.fullmatch(item.key))
    }
    days = sorted({match["day"] for match in found.values()})
    locations = athena.partition_locations(name, days) if found else {}
    seen = {(day, key_of(results, location)) for day, location in locations.items()}
    noted_days = day_folders(item for listing in stored.values() for item in listing).values()
    seen |= _only_copies(results, [found_day for found_day in noted_days if found_day.is_whole], dict(seen))
    for folder, listing in stored.items():
        files = [(item.key, found[item.key]) for item in listing if item.key in found]
        unseen = [key for key, m in files if (m["day"], f"{m['root']}{PARTITION_COLUMN}={m['day']}/") not in seen]
        try:
            results.delete(unseen)
        except FlowLakeError as error:
            problems[folder] = str(error)
    given_up = f"{now - GIVEN_UP_AFTER:{STAMP}}"
    ended = [key for key in old if not problems.keys() & set(noted[key]) or key.rpartition("/")[2] < given_up]
    results.delete([*ended, *(() if young else own)])
    return [*(f"{results.uri(folder)} {NOT_PROVEN}" for folder in not_ours), *map(left_for_later, problems.values())]


def _only_copies(
    results: ObjectStore, whole: Iterable[DayFolder], pointed_at: Mapping[str, str]
) -> set[tuple[str, str]]:
    """Of complete folders, the days with those whose partition points at no other complete one."""
    only = set()
    for found in whole:
        day = found.day.isoformat()
        other = pointed_at.get(day)
        there = _stored_in(results, other) if other and other != found.folder and _FOLDER.fullmatch(other) else []
        if not any(item.is_whole for item in day_folders(there).values()):
            only.add((day, found.folder))
    return only


def at_work(results: ObjectStore, name: TableName, now: datetime) -> set[str]:
    """The folders that notes of this database name which may be of runs that are still at work."""
    _, young = _notes(results, name, [], now)
    return {folder for key in young for folder in _noted(results, key)}


def _notes(results: ObjectStore, name: TableName, own: Sequence[str], now: datetime) -> tuple[list[str], list[str]]:
    """The notes of other runs of this database: those of runs that have ended by now, and those that may be at work."""
    notes = f"{NOTES}{name.database}/"
    ours = [stored.key for stored in results.list(notes) if re.fullmatch(_STAMPED, stored.key.removeprefix(notes))]
    latest = f"{notes}{now - LEFT_AFTER:{STAMP}}"
    others = [key for key in ours if key not in own]
    return [key for key in others if key < latest], [key for key in others if key >= latest]


def _is_attempt(folder: str) -> bool:
    return bool(_ATTEMPT.fullmatch(folder) or _FOLDER.fullmatch(folder))


def _may_remove(folder: str, database: str) -> bool:
    """Whether an attempt's folder, that a note of this database names, was made by a run of it, as its name proves.

    Where the name does not tell, as in older versions, an attempt's whole folder was noted by the run that made it; the
    folder of one day was only pointed at by a partition.
    """
    made_by = _database_of(folder)
    return made_by == database or (made_by is None and _ATTEMPT.fullmatch(folder) is not None)


def key_of(results: ObjectStore, location: str) -> str:
    """The key prefix of a location below the results root; of any other, what is no key of ours.

    It ends in a slash, also where Hive's client of Glue has taken that away from the location.
    """
    return f"{location.removeprefix(results.location()).rstrip('/')}/"


def is_meant_empty(results: ObjectStore, location: str) -> bool:
    """Whether a partition's location is that of a day on which nothing was rejected, as its marker says."""
    folder = key_of(results, location)
    match = _FOLDER.fullmatch(folder)
    if match is None:
        return folder.startswith(OLD_NOTHING)
    found = (_MARKER.fullmatch(stored.key) for stored in results.list(folder))
    return any(marker is not None and marker["files"] == "0" for marker in found)


def _noted(results: ObjectStore, key: str) -> list[str]:
    try:
        return results.read(key).decode(errors="replace").splitlines()
    except FlowLakeError:
        if any(stored.key == key for stored in results.list(NOTES)):
            raise
        return []  # a run beside this one has just done what it said


def _stored_in(results: ObjectStore, folder: str) -> list[StoredObject]:
    """What is below an attempt's folder; below that of one day, and its marker, which goes last."""
    marked = [_marked(folder)] if _FOLDER.fullmatch(folder) else []
    return [stored for place in [folder, *marked] for stored in results.list(place)]


def _marked(folder: str) -> str:
    """Where the marker of a day with files lies, by the day's folder."""
    root, day = folder.rstrip("/").rsplit("/", 1)
    return f"{root}/_complete/{day}/"


def _marker_name(sizes: Collection[int], source: LogSource) -> str:
    return f"{len(sizes)}-{sum(sizes)}-{source.account}-{source.region}"


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _new_name() -> str:
    """A name that nobody else has, and that tells the time (UTC)."""
    return f"{datetime.now(timezone.utc):{STAMP}}-{uuid.uuid4().hex[:8]}"
