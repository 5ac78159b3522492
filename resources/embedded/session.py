"""Runs one statement in a DuckDB of its own, which can read that statement's objects and nothing else.

Statements are planned in sql/, and objects are read in readers/.
"""

import os
import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, TypeVar

from flowlogs.errors import FlowLakeError
from flowlogs.printable import printable, shortened
from flowlogs.record_format import PARQUET, TEXT, parquet_format
from resources.bucket import StoredObject
from resources.embedded.memory import bounded_memory
from resources.embedded.quoting import quoted_name, quoted_text
from resources.embedded.readers import parquet, scan
from resources.embedded.readers.object_check import ObjectCheck
from resources.embedded.readers.scan import ScannedObject
from resources.embedded.scratch import scratch_folder
from resources.engine import QueryError
from resources.interrupts import raise_received, shielded
from resources.parquet_facts import copies_digest, footer_size

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from resources.embedded.sql.plan import TableRead

Inputs = Sequence[tuple["TableRead", Sequence[ScannedObject]]]
"""For each place where a statement reads a table, the objects to read."""

MEMORY_LIMIT = "1GB"
"""How much DuckDB holds in memory. More of a query's state than that goes into temporary files."""

MESSAGE_LENGTH = 1_000
"""How many characters of DuckDB's message an error shows. It may quote a whole field."""

RESULT_BYTES = 256 << 20
"""How many bytes a result may take in memory. A report takes a few kilobytes."""

SECONDS_BETWEEN_LOOKS = 0.05
"""How often the calling thread looks for a signal, and at the time, while DuckDB works."""

ROWS_AT_ONCE = 2048
"""How many rows of a result are fetched at a time. DuckDB computes as many at once."""

_DAMAGE = "TProtocol|thrift|parquet|decompress|corrupt|snappy|gzip|zstd|page|deserializ|out of buffer|invalid data"
"""What DuckDB's errors about damaged Parquet files say."""

T = TypeVar("T")

_SETTINGS = (
    "TimeZone = 'UTC'",  # Athena's
    "python_enable_replacements = false",  # a table's name never means a Python variable
    "autoinstall_known_extensions = false",  # DuckDB never downloads anything
    f"memory_limit = '{MEMORY_LIMIT}'",
)


@dataclass(frozen=True)
class Limits:
    """The limits of a statement.

    `seconds` is how long it may take. No temporary file lies in a `read_only` folder, and none is removed from
    `protected_folders`, or from a folder that holds one of them.
    """

    seconds: float | None = None
    read_only: Collection[Path] = ()
    protected_folders: Collection[Path] = ()


