"""Views: what is read through them is what is read through a subquery, and their errors name them."""

from pathlib import Path

import pytest
from small_bucket import NAME, RecordingStore, SmallBucket, record

from flowlogs.statements import TableName
from resources.engine import QueryError


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> SmallBucket:
    """Two days: packets 1 to 3, of which 1 is accepted; and the views `rejects` and, over it, `second_day`."""
    bucket = SmallBucket(tmp_path_factory.mktemp("views"))
    bucket.put_day("2024-03-01", [record(1, action="ACCEPT"), record(2)])
    bucket.put_day("2024-03-02", [record(3)], name="b.log.gz")
    bucket.engine.execute(
        "CREATE VIEW rejects AS SELECT dt AS day, sourceaddress AS Src, numpackets FROM flows WHERE action = 'REJECT'"
    )
    bucket.engine.execute("CREATE OR REPLACE VIEW lake.second_day AS SELECT * FROM rejects WHERE day = '2024-03-02';")
    return bucket


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT day, sum(numpackets) FROM rejects GROUP BY day ORDER BY day", [("2024-03-01", 2), ("2024-03-02", 3)]),
        ("SELECT * FROM second_day", [("2024-03-02", "192.0.2.3", 3)]),
        ("SELECT r.src FROM lake.Rejects R WHERE r.numpackets = 2", [("192.0.2.2",)]),
        ("SELECT a FROM rejects AS r (a, b, c) WHERE c = 3", [("2024-03-02",)]),
        ("SELECT rejects.src FROM rejects JOIN second_day s ON rejects.src = s.src", [("192.0.2.3",)]),
        ("SELECT count(*) FROM flows WHERE dt IN (SELECT day FROM second_day)", [(1,)]),
        # A name of a WITH around it means nothing in a view, and one in the query around a view is no view.
        ("WITH flows AS (SELECT 1 AS one) SELECT count(*) FROM rejects, flows", [(2,)]),
        ("WITH rejects AS (SELECT 1 AS one) SELECT * FROM rejects", [(1,)]),
        ("SELECT day FROM rejects UNION SELECT 'x' ORDER BY 1", [("2024-03-01",), ("2024-03-02",), ("x",)]),
    ],
)
def test_a_view_is_read_like_a_table(bucket: SmallBucket, query: str, rows: list[tuple[object, ...]]) -> None:
    assert bucket.rows(query) == rows


def test_predicates_choose_partitions_through_views(bucket: SmallBucket) -> None:
    assert isinstance(bucket.store, RecordingStore)
    bucket.engine.execute(
        "CREATE OR REPLACE VIEW twice AS SELECT dt, numpackets FROM flows UNION ALL SELECT day, numpackets FROM rejects"
    )
    for query, opened in {
        "SELECT src FROM second_day": ["b.log.gz"],
        "SELECT count(*) FROM rejects WHERE day < '2024-03-02'": ["a.log.gz"],
        "SELECT sum(numpackets) FROM twice WHERE dt = '2024-03-02'": ["b.log.gz", "b.log.gz"],
    }.items():
        bucket.store.opened.clear()
        result = bucket.engine.execute(query)
        assert bucket.store.opened == opened
        assert result.tables == (NAME,)
    bucket.engine.execute("DROP VIEW twice")


