"""The types of a query's values, and which of them may stand together."""

from pathlib import Path

from small_bucket import SmallBucket, record


def test_a_part_of_a_split_text_is_text(tmp_path: Path) -> None:
    bucket = SmallBucket(tmp_path)
    bucket.put_day("2024-03-01", [record(7)])
    statement = "SELECT CAST(element_at(split(sourceaddress, '.'), 4) AS bigint) FROM flows WHERE dt = '2024-03-01'"
    assert bucket.rows(statement) == [(7,)]


def test_rows_among_the_rows_of_a_subquery(tmp_path: Path) -> None:
    bucket = SmallBucket(tmp_path)
    bucket.put_day("2024-03-01", [record(1), record(2, action="ACCEPT")])
    statement = """SELECT numpackets FROM flows WHERE dt = '2024-03-01' AND (sourceaddress, protocol) IN (
        SELECT sourceaddress, protocol FROM flows WHERE dt = '2024-03-01' AND action = 'REJECT')"""
    assert bucket.rows(statement) == [(1,)]
