"""The embedded engine's memory: that it survives, and is shared by two runs at once."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from support import ROOT, files_in

import resources.embedded.catalog
from flowlogs.errors import FlowLakeError
from flowlogs.record_format import PARQUET
from flowlogs.statements import TableDefinition, TableName
from resources.embedded.catalog import APPLICATION_ID, Catalog, Partition
from resources.embedded.view import View

NAME = TableName("lake", "flows")
OTHER = TableName("lake", "others")
DEFINITION = TableDefinition(
    (("version", "int"), ("account", "string")),
    (("dt", "string"),),
    "s3://flow-logs/AWSLogs/",
    delimiter="\t",
    properties={"skip.header.line.count": "1"},
)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    catalog = Catalog(tmp_path / "catalog.sqlite")
    catalog.create_database("lake")
    catalog.create_table(NAME, DEFINITION)
    return catalog


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        ("database disk image is malformed", "Move it away, "),
        ("no such table: tables", "Move it away, "),
        ("database is locked", "Another program has held it for more than 60 seconds: a run, or a program "),
        ("attempt to write a readonly database", "The file, its folder or its disk is read-only. Make it writable, "),
        ("database or disk is full", "Free some space on its disk, "),
        ("disk I/O error", "Free some space on its disk, "),
        ("unable to open database file", "Make it a file, in a folder, that this user may read and write, "),
    ],
)
def test_each_fault_of_a_catalog_has_its_own_advice(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, fault: str, advice: str
) -> None:
    def refuse(*_: object, **__: object) -> sqlite3.Connection:
        raise sqlite3.OperationalError(fault)

    monkeypatch.setattr(sqlite3, "connect", refuse)
    with pytest.raises(FlowLakeError) as error:
        catalog.create_database("other")
    assert f"catalog.sqlite cannot be written: {fault}. " in str(error.value)
    assert advice in str(error.value)
    assert ("Free some space" in str(error.value)) == advice.startswith("Free some space")


def test_a_catalog_that_another_program_holds_is_told(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources.embedded.catalog, "LOCK_SECONDS", 0.01)
    with closing(sqlite3.connect(catalog.path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(FlowLakeError, match="cannot be written: database is locked. Another program has held it"):
            catalog.create_database("other")


OTHERS = {
    "tables": "CREATE TABLE bookmarks (address TEXT)",
    "a table of a name of ours": "CREATE TABLE tables (name TEXT)",
    "tables of our names": "CREATE TABLE databases (a); CREATE TABLE tables (a); CREATE TABLE partitions (a)",
    "nothing": "VACUUM",
    "a mark of its own": "PRAGMA application_id = 1",
    "a log of its own": "PRAGMA journal_mode = WAL; CREATE TABLE bookmarks (address TEXT)",
}


@pytest.mark.parametrize("kind", OTHERS)
def test_the_file_of_another_program_is_refused_and_left_as_it_is(tmp_path: Path, kind: str) -> None:
    theirs = sqlite3.connect(tmp_path / "catalog.sqlite")
    theirs.executescript(OTHERS[kind])
    if kind != "a log of its own":  # which lasts until its program lets go of the file
        theirs.close()
    before = files_in(tmp_path)
    catalog = Catalog(tmp_path / "catalog.sqlite")
    with pytest.raises(FlowLakeError, match=r"catalog.sqlite cannot be read: it is another program's, .* Move it away"):
        catalog.find_table(NAME)
    with pytest.raises(FlowLakeError, match=r"catalog.sqlite cannot be written: it is another program's, .* Move it"):
        catalog.create_database("lake")
    assert files_in(tmp_path) == before
    theirs.close()


def test_a_change_that_another_program_left_half_written_is_not_undone(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    with closing(sqlite3.connect(path)) as theirs, theirs:
        theirs.execute("CREATE TABLE databases (name TEXT)")
    assert start(HALF_WRITTEN.replace("DELETE FROM tables", "SELECT 1"), path).wait(timeout=60) == -signal.SIGKILL
    before = files_in(tmp_path)
    assert sorted(before) == ["catalog.sqlite", "catalog.sqlite-journal"]
    with pytest.raises(FlowLakeError, match="it is another program's"):
        Catalog(path).create_database("lake")
    assert files_in(tmp_path) == before


def test_a_catalog_that_an_older_version_made_is_ours(catalog: Catalog) -> None:
    with closing(sqlite3.connect(catalog.path)) as db, db:
        db.execute("PRAGMA application_id = 0")
    assert catalog.find_table(NAME) == DEFINITION
    assert catalog.create_database("other")
    assert catalog.has_database("other")


def test_a_catalog_says_whose_it_is(catalog: Catalog) -> None:
    with closing(sqlite3.connect(catalog.path)) as db:
        assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


def test_a_change_that_changes_nothing_leaves_the_file_as_it_is(catalog: Catalog) -> None:
    before = catalog.path.read_bytes()
    assert not catalog.create_database("lake")
    assert catalog.path.read_bytes() == before


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").symlink_to(tmp_path / "theirs")
    with pytest.raises(FlowLakeError, match=r"catalog.sqlite is a link, and nothing is written through one. Put the"):
        Catalog(tmp_path / "catalog.sqlite").create_database("lake")
    assert [path.name for path in tmp_path.iterdir()] == ["catalog.sqlite"]


@pytest.mark.parametrize("method", ["create_database", "drop_table"])
def test_a_catalog_with_a_second_name_is_not_written(catalog: Catalog, tmp_path: Path, method: str) -> None:
    os.link(catalog.path, tmp_path / "backup.sqlite")
    before = files_in(tmp_path)
    with pytest.raises(
        FlowLakeError, match=r"has a second name \(a hard link\), as a backup by `cp -al`.*then run again"
    ):
        getattr(catalog, method)({"create_database": "new", "drop_table": NAME}[method])
    assert files_in(tmp_path) == before


def test_a_catalog_with_a_second_name_is_read(catalog: Catalog, tmp_path: Path) -> None:
    os.link(catalog.path, tmp_path / "backup.sqlite")
    assert catalog.find_table(NAME) == DEFINITION


FOREIGN = {
    "a video": b"\0\0\0 ftypmp42" + b"precious" * 1000,
    "text": b"precious" * 1000,
    "zeros": bytes(4096),
    "short": b"\0",
}


@pytest.mark.parametrize("how", ["file", "hard link", "link"])
@pytest.mark.parametrize("ending", ["journal", "wal"])
@pytest.mark.parametrize("kind", FOREIGN)
def test_a_journal_of_others_is_left_as_it_is(
    catalog: Catalog, tmp_path: Path, kind: str, ending: str, how: str
) -> None:
    elsewhere, journal = tmp_path / "elsewhere", Path(f"{catalog.path}-{ending}")
    elsewhere.write_bytes(FOREIGN[kind])
    if how == "file":
        elsewhere.rename(journal)
    else:
        (os.link if how == "hard link" else os.symlink)(elsewhere, journal)
    before = files_in(tmp_path)
    for use in (lambda: catalog.create_database("new"), lambda: catalog.find_table(NAME)):
        with pytest.raises(FlowLakeError, match=f"{journal.name} lies where SQLite .* Move it away, then run again"):
            use()
    assert files_in(tmp_path) == before
    assert journal.is_symlink() is (how == "link")


@pytest.mark.parametrize("how", ["hard link", "link"])
def test_an_empty_journal_that_is_a_link_is_refused(catalog: Catalog, tmp_path: Path, how: str) -> None:
    journal = Path(f"{catalog.path}-journal")
    (tmp_path / "elsewhere").touch()
    (os.link if how == "hard link" else os.symlink)(tmp_path / "elsewhere", journal)
    with pytest.raises(FlowLakeError, match="lies where SQLite"):
        catalog.create_database("new")
    assert (tmp_path / "elsewhere").exists() and os.path.lexists(journal)


@pytest.mark.parametrize("synced", [False, True])
def test_a_journal_that_a_killed_run_left_is_taken_up(catalog: Catalog, synced: bool) -> None:
    pages = catalog.path.stat().st_size // 4096
    numbers = b"".join(number.to_bytes(4, "big") for number in (0, 7, pages, 512, 4096))
    magic = bytes.fromhex("d9d505f920a163d7") if synced else bytes(8)
    Path(f"{catalog.path}-journal").write_bytes((magic + numbers).ljust(512, b"\0"))
    assert catalog.create_database("new")
    assert catalog.find_table(NAME) == DEFINITION
    assert not Path(f"{catalog.path}-journal").exists()


def test_the_write_ahead_log_of_a_killed_program_is_taken_up(catalog: Catalog) -> None:
    program = (
        "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('PRAGMA journal_mode = WAL'); "
        "db.execute(\"INSERT INTO databases VALUES ('new')\"); db.commit(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(catalog.path)], check=False)
    assert Path(f"{catalog.path}-wal").stat().st_size
    assert catalog.has_database("new")
    assert catalog.create_database("newer")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_a_catalog_that_is_no_file_is_told(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "catalog.sqlite")
    with pytest.raises(FlowLakeError, match=r"catalog.sqlite cannot be written: it is not a file. Make it a file"):
        Catalog(tmp_path / "catalog.sqlite").create_database("lake")


def day(number: int) -> Partition:
    value = f"{number:05}"
    return Partition((value,), f"s3://flow-logs/{value}")


def test_a_database_is_new_once(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog.sqlite")
    assert not catalog.has_database("lake")
    assert catalog.create_database("lake")
    assert not catalog.create_database("lake")
    assert catalog.has_database("lake")


def test_a_table_is_new_once_and_stays_as_it_was_first(catalog: Catalog) -> None:
    assert not catalog.create_table(NAME, TableDefinition((), (), "s3://other/"))
    assert catalog.find_table(NAME) == DEFINITION


def test_tables_of_one_name_in_two_databases_are_two(catalog: Catalog) -> None:
    catalog.create_database("pond")
    assert catalog.find_table(TableName("pond", "flows")) is None
    assert catalog.create_table(TableName("pond", "flows"), TableDefinition((), (), "s3://pond/"))
    assert catalog.find_table(NAME) == DEFINITION


def test_a_dropped_table_takes_its_own_partitions_along(catalog: Catalog) -> None:
    catalog.create_table(OTHER, DEFINITION)
    for name in (NAME, OTHER):
        catalog.add_partitions(name, [day(1)], skip_present=False)
    assert catalog.drop_table(NAME)
    assert not catalog.drop_table(NAME)
    catalog.create_table(NAME, DEFINITION)
    assert catalog.partitions(NAME) == []
    assert catalog.partitions(OTHER) == [day(1)]


def test_partitions_come_by_value_between_the_bounds(catalog: Catalog) -> None:
    catalog.add_partitions(NAME, [day(3), day(1), day(2), day(4)], skip_present=False)
    assert catalog.partitions(NAME) == [day(1), day(2), day(3), day(4)]
    assert catalog.partitions(NAME, "00002", "00003") == [day(2), day(3)]
    assert catalog.partitions(NAME, "00003") == [day(3), day(4)]
    assert catalog.partitions(NAME, last="00001") == [day(1)]
    assert catalog.partitions(NAME, "00003", "00002") == []


def test_partitions_of_several_values_are_told_apart_by_all_of_them(catalog: Catalog) -> None:
    partitions = [Partition(("2024", month), f"s3://b/{month}") for month in ("01", '"', "é", "", "\x00")]
    assert catalog.add_partitions(NAME, partitions, skip_present=False) is None
    assert sorted(catalog.partitions(NAME, "2024", "2024"), key=repr) == sorted(partitions, key=repr)


def test_a_partition_that_is_there_is_skipped_and_keeps_its_location(catalog: Catalog) -> None:
    catalog.add_partitions(NAME, [day(1)], skip_present=False)
    assert catalog.add_partitions(NAME, [Partition(("00001",), "s3://elsewhere"), day(2)], skip_present=True) is None
    assert catalog.partitions(NAME) == [day(1), day(2)]


def test_of_partitions_of_which_one_is_there_none_is_added(catalog: Catalog) -> None:
    catalog.add_partitions(NAME, [day(2)], skip_present=False)
    assert catalog.add_partitions(NAME, [day(1), day(2), day(3)], skip_present=False) == day(2)
    assert catalog.partitions(NAME) == [day(2)]


def test_what_was_written_is_there_for_another_catalog_of_the_same_file(catalog: Catalog) -> None:
    catalog.add_partitions(NAME, [day(1)], skip_present=False)
    other = Catalog(catalog.path)
    assert other.find_table(NAME) == DEFINITION
    assert other.partitions(NAME) == [day(1)]


def test_a_table_that_an_older_version_remembered_is_one_of_text(catalog: Catalog) -> None:
    stored = {
        "columns": [["a", "int"]],
        "partition_columns": [],
        "location": "s3://b/",
        "delimiter": ",",
        "properties": {},
    }
    with sqlite3.connect(catalog.path) as db:
        db.execute("INSERT INTO tables VALUES ('lake', 'others', ?)", (json.dumps(stored),))
    db.close()
    assert catalog.find_table(OTHER) == TableDefinition((("a", "int"),), (), "s3://b/", delimiter=",")


def test_a_table_of_parquet_is_remembered_as_one(catalog: Catalog) -> None:
    definition = TableDefinition((("a", "int"),), (("dt", "string"),), "s3://b/", stored_as=PARQUET)
    catalog.create_table(OTHER, definition)
    assert catalog.find_table(OTHER) == definition


# Reading.


def test_to_look_for_something_writes_nothing(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "results" / "catalog.sqlite")
    assert not catalog.has_database("lake")
    assert catalog.find_table(NAME) is None
    assert catalog.partitions(NAME) == []
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_another_run_is_just_making_is_an_empty_catalog(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    path.touch()
    assert Catalog(path).find_table(NAME) is None
    with sqlite3.connect(path, isolation_level=None) as making:
        making.execute("BEGIN IMMEDIATE")
        making.execute("CREATE TABLE databases (name TEXT)")
        assert Catalog(path).find_table(NAME) is None
    making.close()


def test_days_are_looked_up_by_the_index(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog.add_partitions(NAME, [day(number) for number in range(10_000)], skip_present=False)
    statements: list[str] = []
    connect = sqlite3.connect

    def recording(*args: object, **kwargs: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **kwargs)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", recording)
    assert catalog.partitions(NAME, "05000", "05001") == [day(5000), day(5001)]
    monkeypatch.undo()
    (asked,) = [statement for statement in statements if "FROM partitions" in statement]
    with connect(catalog.path) as connection:
        plan = " ".join(row[-1] for row in connection.execute(f"EXPLAIN QUERY PLAN {asked}"))
    connection.close()
    assert plan == "SEARCH partitions USING PRIMARY KEY (database=? AND name=? AND first_value>? AND first_value<?)"


# Several runs at once.

ADD_DAYS = """
import sys
from pathlib import Path
from flowlogs.statements import TableName
from resources.embedded.catalog import Catalog, Partition

