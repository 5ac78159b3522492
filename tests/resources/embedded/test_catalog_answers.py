"""SHOW, DESCRIBE, EXPLAIN and information_schema: what the catalog has, in Athena's shape."""

import pytest
from small_bucket import SmallBucket, record

from resources.engine import QueryError

SUMS = "SELECT dt, sum(numpackets) AS n, array_agg(action) AS a FROM flows GROUP BY dt"


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> SmallBucket:
    """Two days in the table `flows`, a small Parquet table, and a view."""
    bucket = SmallBucket(tmp_path_factory.mktemp("answers"))
    bucket.put_day("2024-03-01", [record(1)])
    bucket.put_day("2024-03-02", [record(2), record(3)])
    bucket.engine.execute(
        "CREATE EXTERNAL TABLE small (`a` int, b double) PARTITIONED BY (`day` date, n int) STORED AS PARQUET "
        "LOCATION 's3://flow-logs/small/' TBLPROPERTIES ('comment'='mine', 'classification'='parquet')"
    )
    bucket.engine.execute(
        "CREATE VIEW sums AS SELECT dt, sum(numpackets) AS n, array_agg(action) AS a FROM flows GROUP BY dt"
    )
    bucket.engine.execute("CREATE DATABASE other")
    return bucket


def lines(bucket: SmallBucket, statement: str) -> list[object]:
    return [row[0] for row in bucket.rows(statement)]


ANSWERS = {
    "SHOW DATABASES": ("database_name", ["lake", "other"]),
    "show schemas;": ("database_name", ["lake", "other"]),
    "SHOW DATABASES LIKE '.*a.*|other'": ("database_name", ["lake", "other"]),
    # As Athena has it, which gives no row here: it is a regular expression.
    "SHOW DATABASES LIKE 'l*'": ("database_name", []),
    "SHOW TABLES": ("tab_name", ["flows", "small", "sums"]),
    "SHOW TABLES IN lake 's*'": ("tab_name", ["small", "sums"]),
    "SHOW TABLES FROM `lake` LIKE '.*L.*'": ("tab_name", ["flows", "small"]),
    "SHOW TABLES 'small|flows'": ("tab_name", ["flows", "small"]),
    "SHOW TABLES IN other": ("tab_name", []),
    "SHOW VIEWS": ("views", ["sums"]),
    "SHOW VIEWS IN lake LIKE 'x*'": ("views", []),
    "SHOW COLUMNS FROM small": ("field", ["a", "b", "day", "n"]),
    "SHOW COLUMNS IN small IN lake": ("field", ["a", "b", "day", "n"]),
    "SHOW CREATE VIEW sums": (
        "create view",
        [
            "CREATE VIEW lake.sums AS",
            SUMS,
        ],
    ),
    "SHOW CREATE TABLE `lake.small`": (
        "createtab_stmt",
        [
            "CREATE EXTERNAL TABLE `lake.small`(",
            "  `a` int, ",
            "  `b` double)",
            "PARTITIONED BY ( ",
            "  `day` date, ",
            "  `n` int)",
            "ROW FORMAT SERDE ",
            "  'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe' ",
            "STORED AS INPUTFORMAT ",
            "  'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat' ",
            "OUTPUTFORMAT ",
            "  'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat'",
            "LOCATION",
            "  's3://flow-logs/small/'",
            "TBLPROPERTIES (",
            "  'classification'='parquet', ",
            "  'comment'='mine')",
        ],
    ),
    "EXPLAIN SELECT sum(n) AS Total FROM sums WHERE dt = '2024-03-02' OR dt = '2024-03-09'": (
        "Query Plan",
        [
            "What the embedded engine would read; Athena's plan has other words.",
            "- Output[Total]",
            "    - TableScan[awsdatacatalog:lake.flows]",
            "        columns: numpackets, action",
            "        predicates on partitions: \"dt\" = '2024-03-02' OR \"dt\" = '2024-03-09'",
            "        partitions: 1 of 2 (dt=2024-03-02)",
            "        objects: 1, 186 bytes as stored",
        ],
    ),
    "EXPLAIN (TYPE LOGICAL, FORMAT TEXT) SELECT 1 AS one": (
        "Query Plan",
        [
            "What the embedded engine would read; Athena's plan has other words.",
            "- Output[one]",
            "    - Values: no table is read",
        ],
    ),
    "EXPLAIN (TYPE VALIDATE) SELECT dt FROM sums": ("Valid", [True]),
}


