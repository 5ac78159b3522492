"""What `make sql` tells of the days that a statement read, besides what the engine says of their objects."""

import re
from collections.abc import Sequence

from assets.day_objects import days_read, listing_warnings
from assets.raw_tables import find_raw_tables
from assets.rejected_flows.files import ROOT, changed_folders, day_folders
from assets.rejected_flows.lost_objects import lost_since
from assets.rejected_flows.lost_partitions import recorded_days
from assets.table_guards import days_read_otherwise, derived_days_read_otherwise
from flowlogs.errors import FlowLakeError
from flowlogs.printable import first_names
from flowlogs.statements import REJECTED_FLOWS, TableName, rejected_flows_name
from pipelines.commands.statement_guard import reads_tables
from pipelines.targets import Target
from resources.engine import QueryResult

MAX_WARNINGS_OF_DAYS = 10
"""How many warnings about days are shown after a statement, which may read a thousand of them."""


def query_warnings(target: Target, statement: str, result: QueryResult) -> list[str]:
    """Warnings about the days that were read; of an engine that does not report them, about all days of the tables."""
    if result.locations is not None:
        return _first_warnings(_warnings_of_days(target, result.locations))
    try:
        return _warnings_of_all_days(target, statement) if reads_tables(statement) else []
    except FlowLakeError as error:
        return [f"Whether the days are as runs have left them is not known: {error}"]


def _warnings_of_days(target: Target, locations: Sequence[str]) -> list[str]:
    """What people should know of the flow logs of the days that were read: by their listing, and by the last run."""
    days = days_read(target.bucket, locations)
    rejected_flows = rejected_flows_name(target.table)
    lost = lost_since(target.bucket, target.results, target.athena, rejected_flows, days) if days else []
    return [*lost, *listing_warnings(target.bucket, days)]


def _first_warnings(warnings: Sequence[str]) -> list[str]:
    others = len(warnings) - MAX_WARNINGS_OF_DAYS
    more = [f"{others} more of such warnings are not shown. Ask for fewer days to see them."] if others > 0 else []
    return [*warnings[:MAX_WARNINGS_OF_DAYS], *more]


def _warnings_of_all_days(target: Target, statement: str) -> list[str]:
    rejected_flows = rejected_flows_name(target.table)
    told: list[str] = []
    recorded = recorded_days(target.results, target.table)
    if _names(statement, target.table):
        raw = find_raw_tables(target.results, target.bucket.sources(), target.table)
        values = [raw.sources.partition_values(source, day) for day in recorded for source in raw.sources.sources]
        told += days_read_otherwise(target.athena, target.table, raw.main_table.columns, values).values()
    if _names(statement, rejected_flows):
        folders = day_folders(target.results.list(ROOT))
        days = sorted({*recorded, *(found.day for found in folders.values())})
        told += derived_days_read_otherwise(target.athena, rejected_flows, days).values()
        locations = target.athena.partition_locations(rejected_flows, days)
        if changed := changed_folders(target.results, folders, locations.values()):
            told.append(
                f"Where the statement reads these days, the rows of {REJECTED_FLOWS} may not be those that were "
                f"written: {first_names(changed)}. Move away what is not the table's, or materialize {REJECTED_FLOWS} "
                "for these days again."
            )
    return list(dict.fromkeys(told))


def _names(statement: str, table: TableName) -> bool:
    return re.search(rf"\b{table.table}\b", statement, re.IGNORECASE) is not None
