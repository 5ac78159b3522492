"""CREATE TABLE AS and MSCK REPAIR TABLE: the tables that they make are read with the rows that were written."""

from pathlib import Path

import pyarrow as pa
import pytest
from small_bucket import TwoBuckets, record

from resources.engine import QueryError


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> TwoBuckets:
    bucket = TwoBuckets(tmp_path_factory.mktemp("ctas"))
    bucket.put_day("2024-03-01", [record(1)])
    bucket.put_day("2024-03-02", [record(2), record(3)])
    return bucket


def create(name: str, query: str, **options: str) -> str:
    given = {"external_location": f"'s3://results/{name}/'", **options}
    written = ", ".join(f"{option} = {value}" for option, value in given.items())
    return f"CREATE TABLE {name} WITH ({written}) AS {query}"


def test_a_partitioned_table_is_made_from_a_query(bucket: TwoBuckets) -> None:
    query = "SELECT sourceaddress AS src, numpackets / 2e0 AS half, numpackets > 1 AS more, dt FROM flows"
    result = bucket.engine.execute(
        create("parts", query, format="'PARQUET'", partitioned_by="ARRAY['dt']", is_external="true")
    )
    assert len(result.written or ()) == 2
    assert bucket.rows("SELECT * FROM parts ORDER BY src") == [
        ("192.0.2.1", 0.5, False, "2024-03-01"),
        ("192.0.2.2", 1.0, True, "2024-03-02"),
        ("192.0.2.3", 1.5, True, "2024-03-02"),
    ]
    assert bucket.rows("SHOW PARTITIONS parts") == [("dt=2024-03-01",), ("dt=2024-03-02",)]
    assert bucket.rows("DESCRIBE parts")[:4] == [
        ("src", "string", ""),
        ("half", "double", ""),
        ("more", "boolean", ""),
        ("dt", "string", ""),
    ]
    # The folders are Hive's, so that another table finds them.
    bucket.parquet_table("repaired", "src string", "dt string")
    bucket.engine.execute("DROP TABLE repaired")
    bucket.engine.execute(
        "CREATE EXTERNAL TABLE repaired (src string) PARTITIONED BY (dt date) STORED AS PARQUET "
        "LOCATION 's3://results/parts/'"
    )
    assert bucket.rows("MSCK REPAIR TABLE repaired") == [
        ("Partitions not in metastore:\trepaired:dt=2024-03-01\trepaired:dt=2024-03-02",),
        ("Repair: Added partition to metastore repaired:dt=2024-03-01",),
        ("Repair: Added partition to metastore repaired:dt=2024-03-02",),
    ]
    assert bucket.rows("MSCK REPAIR TABLE repaired") == []
    assert bucket.rows("SELECT count(*) FROM repaired WHERE dt > DATE '2024-03-01'") == [(2,)]
    bucket.engine.execute("ALTER TABLE repaired DROP PARTITION (dt='2024-03-02')")
    assert bucket.rows("SELECT count(*) FROM repaired") == [(1,)]


def test_what_is_no_folder_of_a_partition_is_passed_over(bucket: TwoBuckets) -> None:
    bucket.parquet_table("odd", "a int", "k string, n int")
    for folder in ("k=a%3D1/n=1", "k=a/n=1/deeper", "K=b/n=1", "k=c:d/n=1", "n=1/k=e", "k=f", "_k=g/n=1", "k=h/_n/n=1"):
        bucket.put_parquet(f"odd/{folder}/x.parquet", a=pa.array([1], pa.int32()))
    bucket.put_parquet("odd/x.parquet", a=pa.array([1], pa.int32()))
    bucket.engine.execute("MSCK REPAIR TABLE odd")
    assert bucket.rows("SHOW PARTITIONS odd") == [("k=a/n=1",), ("k=a=1/n=1",)]
    assert bucket.rows("SELECT k, n, count(*) FROM odd GROUP BY k, n ORDER BY k") == [("a", 1, 1), ("a=1", 1, 1)]


