"""UNLOAD and the tables of Parquet, which are how a scan's rows are kept: what is written, what is read of it again."""

import gzip
import tempfile
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_bucket import BY_DAY, NAME, SOURCE, TwoBuckets, record
from support import files_in

from flowlogs.errors import FlowLakeError
from resources.bucket import ObjectStore
from resources.embedded import session
from resources.embedded.folder_store import FolderStore
from resources.engine import QueryError

WHOLE = "WITH (format = 'PARQUET')"


@pytest.fixture
def bucket(tmp_path: Path) -> TwoBuckets:
    """Three days: of the second, nothing is rejected; the third has no objects."""
    bucket = TwoBuckets(tmp_path)
    bucket.put_day("2024-03-01", [record(1), record(2, action="ACCEPT"), record(3, packets="-")])
    bucket.put_day("2024-03-01", [record(4)], "b.log.gz")
    bucket.put_day("2024-03-02", [record(5, action="ACCEPT")])
    bucket.add_days("2024-03-03")
    return bucket


# UNLOAD


def test_rows_are_unloaded_into_a_folder_for_each_partition_that_has_some(bucket: TwoBuckets) -> None:
    bucket.put_day("2024-03-04", [record(6)])
    bucket.unload("SELECT interfaceid, numpackets, dt FROM flows WHERE action = 'REJECT'")
    assert bucket.unloaded() == {
        "dt=2024-03-01": [
            {"interfaceid": "eni-1", "numpackets": 1},
            {"interfaceid": "eni-3", "numpackets": None},
            {"interfaceid": "eni-4", "numpackets": 4},
        ],
        "dt=2024-03-04": [{"interfaceid": "eni-6", "numpackets": 6}],
    }
    assert sorted(path.name for path in (bucket.results / "out").iterdir()) == ["dt=2024-03-01", "dt=2024-03-04"]


def test_an_unload_gives_no_rows_and_the_bytes_of_the_objects_that_were_read(bucket: TwoBuckets) -> None:
    result = bucket.unload("SELECT version, dt FROM flows WHERE dt = '2024-03-01' AND action = 'REJECT'")
    assert result.frame.shape == (0, 0)
    assert sorted(bucket.store.opened) == ["a.log.gz", "b.log.gz"]
    day = bucket.root / "bucket" / SOURCE.day_prefix(date(2024, 3, 1))
    assert result.scanned_bytes == sum(path.stat().st_size for path in day.iterdir())


def test_the_columns_of_the_files_have_their_types(bucket: TwoBuckets) -> None:
    bucket.unload(
        "SELECT sum(numpackets) AS packets, count(*) AS number, max(protocol) AS protocol, avg(numbytes) AS mean, "
        "max(action) AS action, max(CAST(version AS tinyint)) AS version, bool_and(logstatus = 'OK') AS good, dt "
        "FROM flows GROUP BY dt"
    )
    (path,) = (bucket.results / "out/dt=2024-03-02").iterdir()
    # A sum is a bigint in Trino, and 128 bits wide in DuckDB.
    assert {field.name: str(field.type) for field in pq.read_schema(path)} == {
        "packets": "int64",
        "number": "int64",
        "protocol": "int32",
        "mean": "double",
        "action": "string",
        "version": "int8",
        "good": "bool",
    }
    assert bucket.unloaded()["dt=2024-03-02"] == [
        {"packets": 5, "number": 1, "protocol": 6, "mean": 200.0, "action": "ACCEPT", "version": 2, "good": True}
    ]


def test_a_sum_that_fits_no_bigint_fails_and_leaves_nothing(bucket: TwoBuckets) -> None:
    with pytest.raises(QueryError):
        bucket.unload("SELECT sum(numbytes + 9223372036854775000) AS much, dt FROM flows GROUP BY dt")
    assert bucket.written() == []


@pytest.mark.parametrize(
    ("compression", "stored"), [("", "GZIP"), ("ZSTD", "ZSTD"), ("SNAPPY", "SNAPPY"), ("NONE", "UNCOMPRESSED")]
)
def test_files_are_compressed_as_the_statement_says(bucket: TwoBuckets, compression: str, stored: str) -> None:
    option = f", compression = '{compression}'" if compression else ""
    bucket.unload("SELECT account FROM flows", options=f"WITH (format = 'PARQUET'{option})")
    (path,) = (bucket.results / "out").iterdir()
    assert pq.read_metadata(path).row_group(0).column(0).compression == stored