@pytest.mark.parametrize("statement", ANSWERS)
def test_the_catalog_answers_in_one_column(bucket: SmallBucket, statement: str) -> None:
    title, expected = ANSWERS[statement]
    assert list(bucket.engine.execute(statement).frame) == [title]
    assert lines(bucket, statement) == expected


def test_what_show_create_table_prints_makes_the_same_table(bucket: SmallBucket) -> None:
    for table in ("flows", "small"):
        printed = lines(bucket, f"SHOW CREATE TABLE {table}")
        bucket.engine.execute("\n".join(map(str, printed)).replace(f"lake.{table}", f"other.{table}"))
        assert lines(bucket, f"SHOW CREATE TABLE other.{table}")[1:] == printed[1:]
        bucket.engine.execute(f"DROP TABLE other.{table}")


def test_a_table_and_a_view_are_described(bucket: SmallBucket) -> None:
    described = bucket.engine.execute("DESC small").frame
    assert list(described) == ["col_name", "data_type", "comment"]
    columns = [("a", "int", ""), ("b", "double", ""), ("day", "date", ""), ("n", "int", "")]
    rows = [
        *columns,
        ("", "", ""),
        ("# Partition Information", "", ""),
        ("# col_name", "data_type", "comment"),
        ("", "", ""),
        *columns[2:],
    ]
    assert bucket.rows("DESC small") == rows
    formatted = bucket.rows("DESCRIBE FORMATTED small")
    assert formatted[: len(rows)] == rows
    assert ("Location:", "s3://flow-logs/small/", "") in formatted
    assert ("", "comment", "mine") in formatted
    assert ("", "field.delim", " ") in bucket.rows("DESCRIBE FORMATTED flows")
    view = bucket.engine.execute("DESCRIBE lake.sums").frame
    assert list(view) == ["column", "type"]
    assert bucket.rows("SHOW COLUMNS IN sums") == [("dt", "varchar"), ("n", "bigint"), ("a", "array(varchar)")]
    assert bucket.rows("SHOW TBLPROPERTIES small") == [
        ("EXTERNAL", "TRUE"),
        ("classification", "parquet"),
        ("comment", "mine"),
    ]
    assert bucket.rows("SHOW TBLPROPERTIES small ('comment')") == [("comment", "mine")]
    assert bucket.rows("SHOW TBLPROPERTIES small ('x')") == [("Table lake.small does not have property: x", None)]


def test_information_schema_is_read_like_tables(bucket: SmallBucket) -> None:
    assert bucket.rows("SELECT * FROM information_schema.schemata WHERE schema_name <> 'other' ORDER BY 2") == [
        ("awsdatacatalog", "information_schema"),
        ("awsdatacatalog", "lake"),
    ]
    tables = "SELECT table_name, table_type FROM awsdatacatalog.information_schema.tables WHERE table_schema = 'lake'"
    assert bucket.rows(f"{tables} ORDER BY 1") == [
        ("flows", "BASE TABLE"),
        ("small", "BASE TABLE"),
        ("sums", "VIEW"),
    ]
    assert bucket.rows("SELECT view_definition LIKE 'SELECT dt, sum%' FROM information_schema.views") == [(True,)]
    result = bucket.engine.execute(
        "SELECT * FROM information_schema.columns WHERE table_name IN ('small', 'sums') ORDER BY table_name, 5"
    )
    assert list(result.frame) == [
        *("table_catalog", "table_schema", "table_name", "column_name", "ordinal_position", "column_default"),
        *("is_nullable", "data_type", "comment", "extra_info"),
    ]
    found = result.frame[["column_name", "ordinal_position", "data_type", "extra_info"]].astype(object)
    assert found.where(found.notna(), None).to_numpy().tolist() == [
        ["a", 1, "integer", None],
        ["b", 2, "double", None],
        ["day", 3, "date", "partition key"],
        ["n", 4, "integer", "partition key"],
        ["dt", 1, "varchar", None],
        ["n", 2, "bigint", None],
        ["a", 3, "array(varchar)", None],
    ]
    assert result.scanned_bytes == 0
    assert result.unmatched == ()
    joined = "SELECT count(*) FROM flows JOIN information_schema.tables ON table_name = 'flows'"
    assert bucket.rows(joined) == [(3,)]


