"""The embedded engine's catalog of databases, tables, partitions, views and prepared statements: one SQLite file.

SQLite survives the process and lets two runs write at once. Each change is one transaction: a run that is killed leaves
it done or not done.
"""

import json
import os
import re
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flowlogs.errors import FlowLakeError
from flowlogs.printable import printable
from flowlogs.statements import TableDefinition, TableName
from resources.embedded.partition import Partition
from resources.embedded.view import View
from resources.engine import QueryError

LOCK_SECONDS = 60
"""How long SQLite waits while another process locks the catalog. Other waits are in resources/file_lock.py."""

_ADVICE = {
    "not a database|malformed|no such (table|column)|has \\d+ columns": (
        "It is damaged, or it is not this project's. Move it away, and the file of that name that ends in -journal, "
        "if there is one. Then run again: this creates the table and each day's partition again. Rejected flows and "
        "reports stay where they are."
    ),
    "locked": (
        f"Another program has held it for more than {LOCK_SECONDS} seconds: a run, or a program with the file open, "
        "such as a browser of SQLite files, a notebook or a backup. Wait for it or end it; then run again."
    ),
    "readonly": (
        "The file, its folder or its disk is read-only. Make it writable, or name another folder in FLOWLAKE_RESULTS; "
        "then run again."
    ),
    "full|No space left|disk I/O error": (
        "Free some space on its disk, or name another folder in FLOWLAKE_RESULTS; then run again."
    ),
}
"""What to do, by the message of SQLite or of the operating system."""

_OLDEST_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS databases (name TEXT PRIMARY KEY) WITHOUT ROWID",
    """
    CREATE TABLE IF NOT EXISTS tables (
      database TEXT NOT NULL REFERENCES databases (name),
      name TEXT NOT NULL,
      definition TEXT NOT NULL,
      PRIMARY KEY (database, name)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS partitions (
      database TEXT NOT NULL,
      name TEXT NOT NULL,
      first_value TEXT NOT NULL,
      partition_values TEXT NOT NULL,
      location TEXT NOT NULL,
      PRIMARY KEY (database, name, first_value, partition_values),
      FOREIGN KEY (database, name) REFERENCES tables (database, name) ON DELETE CASCADE
    ) WITHOUT ROWID
    """,
)
"""What catalogs of every version have. The first change by this version adds the rest."""

