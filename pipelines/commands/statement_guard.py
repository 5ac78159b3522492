"""Which statements `make sql` executes. flowlogs/statement_kind.py has the kinds of statements."""

import re
from typing import TYPE_CHECKING

from assets.results_source import RESULT_FOLDERS
from flowlogs.errors import FlowLakeError
from flowlogs.statement_kind import StatementKind, first_word, unknown_word_problem
from resources.engine import QueryError

if TYPE_CHECKING:
    from resources.bucket import ObjectStore

_READING = (StatementKind.QUERY, StatementKind.SHOW, StatementKind.DESCRIBE)


def reads_tables(statement: str) -> bool:
    """Whether a statement returns or writes rows of tables. DDL does not: it may fix the tables of another source."""
    word = first_word(statement)
    return _only_reads(statement) or word.kind is StatementKind.UNLOAD or word.text == "EXECUTE"


def is_text(statement: str) -> bool:
    """Whether the rows of a statement are the lines of a text: those of SHOW CREATE and EXPLAIN."""
    word = first_word(statement)
    is_show_create = word.kind is StatementKind.SHOW and first_word(statement[word.end :]).text == "CREATE"
    return is_show_create or (word.kind is StatementKind.EXPLAIN and _only_reads(statement))


def require_permitted(statement: str, results: "ObjectStore", *, write: bool, prepared_only_read: bool = False) -> None:
    """Raise FlowLakeError for a statement that may change something, unless `write` is set.

    `prepared_only_read`: EXECUTE changes nothing. With `write`, an UNLOAD or a new table in the folders of datasets and
    reports is still refused: reports would be wrong. A text that begins as no statement does is a QueryError.
    """
    if problem := unknown_word_problem(statement):
        raise QueryError("SYNTAX_ERROR", problem, statement)
    is_reading = _only_reads(statement) or (prepared_only_read and first_word(statement).text == "EXECUTE")
    if not write and not is_reading:
        raise FlowLakeError(
            "`make sql` reads: SELECT, WITH, SHOW, DESCRIBE and EXPLAIN. Any other statement may change tables or "
            'write files. If that is what you want, say so: make sql WRITE=1 Q="…"\n'
            f"The statement was:\n{statement}"
        )
    ours = tuple(results.sql_location(folder) for folder in RESULT_FOLDERS)
    places = re.findall("'(s3://[^']*)'", statement) if _writes_files(statement) else []
    for place in places:
        if f"{place.rstrip('/')}/".startswith(ours):
            raise FlowLakeError(
                f"{place} is where datasets and reports are kept: other files there would change the reports. "
                f"Name another folder, such as {results.sql_location('unloaded/')}."
            )


def _writes_files(statement: str) -> bool:
    """Whether a statement is an UNLOAD, or a CREATE TABLE that is not EXTERNAL, which has a query."""
    word = first_word(statement)
    is_create_table = word.kind is StatementKind.CREATE and first_word(statement[word.end :]).text == "TABLE"
    return word.kind is StatementKind.UNLOAD or is_create_table


def _only_reads(statement: str) -> bool:
    """Whether a statement reads and nothing else. EXPLAIN ANALYZE executes what it explains."""
    word = first_word(statement)
    while word.text == "(":
        statement = statement[word.end :]
        word = first_word(statement)
    if word.kind is StatementKind.EXPLAIN:
        return not first_word(statement[word.end :]).text.startswith(("ANALYZE", "ANALYSE"))
    return word.kind in _READING
