"""A DuckDB of its own for one statement: it sees the objects that the statement reads, and nothing else there is."""

import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import TYPE_CHECKING

from flowlogs.printable import printable, shortened
from flowlogs.statements import PARQUET
from resources.embedded import parquet, scan
from resources.embedded.columns import quoted
from resources.embedded.scan import ScannedObject
from resources.engine import QueryError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from resources.embedded.dialect import TableRead

Inputs = Sequence[tuple["TableRead", Sequence[ScannedObject]]]
"""For each place where a statement reads a table, the objects that it needs of it."""

MEMORY_LIMIT = "1GB"
"""What DuckDB holds in memory; more of a query's state than that goes into files among the system's temporary ones."""

MESSAGE_LENGTH = 1_000
"""How much of DuckDB's own words an error tells: they may quote a whole field."""

SCRATCH = "vpc-flow-lake-"
"""What the names of such folders of files begin with."""

SCRATCH_SECONDS = 60
"""How old a folder is at least that may have been left behind: until then, its process may be about to lock it."""

_SETTINGS = (
    "TimeZone = 'UTC'",  # Athena's
    "python_enable_replacements = false",  # no name means a variable of this process
    "autoinstall_known_extensions = false",  # nor does any make DuckDB fetch something
    f"memory_limit = '{MEMORY_LIMIT}'",
)


