"""The embedded engine: executes Athena's statements on DuckDB, in this process.

It connects the other modules: sql/ parses and plans a statement, catalog.py has the tables and partitions, session.py
runs DuckDB over the objects, and readers/ read these.
"""

import re
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from flowlogs.errors import FlowLakeError
from flowlogs.first_look import (
    copies_warning,
    empty_warning,
    header_inside_warning,
    odd_lines_warnings,
    other_files_warning,
)
from flowlogs.layout import find_flow_log, is_visible, unpacked_name
from flowlogs.printable import first_names
from flowlogs.record_format import PARQUET
from flowlogs.record_lines import Line
from flowlogs.statements import MAX_PARTITIONS_PER_UNLOAD, TableDefinition, TableName
from resources.bucket import ObjectStore
from resources.consistent_read import attempts
from resources.embedded.catalog import Catalog, no_table, require_database
from resources.embedded.data_types import RESULT_TYPES
from resources.embedded.folder_store import FolderStore
from resources.embedded.partition import Partition
from resources.embedded.readers.scan import ScannedObject
from resources.embedded.view import View
from resources.engine import FRAME_TYPES, QueryEngine, QueryError, QueryResult
from resources.ensured import Ensured
from resources.interrupts import signals_as_interrupts
from resources.paths import is_within

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from resources.embedded.readers.object_check import ObjectCheck
    from resources.embedded.session import Copy, Inputs, Limits, Session
    from resources.embedded.sql import statements
    from resources.embedded.sql.plan import QueryPlan, TableRead
    from resources.embedded.sql.unload_parts import UnloadPart


MAX_YEAR = 9999
"""The last year that Python's dates and times have."""


@dataclass(frozen=True)
class _Outcome:
    """The result of a statement, and the findings in the objects that it read."""

    rows: "pa.Table"
    scanned_bytes: int = 0
    written: list[str] | None = None
    more_rows: bool = False
    checks: "Mapping[ScannedObject, ObjectCheck]" = field(default_factory=dict)
    beginnings: "Mapping[ScannedObject, str]" = field(default_factory=dict)
    misread: dict[str, str] = field(default_factory=dict)
    odd_actions: dict[str, str] = field(default_factory=dict)
    partition_warnings: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    tables: tuple[TableName, ...] = ()
    names: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()


