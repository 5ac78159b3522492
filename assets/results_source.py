"""Whose flow logs a place of results was made from, and what was read of each day: noted there, for later runs.

Tables can be dropped and made anew, and partitions with them. Reports and rejected flows stay: without these notes,
those of one account would be mixed with another's, and a day whose logs are going would lose its records.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from flowlogs.errors import FlowLakeError
from flowlogs.layout import LogSource
from resources.bucket import ObjectStore
from resources.engine import QueryEngine

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


def claim_results(results: ObjectStore, source: LogSource, athena: QueryEngine) -> None:
    """Note that these results are made from this source. Raises FlowLakeError where they are made from another."""
    if not require_own_results(results, source, athena):
        results.replace({NOTE: f"{source.location}\n{athena.catalog_name}\n".encode()})
        require_own_results(results, source, athena)  # a run beside this one may have noted another


def require_own_results(results: ObjectStore, source: LogSource, athena: QueryEngine) -> bool:
    """Whether these results are noted to be made from this source, which nobody may have noted yet.

    Raises FlowLakeError where they are made from another one, or by the tables of another catalog.
    """
    noted, own = _noted(results), [source.location, athena.catalog_name]
    if noted in (None, own):
        return noted is not None
    location, catalog = (*noted, "", "")[:2] if noted else ("", "")
    raise FlowLakeError(
        f"The results in {results.uri()} were made from the flow logs in {location} (tables: {catalog}), and these "
        f"settings read {own[0]} (tables: {own[1]}). Two sources never share tables, partitions or reports: name "
        "another place in FLOWLAKE_RESULTS (and with FLOWLAKE_TARGET=aws another FLOWLAKE_DATABASE), or set "
        "FLOWLAKE_BUCKET, FLOWLAKE_ACCOUNT_ID and FLOWLAKE_REGION to those of the results. If these are the same "
        f"flow logs and were moved, remove {results.uri(NOTE)} and drop both tables."
    )


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


def _noted(results: ObjectStore) -> list[str] | None:
    if not any(stored.key == NOTE for stored in results.list(FOLDER)):
        return None
    return results.read(NOTE).decode(errors="replace").splitlines()