class Session:
    """A DuckDB session, used in a ``with`` block. `scanned_bytes` is the size of the objects, or Parquet columns, read.

    DuckDB works in a thread of its own. The calling thread waits for it, receives signals and keeps the time limit.
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
        self._footers: dict[ScannedObject, str] = {}
        self.misread: dict[ScannedObject, str] = {}
        self.odd_actions: dict[ScannedObject, str] = {}

    def __enter__(self) -> "Session":
        import duckdb

        with shielded(), ExitStack() as entered:
            self._folder = entered.enter_context(scratch_folder(self.limits.protected_folders, self.limits.read_only))
            entered.enter_context(bounded_memory())
            self.connection = entered.enter_context(duckdb.connect())
            self._thread = entered.enter_context(ThreadPoolExecutor(1, thread_name_prefix="flow-log-query"))
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
        self._set("preserve_insertion_order = false", f"threads = {max(1, cores // 2) if reads_text else cores}")

    def bind_tables(self, inputs: Inputs) -> None:
        """Create a view for each table that the statement reads, over the rows of these objects."""
        for read, objects in inputs:
            rows_sql = self._parquet if read.definition.stored_as == PARQUET else self._text
            sql = rows_sql(f"{read.relation}_source", read, objects)
            view = f"CREATE OR REPLACE TEMP VIEW {quoted_name(read.relation)} AS {sql}"
            self._run(partial(self.connection.execute, view))  # fails where a file is gone

    def select(self, sql: str, max_rows: int | None = None) -> "tuple[pa.Table, bool]":
        """The rows, or the first of them; and whether there are more. Raises QueryError where they are too many."""
        return self._run(partial(self._rows, sql, max_rows))

    def _rows(self, sql: str, max_rows: int | None) -> "tuple[pa.Table, bool]":
        import pyarrow as pa

        batches: list[pa.RecordBatch] = []
        rows = size = 0
        with self.connection.sql(sql).to_arrow_reader(ROWS_AT_ONCE) as reader:
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
        return found.slice(0, max_rows), max_rows is not None and rows > max_rows

    def query_rows(self, sql: str, relation: str, rows: "pa.Table") -> list[tuple[int]] | None:
        """The result of a query over these rows, which it reads as `relation`; None where it fails."""
        import duckdb

        def choose() -> list[tuple[int]] | None:
            self.connection.register(relation, rows)
            try:
                return self.connection.execute(sql).fetchall()
            except duckdb.Error:
                return None
            finally:
                self.connection.unregister(relation)

        return self._run(choose)

    def column_types(self, sql: str) -> list[str]:
        """The types of the columns that the query gives, in DuckDB's words."""
        return self._run(lambda: [str(kind) for kind in self.connection.sql(sql).types])

    def copy(self, sql: str, columns: Sequence[str], path: Path, compression: str) -> int:
        """Write these columns of what the query gives into a Parquet file; returns the number of rows."""
        return self._run(partial(self._copy, sql, columns, path, compression))

    def _copy(self, sql: str, columns: Sequence[str], path: Path, compression: str) -> int:
        found = self.connection.sql(sql)
        # Trino sums to bigint, DuckDB to 128 bits, which Parquet has no integer for.
        values = [
            f"CAST({quoted_name(name)} AS BIGINT) AS {quoted_name(name)}" if kind == "HUGEINT" else quoted_name(name)
            for name, kind in zip(found.columns, map(str, found.types), strict=True)
            if name in columns
        ]
        count = self.connection.execute(
            f"COPY (SELECT {', '.join(values)} FROM ({sql})) TO {quoted_text(str(path))} "
            f"(FORMAT parquet, COMPRESSION {compression})"
        ).fetchone()
        return int(count[0]) if count else 0

    def _text(self, source: str, read: "TableRead", objects: Sequence[ScannedObject]) -> str:
        rows = scan.TextScan(objects, read.definition, read.columns, read.required_text)
        with shielded():
            self.connection.register(source, rows)
        self._scans.append(rows)
        return scan.rows_sql(source, read.definition, [name for name, _ in rows.lines.columns])

    def _parquet(self, source: str, read: "TableRead", objects: Sequence[ScannedObject]) -> str:
        files = [parquet.ParquetFile(self._files[stored], stored.partition) for stored in objects]
        stored = parquet.stored_columns(self._checked_metadata(read, objects), read.columns)
        self._parquet_bytes += stored.size
        with shielded():
            self.connection.register(source, parquet.partitions_of(files, read.definition))
        return parquet.rows_sql(files, stored, read.definition, read.columns, source)

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
        with self._errors_in_words(), shielded():
            future = self._thread.submit(work)
            try:
                while not future.done():
                    raise_received()
                    self._require_time()
                    wait([future], SECONDS_BETWEEN_LOOKS)
                return future.result()
            finally:
                self._stop(future)

    def _require_time(self) -> None:
        """Raise FlowLakeError where the statement's time is over."""
        seconds = self.limits.seconds
        if seconds is not None and time.monotonic() - self._started > seconds:
            raise FlowLakeError(
                f"The query took longer than {seconds:g} s (FLOWLAKE_QUERY_TIMEOUT_SECONDS). It was stopped."
            )

    def _stop(self, future: "Future[T]") -> None:
        """Stop the work, if it is not done. DuckDB ignores an interrupt before it has begun, so this repeats it."""
        for rows in self._scans if not future.done() else ():
            rows.stop()
        while not future.done():
            self.connection.interrupt()
            wait([future], SECONDS_BETWEEN_LOOKS)

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

        DuckDB does not say which one it is.
        """
        if not re.search(_DAMAGE, problem, re.IGNORECASE):
            return
        by_path = {path: stored for stored, path in self._files.items()}
        for path, reason in parquet.find_damaged(by_path):
            where = by_path[path].store.display_path(by_path[path].key)
            raise FlowLakeError(
                f"{where} cannot be read to its end: {printable(shortened(reason, MESSAGE_LENGTH))}. If it was copied, "
                "fetch it again (or move it away, and its records with it); then run again."
            )


def _query_error(problem: str, statement: str) -> QueryError:
    """DuckDB's error as a QueryError with Trino's name for it."""
    message = re.split(r"\n\nLINE |\n*Possible solutions:", problem)[0]
    # Every message may quote a record's field, except a refusal of the statement itself.
    refused = message.startswith(("Binder Error", "Catalog Error", "Parser Error"))
    message = shortened(printable(message, keep_newlines=refused), MESSAGE_LENGTH)
    if ours := re.fullmatch("Invalid Input Error: ([A-Z_]+): (.*)", message, re.DOTALL):
        return QueryError(ours[1], f"{ours[2]}.", statement)
    if message.startswith("Conversion Error: Type INT128"):  # a sum
        return QueryError("NUMERIC_VALUE_OUT_OF_RANGE", message, statement)
    if message.startswith("Conversion Error"):
        return QueryError("INVALID_CAST_ARGUMENT", message, statement)
    if message.startswith("Out of Range Error"):
        return QueryError("NUMERIC_VALUE_OUT_OF_RANGE", message, statement)
    if message.startswith("Out of Memory Error") and "offload" in message:
        problem = f"there is no room for what does not fit into memory. Free some space in {gettempdir()}, or name "
        return QueryError("EXCEEDED_SPILL_LIMIT", f"{problem}another folder in TMPDIR; then run again.", statement)
    if message.startswith("Out of Memory Error"):
        return _out_of_memory(statement)
    if message.startswith("IO Error") and re.search("write|No space left", message):
        reason = (
            "no space is left"
            if "No space left" in message
            else printable(problem.partition("\n")[0].partition("{")[0][:300])
        )
        problem = f"{reason}. Free some space where results (FLOWLAKE_RESULTS) and temporary files (TMPDIR) are kept"
        return QueryError("HIVE_WRITER_DATA_ERROR", f"{problem}; then run again.", statement)
    if message.startswith("IO Error"):
        return QueryError("HIVE_CANNOT_OPEN_SPLIT", message, statement)
    if "GROUP BY clause" in message:
        return QueryError("EXPRESSION_NOT_AGGREGATE", message, statement)
    return QueryError("GENERIC_USER_ERROR", message, statement)


def _out_of_memory(statement: str) -> QueryError:
    problem = f"the query needs more than {MEMORY_LIMIT} of memory at once. Ask for fewer groups, columns or days."
    return QueryError("EXCEEDED_LOCAL_MEMORY_LIMIT", problem, statement)