def test_a_table_without_partitions_or_without_rows(bucket: TwoBuckets) -> None:
    query = "SELECT DATE '2024-02-29' AS Day, count(*) AS n, sum(numpackets) AS packets FROM flows"
    bucket.engine.execute(create("whole", query, write_compression="'ZSTD'"))
    assert [str(row) for row in bucket.rows("SELECT CAST(day AS varchar), n, packets FROM whole")] == [
        "('2024-02-29', 3, 6)"
    ]
    bucket.engine.execute(create("nothing", f"{query} WITH NO DATA"))
    assert bucket.rows("SELECT * FROM nothing") == []
    assert bucket.rows("SHOW COLUMNS FROM nothing") == [("day",), ("n",), ("packets",)]
    again = create("whole", "SELECT 1 AS a").replace("TABLE whole", "TABLE IF NOT EXISTS whole")
    bucket.engine.execute(again)
    assert bucket.rows("SELECT n FROM whole") == [(3,)]


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        (create("flows", "SELECT 1 AS a"), 'TABLE_ALREADY_EXISTS: "lake"."flows" already exists'),
        (create("nowhere.t", "SELECT 1 AS a"), "SCHEMA_NOT_FOUND: Database nowhere does not exist"),
        (create("t", "SELECT 1"), "MISSING_COLUMN_NAME: Column name not specified at position 1"),
        (create("t", "SELECT 1 AS a, 2 AS a"), "DUPLICATE_COLUMN_NAME: Column name 'a' specified more than once"),
        (create("t", "SELECT NULL AS a"), "COLUMN_TYPE_UNKNOWN: Column type is unknown: a"),
        (
            create("t", "SELECT ARRAY[1] AS a"),
            "NOT_SUPPORTED: the embedded Athena does not execute a new table with a c",
        ),
        (
            create("t", "SELECT 1 AS a", format="'ORC'"),
            "NOT_SUPPORTED: the embedded Athena does not execute CREATE TABL",
        ),
        (
            create("t", "SELECT 1 AS a", bucket_count="3"),
            "NOT_SUPPORTED: the embedded Athena does not execute CREATE TA",
        ),
        (
            create("t", "SELECT 1 AS a", write_compression="'LZO'"),
            "NOT_SUPPORTED: the embedded Athena does not execute",
        ),
        ("CREATE TABLE t AS SELECT 1 AS a", "NOT_SUPPORTED: the embedded Athena does not execute CREATE TABLE AS with"),
        (
            create("t", "SELECT dt, numpackets FROM flows", partitioned_by="ARRAY['dt']"),
            "HIVE_COLUMN_ORDER_MISMATCH: Partition keys must be the last columns",
        ),
        (
            create("t", "SELECT dt, action FROM flows", partitioned_by="ARRAY['action']"),
            "NOT_SUPPORTED: the embedded Athena does not execute UNLOAD partitioned by anything but",
        ),
        (create("t", "SELECT x FROM flows"), "COLUMN_NOT_FOUND"),
        (create("t", "DROP TABLE flows"), "NOT_SUPPORTED"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_made(bucket: TwoBuckets, statement: str, problem: str) -> None:
    with pytest.raises(QueryError) as error:
        bucket.engine.execute(statement)
    assert str(error.value).startswith(problem)
    assert not (bucket.results / "t").exists()
    assert bucket.rows("SHOW TABLES 't'") == []


def test_a_folder_with_files_is_left_as_it_is(bucket: TwoBuckets) -> None:
    path = bucket.put_parquet("full/mine.parquet", a=pa.array([1], pa.int32()))
    with pytest.raises(QueryError, match="HIVE_PATH_ALREADY_EXISTS: Target directory s3://results/full/ is not empty"):
        bucket.engine.execute(create("full", "SELECT 1 AS a"))
    assert [file.name for file in Path(path.parent).iterdir()] == ["mine.parquet"]


def test_no_table_is_made_in_a_bucket_that_is_read_only(bucket: TwoBuckets) -> None:
    bucket.engine.read_only = ("flow-logs",)
    with pytest.raises(QueryError, match="PERMISSION_DENIED"):
        bucket.engine.execute("CREATE TABLE t WITH (external_location = 's3://flow-logs/t/') AS SELECT 1 AS a")
    assert bucket.rows("SHOW TABLES 't'") == []
    bucket.engine.read_only = ()