def test_an_unload_without_partitions_is_one_folder(bucket: TwoBuckets) -> None:
    bucket.unload("SELECT dt, count(*) AS n FROM flows GROUP BY dt", options=WHOLE)
    assert bucket.unloaded() == {".": [{"dt": "2024-03-01", "n": 4}, {"dt": "2024-03-02", "n": 1}]}


def test_an_unload_of_a_join_or_of_no_table_is_one_folder(bucket: TwoBuckets) -> None:
    bucket.unload("SELECT count(*) AS n FROM flows f JOIN flows g ON f.dt = g.dt", options=WHOLE)
    bucket.unload("SELECT 1 AS one, '2' AS two", folder="other", options=WHOLE)
    assert bucket.unloaded() == {".": [{"n": 17}]}
    assert bucket.unloaded("other") == {".": [{"one": 1, "two": "2"}]}


def test_an_unload_by_partition_adds_to_what_is_there(bucket: TwoBuckets) -> None:
    for _ in range(2):
        bucket.unload("SELECT version, dt FROM flows WHERE action = 'REJECT'")
    assert [path.parent.name for path in (bucket.results / "out").rglob("*.parquet")] == ["dt=2024-03-01"] * 2


def test_an_unload_without_partitions_into_a_folder_that_has_something_is_refused(bucket: TwoBuckets) -> None:
    bucket.unload("SELECT version FROM flows", options=WHOLE)
    before = bucket.written()
    with pytest.raises(QueryError, match="HIVE_PATH_ALREADY_EXISTS: Target directory s3://results/out/ is not empty"):
        bucket.unload("SELECT version FROM flows", options=WHOLE)
    assert bucket.written() == before
    # A folder whose name only begins like it is another one.
    bucket.unload("SELECT version FROM flows", folder="ou", options=WHOLE)


def add_days(bucket: TwoBuckets, count: int) -> list[str]:
    """Days with one REJECT record each."""
    days = [str(date(2021, 1, 1) + timedelta(number)) for number in range(count)]
    for day in days:
        bucket.put(f"{SOURCE.day_prefix(date.fromisoformat(day))}a.log", f"header\n{record(1)}\n".encode())
    bucket.add_days(*days)
    return days


def test_a_hundred_partitions_are_unloaded_and_one_more_is_refused_and_leaves_nothing(bucket: TwoBuckets) -> None:
    days = add_days(bucket, 100)
    query = "SELECT numpackets, dt FROM flows WHERE action = 'REJECT' AND dt {} '2024-03-01'"
    # Partitions without rows do not count.
    bucket.unload(query.format("<>"))
    assert bucket.unloaded() == {f"dt={day}": [{"numpackets": 1}] for day in days}
    with pytest.raises(QueryError, match="HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100 open writers"):
        bucket.unload(query.format("<="), folder="more")
    assert sorted(path.name for path in bucket.results.iterdir()) == [".lock", "out"]


def test_a_damaged_object_leaves_nothing_of_the_days_before_it(bucket: TwoBuckets) -> None:
    broken = gzip.compress("".join(f"{record(n)}\n" for n in range(1000)).encode())[:-20]
    bucket.put(SOURCE.day_prefix(date(2024, 3, 3)) + "broken.log.gz", broken)
    with pytest.raises(FlowLakeError, match=r"broken\.log\.gz cannot be read to its end"):
        bucket.unload("SELECT numpackets, dt FROM flows WHERE action = 'REJECT'")
    assert bucket.written() == []


def test_a_value_that_cannot_be_cast_leaves_nothing(bucket: TwoBuckets) -> None:
    with pytest.raises(QueryError, match="INVALID_CAST_ARGUMENT: Cannot cast 'eni-"):
        bucket.unload("SELECT CAST(interfaceid AS bigint) AS n, dt FROM flows")
    assert bucket.written() == []


