"""Records which flow logs the results are made from, in a file below ``source/``.

Reports and rejected flows outlive dropped tables. Without this record, the results of two accounts could be mixed.
"""

from collections.abc import Iterator, Sequence

from flowlogs.datasets import REJECTED_FLOWS
from flowlogs.errors import FlowLakeError
from flowlogs.layout import is_visible
from flowlogs.printable import printable
from flowlogs.statements import DATASETS_FOLDER, TableName, dataset_table
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine

RESULT_FOLDERS = ("reports/", DATASETS_FOLDER)
"""The folders of reports and datasets, below the results root."""

FOLDER = "source/"

SOURCE_RECORD = f"{FOLDER}flow_logs.txt"
"""The key of the source record: the location of the flow logs, and the catalog of their tables, a line each."""

SIMULATED = "simulated"
"""The third line of the source record, where the flow logs are simulated."""

FORMATS = f"{FOLDER}formats/"
"""The folder of what each main table reads, by database and table. It says nothing of whose the results are."""

DAYS = f"{FOLDER}days/"
"""The folder of the records about days."""


def claim_results(results: ObjectStore, bucket: Bucket, athena: QueryEngine, table: TableName) -> None:
    """Record that these results are made from this bucket's flow logs.

    Raises FlowLakeError if another source has them.
    """
    if not require_own_results(results, bucket, athena, table):
        results.add({SOURCE_RECORD: _source_record(bucket, athena).encode()})
        require_own_results(results, bucket, athena, table)  # a parallel run may have recorded another source first


def require_own_results(results: ObjectStore, bucket: Bucket, athena: QueryEngine, table: TableName) -> bool:
    """Whether the source record names this bucket's flow logs; False if there is no source record.

    Raises FlowLakeError if it names another source or catalog, or if other files lie there.
    """
    recorded, own = _recorded_source(results), _source_record(bucket, athena)
    if recorded is None:
        _require_no_foreign_files(results, own, athena, TableName(table.database, REJECTED_FLOWS.name))
        return False
    lines = own.splitlines()
    if recorded in (lines, lines[:2]):  # older versions recorded no simulation
        return True
    raise FlowLakeError(
        f"The results in {results.display_path()} were made from the flow logs in {_source_in_words(recorded)}, and "
        f"these settings read {_source_in_words(lines)}. Two sources never share tables, partitions or reports: name "
        "another place in FLOWLAKE_RESULTS (and with FLOWLAKE_TARGET=aws another FLOWLAKE_DATABASE), or set "
        "FLOWLAKE_BUCKET, FLOWLAKE_ACCOUNT_ID and FLOWLAKE_REGION to those of the results. If these are the same flow "
        "logs and were moved, drop both tables, and let these lines be all that is in "
        f"{results.display_path(SOURCE_RECORD)}:\n{own}"
    )


def _source_in_words(record: Sequence[str]) -> str:
    location, catalog, *simulated = (*record, "", "")[: max(2, len(record))]
    return printable(f"{location} (tables: {', '.join([catalog, *simulated])})")


def _require_no_foreign_files(results: ObjectStore, own: str, athena: QueryEngine, rejected_flows: TableName) -> None:
    """Raise FlowLakeError if the results' folders hold files that may not be this project's.

    Older versions recorded no source. Their files are known by their table of rejected flows, which points at them.
    """
    first = (next(_visible(results, folder), None) for folder in (*RESULT_FOLDERS, FOLDER))
    others = [key for key in first if key]
    expected = dataset_table(REJECTED_FLOWS, results.sql_location()).location.rstrip("/")
    found = athena.find_table(rejected_flows) if others else None
    if others and (found is None or found.location.rstrip("/") != expected):
        raise FlowLakeError(
            f"{results.display_path(others[0])} lies where this project keeps its own files, and nothing says that it "
            "is one: it might be written over. Name another place in FLOWLAKE_RESULTS, or move it away; then run "
            "again. If it was made from these flow logs by this project, let these lines be all that is in "
            f"{results.display_path(SOURCE_RECORD)}:\n{own}"
        )


def _visible(results: ObjectStore, folder: str) -> Iterator[str]:
    keys = (stored.key for stored in results.list(folder) if is_visible(stored.key, folder))
    return (key for key in keys if not key.startswith(FORMATS))


def _source_record(bucket: Bucket, athena: QueryEngine) -> str:
    lines = (bucket.sources().description, athena.catalog_name, *([SIMULATED] if bucket.is_simulated() else []))
    return "".join(f"{line}\n" for line in lines)


def _recorded_source(results: ObjectStore) -> list[str] | None:
    if not any(stored.key == SOURCE_RECORD for stored in results.list(FOLDER)):
        return None
    return results.read(SOURCE_RECORD).decode(errors="replace").splitlines()
