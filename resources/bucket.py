"""The contracts of an object store, and of the bucket that flow logs are delivered to.

Keys are S3's: text with slashes, relative to the store's root. The implementations are in embedded/ and aws/.
"""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from flowlogs.layout import LogSource, find_flow_log, is_visible
from flowlogs.record_format import RecordFormat
from flowlogs.sources import LogSources
from resources.ensured import Ensured

COMPARED_BYTES = 1 << 20
"""How many bytes of two objects are compared at a time."""


@dataclass(frozen=True)
class StoredObject:
    """An object's key and its size in bytes, as stored.

    `archived`: the object has to be restored before it can be read (S3's Glacier classes). `version` changes whenever
    the object is replaced, also by one of the same size. `etag` is S3's ETag; of a file, it is made as web servers make
    it: from its size and the time of its last change. `modified` is that time (UTC). These three do not count where
    objects are compared.
    """

    key: str
    size: int
    archived: bool = False
    version: str = field(default="", compare=False)
    etag: str = field(default="", compare=False)
    modified: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True)
class FolderListing:
    """What is directly below a prefix: the keys of objects, and the prefixes (with a slash) of folders, in order."""

    keys: Sequence[str]
    folders: Sequence[str]


class ObjectStore(ABC):
    """Objects under one root.

    `most_compared` is how many objects of a day may be compared, if each costs a request; None if it does not.
    """

    most_compared: int | None = None

    @abstractmethod
    def display_path(self, key: str = "") -> str:
        """The object's path or s3:// address for people: printable, on one line."""

    @abstractmethod
    def sql_location(self, key: str = "") -> str:
        """The object's address in SQL, which is always an ``s3://`` address."""

    @abstractmethod
    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Every object whose key begins with `prefix` (which ends in a slash), in the order of keys."""

    def list_folder(self, prefix: str) -> FolderListing:
        """What is directly below `prefix` (which ends in a slash, or is empty for the root).

        This default lists every key below the prefix. Override it where that is slow.
        """
        below = [stored.key.removeprefix(prefix).partition("/") for stored in self.list(prefix)]
        return FolderListing(
            [f"{prefix}{name}" for name, slash, _ in below if not slash],
            sorted({f"{prefix}{name}/" for name, slash, _ in below if slash}),
        )

    @abstractmethod
    def open(self, key: str) -> BinaryIO:
        """The object's bytes, to read in order. Raises FlowLakeError, with its address, where it cannot be read."""

    def read(self, key: str) -> bytes:
        """All of the object. Raises FlowLakeError if it cannot be read to its end."""
        with self.open(key) as stored:
            return stored.read()

    def tail(self, stored: StoredObject, size: int) -> bytes:
        """The object's last bytes, at most so many. Raises FlowLakeError where it cannot be read.

        This default reads all of the object. Override it where that is slow.
        """
        return self.read(stored.key)[-size:]

    @abstractmethod
    def head(self, key: str, size: int) -> bytes:
        """The object's first bytes, at most so many (one or more). Raises FlowLakeError if it cannot be read."""

    def content_id(self, stored: StoredObject) -> str:
        """An id that the copies of an object share. Other objects rarely share it: compare both objects to be sure."""
        return str(stored.size)

    def possible_copies(self, alike: Sequence[StoredObject]) -> Sequence[StoredObject]:
        """Those of objects with one content id that may be copies of another one, as far as is known without a look."""
        return alike

    def is_identical(self, one: StoredObject, other: StoredObject) -> bool:
        """Whether two objects, which are alike so far, hold the same bytes for certain."""
        if one.size != other.size:
            return False
        with self.open(one.key) as first, self.open(other.key) as second:
            while (part := first.read(COMPARED_BYTES)) == second.read(COMPARED_BYTES):
                if not part:
                    return True
        return False

    @abstractmethod
    def replace(self, files: Mapping[str, bytes]) -> None:
        """Write objects that belong together, each whole or not at all. Raises FlowLakeError if that fails.

        No object is replaced before all of them are known to be writable, as far as the store knows.
        """

    def add(self, files: Mapping[str, bytes]) -> None:
        """Write those objects that are not there yet, each whole. Raises FlowLakeError if that fails.

        Where several processes add an object at once, the first one wins, if the store supports that. This default only
        lists the keys first.
        """
        folders = {key[: key.rfind("/") + 1] for key in files}
        there = {stored.key for folder in folders for stored in self.list(folder)}
        self.replace({key: data for key, data in files.items() if key not in there})

    @abstractmethod
    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; a missing object is not an error. Raises FlowLakeError if that fails."""

    def remove_empty_folders(self, prefix: str) -> None:  # noqa: B027 - S3 has none
        """Remove the folders without any file at and below a prefix that ends in a slash."""

    @contextmanager
    def staging_folder(self) -> Iterator[Path]:
        """An empty folder.

        When the block ends, its files are stored as `replace` stores them, with their paths as keys.
        """
        with TemporaryDirectory() as folder:
            yield Path(folder)
            files = [path for path in Path(folder).rglob("*") if path.is_file()]
            self.replace({path.relative_to(folder).as_posix(): path.read_bytes() for path in files})

    def local_file(self, key: str, folder: Path) -> Path:
        """The object as a file to read: the file itself, or a copy of the object below `folder`."""
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.open(key) as stored, path.open("wb") as copy:
            shutil.copyfileobj(stored, copy)
        return path


class Bucket(ABC):
    """The bucket that flow logs are delivered to and read from."""

    objects: ObjectStore

    expected_format: RecordFormat | None = None
    """The format that the settings name; None where none is named."""

    leave_out_damaged: bool = False
    """Whether a day is made without its damaged objects, and says so; else such a day fails."""

    @abstractmethod
    def ensure(self) -> Ensured:
        """Create the bucket, or check that flow logs can be delivered to it. If they can, this changes nothing."""

    @abstractmethod
    def sources(self) -> LogSources:
        """The accounts and regions whose flow logs are read, and where their folders lie.

        Raises FlowLakeError if there is none, or a choice to make.
        """

    def is_simulated(self) -> bool:
        """Whether its flow logs are simulated."""
        return False

    def visible_objects(self, prefix: str) -> Iterator[StoredObject]:
        """The objects below a prefix that Athena reads."""
        return (found for found in self.objects.list(prefix) if is_visible(found.key, prefix))

    def removable_objects(self, before: date) -> Sequence[StoredObject]:
        """The objects of days (UTC) before this one that this project made, and may remove by itself.

        There are none but a simulated VPC's: of other buckets, folders are only read, and S3 has lifecycle rules.
        """
        return ()

    def unfit_days(self, days: Iterable[date]) -> Mapping[date, str]:
        """The days (UTC) whose folder holds another day's objects, or objects of another bucket, and what to do.

        S3 has none: it has no links and no simulated objects.
        """
        return {}

    def delivered_days(self) -> list[date]:
        """The UTC days whose folders hold objects of flow logs, in order; if there are none, days with other objects.

        This default lists every key. Override it where that is slow.
        """
        found = [
            (source.find_day(stored.key), stored.key)
            for source in self.sources().sources
            for stored in self.visible_objects(source.prefix)
        ]
        delivered = {day for day, key in found if day and find_flow_log(key)}
        return sorted(delivered or {day for day, _ in found if day})

    def listed_days(self) -> list[date] | None:
        """The UTC days that have a folder, in order, if local folders show them and no other days are delivered.

        None if that takes requests, if days are still simulated, or if there are no flow logs.
        """
        return None

    def listed_folders(self) -> Mapping[LogSource, Sequence[date]] | None:
        """The UTC days that have a folder, of each source; None where that takes calls of a service."""
        return None

    def objects_outside_days(self) -> list[str]:
        """Objects of flow logs outside the days' folders: their keys, and the prefixes of other folders that hold some.

        No partition points there, so that no query reads them. Every folder above the days' folders is listed.
        """
        return [key for source in self.sources().sources for key in self._objects_outside_days_of(source)]

    def _objects_outside_days_of(self, source: LogSource) -> list[str]:
        outside, folders = list[str](), [source.prefix]
        for _ in ("years", "months", "days"):
            levels = [self.objects.list_folder(folder) for folder in folders]
            outside += [key for level in levels for key in level.keys if find_flow_log(key)]
            found = [folder for level in levels for folder in level.folders]
            folders = [folder for folder in found if source.is_date_folder(folder)]
            others = [folder for folder in found if folder not in folders]
            outside += [folder for folder in others if any(map(_is_flow_logs, self.objects.list(folder)))]
        return outside


def _is_flow_logs(stored: StoredObject) -> bool:
    return find_flow_log(stored.key) is not None
