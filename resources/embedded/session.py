"""Runs one statement in a DuckDB of its own, which can read that statement's objects and nothing else.

Statements are planned in sql/, and objects are read in readers/.
"""

import os
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from flowlogs.errors import FlowLakeError
from flowlogs.printable import printable, shortened
from flowlogs.record_format import PARQUET, TEXT, parquet_format
from resources.bucket import StoredObject
from resources.embedded.duckdb_errors import MESSAGE_LENGTH, in_trinos_words
from resources.embedded.memory import bounded_memory
from resources.embedded.quoting import quoted_name, quoted_text
from resources.embedded.readers import parquet, scan
from resources.embedded.readers.object_check import ObjectCheck
from resources.embedded.readers.scan import ScannedObject
from resources.embedded.scratch import scratch_folder
from resources.embedded.sql.rewrites.macros import ADDRESS_TYPE, MACRO_NAMES, MACROS
from resources.engine import QueryError
from resources.interrupts import raise_received, shielded
from resources.parquet_facts import copies_digest, footer_size

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from duckdb import DuckDBPyConnection

    from resources.embedded.sql.plan import TableRead

Inputs = Sequence[tuple["TableRead", Sequence[ScannedObject]]]
"""For each place where a statement reads a table, the objects to read."""

MEMORY_LIMIT = "1GB"
"""How much DuckDB holds in memory. More of a query's state than that goes into temporary files."""

UNLOAD_MEMORY_LIMIT = "850MB"
"""The same for an UNLOAD, beside which this process reads and decodes text."""

RESULT_BYTES = 256 << 20
"""How many bytes a result may take in memory. A report takes a few kilobytes."""

SECONDS_BETWEEN_LOOKS = 0.05
"""How often the calling thread looks for a signal, and at the time, while DuckDB works."""

MAX_COPIES = 8
"""How many files are written from one reading of the objects, at most."""

ROWS_AT_ONCE = 2048
"""How many rows of a result are fetched at a time. DuckDB computes as many at once."""

_DAMAGE = "TProtocol|thrift|parquet|decompress|corrupt|snappy|gzip|zstd|page|deserializ|out of buffer|invalid data"
"""What DuckDB's errors about damaged Parquet files say."""

_KIND_OF_ERROR = r"[A-Z][A-Za-z -]* Error: "

T = TypeVar("T")

_SETTINGS_OF_CONNECTION = (
    "TimeZone = 'UTC'",  # Athena's
    "python_enable_replacements = false",  # a table's name never means a Python variable
)

_SETTINGS = (
    *_SETTINGS_OF_CONNECTION,
    "autoinstall_known_extensions = false",  # DuckDB never downloads anything
    f"memory_limit = '{MEMORY_LIMIT}'",
)


class _Rows(NamedTuple):
    """What DuckDB reads a table's rows from, and the SELECT of them by the name that this has."""

    source: object
    sql: Callable[[str], str]


@dataclass(frozen=True)
class Limits:
    """The limits of a statement.

    `seconds` is how long it may take. No temporary file lies in a `read_only` folder, and none is removed from
    `protected_folders`, or from a folder that holds one of them.
    """

    seconds: float | None = None
    read_only: Collection[Path] = ()
    protected_folders: Collection[Path] = ()


@dataclass(frozen=True)
class Copy:
    """A Parquet file to write: these `columns` of what `sql` gives over the inputs."""

    sql: str
    inputs: Inputs
    columns: Sequence[str]
    path: Path


@dataclass(frozen=True)
class Copied:
    """What was written: the number of rows, and the type of each column, in DuckDB's words."""

    rows: int
    types: Mapping[str, str]


