"""Finds flow log objects outside the folders that are read, by names, and stops after a limited number of folders."""

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from flowlogs.layout import LogSource, find_source, is_above_sources, is_object_name, is_visible, owner_prefix

MAX_FOLDERS = 1_000
"""How many folders are listed at most."""

MAX_FOLDERS_BELOW_EACH = 100
"""How many folders are listed at most below each folder that is not part of the layout."""

MAX_ENTRIES = 1_000
"""How many names are read in a folder."""

MAX_DEPTH = 14
"""How deep those folders are: a prefix of some levels, the layout's levels, and an hour's folder."""


def find_stray_logs(root: Path, sources: Collection[LogSource]) -> tuple[list[str], list[str]]:
    """The key prefixes of folders beside those of the layout that hold objects of flow logs, somewhere below; and the
    prefixes in front of other ``AWSLogs/``, behind which there are flow logs too.

    `root` is the bucket's folder, `sources` are those that are read. The folders of accounts and regions behind their
    prefix are not looked into.
    """
    stray, elsewhere = list[str](), list[str]()
    own = {owner_prefix(source) for source in sources}
    bucket = next(iter(sources)).bucket
    waiting, looked_into = [""], 0

    def is_own(folder: str) -> bool:
        source = find_source(bucket, folder)
        return source is not None and owner_prefix(source) in own

    while waiting and looked_into < MAX_FOLDERS:
        folder = waiting.pop(0)
        looked_into += 1
        below, has_objects = _look_into(root, folder)
        if has_objects:
            stray.append(folder)
        for beside in below:
            if is_above_sources(beside) or any(prefix.startswith(beside) for prefix in own):
                waiting.append(beside)
            elif not is_own(beside) and looked_into < MAX_FOLDERS:
                for found in _below(root, beside):
                    looked_into += 1
                    if (source := find_source(bucket, found)) and owner_prefix(source) not in own:
                        elsewhere.append(owner_prefix(source))
                        break
                    if _look_into(root, found)[1]:
                        stray.append(beside)
                        break
    return stray, elsewhere


def _below(root: Path, top: str) -> Iterator[str]:
    """A folder and the folders below it, depth first; folders with a name of the layout come first."""
    waiting = [top]
    for _ in range(MAX_FOLDERS_BELOW_EACH):
        if not waiting:
            return
        folder = waiting.pop()
        yield folder
        if folder.count("/") < MAX_DEPTH:
            waiting += sorted(_look_into(root, folder)[0], key=_is_in_layout)


def _is_in_layout(folder: str) -> bool:
    return folder.rstrip("/").rpartition("/")[2].lower() in ("awslogs", "vpcflowlogs", "aws-service=vpcflowlogs")


def _look_into(root: Path, folder: str) -> tuple[list[str], bool]:
    """The visible folders in a folder, as key prefixes, in order; and whether it holds objects of flow logs.

    Links to what the bucket holds, or to what holds the bucket, lead to nothing new.
    """
    below, has_objects = list[str](), False
    with suppress(OSError), os.scandir(root / folder) as entries:
        for entry in islice(entries, MAX_ENTRIES):
            if is_object_name(entry.name):
                has_objects = True
            elif is_visible(entry.name, "") and entry.is_dir() and not (entry.is_symlink() and _is_near(entry, root)):
                below.append(f"{folder}{entry.name}/")
    return sorted(below), has_objects


def _is_near(link: "os.DirEntry[str]", root: Path) -> bool:
    real, top = Path(os.path.realpath(link.path)), root.resolve()
    return real == top or real in top.parents or top in real.parents
