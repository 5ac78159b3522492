"""A folder of flow logs that is laid out as a bucket: which source and which days it holds. It is read, never written.

Objects are read through folder_store.py. The bucket that the simulated VPC writes to is in simulation/bucket.py.
"""

import os
import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path

from flowlogs.errors import FlowLakeError
from flowlogs.layout import (
    LogSource,
    choose_source,
    find_source,
    is_object_name,
    is_visible,
    unsupported_layout,
)
from flowlogs.printable import first_names, printable
from resources.bucket import Bucket
from resources.embedded.folder_store import FolderStore
from resources.embedded.stray_logs import find_stray_logs
from resources.ensured import Ensured
from resources.folder_links import real_entries

_NUMBER = re.compile("[0-9]{2,4}")


MAX_FOLDERS_SEARCHED = 1_000
"""How many folders are searched, at most, below a folder without flow logs."""


MAX_DEPTH_SEARCHED = 8
"""How many levels deep they are searched: a few of a prefix, and those of the layout."""


def _numbered_folders(folder: str) -> Iterator[tuple[str, str]]:
    """The folders in a folder whose names are numbers: each name, and the real path. `folder` is a real path."""
    return ((name, place) for name, place, is_folder in real_entries(folder) if is_folder and _NUMBER.fullmatch(name))


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

    def __init__(self, name: str, root: Path, account: str | None = None, region: str | None = None) -> None:
        self.name = name
        self.root = root
        self.objects = FolderStore(root, "FLOWLAKE_BUCKET", name, is_immutable=True)
        self._account = account
        self._region = region

    def ensure(self) -> Ensured:
        root = self.root
        if not root.is_dir():
            what = "is no folder" if root.exists() else "does not exist"
            raise FlowLakeError(
                f"FLOWLAKE_BUCKET: {self.objects.display_path()} {what}. Name the folder that contains AWSLogs, as "
                "`aws s3 sync` leaves it."
            )
        source = self.source()
        stray, layouts = find_stray_logs(root)
        others = set(layouts)
        if stray:
            named = first_names([printable(folder) or "its top folder" for folder in stray])
            others.add(f"objects of flow logs where none are read ({named})")
        also = f"{self.objects.display_path()} also holds"
        return Ensured(
            {"path": str(root), "account": source.account, "region": source.region, "location": source.location},
            warnings=tuple(f"{also} {told}: their records are in no report" for told in sorted(others)),
        )

    def source(self) -> LogSource:
        accounts = self.objects.list_folder("AWSLogs/").folders
        regions = [
            region for account in accounts for region in self.objects.list_folder(f"{account}vpcflowlogs/").folders
        ]
        found = [pair for region in regions if (pair := find_source(region))]
        if not found and (elsewhere := self._logs_found_elsewhere()):
            raise FlowLakeError(
                f"{self.objects.display_path()} holds no AWSLogs/<account>/vpcflowlogs/<region>/, where flow logs are "
                f"read. {elsewhere}"
            )
        return choose_source(self.name, found, self._account, self._region, where=self.objects.display_path())

    def unfit_days(self, days: Iterable[date]) -> Mapping[date, str]:
        source = self.source()
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
            source = self.source()
        except FlowLakeError:  # whoever reads the bucket tells what is wrong
            return None
        return sorted(self._real_folders(source))

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
        for folder in self._folders_nearby():
            above, found, below = f"{folder}/".rpartition("AWSLogs/")
            if above and find_source(f"{found}{below}"):
                return f"They are in {self.objects.display_path(above)}: name that folder in LOGS=."
            if told := unsupported_layout(f"{found}{below}"):
                return f"It holds {told}."
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
