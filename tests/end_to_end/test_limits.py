"""What a statement may take: rows, memory and time; and that whoever waits for it can stop it."""

import gzip
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_bucket import NAME, SOURCE, SmallBucket, rows
from support import DAY, FEW_PACKETS, ROOT, command, day_locations, default_table, write_object

from flowlogs.errors import FlowLakeError
from flowlogs.statements import TableName, add_partitions, create_database, create_table
from pipelines.settings import Settings
from pipelines.targets import build_target
from resources.embedded import memory, session
from resources.embedded.readers import scan
from resources.engine import QueryError

ENDLESS = "SELECT count(*) FROM many a CROSS JOIN many b CROSS JOIN many c CROSS JOIN many d"
"""A statement that takes hours in DuckDB, and hardly any memory."""

FILTERED = "SELECT n FROM long WHERE n = 7"
"""A statement that reads long, and for which no row comes out."""


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> SmallBucket:
    """Tables: `many` of 20,000 numbers; `long`, of what decompresses to 3 GB; `wide`, of ten fields of 10 MB."""
    bucket = SmallBucket(tmp_path_factory.mktemp("limits"))
    bucket.create("many", "n int, s string", b"".join(b"%d x\n" % number for number in range(20_000)))
    bucket.create("wide", "n int, s string", b"".join(b"%d %s\n" % (n, b"%d" % n * 10_000_000) for n in range(10)))
    member = gzip.compress(b"1 2 3\n" * 500_000, 1)
    bucket.create("long", "n int, s string", member * 1000, name="a.gz")
    return bucket


# Rows.


@pytest.mark.parametrize("most", [0, 1, 2, 3, 4])
def test_the_first_rows_are_given_and_more_are_told(bucket: SmallBucket, most: int) -> None:
    result = bucket.engine.execute("SELECT n, s FROM many WHERE n < 3 ORDER BY n DESC", max_rows=most)
    assert rows(result) == [(2, "x"), (1, "x"), (0, "x")][:most]
    assert result.more_rows == (most < 3)


def test_a_result_that_is_asked_for_whole_has_no_more_rows(bucket: SmallBucket) -> None:
    result = bucket.engine.execute("SELECT n FROM many")
    assert (len(result.frame), result.more_rows) == (20_000, False)


def test_the_first_rows_of_a_long_object_need_little_of_it(bucket: SmallBucket) -> None:
    started = time.monotonic()
    result = bucket.engine.execute("SELECT n FROM long", max_rows=10)
    assert (rows(result), result.more_rows) == ([(1,)] * 10, True)
    assert time.monotonic() - started < 10
    assert working() == []


def working() -> list[str]:
    """The threads of statements, some of which end a moment after it."""
    deadline = time.monotonic() + 5
    while found := [thread.name for thread in threading.enumerate() if thread.name.startswith("flow-log")]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return found


