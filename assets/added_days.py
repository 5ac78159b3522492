"""Records which days runs added to a table of flow logs, so that a table that was dropped gets them back.

Beside them are records of the days whose logs were removed because their time was over (retention.py).
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date

from assets.results_source import DAYS
from flowlogs.days import batches
from flowlogs.statements import TableName
from resources.bucket import ObjectStore

ADDED_DAYS = f"{DAYS}added/"
"""Records of added days, by database and table. A file's name is the first and the last day that a run added."""

REMOVED_DAYS = f"{DAYS}removed/"
"""Records of days whose logs were removed, by database, with such files."""

_DAYS_FILE = re.compile(r"(?P<first>\d{4}-\d\d-\d\d)_(?P<last>\d{4}-\d\d-\d\d)\.txt")


def record_added_days(results: ObjectStore, table: TableName, days: Sequence[date]) -> None:
    """Record that a run adds these days to a table of flow logs."""
    _record(results, f"{ADDED_DAYS}{table.database}/{table.table}/", days, f"Added to {table.hive}.\n")


def recorded_days(results: ObjectStore, main: TableName) -> dict[TableName, list[date]]:
    """The days that runs added to a table of flow logs, and to each of its side tables. The main table comes first."""
    folder = f"{ADDED_DAYS}{main.database}/"
    found: dict[str, set[date]] = {main.table: set()}
    for stored in results.list(folder):
        table, _, name = stored.key.removeprefix(folder).partition("/")
        is_ours = table == main.table or re.fullmatch(rf"{main.table}_[0-9a-f]{{12}}", table)
        if is_ours and (match := _DAYS_FILE.fullmatch(name)):
            found.setdefault(table, set()).update(_days_between(match["first"], match["last"]))
    return {TableName(main.database, table): sorted(days) for table, days in found.items()}


def record_removed_days(results: ObjectStore, database: str, days: Sequence[date]) -> None:
    """Record that the logs of these days are removed."""
    _record(results, f"{REMOVED_DAYS}{database}/", days, "Removed, as FLOWLAKE_KEEP_LOGS_DAYS said.\n")


def removed_days(results: ObjectStore, database: str) -> set[date]:
    """The days whose logs were removed at some time. Somebody may have put them back since."""
    folder, found = f"{REMOVED_DAYS}{database}/", set[date]()
    for stored in results.list(folder):
        if match := _DAYS_FILE.fullmatch(stored.key.removeprefix(folder)):
            found.update(_days_between(match["first"], match["last"]))
    return found


def _record(results: ObjectStore, folder: str, days: Sequence[date], text: str) -> None:
    ranges = list(batches(sorted(days), len(days) or 1))
    if ranges:
        results.replace({f"{folder}{days[0]}_{days[-1]}.txt": text.encode() for days in ranges})


def _days_between(first: str, last: str) -> Iterator[date]:
    try:
        begin, end = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        return
    yield from map(date.fromordinal, range(begin.toordinal(), end.toordinal() + 1))
