"""A bucket with one record, and how statements fail on it: what all tests of the embedded engine's SQL share."""

from collections.abc import Callable

import pytest
from small_bucket import SmallBucket, record

from resources.engine import QueryError


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> SmallBucket:
    """The table `lake.flows` with one record of one day."""
    bucket = SmallBucket(tmp_path_factory.mktemp("sql"))
    bucket.put_day("2024-03-01", [record(1)])
    return bucket


@pytest.fixture
def refusal(bucket: SmallBucket) -> Callable[[str], str]:
    """Gives the words in which a statement is refused, once it was refused by name and before any object was read."""

    def words(statement: str) -> str:
        bucket.store.opened.clear()
        with pytest.raises(QueryError) as refusal:
            bucket.engine.execute(statement)
        assert refusal.value.code == "NOT_SUPPORTED"
        assert str(refusal.value).startswith("NOT_SUPPORTED: the embedded Athena does not execute ")
        assert str(refusal.value).endswith(f"\nThe statement was:\n{statement}")
        assert refusal.value.statement == statement
        assert bucket.store.opened == []
        return str(refusal.value).partition("The statement was:")[0]

    return words


@pytest.fixture
def mistake(bucket: SmallBucket) -> Callable[[str], str]:
    """Gives the kind of error that a statement ends with, once it has told the statement and left the table alone."""

    def kind(statement: str) -> str:
        with pytest.raises(QueryError) as mistake:
            bucket.engine.execute(statement)
        assert "\nThe statement was:\n" in str(mistake.value)
        assert bucket.rows("SELECT count(*) FROM flows") == [(1,)]
        return mistake.value.code

    return kind