_SCHEMA = (
    *_OLDEST_SCHEMA,
    """
    CREATE TABLE IF NOT EXISTS views (
      database TEXT NOT NULL REFERENCES databases (name),
      name TEXT NOT NULL,
      definition TEXT NOT NULL,
      PRIMARY KEY (database, name)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE IF NOT EXISTS prepared_statements (name TEXT PRIMARY KEY, query TEXT NOT NULL) WITHOUT ROWID",
)


APPLICATION_ID = 0x56464C4B
"""The application id in a catalog's header ("VFLK"). Catalogs of older versions have 0, and our tables."""

_MAGIC = b"SQLite format 3\0"
_HEADER_LENGTH = 100
_APPLICATION_ID_AT = slice(68, 72)
"""The position of the application id in the header ("Database File Format", sqlite.org)."""

_VERSIONS_AT = slice(18, 20)
_WAL_VERSIONS = b"\2\2"
"""What the header says there of a database that has a write-ahead log. This project creates none."""

_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
_JOURNAL_HEADER_LENGTH = 28
_WAL_MAGIC = (bytes.fromhex("377f0682"), bytes.fromhex("377f0683"))
_SECTOR_SIZES = [1 << power for power in range(5, 17)]
_PAGE_SIZES = [1 << power for power in range(9, 17)]


class Catalog:
    """Databases, tables, partitions, views and prepared statements in the SQLite file at `path`.

    The first change creates the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def create_database(self, name: str) -> bool:
        """Create a database; returns whether it is new."""
        with self._changes() as db:
            return db.execute("INSERT OR IGNORE INTO databases VALUES (?)", (name,)).rowcount == 1

    def has_database(self, name: str) -> bool:
        with self._reading() as db:
            return db.execute("SELECT 1 FROM databases WHERE name = ?", (name,)).fetchone() is not None

    def databases(self) -> list[str]:
        with self._reading() as db:
            return [name for (name,) in db.execute("SELECT name FROM databases ORDER BY name")]

    def create_table(self, name: TableName, definition: TableDefinition) -> bool:
        """Create a table; returns whether it is new."""
        row = (name.database, name.table, json.dumps(asdict(definition)))
        with self._changes() as db:
            return db.execute("INSERT OR IGNORE INTO tables VALUES (?, ?, ?)", row).rowcount == 1

    def drop_table(self, name: TableName) -> bool:
        """Drop a table and its partitions; returns whether it existed."""
        with self._changes() as db:
            where = (name.database, name.table)
            return db.execute("DELETE FROM tables WHERE database = ? AND name = ?", where).rowcount == 1

    def find_table(self, name: TableName) -> TableDefinition | None:
        query = "SELECT definition FROM tables WHERE database = ? AND name = ?"
        with self._reading() as db:
            row = db.execute(query, (name.database, name.table)).fetchone()
        return _table_definition(json.loads(row[0])) if row else None

    def change_table(self, name: TableName, definition: TableDefinition) -> bool:
        """Give a table another definition; returns whether there is one of this name."""
        change = "UPDATE tables SET definition = ? WHERE database = ? AND name = ?"
        with self._changes() as db:
            changed = db.execute(change, (json.dumps(asdict(definition)), name.database, name.table))
            return changed.rowcount == 1

    def tables(self, database: str) -> dict[str, TableDefinition]:
        """The tables of a database by their names, in order; no views."""
        query = "SELECT name, definition FROM tables WHERE database = ? ORDER BY name"
        with self._reading() as db:
            return {name: _table_definition(json.loads(stored)) for name, stored in db.execute(query, (database,))}

    def create_view(self, name: TableName, view: View, *, replace: bool) -> bool:
        """Create a view, or `replace` the one that is there; returns whether it was created or replaced."""
        row = (name.database, name.table, json.dumps(asdict(view)))
        how = "INSERT OR REPLACE" if replace else "INSERT OR IGNORE"
        with self._changes() as db:
            return db.execute(f"{how} INTO views VALUES (?, ?, ?)", row).rowcount == 1

    def drop_view(self, name: TableName) -> bool:
        """Drop a view; returns whether it existed."""
        with self._changes() as db:
            where = (name.database, name.table)
            return db.execute("DELETE FROM views WHERE database = ? AND name = ?", where).rowcount == 1

    def find_view(self, name: TableName) -> View | None:
        return self.views(name.database).get(name.table)

    def views(self, database: str) -> dict[str, View]:
        """The views of a database by their names, in order."""
        query = "SELECT name, definition FROM views WHERE database = ? ORDER BY name"
        with self._reading() as db:
            stored = db.execute(query, (database,)).fetchall() if "views" in _tables(db) else []
        return {name: _view(json.loads(definition)) for name, definition in stored}

    def prepare(self, name: str, query: str) -> bool:
        """Keep a prepared statement; returns whether its name is new."""
        with self._changes() as db:
            row = (name, query)
            return db.execute("INSERT OR IGNORE INTO prepared_statements VALUES (?, ?)", row).rowcount == 1

    def deallocate(self, name: str) -> bool:
        """Remove a prepared statement; returns whether it existed."""
        with self._changes() as db:
            return db.execute("DELETE FROM prepared_statements WHERE name = ?", (name,)).rowcount == 1

    def find_prepared(self, name: str) -> str | None:
        """The query of a prepared statement."""
        query = "SELECT query FROM prepared_statements WHERE name = ?"
        with self._reading() as db:
            row = db.execute(query, (name,)).fetchone() if "prepared_statements" in _tables(db) else None
        return row[0] if row else None

    def add_partitions(self, name: TableName, partitions: Sequence[Partition], skip_present: bool) -> Partition | None:
        """Add partitions in one transaction.

        A partition that exists is skipped. Without `skip_present` it is returned, and none is added.
        """
        with self._changes() as db:
            for partition in partitions:
                row = (name.database, name.table, partition.values[0], json.dumps(partition.values), partition.location)
                added = db.execute("INSERT OR IGNORE INTO partitions VALUES (?, ?, ?, ?, ?)", row).rowcount
                if not added and not skip_present:
                    db.rollback()
                    return partition
        return None

    def drop_partitions(
        self, name: TableName, partitions: Sequence[tuple[str, ...]], *, skip_missing: bool
    ) -> tuple[str, ...] | None:
        """Drop partitions, which their values name, in one transaction. Their objects stay.

        A partition that does not exist is skipped. Without `skip_missing` its values are returned, and none is dropped.
        """
        drop = "DELETE FROM partitions WHERE database = ? AND name = ? AND first_value = ? AND partition_values = ?"
        with self._changes() as db:
            for values in partitions:
                row = (name.database, name.table, values[0], json.dumps(values))
                if not db.execute(drop, row).rowcount and not skip_missing:
                    db.rollback()
                    return values
        return None

    def set_partition_location(self, name: TableName, partition: Partition) -> bool:
        """Set the location of the partition with these values; returns whether it exists."""
        where = (name.database, name.table, partition.values[0], json.dumps(partition.values))
        change = "UPDATE partitions SET location = ? WHERE database = ? AND name = ? AND first_value = ?"
        with self._changes() as db:
            return db.execute(f"{change} AND partition_values = ?", (partition.location, *where)).rowcount == 1

    def partitions(self, name: TableName, first: str | None = None, last: str | None = None) -> list[Partition]:
        """The partitions whose first value is from `first` to `last` (inclusive; None: no bound), in order."""
        query = "SELECT partition_values, location FROM partitions WHERE database = ? AND name = ?"
        parameters = [name.database, name.table]
        for bound, condition in ((first, " AND first_value >= ?"), (last, " AND first_value <= ?")):
            if bound is not None:
                query += condition
                parameters.append(bound)
        with self._reading() as db:
            rows = db.execute(f"{query} ORDER BY first_value, partition_values", parameters).fetchall()
        return [Partition(tuple(json.loads(values)), location) for values, location in rows]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            self._require_own_files(is_written=False)
            self._require_ours("read")
            with closing(self._connect()) as db, closing(sqlite3.connect(":memory:")) as empty:
                if db.execute("SELECT 1 FROM sqlite_master").fetchone():
                    yield db
                else:
                    # Reading must not write: before anything was created, an empty catalog in memory is read.
                    _create_schema(empty)
                    yield empty
        except (sqlite3.Error, OSError) as error:
            raise self._failure("read", error) from error

    @contextmanager
    def _changes(self) -> Iterator[sqlite3.Connection]:
        try:
            if self.path.is_symlink():
                raise FlowLakeError(
                    f"The catalog {printable(str(self.path))} is a link, and nothing is written through one. Put the "
                    "file itself there, or name another folder in FLOWLAKE_RESULTS; then run again."
                )
            self._require_own_files(is_written=True)
            self._require_ours("written")
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=LOCK_SECONDS, isolation_level=None)) as db:
                db.execute("PRAGMA foreign_keys = ON")
                db.execute("BEGIN IMMEDIATE")
                _create_schema(db)
                yield db
                if db.in_transaction:
                    db.commit()
        except (sqlite3.Error, OSError) as error:
            raise self._failure("written", error) from error

    def _require_own_files(self, *, is_written: bool) -> None:
        """Raise FlowLakeError if SQLite would write into, or remove, a file that may be somebody else's.

        SQLite writes in place, so that a second name (hard link) of the catalog shows each change. It plays a file
        that has the journal's name back into the catalog, also where the catalog is only read, and then removes it.
        """
        real = Path(os.path.realpath(self.path))
        is_wal = _header(real)[_VERSIONS_AT] == _WAL_VERSIONS
        endings = ("-journal", "-wal", "-shm") if is_wal else ("-journal", "-wal")
        beside = [path for ending in endings if os.path.lexists(path := Path(f"{real}{ending}"))]
        if (is_written or beside) and _link_count(real) > 1:
            raise FlowLakeError(
                f"The catalog {printable(str(self.path))} has a second name (a hard link), as a backup by `cp -al` "
                "gives it, and writing would change both. Put a copy in its place (cp it to another name, then mv that "
                "over it), or name another folder in FLOWLAKE_RESULTS; then run again."
            )
        for path in beside:
            if not _is_own_file(path, is_wal):
                raise FlowLakeError(
                    f"{printable(str(path))} lies where SQLite keeps changes of the catalog that are not done yet, and "
                    "is not one of its files: it would be written over or removed. Move it away, then run again."
                )

    def _require_ours(self, done: str) -> None:
        """Raise FlowLakeError if the file is another program's.

        Its header is read first, without SQLite, which may write to a file as soon as it opens it.
        """
        header = _header(self.path)
        if not header.startswith(_MAGIC) or int.from_bytes(header[_APPLICATION_ID_AT], "big") == APPLICATION_ID:
            return  # no file, or no database (which SQLite refuses), or ours
        address = f"{self.path.absolute().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(address, uri=True)) as db, closing(sqlite3.connect(":memory:")) as ours:
            for statement in _OLDEST_SCHEMA:
                ours.execute(statement)
            if not _tables(ours).items() <= _tables(db).items():
                raise FlowLakeError(
                    f"The catalog {printable(str(self.path))} cannot be {done}: it is another program's, with none of "
                    "this project's tables. Move it away, or name another folder in FLOWLAKE_RESULTS; then run again."
                )

    def _connect(self) -> sqlite3.Connection:
        try:
            is_there = self.path.exists()
        except OSError as error:  # a folder above may not be entered
            raise self._failure("read", error) from error
        return sqlite3.connect(self.path if is_there else ":memory:", timeout=LOCK_SECONDS)

    def _failure(self, done: str, error: Exception) -> FlowLakeError:
        where = printable(str(self.path))
        what = f"The catalog {where} cannot be {done}: {printable(str(error))}."
        for words, advice in _ADVICE.items():
            if re.search(words, str(error)):
                return FlowLakeError(f"{what} {advice}")
        return FlowLakeError(
            f"{what} Make it a file, in a folder, that this user may read and write, or name another folder in "
            "FLOWLAKE_RESULTS; then run again."
        )


def _create_schema(db: sqlite3.Connection) -> None:
    for statement in _SCHEMA:
        db.execute(statement)
    if db.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _header(path: Path) -> bytes:
    """The first bytes of a file; empty if there is no file."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return b""
    if not stat.S_ISREG(found.st_mode):
        raise OSError("it is not a file")
    with path.open("rb") as file:
        return file.read(_HEADER_LENGTH)


def _link_count(path: Path) -> int:
    """How many names a file has; none where it is missing, or is not a file."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return 0
    return found.st_nlink if stat.S_ISREG(found.st_mode) else 0


def _is_own_file(path: Path, is_wal: bool) -> bool:
    """Whether a file beside a database is what SQLite makes there, also where its process was killed.

    A file that another process has just removed is. See "Database File Format" (sqlite.org), sections 3 and 4: until
    the first sync, the journal's magic number and the count behind it are zeros.
    """
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            return False
        with path.open("rb") as file:
            header = file.read(_JOURNAL_HEADER_LENGTH)
    except FileNotFoundError:
        return True
    if path.name.endswith("-journal"):
        sector, page = (int.from_bytes(header[at : at + 4], "big") for at in (20, 24))
        begins = header.startswith(_JOURNAL_MAGIC) or not any(header[:12])
        return not header or (begins and sector in _SECTOR_SIZES and page in _PAGE_SIZES)
    if path.name.endswith("-wal"):
        return is_wal and (not header or header.startswith(_WAL_MAGIC))
    return True


def _tables(db: sqlite3.Connection) -> dict[str, list[str]]:
    """Each table's columns."""
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    query = "SELECT name FROM pragma_table_info(?)"
    return {name: [column for (column,) in db.execute(query, (name,))] for name in names}


def _table_definition(stored: dict[str, Any]) -> TableDefinition:
    for columns in ("columns", "partition_columns"):
        stored[columns] = tuple((column, hive_type) for column, hive_type in stored[columns])
    return TableDefinition(**stored)


def _view(stored: dict[str, Any]) -> View:
    return View(stored["database"], stored["text"], tuple((column, kind) for column, kind in stored["columns"]))


def no_table(name: TableName, statement: str) -> QueryError:
    return QueryError("SemanticException", f"[Error 10001]: Table not found {name.database}.{name.table}.", statement)


def require_database(database: str, catalog: Catalog, statement: str) -> None:
    """Raise QueryError where the catalog has no such database."""
    if not catalog.has_database(database):
        raise QueryError("SCHEMA_NOT_FOUND", f"Database {database} does not exist.", statement)
