"""The table over the flow logs, and its daily partitions: what makes delivered objects queryable."""

from datetime import datetime, timezone

import dagster as dg

from assets.infrastructure import vpc_flow_logs_bucket
from assets.metadata import column_schema, sql_metadata
from assets.rejected_flows.taken_up import (
    only_warned_of,
    remove_superseded,
    take_up_flow_logs,
    take_up_rejected_flows,
)
from assets.results_source import claim_results, require_own_results
from assets.runs import clear_failures
from assets.table_guards import require_table
from flowlogs.statements import (
    TableName,
    create_database,
    create_table,
    flow_logs_table,
    rejected_flows_name,
    rejected_flows_table,
)
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine

GROUP = "catalog"


@dg.asset(group_name=GROUP, kinds={"athena"}, deps=[vpc_flow_logs_bucket])
def vpc_flow_logs(
    context: dg.AssetExecutionContext,
    bucket: dg.ResourceParam[Bucket],
    athena: dg.ResourceParam[QueryEngine],
    results: dg.ResourceParam[ObjectStore],
    table: dg.ResourceParam[TableName],
) -> dg.MaterializeResult:
    """The external table over the bucket's flow logs: 14 columns, partitioned by day (`dt`).

    Beside it, over Parquet, the table of the REJECT records alone. A table that exists already is used as it is, and
    never altered: one that differs is an error that shows how. Days that were read before and are no partitions, as
    after a table was dropped, are taken up again: nothing is scanned for that.
    """
    with clear_failures():
        engine = athena.ensure()
        require_own_results(results, bucket, athena, table)
        definition = flow_logs_table(bucket.source())
        tables = {table: definition, rejected_flows_name(table): rejected_flows_table(results.location())}
        statements = [create_database(table.database), *(create_table(*pair) for pair in tables.items())]
        athena.execute(statements[0])
        for statement, (name, expected) in zip(statements[1:], tables.items(), strict=True):
            athena.execute(statement)
            require_table(athena, name, expected)
        claim_results(results, bucket, athena, table)
        rejected = rejected_flows_name(table)
        taken_up = take_up_rejected_flows(athena, results, rejected, bucket.source())
        added = take_up_flow_logs(athena, bucket, results, table)
        left: list[str] = []
        # Where it was not seen what could be taken up, nothing is known to be of no use.
        if taken_up.looked:
            with only_warned_of(context):
                left = remove_superseded(athena, results, rejected, datetime.now(timezone.utc))
    for warning in [*engine.warnings, *taken_up.warnings, *added.warnings, *left]:
        context.log.warning(warning)
    return dg.MaterializeResult(
        metadata={
            "table": f"{table.database}.{table.table}",
            "location": definition.location,
            "statements": sql_metadata(statements),
            "days of rejected flows taken up again": len(taken_up.days),
            "days of flow logs added again": len(added.days),
            **engine.facts,
            "dagster/column_schema": column_schema((*definition.columns, *definition.partition_columns)),
        }
    )
