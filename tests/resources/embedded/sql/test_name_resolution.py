"""What columns are called, and what a name in ORDER BY means."""

from pathlib import Path

from small_bucket import SmallBucket, record


def test_rows_are_ordered_by_what_an_unnamed_column_says_too(tmp_path: Path) -> None:
    bucket = SmallBucket(tmp_path)
    bucket.put_day("2024-03-01", [record(1), record(2), record(3, action="ACCEPT")])
    statement = "SELECT action, count(*) FROM flows WHERE dt = '2024-03-01' GROUP BY action ORDER BY count(*) DESC"
    assert bucket.rows(statement) == [("REJECT", 2), ("ACCEPT", 1)]
    assert list(bucket.engine.execute(statement).frame.columns) == ["action", "_col1"]
