"""What `make sql` tells where a statement names a table or database that is not there."""

import re
from difflib import get_close_matches

from assets.reports.report_files import read_reports
from flowlogs.datasets import DATASETS
from pipelines.settings import Settings
from pipelines.targets import Target
from resources.engine import QueryError

_MISSING = ("INVALID_VIEW", "SCHEMA_NOT_FOUND", "SemanticException", "TABLE_NOT_FOUND")
_TABLE = re.compile(r"(?:Table '|View '|Table not found )(?:\w+\.)*(\w+)")


def table_hint(target: Target, settings: Settings, error: QueryError) -> str:
    """Which table may be meant, and which there are; empty for errors about anything else."""
    missing = _TABLE.search(str(error).partition("The statement was:")[0])
    if error.code not in _MISSING or (not missing and error.code != "SCHEMA_NOT_FOUND"):
        return ""
    made = [settings.table, *DATASETS]
    if not missing or missing[1] in made:
        return "The table of flow logs is there once `make run` has made it."
    reports = [report.name for report in read_reports(settings.reports_folder)] if settings.target == "embedded" else []
    there = [*made, *_tables_there(target, settings), *reports]
    near = get_close_matches(missing[1], list(dict.fromkeys(there)), n=1, cutoff=0.6)
    meant = f"Did you mean {near[0]}? " if near else ""
    also = " Each report is a table, too: `make reports` lists them." if reports else ""
    return f"{meant}The tables that `make run` makes are {', '.join(made)}.{also}"


def _tables_there(target: Target, settings: Settings) -> list[str]:
    """The tables and views of the database, from a catalog that costs nothing to ask."""
    if settings.target != "embedded":
        return []
    try:
        return [str(name) for name in target.athena.execute("SHOW TABLES").frame["tab_name"]]
    except QueryError:  # there is no database yet
        return []
