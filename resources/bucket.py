"""The contracts for places that hold objects: any place at all, and the bucket that flow logs are delivered to.

Keys are S3's: text with slashes, relative to the place's root. What lies behind (a folder, S3) is for the floors below
to know; so is what a bucket needs to be fit for delivery.
"""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from flowlogs.layout import LogSource, find_day, is_visible
from resources.ensured import Ensured


@dataclass(frozen=True)
class StoredObject:
    """An object's key and its size in bytes, as stored.

    `archived`: it lies in a storage class that has to be restored before anybody reads it (S3's Glacier classes).
    """

    key: str
    size: int
    archived: bool = False


class ObjectStore(ABC):
    """Objects under one root."""

    @abstractmethod
    def uri(self, key: str = "") -> str:
        """Where a person finds the object: a path, or an s3:// address, printable and on one line."""

    @abstractmethod
    def location(self, key: str = "") -> str:
        """Where SQL finds it: an ``s3://`` address, whatever lies behind."""

    @abstractmethod
    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Every object whose key begins with `prefix` (which ends in a slash), by key; none where nothing is there."""

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

    @abstractmethod
    def replace(self, files: Mapping[str, bytes]) -> None:
        """Write objects that belong together, each whole or not at all. Raises FlowLakeError where it cannot.

        None is replaced before all of them are known to be writable, as far as the place can tell.
        """

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

    def delivered_days(self) -> list[date]:
        """The UTC days that hold objects, in order. Looks at every key: where that takes long, do it otherwise."""
        days = {find_day(found.key) for found in self.visible_objects(self.source().prefix)}
        return sorted(day for day in days if day)
