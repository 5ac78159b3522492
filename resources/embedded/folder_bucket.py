"""A folder that is laid out as a bucket, and a folder that results are written to.

The bucket's folder is only ever read here; whoever writes into it (the simulated VPC) does so through a FolderStore.
"""

import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from flowlogs.errors import FlowLakeError
from flowlogs.layout import LogSource, choose_source, find_source
from flowlogs.printable import printable
from resources.bucket import Bucket, ObjectStore, StoredObject
from resources.ensured import Ensured

STAGED = ".being-written"
LOCK = ".lock"
"""Beside what is stored, in the root: names that begin with a dot are invisible to readers of logs."""


SYNCED_SINGLY = 16
"""Of more files than this, everything that waits to be written is written out at once, which takes less time."""


class FolderStore(ObjectStore):
    """Objects as files below a folder, which SQL knows as the bucket `name`.

    `setting` is the variable that names the folder, for errors.
    """

    def __init__(self, root: Path, setting: str, name: str) -> None:
        self.root = root
        self.setting = setting
        self.name = name

    def uri(self, key: str = "") -> str:
        return printable(str(self.root / key))

    def location(self, key: str = "") -> str:
        return f"s3://{self.name}/{key}"

    def list(self, prefix: str) -> Iterator[StoredObject]:
        found = []
        for folder, _, names in os.walk(self.root / prefix, onerror=self._refuse, followlinks=True):
            inside = "" if Path(folder) == self.root else f"{Path(folder).relative_to(self.root).as_posix()}/"
            for name in names:
                path = Path(folder, name)
                with suppress(FileNotFoundError):  # gone since the folder was read: it was another run's to rename
                    # A link to nowhere stays in the list, so that whoever opens it says which object is missing.
                    size = 0 if path.is_symlink() and not path.exists() else path.stat().st_size
                    found.append(StoredObject(f"{inside}{name}", size))
        yield from sorted(found, key=lambda stored: stored.key)

    def open(self, key: str) -> BinaryIO:
        try:
            return (self.root / key).open("rb")
        except OSError as error:
            raise FlowLakeError(f"{self.uri(key)} cannot be read: {error.strerror}.") from error

    def head(self, key: str, size: int) -> bytes:
        with self.open(key) as file:
            try:
                return file.read(size)
            except OSError as error:
                raise FlowLakeError(f"{self.uri(key)} cannot be read: {error.strerror}.") from error

    def local_file(self, key: str, folder: Path) -> Path:
        return self.root / key

    def replace(self, files: Mapping[str, bytes]) -> None:
        with self.adding() as folder:
            for key, data in files.items():
                path = folder / key
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(data)
                except OSError as error:
                    raise self._failure(self.root / key, "written", error) from error

    @contextmanager
    def adding(self) -> Iterator[Path]:
        at_fault = self.root
        try:
            with self._own_folder() as folder:
                yield folder
                staged = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
                _to_disk(list(staged.values()))
                with self._one_writer():
                    for key in staged:
                        at_fault = self.root / key
                        at_fault.parent.mkdir(parents=True, exist_ok=True)
                        if at_fault.is_dir():
                            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
                    for key, path in staged.items():
                        at_fault = self.root / key
                        path.replace(at_fault)
        except OSError as error:
            raise self._failure(at_fault, "written", error) from error

    def delete(self, keys: Iterable[str]) -> None:
        at_fault = self.root
        try:
            with self._one_writer():
                for key in keys:
                    at_fault = self.root / key
                    at_fault.unlink(missing_ok=True)
                    _remove_empty(at_fault.parent, self.root)
        except OSError as error:
            raise self._failure(at_fault, "removed", error) from error

    @contextmanager
    def _own_folder(self) -> Iterator[Path]:
        """An empty folder to write in before renaming, which nobody else touches.

        It has a lock of the operating system's, which ends with the process that holds it, however that ends. So what
        lies there under no lock was left by a run that was killed, and is thrown away.
        """
        staged = self.root / STAGED
        folder = staged / uuid.uuid4().hex
        own_lock = folder.with_suffix(LOCK)
        with self._one_writer():
            staged.mkdir(exist_ok=True)
            for left in staged.iterdir():
                if _is_free(left.with_suffix(LOCK)):
                    shutil.rmtree(left) if left.is_dir() else left.unlink()
            lock = own_lock.open("ab")
            fcntl.flock(lock, fcntl.LOCK_EX)
        with lock:
            try:
                folder.mkdir()
                yield folder
            finally:
                # Where this fails, the error that brought us here is the one to report.
                shutil.rmtree(folder, ignore_errors=True)
                with suppress(OSError), self._one_writer():
                    own_lock.unlink()
                    _remove_empty(staged, self.root)

    @contextmanager
    def _one_writer(self) -> Iterator[None]:
        """While no other process renames anything below this root, so that files that belong together stay so."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _failure(self, path: Path, done: str, error: OSError) -> FlowLakeError:
        return FlowLakeError(
            f"{printable(str(path))} cannot be {done}: {error.strerror}. What was there is unchanged. Free some space "
            f"or make it writable, or name another folder in {self.setting}; then run again."
        )

    @staticmethod
    def _refuse(error: OSError) -> None:
        if error.errno != errno.ENOENT:
            raise FlowLakeError(f"{printable(str(error.filename))} cannot be read: {error.strerror}.") from error


def _to_disk(files: Sequence[Path]) -> None:
    """Wait until the files would survive the machine: what is renamed is whole, or is not there."""
    if len(files) > SYNCED_SINGLY:
        os.sync()
        return
    for path in files:
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _is_free(path: Path) -> bool:
    """Whether no process holds a lock on the file, or there is none."""
    with suppress(FileNotFoundError), path.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _remove_empty(folder: Path, root: Path) -> None:
    """Remove folders without anything in them, up to the root: as in a bucket, they exist for what is in them."""
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


class FolderBucket(Bucket):
    """A folder holding ``AWSLogs/…``, as ``aws s3 sync`` leaves it: read, never written."""

    def __init__(self, name: str, root: Path, account: str | None = None, region: str | None = None) -> None:
        self.name = name
        self.root = root
        self.objects = FolderStore(root, "FLOWLAKE_BUCKET", name)
        self._account = account
        self._region = region

    def ensure(self) -> Ensured:
        root = self.root
        if not root.is_dir():
            what = "is no folder" if root.exists() else "does not exist"
            raise FlowLakeError(
                f"FLOWLAKE_BUCKET: {self.objects.uri()} {what}. Name the folder that contains AWSLogs, as "
                "`aws s3 sync` leaves it."
            )
        source = self.source()
        return Ensured(
            {"path": str(root), "account": source.account, "region": source.region, "read as": source.location}
        )

    def source(self) -> LogSource:
        root = self.root
        prefixes = (path.relative_to(root).as_posix() for path in root.glob("AWSLogs/*/vpcflowlogs/*") if path.is_dir())
        found = [pair for prefix in prefixes if (pair := find_source(prefix))]
        return choose_source(self.name, found, self._account, self._region, where=self.objects.uri())


class SimulatedBucket(FolderBucket):
    """The default bucket: a folder of ours, made where it is missing, holding what the simulated VPC delivers.

    A file in it says that it is ours. Where the folder was filled by somebody else, it is read like any other: `source`
    is what is simulated, `account` and `region` choose among what is found.
    """

    MARK = ".simulated-by-vpc-flow-lake"

    def __init__(self, root: Path, source: LogSource, account: str | None = None, region: str | None = None) -> None:
        super().__init__(source.bucket, root, account, region)
        self._source = source

    def is_ours(self) -> bool:
        root = self.root
        if (root / self.MARK).exists() or not root.exists():
            return True
        # Names with a dot do not count: a run that was killed while it made the folder leaves one.
        return root.is_dir() and all(path.name.startswith(".") for path in root.iterdir())

    def is_simulated(self) -> bool:
        return self.is_ours()

    def claim(self) -> None:
        """Make the folder, with its mark, where it is missing."""
        if not (self.root / self.MARK).exists():
            self.objects.replace(
                {self.MARK: b"Made by VPC Flow Lake: simulated flow logs of a VPC that does not exist.\n"}
            )

    def ensure(self) -> Ensured:
        if self.is_ours():
            self.claim()
        return super().ensure()

    def source(self) -> LogSource:
        return self._source if self.is_ours() else super().source()
