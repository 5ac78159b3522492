"""Removes files of datasets that no partition points at. What the files and folders are called is in files.py.

Only files that are called as those that runs make are removed. Any other file is left, and a warning names it.

A run that may leave files behind first writes a clean-up marker, which lists their folders. It removes the marker when
it ends. The marker of a run that was killed stays, and a later run removes the files that it lists.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import dagster as dg

from assets.datasets.files import (
    ROOT,
    STAMP,
    STAMPED_NAME,
    DatasetDay,
    DayFolder,
    FolderKeys,
    database_of,
    dataset_day_of,
    day_folders,
    find_day_folder,
    is_attempt,
    is_day_folder,
    is_folder_of,
    key_prefix,
    keys_of,
    new_name,
    root_of,
)
from flowlogs.datasets import DATASETS
from flowlogs.errors import FlowLakeError
from flowlogs.printable import first_names
from flowlogs.statements import TableName
from resources.bucket import ObjectStore
from resources.engine import QueryEngine

CLEANUP_MARKERS = f"{ROOT}_unfinished/"
"""Where clean-up markers are, by database. Each line of a marker is a folder that may have no partition."""

RUN_ENDS_WITHIN = timedelta(hours=12)
"""A clean-up marker older than this is of a run that has ended: a run writes a new marker for each statement."""

MARKER_EXPIRES_AFTER = timedelta(days=30)
"""A clean-up marker older than this is removed, even where its files could not be."""

OWNER_UNKNOWN = "is left: it may be of another database. Remove it by hand if none reads it."
"""What is said of a folder whose name does not prove that a run of this database made it."""


def write_cleanup_marker(results: ObjectStore, database: str, folders: Iterable[str]) -> str:
    """List folders that may have to be removed, for this database; returns the clean-up marker's key."""
    key = f"{CLEANUP_MARKERS}{database}/{new_name()}"
    results.replace({key: "".join(f"{folder}\n" for folder in folders).encode()})
    return key


def remove_orphans(
    athena: QueryEngine, results: ObjectStore, database: str, own: Sequence[str], now: datetime
) -> list[str]:
    """Remove the files that runs which were killed left behind; returns what could not be removed, and why.

    `own` are this run's clean-up markers. They are removed too, unless another run may be active: two runs of one day
    may each set its partition to files of their own, and each remove the files from before both. Then the files of the
    first run are orphans, which its clean-up marker lists. A file that cannot be removed keeps its clean-up marker, for
    a later run to try again, until the marker expires.
    """
    ended, active = _other_markers(results, database, own, now)
    in_use = {folder for marker in active for folder in _listed_folders(results, marker)} if ended else set()
    # By marker, its folders; and by folder (or by marker, where that cannot be read), what went wrong.
    listed: dict[str, list[str]] = {}
    problems: dict[str, str] = {}
    for marker in ended:
        try:
            listed[marker] = _listed_folders(results, marker)
        except FlowLakeError as error:
            listed[marker], problems[marker] = [marker], str(error)
    keys: dict[str, FolderKeys] = {}
    for folder in sorted({folder for folders in listed.values() for folder in folders} - in_use):
        if is_attempt(folder) or is_day_folder(folder):
            try:
                keys[folder] = keys_of(results, folder)
            except FlowLakeError as error:
                problems[folder] = str(error)
    owner_unknown = [folder for folder, found in keys.items() if found.ours and database_of(folder) != database]
    for folder in owner_unknown:
        del keys[folder]
    orphans = _without_partition(athena, results, database, {folder: found.ours for folder, found in keys.items()})
    left: list[str] = []
    for folder, found in keys.items():
        removed = {find_day_folder(key) for key in orphans[folder]}
        beside = [key for key in found.others if find_day_folder(key) in {None, *removed}]
        left += _left_warnings(results, beside, removed)
        try:
            results.delete(orphans[folder])
            if database_of(folder) == database:  # a run that was killed behind a file left its folder empty
                results.remove_empty_folders(folder)
        except FlowLakeError as error:
            problems[folder] = str(error)
    expired = f"{now - MARKER_EXPIRES_AFTER:{STAMP}}"
    done = [
        marker for marker in ended if not problems.keys() & set(listed[marker]) or marker.rpartition("/")[2] < expired
    ]
    results.delete([*done, *(() if active else own)])
    return [
        *(f"{results.display_path(folder)} {OWNER_UNKNOWN}" for folder in owner_unknown),
        *left,
        *map(cleanup_warning, problems.values()),
    ]


