"""File locks between processes. What a lock protects is said where it is taken.

The operating system releases a lock when its file is closed, and so when its process ends, also when it is killed. A
lock that is free therefore proves that no process holds it any more.
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

SILENT_SECONDS = 3.0
"""How long a process waits for a lock before it says so."""

POLL_SECONDS = 0.05


def open_lock_file(path: Path) -> BinaryIO:
    """The file to lock, made where it is missing. Raises OSError where it is a link, or no file."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY, 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, f"{path.name} is no file")
    return os.fdopen(handle, "r+b")


def wait_for_lock(file: BinaryIO, path: Path) -> None:
    """Lock the file at `path` until it is closed. Waits while another process has it, and after a while logs that."""
    silent_until = time.monotonic() + SILENT_SECONDS
    while time.monotonic() < silent_until:
        try:
            take_lock(file)
        except BlockingIOError:
            time.sleep(POLL_SECONDS)
        else:
            return
    logging.getLogger(__name__).warning(
        "Another process holds %s. This one waits until that comes to its end, or is ended.", printable(str(path))
    )
    fcntl.flock(file, fcntl.LOCK_EX)


def take_lock(file: BinaryIO | int) -> None:
    """Lock the file until it is closed. Raises BlockingIOError at once where another process has it."""
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Lock a folder within the block. Raises OSError at once where another process has it, or where it is a link."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        take_lock(handle)
        yield
    finally:
        os.close(handle)
