"""PREPARE, EXECUTE and DEALLOCATE PREPARE: constants are put where question marks are, and nowhere else."""

from pathlib import Path

import pytest
from small_bucket import SmallBucket, record

from resources.embedded.athena import EmbeddedAthena
from resources.engine import QueryError

WORDS = """
PREPARE words FROM SELECT '?' AS "?", ? AS a, numpackets -- ?
FROM flows WHERE dt >= ? AND numpackets < ? LIMIT ?;
"""


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> SmallBucket:
    bucket = SmallBucket(tmp_path_factory.mktemp("prepared"))
    bucket.put_day("2024-03-01", [record(1), record(2), record(3)])
    bucket.engine.execute(WORDS)
    return bucket


@pytest.mark.parametrize(
    ("values", "rows"),
    [
        ("'it''s', '2024-03-01', 2, 5", [("?", "it's", 1)]),
        ("DATE '2024-02-29' - INTERVAL '1' DAY = DATE '2024-02-28', '2024', 1 + 1, 1", [("?", True, 1)]),
        ("coalesce(NULL, 7), lower('2024-03-01'), (2), 9;", [("?", 7, 1)]),
        ("-1, '2030', 2, 1", []),
    ],
)
def test_constants_are_put_in(bucket: SmallBucket, values: str, rows: list[tuple[object, ...]]) -> None:
    assert bucket.rows(f"EXECUTE Words USING {values}") == rows


def test_a_constant_is_a_value_of_its_own(bucket: SmallBucket) -> None:
    bucket.engine.execute("PREPARE sums FROM SELECT 2 * ? AS s")
    assert bucket.rows("EXECUTE sums USING 1 + 2") == [(6,)]
    bucket.engine.execute("DEALLOCATE PREPARE sums")


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("PREPARE words FROM SELECT 1", "ALREADY_EXISTS: Prepared statement words already exists"),
        ("PREPARE w FROM SELEC 1", "SYNTAX_ERROR"),
        ("PREPARE w FROM DROP TABLE flows", "NOT_SUPPORTED: the embedded Athena does not execute PREPARE of anything"),
        ("PREPARE w FROM SELECT 1; DROP TABLE flows", "SYNTAX_ERROR: exactly one statement"),
        ("PREPARE w SELECT 1", "SYNTAX_ERROR: line 1:11: 'SELECT' where FROM is expected"),
        ("EXECUTE words", "INVALID_PARAMETER_USAGE: Incorrect number of parameters: expected 4 but found 0"),
        ("EXECUTE words USING 1, 2", "INVALID_PARAMETER_USAGE: Incorrect number of parameters: expected 4 but found 2"),
        ("EXECUTE words USING 1,", "SYNTAX_ERROR: the statement ends where a constant is expected"),
        ("EXECUTE words USING dt, '', 1, 1", "EXPRESSION_NOT_CONSTANT: dt is no constant"),
        ("EXECUTE words USING (SELECT 1), '', 1, 1", "EXPRESSION_NOT_CONSTANT"),
        ("EXECUTE words USING 1 AS b FROM flows, '', 1, 1", "EXPRESSION_NOT_CONSTANT"),
        ("EXECUTE words USING 'a' 'b', '', 1, 1", "SYNTAX_ERROR"),
        ("EXECUTE words USING 1, 2, 3, 4", "TYPE_MISMATCH"),
        ("EXECUTE nothing", "NOT_FOUND: Prepared statement not found: nothing"),
        ("DEALLOCATE PREPARE nothing", "NOT_FOUND: Prepared statement not found: nothing"),
        ("DEALLOCATE words", "SYNTAX_ERROR"),
        ("SELECT ? AS a", "NOT_SUPPORTED"),
    ],
)
def test_a_mistake_is_told(bucket: SmallBucket, statement: str, problem: str) -> None:
    with pytest.raises(QueryError) as error:
        bucket.engine.execute(statement)
    assert str(error.value).startswith(problem)
    assert bucket.rows("EXECUTE words USING 1, '', 2, 1") == [("?", 1, 1)]


def test_a_prepared_statement_is_kept_for_other_engines_until_it_is_deallocated(tmp_path: Path) -> None:
    first, second = (EmbeddedAthena(tmp_path / "catalog.sqlite", {}, "lake") for _ in range(2))
    first.execute("PREPARE one FROM SELECT ? AS one")
    assert second.execute("EXECUTE one USING 1").frame.to_numpy().tolist() == [[1]]
    second.execute("DEALLOCATE PREPARE one")
    with pytest.raises(QueryError, match="NOT_FOUND"):
        first.execute("EXECUTE one USING 1")
