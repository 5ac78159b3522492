"""The table over the flow logs, and its daily partitions: what makes delivered objects queryable."""

from collections.abc import Iterator, Sequence
from datetime import date

import dagster as dg

from assets.infrastructure import vpc_flow_log, vpc_flow_logs_bucket
from assets.runs import clear_failures, days_of
from flowlogs.errors import FlowLakeError
from flowlogs.layout import LogSource
from flowlogs.statements import (
    TableDefinition,
    TableName,
    add_partitions,
    create_database,
    create_table,
    drop_table,
    flow_logs_table,
)
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine
from resources.flow_log import FlowLog

GROUP = "catalog"
DELIVERED_CHECK = "objects_delivered"


@dg.asset(group_name=GROUP, kinds={"athena"}, deps=[vpc_flow_logs_bucket])
def vpc_flow_logs(
    bucket: dg.ResourceParam[Bucket], athena: dg.ResourceParam[QueryEngine], table: dg.ResourceParam[TableName]
) -> dg.MaterializeResult:
    """The external table over the bucket's flow logs: 14 columns, partitioned by day (`dt`).

    A table that exists already is used as it is, and never altered: one that differs is an error that shows how.
    """
    with clear_failures():
        definition = flow_logs_table(bucket.source())
        statements = [create_database(table.database), create_table(table, definition)]
        for statement in statements:
            athena.execute(statement)
        require_table(athena, table, definition)
    return dg.MaterializeResult(
        metadata={
            "table": f"{table.database}.{table.table}",
            "location": definition.location,
            "statements": sql_metadata(statements),
            "dagster/column_schema": column_schema((*definition.columns, *definition.partition_columns)),
        }
    )


def partition_asset(days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset ``vpc_flow_logs_partition`` over these days."""

    @dg.asset(
        name="vpc_flow_logs_partition",
        group_name=GROUP,
        kinds={"athena"},
        deps=[vpc_flow_log, vpc_flow_logs],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[
            dg.AssetCheckSpec(
                DELIVERED_CHECK,
                asset="vpc_flow_logs_partition",
                description="Every day that was asked for has objects in its folder.",
            )
        ],
    )
    def vpc_flow_logs_partition(
        context: dg.AssetExecutionContext,
        bucket: dg.ResourceParam[Bucket],
        flow_log: dg.ResourceParam[FlowLog],
        athena: dg.ResourceParam[QueryEngine],
        table: dg.ResourceParam[TableName],
    ) -> dg.MaterializeResult:
        """One day of the table: a partition that points at the day's folder in the bucket.

        A day without objects is added too, with a warning: Athena allows it, and what arrives late is then read.
        """
        with clear_failures():
            days = days_of(context)
            source = bucket.source()
            require_table(athena, table, flow_logs_table(source))
            flow_log.deliver(days)
            statements = list(add_partitions(table, source, days))
            for statement in statements:
                athena.execute(statement)
            empty = []
            for day in days:
                objects, size = stored(bucket.objects, source.day_prefix(day))
                if not objects:
                    empty.append(day)
                    context.log.warning(nothing_delivered(bucket.objects, source, day))
                context.add_asset_metadata(
                    {"location": source.day_location(day), "objects": objects, "bytes": size},
                    asset_key=context.asset_key,
                    partition_key=day.isoformat(),
                )
        return dg.MaterializeResult(
            metadata={"statements": sql_metadata(statements)}, check_results=[delivery_check(empty, days)]
        )

    return vpc_flow_logs_partition


def require_table(athena: QueryEngine, name: TableName, expected: TableDefinition) -> None:
    """Raise FlowLakeError, with each difference and how to mend it, unless the table exists as it is expected."""
    actual = athena.find_table(name)
    if actual is None:
        raise FlowLakeError(f"The table {name.hive} does not exist. Materialize vpc_flow_logs, which creates it.")
    differences = expected.differences(actual)
    if differences:
        listing = "".join(f"\n  {difference}" for difference in differences)
        raise FlowLakeError(
            f"The table {name.hive} is not the one that these settings ask for:{listing}\n"
            "If the settings are wrong (FLOWLAKE_BUCKET, FLOWLAKE_RESULTS, FLOWLAKE_TABLE), set them right. If the "
            "table is, drop it and materialize vpc_flow_logs again; objects and reports stay where they are:\n"
            f"{drop_table(name)}"
        )


def stored(objects: ObjectStore, prefix: str) -> tuple[int, int]:
    """How many objects lie below a prefix, and their bytes as stored."""
    sizes = [found.size for found in objects.list(prefix)]
    return len(sizes), sum(sizes)


def nothing_delivered(objects: ObjectStore, source: LogSource, day: date) -> str:
    return f"Nothing was delivered on {day}: {objects.uri(source.day_prefix(day))} holds no objects."


def delivery_check(empty: Sequence[date], days: Sequence[date]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=DELIVERED_CHECK,
        passed=not empty,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "days looked at": len(days),
            "days without objects": len(empty),
            "the first of them": ", ".join(map(str, empty[:31])) or "none",
        },
    )


def sql_metadata(statements: Sequence[str]) -> dg.MetadataValue:
    """Statements as a person reads them; of many alike, the first is enough."""
    more = f"\n\n{len(statements) - 3} more statements like these." if len(statements) > 3 else ""
    return dg.MetadataValue.md("\n\n".join(f"```sql\n{statement}\n```" for statement in statements[:3]) + more)


def column_schema(columns: Sequence[tuple[str, str]]) -> dg.TableSchema:
    return dg.TableSchema(list(_table_columns(columns)))


def _table_columns(columns: Sequence[tuple[str, str]]) -> Iterator[dg.TableColumn]:
    for name, hive_type in columns:
        yield dg.TableColumn(name, hive_type)
