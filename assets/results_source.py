"""Whose flow logs a place of results was made from: noted in it once, and held against the settings ever after.

Tables can be dropped and made anew, and partitions with them. Reports and rejected flows stay: without this note, those
of one account would be mixed with another's, or overwritten by them.
"""

from flowlogs.errors import FlowLakeError
from flowlogs.layout import LogSource
from resources.bucket import ObjectStore

FOLDER = "source/"

NOTE = f"{FOLDER}flow_logs.txt"
"""The key, below the results root, of a text that says where the flow logs lie."""


def claim_results(results: ObjectStore, source: LogSource) -> None:
    """Note that these results are made from this source. Raises FlowLakeError where they are made from another."""
    if _noted(results) is None:
        results.replace({NOTE: source.location.encode()})
    require_own_results(results, source)


def require_own_results(results: ObjectStore, source: LogSource) -> None:
    """Raise FlowLakeError where these results are made from another source."""
    noted = _noted(results)
    if noted not in (None, source.location):
        raise FlowLakeError(
            f"The results in {results.uri()} were made from the flow logs in {noted}, and these settings read "
            f"{source.location}. Two sources never share tables, partitions or reports: name another place in "
            "FLOWLAKE_RESULTS (and with FLOWLAKE_TARGET=aws another FLOWLAKE_DATABASE), or set FLOWLAKE_BUCKET, "
            "FLOWLAKE_ACCOUNT_ID and FLOWLAKE_REGION to those of the results. If these are the same flow logs and were "
            f"moved, remove {results.uri(NOTE)} and drop both tables."
        )


def _noted(results: ObjectStore) -> str | None:
    if not any(stored.key == NOTE for stored in results.list(FOLDER)):
        return None
    with results.open(NOTE) as stored:
        return stored.read().decode(errors="replace").strip()
