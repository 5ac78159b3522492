"""The scan of a run's days: as few UNLOADs as fit the scan limit, and a day that cannot be read leaves the others."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import dagster as dg

from assets.day_objects import DayObjects, changed_days
from assets.metadata import query_metadata
from assets.rejected_flows.files import (
    Unloaded,
    files_below,
    new_root,
    note,
    unloaded,
    unnamed,
)
from assets.rejected_flows.taken_up import only_warned_of
from assets.runs import origin
from flowlogs.days import batches, listed
from flowlogs.errors import FlowLakeError
from flowlogs.statements import (
    MAX_UNLOADED_PARTITIONS,
    TableName,
    rejected_flows_name,
    unload_rejected,
    unloaded_location,
)
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine, QueryResult, ScanLimitError, misread_told

MOST_FAILED_STATEMENTS = 20
"""How many statements of a run may fail for a day each: each of them scans the other days for nothing."""


REFUSED = r"access.?denied|permission_denied|not authorized|forbidden"
"""What an engine says that may not read an object: then it may read no other, and each day would fail by itself."""


def days_too_large(athena: QueryEngine, sizes: Mapping[date, int]) -> dict[date, str]:
    """The days whose objects are more than one query may scan: a query that is cancelled for that is billed."""
    limit = athena.scan_limit_bytes
    return {
        day: f"The objects of {day} are {size:,} bytes, and one query may scan {limit:,}. Raise that in Athena's "
        "workgroup and in FLOWLAKE_SCAN_LIMIT_BYTES. Nothing was scanned."
        for day, size in sizes.items()
        if limit is not None and size > limit
    }


def scans(days: Sequence[date], sizes: Mapping[date, int], limit: int | None) -> Iterator[list[date]]:
    """The days in their order, as runs of consecutive ones that one UNLOAD may write, and scan by these sizes."""
    for batch in batches(days, MAX_UNLOADED_PARTITIONS):
        scan: list[date] = []
        for day in batch:
            if scan and limit is not None and sum(sizes[other] for other in scan) + sizes[day] > limit:
                yield scan
                scan = []
            scan.append(day)
        yield scan


@dataclass
class Scan:
    """The scan of a run's days: what it talks to, what the days' objects are, and what has come of it so far.

    `failures` are the days that cannot be read; `notes` those of what may be left behind; `metadata` is each written
    day's.
    """

    context: dg.AssetExecutionContext
    bucket: Bucket
    athena: QueryEngine
    results: ObjectStore
    table: TableName
    looked: Mapping[date, DayObjects]
    failures: dict[date, str]
    metadata: dict[date, Mapping[str, object]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    roots: list[str] = field(default_factory=list)
    failed_statements: int = 0

    def unload_within_limit(self, days: Sequence[date]) -> Iterator[Unloaded]:
        """Write the records of these days in one statement, or in as few as let each day be read.

        Where the days are more than one query may scan, each half is written by itself. A day with an object that
        cannot be read fails, and the others are written without it.
        """
        root = self._begin()
        self.context.log.info(f"{listed(days)}: to be written, from one scan of their objects.")
        statement = unload_rejected(self.table, days[0], days[-1], self.results.location(root), origin(self.context))
        try:
            result = self.athena.execute(statement)
        except FlowLakeError as error:
            again = self._without(days, error)
        else:
            part = self._written(days, root, result)
            if part.folders:
                yield part
            return
        with only_warned_of(self.context):
            self.results.delete([stored.key for stored in self.results.list(root)])
        for batch in again:
            yield from self.unload_within_limit(batch)

    def _without(self, days: Sequence[date], error: FlowLakeError) -> list[list[date]]:
        """What is left to write of days for which a statement failed, each part by itself; raises what fails them all.

        An object that cannot be read is named in the error by its key, which tells its day.
        """
        source = self.bucket.source()
        damaged = [day for day in days if source.day_prefix(day) in str(error)]
        too_large = isinstance(error, ScanLimitError)
        if too_large and len(days) > 1:
            self.context.log.warning(f"{listed(days)}: more than one query may scan. Each half of them by itself.")
            return [list(days[: len(days) // 2]), list(days[len(days) // 2 :])]
        if too_large:
            damaged = list(days)
        self.failed_statements += 1
        refused = re.search(REFUSED, str(error), re.IGNORECASE)
        if not damaged or refused or self.failed_statements > MOST_FAILED_STATEMENTS:
            raise error
        self.failures |= dict.fromkeys(damaged, str(error))
        rest = [day for day in days if day not in damaged]
        if rest:
            self.context.log.warning(f"{listed(damaged)}: cannot be read. The other days are read without that.")
        return list(batches(rest, len(days)))

    def _begin(self) -> str:
        """A new folder to write into. Every one is noted anew each time, so that a long run is not taken for dead."""
        self.roots.append(new_root(self.table.database))
        self.notes.append(note(self.results, rejected_flows_name(self.table), self.roots))
        return self.roots[-1]

    def _written(self, days: Sequence[date], root: str, result: QueryResult) -> Unloaded:
        """What a statement wrote below `root` of these days, without those that changed or were read wrongly."""
        sizes = files_below(self.results, root)
        tried_before = unnamed(sizes, result.written)
        for key in tried_before:
            uri = self.results.uri(key)
            self.context.log.warning(f"{uri} is of a first try of this query, which was tried again: removed.")
        unreadable = self._misread(days, result) | changed_days(self.bucket, {day: self.looked[day] for day in days})
        self.failures |= unreadable
        whole = [day for day in days if day not in unreadable]
        folders = tuple(unloaded_location(root, day) for day in unreadable)
        useless = {*tried_before, *(key for key in sizes if key.startswith(folders))}
        if useless:
            self.results.delete(sorted(useless))
        kept = {key: size for key, size in sizes.items() if key not in useless}
        part = unloaded(root, whole, kept)
        told = query_metadata(result, list(part.folders)) if part.folders else {}
        for day, folder in part.folders.items():
            own = part.of(day)
            self.metadata[day] = {
                "folder": dg.MetadataValue.path(self.results.uri(folder)),
                "location": self.results.location(folder),
                "files": len(own),
                "bytes": sum(own),
                **told[day],
            }
        return part

    def _misread(self, days: Sequence[date], result: QueryResult) -> dict[date, str]:
        """The days with an object whose records are not what was read of it, and why. Other findings are warned of."""
        known = {warning for found in self.looked.values() for warning in found.warnings}
        for remark in result.remarks:
            if remark not in known:
                self.context.log.warning(remark)
        source, problems = self.bucket.source(), {}
        for day in days:
            folder = self.bucket.objects.uri(source.day_prefix(day))
            told = misread_told({uri: words for uri, words in result.misread.items() if uri.startswith(folder)})
            if told:
                problems[day] = "\n".join(told)
        return problems
