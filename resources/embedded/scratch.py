"""Scratch folders for the temporary files of statements, in a private folder of this project's.

It removes only folders that it made itself. It recognizes them by their name, their marker file and their owner.
"""

import os
import re
import shutil
import stat
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp

from flowlogs.errors import FlowLakeError
from resources.file_lock import folder_lock
from resources.paths import is_within

SCRATCH_ROOT = "vpc-flow-lake"
"""The name of the private folder among the system's temporary files; the user's id is appended."""

MARKER = ".made-by-vpc-flow-lake"
MARKER_TEXT = b"Scratch space of VPC Flow Lake: it is removed when its process has ended.\n"

ABANDONED_AFTER_SECONDS = 60
"""A folder younger than this is never removed: its process may be about to lock it."""

_NAME = re.compile(r"scratch-[0-9a-f]{32}")


@contextmanager
def scratch_folder(protected_folders: Collection[Path] = (), read_only: Collection[Path] = ()) -> Iterator[Path]:
    """A new folder that is removed when the block ends. It holds a marker file.

    Its lock ends with the process, so that a folder whose lock is free was left behind by a killed process. Those are
    removed first, except one of the `protected_folders`, a folder in one, or a folder that holds one. Raises
    FlowLakeError where temporary files would lie in a `read_only` folder, or cannot be written.
    """
    temporary = Path(gettempdir())
    for folder in read_only:
        if is_within(temporary, folder) or is_within(temporary / f"{SCRATCH_ROOT}-{os.getuid()}", folder):
            raise FlowLakeError(
                f"Temporary files are kept in {temporary}, which lies in {folder}: that folder is read, and never "
                "written. Name another folder in TMPDIR; then run again."
            )
    try:
        place = _scratch_root(temporary)
        if place:
            _remove_abandoned(place, protected_folders)
        made = _new_folder(place) if place else Path(mkdtemp(prefix=f"{SCRATCH_ROOT}-"))
    except OSError as error:
        raise FlowLakeError(
            f"Temporary files cannot be kept in {temporary}: {error.strerror}. Free some space or make it writable, or "
            "name another folder in TMPDIR; then run again."
        ) from error
    try:
        with folder_lock(made):
            yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _scratch_root(temporary: Path) -> Path | None:
    """The private folder among the temporary files; None if something else has its name."""
    place = temporary / f"{SCRATCH_ROOT}-{os.getuid()}"
    with suppress(FileExistsError):
        place.mkdir(mode=0o700)
    found = place.lstat()
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077
    return place if is_ours else None


def _new_folder(place: Path) -> Path:
    folder = place / f"scratch-{uuid.uuid4().hex}"
    folder.mkdir(mode=0o700)
    (folder / MARKER).write_bytes(MARKER_TEXT)
    return folder


def _remove_abandoned(place: Path, protected_folders: Collection[Path]) -> None:
    for left in place.iterdir():
        if _NAME.fullmatch(left.name) and not any(
            is_within(path, left) or is_within(left, path) for path in protected_folders
        ):
            with suppress(OSError):  # another process uses it, or it is gone
                # A new folder's lock is its owner's to take, who would fail if it were taken here for a moment.
                if _is_old(left):
                    with folder_lock(left):
                        if _is_marked(left) and _is_old(left):
                            shutil.rmtree(left, ignore_errors=True)
                        elif _is_old(left):
                            _remove_unfinished(left)


def _is_old(folder: Path) -> bool:
    return time.time() - folder.lstat().st_mtime > ABANDONED_AFTER_SECONDS


def _remove_unfinished(folder: Path) -> None:
    """Remove a folder without anything in it, or with a part of the marker alone.

    On a full disk, or killed in between, a process leaves such a one. Raises OSError for any other folder.
    """
    marker = folder / MARKER
    if [path.name for path in folder.iterdir()] == [MARKER] and _is_own_file(marker):
        if not MARKER_TEXT.startswith(marker.read_bytes()):
            return
        marker.unlink()
    folder.rmdir()


def _is_marked(folder: Path) -> bool:
    marker = folder / MARKER
    return _is_own_file(marker) and marker.read_bytes() == MARKER_TEXT


def _is_own_file(path: Path) -> bool:
    with suppress(FileNotFoundError):
        found = path.lstat()
        return stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid()
    return False
