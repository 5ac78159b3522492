"""Where the rejected flows lie below the results root, and which of those files are of use to nobody any more.

Each attempt writes into a folder of its own, and within it into one for each day, which is what the day's partition
points at. Whatever may have to be removed is noted first; a run that comes to its end takes its notes back, and those
of one that was killed tell a later run what to look for.
"""

import re
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from urllib.parse import unquote

from assets.runs import listed
from flowlogs.errors import FlowLakeError
from flowlogs.fields import PARTITION_COLUMN
from flowlogs.statements import NO_REJECTED_FLOWS, REJECTED_FLOWS, TableName, unloaded_location
from resources.bucket import ObjectStore
from resources.engine import QueryEngine

ROOT = f"{REJECTED_FLOWS}/"

NOTES = f"{ROOT}_unfinished/"
"""Where the notes are, by database: each names, a line each, folders that may be left without a partition."""

NOTHING = NO_REJECTED_FLOWS
"""Where a day's partition points on which nothing was rejected: anywhere else, there has to be a file."""

STAMP = "%Y%m%dT%H%M%SZ"

LEFT_AFTER = timedelta(hours=12)
"""A note older than this is of no run that is still at work: each statement of a run comes with a new one."""

_NAME = r"\d{8}T\d{6}Z-[0-9a-f]{8}"
"""How what we make is called here (`_new_name`). Nothing that is called otherwise is ever removed."""

_ATTEMPT = re.compile(rf"{ROOT}{_NAME}/")
_FOLDER = re.compile(rf"{ROOT}{_NAME}/{PARTITION_COLUMN}=(?P<day>\d{{4}}-\d\d-\d\d)/")
_FILE = re.compile(rf"(?P<folder>{_FOLDER.pattern})[^/]+")


@dataclass(frozen=True)
class Unloaded:
    """What one UNLOAD wrote: below the folder `root`, the files `keys`; and each day's folder."""

    root: str
    keys: frozenset[str]
    folders: Mapping[date, str]


def new_root() -> str:
    """A folder for an attempt that nobody else writes into."""
    return f"{ROOT}{_new_name()}/"


def unloaded(root: str, days: Iterable[date], keys: Collection[str]) -> Unloaded:
    """What an UNLOAD of these days wrote, by the files that are below its root."""
    folders = {day: unloaded_location(root, day) for day in days}
    found = {folder for folder in folders.values() if any(key.startswith(folder) for key in keys)}
    placed = {day: folder if folder in found else _nothing_of(day) for day, folder in folders.items()}
    return Unloaded(root, frozenset(keys), placed)


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
        if {stored.key for stored in results.list(part.root)} != part.keys:
            raise FlowLakeError(
                f"What was written below {results.uri(part.root)} has been changed or removed, as happens to a run "
                "that slept for half a day. The days are as they were before. Run again."
            )


def days_without_files(results: ObjectStore, locations: Mapping[date, str]) -> dict[date, str]:
    """The days whose partition points at no file of that day, and what is to do.

    A query would not miss those records, and tell of a day on which nothing was rejected.
    """
    folders = {day: key_of(results, location) for day, location in locations.items()}
    elsewhere = {day for day, folder in folders.items() if not _is_of(folder, day) and folder != _nothing_of(day)}
    # The days of one UNLOAD lie together: one look is enough for all of them.
    own = {day: folder for day, folder in folders.items() if _is_of(folder, day)}
    roots = {folder[: folder.index("/", len(ROOT)) + 1] for folder in own.values()}
    filled = {f"{stored.key.rpartition('/')[0]}/" for root in roots for stored in results.list(root)}
    gone = [day for day, folder in own.items() if folder not in filled]
    problems = {
        day: f"The partition of {day} points at {locations[day]}, which is not that day's. Materialize "
        f"{REJECTED_FLOWS} for that day again."
        for day in elsewhere
    }
    if gone:
        problem = (
            f"The rejected flows of {listed(gone)} are gone: {results.uri(folders[gone[0]])} holds no files. "
            f"Materialize {REJECTED_FLOWS} for that again."
        )
        problems |= dict.fromkeys(gone, problem)
    return problems


def require_files(results: ObjectStore, locations: Mapping[date, str]) -> None:
    """Raise FlowLakeError, with the days, where the partition of a day points at no file of that day."""
    for problem in days_without_files(results, locations).values():
        raise FlowLakeError(problem)


def _nothing_of(day: date) -> str:
    return unloaded_location(NOTHING, day)


def replaced_folders(results: ObjectStore, before: Mapping[date, str]) -> list[str]:
    """The folders that days' partitions pointed at before, where those are of that day and of our making."""
    return [folder for day, location in before.items() if _is_of(folder := key_of(results, location), day)]


def _is_of(folder: str, day: date) -> bool:
    """Whether an attempt's folder for that day is called so."""
    match = _FOLDER.fullmatch(folder)
    return match is not None and match["day"] == day.isoformat()


def note(results: ObjectStore, name: TableName, folders: Iterable[str]) -> str:
    """Note folders that may have to be removed, for the table's database; returns the note's key."""
    key = f"{NOTES}{name.database}/{_new_name()}"
    results.replace({key: "".join(f"{folder}\n" for folder in folders).encode()})
    return key


def tidy(athena: QueryEngine, results: ObjectStore, name: TableName, own: Sequence[str], now: datetime) -> None:
    """Remove what killed runs left and, unless another run is at work, this run's notes.

    Two runs of one day may each point its partition at files of their own, and each remove what was there before both:
    then the files of the first are left, which its note tells of.
    """
    notes = f"{NOTES}{name.database}/"
    ours = [stored.key for stored in results.list(notes) if re.fullmatch(_NAME, stored.key.removeprefix(notes))]
    others = [key for key in ours if key not in own]
    old = [key for key in others if key.removeprefix(notes) < f"{now - LEFT_AFTER:{STAMP}}"]
    at_work = {folder for key in others if key not in old for folder in _noted(results, key)} if old else set()
    noted = {folder for key in old for folder in _noted(results, key)}
    folders = sorted(f for f in noted - at_work if _ATTEMPT.fullmatch(f) or _FOLDER.fullmatch(f))
    files = [stored.key for folder in folders for stored in results.list(folder)]
    found = [match for key in files if (match := _FILE.fullmatch(key))]
    locations = athena.partition_locations(name, sorted({match["day"] for match in found})) if found else {}
    unseen = [m[0] for m in found if key_of(results, locations.get(m["day"], "")) != m["folder"]]
    results.delete([*unseen, *old, *(own if len(old) == len(others) else ())])


def key_of(results: ObjectStore, location: str) -> str:
    """The key prefix of a location below the results root; of any other, what is no key of ours.

    It ends in a slash, also where Hive's client of Glue has taken that away from the location.
    """
    return f"{location.removeprefix(results.location()).rstrip('/')}/"


def _noted(results: ObjectStore, key: str) -> list[str]:
    try:
        return results.read(key).decode(errors="replace").splitlines()
    except FlowLakeError:
        if any(stored.key == key for stored in results.list(NOTES)):
            raise
        return []  # a run beside this one has just done what it said


def _new_name() -> str:
    """A name that nobody else has, and that tells the time (UTC)."""
    return f"{datetime.now(timezone.utc):{STAMP}}-{uuid.uuid4().hex[:8]}"
