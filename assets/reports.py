"""The daily reports: each is one SQL file beside this module, run over one day, written as Parquet and CSV.

A new report is a new .sql file and its line in REPORTS. What a day's report says depends on that day's records alone.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from assets.catalog import sql_metadata
from assets.runs import clear_failures, days_of, traceable
from assets.tables import csv_bytes, markdown_table, parquet_bytes
from flowlogs.statements import TableName
from resources.bucket import ObjectStore
from resources.engine import QueryEngine, QueryResult

if TYPE_CHECKING:
    import pandas as pd

GROUP = "reports"
ROWS_SHOWN = 20

REPORTS: Mapping[str, str] = {
    "top_rejected_pairs": "The 20 source and destination pairs with the most rejected packets of the day.",
    "rejected_flow_details": "The day's rejected flows in full, up to 100: those with the most packets.",
}
"""Each report's name (its asset key and the name of its .sql file) and what it tells."""


def report_asset(name: str, description: str, days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of one report over these days."""

    @dg.asset(
        name=name,
        description=description,
        group_name=GROUP,
        kinds={"athena", "parquet"},
        deps=["vpc_flow_logs_partition"],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def report(
        context: dg.AssetExecutionContext,
        athena: dg.ResourceParam[QueryEngine],
        results: dg.ResourceParam[ObjectStore],
        table: dg.ResourceParam[TableName],
    ) -> None:
        days = days_of(context)
        for number, day in enumerate(days, 1):
            with clear_failures():
                result = athena.execute(traceable(context, report_sql(name, table, day)))
                results.replace(report_files(name, day, result.frame))
            context.log.info(f"{day} ({number} of {len(days)}): {len(result.frame)} rows.")
            context.add_asset_metadata(
                report_metadata(name, day, result, results),
                asset_key=context.asset_key,
                partition_key=day.isoformat(),
            )

    return report


def report_sql(name: str, table: TableName, day: date) -> str:
    """The statement of a report for one day."""
    template = Path(__file__).with_name(f"{name}.sql").read_text(encoding="utf-8")
    return template.strip().format(table=table.trino, day=day.isoformat())


def report_keys(name: str, day: date) -> tuple[str, str]:
    """Where a day's report lies below the results root: its Parquet and its CSV file."""
    return f"reports/{name}/{day}.parquet", f"reports/{name}/{day}.csv"


def report_files(name: str, day: date, frame: "pd.DataFrame") -> dict[str, bytes]:
    parquet, csv = report_keys(name, day)
    return {parquet: parquet_bytes(frame), csv: csv_bytes(frame)}


def report_metadata(name: str, day: date, result: QueryResult, results: ObjectStore) -> dict[str, object]:
    """What a person wants to know of one day's report."""
    parquet, csv = report_keys(name, day)
    return {
        "dagster/row_count": len(result.frame),
        "table": dg.MetadataValue.md(markdown_table(result.frame, ROWS_SHOWN)),
        "parquet": dg.MetadataValue.path(results.uri(parquet)),
        "csv": dg.MetadataValue.path(results.uri(csv)),
        "statement": sql_metadata([result.statement]),
        "bytes scanned": result.scanned_bytes,
        "seconds": result.seconds,
        "query id": result.query_id,
        **{name: _link(value) for name, value in result.details.items()},
    }


def _link(value: object) -> object:
    return dg.MetadataValue.url(value) if isinstance(value, str) and value.startswith("https://") else value
