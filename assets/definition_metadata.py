"""What Dagster's UI shows of each asset before it ran: where its data is, its columns, its code, its kinds."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import dagster as dg

from assets.metadata import column_schema
from assets.name_snapshots import COLUMNS as NAME_COLUMNS
from assets.name_snapshots import FOLDER as NAMES_FOLDER
from assets.page.asset import INDEX
from assets.page.asset import NAME as PAGE
from assets.reports.report_files import Report
from flowlogs.datasets import DATASETS
from flowlogs.fields import PARTITION_COLUMN
from flowlogs.record_format import DEFAULT_FORMAT
from flowlogs.statements import TableName
from resources.bucket import Bucket, ObjectStore

PARTITION = ((PARTITION_COLUMN, "string"),)

_MAIN_RESOURCES = ("network_interfaces", "athena", "flow_log", "bucket")
"""The first of these that an asset uses gives it its kind."""


def described(
    assets: Sequence[dg.AssetsDefinition],
    reports: Sequence[Report],
    *,
    bucket: Bucket,
    results: ObjectStore,
    table: TableName,
    kinds: Mapping[str, str],
    tags: Mapping[str, str],
) -> list[dg.AssetsDefinition]:
    """The assets with this metadata.

    `kinds` are the resources' kinds, by their keys: an asset that executes SQL has the engine's kind. This makes no
    request.
    """
    fields = (bucket.expected_format or DEFAULT_FORMAT).columns
    columns = column_schema((*fields, *PARTITION))
    metadata: dict[str, dict[str, object]] = {
        "vpc_flow_logs_bucket": {"dagster/uri": bucket.objects.display_path()},
        "vpc_flow_log": {
            "dagster/uri": bucket.objects.display_path("AWSLogs/"),
            "dagster/column_schema": column_schema(fields),
        },
        "network_interfaces": {
            "dagster/uri": results.display_path(NAMES_FOLDER),
            "dagster/column_schema": column_schema([(column, "string") for column in NAME_COLUMNS]),
        },
        "vpc_flow_logs": _of_table(table, columns),
        "vpc_flow_logs_partition": _of_table(table, columns),
        **{
            name: _of_table(TableName(table.database, name), column_schema(dataset.partitioned_columns))
            for name, dataset in DATASETS.items()
        },
    }
    metadata[PAGE] = {"dagster/uri": results.display_path(INDEX)}
    for report in reports:
        metadata[report.name] = {
            "dagster/uri": results.display_path(f"reports/{report.name}/"),
            "dagster/column_schema": column_schema(report.column_types),
        }
    sql = {report.name: report.path for report in reports}

    def described_asset(asset: dg.AssetsDefinition) -> dg.AssetsDefinition:
        uses = asset.required_resource_keys
        kind = next(kinds[resource] for resource in _MAIN_RESOURCES if resource in uses)
        return asset.map_asset_specs(
            lambda spec: spec.merge_attributes(
                metadata={
                    **metadata[spec.key.to_user_string()],
                    "dagster/code_references": _code(asset, sql.get(spec.key.to_user_string())),
                },
                kinds={kind},
                tags=tags,
            )
        )

    return [described_asset(asset) for asset in assets]


def _of_table(table: TableName, columns: dg.TableSchema) -> dict[str, object]:
    return {"dagster/table_name": f"{table.database}.{table.table}", "dagster/column_schema": columns}


def _code(asset: dg.AssetsDefinition, sql: Path | None) -> dg.CodeReferencesMetadataValue:
    """Where the asset's code is: its SQL file, if it has one, then its Python function."""
    python = asset.op.compute_fn.decorated_fn.__code__  # type: ignore[union-attr] # Dagster keeps the function there
    references: list[dg.LocalFileCodeReference | dg.UrlCodeReference] = []
    if sql:
        references.append(dg.LocalFileCodeReference(file_path=str(sql), line_number=1, label="SQL"))
    references.append(
        dg.LocalFileCodeReference(
            file_path=str(Path(python.co_filename).absolute()), line_number=python.co_firstlineno, label="Python"
        )
    )
    return dg.CodeReferencesMetadataValue(code_references=references)
