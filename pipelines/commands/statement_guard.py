"""Which statements `make sql` executes. flowlogs/statement_kind.py has the kinds of statements."""

import re
from typing import TYPE_CHECKING

from assets.results_source import RESULT_FOLDERS
from flowlogs.errors import FlowLakeError
from flowlogs.statement_kind import StatementKind, first_word

if TYPE_CHECKING:
    from resources.bucket import ObjectStore

_READING = (StatementKind.QUERY, StatementKind.SHOW, StatementKind.DESCRIBE)


def reads_tables(statement: str) -> bool:
    """Whether a statement returns or writes rows of tables. DDL does not: it may fix the tables of another source."""
    return _only_reads(statement) or first_word(statement).kind is StatementKind.UNLOAD


def require_permitted(statement: str, results: "ObjectStore", *, write: bool) -> None:
    """Raise FlowLakeError for a statement that may change something, unless `write` is set.

    With `write`, an UNLOAD into the folders of datasets and reports is still refused: reports would be wrong.
    """
    if not write and not _only_reads(statement):
        raise FlowLakeError(
            "`make sql` reads: SELECT, WITH, SHOW, DESCRIBE and EXPLAIN. Any other statement may change tables or "
            'write files. If that is what you want, say so: make sql WRITE=1 Q="…"\n'
            f"The statement was:\n{statement}"
        )
    is_unload = first_word(statement).kind is StatementKind.UNLOAD
    ours = tuple(results.sql_location(folder) for folder in RESULT_FOLDERS)
    places = re.findall("'(s3://[^']*)'", statement) if is_unload else []
    for place in places:
        if f"{place.rstrip('/')}/".startswith(ours):
            raise FlowLakeError(
                f"{place} is where datasets and reports are kept: other files there would change the reports. "
                f"Name another folder, such as {results.sql_location('unloaded/')}."
            )


def _only_reads(statement: str) -> bool:
    """Whether a statement reads and nothing else. EXPLAIN ANALYZE executes what it explains."""
    word = first_word(statement)
    while word.text == "(":
        statement = statement[word.end :]
        word = first_word(statement)
    if word.kind is StatementKind.EXPLAIN:
        return not first_word(statement[word.end :]).text.startswith(("ANALYZE", "ANALYSE"))
    return word.kind in _READING