class Session:
    """A DuckDB session, used in a ``with`` block. `scanned_bytes` is the size of the objects, or Parquet columns, read.

    DuckDB works in threads of its own. The calling thread waits for them, receives signals and keeps the time limit.
    After a signal, the work is stopped first, then KeyboardInterrupt is raised. DuckDB is only called where signals
    raise nothing, because it may swallow an exception of a signal handler.
    """

    def __init__(self, text: str, limits: Limits = Limits()) -> None:
        self.text = text
        self.limits = limits
        self._started = time.monotonic()
        self._scans: list[scan.TextScan] = []
        self._files: dict[ScannedObject, Path] = {}
        self._parquet_bytes = 0
        self._has_functions = False
        self._footers: dict[ScannedObject, str] = {}
        self.misread: dict[ScannedObject, str] = {}
        self.odd_actions: dict[ScannedObject, str] = {}

    def __enter__(self) -> "Session":
        import duckdb

        with shielded(), ExitStack() as entered:
            self._folder = entered.enter_context(scratch_folder(self.limits.protected_folders, self.limits.read_only))
            entered.enter_context(bounded_memory())
            self.connection = entered.enter_context(duckdb.connect())
            self._connections = [self.connection]
            self._threads = entered.enter_context(ThreadPoolExecutor(MAX_COPIES, thread_name_prefix="flow-log-query"))
            self._set(*_SETTINGS, f"temp_directory = {quoted_text(str(self._folder))}")
            self._entered = entered.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        with shielded():
            for rows in self._scans:
                rows.stop()
            self._entered.close()

    def _set(self, *settings: str) -> None:
        with shielded():
            for setting in settings:
                self.connection.execute(f"SET {setting}")

    @property
    def checks(self) -> dict[ScannedObject, ObjectCheck]:
        """The findings in objects that the table reads wrongly, or that need a warning."""
        return {stored: check for rows in self._scans for stored, check in rows.checks.items()}

    @property
    def beginnings(self) -> dict[ScannedObject, str]:
        """Digests of the first records of text objects of flow logs, as far as they were read; of Parquet's footers."""
        of_text = {stored: digest for rows in self._scans for stored, digest in rows.beginnings.items()}
        return of_text | self._footers

    @property
    def scanned_bytes(self) -> int:
        return self._parquet_bytes + sum(rows.scanned_bytes for rows in self._scans)

    def restrict_access(self, inputs: Inputs, writable: Path | None = None) -> None:
        """Let DuckDB read the Parquet files of these objects and write below `writable`, and access nothing else.

        Text objects are read by this process and handed to DuckDB as rows.
        """
        for read, objects in inputs:
            if read.definition.stored_as == PARQUET:
                self._files |= {stored: stored.store.local_file(stored.key, self._folder) for stored in objects}
        names = [name for path in self._files.values() for name in (str(path), parquet.as_pattern(path))]
        paths = ", ".join(map(quoted_text, names))
        self._set(f"allowed_paths = [{paths}]")
        if writable:
            self._set(f"allowed_directories = [{quoted_text(str(writable))}]")
        self._set("enable_external_access = false")

    def use_unload_settings(self, inputs: Inputs) -> None:
        """Set DuckDB up to write what it reads from these objects: any order of rows, as Athena guarantees none.

        It has a thread for each core. Where it reads text, it has half of them, since this process's reading threads
        have more work and need the other cores.
        """
        cores = os.cpu_count() or 1
        reads_text = any(read.definition.stored_as == TEXT for read, objects in inputs if objects)
        threads = max(1, cores // 2) if reads_text else cores
        self._set("preserve_insertion_order = false", f"threads = {threads}", f"memory_limit = '{UNLOAD_MEMORY_LIMIT}'")

    def bind_tables(self, inputs: Inputs) -> None:
        """Create a view for each table that the statement reads, over the rows of these objects."""
        for read, objects in inputs:
            (rows,) = self._rows_of([read], objects)
            self._bind(self.connection, read, rows)

    def bind_rows(self, read: "TableRead", rows: "pa.Table") -> None:
        """Create the view for a table whose rows are these."""
        self._bind(self.connection, read, _Rows(rows, lambda source: f"SELECT * FROM {quoted_name(source)}"))

    def types(self, sql: str) -> list[str]:
        """DuckDB's names of the types of a query's columns. The query is not executed."""
        return self._run(lambda: [str(found) for found in self.connection.sql(sql).types])

    def _bind(self, connection: "DuckDBPyConnection", read: "TableRead", rows: "_Rows") -> None:
        source = f"{read.relation}_source"
        with shielded():
            connection.register(source, rows.source)
        view = f"CREATE OR REPLACE TEMP VIEW {quoted_name(read.relation)} AS {rows.sql(source)}"
        self._run(partial(connection.execute, view))  # fails where a file is gone

    def _rows_of(self, reads: "Sequence[TableRead]", objects: Sequence[ScannedObject]) -> "list[_Rows]":
        """The rows of the same objects for each of these reads of one table. They are read once for all of them."""
        table = reads[0].definition
        if table.stored_as == TEXT:
            rows = scan.TextScan(objects, table, [scan.Wanted(read.columns, read.required_text) for read in reads])
            self._scans.append(rows)
            return [
                _Rows(stream, partial(scan.rows_sql, table=table, columns=stream.columns)) for stream in rows.streams
            ]
        files = [parquet.ParquetFile(self._files[stored], stored.partition) for stored in objects]
        columns = {column for read in reads for column in read.columns}
        stored = parquet.stored_columns(self._checked_metadata(reads[0], objects), columns)
        self._parquet_bytes += stored.size
        partitions = parquet.partitions_of(files, table)
        return [_Rows(partitions, partial(parquet.rows_sql, files, stored, table, read.columns)) for read in reads]

    def select(self, sql: str, max_rows: int | None = None) -> "tuple[pa.Table, bool]":
        """The rows, or the first of them; and whether there are more. Raises QueryError where they are too many."""
        return self._run(partial(self._rows, sql, max_rows))

    def _rows(self, sql: str, max_rows: int | None) -> "tuple[pa.Table, bool]":
        import pyarrow as pa

        self._define_functions(sql)
        batches: list[pa.RecordBatch] = []
        rows = size = 0
        relation = self.connection.sql(sql)
        if any(ADDRESS_TYPE in str(kind) for kind in relation.types):
            raise QueryError("NOT_SUPPORTED", "the embedded Athena does not show IPADDRESS in this form.", self.text)
        with relation.to_arrow_reader(ROWS_AT_ONCE) as reader:
            for batch in reader:
                batches.append(batch)
                rows += len(batch)
                size += batch.nbytes
                if max_rows is not None and rows > max_rows:
                    break
                if size > RESULT_BYTES:
                    problem = f"the result takes more than {RESULT_BYTES >> 20} MB. Ask for fewer rows or columns"
                    raise QueryError("EXCEEDED_LOCAL_MEMORY_LIMIT", f"{problem}, or LIMIT them.", self.text)
            found = pa.Table.from_batches(batches, reader.schema)
        sums = [number for number, kind in enumerate(relation.types) if str(kind) == "HUGEINT"]
        found = _with_bigints(found, sums, self.text)
        return found.slice(0, max_rows), max_rows is not None and rows > max_rows

    def _define_functions(self, sql: str) -> None:
        """Define the functions of rewrites/macros.py, if SQL calls one of them."""
        if not self._has_functions and any(f"{name}(" in sql.lower() for name in MACRO_NAMES):
            self._has_functions = True
            for macro in MACROS:
                self.connection.execute(macro)

    def query_rows(self, sql: str, relation: str, rows: "pa.Table") -> list[tuple[int]] | None:
        """The result of a query over these rows, which it reads as `relation`; None where it fails."""
        import duckdb

        def choose() -> list[tuple[int]] | None:
            self._define_functions(sql)
            self.connection.register(relation, rows)
            try:
                return self.connection.execute(sql).fetchall()
            except duckdb.Error:
                return None
            finally:
                self.connection.unregister(relation)

        return self._run(choose)

    def copy(self, copies: Sequence[Copy], compression: str) -> list[Copied]:
        """Write files, at most MAX_COPIES. Several of them read the same objects of one table, which are read once."""
        connections = [self._new_connection() for _ in copies]
        if len(copies) == 1:
            for read, objects in copies[0].inputs:
                (rows,) = self._rows_of([read], objects)
                self._bind(connections[0], read, rows)
        else:
            reads, (objects, *_) = zip(*(copy.inputs[0] for copy in copies), strict=True)
            for connection, read, rows in zip(connections, reads, self._rows_of(reads, objects), strict=True):
                self._bind(connection, read, rows)
        self._run(partial(self._define_functions, " ".join(copy.sql for copy in copies)))
        found = self._run_all(
            [
                partial(self._copy, connection, copy, compression)
                for connection, copy in zip(connections, copies, strict=True)
            ]
        )
        with shielded():
            for connection in connections:
                self._connections.remove(connection)
                connection.close()
        return found

    def _new_connection(self) -> "DuckDBPyConnection":
        with shielded():
            connection = self.connection.cursor()
            self._connections.append(connection)
            for setting in _SETTINGS_OF_CONNECTION:
                connection.execute(f"SET {setting}")
        return connection

    def _copy(self, connection: "DuckDBPyConnection", copy: Copy, compression: str) -> Copied:
        found = connection.sql(copy.sql)
        types = {
            name: kind for name, kind in zip(found.columns, map(str, found.types), strict=True) if name in copy.columns
        }
        # Trino sums to bigint, DuckDB to 128 bits, which Parquet has no integer for.
        values = [
            f"CAST({quoted_name(name)} AS BIGINT) AS {quoted_name(name)}" if kind == "HUGEINT" else quoted_name(name)
            for name, kind in types.items()
        ]
        count = connection.execute(
            f"COPY (SELECT {', '.join(values)} FROM ({copy.sql})) TO {quoted_text(str(copy.path))} "
            f"(FORMAT parquet, COMPRESSION {compression})"
        ).fetchone()
        return Copied(int(count[0]) if count else 0, types)

    def check_actions(self, inputs: Inputs) -> None:
        """Look through the Parquet objects of flow logs for records with an action that no report counts.

        Records of text objects are checked while they are read.
        """
        for read, objects in inputs:
            known = parquet_format(read.definition.columns) if read.definition.stored_as == PARQUET else None
            if known is None or known.position("action") is None or not objects:
                continue
            by_path = {self._files[stored]: stored for stored in objects}
            for path, action in self._run(partial(self._fetch_all, parquet.odd_actions_sql(by_path))):
                self.odd_actions[by_path[Path(path)]] = f"action {shortened(printable(action), MESSAGE_LENGTH)}"

    def _fetch_all(self, sql: str) -> list[tuple[str, ...]]:
        return self.connection.execute(sql).fetchall()

    def _checked_metadata(self, read: "TableRead", objects: Sequence[ScannedObject]) -> "Iterator[pq.FileMetaData]":
        """The metadata of Parquet objects, each read once. An object with other columns than its table is noted."""
        for scanned in objects:
            metadata = parquet.read_metadata(self._files[scanned])
            if problem := parquet.other_columns_problem(metadata, read.definition):
                self.misread[scanned] = problem
            known = parquet_format(read.definition.columns)
            if known and known.has_times and metadata.num_rows:
                end = scanned.store.tail(StoredObject(scanned.key, scanned.size), footer_size(metadata))
                self._footers[scanned] = copies_digest(metadata, end)
            yield metadata

    def _run(self, work: Callable[[], T]) -> T:
        """The result of the work. Stopping takes as long as DuckDB needs for its current rows."""
        return self._run_all([work])[0]

    def _run_all(self, works: Sequence[Callable[[], T]]) -> list[T]:
        """The results of works that are done at the same time. If one fails, the others are stopped."""
        with self._errors_in_words(), shielded():
            futures = [self._threads.submit(work) for work in works]
            try:
                waiting = set(futures)
                while waiting:
                    raise_received()
                    self._require_time()
                    done, waiting = wait(waiting, SECONDS_BETWEEN_LOOKS, FIRST_EXCEPTION)
                    for future in done:
                        future.result()
                return [future.result() for future in futures]
            finally:
                self._stop(futures)

    def _require_time(self) -> None:
        """Raise FlowLakeError where the statement's time is over."""
        seconds = self.limits.seconds
        if seconds is not None and time.monotonic() - self._started > seconds:
            raise FlowLakeError(
                f"The query took longer than {seconds:g} s (FLOWLAKE_QUERY_TIMEOUT_SECONDS). It was stopped."
            )

    def _stop(self, futures: "Sequence[Future[T]]") -> None:
        """Stop works that are not done. DuckDB ignores an interrupt before it has begun, so this repeats it."""
        waiting = {future for future in futures if not future.done()}
        for rows in self._scans if waiting else ():
            rows.stop()
        while waiting:
            for connection in self._connections:
                connection.interrupt()
            _, waiting = wait(waiting, SECONDS_BETWEEN_LOOKS)

    @contextmanager
    def _errors_in_words(self) -> Iterator[None]:
        import duckdb
        import pyarrow as pa

        try:
            yield
        except MemoryError as error:
            raise _out_of_memory(self.text) from error
        except (duckdb.Error, pa.ArrowException, OSError) as error:  # the last two occur while rows are streamed
            for rows in self._scans:
                if isinstance(rows.error, MemoryError):
                    raise _out_of_memory(self.text) from error
                if rows.error:
                    raise rows.error from None
            self._require_whole_files(str(error))
            raise _query_error(str(error), self.text) from error

    def _require_whole_files(self, problem: str) -> None:
        """Raise FlowLakeError, with the object, where an error of DuckDB's may come from a damaged Parquet object.

        DuckDB does not say which one it is. What libraries in it say has no kind of error in front.
        """
        if re.match(_KIND_OF_ERROR, problem) and not re.search(_DAMAGE, problem, re.IGNORECASE):
            return
        by_path = {path: stored for stored, path in self._files.items()}
        for path, reason in parquet.find_damaged(by_path):
            where = by_path[path].store.display_path(by_path[path].key)
            raise FlowLakeError(
                f"{where} cannot be read to its end: {printable(shortened(reason, MESSAGE_LENGTH))}. If it was copied, "
                "fetch it again (or move it away, and its records with it); then run again."
            )


def _with_bigints(rows: "pa.Table", columns: Sequence[int], statement: str) -> "pa.Table":
    """The rows with DuckDB's 128-bit sums, which are in these columns, as bigint: the type of Trino's sums."""
    import pyarrow as pa

    for number in columns:
        try:
            rows = rows.set_column(number, rows.column_names[number], rows.column(number).cast(pa.int64()))
        except pa.ArrowInvalid as error:
            problem = "bigint addition overflow: a sum does not fit."
            raise QueryError("NUMERIC_VALUE_OUT_OF_RANGE", problem, statement) from error
    return rows


def _query_error(problem: str, statement: str) -> QueryError:
    """DuckDB's error as a QueryError with Trino's name for it."""
    if problem.startswith("Out of Memory Error") and "offload" in problem:
        words = f"there is no room for what does not fit into memory. Free some space in {gettempdir()}, or name "
        return QueryError("EXCEEDED_SPILL_LIMIT", f"{words}another folder in TMPDIR; then run again.", statement)
    if problem.startswith("Out of Memory Error"):
        return _out_of_memory(statement)
    if problem.startswith("IO Error") and re.search("write|No space left", problem):
        reason = (
            "no space is left"
            if "No space left" in problem
            else printable(problem.partition("\n")[0].partition("{")[0][:300])
        )
        words = f"{reason}. Free some space where results (FLOWLAKE_RESULTS) and temporary files (TMPDIR) are kept"
        return QueryError("HIVE_WRITER_DATA_ERROR", f"{words}; then run again.", statement)
    if problem.startswith("IO Error"):
        reason = shortened(printable(problem.partition("\n")[0].removeprefix("IO Error: ")), MESSAGE_LENGTH)
        return QueryError("HIVE_CANNOT_OPEN_SPLIT", f"an object cannot be read: {reason}", statement)
    code, words = in_trinos_words(problem)
    return QueryError(code, f"{words}.", statement)


def _out_of_memory(statement: str) -> QueryError:
    problem = f"the query needs more than {MEMORY_LIMIT} of memory at once. Ask for fewer groups, columns or days."
    return QueryError("EXCEEDED_LOCAL_MEMORY_LIMIT", problem, statement)