MISTAKES = {
    "SHOW TABLES IN nowhere": "SCHEMA_NOT_FOUND: Database nowhere does not exist",
    "SHOW TABLES '[a-z]+'": "NOT_SUPPORTED: the embedded Athena does not execute the pattern '[a-z]+'",
    "SHOW CREATE TABLE nothing": "SemanticException: [Error 10001]: Table not found lake.nothing",
    "SHOW CREATE TABLE sums": "SemanticException: [Error 10001]: Table not found lake.sums",
    "SHOW CREATE VIEW flows": "TABLE_NOT_FOUND: View 'lake.flows' does not exist",
    "SHOW COLUMNS flows": "SYNTAX_ERROR: line 1:14: 'flows' where IN is expected",
    "SHOW FUNCTIONS": "NOT_SUPPORTED: the embedded Athena does not execute SHOW FUNCTIONS",
    "DESCRIBE": "SYNTAX_ERROR: the statement ends where a table's name is expected",
    "DESCRIBE nothing": "SemanticException: [Error 10001]: Table not found lake.nothing",
    "DESCRIBE EXTENDED flows": "NOT_SUPPORTED: the embedded Athena does not execute DESCRIBE EXTENDED",
    "DESCRIBE flows action": "NOT_SUPPORTED: the embedded Athena does not execute DESCRIBE of anything but a whole",
    "EXPLAIN ANALYZE SELECT 1": "NOT_SUPPORTED: the embedded Athena does not execute EXPLAIN ANALYZE",
    "EXPLAIN (FORMAT JSON) SELECT 1": "NOT_SUPPORTED: the embedded Athena does not execute EXPLAIN (FORMAT JSON)",
    "EXPLAIN (TYPE IO) SELECT 1": "NOT_SUPPORTED: the embedded Athena does not execute EXPLAIN (TYPE IO)",
    "EXPLAIN DROP TABLE flows": "NOT_SUPPORTED: the embedded Athena does not execute EXPLAIN of DROP",
    "EXPLAIN SELECT x FROM flows": "COLUMN_NOT_FOUND: line 1:16: Column 'x' cannot be resolved",
    "SELECT * FROM information_schema.nothing": "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.information_schema",
    'SELECT * FROM "flows$partitions"': "NOT_SUPPORTED: the embedded Athena does not execute the metadata table flows$",
    'SELECT "$partition" FROM flows': 'NOT_SUPPORTED: the embedded Athena does not execute the hidden column "$parti',
    'SELECT 1 FROM flows WHERE "$FILE_SIZE" > 1': "NOT_SUPPORTED: the embedded Athena does not execute the hidden col",
    "UNLOAD (SELECT table_name FROM information_schema.tables) TO 's3://flow-logs/x/' WITH (format = 'PARQUET')": (
        "NOT_SUPPORTED: the embedded Athena does not execute UNLOAD of information_schema"
    ),
}


@pytest.mark.parametrize("statement", MISTAKES)
def test_what_is_not_answered_is_told(bucket: SmallBucket, statement: str) -> None:
    with pytest.raises(QueryError) as error:
        bucket.engine.execute(statement)
    assert str(error.value).startswith(MISTAKES[statement])
    assert str(error.value).endswith(f"\nThe statement was:\n{statement}")
