"""An object store in a folder: each object is a file. It follows links when it reads, and never when it writes.

Objects are written whole or not at all: first into a staging folder, then renamed, under a lock of the folder.
bucket.py has the layout of a bucket of flow logs.
"""

import errno
import io
import os
import re
import shutil
import stat
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar, cast

from flowlogs.errors import FlowLakeError
from flowlogs.layout import is_visible
from flowlogs.printable import printable
from resources.bucket import FolderListing, ObjectStore, StoredObject
from resources.file_lock import open_lock_file, take_lock, wait_for_lock

if TYPE_CHECKING:
    from typing_extensions import Buffer


T = TypeVar("T")


GZIP_CHECKSUM_BYTES, GZIP_SIZE_BYTES = 4, 4
"""How many bytes at a gzip file's end hold the checksum and the size of its text (RFC 1952)."""

STAGING_FOLDER = ".being-written"


LOCK_FILE = ".lock"
"""The lock file in the root. Readers of logs skip names that begin with a dot."""


LOCK_TEXT = b"VPC Flow Lake is writing. What lies beside this without a process is removed by the next one.\n"
"""The content of the lock file of each staging folder. A folder is removed only if its lock file has this content."""


_OWN_LOCK = re.compile(r"[0-9a-f]{32}\.lock")


_FILE_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


_MAX_PATH_CHARACTERS = 400


MAX_SINGLE_SYNCS = 16
"""Up to so many files are flushed to disk one by one. More are flushed all at once, which then takes less time."""