def test_partitions_of_several_columns_are_folders_in_folders(tmp_path: Path) -> None:
    bucket = TwoBuckets(tmp_path)
    bucket.engine.execute(
        "CREATE EXTERNAL TABLE hours (number int) PARTITIONED BY (year string, hour string) "
        "ROW FORMAT DELIMITED FIELDS TERMINATED BY ' ' LOCATION 's3://flow-logs/hours'"
    )
    for number, (year, hour) in enumerate((("2023", "a b"), ("2023", "c'd"), ("2024", "a b"))):
        bucket.put(f"hours/{number}/a", f"{number}\n".encode())
        values = f"year='{year}', hour=\"{hour}\""
        bucket.engine.execute(f"ALTER TABLE hours ADD PARTITION ({values}) LOCATION 's3://flow-logs/hours/{number}'")
    by = "WITH (format = 'PARQUET', partitioned_by = ARRAY[{}])"
    bucket.unload("SELECT number, hour, year FROM hours", options=by.format("'hour', 'year'"))
    assert bucket.unloaded() == {
        "hour=a%20b/year=2023": [{"number": 0}],
        "hour=a%20b/year=2024": [{"number": 2}],
        "hour=c%27d/year=2023": [{"number": 1}],
    }
    bucket.unload("SELECT count(*) AS n, hour FROM hours GROUP BY hour", folder="few", options=by.format("'hour'"))
    assert bucket.unloaded("few") == {"hour=a%20b": [{"n": 2}], "hour=c%27d": [{"n": 1}]}


@pytest.mark.parametrize("value", ["a/b", "..", "."])
def test_a_partitions_value_names_one_folder_and_leads_nowhere_else(tmp_path: Path, value: str) -> None:
    bucket = TwoBuckets(tmp_path)
    bucket.put("odd/a", f"header\n{record(1)}\n".encode())
    bucket.engine.execute(f"ALTER TABLE flows ADD PARTITION (dt='{value}') LOCATION 's3://flow-logs/odd'")
    bucket.unload("SELECT numpackets, dt FROM flows")
    (path,) = (bucket.results / "out").rglob("*.parquet")
    assert path.parent.parent == bucket.results / "out"
    assert path.parent.name == {"a/b": "dt=a%2Fb", "..": "dt=..", ".": "dt=."}[value]


def test_a_bucket_that_the_engine_does_not_know_is_named(bucket: TwoBuckets) -> None:
    with pytest.raises(FlowLakeError, match=r"s3://other/x/ lies in a bucket that this engine does not know"):
        bucket.engine.execute(f"UNLOAD (SELECT version, dt FROM flows) TO 's3://other/x/' {BY_DAY}")


@pytest.mark.parametrize("location", ["s3://results/../x/", "s3://results//x", "/tmp/x", "s3://results/a/./b"])
def test_a_destination_that_is_no_place_in_a_bucket_is_refused(bucket: TwoBuckets, location: str) -> None:
    with pytest.raises(FlowLakeError, match="is no location of objects"):
        bucket.engine.execute(f"UNLOAD (SELECT version, dt FROM flows) TO '{location}' {BY_DAY}")
    assert bucket.written() == []


def test_what_is_unloaded_is_read_again_as_a_table(bucket: TwoBuckets) -> None:
    bucket.unload("SELECT * FROM flows WHERE action = 'REJECT'")
    flows = bucket.engine.find_table(NAME)
    assert flows
    bucket.parquet_table("out", ", ".join(f"{name} {kind}" for name, kind in flows.columns), "dt string")
    bucket.engine.execute("ALTER TABLE out ADD PARTITION (dt='2024-03-01') PARTITION (dt='2024-03-02')")
    for query in (
        "SELECT * FROM {} WHERE dt = '2024-03-01' AND action = 'REJECT' ORDER BY interfaceid",
        "SELECT dt, count(*), sum(numbytes) FROM {} WHERE action = 'REJECT' GROUP BY dt",
    ):
        out, text = (bucket.engine.execute(query.format(table)).frame for table in ("out", "flows"))
        assert list(out.dtypes.items()) == list(text.dtypes.items())
        assert bucket.rows(query.format("out")) == bucket.rows(query.format("flows"))


# Tables of Parquet


def test_columns_are_found_by_their_names_and_those_that_are_missing_are_null(tmp_path: Path) -> None:
    bucket = TwoBuckets(tmp_path)
    bucket.parquet_table("t", "a int, b string, c bigint")
    bucket.put_parquet("t/1", c=pa.array([3], pa.int64()), other=pa.array([0]), a=pa.array([1], pa.int32()))
    bucket.put_parquet("t/2", b=pa.array(["b"]), a=pa.array([2], pa.int64()))
    assert bucket.rows("SELECT * FROM t ORDER BY a") == [(1, None, 3), (2, "b", None)]
    types = [str(kind) for kind in bucket.engine.execute("SELECT * FROM t").frame.dtypes]
    assert types == ["Int32", "string", "Int64"]


