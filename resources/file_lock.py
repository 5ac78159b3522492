"""File locks between processes.

The operating system releases a lock when its file is closed. So a process releases its locks when it ends, also when it
is killed: a free lock proves that no process holds it.
"""

import errno
import fcntl
import logging
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from flowlogs.printable import printable

WARN_AFTER_SECONDS = 3.0
"""How long a process waits for a lock before it logs a warning.

How long SQLite waits for the catalog is LOCK_SECONDS in embedded/catalog.py."""

POLL_SECONDS = 0.05


def open_lock_file(path: Path) -> BinaryIO:
    """The file to lock, created where it is missing. Raises OSError if it is a link, or not a file."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY, 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, f"{path.name} is not a file")
    return os.fdopen(handle, "r+b")


def wait_for_lock(file: BinaryIO, path: Path) -> None:
    """Lock the file at `path` until it is closed. Waits while another process has it, and logs a warning
    after WARN_AFTER_SECONDS.
    """
    warn_at = time.monotonic() + WARN_AFTER_SECONDS
    while time.monotonic() < warn_at:
        try:
            take_lock(file)
        except BlockingIOError:
            time.sleep(POLL_SECONDS)
        else:
            return
    logging.getLogger(__name__).warning("Another process holds %s. Waiting until it ends.", printable(str(path)))
    fcntl.flock(file, fcntl.LOCK_EX)


def take_lock(file: BinaryIO | int) -> None:
    """Lock the file until it is closed. Raises BlockingIOError at once if another process has it."""
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Lock a folder within the block. Raises OSError at once if another process has it, or if it is a link."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        take_lock(handle)
        yield
    finally:
        os.close(handle)
