"""What Python's ``-X importtime`` tells, by package."""

import re
from collections import defaultdict
from collections.abc import Iterator

_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| ( *)(\S+)")

LATER = ("boto3", "duckdb", "numpy", "pandas", "pyarrow", "pyathena", "sqlglot")
"""Packages that no asset needs before it runs."""


def by_package(told: str) -> dict[str, dict[str, float]]:
    """By top-level package, the milliseconds of its own modules, and those with everything that they import.

    A package that imports another is charged with it, whoever needs it afterwards; a package's modules that are
    imported from within the package itself are counted once.
    """
    found: dict[str, dict[str, float]] = defaultdict(lambda: {"own": 0.0, "cumulative": 0.0})
    for own, cumulative, package, importers in _imports(told):
        found[package]["own"] += own / 1000
        if package not in importers:
            found[package]["cumulative"] += cumulative / 1000
    return dict(found)


def _imports(told: str) -> Iterator[tuple[int, int, str, tuple[str, ...]]]:
    """Each import's own and cumulative microseconds, its package, and the packages that it is imported from within."""
    path: list[str] = []
    for line in reversed(
        told.splitlines()
    ):  # backwards, since an import is told when it is done: after those inside it
        if match := _LINE.match(line):
            depth, package = len(match[3]) // 2, match[4].partition(".")[0]
            del path[depth:]
            yield int(match[1]), int(match[2]), package, tuple(path)
            path.append(package)
