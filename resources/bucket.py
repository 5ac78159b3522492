"""The contracts for places that hold objects: any place at all, and the bucket that flow logs are delivered to.

Keys are S3's: text with slashes, relative to the place's root. What lies behind (a folder, S3) is for the floors below
to know; so is what a bucket needs to be fit for delivery.
"""

import hashlib
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from flowlogs.layout import LogSource, find_flow_log, is_visible
from resources.ensured import Ensured

COMPARED_BYTES = 64 << 10
"""How much of two objects of one size is compared: flow logs differ in their first records."""


@dataclass(frozen=True)
class StoredObject:
    """An object's key and its size in bytes, as stored.

    `archived`: it lies in a storage class that has to be restored before anybody reads it (S3's Glacier classes).
    `version` is another one whenever the object is replaced, also by one of the same size. It says nothing of what is
    stored, so that it does not count where objects are compared.
    """

    key: str
    size: int
    archived: bool = False
    version: str = field(default="", compare=False)


@dataclass(frozen=True)
class Level:
    """What lies directly below a prefix: the keys of objects, and the prefixes (with a slash) of folders, in order."""

    keys: Sequence[str]
    folders: Sequence[str]


class ObjectStore(ABC):
    """Objects under one root.

    `most_compared` is how many objects of a day may be compared, where each costs a request; None where none does.
    """

    most_compared: int | None = None

    @abstractmethod
    def uri(self, key: str = "") -> str:
        """Where a person finds the object: a path, or an s3:// address, printable and on one line."""

    @abstractmethod
    def location(self, key: str = "") -> str:
        """Where SQL finds it: an ``s3://`` address, whatever lies behind."""

    @abstractmethod
    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Every object whose key begins with `prefix` (which ends in a slash), by key; none where nothing is there."""

    def list_level(self, prefix: str) -> Level:
        """What lies directly below `prefix` (which ends in a slash, or is empty for the root).

        Looks at every key below it: where that takes long, do it otherwise.
        """
        below = [stored.key.removeprefix(prefix).partition("/") for stored in self.list(prefix)]
        return Level(
            [f"{prefix}{name}" for name, slash, _ in below if not slash],
            sorted({f"{prefix}{name}/" for name, slash, _ in below if slash}),
        )

    @abstractmethod
    def open(self, key: str) -> BinaryIO:
        """The object's bytes, to read in order. Raises FlowLakeError, with its address, where it cannot be read."""

    def read(self, key: str) -> bytes:
        """All of the object. Raises FlowLakeError where it cannot be read to its end."""
        with self.open(key) as stored:
            return stored.read()

    @abstractmethod
    def head(self, key: str, size: int) -> bytes:
        """The object's first bytes, at most so many (one or more). Raises FlowLakeError where it cannot be read."""

    def content_id(self, stored: StoredObject) -> str:
        """A text that two objects of the same size share only if they begin alike, as copies do.

        Reads the object's beginning: where that costs a request, see `most_compared`.
        """
        return hashlib.sha256(self.head(stored.key, COMPARED_BYTES)).hexdigest()

    @abstractmethod
    def replace(self, files: Mapping[str, bytes]) -> None:
        """Write objects that belong together, each whole or not at all. Raises FlowLakeError where it cannot.

        None is replaced before all of them are known to be writable, as far as the place can tell.
        """

    def add(self, files: Mapping[str, bytes]) -> None:
        """Write objects, each whole, where none is: what is there stays. Raises FlowLakeError where it cannot.

        Of several that add one at once, the first does, in a place that can tell; here, a look is taken first.
        """
        folders = {key[: key.rfind("/") + 1] for key in files}
        there = {stored.key for folder in folders for stored in self.list(folder)}
        self.replace({key: data for key, data in files.items() if key not in there})

    @abstractmethod
    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; one that is not there is no error. Raises FlowLakeError where it cannot."""

    @contextmanager
    def adding(self) -> Iterator[Path]:
        """An empty folder: what lies in it when the block ends is stored, by its path there, like `replace` does it."""
        with TemporaryDirectory() as folder:
            yield Path(folder)
            files = [path for path in Path(folder).rglob("*") if path.is_file()]
            self.replace({path.relative_to(folder).as_posix(): path.read_bytes() for path in files})

    def local_file(self, key: str, folder: Path) -> Path:
        """The object as a file, to read: where it is none, a copy of it below `folder`."""
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.open(key) as stored, path.open("wb") as copy:
            shutil.copyfileobj(stored, copy)
        return path


class Bucket(ABC):
    """The bucket that flow logs are delivered to and read from."""

    objects: ObjectStore

    @abstractmethod
    def ensure(self) -> Ensured:
        """Make the bucket exist and fit to receive logs; changes nothing where it is."""

    @abstractmethod
    def source(self) -> LogSource:
        """Whose flow logs are read. Raises FlowLakeError where there are none, or several to choose from."""

    def is_simulated(self) -> bool:
        """Whether what is in it was never recorded by a VPC."""
        return False

    def visible_objects(self, prefix: str) -> Iterator[StoredObject]:
        """The objects below a prefix that Athena reads."""
        return (found for found in self.objects.list(prefix) if is_visible(found.key, prefix))

    def shared_days(self, days: Iterable[date]) -> Mapping[date, str]:
        """Of these UTC days, those whose folder also holds another day's objects or is held by it; and what is to do.

        Only links do that, which S3 knows none of.
        """
        return {}

    def delivered_days(self) -> list[date]:
        """The UTC days whose folders hold objects of flow logs, in order; where none does, those that hold others.

        Looks at every key: where that takes long, do it otherwise.
        """
        source = self.source()
        found = [(source.find_day(stored.key), stored.key) for stored in self.visible_objects(source.prefix)]
        delivered = {day for day, key in found if day and find_flow_log(key)}
        return sorted(delivered or {day for day, _ in found if day})

    def outside_days(self) -> list[str]:
        """The objects of flow logs that lie in no day's folder, by key, and the folders that hold such, by prefix.

        No partition leads there, so that nobody reads them. Every folder above the days' is looked into.
        """
        source, outside = self.source(), list[str]()
        folders = [source.prefix]
        for _ in ("years", "months", "days"):
            levels = [self.objects.list_level(folder) for folder in folders]
            outside += [key for level in levels for key in level.keys if find_flow_log(key)]
            found = [folder for level in levels for folder in level.folders]
            folders = [folder for folder in found if source.leads_to_days(folder)]
            others = [folder for folder in found if folder not in folders]
            outside += [folder for folder in others if any(map(_is_flow_logs, self.objects.list(folder)))]
        return outside


def _is_flow_logs(stored: StoredObject) -> bool:
    return find_flow_log(stored.key) is not None
