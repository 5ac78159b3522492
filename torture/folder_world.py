"""A folder of logs and its results, on a disk of their own where this may be mounted."""

import ctypes
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from random import Random

from pipelines.settings import Settings
from torture.world import World, without_random_parts

DISK_BYTES = 64 << 20
BALLAST = "ballast"


class FolderWorld(World):
    """The embedded target: `logs` is the bucket, `home` holds the results and the temporary files."""

    target = "embedded"

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root, self.logs, self.home = root, root / "logs", root / "home"
        self.results, self.temporary = self.home / "results", self.home / "tmp"
        shutil.rmtree(root, ignore_errors=True)
        self.home.mkdir(parents=True)
        self.has_own_disk = mount_disk(self.home, DISK_BYTES)
        self.settings = Settings(bucket=str(self.logs), results=str(self.results))
        self._modes: dict[Path, int] = {}

    @property
    def watched(self) -> Path:
        return self.root

    def environment(self) -> Mapping[str, str]:
        return {"TMPDIR": str(self.temporary)}

    def in_child(self) -> None:
        tempfile.tempdir = None

    def let_time_pass(self) -> None:
        for path in self.temporary.glob("vpc-flow-lake*/*"):
            os.utime(path, (time.time() - 3600, time.time() - 3600))

    def _empty(self) -> None:
        self.allow_again()
        for folder in (self.logs, self.results, self.temporary):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        (self.logs / "AWSLogs").mkdir()

    def _put(self, key: str, data: bytes) -> None:
        path = self.logs / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def files(self, prefix: str) -> dict[str, bytes]:
        place = self.results / prefix
        if place.is_file():
            return {prefix: place.read_bytes()}
        found = [path for path in sorted(place.rglob("*")) if path.is_file()]
        return {path.relative_to(self.results).as_posix(): path.read_bytes() for path in found}

    def names(self) -> Counter[str]:
        found = Counter[str]()
        for top in (self.results, *self.temporary.glob("vpc-flow-lake*")):
            for path in top.rglob("*"):
                name = path.relative_to(self.home).as_posix() + ("/" if path.is_dir() else "")
                found[without_random_parts(name)] += 1
        return found

    def foreign_changes(self) -> list[str]:
        there = {path.relative_to(self.logs).as_posix(): path for path in self.logs.rglob("*") if path.is_file()}
        delivered = self.deliveries.objects
        differing = there.keys() ^ delivered.keys()
        same = there.keys() & delivered.keys() - self.deliveries.half
        return sorted(differing | {key for key in same if there[key].read_bytes() != delivered[key].data})

    def keep(self, folder: Path) -> None:
        self.allow_again()
        shutil.copytree(self.logs, folder / "logs", dirs_exist_ok=True)
        shutil.copytree(self.home, folder / "home", dirs_exist_ok=True, ignore=shutil.ignore_patterns(BALLAST))

    def stop(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    # What faults do.

    def fill_disk(self, leave: int) -> None:
        """Leave so many bytes free."""
        found = os.statvfs(self.home)
        with (self.home / BALLAST).open("wb") as file, suppress(OSError):  # it is full by now
            os.posix_fallocate(file.fileno(), 0, max(1, found.f_bavail * found.f_frsize - leave))

    def free_disk(self) -> None:
        (self.home / BALLAST).unlink(missing_ok=True)

    def forbid(self, rng: Random) -> str:
        """Take all permissions of a file or folder of the results or the logs away; says which."""
        places = [self.results, self.logs, *self.results.rglob("*"), *self.logs.rglob("*")]
        path = rng.choice(sorted(places))
        self._modes[path] = path.stat().st_mode & 0o777
        path.chmod(0)
        return str(path.relative_to(self.root))

    def allow_again(self) -> None:
        while self._modes:
            path, mode = self._modes.popitem()
            if path.exists() and path.stat().st_mode & 0o777 == 0:
                path.chmod(mode)


def mount_disk(folder: Path, size: int) -> bool:
    """Mount a disk of this many bytes in memory, which this process and its children see; whether that was possible."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    new_mounts, private, recursive = 0x20000, 1 << 18, 1 << 14
    if libc.unshare(new_mounts) != 0:
        return False
    libc.mount(None, b"/", None, private | recursive, None)
    return bool(libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, f"size={size}".encode()) == 0)