def test_names_in_a_view_are_those_of_the_database_that_it_was_made_in(bucket: SmallBucket) -> None:
    bucket.engine.execute("CREATE DATABASE other")
    bucket.engine.execute("CREATE VIEW other.firsts AS SELECT dt FROM flows WHERE numpackets = 1")
    bucket.engine.database = "other"
    assert bucket.rows("SELECT * FROM firsts") == [("2024-03-01",)]
    bucket.engine.database = "lake"


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("CREATE VIEW rejects AS SELECT 1 AS a", "TABLE_ALREADY_EXISTS: View already exists: 'lake.rejects'"),
        ("CREATE OR REPLACE VIEW flows AS SELECT 1 AS a", 'TABLE_ALREADY_EXISTS: Table "lake"."flows" already exists'),
        ("CREATE VIEW nowhere.v AS SELECT 1 AS a", "SCHEMA_NOT_FOUND: Database nowhere does not exist"),
        ("CREATE VIEW v AS SELECT count(*) FROM flows", "MISSING_COLUMN_NAME: Column name not specified at position 1"),
        ("CREATE VIEW v AS SELECT 1 AS a, 2 AS A", "DUPLICATE_COLUMN_NAME: Column name 'a' specified more than once"),
        ("CREATE VIEW v AS SELECT x FROM flows", "COLUMN_NOT_FOUND: line 1:25: Column 'x' cannot be resolved"),
        ("CREATE VIEW v AS SELECT dt FROM t", "TABLE_NOT_FOUND: line 1:33: Table 'awsdatacatalog.lake.t' does not"),
        ("CREATE OR REPLACE VIEW rejects AS SELECT * FROM second_day", "VIEW_IS_RECURSIVE: the view 'awsdatacatalog."),
        ("CREATE VIEW v AS SELECT table_name FROM information_schema.tables", "NOT_SUPPORTED: Athena has no views on"),
        ("CREATE VIEW v (a) AS SELECT 1", "NOT_SUPPORTED: the embedded Athena does not execute CREATE VIEW with names"),
        ("CREATE VIEW v COMMENT 'x' AS SELECT 1 AS a", "NOT_SUPPORTED: the embedded Athena does not execute CREATE V"),
        ("CREATE VIEW v AS", "SYNTAX_ERROR: the statement ends where a query is expected"),
        ("CREATE VIEW v AS DROP TABLE flows", "NOT_SUPPORTED"),
        ("CREATE EXTERNAL TABLE rejects (a int) LOCATION 's3://b/'", "AlreadyExistsException: `lake`.`rejects` is a"),
        ("DROP TABLE rejects", "SemanticException: `lake`.`rejects` is a view; use DROP VIEW"),
        ("DROP VIEW flows", "TABLE_NOT_FOUND: View 'lake.flows' is a table; use DROP TABLE"),
        ("DROP VIEW nothing", "TABLE_NOT_FOUND: View 'lake.nothing' does not exist"),
        ("SHOW PARTITIONS rejects", "SemanticException"),
    ],
)
def test_a_mistake_with_views_is_told(bucket: SmallBucket, statement: str, problem: str) -> None:
    with pytest.raises(QueryError) as error:
        bucket.engine.execute(statement)
    assert str(error.value).startswith(problem)
    assert str(error.value).endswith(f"\nThe statement was:\n{statement}")
    assert list(bucket.engine.catalog.views("lake")) == ["rejects", "second_day"]


def test_a_view_whose_table_is_gone_or_another_is_an_error(tmp_path: Path) -> None:
    bucket = SmallBucket(tmp_path)
    bucket.engine.execute("CREATE VIEW every AS SELECT * FROM flows")
    bucket.engine.execute("CREATE VIEW days AS SELECT dt FROM every")
    assert bucket.rows("SELECT * FROM days") == []
    # SELECT * means the columns of the time when the view was made.
    bucket.engine.execute("ALTER TABLE flows ADD COLUMNS (extra int)")
    with pytest.raises(
        QueryError, match='VIEW_IS_STALE: the view "lake"."every" was made with the columns version, .*'
    ):
        bucket.engine.execute("SELECT * FROM days")
    bucket.engine.execute("CREATE OR REPLACE VIEW every AS SELECT * FROM flows")
    assert bucket.rows("SELECT * FROM days") == []
    bucket.engine.execute("DROP TABLE flows")
    with pytest.raises(QueryError) as error:
        bucket.engine.execute("SELECT dt FROM days")
    assert str(error.value) == (
        "INVALID_VIEW: Failed analyzing stored view 'awsdatacatalog.lake.days': Failed analyzing stored view "
        "'awsdatacatalog.lake.every': line 1:15: Table 'awsdatacatalog.lake.flows' does not exist.\n"
        "The statement was:\nSELECT dt FROM days"
    )
    bucket.engine.execute("DROP VIEW every")
    with pytest.raises(QueryError, match="INVALID_VIEW: .*'awsdatacatalog.lake.days': .*lake.every' does not exist"):
        bucket.engine.execute("SELECT dt FROM days")
    bucket.engine.execute("DROP VIEW IF EXISTS every")
    assert bucket.engine.catalog.find_view(TableName("lake", "every")) is None


def test_an_unload_reads_a_view(bucket: SmallBucket) -> None:
    bucket.engine.execute(
        "UNLOAD (SELECT src, numpackets, day FROM rejects) TO 's3://flow-logs/out/' "
        "WITH (format = 'PARQUET', partitioned_by = ARRAY['day'])"
    )
    folders = sorted(path.name for path in (bucket.root / "bucket" / "out").iterdir())
    assert folders == ["day=2024-03-01", "day=2024-03-02"]
