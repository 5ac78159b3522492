"""The tables over flow logs: the main table, and a side table for each other format and layout that a bucket has.

A text table is read by position, and a table reads either text or Parquet. So each format has a table of its own over
the same folders. The main table has the name in the settings. What it reads is recorded when it is made, so that a new
flow log in another format changes no table that is there. Statements are in flowlogs/statements.py.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from assets.day_objects import DayObjects, FolderObjects, Group, formats_of_day
from assets.results_source import FORMATS
from assets.table_guards import days_read_otherwise, partitions_missing, require_locations, require_table
from flowlogs.days import days_text
from flowlogs.errors import FlowLakeError
from flowlogs.record_format import DEFAULT_FORMAT, RecordFormat, format_text, parse_format_text
from flowlogs.sources import Layout, LogSources
from flowlogs.statements import (
    TableDefinition,
    TableName,
    add_keyed_partitions,
    create_table,
    flow_logs_table,
    side_table_name,
)
from flowlogs.unload import RawRead
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine
from resources.flow_log import FlowLog


@dataclass(frozen=True)
class RawTable:
    """A table over the flow logs that are in one format and one layout, and the day's partitions that it should have.

    `locations` is by the values of the partition columns. `folders` are the folders of these partitions.
    """

    name: TableName
    layout: Layout
    record_format: RecordFormat
    definition: TableDefinition
    locations: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    folders: Mapping[tuple[str, ...], FolderObjects] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """The names of the partition columns."""
        return [column for column, _ in self.definition.partition_columns]

    @property
    def days(self) -> list[date]:
        """The days of its partitions."""
        return sorted({date.fromisoformat(values[0]) for values in self.locations})

    def of_days(self, days: Sequence[date]) -> list[tuple[str, ...]]:
        """The values of those of its partitions that are of these days."""
        wanted = {day.isoformat() for day in days}
        return [values for values in self.locations if values[0] in wanted]


@dataclass(frozen=True)
class RawTables:
    """All tables over the flow logs of a bucket: which format and layout has which table."""

    main: TableName
    sources: LogSources
    main_format: RecordFormat
    main_layout: Layout

    def table(self, layout: Layout, record_format: RecordFormat) -> RawTable:
        """The table for a format and a layout."""
        is_main = (layout, record_format) == (self.main_layout, self.main_format)
        name = self.main if is_main else side_table_name(self.main, layout, record_format)
        return RawTable(name, layout, record_format, flow_logs_table(self.sources, layout, record_format))

    @property
    def columns(self) -> list[str]:
        """The names of the partition columns, which all of the tables have."""
        return [column for column, _ in self.sources.partition_columns]

    @property
    def main_table(self) -> RawTable:
        return self.table(self.main_layout, self.main_format)

    def present_days(self, athena: QueryEngine, name: TableName, days: Sequence[date]) -> set[date]:
        """Those of the days that are a partition of one of the tables, for any of the sources."""
        values = [self.sources.partition_values(source, day) for day in days for source in self.sources.sources]
        found = athena.locations_of(name, list(dict.fromkeys(values))) if values else {}
        return {date.fromisoformat(present[0]) for present in found}

    def filled(self, inspected: Mapping[date, DayObjects]) -> list[RawTable]:
        """The tables that these days need, with their partitions; the main table first, whether they need it or not.

        Of one account and region, a day without objects is a partition of the main table too: Athena allows it, and
        objects that arrive late are then read.
        """
        found: dict[tuple[Layout, RecordFormat], dict[tuple[str, ...], FolderObjects]] = {
            (self.main_layout, self.main_format): {}
        }
        for day, objects in inspected.items():
            for folder in objects.folders:
                values = self.sources.partition_values(folder.source, day)
                formats = folder.formats or ([] if folder.groups else [self.main_format])
                for record_format in formats:
                    found.setdefault((Layout.of(folder.source), record_format), {})[values] = folder
            if not objects.folders and not self.sources.is_keyed:
                source = next(own for own in self.sources.sources if Layout.of(own) == self.main_layout)
                empty = FolderObjects(source)
                found[self.main_layout, self.main_format][self.sources.partition_values(source, day)] = empty
        return [self._with_partitions(*key, folders) for key, folders in found.items()]

    def _with_partitions(
        self, layout: Layout, record_format: RecordFormat, folders: Mapping[tuple[str, ...], FolderObjects]
    ) -> RawTable:
        table = self.table(layout, record_format)
        locations = {
            values: folder.source.day_location(date.fromisoformat(values[0])) for values, folder in folders.items()
        }
        return RawTable(table.name, layout, record_format, table.definition, locations, folders)


def find_raw_tables(results: ObjectStore, sources: LogSources, main: TableName) -> RawTables:
    """The tables over these sources, by what is recorded of the main table; without a record, the default format."""
    recorded = _recorded(results, main)
    layout, record_format = recorded or (sources.layouts[0], DEFAULT_FORMAT)
    if layout not in sources.layouts:
        layout = sources.layouts[0]
    return RawTables(main, sources, record_format, layout)


def choose_raw_tables(
    athena: QueryEngine, bucket: Bucket, flow_log: FlowLog, results: ObjectStore, main: TableName
) -> RawTables:
    """The tables over a bucket's flow logs. If the main table is still to be made, its format is chosen and recorded.

    That is the one in the settings, else that of the configured VPCs' flow logs, if they have but one, else that of the
    last delivered day: the default format, if it is among them, or the one of most objects.
    """
    sources = bucket.sources()
    if athena.find_table(main) is not None:
        return find_raw_tables(results, sources, main)
    layout, record_format = _chosen(bucket, flow_log, sources)
    record = f"{format_text(record_format)}\n{layout.root} {layout.service}\n"
    results.replace({_record_key(main): record.encode()})
    return RawTables(main, sources, record_format, layout)


def create_side_tables(athena: QueryEngine, tables: Sequence[RawTable]) -> list[str]:
    """Create those of the tables that are missing, but for the first, which is the main one; returns the statements.

    Raises FlowLakeError where one of them is there and differs.
    """
    statements = [create_table(table.name, table.definition) for table in tables[1:]]
    for statement, table in zip(statements, tables[1:], strict=True):
        athena.execute(statement)
        require_table(athena, table.name, table.definition)
    return statements


def add_partitions_of(tables: Sequence[RawTable]) -> Iterator[str]:
    """The statements that add each table's partitions."""
    for table in tables:
        yield from add_keyed_partitions(table.name, table.columns, table.locations)


