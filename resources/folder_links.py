"""Finds the folders that links in a bucket's folder lead to, by listing folders."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MAX_DEPTH_OF_LINKS = 7
"""From the bucket's folder down to a month's, which holds the days' folders."""

MAX_FOLDERS_WITH_LINKS = 2_000
"""In how many folders of a bucket links are searched, the upper ones first."""


def linked_folders(root: Path) -> list[Path]:
    """The folders that links in a bucket's folder lead to, down to those of the days.

    Folders that hold the bucket itself are left out: what lies beside the bucket is not in it.
    """
    top = os.path.realpath(root)
    seen, looked_into = {top, *map(str, Path(top).parents)}, 0
    level, found = [top], list[Path]()
    for _ in range(MAX_DEPTH_OF_LINKS):
        below = list[str]()
        for folder in level[: MAX_FOLDERS_WITH_LINKS - looked_into]:
            looked_into += 1
            for name, place, is_folder in real_entries(folder):
                if is_folder and place not in seen:
                    seen.add(place)
                    below.append(place)
                    if place != os.path.join(folder, name):  # noqa: PTH118 - as os.scandir gives it
                        found.append(Path(place))
        level = below
    return found


def real_entries(folder: str) -> Iterator[tuple[str, str, bool]]:
    """The entries of a folder, given its real path: name, real path, and whether it is a folder."""
    with suppress(OSError), os.scandir(folder) as entries:  # reading the objects there will report the error
        for entry in entries:
            if entry.is_symlink():
                is_folder = os.path.isdir(entry.path)  # noqa: PTH112 - Path's fails where it may not look
                yield entry.name, os.path.realpath(entry.path), is_folder
            else:
                yield entry.name, entry.path, entry.is_dir()