def test_a_column_that_no_file_has_is_null(tmp_path: Path) -> None:
    bucket = TwoBuckets(tmp_path)
    bucket.parquet_table("t", "a int, b string, c bigint")
    bucket.put_parquet("t/1", c=pa.array([3, 4]))
    assert bucket.rows("SELECT a, b FROM t") == [(None, None)] * 2
    assert bucket.rows("SELECT count(*), count(b) FROM t") == [(2, 0)]


def test_a_partition_column_comes_from_the_catalog_and_not_from_a_file_or_its_path(tmp_path: Path) -> None:
    bucket = TwoBuckets(tmp_path)
    bucket.parquet_table("t", "a int", "dt string, hour int")
    bucket.put_parquet("t/dt=wrong/1", a=pa.array([1]), dt=pa.array(["wrong"]))
    bucket.engine.execute("ALTER TABLE t ADD PARTITION (dt='right', hour='07') LOCATION 's3://results/t/dt=wrong'")
    assert bucket.rows("SELECT * FROM t") == [(1, "right", 7)]


def test_only_files_of_partitions_that_the_conditions_leave_are_read(tmp_path: Path) -> None:
    bucket = TwoBuckets(tmp_path)
    bucket.parquet_table("t", "a int", "dt string")
    for number, day in enumerate(("2024-03-01", "2024-03-02", "2024-03-03")):
        bucket.put_parquet(f"t/dt={day}/{day}", a=pa.array([number]))
        bucket.engine.execute(f"ALTER TABLE t ADD PARTITION (dt='{day}')")
    (bucket.results / "t/dt=2024-03-03/2024-03-03").write_bytes(b"no Parquet")
    assert bucket.rows("SELECT a, dt FROM t WHERE dt < '2024-03-03' AND dt > '2024-03-01'") == [(1, "2024-03-02")]
    assert bucket.made.opened == ["2024-03-02"]


@pytest.mark.parametrize("name", ["it's", "a b", "[x]", "a*b?", "{c}", 'qu"ote', "é😀", "%20", "a\\b", "1,2", "#;~"])
def test_files_are_found_whatever_their_folders_are_called(tmp_path: Path, name: str) -> None:
    bucket = TwoBuckets(tmp_path / name, results=f"results {name}")
    bucket.put_day("2024-03-01", [record(1)])
    bucket.put_day("2024-03-02", [record(2)])
    bucket.unload("SELECT numpackets, dt FROM flows")
    bucket.parquet_table("out", "numpackets int", "dt string")
    bucket.engine.execute("ALTER TABLE out ADD PARTITION (dt='2024-03-01') PARTITION (dt='2024-03-02')")
    bucket.put_parquet(f"out/dt=2024-03-02/{name}.parquet", numpackets=pa.array([3]))
    assert bucket.rows("SELECT numpackets, dt FROM out ORDER BY 1") == [
        (1, "2024-03-01"),
        (2, "2024-03-02"),
        (3, "2024-03-02"),
    ]


def test_a_files_name_is_no_pattern_for_others(tmp_path: Path) -> None:
    bucket = TwoBuckets(tmp_path)
    bucket.parquet_table("t", "a int", "dt string")
    for number, name in enumerate(("*/x", "b/x", "[b]/x", "?/x")):
        bucket.put_parquet(f"t/{name}", a=pa.array([number]))
    bucket.engine.execute(
        "ALTER TABLE t ADD PARTITION (dt='1') LOCATION 's3://results/t/*' "
        "PARTITION (dt='2') LOCATION 's3://results/t/[b]' PARTITION (dt='3') LOCATION 's3://results/t/?'"
    )
    assert bucket.rows("SELECT dt, a FROM t ORDER BY dt") == [("1", 0), ("2", 2), ("3", 3)]


@pytest.mark.parametrize(
    "data",
    [b"", b"no Parquet", b"PAR1" + bytes(20), gzip.compress(b"1\n", mtime=0)],
    ids=["nothing", "text", "cut off", "gzip"],  # the same in every process that collects tests
)
def test_a_file_that_is_no_parquet_is_named(tmp_path: Path, data: bytes) -> None:
    bucket = TwoBuckets(tmp_path)
    bucket.parquet_table("t", "a int")
    bucket.put_parquet("t/1", a=pa.array([1]))
    (bucket.results / "t/2").write_bytes(data)
    with pytest.raises(FlowLakeError, match="results/t/2 cannot be read as Parquet"):
        bucket.rows("SELECT a FROM t")