catalog, name = Catalog(Path(sys.argv[1])), TableName("lake", "flows")
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    value = f"{number:05}"
    catalog.add_partitions(name, [Partition((value,), f"s3://flow-logs/{value}")], skip_present=True)
    print(number, flush=True)
"""

BEGIN = """
import sys
from pathlib import Path
from flowlogs.statements import TableDefinition, TableName
from resources.embedded.catalog import Catalog

catalog = Catalog(Path(sys.argv[1]))
sys.stdin.readline()
catalog.create_database("lake")
catalog.create_table(TableName("lake", "flows"), TableDefinition((("a", "int"),), (("dt", "string"),), "s3://b/"))
assert catalog.find_table(TableName("lake", "flows"))
"""


HALF_WRITTEN = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA cache_size = 1")
db.execute("BEGIN IMMEDIATE")
db.execute("DELETE FROM tables")
for number in range(5000):
    db.execute("INSERT INTO databases VALUES (?)", (f"half-{number}",))
os.kill(os.getpid(), 9)
"""


def start(program: str, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_two_runs_add_partitions_at_once(catalog: Catalog) -> None:
    runs = [start(ADD_DAYS, catalog.path, first, first + 60) for first in (0, 30)]
    for run in runs:
        _, errors = run.communicate(timeout=120)
        assert (run.returncode, errors) == (0, "")
    assert catalog.partitions(NAME) == [day(number) for number in range(90)]


def test_runs_begin_a_catalog_at_once(tmp_path: Path) -> None:
    path = tmp_path / "results" / "catalog.sqlite"
    runs = [start(BEGIN, path) for _ in range(3)]
    for run in runs:
        assert run.stdin
        run.stdin.write("go\n")
        run.stdin.flush()
    for run in runs:
        _, errors = run.communicate(timeout=120)
        assert (run.returncode, errors) == (0, "")
    assert Catalog(path).find_table(NAME) == TableDefinition((("a", "int"),), (("dt", "string"),), "s3://b/")


def test_a_run_waits_for_another_to_finish_its_change(catalog: Catalog) -> None:
    with sqlite3.connect(catalog.path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        run = start(ADD_DAYS, catalog.path, 0, 1)
        time.sleep(1)
        assert run.poll() is None
        other.execute("ROLLBACK")
    other.close()
    assert run.communicate(timeout=120)[0] == "0\n"


def test_a_run_that_is_killed_leaves_each_change_done_or_undone(catalog: Catalog) -> None:
    run = start(ADD_DAYS, catalog.path, 0, 100_000)
    assert run.stdout
    said = [run.stdout.readline() for _ in range(20)]
    run.send_signal(signal.SIGKILL)
    said += run.communicate()[0].splitlines()
    done = len([line for line in said if line.strip()])
    assert len(catalog.partitions(NAME)) in (done, done + 1)
    assert catalog.partitions(NAME) == [day(number) for number in range(len(catalog.partitions(NAME)))]
    assert catalog.add_partitions(NAME, [day(99_999)], skip_present=False) is None


def test_a_change_that_a_killed_run_left_half_written_is_undone(catalog: Catalog) -> None:
    catalog.add_partitions(NAME, [day(1)], skip_present=False)
    assert start(HALF_WRITTEN, catalog.path).wait(timeout=60) == -signal.SIGKILL
    assert Path(f"{catalog.path}-journal").exists()
    assert catalog.find_table(NAME) == DEFINITION
    assert catalog.partitions(NAME) == [day(1)]
    assert not catalog.has_database("half-1")


# What goes wrong.


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    catalog = Catalog(tmp_path / "file" / "catalog.sqlite")
    assert catalog.find_table(NAME) is None
    with pytest.raises(FlowLakeError, match=r"file/catalog.sqlite cannot be written: .*FLOWLAKE_RESULTS"):
        catalog.create_database("lake")


def test_a_catalog_that_may_not_be_written_is_named_and_still_read(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever runs the tests may be allowed to write anywhere; SQLite is not, if it is told so.
    connect = sqlite3.connect

    def read_only(path: object, **options: object) -> sqlite3.Connection:
        return connect(path if path == ":memory:" else f"file:{path}?mode=ro", uri=True, **options)

    monkeypatch.setattr(sqlite3, "connect", read_only)
    assert catalog.find_table(NAME) == DEFINITION
    with pytest.raises(FlowLakeError, match=r"catalog.sqlite cannot be written: attempt to write a readonly database"):
        catalog.create_database("other")


def test_a_full_disk_leaves_the_catalog_as_it_was(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect

    def full(path: object, **options: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(path, **options)
        connection.execute("PRAGMA max_page_count = 1")
        return connection

    monkeypatch.setattr(sqlite3, "connect", full)
    with pytest.raises(FlowLakeError, match=r"catalog.sqlite cannot be written: database or disk is full. Free some"):
        catalog.add_partitions(NAME, [day(number) for number in range(1000)], skip_present=False)
    monkeypatch.undo()
    assert catalog.partitions(NAME) == []


@pytest.mark.parametrize("content", [b"no database at all, but quite some text" * 100, os.urandom(4096)])
def test_a_file_that_is_no_catalog_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(content)
    with pytest.raises(FlowLakeError, match=r"catalog.sqlite cannot be read: file is not a database"):
        Catalog(path).find_table(NAME)
    with pytest.raises(FlowLakeError, match=r"catalog.sqlite cannot be written: file is not a database"):
        Catalog(path).create_database("lake")
    assert path.read_bytes() == content


def test_a_catalog_of_an_older_version_gets_views_with_its_first_change(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    with closing(sqlite3.connect(path)) as db, db:
        for statement in resources.embedded.catalog._OLDEST_SCHEMA:
            db.execute(statement)
        db.execute("INSERT INTO databases VALUES ('lake')")
    before = files_in(tmp_path)
    catalog = Catalog(path)
    assert catalog.views("lake") == {}
    assert catalog.find_prepared("days") is None
    assert files_in(tmp_path) == before
    view = View("lake", "SELECT 1 AS one", (("one", "integer"),))
    assert catalog.create_view(NAME, view, replace=False)
    assert Catalog(path).find_view(NAME) == view


def test_views_tables_and_partitions_are_changed_and_listed(catalog: Catalog) -> None:
    view = View("lake", "SELECT 1 AS one", (("one", "integer"),))
    assert catalog.databases() == ["lake"]
    assert catalog.create_view(OTHER, view, replace=False)
    assert not catalog.create_view(OTHER, view, replace=False)
    other = View("other", "SELECT 2 AS two", (("two", "integer"),))
    assert catalog.create_view(OTHER, other, replace=True)
    assert catalog.views("lake") == {"others": other}
    assert catalog.tables("lake") == {"flows": DEFINITION}
    assert catalog.drop_view(OTHER)
    assert not catalog.drop_view(OTHER)
    wider = replace(DEFINITION, columns=(*DEFINITION.columns, ("more", "string")))
    assert catalog.change_table(NAME, wider)
    assert not catalog.change_table(OTHER, wider)
    assert catalog.find_table(NAME) == wider
    catalog.add_partitions(NAME, [Partition((day,), f"s3://b/{day}") for day in "abc"], skip_present=False)
    assert catalog.drop_partitions(NAME, [("a",), ("x",)], skip_missing=False) == ("x",)
    assert [partition.values for partition in catalog.partitions(NAME)] == [("a",), ("b",), ("c",)]
    assert catalog.drop_partitions(NAME, [("a",), ("x",)], skip_missing=True) is None
    assert [partition.values for partition in catalog.partitions(NAME)] == [("b",), ("c",)]