class FolderStore(ObjectStore):
    """Objects as files below a folder. In SQL, the folder is the bucket `name`.

    Errors name the variable `setting`, which holds the folder's path. `is_immutable`: nobody should remove files, and a
    file that vanishes is an error. In other folders, a parallel run may rename or remove files at any time.
    """

    def __init__(self, root: Path, setting: str, name: str, *, is_immutable: bool = False) -> None:
        self.root = root
        self.setting = setting
        self.name = name
        self.is_immutable = is_immutable

    def display_path(self, key: str = "") -> str:
        return printable(str(self.root / key))

    def sql_location(self, key: str = "") -> str:
        return f"s3://{self.name}/{key}"

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Every file below the folder, through links too, but none twice.

        A folder is walked once, however many links lead to it; circles of links end. A file is listed by its own name,
        and by a link only where its own name is not below the folder. Broken links are listed too, and so are pipes and
        devices: opening one raises an error that names it.
        """
        top = self._path(prefix)
        try:
            is_gone = self.is_immutable and not self.root.is_dir()
            is_there, is_folder = top.exists(), top.is_dir()
        except OSError as error:  # a folder above may not be entered
            raise FlowLakeError(f"{path_text(top)} cannot be read: {error.strerror}.") from error
        if is_gone:
            raise FlowLakeError(f"{path_text(self.root)} ({self.setting}) is gone. Fetch it again, then run again.")
        if not is_there:
            self._refuse_broken_link(top)
            return
        if not is_folder:
            raise FlowLakeError(f"{path_text(top)} is a file, where a folder belongs. Move it away, then run again.")
        yield from sorted(self._walk(prefix, top), key=lambda stored: stored.key)

    def _walk(self, prefix: str, top: Path) -> Iterator[StoredObject]:
        # Folders above this one are not walked, though links may lead there.
        above = (*top.absolute().parents, *Path(os.path.realpath(top)).parents)
        walked = {(found.st_dev, found.st_ino) for found in map(os.stat, above)}
        files: set[tuple[int, int]] = set()
        folders, folder_links = [prefix], list[str]()
        file_links: list[tuple[str, os.stat_result]] = []
        while folders or folder_links:
            folder = folders.pop() if folders else folder_links.pop(0)
            for entry in self._entries(folder, walked):
                key = f"{folder}{entry.name}"
                if entry.is_symlink():
                    found = self._target(entry)
                    if found is None:
                        yield StoredObject(key, 0)
                    elif stat.S_ISDIR(found.st_mode):
                        folder_links.append(f"{key}/")
                    else:
                        file_links.append((key, found))
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(f"{key}/")
                elif own := self._stat(entry):
                    if is_visible(key, prefix):  # a link is read where it leads to a file that is not
                        files.add((own.st_dev, own.st_ino))
                    yield _stored_object(key, own)
        for key, found in sorted(file_links, key=lambda link: link[0]):
            if (found.st_dev, found.st_ino) not in files:
                files.add((found.st_dev, found.st_ino))
                yield _stored_object(key, found)

    def list_folder(self, prefix: str) -> FolderListing:
        path = self._path(prefix)
        try:
            if not stat.S_ISDIR(path.stat().st_mode):
                return FolderListing([], [])
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                raise FlowLakeError(f"{path_text(path)} cannot be read: {error.strerror}.") from error
            return FolderListing([], [])
        entries = self._entries(prefix, set())
        folders = {entry.name for entry in entries if entry.is_dir()}
        return FolderListing(
            [f"{prefix}{entry.name}" for entry in entries if entry.name not in folders],
            [f"{prefix}{entry.name}/" for entry in entries if entry.name in folders],
        )

    def _entries(self, folder: str, walked: set[tuple[int, int]]) -> "Sequence[os.DirEntry[str]]":
        """The entries of a folder that has not been walked yet, by name."""
        path = self.root / folder
        try:
            found = path.stat()
            if (found.st_dev, found.st_ino) in walked:
                return []
            walked.add((found.st_dev, found.st_ino))
            with os.scandir(path) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError as error:
            self._refuse(path, error)
            return []
        for entry in entries:
            try:
                entry.name.encode()
            except UnicodeEncodeError:
                raise FlowLakeError(
                    f"{path_text(entry.path)} has a name that is no UTF-8, which no object has: rename it or move it "
                    "away, then run again."
                ) from None
        return [entry for entry in entries if folder or entry.name != STAGING_FOLDER]

    def _target(self, link: "os.DirEntry[str]") -> os.stat_result | None:
        """The target of a link; None if the link is broken."""
        try:
            return link.stat()
        except OSError:
            return None

    def _stat(self, entry: "os.DirEntry[str]") -> os.stat_result | None:
        try:
            return entry.stat(follow_symlinks=False)
        except OSError as error:
            self._refuse(Path(entry.path), error)
            return None

    def _refuse(self, path: Path, error: OSError) -> None:
        """Raise FlowLakeError for an error of reading a folder, unless a parallel run may have removed it."""
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            raise FlowLakeError(f"{path_text(path)} cannot be read: {error.strerror}.") from error
        if self.is_immutable:
            raise FlowLakeError(
                f"{path_text(path)} vanished while it was read. Let whatever changes {path_text(self.root)} come to "
                "its end, then run again."
            ) from error

    def _refuse_broken_link(self, top: Path) -> None:
        """Raise FlowLakeError if a path is missing because of a broken link in it."""
        for path in (top, *top.parents):
            if path == self.root:
                return
            if path.is_symlink() and not path.exists():
                raise FlowLakeError(
                    f"{path_text(path)} is a link to {path_text(path.readlink())}, which cannot be read. Bring back "
                    "what it led to, or remove the link; then run again."
                )

    def open(self, key: str) -> BinaryIO:
        return self._open(self._path(key))

    def read(self, key: str) -> bytes:
        try:
            return super().read(key)
        except OSError as error:
            raise FlowLakeError(f"{self.display_path(key)} cannot be read: {error.strerror}.") from error

    def head(self, key: str, size: int) -> bytes:
        with self.open(key) as file:
            try:
                return file.read(size)
            except OSError as error:
                raise FlowLakeError(f"{self.display_path(key)} cannot be read: {error.strerror}.") from error

    def tail(self, stored: StoredObject, size: int) -> bytes:
        with self.open(stored.key) as file:
            try:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - size))
                return file.read(size)
            except OSError as error:
                raise FlowLakeError(f"{self.display_path(stored.key)} cannot be read: {error.strerror}.") from error

    def content_id(self, stored: StoredObject) -> str:
        """The size of its text, which gzip's last four bytes hold (RFC 1952), at any compression level."""
        if not _is_packed(stored):
            return str(stored.size)
        return str(int.from_bytes(self.tail(stored, GZIP_SIZE_BYTES), "little"))

    def possible_copies(self, alike: Sequence[StoredObject]) -> Sequence[StoredObject]:
        """Those with another one's checksum of the text, which gzip holds in front of its size."""
        if not all(map(_is_packed, alike)):
            return alike
        checksums = {stored: self.tail(stored, GZIP_CHECKSUM_BYTES + GZIP_SIZE_BYTES) for stored in alike}
        times = Counter(checksums.values())
        return [stored for stored, checksum in checksums.items() if times[checksum] > 1]

    def local_file(self, key: str, folder: Path) -> Path:
        path = self._path(key)
        self._open(path).close()
        return path

    def _open(self, path: Path) -> BinaryIO:
        try:
            # Checked before opening, which has effects on some devices, and waits for the other end of a pipe.
            _require_file(path.stat())
            return _open_file(path)
        except OSError as error:
            raise FlowLakeError(f"{path_text(path)} cannot be read: {error.strerror}.") from error

    def _path(self, key: str) -> Path:
        """The path of a key or prefix. Raises FlowLakeError if that is outside the root."""
        if key.startswith("/") or "\0" in key or {".", ".."} & set(key.split("/")):
            raise FlowLakeError(f"{key!r} is the key of no object: it leads out of {path_text(self.root)}.")
        return self.root / key

    def _writable_path(self, key: str) -> Path:
        """The path of an object to write or remove. Raises FlowLakeError if links lead out of the root."""
        path = self._path(key)
        folder, root = (Path(os.path.realpath(place)) for place in (path.parent, self.root))
        if folder != root and root not in folder.parents:
            raise FlowLakeError(
                f"{path_text(path)} leads out of {path_text(self.root)}, to {path_text(folder)}: nothing is written or "
                f"removed there. Make a folder of that link, or name another folder in {self.setting}; then run again."
            )
        return path

    def _require_no_link(self, path: Path) -> None:
        """Raise FlowLakeError if the object lies behind a link below the root: it may be somebody else's file."""
        for folder in path.parents:
            if folder == self.root:
                return
            if folder.is_symlink():
                raise FlowLakeError(
                    f"{path_text(path)} lies behind a link, {path_text(folder)}: nothing is removed there. Remove the "
                    "link by hand."
                )

    def replace(self, files: Mapping[str, bytes]) -> None:
        self._write(files, self.staging_folder())

    def add(self, files: Mapping[str, bytes]) -> None:
        self._write(files, self._stage_and_store(_link_if_absent))

    def _write(self, files: Mapping[str, bytes], storing: AbstractContextManager[Path]) -> None:
        places = {key: self._writable_path(key).relative_to(self.root) for key in files}
        with storing as folder:
            for key, data in files.items():
                path = folder / places[key]
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(data)
                except OSError as error:
                    raise self._failure(self.root / key, "written", error) from error

    @contextmanager
    def staging_folder(self) -> Iterator[Path]:
        with self._stage_and_store(Path.replace) as folder:
            yield folder

    @contextmanager
    def _stage_and_store(self, place: Callable[[Path, Path], object]) -> Iterator[Path]:
        """A staging folder whose files are stored when the block ends; `place` moves each file to its path."""
        at_fault = self.root
        try:
            with self._new_staging_folder() as folder:
                yield folder
                staged = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
                _flush_to_disk(list(staged.values()))
                with self._write_lock():
                    for key in staged:
                        at_fault = self._writable_path(key.as_posix())
                        at_fault.parent.mkdir(parents=True, exist_ok=True)
                        if at_fault.is_dir():
                            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
                    for key, path in staged.items():
                        at_fault = self.root / key
                        place(path, at_fault)
        except OSError as error:
            raise self._failure(at_fault, "written", error) from error

    def delete(self, keys: Iterable[str]) -> None:
        at_fault = self.root
        try:
            with self._write_lock():
                for key in keys:
                    at_fault = self._writable_path(key)
                    self._require_no_link(at_fault)
                    with suppress(FileNotFoundError):
                        at_fault.unlink()
                        _remove_empty(at_fault.parent, self.root)
        except OSError as error:
            raise self._failure(at_fault, "removed", error) from error

    def remove_empty_folders(self, prefix: str) -> None:
        top = self._writable_path(prefix.rstrip("/"))
        with self._write_lock():
            self._require_no_link(top / "anything")
            for folder, _, _ in os.walk(top, topdown=False):
                _remove_empty(Path(folder), self.root)

    @contextmanager
    def _new_staging_folder(self) -> Iterator[Path]:
        """An empty folder of this process's own, to write files in before they are renamed.

        Its lock ends with the process. Other staging folders whose lock is free were left by killed runs: they are
        removed.
        """
        staged = self.root / STAGING_FOLDER
        folder = staged / uuid.uuid4().hex
        own_lock = folder.with_suffix(LOCK_FILE)
        with self._write_lock():
            with suppress(FileExistsError):
                staged.mkdir()
            if not stat.S_ISDIR(staged.lstat().st_mode):
                raise FlowLakeError(f"{staged} is not a folder: move it away, then run again.")
            for left in staged.iterdir():
                if _OWN_LOCK.fullmatch(left.name):
                    _remove_abandoned(left)
            lock = _open_lock(own_lock)
            lock.write(LOCK_TEXT)
            lock.flush()
            wait_for_lock(lock, own_lock)
        with lock:
            try:
                folder.mkdir()
                yield folder
            finally:
                # Errors are ignored here: an error in the block is the one to report.
                shutil.rmtree(folder, ignore_errors=True)
                with suppress(OSError), self._write_lock():
                    # If the folder is still there, a later run removes both: it knows the folder by its lock.
                    if not os.path.lexists(folder):
                        own_lock.unlink()
                    _remove_empty(staged, self.root)

    @contextmanager
    def _write_lock(self) -> Iterator[None]:
        """Hold the lock of this root: no other process renames files below it within the block."""
        self.root.mkdir(parents=True, exist_ok=True)
        with _open_lock(self.root / LOCK_FILE) as lock:
            wait_for_lock(lock, self.root / LOCK_FILE)
            yield

    def _failure(self, path: Path, done: str, error: OSError) -> FlowLakeError:
        return FlowLakeError(
            f"{printable(str(path))} cannot be {done}: {error.strerror}. What was there is unchanged. Free some space "
            f"or make it writable, or name another folder in {self.setting}; then run again."
        )