def test_a_file_whose_rows_are_damaged_stops_the_query(tmp_path: Path) -> None:
    bucket = TwoBuckets(tmp_path)
    bucket.parquet_table("t", "a string")
    path = bucket.put_parquet("t/1", a=pa.array([f"{n:05}" for n in range(10_000)]))
    path.write_bytes(b"PAR1" + bytes(2000) + path.read_bytes()[2004:])
    with pytest.raises(FlowLakeError, match="results/t/1 cannot be read to its end: "):
        bucket.rows("SELECT max(a) FROM t")


@pytest.mark.parametrize("byte", [0x0F, 0x6C, 0xFF])
def test_whatever_byte_of_a_file_is_damaged_the_error_names_the_file(tmp_path: Path, byte: int) -> None:
    bucket = TwoBuckets(tmp_path)
    bucket.parquet_table("t", "a bigint")
    path = bucket.put_parquet("t/1", a=pa.array(range(100)))
    whole, refused = path.read_bytes(), []
    for place in range(4, 40):
        path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
        try:
            bucket.rows("SELECT max(a) FROM t")
        except FlowLakeError as error:
            refused.append(str(error))
    assert len(refused) > 5
    assert [text for text in refused if "results/t/1" not in text] == []


@pytest.mark.parametrize("partitioned_by", ["", "dt string"])
def test_a_table_without_files_gives_no_rows_of_the_right_types(tmp_path: Path, partitioned_by: str) -> None:
    bucket = TwoBuckets(tmp_path)
    bucket.parquet_table("t", "a int, b string, c bigint", partitioned_by)
    if partitioned_by:
        bucket.engine.execute("ALTER TABLE t ADD PARTITION (dt='a') LOCATION 's3://results/nowhere/'")
    result = bucket.engine.execute("SELECT * FROM t")
    types = [str(kind) for kind in result.frame.dtypes]
    assert types == ["Int32", "string", "Int64", *(["string"] if partitioned_by else [])]
    assert (len(result.frame), result.scanned_bytes) == (0, 0)
    assert bucket.rows("SELECT count(*), sum(a) FROM t") == [(0, None)]


def test_an_invisible_file_is_not_read(tmp_path: Path) -> None:
    bucket = TwoBuckets(tmp_path)
    bucket.parquet_table("t", "a int")
    for name in ("1", "_2", ".3", "_deep/4"):
        bucket.put_parquet(f"t/{name}", a=pa.array([1]))
    assert bucket.rows("SELECT count(*) FROM t") == [(1,)]


def test_only_the_columns_that_are_read_count_as_scanned(tmp_path: Path) -> None:
    bucket = TwoBuckets(tmp_path)
    bucket.parquet_table("t", "a int, b string")
    path = bucket.put_parquet("t/1", a=pa.array(range(1000)), b=pa.array([f"{n:0100}" for n in range(1000)]))
    stored = pq.read_metadata(path).row_group(0)
    a, b = (stored.column(number).total_compressed_size for number in range(2))
    assert b > a > 0
    for query, size in (
        ("SELECT sum(a) FROM t", a),
        ("SELECT max(b) FROM t", b),
        ("SELECT * FROM t", a + b),
        ("SELECT count(*) FROM t", 0),
        ("SELECT count(*) FROM t x JOIN t y ON x.a = y.a", 2 * a),
    ):
        assert bucket.engine.execute(query).scanned_bytes == size, query


def test_tables_of_parquet_and_of_text_are_read_together(bucket: TwoBuckets) -> None:
    bucket.parquet_table("names", "id string, name string")
    bucket.put_parquet("names/1", id=pa.array(["eni-1", "eni-9"]), name=pa.array(["one", "nine"]))
    query = "SELECT f.dt, n.name FROM flows f JOIN names n ON f.interfaceid = n.id"
    assert bucket.rows(query) == [("2024-03-01", "one")]


def test_parquet_is_unloaded_too(tmp_path: Path) -> None:
    bucket = TwoBuckets(tmp_path)
    bucket.parquet_table("t", "a int", "dt string")
    for day in ("2024-03-01", "2024-03-02"):
        bucket.put_parquet(f"t/dt={day}/1", a=pa.array([int(day[-1])]))
        bucket.engine.execute(f"ALTER TABLE t ADD PARTITION (dt='{day}')")
    bucket.unload("SELECT a + 1 AS b, dt FROM t")
    assert bucket.unloaded() == {"dt=2024-03-01": [{"b": 2}], "dt=2024-03-02": [{"b": 3}]}


