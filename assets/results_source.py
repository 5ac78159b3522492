"""Whose flow logs a place of results was made from, and what was read of each day: noted there, for later runs.

Tables can be dropped and made anew, and partitions with them. Reports and rejected flows stay: without these notes,
those of one account would be mixed with another's, and a day whose logs are going would lose its records.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from flowlogs.errors import FlowLakeError
from flowlogs.layout import LogSource, is_visible
from flowlogs.printable import printable
from flowlogs.statements import TableName, rejected_flows_name, rejected_flows_table
from resources.bucket import ObjectStore
from resources.engine import QueryEngine

OURS = ("reports/", "rejected_flows/")
"""Where reports and rejected flows lie, below the results root."""

FOLDER = "source/"

NOTE = f"{FOLDER}flow_logs.txt"
"""The key, below the results root, of a text that says where the flow logs lie, and whose tables are over them."""

DAYS = f"{FOLDER}days/"
"""Below it, a text for each day: how many objects of flow logs were read, and their size in bytes as stored."""


@dataclass(frozen=True)
class ObjectsRead:
    """How many objects of a day, and how many bytes as stored."""

    count: int
    size: int


def claim_results(results: ObjectStore, source: LogSource, athena: QueryEngine, table: TableName) -> None:
    """Note that these results are made from this source. Raises FlowLakeError where they are not, or may not be."""
    if not require_own_results(results, source, athena, table):
        results.add({NOTE: _note(source, athena).encode()})
        require_own_results(results, source, athena, table)  # a run beside this one may have noted another first


def require_own_results(results: ObjectStore, source: LogSource, athena: QueryEngine, table: TableName) -> bool:
    """Whether these results are noted to be made from this source, which nobody may have noted yet.

    Raises FlowLakeError where they are made from another one, by the tables of another catalog, or by somebody else.
    """
    noted, own = _noted(results), _note(source, athena)
    if noted is None:
        _require_nobody_elses(results, own, athena, rejected_flows_name(table))
        return False
    if noted == own.splitlines():
        return True
    location, catalog = (*noted, "", "")[:2]
    raise FlowLakeError(
        f"The results in {results.uri()} were made from the flow logs in {printable(location)} (tables: "
        f"{printable(catalog)}), and these settings read {source.location} (tables: {athena.catalog_name}). Two "
        "sources never share tables, partitions or reports: name another place in FLOWLAKE_RESULTS (and with "
        "FLOWLAKE_TARGET=aws another FLOWLAKE_DATABASE), or set FLOWLAKE_BUCKET, FLOWLAKE_ACCOUNT_ID and "
        "FLOWLAKE_REGION to those of the results. If these are the same flow logs and were moved, drop both tables, "
        f"and let these two lines be all that is in {results.uri(NOTE)}:\n{own}"
    )


def _require_nobody_elses(results: ObjectStore, own: str, athena: QueryEngine, rejected_flows: TableName) -> None:
    """Raise FlowLakeError where files lie in the place of ours that no run of ours is known to have made.

    Runs of older versions noted nothing. What they made, their table of rejected flows is over.
    """
    first = (next(_visible(results, folder), None) for folder in (*OURS, FOLDER))
    others = [key for key in first if key]
    expected = rejected_flows_table(results.location()).location.rstrip("/")
    found = athena.find_table(rejected_flows) if others else None
    if others and (found is None or found.location.rstrip("/") != expected):
        raise FlowLakeError(
            f"{results.uri(others[0])} lies where this project keeps its own files, and nothing says that it is one: "
            "it might be written over. Name another place in FLOWLAKE_RESULTS, or move it away; then run again. If it "
            f"was made from these flow logs by this project, let these two lines be all that is in {results.uri(NOTE)}:"
            f"\n{own}"
        )


def _visible(results: ObjectStore, folder: str) -> Iterator[str]:
    return (stored.key for stored in results.list(folder) if is_visible(stored.key, folder))


def note_objects(results: ObjectStore, read: Mapping[date, ObjectsRead]) -> None:
    """Note what was read of these days."""
    results.replace({note_key(day): f"{found.count} {found.size}\n".encode() for day, found in read.items()})


def noted_objects(results: ObjectStore, days: Iterable[date]) -> dict[date, ObjectsRead]:
    """What was read of these days, as far as that is noted."""
    there = {stored.key for stored in results.list(DAYS)}
    found = {}
    for day in days:
        words = results.read(note_key(day)).split() if note_key(day) in there else []
        if len(words) == 2 and all(map(bytes.isdigit, words)):
            found[day] = ObjectsRead(*map(int, words))
    return found


def note_key(day: date) -> str:
    """The key of what is noted of a day."""
    return f"{DAYS}{day}.txt"


def _note(source: LogSource, athena: QueryEngine) -> str:
    return f"{source.location}\n{athena.catalog_name}\n"


def _noted(results: ObjectStore) -> list[str] | None:
    if not any(stored.key == NOTE for stored in results.list(FOLDER)):
        return None
    return results.read(NOTE).decode(errors="replace").splitlines()
