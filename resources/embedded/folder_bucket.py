"""A folder that is laid out as a bucket, and a folder that results are written to.

The bucket's folder is only ever read here; whoever writes into it (the simulated VPC) does so through a FolderStore.
"""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from flowlogs.errors import FlowLakeError
from flowlogs.layout import LogSource, choose_source, find_source
from resources.bucket import Bucket, ObjectStore, StoredObject
from resources.ensured import Ensured

STAGED = ".being-written"
LOCK = ".lock"
"""Beside what is stored, in the root: names that begin with a dot are invisible to readers of logs."""


class FolderStore(ObjectStore):
    """Objects as files below a folder. `setting` is the variable that names the folder, for errors."""

    def __init__(self, root: Path, setting: str) -> None:
        self.root = root
        self.setting = setting

    def uri(self, key: str = "") -> str:
        return str(self.root / key)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        found = []
        for folder, _, names in os.walk(self.root / prefix, onerror=self._refuse, followlinks=True):
            for name in names:
                path = Path(folder, name)
                with suppress(FileNotFoundError):  # gone since the folder was read: it was another run's to rename
                    # A link to nowhere stays in the list, so that whoever opens it says which object is missing.
                    size = 0 if path.is_symlink() and not path.exists() else path.stat().st_size
                    found.append(StoredObject(path.relative_to(self.root).as_posix(), size))
        yield from sorted(found, key=lambda stored: stored.key)

    def open(self, key: str) -> BinaryIO:
        try:
            return (self.root / key).open("rb")
        except OSError as error:
            raise FlowLakeError(f"{self.uri(key)} cannot be read: {error.strerror}.") from error

    def replace(self, files: Mapping[str, bytes]) -> None:
        at_fault = self.root
        try:
            with self._one_writer() as staged:
                for number, (key, data) in enumerate(files.items()):
                    at_fault = self.root / key
                    at_fault.parent.mkdir(parents=True, exist_ok=True)
                    if at_fault.is_dir():
                        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
                    with (staged / str(number)).open("wb") as file:
                        file.write(data)
                        file.flush()
                        os.fsync(file.fileno())
                for number, key in enumerate(files):
                    at_fault = self.root / key
                    (staged / str(number)).replace(at_fault)
        except OSError as error:
            raise FlowLakeError(
                f"{at_fault} cannot be written: {error.strerror}. What was there is unchanged. Free some space or make "
                f"it writable, or name another folder in {self.setting}; then run again."
            ) from error

    @contextmanager
    def _one_writer(self) -> Iterator[Path]:
        """An empty folder to write in before renaming, while no other process writes below this root.

        The lock is the operating system's: it ends with the process that holds it, however that ends. So what is found
        in the folder was left by a run that was killed, and is thrown away.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        staged = self.root / STAGED
        with (self.root / LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if staged.exists():
                shutil.rmtree(staged)
            staged.mkdir()
            try:
                yield staged
            finally:
                # Where this fails, the error that brought us here is the one to report.
                shutil.rmtree(staged, ignore_errors=True)

    @staticmethod
    def _refuse(error: OSError) -> None:
        if error.errno != errno.ENOENT:
            raise FlowLakeError(f"{error.filename} cannot be read: {error.strerror}.") from error


class FolderBucket(Bucket):
    """A folder holding ``AWSLogs/…``, as ``aws s3 sync`` leaves it: read, never written."""

    def __init__(self, name: str, root: Path, account: str | None = None, region: str | None = None) -> None:
        self.name = name
        self.root = root
        self.objects = FolderStore(root, "FLOWLAKE_BUCKET")
        self._account = account
        self._region = region

    def ensure(self) -> Ensured:
        root = self.root
        if not root.is_dir():
            what = "is no folder" if root.exists() else "does not exist"
            raise FlowLakeError(
                f"FLOWLAKE_BUCKET: {root} {what}. Name the folder that contains AWSLogs, as `aws s3 sync` leaves it."
            )
        source = self.source()
        return Ensured(
            {"path": str(root), "account": source.account, "region": source.region, "read as": source.location}
        )

    def source(self) -> LogSource:
        root = self.root
        prefixes = (path.relative_to(root).as_posix() for path in root.glob("AWSLogs/*/vpcflowlogs/*") if path.is_dir())
        found = [pair for prefix in prefixes if (pair := find_source(prefix))]
        return choose_source(self.name, found, self._account, self._region, where=str(root))


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
