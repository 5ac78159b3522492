"""A folder that is laid out as a bucket, and a folder that results are written to.

The bucket's folder is only ever read here; whoever writes into it (the simulated VPC) does so through a FolderStore.
"""

import errno
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from flowlogs.errors import FlowLakeError
from flowlogs.layout import LogSource, choose_source, find_source
from resources.bucket import Bucket, ObjectStore, StoredObject


class FolderStore(ObjectStore):
    """Objects as files below a folder. `setting` is the variable that names the folder, for errors."""

    def __init__(self, root: Path, setting: str) -> None:
        self.root = root
        self.setting = setting

    def uri(self, key: str = "") -> str:
        return str(self.root / key)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        found = []
        for folder, _, names in os.walk(self.root / prefix, onerror=self._refuse):
            for name in names:
                path = Path(folder, name)
                found.append(StoredObject(path.relative_to(self.root).as_posix(), path.stat().st_size))
        yield from sorted(found, key=lambda stored: stored.key)

    def open(self, key: str) -> BinaryIO:
        try:
            return (self.root / key).open("rb")
        except OSError as error:
            raise FlowLakeError(f"{self.uri(key)} cannot be read: {error.strerror}.") from error

    def replace(self, files: Mapping[str, bytes]) -> None:
        # A name that begins with a dot is invisible to every reader, and one of its own lets two runs write at once.
        temporary = {key: self._temporary(self.root / key) for key in files}
        try:
            for key, data in files.items():
                temporary[key].parent.mkdir(parents=True, exist_ok=True)
                with temporary[key].open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            for key in files:
                temporary[key].replace(self.root / key)
        except OSError as error:
            raise FlowLakeError(
                f"{error.filename or self.root} cannot be written: {error.strerror}. What was there is unchanged. "
                f"Free some space or make it writable, or name another folder in {self.setting}; then run again."
            ) from error
        finally:
            for path in temporary.values():
                _remove_if_there(path)

    @staticmethod
    def _temporary(path: Path) -> Path:
        return path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")

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

    def ensure(self) -> Mapping[str, str | int]:
        root = self.root
        if not root.is_dir():
            what = "is no folder" if root.exists() else "does not exist"
            raise FlowLakeError(
                f"FLOWLAKE_BUCKET: {root} {what}. Name the folder that contains AWSLogs, as `aws s3 sync` leaves it."
            )
        source = self.source()
        return {"path": str(root), "account": source.account, "region": source.region, "read as": source.location}

    def source(self) -> LogSource:
        root = self.root
        prefixes = (path.relative_to(root).as_posix() for path in root.glob("AWSLogs/*/vpcflowlogs/*") if path.is_dir())
        found = [pair for prefix in prefixes if (pair := find_source(prefix))]
        return choose_source(self.name, found, self._account, self._region, where=str(root))


class SimulatedBucket(FolderBucket):
    """The default bucket: a folder of ours, made where it is missing, holding what the simulated VPC delivers.

    A file in it says that it is ours. Where the folder was filled by somebody else, it is read like any other.
    """

    MARK = ".simulated-by-vpc-flow-lake"

    def __init__(self, root: Path, source: LogSource) -> None:
        super().__init__(source.bucket, root, source.account, source.region)
        self._source = source

    def is_ours(self) -> bool:
        root = self.root
        return (root / self.MARK).exists() or not root.exists() or (root.is_dir() and not any(root.iterdir()))

    def claim(self) -> None:
        """Make the folder, with its mark, where it is missing."""
        if not (self.root / self.MARK).exists():
            self.objects.replace(
                {self.MARK: b"Made by VPC Flow Lake: simulated flow logs of a VPC that does not exist.\n"}
            )

    def ensure(self) -> Mapping[str, str | int]:
        if self.is_ours():
            self.claim()
        return super().ensure()

    def source(self) -> LogSource:
        return self._source if self.is_ours() else super().source()


def _remove_if_there(path: Path) -> None:
    # Where this fails, the error that brought us here is the one to report; the name is invisible to every reader.
    with suppress(OSError):
        path.unlink(missing_ok=True)
