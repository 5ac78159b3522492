"""Names and text constants in the SQL that DuckDB is given."""

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.embedded.quoting import quoted_name, quoted_text


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_duckdb_reads_a_quoted_text_as_it_was(text: str) -> None:
    with duckdb.connect() as connection:
        assert connection.execute(f"SELECT {quoted_text(text)}").fetchone() == (text,)


def test_a_quote_in_a_name_is_doubled() -> None:
    assert quoted_name('a"b') == '"a""b"'


def test_duckdb_reads_a_quoted_name_as_it_was() -> None:
    name = 'the "name"; --'
    with duckdb.connect() as connection:
        assert connection.sql(f"SELECT 1 AS {quoted_name(name)}").columns == [name]