def _is_packed(stored: StoredObject) -> bool:
    return stored.key.endswith(".gz") and stored.size >= GZIP_CHECKSUM_BYTES + GZIP_SIZE_BYTES


def _stored_object(key: str, found: os.stat_result) -> StoredObject:
    """A file as an object. Its version has the change time (ctime), which a program cannot set, unlike mtime."""
    return StoredObject(
        key,
        found.st_size,
        version=f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}",
        etag=f"{found.st_mtime_ns:x}-{found.st_size:x}",
        modified=datetime.fromtimestamp(found.st_mtime, timezone.utc),
    )


def _flush_to_disk(files: Sequence[Path]) -> None:
    """Flush the files to disk, so that a renamed file is complete also after a power failure."""
    if len(files) > MAX_SINGLE_SYNCS:
        os.sync()
        return
    for path in files:
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _link_if_absent(staged: Path, path: Path) -> None:
    """Link a staged file to its path, unless that exists. A rename would overwrite it."""
    try:
        os.link(staged, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links, such as exFAT
        if not os.path.lexists(path):
            staged.replace(path)


def _require_file(found: os.stat_result) -> None:
    kind = _FILE_KINDS.get(stat.S_IFMT(found.st_mode))
    if kind:
        raise OSError(errno.EINVAL, f"it is {kind}, not a file. Move it away, then run again")


class _File(io.FileIO):
    """A file that is read without waiting. Where a read would have to wait, as for a device, it raises an error."""

    def readinto(self, buffer: "Buffer") -> int:
        return _require_data(cast("int | None", super().readinto(buffer)))

    def readall(self) -> bytes:
        return _require_data(super().readall())


def _require_data(read: T | None) -> T:
    if read is None:
        raise OSError(errno.EAGAIN, "it gives nothing to read, as a device does. Move it away, then run again")
    return read


def _open_file(path: Path, flags: int = 0) -> BinaryIO:
    """The file, to read. Raises OSError if it is not a file."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | flags)
    try:
        _require_file(os.fstat(handle))
        return io.BufferedReader(_File(handle))
    except BaseException:
        os.close(handle)
        raise


def _open_lock(path: Path) -> BinaryIO:
    """The lock file, created where it is missing. Raises FlowLakeError if it is a link, or not a file."""
    try:
        return open_lock_file(path)
    except OSError as error:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise FlowLakeError(
                f"{path_text(path)} is not a file that a run can lock: move it away, then run again."
            ) from error
        raise


def _remove_abandoned(lock: Path) -> None:
    """Remove the staging folder of a killed run, and its lock file. Nothing else is removed."""
    folder = lock.with_suffix("")
    with suppress(OSError), _open_file(lock, os.O_NOFOLLOW) as file:
        text = file.read(len(LOCK_TEXT) + 1)
        # On a full disk, or killed in between, a run leaves a lock without all of its text, and nothing beside it.
        is_unfinished = LOCK_TEXT.startswith(text) and not os.path.lexists(folder)
        if text != LOCK_TEXT and not is_unfinished:
            return
        take_lock(file)
        with suppress(FileNotFoundError):
            if not stat.S_ISDIR(folder.lstat().st_mode):
                return
            shutil.rmtree(folder)
        lock.unlink()


def _remove_empty(folder: Path, root: Path) -> None:
    """Remove empty folders, from this one up to the root. Links stay, and so does what the system refuses to remove."""
    with suppress(OSError):
        while folder != root and not folder.is_symlink():
            folder.rmdir()
            folder = folder.parent


def path_text(path: str | os.PathLike[str]) -> str:
    """A path for people, also one that is not UTF-8. A very long path is cut in the middle."""
    text = printable(os.fsencode(path).decode(errors="backslashreplace"))
    return (
        text
        if len(text) <= _MAX_PATH_CHARACTERS
        else f"{text[: _MAX_PATH_CHARACTERS // 2]}…{text[-_MAX_PATH_CHARACTERS // 2 :]}"
    )
