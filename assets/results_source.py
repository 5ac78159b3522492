"""Whose flow logs a place of results was made from: noted there, for later runs.

Tables can be dropped and made anew. Reports and rejected flows stay: without this note, those of one account would be
mixed with another's.
"""

from collections.abc import Iterator, Sequence

from flowlogs.errors import FlowLakeError
from flowlogs.layout import is_visible
from flowlogs.printable import printable
from flowlogs.statements import TableName, rejected_flows_name, rejected_flows_table
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine

OURS = ("reports/", "rejected_flows/")
"""Where reports and rejected flows lie, below the results root."""

FOLDER = "source/"

NOTE = f"{FOLDER}flow_logs.txt"
"""The key, below the results root, of a text that says where the flow logs lie, and whose tables are over them."""

SIMULATED = "simulated"
"""The note's third line, where no VPC is behind the flow logs."""

DAYS = f"{FOLDER}days/"
"""Below it lies what is recorded of days."""


def claim_results(results: ObjectStore, bucket: Bucket, athena: QueryEngine, table: TableName) -> None:
    """Note that these results are made from this bucket's flow logs. Raises FlowLakeError where they may not be."""
    if not require_own_results(results, bucket, athena, table):
        results.add({NOTE: _note(bucket, athena).encode()})
        require_own_results(results, bucket, athena, table)  # a run beside this one may have noted another first


def require_own_results(results: ObjectStore, bucket: Bucket, athena: QueryEngine, table: TableName) -> bool:
    """Whether these results are noted to be made from this bucket's flow logs, which nobody may have noted yet.

    Raises FlowLakeError where they are made from another one, by the tables of another catalog, or by somebody else.
    """
    noted, own = _noted(results), _note(bucket, athena)
    if noted is None:
        _require_nobody_elses(results, own, athena, rejected_flows_name(table))
        return False
    lines = own.splitlines()
    if noted in (lines, lines[:2]):  # older versions noted nothing of a simulation
        return True
    raise FlowLakeError(
        f"The results in {results.display_path()} were made from the flow logs in {_in_words(noted)}, and these "
        f"settings read {_in_words(lines)}. Two sources never share tables, partitions or reports: name another place "
        "in FLOWLAKE_RESULTS (and with FLOWLAKE_TARGET=aws another FLOWLAKE_DATABASE), or set FLOWLAKE_BUCKET, "
        "FLOWLAKE_ACCOUNT_ID and FLOWLAKE_REGION to those of the results. If these are the same flow logs and were "
        f"moved, drop both tables, and let these lines be all that is in {results.display_path(NOTE)}:\n{own}"
    )


def _in_words(note: Sequence[str]) -> str:
    location, catalog, *simulated = (*note, "", "")[: max(2, len(note))]
    return printable(f"{location} (tables: {', '.join([catalog, *simulated])})")


def _require_nobody_elses(results: ObjectStore, own: str, athena: QueryEngine, rejected_flows: TableName) -> None:
    """Raise FlowLakeError where files lie in the place of ours that no run of ours is known to have made.

    Runs of older versions noted nothing. What they made, their table of rejected flows is over.
    """
    first = (next(_visible(results, folder), None) for folder in (*OURS, FOLDER))
    others = [key for key in first if key]
    expected = rejected_flows_table(results.sql_location()).location.rstrip("/")
    found = athena.find_table(rejected_flows) if others else None
    if others and (found is None or found.location.rstrip("/") != expected):
        raise FlowLakeError(
            f"{results.display_path(others[0])} lies where this project keeps its own files, and nothing says that it "
            "is one: it might be written over. Name another place in FLOWLAKE_RESULTS, or move it away; then run "
            "again. If it was made from these flow logs by this project, let these lines be all that is in "
            f"{results.display_path(NOTE)}:\n{own}"
        )


def _visible(results: ObjectStore, folder: str) -> Iterator[str]:
    return (stored.key for stored in results.list(folder) if is_visible(stored.key, folder))


def _note(bucket: Bucket, athena: QueryEngine) -> str:
    lines = (bucket.source().location, athena.catalog_name, *([SIMULATED] if bucket.is_simulated() else []))
    return "".join(f"{line}\n" for line in lines)


def _noted(results: ObjectStore) -> list[str] | None:
    if not any(stored.key == NOTE for stored in results.list(FOLDER)):
        return None
    return results.read(NOTE).decode(errors="replace").splitlines()