class EmbeddedAthena(QueryEngine):
    """An engine over the objects of `buckets`, which are stores by the bucket's name.

    `file_tables` are tables of `database` that are in no catalog, by their names: each object ``<value>.parquet`` in
    the folder of one is the partition with that value. A table or view of the same name in the catalog comes first.
    No statement writes into the buckets in `read_only`. The catalog is the SQLite file `catalog_path`. Tables without a
    database's name are looked up in `database`. A statement that takes longer than `timeout_seconds` is stopped.
    Temporary files are never removed from the buckets' folders, from `protected_folders`, or from folders that hold one
    of them. There is a warning about partitions without objects, except for locations that `known_empty` accepts; and
    about a partition in whose location `find_problem` finds something wrong, in its words.
    """

    def __init__(
        self,
        catalog_path: Path,
        buckets: Mapping[str, ObjectStore],
        database: str,
        read_only: Collection[str] = (),
        *,
        timeout_seconds: float | None = None,
        protected_folders: Collection[Path] = (),
        known_empty: Callable[[str], bool] = lambda _location: False,
        find_problem: Callable[[str], str | None] = lambda _location: None,
        file_tables: Callable[[], Mapping[str, TableDefinition]] = dict,
    ) -> None:
        self.catalog = Catalog(catalog_path)
        self.buckets = buckets
        self.database = database
        self.read_only = read_only
        self.timeout_seconds = timeout_seconds
        self.protected_folders = protected_folders
        self.known_empty = known_empty
        self.find_problem = find_problem
        self.file_tables = file_tables

    @property
    def scan_limit_bytes(self) -> int | None:
        return None

    @property
    def prepared_only_read(self) -> bool:
        return True

    @property
    def catalog_name(self) -> str:
        return "embedded"

    def ensure(self) -> Ensured:
        return Ensured({"engine": "DuckDB, in this process", "catalog": str(self.catalog.path)})

    def execute(self, statement: str, max_rows: int | None = None) -> QueryResult:
        from resources.embedded.sql import statements
        from resources.embedded.sql.parse import parse
        from resources.embedded.sql.untyped_decimals import untyped_decimals_warning

        started = time.monotonic()
        parsed = parse(statement, self.database)
        if isinstance(parsed, statements.Execute):
            parsed = self._prepared_query(parsed, statement)
        computes = isinstance(parsed, (statements.Query, statements.Unload, statements.CreateTableAs))
        with signals_as_interrupts():
            match parsed:
                case statements.Query():
                    outcome = self._select(parsed, max_rows)
                case statements.Unload():
                    outcome = self._unload(parsed)
                case statements.CreateTableAs():
                    outcome = self._create_table_as(parsed, statement)
                case statements.Explain():
                    outcome = self._explain(parsed)
                case _:
                    outcome = _Outcome(self._define(parsed, statement))
        return QueryResult(
            statement=statement,
            query_id=str(uuid.uuid4()),
            frame=_result_frame(outcome.rows, statement, outcome.names),
            scanned_bytes=outcome.scanned_bytes,
            seconds=time.monotonic() - started,
            written=outcome.written,
            locations=outcome.locations,
            tables=outcome.tables,
            more_rows=outcome.more_rows,
            misread=_misread_objects(outcome.checks) | outcome.misread,
            remarks=(
                *([told] if computes and (told := untyped_decimals_warning(statement)) else []),
                *_remarks(outcome.checks),
                *odd_lines_warnings({path: {Line.OTHER_ACTION: told} for path, told in outcome.odd_actions.items()}),
                *_copies(outcome.beginnings),
            ),
            partition_warnings=outcome.partition_warnings,
            unmatched=outcome.unmatched,
        )

    def find_table(self, name: TableName) -> TableDefinition | None:
        return self.catalog.find_table(name)

    def locations_of(self, name: TableName, partitions: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
        wanted = set(partitions)
        first, last = min(partitions, default=("",))[0], max(partitions, default=("",))[0]
        found = self.catalog.partitions(name, first, last)
        return {partition.values: partition.location for partition in found if partition.values in wanted}

    def _define(self, parsed: "statements.Statement", statement: str) -> "pa.Table":
        import pyarrow as pa

        from resources.embedded.sql import statements

        nothing = pa.table({})
        match parsed:
            case statements.CreateDatabase(name, if_not_exists):
                if not self.catalog.create_database(name) and not if_not_exists:
                    raise QueryError("AlreadyExistsException", f"Database {name} already exists.", statement)
                return nothing
            case statements.CreateTable(name, definition, if_not_exists):
                require_database(name.database, self.catalog, statement)
                if self.catalog.find_view(name):
                    raise QueryError("AlreadyExistsException", f"{name.hive} is a view already.", statement)
                if not self.catalog.create_table(name, definition) and not if_not_exists:
                    raise QueryError("AlreadyExistsException", f"Table {name.hive} already exists.", statement)
                return nothing
            case statements.DropTable(name, if_exists):
                if self.catalog.find_view(name):
                    raise QueryError("SemanticException", f"{name.hive} is a view; use DROP VIEW.", statement)
                if not self.catalog.drop_table(name) and not if_exists:
                    raise no_table(name, statement)
                return nothing
            case statements.ShowPartitions(name):
                table = self._table(name, statement)
                columns = [column for column, _ in table.partition_columns]
                if not columns:
                    raise QueryError("SemanticException", f"Table {name.hive} is not a partitioned table.", statement)
                partitions = self.catalog.partitions(name)
                names = ["/".join(f"{c}={v}" for c, v in zip(columns, p.values, strict=True)) for p in partitions]
                return pa.table({"partition": pa.array(names, pa.string())})
            case statements.SetPartitionLocation(name, partition, partition_columns):
                values = _ordered_values(self._table(name, statement), partition.values, partition_columns, statement)
                if not self.catalog.set_partition_location(name, Partition(values, partition.location)):
                    raise _no_partition(values, statement)
                return nothing
            case statements.AddPartitions():
                self._add_partitions(parsed, statement)
                return nothing
            case statements.DropPartitions(name, partitions, partition_columns, if_exists):
                table = self._table(name, statement)
                dropped = [_ordered_values(table, values, partition_columns, statement) for values in partitions]
                if missing := self.catalog.drop_partitions(name, dropped, skip_missing=if_exists):
                    raise _no_partition(missing, statement)
                return nothing
            case statements.AddColumns(name, added):
                self._add_columns(name, added, statement)
                return nothing
            case statements.RepairTable(name):
                return self._repair(name, statement)
            case statements.CreateView():
                self._create_view(parsed, statement)
                return nothing
            case statements.DropView(name, if_exists):
                if not self.catalog.drop_view(name) and not if_exists:
                    what = "is a table; use DROP TABLE" if self.catalog.find_table(name) else "does not exist"
                    raise QueryError("TABLE_NOT_FOUND", f"View '{name.database}.{name.table}' {what}.", statement)
                return nothing
            case statements.Prepare(name, query):
                if not self.catalog.prepare(name, query):
                    problem = f"Prepared statement {name} already exists; DEALLOCATE PREPARE {name} removes it."
                    raise QueryError("ALREADY_EXISTS", problem, statement)
                return nothing
            case statements.Deallocate(name):
                if not self.catalog.deallocate(name):
                    raise _no_prepared_statement(name, statement)
                return nothing
            case _ if isinstance(parsed, statements.CatalogQuestion):
                from resources.embedded.catalog_answers import answer

                return answer(parsed, self.catalog, self._readable_table, statement)
        raise AssertionError(f"an unknown kind of statement: {parsed}")

    def _add_partitions(self, parsed: "statements.AddPartitions", statement: str) -> None:
        table = self._table(parsed.name, statement)
        partitions = []
        for partition in parsed.partitions:
            values = _ordered_values(table, partition.values, parsed.partition_columns, statement)
            named = zip(table.partition_columns, values, strict=True)
            folder = "/".join(f"{column}={value}" for (column, _), value in named)
            partitions.append(Partition(values, partition.location or f"{table.location.rstrip('/')}/{folder}"))
        present = self.catalog.add_partitions(parsed.name, partitions, skip_present=parsed.if_not_exists)
        if present:
            raise QueryError(
                "AlreadyExistsException", f"Partition already exists: {', '.join(present.values)}.", statement
            )

    def _add_columns(self, name: TableName, added: Sequence[tuple[str, str]], statement: str) -> None:
        from resources.embedded.sql.errors import not_supported

        table = self._table(name, statement)
        if self.catalog.partitions(name):
            # Athena reads each partition by its own columns ("Update tables with partitions", Athena user guide).
            what = "ADD COLUMNS to a table that has partitions, in which Athena would give NULL for the new columns"
            raise not_supported(f"{what}; make a table with all columns, and add its partitions", statement)
        own = [column for column, _ in (*table.columns, *table.partition_columns)]
        for column, _ in added:
            if column in own:
                raise QueryError("SemanticException", f"[Error 10036]: Duplicate column name: {column}.", statement)
            own.append(column)
        self.catalog.change_table(name, replace(table, columns=(*table.columns, *added)))

    def _repair(self, name: TableName, statement: str) -> "pa.Table":
        """Add the folders below the table's location that are named as Hive names partitions, such as ``dt=a/``.

        As in Athena, a folder whose name has a colon or a column in capitals is passed over, and no partition is
        removed ("MSCK REPAIR TABLE", Athena user guide, 2023). The rows are what Hive's MSCK prints.
        """
        import pyarrow as pa

        table = self._table(name, statement)
        columns = [column for column, _ in table.partition_columns]
        kinds = [kind for _, kind in table.partition_columns]
        if not columns:
            return pa.table({"result": pa.array([], pa.string())})
        bucket, prefix = _split_location(table.location)
        store = self._store(bucket, table.location)
        folders: dict[tuple[str, ...], str] = {}
        for stored in store.list(prefix):
            names = stored.key.removeprefix(prefix).split("/")[:-1][: len(columns)]
            parts = [folder.partition("=") for folder in names]
            if is_visible(stored.key, prefix) and [part[0] for part in parts] == columns and ":" not in "".join(names):
                values = tuple(unquote(value) for _, _, value in parts)
                if any(kind == "date" and not _is_date(value) for kind, value in zip(kinds, values, strict=True)):
                    continue
                folders.setdefault(values, store.sql_location(prefix + "/".join(names)))
        present = {partition.values for partition in self.catalog.partitions(name)}
        found = [Partition(values, location) for values, location in folders.items() if values not in present]
        self.catalog.add_partitions(name, found, skip_present=True)
        named = [
            f"{name.table}:{'/'.join(map('{}={}'.format, columns, partition.values))}"
            for partition in sorted(found, key=lambda partition: partition.values)
        ]
        told = [f"Partitions not in metastore:\t{chr(9).join(named)}"] if named else []
        told += [f"Repair: Added partition to metastore {partition}" for partition in named]
        return pa.table({"result": pa.array(told, pa.string())})

    def _create_view(self, parsed: "statements.CreateView", statement: str) -> None:
        from resources.embedded.catalog_answers import INFORMATION_SCHEMA

        name = parsed.name
        require_database(name.database, self.catalog, statement)
        if self.catalog.find_table(name):
            raise QueryError("TABLE_ALREADY_EXISTS", f"Table {name.trino} already exists.", statement)
        plan = self._plan(parsed.query, (name,))
        if any(read.name.database == INFORMATION_SCHEMA for read in plan.reads):
            raise QueryError("NOT_SUPPORTED", "Athena has no views on information_schema.", statement)
        _require_named_columns(plan.columns, statement)
        view = View(self.database, parsed.query_text, tuple(zip(plan.columns, self._result_types(plan), strict=True)))
        if not self.catalog.create_view(name, view, replace=parsed.or_replace):
            problem = f"View already exists: '{name.database}.{name.table}'. CREATE OR REPLACE VIEW replaces it."
            raise QueryError("TABLE_ALREADY_EXISTS", problem, statement)

    def _result_types(self, plan: "QueryPlan") -> list[str]:
        """Trino's names of the types that the columns of a plan's result have. No object is read for it."""
        from resources.embedded.result_types import trino_type
        from resources.embedded.session import Session

        inputs: Inputs = [(read, []) for read in plan.reads]
        with Session("", self._limits()) as session:
            session.restrict_access(inputs)
            session.bind_tables(inputs)
            return list(map(trino_type, session.types(plan.sql)))

    def _prepared_query(self, execute: "statements.Execute", statement: str) -> "statements.Query":
        from resources.embedded.sql.prepared import executed_query

        query = self.catalog.find_prepared(execute.name)
        if query is None:
            raise _no_prepared_statement(execute.name, statement)
        return executed_query(execute, query, statement)

    def _plan(
        self, query: "statements.Query", expanding: tuple[TableName, ...] = (), one_value: Collection[str] = ()
    ) -> "QueryPlan":
        """The plan of a query on this catalog; see `plan_query`."""
        from resources.embedded.sql.planner import plan_query

        return plan_query(
            query, self.database, self._readable_table, self.catalog.find_view, expanding, one_value=one_value
        )

    def _readable_table(self, name: TableName) -> TableDefinition | None:
        """A table that a query can read, though it may not be in the catalog."""
        from resources.embedded.catalog_answers import information_table

        return information_table(name) or self.catalog.find_table(name) or self._file_table(name)

    def _file_table(self, name: TableName) -> TableDefinition | None:
        return self.file_tables().get(name.table) if name.database == self.database else None

    def _limits(self) -> "Limits":
        from resources.embedded.session import Limits

        folders = {name: store.root for name, store in self.buckets.items() if isinstance(store, FolderStore)}
        return Limits(
            seconds=self.timeout_seconds,
            read_only=[folder for name, folder in folders.items() if name in self.read_only],
            protected_folders=[*folders.values(), *self.protected_folders],
        )

    def _select(self, query: "statements.Query", max_rows: int | None) -> _Outcome:
        from resources.embedded.session import Session

        plan = self._plan(query)
        for attempt in attempts():
            with Session(query.text, self._limits()) as session:
                selected = self._selected_partitions(plan, session)
                with attempt.error_deferred():
                    inputs = self._inputs(plan, selected, session)
                    session.restrict_access(inputs)
                    session.bind_tables(inputs)
                    self._bind_information(plan, session)
                    rows, more_rows = session.select(plan.sql, max_rows)
                    warnings = self._partition_warnings(selected, inputs)
                attempt.changed = self._selected_partitions(plan, session) != selected
        return _Outcome(
            rows=_in_zones(rows, plan.zones),
            scanned_bytes=session.scanned_bytes,
            more_rows=more_rows,
            checks=session.checks,
            beginnings=session.beginnings,
            misread=_by_display_path(session.misread),
            partition_warnings=warnings,
            locations=tuple(dict.fromkeys(found.location for read in selected for found in read)),
            tables=tuple(dict.fromkeys(read.name for read in plan.reads)),
            names=plan.names,
            unmatched=tuple(self._unmatched(plan, selected)),
        )

    def _unmatched(self, plan: "QueryPlan", selected: Sequence[Sequence[Partition]]) -> Iterator[str]:
        """A sentence about each table of which a query asks for no partition that is there."""
        from resources.embedded.catalog_answers import INFORMATION_SCHEMA
        from resources.embedded.explanation import unmatched_text
        from resources.embedded.projection import is_projected

        for read, partitions in zip(plan.reads, selected, strict=True):
            if read.catalog_columns and not partitions and read.name.database != INFORMATION_SCHEMA:
                known = [] if is_projected(read.definition) else self._all_partitions(read, "")
                yield unmatched_text(read, known, is_projected=is_projected(read.definition))

    def _bind_information(self, plan: "QueryPlan", session: "Session") -> None:
        """Bind the tables of information_schema that a plan reads to what the catalog has."""
        from resources.embedded.catalog_answers import INFORMATION_SCHEMA, information_rows

        for read in plan.reads:
            if read.name.database == INFORMATION_SCHEMA:
                session.bind_rows(read, information_rows(read.name, self.catalog))

    def _explain(self, explain: "statements.Explain") -> _Outcome:
        """What a query would read, in words. No object is read for it."""
        import pyarrow as pa

        from resources.embedded.explanation import explanation
        from resources.embedded.session import Session

        plan = self._plan(explain.query)
        self._result_types(plan)  # finds what only the types of the values show
        if explain.only_validates:
            return _Outcome(pa.table({"Valid": [True]}))
        with Session(explain.query.text, self._limits()) as session:
            selected = self._selected_partitions(plan, session)
            objects = [found for _, found in self._inputs(plan, selected, session)]
        known = [len(self._all_partitions(read, explain.query.text)) for read in plan.reads]
        return _Outcome(pa.table({"Query Plan": explanation(plan, known, selected, objects)}))

    def _unload(self, unload: "statements.Unload") -> _Outcome:
        import pyarrow as pa

        from resources.embedded.catalog_answers import INFORMATION_SCHEMA
        from resources.embedded.session import MAX_COPIES, Session
        from resources.embedded.sql.errors import not_supported
        from resources.embedded.sql.unload import require_unloadable
        from resources.embedded.sql.unload_parts import parts_of

        text = unload.query.text
        parts = [
            # Each folder is written from the objects of one partition.
            (part, self._plan(part.query, one_value=unload.partitioned_by))
            for part in parts_of(unload)
        ]
        require_unloadable(unload, parts)
        if any(read.name.database == INFORMATION_SCHEMA for _, plan in parts for read in plan.reads):
            raise not_supported("UNLOAD of information_schema", text)
        bucket, prefix = _split_location(unload.destination)
        store = self._store(bucket, unload.destination)
        if bucket in self.read_only or any(_lies_in(store, prefix, self.buckets[name]) for name in self.read_only):
            raise QueryError(
                "PERMISSION_DENIED", f"{store.display_path(prefix)}: this bucket is read, never written.", text
            )
        if any(part.startswith(".") for part in prefix.split("/")):
            raise QueryError(
                "NOT_SUPPORTED", f"{store.display_path(prefix)}: a name with a dot in front is kept for us.", text
            )
        # Where it writes by partition, Athena adds to what is there.
        if not unload.partitioned_by and next(store.list(prefix), None):
            raise QueryError("HIVE_PATH_ALREADY_EXISTS", f"Target directory {unload.destination} is not empty.", text)
        written, partitions_written = list[str](), set[tuple[str, ...]]()
        types: dict[tuple[str, ...], Mapping[str, str]] = {}
        with Session(text, self._limits()) as session, store.staging_folder() as folder:
            chosen = [self._selected_partitions(plan, session) for _, plan in parts]
            inputs = [self._inputs(plan, of_plan, session) for (_, plan), of_plan in zip(parts, chosen, strict=True)]
            session.restrict_access([read for of_plan in inputs for read in of_plan], folder)
            # What is read from the same objects is read once.
            together: dict[object, list[_Folder]] = {}
            for (part, plan), of_plan in zip(parts, inputs, strict=True):
                for found in _unload_folders(unload, part, plan, of_plan):
                    together.setdefault(found.objects, []).append(found)
            for same in together.values():
                session.use_unload_settings(same[0].inputs)
                session.check_actions(same[0].inputs)
                copies = [_copy_of(unload, found, folder / prefix) for found in same]
                if len(copies) > MAX_COPIES:
                    raise not_supported(f"UNLOAD into more than {MAX_COPIES} folders of the same objects", text)
                for found, copy, copied in zip(same, copies, session.copy(copies, unload.compression), strict=True):
                    if types.setdefault(found.constants, copied.types) != copied.types:
                        raise not_supported("UNLOAD of UNION ALL whose queries give columns of other types", text)
                    if not copied.rows:
                        copy.path.unlink()
                        continue
                    written.append(store.sql_location(copy.path.relative_to(folder).as_posix()))
                    partitions_written.add(found.values)
                    if unload.partitioned_by and len(partitions_written) > MAX_PARTITIONS_PER_UNLOAD:
                        problem = f"Exceeded limit of {MAX_PARTITIONS_PER_UNLOAD} open writers for partitions/buckets."
                        raise QueryError("HIVE_TOO_MANY_OPEN_PARTITIONS", problem, text)
        return _Outcome(
            rows=pa.table({}),
            scanned_bytes=session.scanned_bytes,
            written=written,
            checks=session.checks,
            beginnings=session.beginnings,
            misread=_by_display_path(session.misread),
            odd_actions=_by_display_path(session.odd_actions),
            partition_warnings=tuple(
                dict.fromkeys(
                    warning
                    for of_plan, read in zip(chosen, inputs, strict=True)
                    for warning in self._partition_warnings(of_plan, read)
                )
            ),
        )

    def _create_table_as(self, parsed: "statements.CreateTableAs", statement: str) -> _Outcome:
        """Write a query's rows as an UNLOAD does, and create the table over them.

        As in Athena, the location has to be empty, and what is written stays where it fails later.
        """
        import pyarrow as pa

        from resources.embedded.result_types import hive_type
        from resources.embedded.sql.unload import require_keys_last

        name, unload = parsed.name, parsed.unload
        require_database(name.database, self.catalog, statement)
        if self.catalog.find_table(name) or self.catalog.find_view(name):
            if parsed.if_not_exists:
                return _Outcome(pa.table({}))
            raise QueryError("TABLE_ALREADY_EXISTS", f"{name.trino} already exists.", statement)
        bucket, prefix = _split_location(unload.destination)
        store = self._store(bucket, unload.destination)
        if next(store.list(prefix), None):
            raise QueryError(
                "HIVE_PATH_ALREADY_EXISTS", f"Target directory {unload.destination} is not empty.", statement
            )
        plan = self._plan(unload.query)
        _require_named_columns(plan.columns, statement)
        columns = [
            (column, hive_type(kind, column, statement))
            for column, kind in zip(plan.columns, self._result_types(plan), strict=True)
        ]
        by = unload.partitioned_by
        require_keys_last(plan.columns, by, statement)
        definition = TableDefinition(
            columns=tuple((column, kind) for column, kind in columns if column not in by),
            partition_columns=tuple((column, kind) for column, kind in columns if column in by),
            location=unload.destination,
            stored_as=PARQUET,
            delimiter="\x01",
        )
        outcome = self._unload(unload) if parsed.with_data else _Outcome(pa.table({}), written=[])
        if not self.catalog.create_table(name, definition):
            raise QueryError("TABLE_ALREADY_EXISTS", f"{name.trino} already exists.", statement)
        folders = {address.rpartition("/")[0] for address in outcome.written or ()} if by else set()
        written = [
            Partition(tuple(unquote(part.partition("=")[2]) for part in folder.split("/")[-len(by) :]), folder)
            for folder in sorted(folders)
        ]
        self.catalog.add_partitions(name, written, skip_present=True)
        return outcome

    def _selected_partitions(self, plan: "QueryPlan", session: "Session") -> list[list[Partition]]:
        """For each place where a table is read, the partitions that match the plan's predicates."""
        return [self._partitions(read, session) for read in plan.reads]

    def _inputs(self, plan: "QueryPlan", chosen: "Sequence[Sequence[Partition]]", session: "Session") -> "Inputs":
        """For each place where a table is read, the objects of its selected partitions."""
        return [
            (read, self._chosen_objects(read, partitions, session))
            for read, partitions in zip(plan.reads, chosen, strict=True)
        ]

    def _chosen_objects(
        self, read: "TableRead", partitions: "Sequence[Partition]", session: "Session"
    ) -> list[ScannedObject]:
        """The objects of these partitions. Where the query asks for addresses, they are the last partition value."""
        import pyarrow as pa

        from resources.embedded.sql.pruning import matching_partitions_sql

        if self._is_file_table(read.name):
            chosen_values = {partition.values for partition in partitions}
            objects = [stored for stored in self._files(read) if stored.partition in chosen_values]
        else:
            objects = list(self._objects(partitions))
        if not read.reads_path:
            return objects
        objects = [
            replace(stored, partition=(*stored.partition, stored.store.sql_location(stored.key))) for stored in objects
        ]
        if not read.object_predicates or not objects:
            return objects
        columns = read.definition.partition_columns
        values = {column: [stored.partition[i] for stored in objects] for i, (column, _) in enumerate(columns)}
        rows = pa.table({"position": range(len(objects)), **values})
        sql = matching_partitions_sql(read.object_predicates, columns, "objects")
        chosen = session.query_rows(sql, "objects", rows)
        return objects if chosen is None else [objects[position] for (position,) in chosen]

    def _partition_warnings(self, chosen: "Sequence[Sequence[Partition]]", inputs: "Inputs") -> tuple[str, ...]:
        """A warning for each table of which selected partitions have no objects, or wrong ones."""
        from resources.embedded.projection import is_projected

        told = list[str]()
        for partitions, (read, objects) in zip(chosen, inputs, strict=True):
            if is_projected(read.definition):  # of which many have no folder
                continue
            columns = [column for column, _ in read.catalog_columns]
            filled = {stored.partition[: len(columns)] for stored in objects}
            empty = [
                f"{'/'.join(map('{}={}'.format, columns, partition.values)) or 'all of it'}: "
                f"{self._folder_path(partition)}"
                for partition in partitions
                if partition.values not in filled and not self.known_empty(partition.location)
            ]
            if empty:
                told.append(
                    f"Partitions of {read.name.table} point at folders that hold no objects, so that they give no "
                    f"rows: {first_names(empty)}. If there were objects, restore them, or make the partitions anew."
                )
            problems = [
                found
                for partition in partitions
                if partition.values in filled and (found := self.find_problem(partition.location))
            ]
            if problems:
                told.append(
                    f"The rows of {read.name.table} may not be those that were written: {first_names(problems)}. Move "
                    "away what is not the table's, or make the partitions anew."
                )
        return tuple(dict.fromkeys(told))

    def _folder_path(self, partition: Partition) -> str:
        """The display path of a partition's folder."""
        bucket, prefix = _split_location(partition.location)
        return self._store(bucket, partition.location).display_path(prefix)

    def _objects(self, partitions: Sequence[Partition]) -> Iterator[ScannedObject]:
        for partition in partitions:
            bucket, prefix = _split_location(partition.location)
            store = self._store(bucket, partition.location)
            for stored in store.list(prefix):
                if is_visible(stored.key, prefix):
                    yield ScannedObject(store, stored.key, stored.size, partition.values)

    def _store(self, bucket: str, location: str) -> ObjectStore:
        if bucket not in self.buckets:
            raise FlowLakeError(f"{location} lies in a bucket that this engine does not know.")
        return self.buckets[bucket]

    def _partitions(self, read: "TableRead", session: "Session") -> list[Partition]:
        """The partitions in the catalog that match the query's predicates."""
        import pyarrow as pa

        from resources.embedded.sql.pruning import bounds, matching_partitions_sql

        columns = read.catalog_columns
        first, last = bounds(read.partition_predicates, columns[0][0]) if columns else (None, None)
        partitions = self._all_partitions(read, session.text, first, last)
        if not read.partition_predicates or not partitions:
            return partitions
        values = {column: [p.values[i] for p in partitions] for i, (column, _) in enumerate(columns)}
        rows = pa.table({"position": range(len(partitions)), **values})
        chosen = session.query_rows(
            matching_partitions_sql(read.partition_predicates, columns, "partitions"), "partitions", rows
        )
        # Where a predicate fails on a partition's value, all partitions are read: the query itself fails if it has to.
        return partitions if chosen is None else [partitions[position] for (position,) in chosen]

    def _all_partitions(
        self, read: "TableRead", text: str, first: str | None = None, last: str | None = None
    ) -> list[Partition]:
        """The partitions of a table whose first value is from `first` to `last`; one, if it has no partition columns.

        Tables of information_schema have none. Of projected partitions, these are those that the query may need.
        """
        from resources.embedded.catalog_answers import INFORMATION_SCHEMA
        from resources.embedded.projection import is_projected, projected_partitions

        if read.name.database == INFORMATION_SCHEMA:
            return []
        if not read.catalog_columns:
            return [Partition((), read.definition.location)]
        if is_projected(read.definition):
            return projected_partitions(read.name, read.definition, read.partition_predicates, text)
        if self._is_file_table(read.name):
            return [Partition(stored.partition, stored.store.sql_location(stored.key)) for stored in self._files(read)]
        return self.catalog.partitions(read.name, first, last)

    def _is_file_table(self, name: TableName) -> bool:
        return self.catalog.find_table(name) is None and self._file_table(name) is not None

    def _files(self, read: "TableRead") -> Iterator[ScannedObject]:
        """The objects of a table of files, each of which is a partition."""
        bucket, prefix = _split_location(read.definition.location)
        store = self._store(bucket, read.definition.location)
        for stored in store.list(prefix):
            name = stored.key.removeprefix(prefix)
            if is_visible(stored.key, prefix) and re.fullmatch(r"[^/]+\.parquet", name):
                yield ScannedObject(store, stored.key, stored.size, (name.removesuffix(".parquet"),))

    def _table(self, name: TableName, statement: str) -> TableDefinition:
        table = self.catalog.find_table(name)
        if table is None:
            raise no_table(name, statement)
        return table


def _misread_objects(checks: "Mapping[ScannedObject, ObjectCheck]") -> dict[str, str]:
    return {path: check.problem for path, check in _by_path(checks) if check.problem}


def _by_display_path(found: "Mapping[ScannedObject, str]") -> dict[str, str]:
    return {stored.store.display_path(stored.key): words for stored, words in found.items()}


def _remarks(checks: "Mapping[ScannedObject, ObjectCheck]") -> tuple[str, ...]:
    """Warnings about objects that are read right otherwise, one text for objects with the same warning."""
    found = [(path, check) for path, check in _by_path(checks) if not check.problem]
    inside = [path for path, check in found if check.header_inside]
    foreign: dict[str, list[str]] = {}
    for path, check in found:
        for words in (check.foreign, check.renamed):
            if words:
                foreign.setdefault(words, []).append(path)
    # Those of no byte are told by whoever lists the folder.
    empty = [one.store.display_path(one.key) for one, check in checks.items() if check.is_empty and one.size]
    return (
        *([empty_warning(sorted(empty))] if empty else []),
        *(other_files_warning(paths, words) for words, paths in foreign.items()),
        *odd_lines_warnings({path: check.odd for path, check in found}),
        *([header_inside_warning(inside)] if inside else []),
    )


def _copies(beginnings: "Mapping[ScannedObject, str]") -> Iterator[str]:
    """Warnings about objects of one partition that begin with the same records, under different names."""
    alike: dict[tuple[tuple[str, ...], str], list[ScannedObject]] = {}
    for stored, digest in sorted(beginnings.items(), key=lambda item: item[0].key):
        if find_flow_log(stored.key):
            alike.setdefault((stored.partition, digest), []).append(stored)
    for same in alike.values():
        different = {unpacked_name(stored.key): stored for stored in same}
        if len(different) > 1:
            yield copies_warning([stored.store.display_path(stored.key) for stored in different.values()])


def _by_path(checks: "Mapping[ScannedObject, ObjectCheck]") -> "list[tuple[str, ObjectCheck]]":
    found = sorted(checks.items(), key=lambda item: item[0].key)
    return [(stored.store.display_path(stored.key), check) for stored, check in found]


def _lies_in(store: ObjectStore, prefix: str, other: ObjectStore) -> bool:
    """Whether a prefix's folder lies in the folder of another store. Buckets in S3 never do."""
    if not (isinstance(store, FolderStore) and isinstance(other, FolderStore)):
        return False
    return is_within(store.root / prefix, other.root)


def _ordered_values(
    table: TableDefinition, values: Sequence[str], columns: Sequence[str], statement: str
) -> tuple[str, ...]:
    """A partition's values, which are given for `columns`, in the order of the table's partition columns."""
    own = [column for column, _ in table.partition_columns]
    if sorted(own) != sorted(columns):
        raise QueryError(
            "SemanticException",
            f"the partition names {', '.join(columns)}; the table is partitioned by {', '.join(own) or 'nothing'}.",
            statement,
        )
    for column, kind in table.partition_columns:
        if kind == "date" and not _is_date(value := values[columns.index(column)]):
            problem = f"{column}={value} is no date, which is written as year-month-day."
            raise QueryError("SemanticException", problem, statement)
    return tuple(values[columns.index(column)] for column in own)


def _no_partition(values: Sequence[str], statement: str) -> QueryError:
    return QueryError("SemanticException", f"Partition not found: {', '.join(values)}.", statement)


def _is_date(value: str) -> bool:
    try:
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", value) and date.fromisoformat(value))
    except ValueError:
        return False


def _no_prepared_statement(name: str, statement: str) -> QueryError:
    return QueryError("NOT_FOUND", f"Prepared statement not found: {name}.", statement)


def _require_named_columns(columns: Sequence[str], statement: str) -> None:
    """Raise QueryError where a column of a view or a new table has no name, or the name of another."""
    for number, column in enumerate(columns, 1):
        if re.fullmatch(r"_col\d+", column):
            problem = f"Column name not specified at position {number}; name it with AS."
            raise QueryError("MISSING_COLUMN_NAME", problem, statement)
        if columns.index(column) != number - 1:
            raise QueryError("DUPLICATE_COLUMN_NAME", f"Column name '{column}' specified more than once.", statement)


def _split_location(location: str) -> tuple[str, str]:
    """The bucket and the key prefix (none, or with a closing slash) of an ``s3://`` location."""
    match = re.fullmatch("s3://([^/]+)(?:/(.*?))?/?", location)
    names = match[2].split("/") if match and match[2] else []
    if not match or {"", ".", ".."} & set(names):
        raise FlowLakeError(f"{location!r} is no location of objects: s3://<bucket>/<folder>/…/ is.")
    return match[1], "".join(f"{name}/" for name in names)


@dataclass(frozen=True)
class _Folder:
    """A folder that an UNLOAD writes: the partition values in its name, and the plan and the inputs for its rows.

    `constants` are those of the values that are constants of the plan.
    """

    values: tuple[str, ...]
    constants: tuple[str, ...]
    plan: "QueryPlan"
    inputs: "Inputs"

    @property
    def objects(self) -> tuple[tuple[str, int, tuple[str, ...]], ...]:
        """The objects that it is made from: the address, size and partition of each."""
        return tuple(
            (stored.store.sql_location(stored.key), stored.size, stored.partition)
            for _, objects in self.inputs
            for stored in objects
        )


def _copy_of(unload: "statements.Unload", found: "_Folder", destination: Path) -> "Copy":
    """The file to write for a folder below the destination."""
    from resources.embedded.session import Copy

    named = zip(unload.partitioned_by, found.values, strict=True)
    folder = destination.joinpath(*(f"{column}={quote(value, safe='')}" for column, value in named))
    folder.mkdir(parents=True, exist_ok=True)
    data = [column for column in found.plan.columns if column not in unload.partitioned_by]
    return Copy(found.plan.sql, found.inputs, data, folder / f"{uuid.uuid4()}.parquet")


def _unload_folders(
    unload: "statements.Unload", part: "UnloadPart", plan: "QueryPlan", inputs: "Inputs"
) -> "Iterator[_Folder]":
    """The folders that a part of an UNLOAD writes."""
    if not unload.partitioned_by:
        yield _Folder((), (), plan, inputs)
        return
    ((read, objects),) = inputs
    own = [column for column, _ in read.definition.partition_columns]
    found: dict[tuple[str, ...], list[ScannedObject]] = {}
    for stored in objects:
        values = tuple(
            part.constants[column]
            if column in part.constants
            else stored.partition[own.index(plan.partition_columns[column])]
            for column in unload.partitioned_by
        )
        found.setdefault(values, []).append(stored)
    for values, of_folder in found.items():
        yield _Folder(values, tuple(part.constants.values()), plan, [(read, of_folder)])


def _in_zones(rows: "pa.Table", zones: Mapping[int, str]) -> "pa.Table":
    """The rows with the times of these columns, by position, in their zones."""
    import pyarrow as pa

    for position, zone in zones.items():
        column = rows.column(position).cast(pa.timestamp("us", zone))
        rows = rows.set_column(position, rows.field(position).name, column)
    return rows


def _result_frame(rows: "pa.Table", statement: str, names: Sequence[str] = ()) -> "pd.DataFrame":
    """The rows as a pandas frame, whose columns have these `names`, if there are any.

    Raises QueryError for dates and times that Python has no value for.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    for name, column in zip(rows.column_names, rows.columns, strict=True):
        if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            years = pc.min_max(pc.year(column)).as_py()
            if years["min"] is not None and not (years["min"] >= 1 and years["max"] <= MAX_YEAR):
                problem = f"{name} has dates or times outside of the years 1 to {MAX_YEAR}, which cannot be shown here."
                hint = "Times in flow logs are seconds since 1970, as from_unixtime takes them."
                raise QueryError("NOT_SUPPORTED", f"{problem} {hint}", statement)
    types = {
        pa.type_for_alias(data_type.arrow): pd.api.types.pandas_dtype(FRAME_TYPES[data_type.trino])
        for data_type in RESULT_TYPES
    }
    # Without the option, which pandas has since its version 3, NaN would be NULL.
    option = "future.distinguish_nan_and_na"
    with pd.option_context(option, True) if hasattr(pd.options.future, option.partition(".")[2]) else nullcontext():
        frame: pd.DataFrame = rows.to_pandas(types_mapper=types.get)
    # NumPy would make fractions of integers beside NULL.
    nested = [
        name for name, column in zip(rows.column_names, rows.columns, strict=True) if pa.types.is_nested(column.type)
    ]
    values = {name: rows[name].to_pylist(maps_as_pydicts="strict") for name in nested}
    shown: pd.DataFrame = frame.assign(**{name: pd.Series(values[name], dtype="object") for name in nested})
    if len(names) == len(shown.columns):
        shown.columns = pd.Index(names)
    return shown