class Session:
    """To be entered. `scanned_bytes` are those of the objects that were read, and of Parquet's the columns' alone."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._scans: list[scan.TextScan] = []
        self._files: dict[ScannedObject, Path] = {}
        self._parquet_bytes = 0

    def __enter__(self) -> "Session":
        import duckdb

        self._entered = ExitStack()
        self._folder = self._entered.enter_context(scratch_folder())
        self.connection = self._entered.enter_context(duckdb.connect())
        for setting in (*_SETTINGS, f"temp_directory = {_quoted(str(self._folder))}"):
            self.connection.execute(f"SET {setting}")
        return self

    def __exit__(self, *_: object) -> None:
        self._entered.close()

    @property
    def scanned_bytes(self) -> int:
        return self._parquet_bytes + sum(rows.scanned_bytes for rows in self._scans)

    def enclose(self, inputs: Inputs, writable: Path | None = None) -> None:
        """From here on, DuckDB reads the files among these objects, writes below `writable`, and touches nothing else.

        Objects of text are read by this process, and handed over.
        """
        for read, objects in inputs:
            if read.definition.stored_as == PARQUET:
                self._files |= {stored: stored.store.local_file(stored.key, self._folder) for stored in objects}
        names = [name for path in self._files.values() for name in (str(path), parquet.as_pattern(path))]
        paths = ", ".join(map(_quoted, names))
        self.connection.execute(f"SET allowed_paths = [{paths}]")
        if writable:
            self.connection.execute(f"SET allowed_directories = [{_quoted(str(writable))}]")
        self.connection.execute("SET enable_external_access = false")

    def write_while_scanning(self) -> None:
        """Settings for an UNLOAD: rows are written as threads have them (Athena promises no order either), by half as
        many as read, which have more to do and should not wait for a core.
        """
        self.connection.execute("SET preserve_insertion_order = false")
        self.connection.execute(f"SET threads = {max(1, (os.cpu_count() or 1) // 2)}")

    def open(self, inputs: Inputs) -> None:
        """Let the names under which the tables are read mean what these objects hold."""
        for read, objects in inputs:
            rows_sql = self._parquet if read.definition.stored_as == PARQUET else self._text
            sql = rows_sql(f"{read.relation}_source", read, objects)
            with self._failures():  # of a file that is gone by now
                self.connection.execute(f"CREATE OR REPLACE TEMP VIEW {quoted(read.relation)} AS {sql}")

    def select(self, sql: str) -> "pa.Table":
        with self._failures():
            return self.connection.sql(sql).to_arrow_table()

    def copy(self, sql: str, columns: Sequence[str], path: Path, compression: str) -> int:
        """Write these columns of what the query gives into a Parquet file; returns the number of rows."""
        with self._failures():
            found = self.connection.sql(sql)
            # Trino sums to bigint, DuckDB to 128 bits, which Parquet has no integer for.
            values = [
                f"CAST({quoted(name)} AS BIGINT) AS {quoted(name)}" if kind == "HUGEINT" else quoted(name)
                for name, kind in zip(found.columns, map(str, found.types), strict=True)
                if name in columns
            ]
            count = self.connection.execute(
                f"COPY (SELECT {', '.join(values)} FROM ({sql})) TO {_quoted(str(path))} "
                f"(FORMAT parquet, COMPRESSION {compression})"
            ).fetchone()
        return int(count[0]) if count else 0

    def _text(self, source: str, read: "TableRead", objects: Sequence[ScannedObject]) -> str:
        rows = scan.TextScan(objects, read.definition, read.columns, read.required)
        self.connection.register(source, rows)
        self._scans.append(rows)
        return scan.rows_sql(source, read.definition, [name for name, _ in rows.lines.columns])

    def _parquet(self, source: str, read: "TableRead", objects: Sequence[ScannedObject]) -> str:
        files = [parquet.ParquetFile(self._files[stored], stored.partition) for stored in objects]
        stored = parquet.stored_columns(files, read.columns)
        self._parquet_bytes += stored.size
        self.connection.register(source, parquet.partitions_of(files, read.definition))
        return parquet.rows_sql(files, stored, read.definition, read.columns, source)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        import duckdb

        try:
            yield
        except duckdb.Error as error:
            for rows in self._scans:
                if rows.error:
                    raise rows.error from None
            raise _failure(error, self.text) from error


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder among the system's temporary ones, which ends with the block; so do those of killed processes.

    It is under a lock of the operating system's, which ends with the process that holds it, however that ends.
    """
    for left in Path(gettempdir()).glob(f"{SCRATCH}*"):
        with suppress(OSError), _locked(left):  # another process's, or another user's
            if time.time() - left.stat().st_mtime > SCRATCH_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=SCRATCH) as folder, _locked(Path(folder)):
        yield Path(folder)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """While no other process has the folder's lock. Raises OSError at once where one has it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _failure(error: "duckdb.Error", statement: str) -> QueryError:
    """What DuckDB says of a statement that it could not execute, under Trino's name for it."""
    import duckdb

    message = re.split(r"\n\nLINE |\n*Possible solutions:", str(error))[0]
    # All but a refusal of the statement itself may quote a record's field.
    refused = isinstance(error, duckdb.BinderException | duckdb.CatalogException | duckdb.ParserException)
    message = shortened(printable(message, keep_newlines=refused), MESSAGE_LENGTH)
    if ours := re.fullmatch("Invalid Input Error: ([A-Z_]+): (.*)", message, re.DOTALL):
        return QueryError(ours[1], f"{ours[2]}.", statement)
    if isinstance(error, duckdb.ConversionException):
        return QueryError("INVALID_CAST_ARGUMENT", message, statement)
    if isinstance(error, duckdb.OutOfRangeException):
        return QueryError("NUMERIC_VALUE_OUT_OF_RANGE", message, statement)
    if isinstance(error, duckdb.OutOfMemoryException) and "offload" in message:
        problem = f"there is no room for what does not fit into memory. Free some space in {gettempdir()}, or name "
        return QueryError("EXCEEDED_SPILL_LIMIT", f"{problem}another folder in TMPDIR; then run again.", statement)
    if isinstance(error, duckdb.OutOfMemoryException):
        problem = f"the query needs more than {MEMORY_LIMIT} of memory at once. Ask for fewer groups, columns or days."
        return QueryError("EXCEEDED_LOCAL_MEMORY_LIMIT", problem, statement)
    if isinstance(error, duckdb.IOException) and re.search("write|No space left", message):
        reason = (
            "no space is left" if "No space left" in message else str(error).partition("\n")[0].partition("{")[0][:300]
        )
        problem = f"{reason}. Free some space where results (FLOWLAKE_RESULTS) and temporary files (TMPDIR) are kept"
        return QueryError("HIVE_WRITER_DATA_ERROR", f"{problem}; then run again.", statement)
    if isinstance(error, duckdb.IOException):
        return QueryError("HIVE_CANNOT_OPEN_SPLIT", message, statement)
    if "GROUP BY clause" in message:
        return QueryError("EXPRESSION_NOT_AGGREGATE", message, statement)
    return QueryError("GENERIC_USER_ERROR", message, statement)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
