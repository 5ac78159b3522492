"""Reports as tables of the embedded engine: their Parquet files, a file a day."""

from collections.abc import Mapping
from pathlib import Path

from assets.reports.report_files import read_reports
from flowlogs.errors import FlowLakeError
from flowlogs.fields import PARTITION_COLUMN
from flowlogs.record_format import PARQUET
from flowlogs.statements import TableDefinition
from resources.bucket import ObjectStore


def report_tables(results: ObjectStore, folder: Path | None) -> Mapping[str, TableDefinition]:
    """The table of each report, by its name: partitioned by day, over files ``<day>.parquet``.

    `folder` has the reports of the user's own. Where these are broken, only this project's are there.
    """
    try:
        reports = read_reports(folder)
    except FlowLakeError:
        reports = read_reports()
    return {
        report.name: TableDefinition(
            columns=tuple(column for column in report.column_types if column[0] != PARTITION_COLUMN),
            partition_columns=((PARTITION_COLUMN, "string"),),
            location=results.sql_location(f"reports/{report.name}/"),
            stored_as=PARQUET,
        )
        for report in reports
    }
