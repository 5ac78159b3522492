"""Which kind of statement a text is."""

import pytest

from flowlogs.statement_kind import FirstWord, StatementKind, first_word


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("SELECT 1", StatementKind.QUERY),
        ("with a as (select 1) select * from a", StatementKind.QUERY),
        ("(SELECT 1) UNION (SELECT 2)", StatementKind.QUERY),
        ("VALUES 1", StatementKind.QUERY),
        ("TABLE flows", StatementKind.QUERY),
        ("EXPLAIN ANALYZE SELECT 1", StatementKind.EXPLAIN),
        ("DESCRIBE flows", StatementKind.DESCRIBE),
        ("desc flows", StatementKind.DESCRIBE),
        ("SHOW PARTITIONS flows", StatementKind.SHOW),
        ("UNLOAD(SELECT 1) TO 's3://b/'", StatementKind.UNLOAD),
        ("CREATE DATABASE lake", StatementKind.CREATE),
        ("ALTER TABLE flows DROP PARTITION (dt='a')", StatementKind.ALTER),
        ("DROP TABLE flows", StatementKind.DROP),
        ("INSERT INTO flows SELECT 1", StatementKind.OTHER),
        ("SELECTED", StatementKind.OTHER),
        ("", StatementKind.OTHER),
    ],
)
def test_the_first_word_tells_the_kind(statement: str, kind: StatementKind) -> None:
    assert first_word(statement).kind is kind


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("  \n-- which days?\n/* all of\nthem */ show partitions t", FirstWord("SHOW", 40)),
        ("-- nothing but a comment", FirstWord("", 24)),
        ("-- unload\nselect 1", FirstWord("SELECT", 16)),
        ("'a'", FirstWord("'", 1)),
        ("", FirstWord("", 0)),
    ],
)
def test_comments_in_front_of_the_first_word(statement: str, word: FirstWord) -> None:
    assert first_word(statement) == word
