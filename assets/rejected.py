"""The REJECT records of each day, in Parquet: written by the one scan of a day's objects, read by every report.

A day's files are never changed. Each attempt writes into a folder of its own; when it is complete, the day's partition
is pointed at it, in one step, and what the partition pointed at before is removed. So whoever asks sees the day as it
was or as it is. Which files those are, rejected_files.py knows.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timezone

import dagster as dg

from assets.catalog import (
    days_without_partition,
    query_metadata,
    require_days,
    require_locations,
    require_table,
)
from assets.day_objects import DayObjects, changed_days, look_at, missing_since, unreadable_days
from assets.rejected_files import (
    NOT_PROVEN,
    Unloaded,
    files_below,
    key_of,
    mark_complete,
    new_root,
    note,
    remove,
    replaced_folders,
    require_kept,
    tidy,
    unloaded,
    unnamed,
)
from assets.results_source import claim_results, note_objects
from assets.runs import clear_failures, days_of, finish_days, origin
from assets.taken_up import only_warned_of
from flowlogs.days import batches, listed
from flowlogs.errors import FlowLakeError
from flowlogs.layout import LogSource
from flowlogs.statements import (
    MAX_PARTITIONS_PER_STATEMENT,
    MAX_UNLOADED_PARTITIONS,
    REJECTED_FLOWS,
    TableName,
    add_partitions,
    flow_logs_table,
    move_partition,
    rejected_flows_name,
    rejected_flows_table,
    unload_rejected,
    unloaded_location,
)
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine, QueryResult, ScanLimitError, misread_told

MOST_FAILED_STATEMENTS = 20
"""How many statements of a run may fail for a day each: each of them scans the other days for nothing."""

REFUSED = r"access.?denied|permission_denied|not authorized|forbidden"
"""What an engine says that may not read an object: then it may read no other, and each day would fail by itself."""


def rejected_flows_asset(days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset ``rejected_flows`` over these days."""

    @dg.asset(
        name=REJECTED_FLOWS,
        group_name="reports",
        kinds={"athena", "parquet"},
        deps=["vpc_flow_logs_partition"],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def rejected_flows(
        context: dg.AssetExecutionContext,
        bucket: dg.ResourceParam[Bucket],
        athena: dg.ResourceParam[QueryEngine],
        results: dg.ResourceParam[ObjectStore],
        table: dg.ResourceParam[TableName],
    ) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult]:
        """The day's REJECT records, every column, as Parquet: from one scan of the day's objects. Reports read this.

        The day's partition points at the new files when all of them are there; those that they replace are removed. A
        day that cannot be read fails by name and stays as it was; the other days of a range are done.
        """
        days = days_of(context)
        name = rejected_flows_name(table)
        with clear_failures():
            claim_results(results, bucket, athena, table)
            require_table(athena, name, rejected_flows_table(results.location()))
            require_table(athena, table, flow_logs_table(bucket.source()))
            there, failures = days_without_partition(athena, table, days, "vpc_flow_logs_partition")
            require_locations(athena, table, bucket.source(), list(there))
            looked = look_at(bucket, [day for day in days if day not in failures])
            for warning in [text for found in looked.values() for text in found.warnings]:
                context.log.warning(warning)
            failures |= unreadable_days(looked)
            failures |= missing_since(bucket, {day: looked[day] for day in looked if day not in failures}, results)
            sizes = {day: found.size for day, found in looked.items()}
            failures |= days_too_large(athena, {day: sizes[day] for day in sizes if day not in failures})
            readable = [day for day in days if day not in failures]
            scan = Scan(context, bucket, athena, results, table, looked, failures)
            done: list[date] = []
            stopped: FlowLakeError | None = None
            for group in batches(readable, MAX_PARTITIONS_PER_STATEMENT):
                parts: list[Unloaded] = []
                try:
                    for batch in scans(group, sizes, athena.scan_limit_bytes):
                        for part in scan.unload_within_limit(batch):
                            parts.append(part)
                            told = f"{listed(list(part.folders))} ({days.index(max(part.folders)) + 1} of {len(days)})"
                            context.log.info(f"{told}: written.")
                except FlowLakeError as error:
                    stopped = error
                # Also where a later day failed: these are complete.
                try:
                    note_objects(results, {day: looked[day].read for part in parts for day in part.folders})
                    scan.notes += point_at(context, athena, results, name, bucket.source(), parts)
                    done += [day for part in parts for day in part.folders]
                except FlowLakeError as error:
                    stopped = FlowLakeError(f"{stopped}\n{error}") if stopped else error
                if stopped:
                    break
            if not stopped:
                with only_warned_of(context):
                    for left in tidy(athena, results, name, scan.notes, datetime.now(timezone.utc)):
                        context.log.warning(left)
            failures |= {day: str(stopped) for day in readable if day not in done and day not in failures}
            yield from finish_days(context, days, {day: scan.metadata[day] for day in done}, failures, "reports")
        yield dg.MaterializeResult()

    return rejected_flows


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
        for day, folder in part.folders.items():
            own = part.of(day)
            self.metadata[day] = {
                "folder": dg.MetadataValue.path(self.results.uri(folder)),
                "location": self.results.location(folder),
                "files": len(own),
                "bytes": sum(own),
                **query_metadata(result),
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


def point_at(
    context: dg.AssetExecutionContext,
    athena: QueryEngine,
    results: ObjectStore,
    name: TableName,
    source: LogSource,
    parts: Sequence[Unloaded],
) -> list[str]:
    """Let each day's partition be the new folder, and remove what it was before; returns what notes that left."""
    require_kept(results, parts)
    mark_complete(results, parts, source)
    folders = {day: folder for part in parts for day, folder in part.folders.items()}
    locations = {day: results.location(folder) for day, folder in folders.items()}
    found = athena.partition_locations(name, [day.isoformat() for day in locations])
    new = {day: location for day, location in locations.items() if day.isoformat() not in found}
    for statement in add_partitions(name, new):
        athena.execute(statement)
    # A run beside this one may have been faster.
    before = require_days(athena, name, list(locations), REJECTED_FLOWS)
    moved = {day: location for day, location in before.items() if key_of(results, location) != folders[day]}
    if not moved:
        return []
    replaced, others = replaced_folders(results, moved, name.database)
    notes = [note(results, name, replaced)] if replaced else []
    for day in moved:
        athena.execute(move_partition(name, day, locations[day]))
    for left in [*remove(results, replaced), *(f"{results.uri(folder)} {NOT_PROVEN}" for folder in others)]:
        context.log.warning(left)
    return notes
