"""A folder of flow logs that is laid out as a bucket: which source and which days it holds. It is read, never written.

Objects are read through folder_store.py. The bucket that the simulated VPC writes to is in simulation/bucket.py.
"""

import os
import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

from flowlogs.errors import FlowLakeError
from flowlogs.layout import TOP, LogSource, is_object_name, is_visible
from flowlogs.printable import first_names, printable
from flowlogs.record_format import RecordFormat
from flowlogs.sources import ANY_SOURCE, Choice, LogSources, choose_prefix, choose_sources, sources_behind_prefixes
from resources.bucket import Bucket
from resources.embedded.folder_store import FolderStore
from resources.embedded.stray_logs import find_stray_logs
from resources.ensured import Ensured
from resources.folder_links import real_entries

_DATE_FOLDER = re.compile("(year=|month=|day=)?[0-9]{2,4}")


MAX_FOLDERS_SEARCHED = 1_000
"""How many folders are searched, at most, below a folder without flow logs."""


MAX_DEPTH_SEARCHED = 8
"""How many levels deep they are searched: a few of a prefix, and those of the layout."""


def _numbered_folders(folder: str) -> Iterator[tuple[str, str]]:
    """The folders in a folder whose names are parts of a date: each name, and the real path. `folder` is one too."""
    entries = real_entries(folder)
    return ((name, place) for name, place, is_folder in entries if is_folder and _DATE_FOLDER.fullmatch(name))


def _real_paths(top: str) -> Iterator[str]:
    """The real paths of a folder's objects: of the folder, the folders in it, and the targets of links in these."""
    waiting, seen = [top], set(map(str, Path(top).parents))
    while waiting:
        folder = waiting.pop()
        if folder not in seen:
            seen.add(folder)
            yield folder
            for name, place, is_folder in real_entries(folder):
                if is_folder and is_visible(name, ""):
                    waiting.append(place)
                elif is_visible(name, "") and place.rpartition("/")[0] != folder:
                    yield place


class FolderBucket(Bucket):
    """A folder holding ``AWSLogs/…``, as ``aws s3 sync`` leaves it: read, never written."""

    def __init__(
        self, name: str, root: Path, choice: Choice = ANY_SOURCE, expected: RecordFormat | None = None
    ) -> None:
        self.name = name
        self.root = root
        self.objects = FolderStore(root, "FLOWLAKE_BUCKET", name, is_immutable=True)
        self.choice = choice
        self.expected_format = expected

    def ensure(self) -> Ensured:
        root = self.root
        try:
            is_folder, is_there = root.is_dir(), root.exists()
        except OSError as error:  # a folder above may not be entered
            raise FlowLakeError(
                f"FLOWLAKE_BUCKET: {self.objects.display_path()} cannot be read: {error.strerror}."
            ) from error
        if not is_folder:
            what = "is no folder" if is_there else "does not exist"
            raise FlowLakeError(
                f"FLOWLAKE_BUCKET: {self.objects.display_path()} {what}. Name the folder that contains AWSLogs, as "
                "`aws s3 sync` leaves it."
            )
        sources = self.sources()
        stray, elsewhere = find_stray_logs(root, sources.sources)
        others = {f"flow logs behind another prefix ({prefix}{TOP})" for prefix in elsewhere}
        if stray:
            named = first_names([printable(folder) or "its top folder" for folder in stray])
            others.add(f"objects of flow logs where none are read ({named})")
        also = f"{self.objects.display_path()} also holds"
        return Ensured(
            {"path": str(root), "whose": sources.in_words, "location": sources.description},
            warnings=tuple(f"{also} {told}: their records are in no report" for told in sorted(others)),
        )

    def sources(self) -> LogSources:
        found = sources_behind_prefixes(
            self.name, self.choice, self._folders_in, lambda: (f"{path}/" for path in self._folders_nearby())
        )
        if not any(found.values()) and (elsewhere := self._logs_found_elsewhere()):
            behind = f" behind the prefix {self.choice.prefix} (FLOWLAKE_PREFIX)" if self.choice.prefix else ""
            raise FlowLakeError(
                f"{self.objects.display_path()} holds no AWSLogs/<account>/vpcflowlogs/<region>/{behind}, where flow "
                f"logs are read. {elsewhere}"
            )
        where = self.objects.display_path()
        return choose_sources(self.name, choose_prefix(found, self.choice, where), self.choice, where)

    def _folders_in(self, folder: str) -> Sequence[str]:
        return self.objects.list_folder(folder).folders

    def unfit_days(self, days: Iterable[date]) -> Mapping[date, str]:
        unfit: dict[date, str] = {}
        for source in self.sources().sources:
            unfit |= self._shared_days(source, days)
        return unfit

    def _shared_days(self, source: LogSource, days: Iterable[date]) -> dict[date, str]:
        real = self._real_folders(source)
        days_of: dict[str, set[date]] = defaultdict(set)
        for day, folder in real.items():
            days_of[folder].add(day)
        shared = {}
        for day in days:
            others: set[date] = set()
            for place in _real_paths(real[day]) if day in real else ():
                for folder in (place, *map(str, Path(place).parents)):
                    others |= days_of.get(folder, set()) - {day}
            if others:
                where = self.objects.display_path(source.day_prefix(day))
                shared[day] = (
                    f"{where} has objects in common with the folder of {min(others)}, "
                    "by way of a link: each of their records would be counted on both days. Remove the link, or put "
                    "the day's own objects in its place; then run again."
                )
        return shared

    def listed_days(self) -> list[date] | None:
        try:
            sources = self.sources().sources
        except FlowLakeError:  # whoever reads the bucket reports what is wrong
            return None
        return sorted({day for source in sources for day in self._real_folders(source)})

    def listed_folders(self) -> Mapping[LogSource, Sequence[date]] | None:
        return {source: sorted(self._real_folders(source)) for source in self.sources().sources}

    def _real_folders(self, source: LogSource) -> dict[date, str]:
        """The real path of each day's folder."""
        return {
            day: folder
            for year, of_year in _numbered_folders(os.path.realpath(self.root / source.prefix))
            for month, of_month in _numbered_folders(of_year)
            for number, folder in _numbered_folders(of_month)
            if (day := source.find_day(f"{source.prefix}{year}/{month}/{number}/"))
        }

    def _logs_found_elsewhere(self) -> str | None:
        """Where flow logs were found instead, by a limited search, and what to do."""
        parts = self.root.parts
        if "AWSLogs" in parts:
            return f"It lies in one: name {printable(str(Path(*parts[: parts.index('AWSLogs')])))} in LOGS=."
        for folder in self._folders_nearby() if self.choice.prefix is None else ():
            if any(is_object_name(path.name) for path in (self.root / folder).iterdir()):
                return (
                    f"{self.objects.display_path(folder)} holds objects of a flow log, without the folders of their "
                    "bucket, which tell their day. Fetch them with `aws s3 sync`, which keeps those."
                )
        return None

    def _folders_nearby(self) -> Iterator[str]:
        """The folders below this one, the nearest first, within the limits of the search."""
        waiting = deque([self.root])
        for _ in range(MAX_FOLDERS_SEARCHED):
            if not waiting:
                return
            path = waiting.popleft()
            if os.access(path, os.R_OK | os.X_OK):
                yield path.relative_to(self.root).as_posix() if path != self.root else ""
                if len(path.relative_to(self.root).parts) < MAX_DEPTH_SEARCHED:
                    waiting += sorted(p for p in path.iterdir() if p.is_dir() and not p.is_symlink())