# Memory.


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT a.s, b.s FROM many a CROSS JOIN many b",
        "SELECT lpad(s, 30000000, 'x') FROM many",
        "SELECT rpad(s, 30000000, 'x') || s AS s FROM many ORDER BY s",
        "SELECT array_agg(a.s) FROM wide a CROSS JOIN many b",
        "SELECT array_join(array_agg(a.s), ',') FROM wide a CROSS JOIN many b",
        "SELECT replace(s, '1', '" + "y" * 1000 + "') FROM wide",
        "SELECT sum(cardinality(split(replace(s, 'x', '" + "y" * 100_000 + "'), 'y'))) FROM many",
        *(
            "WITH t0 AS (SELECT s FROM wide), "
            + ", ".join(f"t{n + 1} AS (SELECT s || s AS s FROM t{n})" for n in range(12))
            + f" SELECT {what} FROM t12"
            for what in ("s", "max(length(s))")
        ),
    ],
    ids=lambda statement: re.sub(r"(.)\1{20,}", r"\1…", statement)[:60],
)
def test_what_needs_too_much_memory_is_refused_before_it_takes_it(bucket: SmallBucket, statement: str) -> None:
    code = f"""
import resource, sys
sys.path.insert(0, "tests")
from pathlib import Path
from flowlogs.errors import FlowLakeError
from flowlogs.statements import TableName, add_partitions, create_database, create_table
from pipelines.settings import Settings
from pipelines.targets import build_target
from resources.embedded.athena import EmbeddedAthena
from resources.embedded.folder_store import FolderStore
root = Path({str(bucket.root)!r})
store = FolderStore(root / "bucket", "FLOWLAKE_BUCKET", {SOURCE.bucket!r})
try:
    EmbeddedAthena(root / "catalog.sqlite", {{store.name: store}}, {NAME.database!r}).execute(sys.stdin.read())
except FlowLakeError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], input=statement, cwd=ROOT, text=True, capture_output=True, timeout=120
    )
    assert done.stderr == ""
    assert done.stdout.startswith("EXCEEDED_LOCAL_MEMORY_LIMIT: ")
    assert int(done.stdout.splitlines()[-1]) < 2_500_000


def test_a_text_longer_than_athenas_rows_is_refused_by_name(bucket: SmallBucket) -> None:
    for statement in ("SELECT lpad(s, 2000000000, 'x') FROM many", "SELECT rpad(s, n * 100000, 'x') FROM many"):
        with pytest.raises(QueryError, match="INVALID_FUNCTION_ARGUMENT: Target length is beyond the 32 MB"):
            bucket.rows(statement)


@pytest.mark.parametrize("length", [-1, 2**31])
def test_a_length_that_trino_refuses_is_refused(bucket: SmallBucket, length: int) -> None:
    with pytest.raises(QueryError, match=r"INVALID_FUNCTION_ARGUMENT: Target length must be in the range \[0\.\.2147"):
        bucket.rows(f"SELECT lpad(s, {length}, 'x') FROM many")


def test_a_text_is_padded_as_far_as_a_row_tells(bucket: SmallBucket) -> None:
    statement = "SELECT lpad('ab', n, 'x'), rpad('ab', CAST(n AS bigint), 'xyz') FROM many WHERE n < 5 ORDER BY n"
    assert bucket.rows(statement) == [("", ""), ("a", "a"), ("ab", "ab"), ("xab", "abx"), ("xxab", "abxy")]


def test_a_field_of_ten_megabytes_is_read_right(bucket: SmallBucket) -> None:
    assert bucket.rows("SELECT s FROM wide WHERE n = 7") == [("7" * 10_000_000,)]
    assert bucket.rows("SELECT length(s) FROM wide") == [(10_000_000,)] * 10


def test_a_line_of_very_many_fields_takes_little_memory(tmp_path: Path) -> None:
    bucket = SmallBucket(tmp_path)
    bucket.create("fields", "a int, b string", b"1 x " + b"2 " * 20_000_000 + b"\n3\n 4 y\n5 y" + b" " * 20_000_000)
    assert bucket.rows("SELECT a, b FROM fields") == [(1, "x"), (3, None), (None, "4"), (5, "y")]


def test_very_many_lines_are_decoded_a_part_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "MAX_LINES", 3)
    bucket = SmallBucket(tmp_path)
    bucket.create("lines", "a int", b"".join(b"%d\n" % number for number in range(10)) + b"\n" * 4)
    assert bucket.rows("SELECT a FROM lines") == [(number,) for number in range(10)] + [(None,)] * 4


def test_a_statement_leaves_the_process_the_memory_that_it_had(bucket: SmallBucket) -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with memory.bounded_memory(), memory.bounded_memory():
        bucket.rows("SELECT count(*) FROM many")
        assert resource.getrlimit(resource.RLIMIT_DATA)[0] > 0
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


# Time, and signals.


@pytest.fixture
def hurried(bucket: SmallBucket) -> Iterator[SmallBucket]:
    """An engine whose statements may take half a second."""
    bucket.engine.timeout_seconds = 0.5
    yield bucket
    bucket.engine.timeout_seconds = None


@pytest.mark.parametrize("query", [ENDLESS, FILTERED], ids=["joined", "scanned"])
@pytest.mark.parametrize("unloaded", [False, True], ids=["select", "unload"])
def test_a_statement_that_takes_too_long_is_stopped(hurried: SmallBucket, query: str, unloaded: bool) -> None:
    named = query.replace("count(*)", "count(*) AS c")
    statement = f"UNLOAD ({named}) TO 's3://{SOURCE.bucket}/out/' WITH (format = 'PARQUET')"
    started = time.monotonic()
    with pytest.raises(FlowLakeError) as stopped:
        hurried.engine.execute(statement if unloaded else query)
    assert str(stopped.value) == ("The query took longer than 0.5 s (FLOWLAKE_QUERY_TIMEOUT_SECONDS). It was stopped.")
    assert time.monotonic() - started < 5
    assert working() == []
    assert not (hurried.root / "bucket/out").exists()


def test_a_condition_on_partitions_that_takes_too_long_is_stopped(hurried: SmallBucket) -> None:
    hurried.add_days("2024-03-01")
    doubled = "dt"
    for _ in range(12):
        doubled = f"replace({doubled}, '0', '00000')"
    started = time.monotonic()
    with pytest.raises(FlowLakeError):
        hurried.engine.execute(f"SELECT count(*) FROM flows WHERE length({doubled}) = 1")
    assert time.monotonic() - started < 20


RUN = """
import sys
from pathlib import Path
from resources.embedded.athena import EmbeddedAthena
from resources.embedded.folder_store import FolderStore
root = Path(sys.argv[1])
store = FolderStore(root / "bucket", "FLOWLAKE_BUCKET", "flow-logs")
engine = EmbeddedAthena(root / "catalog.sqlite", {store.name: store}, "lake")
engine.execute("SELECT count(*) FROM many")
print("begun", flush=True)
try:
    engine.execute(sys.argv[2])
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("query", [ENDLESS, FILTERED], ids=["joined", "scanned"])
def test_a_signal_ends_a_statement_soon_and_leaves_nothing(
    bucket: SmallBucket, tmp_path: Path, query: str, number: signal.Signals
) -> None:
    running = subprocess.Popen(
        [sys.executable, "-c", RUN, str(bucket.root), query],
        cwd=ROOT,
        env={"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "begun\n"
    while not list(tmp_path.glob("*/scratch-*")):
        time.sleep(0.02)
    time.sleep(0.5)
    started = time.monotonic()
    running.send_signal(number)
    assert running.communicate(timeout=30)[0] == "interrupted\n"
    assert time.monotonic() - started < 5
    assert list(tmp_path.glob("*/*")) == []


def test_a_session_that_is_left_stops_its_scans(bucket: SmallBucket) -> None:
    with session.Session("SELECT 1"):
        pass
    assert working() == []


@pytest.fixture(scope="module")
def long_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of logs with one object, of what decompresses to more than 3 GB."""
    folder = tmp_path_factory.mktemp("long-logs")
    path = write_object(folder, DAY, [])
    path.write_bytes(path.read_bytes() + gzip.compress(f"{FEW_PACKETS}\n".encode() * 40_000, 1) * 1000)
    return folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("is_run", [True, False], ids=["run", "sql"])
def test_a_signal_ends_a_command_soon_and_leaves_nothing(
    project: Path, long_logs: Path, tmp_path: Path, is_run: bool, number: signal.Signals
) -> None:
    temporary, results = tmp_path / "temporary", tmp_path / "results"
    temporary.mkdir()
    settings = {"FLOWLAKE_RESULTS": results, "TMPDIR": temporary, "DAGSTER_HOME": tmp_path / "dagster"}
    cli = ("python", "-m", "pipelines.commands")
    if not is_run:
        logs = Settings(bucket=str(long_logs), results=str(results))
        engine = build_target(logs).athena
        table = TableName(logs.database, logs.table)
        source = build_target(logs).bucket.sources().sources[0]
        statements = [create_database(table.database), create_table(table, default_table(source))]
        for statement in (*statements, *add_partitions(table, day_locations(source, [DAY]))):
            engine.execute(statement)
    query = "SELECT count(*) FROM vpc_flow_logs WHERE action = 'NONE'"
    arguments = ("run", "--logs", long_logs, "--date", DAY) if is_run else ("sql", "--logs", long_logs, query)
    running = command(project, *cli, *arguments, **settings)
    while not list(temporary.glob("*/scratch-*")):
        assert running.poll() is None
        time.sleep(0.02)
    time.sleep(0.5)
    started = time.monotonic()
    running.send_signal(number)
    output, _ = running.communicate(timeout=30)
    assert running.returncode != 0, output
    assert time.monotonic() - started < 10
    assert list(temporary.glob("*/*")) == []
    assert not (results / ".being-written").exists()