def unread_days(athena: QueryEngine, tables: Sequence[RawTable], asset: str) -> dict[date, str]:
    """The days that would not be read, or read otherwise, for want of a partition or a table; and what to do.

    Raises FlowLakeError where a table differs, or where a partition points elsewhere.
    """
    failures: dict[date, str] = {}
    for table in tables:
        if table.name != tables[0].name and athena.find_table(table.name) is None:
            days = sorted({date.fromisoformat(values[0]) for values in table.locations})
            problem = f"{table.name.hive} does not exist: materialize {asset} for {days_text(days)} first."
            failures |= dict.fromkeys(days, problem)
            continue
        require_table(athena, table.name, table.definition)
        present = athena.locations_of(table.name, list(table.locations)) if table.locations else {}
        absent = {date.fromisoformat(values[0]) for values in table.locations if values not in present}
        missing = partitions_missing(table.name, sorted(absent), asset)
        there = {
            values: where for values, where in table.locations.items() if date.fromisoformat(values[0]) not in missing
        }
        require_locations(table.name, table.columns, there, present)
        failures |= missing | days_read_otherwise(athena, table.name, table.columns, list(there))
    return failures


def reads_of(
    athena: QueryEngine, raw: RawTables, tables: Sequence[RawTable], inspected: Mapping[date, DayObjects]
) -> list[RawRead]:
    """What to read of these tables for these days: of each, the objects in its own format.

    A table may have partitions from a time when other objects lay there. Those are left out too.
    """
    sources = raw.sources
    owner = None if sources.is_keyed else (sources.sources[0].account, sources.sources[0].region)
    needed = [table for table in tables if table.of_days(list(inspected))] or [raw.main_table]
    reads = []
    for table in needed:
        others = {
            sources.partition_values(folder.source, day): groups
            for day, found in inspected.items()
            for folder in found.folders
            if Layout.of(folder.source) == table.layout and (groups := _others(folder, table.record_format))
        }
        present = athena.locations_of(table.name, list(others)) if others else {}
        excluded = [
            (f"s3://{sources.bucket}/{group.first}", f"s3://{sources.bucket}/{group.last}")
            for values in present
            for group in others[values]
        ]
        reads.append(RawRead(table.name, table.record_format, owner, excluded))
    return reads


def _others(folder: FolderObjects, record_format: RecordFormat) -> list[Group]:
    """The objects in a folder that a table of this format is not to read."""
    return [group for group in folder.groups if group.record_format != record_format]


def _chosen(bucket: Bucket, flow_log: FlowLog, sources: LogSources) -> tuple[Layout, RecordFormat]:
    """The format and layout of a main table that is still to be made."""
    if bucket.expected_format is not None:
        return sources.layouts[0], bucket.expected_format
    of_flow_logs = flow_log.record_formats()
    if len(of_flow_logs) == 1 and of_flow_logs[0].position("action") is not None:
        return sources.layouts[0], of_flow_logs[0]
    counts: Counter[tuple[Layout, RecordFormat]] = Counter()
    for day in bucket.delivered_days()[-1:]:
        for source, record_format, objects in formats_of_day(bucket, day):
            counts[Layout.of(source), record_format] += objects
    default = [key for key in counts if key[1] == DEFAULT_FORMAT]
    if default:
        return min(default, key=lambda key: key[0])
    return counts.most_common(1)[0][0] if counts else (sources.layouts[0], DEFAULT_FORMAT)


def _record_key(main: TableName) -> str:
    return f"{FORMATS}{main.database}/{main.table}.txt"


def _recorded(results: ObjectStore, main: TableName) -> tuple[Layout, RecordFormat] | None:
    key = _record_key(main)
    folder = key[: key.rindex("/") + 1]
    if not any(stored.key == key for stored in results.list(folder)):
        return None
    lines = results.read(key).decode(errors="replace").splitlines()
    record_format = parse_format_text(lines[0]) if lines else None
    root, _, service = lines[1].partition(" ") if len(lines) > 1 else ("", "", "")
    if record_format is None or not root:
        raise FlowLakeError(
            f"{results.display_path(key)} does not say what the table {main.hive} reads. Restore it; or drop the "
            "table, remove that file and materialize vpc_flow_logs again."
        )
    return Layout(root, service), record_format