class FarAway(FolderStore):
    """A place whose objects are not told to be files, as those in S3 are none."""

    local_file = ObjectStore.local_file


def test_a_store_whose_objects_are_no_files_is_read_through_copies(tmp_path: Path) -> None:
    bucket = TwoBuckets(tmp_path)
    bucket.engine.buckets = {**bucket.engine.buckets, "results": FarAway(bucket.results, "", "results")}
    bucket.parquet_table("t", "a int")
    bucket.put_parquet("t/it's [1]", a=pa.array([1]))
    assert bucket.rows("SELECT a FROM t") == [(1,)]


# Queries that do not fit into memory


SORTED = "SELECT a, b FROM wide ORDER BY b"
COUNTED = "SELECT sum(n) AS n, count(*) AS texts FROM (SELECT b, count(*) AS n FROM wide GROUP BY b)"
ROWS = 400_000
OTHER_SETTINGS = [setting for setting in session._SETTINGS if not setting.startswith("memory_limit")]


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> TwoBuckets:
    """A table of 60 MB: lines of 150 characters, all different, in no order."""
    bucket = TwoBuckets(tmp_path_factory.mktemp("wide"))
    lines = b"".join(b"%d|%0143d\n" % (n, n * 7919 % ROWS) for n in range(ROWS))
    bucket.create("wide", "a int, b string", gzip.compress(lines, 1), delimiter="|", name="a.gz")
    return bucket


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, of this test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def set_memory(monkeypatch: pytest.MonkeyPatch, *more: str) -> None:
    monkeypatch.setattr(session, "_SETTINGS", (*OTHER_SETTINGS, "memory_limit = '80MB'", "threads = 2", *more))


@pytest.mark.parametrize("query", [SORTED, COUNTED], ids=["sorted", "grouped"])
def test_a_query_that_does_not_fit_into_memory_is_spilled_and_leaves_no_file(
    wide: TwoBuckets, temporary: Path, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    set_memory(monkeypatch, "max_temp_directory_size = '0KB'")
    with pytest.raises(
        QueryError, match=f"EXCEEDED_SPILL_LIMIT: there is no room .* Free some space in {temporary}, or"
    ):
        wide.engine.execute(query)
    set_memory(monkeypatch)
    frame = wide.engine.execute(query).frame
    if query == COUNTED:
        assert frame.to_numpy().tolist() == [[ROWS, ROWS]]
    else:
        assert frame["b"].tolist() == [f"{n:0143}" for n in range(ROWS)]
    assert list(temporary.glob("*/*")) == []


def test_an_unload_that_does_not_fit_into_memory_is_spilled_and_leaves_no_file(
    wide: TwoBuckets, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_memory(monkeypatch)
    wide.unload(COUNTED, options=WHOLE)
    assert wide.unloaded() == {".": [{"n": ROWS, "texts": ROWS}]}
    assert list(temporary.glob("*/*")) == []


def test_a_query_that_needs_more_memory_at_once_than_there_is_says_so(
    wide: TwoBuckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_SETTINGS", (*OTHER_SETTINGS, "memory_limit = '3MB'", "threads = 2"))
    with pytest.raises(
        QueryError, match="EXCEEDED_LOCAL_MEMORY_LIMIT: the query needs more than 1GB of memory at once"
    ):
        wide.engine.execute("SELECT b, array_agg(a) FROM wide GROUP BY b ORDER BY b")


def test_nothing_is_written_into_a_bucket_that_is_only_read_whatever_name_leads_there(tmp_path: Path) -> None:
    bucket = TwoBuckets(tmp_path, "bucket/..")  # the results' folder holds the logs'
    bucket.engine.read_only = (SOURCE.bucket,)
    bucket.put_day("2024-03-01", [record(1)])
    before = files_in(tmp_path / "bucket")
    for place in (f"s3://{SOURCE.bucket}/out/", "s3://results/bucket/out/", "s3://results/bucket/"):
        with pytest.raises(QueryError, match="PERMISSION_DENIED") as refused:
            bucket.engine.execute(f"UNLOAD (SELECT numpackets FROM flows) TO '{place}' {WHOLE}")
        assert "is read, never written" in str(refused.value)
    with pytest.raises(QueryError, match="NOT_SUPPORTED"):
        bucket.unload("SELECT numpackets FROM flows", ".being-written/x", WHOLE)
    bucket.unload("SELECT numpackets FROM flows", "beside", WHOLE)
    assert files_in(tmp_path / "bucket") == before
