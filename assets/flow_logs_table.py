"""The asset of the table over flow logs, and of the tables of datasets beside it. Partitions: partitions.py."""

from datetime import datetime, timezone

import dagster as dg

from assets.datasets.cleanup import cleanup_errors_as_warnings
from assets.datasets.lost_partitions import (
    remove_superseded,
    restore_dataset_partitions,
    restore_flow_log_partitions,
)
from assets.infrastructure import vpc_flow_logs_bucket
from assets.metadata import column_schema, sql_metadata
from assets.raw_tables import choose_raw_tables
from assets.results_source import claim_results, require_own_results
from assets.runs import as_dagster_failure
from assets.table_guards import require_table
from flowlogs.datasets import DATASETS
from flowlogs.statements import (
    TableName,
    create_database,
    create_table,
    dataset_table,
)
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine
from resources.flow_log import FlowLog

GROUP = "catalog"


@dg.asset(group_name=GROUP, deps=[vpc_flow_logs_bucket])
def vpc_flow_logs(
    context: dg.AssetExecutionContext,
    bucket: dg.ResourceParam[Bucket],
    flow_log: dg.ResourceParam[FlowLog],
    athena: dg.ResourceParam[QueryEngine],
    results: dg.ResourceParam[ObjectStore],
    table: dg.ResourceParam[TableName],
) -> dg.MaterializeResult:
    """The external table over the bucket's flow logs, partitioned by day (`dt`): a column for each field of a record.

    It has the format in the settings, or that of the flow logs, as EC2 or their objects tell it. Flow logs in other
    formats have tables beside it, named after it. Beside them are the tables of the datasets, over Parquet. A table
    that exists is used as it is and never altered; if it differs, the error shows how. Partitions that were lost
    with a dropped table are added again, without a scan.
    """
    with as_dagster_failure():
        engine = athena.ensure()
        require_own_results(results, bucket, athena, table)
        database = create_database(table.database)
        athena.execute(database)
        raw = choose_raw_tables(athena, bucket, flow_log, results, table)
        definition = raw.main_table.definition
        root = results.sql_location()
        of_datasets = {
            TableName(table.database, name): dataset_table(dataset, root) for name, dataset in DATASETS.items()
        }
        tables = {table: definition, **of_datasets}
        statements = [database, *(create_table(*pair) for pair in tables.items())]
        for statement, (name, expected) in zip(statements[1:], tables.items(), strict=True):
            athena.execute(statement)
            require_table(athena, name, expected)
        claim_results(results, bucket, athena, table)
        restored = restore_dataset_partitions(athena, results, table.database, raw.sources)
        added = restore_flow_log_partitions(athena, bucket, results, raw)
        left: list[str] = []
        # Where it is not known what could be restored, it is not known what is of no use.
        if restored.is_listed:
            with cleanup_errors_as_warnings(context):
                left = remove_superseded(athena, results, table.database, datetime.now(timezone.utc))
    for warning in [*engine.warnings, *restored.warnings, *added.warnings, *left]:
        context.log.warning(warning)
    return dg.MaterializeResult(
        metadata={
            "dagster/table_name": f"{table.database}.{table.table}",
            "location": definition.location,
            "format": raw.main_format.in_words,
            "statements": sql_metadata(statements),
            "days of datasets added again": len(restored.days),
            "days of flow logs added again": len(added.days),
            **engine.facts,
            "dagster/column_schema": column_schema((*definition.columns, *definition.partition_columns)),
        }
    )
