"""What `make sql` executes: statements that read, and with WRITE=1 others, but none into the results' own folders."""

import re
from typing import TYPE_CHECKING

from flowlogs.errors import FlowLakeError

if TYPE_CHECKING:
    from resources.bucket import ObjectStore

_BLANK = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)"


_READING = re.compile(
    rf"(?:{_BLANK}|\()*(?:(?:SELECT|WITH|VALUES|TABLE|SHOW|DESCRIBE|DESC)\b|EXPLAIN\b(?!{_BLANK}*ANALY[ZS]E))",
    re.DOTALL | re.IGNORECASE,
)


_UNLOAD = re.compile(rf"{_BLANK}*UNLOAD\b", re.DOTALL | re.IGNORECASE)


def reads_tables(statement: str) -> bool:
    """Whether a statement gives what tables hold. DDL, which mends tables of another source, does not."""
    return bool(_READING.match(statement) or _UNLOAD.match(statement))


def require_permitted(statement: str, results: "ObjectStore", *, write: bool) -> None:
    """Raise FlowLakeError for a statement that may change something, unless that is asked for.

    Files among those that reports are made from are never written: what a report says would no longer be the logs'.
    """
    if not write and not _READING.match(statement):
        raise FlowLakeError(
            "`make sql` reads: SELECT, WITH, SHOW, DESCRIBE and EXPLAIN. Any other statement may change tables or "
            'write files. If that is what you want, say so: make sql WRITE=1 Q="…"\n'
            f"The statement was:\n{statement}"
        )
    ours = tuple(results.sql_location(folder) for folder in ("rejected_flows/", "reports/"))
    places = re.findall("'(s3://[^']*)'", statement) if _UNLOAD.match(statement) else []
    for place in places:
        if f"{place.rstrip('/')}/".startswith(ours):
            raise FlowLakeError(
                f"{place} is where the rejected flows and reports are kept: what others write there would change what "
                f"reports say. Name another folder, such as {results.sql_location('unloaded/')}."
            )
