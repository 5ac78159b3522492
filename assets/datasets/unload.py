"""Scans the days of a run and writes the datasets that are chosen. partition_swap.py points partitions at them.

It takes as few UNLOADs as the scan limit allows. A day that cannot be read fails, and the other days are written.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import dagster as dg

from assets.datasets.cleanup import remove_folders, write_cleanup_marker
from assets.datasets.files import (
    DatasetDay,
    UnloadResult,
    files_below,
    is_written_file,
    new_root,
    orphaned_files,
    unload_result,
)
from assets.datasets.lost_objects import losing_days
from assets.day_objects import DayObjects, changed_since, damaged_warning, first_paths
from assets.metadata import query_metadata
from assets.raw_tables import RawTable, RawTables, reads_of
from assets.runs import query_comment
from flowlogs.datasets import Dataset
from flowlogs.days import batches, days_text
from flowlogs.errors import FlowLakeError
from flowlogs.printable import first_names
from flowlogs.statements import (
    MAX_PARTITIONS_PER_UNLOAD,
    MAX_STATEMENT_BYTES,
)
from flowlogs.unload import dataset_location, unload_datasets
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine, QueryResult, ScanLimitError, misread_messages
from resources.object_damage import damage_of

MAX_FAILED_STATEMENTS = 20
"""How many statements of a run may fail because of a day. Each of them has scanned the other days in vain."""

REFUSED = r"access.?denied|permission_denied|not authorized|forbidden"
"""What an engine says where access is denied. Then every object is denied, and no day is tried by itself."""


EXHAUSTED = r"exhausted resources|EXCEEDED_\w*MEMORY_LIMIT|EXCEEDED_SPILL_LIMIT|EXCEEDED_LOCAL_MEMORY"
"""What an engine says where a query needs more memory than it may have ("Query exhausted resources", Athena)."""


OF_AN_OBJECT = r"HIVE_(CURSOR_ERROR|BAD_DATA|CANNOT_OPEN_SPLIT)"
"""What an engine says where an object cannot be read, also where it does not say which one."""


def days_too_large(athena: QueryEngine, sizes: Mapping[date, int]) -> dict[date, str]:
    """The days whose objects are larger than one query may scan. Athena bills a query that it cancels for that."""
    limit = athena.scan_limit_bytes
    return {
        day: f"The objects of {day} are {size:,} bytes, and one query may scan {limit:,}. Raise that in Athena's "
        "workgroup and in FLOWLAKE_SCAN_LIMIT_BYTES. Nothing was scanned."
        for day, size in sizes.items()
        if limit is not None and size > limit
    }


def scan_batches(
    days: Sequence[date], sizes: Mapping[date, int], limit: int | None, datasets: int
) -> Iterator[list[date]]:
    """The days in groups of consecutive ones, each small enough for one UNLOAD of so many datasets.

    `sizes` are bytes, as is `limit`.
    """
    for batch in batches(days, MAX_PARTITIONS_PER_UNLOAD // datasets):
        scan: list[date] = []
        for day in batch:
            if scan and limit is not None and sum(sizes[other] for other in scan) + sizes[day] > limit:
                yield scan
                scan = []
            scan.append(day)
        yield scan


@dataclass
class Scan:
    """The scan of a run's days, with what it has done so far.

    `raw` and `tables` are the tables over flow logs, `inspected` are the days' objects, `failures` the days that cannot
    be read and why, `datasets` those that are chosen, `locations` where their partitions point before the scan, by
    dataset, `metadata` that of each written day of a dataset, `cleanup_markers` the keys of this run's clean-up markers
    and `roots` those of its attempts.
    """

    context: dg.AssetExecutionContext
    bucket: Bucket
    athena: QueryEngine
    results: ObjectStore
    raw: RawTables
    tables: Sequence[RawTable]
    inspected: dict[date, DayObjects]
    failures: dict[date, str]
    datasets: Sequence[Dataset]
    locations: Mapping[str, Mapping[date, str]] = field(default_factory=dict)
    metadata: dict[tuple[str, date], Mapping[str, object]] = field(default_factory=dict)
    cleanup_markers: list[str] = field(default_factory=list)
    roots: list[str] = field(default_factory=list)
    failed_statements: int = 0

    def unload_within_limit(self, days: Sequence[date]) -> Iterator[UnloadResult]:
        """Write the records of these days with one statement, or with as few as it takes.

        Where the days are larger than one query may scan, each half is written by itself. A day with an object that
        cannot be read fails, and the other days are written without it.
        """
        root = self._new_attempt()
        self.context.log.info(f"{days_text(days)}: to be written, from one scan of their objects.")
        reads = reads_of(self.athena, self.raw, self.tables, {day: self.inspected[day] for day in days})
        destination = self.results.sql_location(root)
        comment = query_comment(self.context, self.datasets[0].name)
        statement = unload_datasets(reads, self.datasets, days[0], days[-1], destination, comment)
        if len(statement.encode()) > MAX_STATEMENT_BYTES and len(days) > 1:
            yield from self.unload_within_limit(days[: len(days) // 2])
            yield from self.unload_within_limit(days[len(days) // 2 :])
            return
        try:
            result = self.athena.execute(statement)
        except FlowLakeError as error:
            retries = self._days_to_retry(days, error)
        else:
            unload = self._keep_readable_days(days, root, result)
            if unload.folders:
                yield unload
            return
        for warning in remove_folders(self.results, [root]):
            self.context.log.warning(warning)
        for batch in retries:
            yield from self.unload_within_limit(batch)

    def _days_to_retry(self, days: Sequence[date], error: FlowLakeError) -> list[list[date]]:
        """The groups of days to write again after a statement for these days failed.

        Raises the error where it is no single day's. An error about an object has the object's key in it, which names
        the day.
        """
        sources = self.raw.sources
        # The statement, which an error may quote, names objects that are left out.
        words = str(error).partition("\nThe statement was:\n")[0]
        damaged = [day for day in days if any(prefix in words for prefix in sources.day_prefixes(day).values())]
        too_large = isinstance(error, ScanLimitError)
        exhausted = re.search(EXHAUSTED, str(error), re.IGNORECASE)
        if (too_large or exhausted) and len(days) > 1:
            what = "more than one query may scan" if too_large else "one query ran out of resources"
            self.context.log.warning(f"{days_text(days)}: {what}. Each half of them by itself.")
            return [list(days[: len(days) // 2]), list(days[len(days) // 2 :])]
        if exhausted and any(dataset.sums for dataset in self.datasets):
            raise FlowLakeError(
                f"{error}\nThe traffic of {days[0]} has too many pairs of addresses to be summed up one by one. With "
                "FLOWLAKE_COARSE_SUMMARY=true, traffic_summary has networks of 256 addresses in place of the "
                "internet's addresses. rejected_flows alone can be made in any case."
            )
        is_unnamed = not damaged and re.search(OF_AN_OBJECT, words) is not None
        if too_large or (is_unnamed and len(days) == 1):
            damaged = list(days)
        self.failed_statements += 1
        refused = re.search(REFUSED, str(error), re.IGNORECASE)
        if refused or self.failed_statements > MAX_FAILED_STATEMENTS or not (damaged or is_unnamed):
            raise error
        if not damaged:
            self.context.log.warning(f"{days_text(days)}: an object cannot be read. Each half of them by itself.")
            return [list(days[: len(days) // 2]), list(days[len(days) // 2 :])]
        left_out = {day for day in damaged if not too_large and self._leave_out_damaged(day, words)}
        self.failures |= {day: self.failures.get(day, str(error)) for day in damaged if day not in left_out}
        rest = [day for day in days if day not in damaged or day in left_out]
        damaged = [day for day in damaged if day not in left_out]
        if rest and damaged:
            self.context.log.warning(f"{days_text(damaged)}: cannot be read. The other days are read without that.")
        return list(batches(rest, len(days)))

    def _leave_out_damaged(self, day: date, words: str) -> bool:
        """Leave out of a day the objects that an error names, if they are damaged and a setting says so.

        Returns whether that can be read without them. An object that an earlier run read is not left out: its records
        would be taken away.
        """
        found = self.inspected[day]
        named = [key for key in found.objects if key in words and key not in found.damaged]
        if not self.bucket.leave_out_damaged or not named:
            return False
        looked_at = {key: damage_of(self.bucket.objects, found.objects[key]) for key in named}
        damaged = {key: why for key, why in looked_at.items() if why}
        if not damaged:
            return False
        without = found.without(damaged)
        lost = losing_days(self.bucket, self.results, self.locations, {day: without.coverage.read})
        if day in lost:
            self.failures[day] = (
                f"{first_paths(self.bucket, sorted(damaged))} cannot be read any more "
                f"({next(iter(damaged.values()))}), and an earlier run read it. {lost[day]}"
            )
            return False
        self.inspected[day] = without
        self.context.log.warning(damaged_warning(self.bucket, day, damaged))
        return True

    def _new_attempt(self) -> str:
        """The root of a new attempt. A new clean-up marker lists all roots of this run: old markers count as dead."""
        self.roots.append(new_root(self.raw.main.database))
        marker = write_cleanup_marker(self.results, self.raw.main.database, self.roots)
        self.cleanup_markers.append(marker)
        return self.roots[-1]

    def _keep_readable_days(self, days: Sequence[date], root: str, result: QueryResult) -> UnloadResult:
        """What a statement wrote below `root`. The files of days that changed, or were read wrongly, are removed."""
        sizes = files_below(self.results, root)
        orphans = orphaned_files(sizes, result.written)
        foreign = [self.results.display_path(key) for key in orphans if not is_written_file(key)]
        if foreign:
            raise FlowLakeError(
                f"{first_names(foreign)} came among the files of this run while it wrote them, and no run made it: its "
                "rows would be counted. The days are as they were before. Move it away, then run again."
            )
        for key in orphans:
            path = self.results.display_path(key)
            self.context.log.warning(f"{path} is of a first attempt of this query, which Athena repeated: removed.")
        unreadable = self._misread(days, result) | changed_since(
            self.bucket, {day: self.inspected[day] for day in days}
        )
        self.failures |= unreadable
        whole = [day for day in days if day not in unreadable]
        names = [dataset.name for dataset in self.datasets]
        folders = tuple(dataset_location(root, name, day) for day in unreadable for name in names)
        useless = {*orphans, *(key for key in sizes if key.startswith(folders) and is_written_file(key))}
        if useless:
            self.results.delete(sorted(useless))
        kept = {key: size for key, size in sizes.items() if key not in useless}
        unload = unload_result(root, names, whole, kept)
        told = query_metadata(result, whole) if whole else {}
        for one, folder in unload.folders.items():
            own = unload.sizes_of(one)
            self.metadata[one] = {
                "folder": dg.MetadataValue.path(self.results.display_path(folder)),
                "location": self.results.sql_location(folder),
                "files": len(own),
                "bytes": sum(own),
                **self._of_statement(one, told),
            }
        return unload

    def _of_statement(self, one: DatasetDay, told: Mapping[date, Mapping[str, object]]) -> Mapping[str, object]:
        """What is told of the statement: with the first of the datasets that it made, so that its cost counts once."""
        first = self.datasets[0].name
        return told[one.day] if one.dataset == first else {"statement": f"one for all datasets, shown with {first}"}

    def _misread(self, days: Sequence[date], result: QueryResult) -> dict[date, str]:
        """The days with an object that was read wrongly, and why. Other findings are logged as warnings."""
        known = {warning for found in self.inspected.values() for warning in found.warnings}
        for remark in result.remarks:
            if remark not in known:
                self.context.log.warning(remark)
        problems = {}
        for day in days:
            prefixes = self.raw.sources.day_prefixes(day).values()
            folders = tuple(map(self.bucket.objects.display_path, prefixes))
            messages = misread_messages(
                {path: words for path, words in result.misread.items() if path.startswith(folders)}
            )
            if messages:
                problems[day] = "\n".join(messages)
        return problems