def _without_partition(
    athena: QueryEngine, results: ObjectStore, database: str, keys: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """By folder, those of its `keys` that belong to a day's folder which the day's partition does not point at."""
    folders = {key: found for of_folder in keys.values() for key in of_folder if (found := find_day_folder(key))}
    days = {folder: one for folder in folders.values() if (one := dataset_day_of(folder))}
    pointed_at = folders_of_partitions(athena, results, database, days.values())
    candidates = {folder for folder, one in days.items() if pointed_at.get(one) != folder}
    kept = _only_copies(results, {folder: days[folder] for folder in candidates}, pointed_at)
    return {
        folder: [key for key in of_folder if folders.get(key) in candidates - kept]
        for folder, of_folder in keys.items()
    }


def folders_of_partitions(
    athena: QueryEngine, results: ObjectStore, database: str, days: Iterable[DatasetDay]
) -> dict[DatasetDay, str]:
    """The key prefix that the partition of each of these days points at; without those that have none."""
    found = {}
    wanted = set(days)
    for dataset in DATASETS:
        own = sorted(day for name, day in wanted if name == dataset)
        locations = athena.partition_locations(TableName(database, dataset), own) if own else {}
        for day, location in locations.items():
            found[DatasetDay(dataset, day)] = key_prefix(results, location)
    return found


def _only_copies(
    results: ObjectStore, candidates: Mapping[str, DatasetDay], pointed_at: Mapping[DatasetDay, str]
) -> set[str]:
    """Of folders, those that are whole while their day's partition points at no other whole one.

    Such a folder may be the only copy of its day: a later run restores its partition.
    """
    roots = set(map(root_of, candidates))
    roots |= {root_of(other) for one in candidates.values() if is_day_folder(other := pointed_at.get(one, ""))}
    found = day_folders(stored for root in sorted(roots) for stored in results.list(root))
    whole = {folder for folder, of_day in found.items() if of_day.is_whole}
    return {folder for folder, one in candidates.items() if folder in whole and pointed_at.get(one) not in whole}


def folders_in_use(results: ObjectStore, database: str, now: datetime) -> set[str]:
    """The folders in this database's clean-up markers of runs that may be active."""
    _, active = _other_markers(results, database, [], now)
    return {folder for marker in active for folder in _listed_folders(results, marker)}


def superseded_folders(
    folders: Mapping[str, DayFolder],
    locations: Mapping[DatasetDay, str],
    database: str,
    in_use: Collection[str],
    now: datetime,
) -> list[str]:
    """The folders of this database whose day's partition points at another folder of it, which is complete.

    `locations` are the key prefixes that partitions point at; `in_use` are attempts, or folders in them, of runs that
    may be active.
    """
    latest = f"{ROOT}{now - RUN_ENDS_WITHIN:{STAMP}}"
    current = {day: folders[key] for day, key in locations.items() if key in folders}
    return sorted(
        found.folder
        for found in folders.values()
        if found.database == database
        and found.folder < latest
        and not {found.folder, found.root} & set(in_use)
        and (other := current.get(found.dataset_day))
        and other.folder != found.folder
        and other.database == database
        and other.is_whole
    )


def replaced_folders(
    results: ObjectStore, before: Mapping[DatasetDay, str], database: str
) -> tuple[list[str], list[str]]:
    """The attempts' folders that days' partitions pointed at before, where they are that day's.

    First those that runs of this database made, then those of other databases.
    """
    folders = [folder for one, location in before.items() if is_folder_of(folder := key_prefix(results, location), one)]
    ours = [folder for folder in folders if database_of(folder) == database]
    return ours, [folder for folder in folders if folder not in ours]


def remove_folders(results: ObjectStore, folders: Iterable[str]) -> list[str]:
    """Remove what runs made in each of these folders of attempts or days; returns warnings about what is left."""
    warnings: list[str] = []
    for folder in folders:
        try:
            found = keys_of(results, folder)
            results.delete(found.ours)
            warnings += _left_warnings(results, found.others, found.ours)
        except FlowLakeError as error:
            warnings.append(cleanup_warning(error))
    return warnings


def _left_warnings(results: ObjectStore, left: Sequence[str], removed: Collection[object]) -> list[str]:
    """What is said, where something was removed, of files beside it that no run made."""
    if not left or not removed:
        return []
    names = first_names([results.display_path(key) for key in left])
    return [f"Left where files of datasets were removed, since no run made it: {names}. Move it where you want it."]


def cleanup_warning(error: object) -> str:
    """What is said of files that could not be removed."""
    return f"Files of no use are left, which a later run will remove: {error}"


@contextmanager
def cleanup_errors_as_warnings(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Log an error in the block as a warning: files that cannot be removed do not fail days that are done."""
    try:
        yield
    except FlowLakeError as error:
        context.log.warning(cleanup_warning(error))


def _other_markers(
    results: ObjectStore, database: str, own: Sequence[str], now: datetime
) -> tuple[list[str], list[str]]:
    """The clean-up markers of other runs of this database: of runs that have ended, and of runs that may be active."""
    folder = f"{CLEANUP_MARKERS}{database}/"
    found = [
        stored.key for stored in results.list(folder) if re.fullmatch(STAMPED_NAME, stored.key.removeprefix(folder))
    ]
    latest = f"{folder}{now - RUN_ENDS_WITHIN:{STAMP}}"
    others = [key for key in found if key not in own]
    return [key for key in others if key < latest], [key for key in others if key >= latest]


def _listed_folders(results: ObjectStore, marker: str) -> list[str]:
    """The folders that a clean-up marker lists."""
    try:
        return results.read(marker).decode(errors="replace").splitlines()
    except FlowLakeError:
        if any(stored.key == marker for stored in results.list(CLEANUP_MARKERS)):
            raise
        return []  # a parallel run has just cleaned up
