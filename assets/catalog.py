"""The table over the flow logs, and its daily partitions: what makes delivered objects queryable."""

from collections.abc import Iterator, Sequence
from datetime import date

import dagster as dg

from assets.day_objects import look_at, unreadable_days
from assets.infrastructure import vpc_flow_log, vpc_flow_logs_bucket
from assets.results_source import claim_results, require_own_results
from assets.runs import clear_failures, days_of, finish_days, listed
from assets.silent_flow_logs import silent_flow_logs
from assets.tables import code_block, markdown_text
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
    move_partition,
    rejected_flows_name,
    rejected_flows_table,
)
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine, QueryResult
from resources.flow_log import FlowLog

GROUP = "catalog"
DELIVERED_CHECK = "objects_delivered"
UNDERSTOOD_CHECK = "objects_understood"

LINES_SHOWN = 40
"""Of a statement in metadata: every day of a range carries it, and it may name a thousand partitions."""


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
    never altered: one that differs is an error that shows how.
    """
    with clear_failures():
        engine = athena.ensure()
        require_own_results(results, bucket.source(), athena)
        definition = flow_logs_table(bucket.source())
        tables = {table: definition, rejected_flows_name(table): rejected_flows_table(results.location())}
        statements = [create_database(table.database), *(create_table(*pair) for pair in tables.items())]
        athena.execute(statements[0])
        for statement, (name, expected) in zip(statements[1:], tables.items(), strict=True):
            athena.execute(statement)
            require_table(athena, name, expected)
        claim_results(results, bucket.source(), athena)
    for warning in engine.warnings:
        context.log.warning(warning)
    return dg.MaterializeResult(
        metadata={
            "table": f"{table.database}.{table.table}",
            "location": definition.location,
            "statements": sql_metadata(statements),
            **engine.facts,
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
                description="Every day that was asked for has objects, also of each flow log that delivered before.",
            ),
            dg.AssetCheckSpec(
                UNDERSTOOD_CHECK,
                asset="vpc_flow_logs_partition",
                description="Nothing in the days' folders is left out or counted twice, as far as a first look tells.",
            ),
        ],
    )
    def vpc_flow_logs_partition(
        context: dg.AssetExecutionContext,
        bucket: dg.ResourceParam[Bucket],
        flow_log: dg.ResourceParam[FlowLog],
        athena: dg.ResourceParam[QueryEngine],
        table: dg.ResourceParam[TableName],
    ) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult]:
        """One day of the table: a partition that points at the day's folder in the bucket.

        A day without objects is added too, with a warning: Athena allows it, and what arrives late is then read. A day
        whose objects the table would read wrongly is not added, and fails by name; the other days of a range are.
        """
        with clear_failures():
            days = days_of(context)
            source = bucket.source()
            require_table(athena, table, flow_logs_table(source))
            flow_log.deliver(days)
            looked = look_at(bucket, days)
            readable = {day: found for day, found in looked.items() if not found.problem}
            statements = list(add_partitions(table, source.day_locations(readable)))
            for statement in statements:
                athena.execute(statement)
            require_locations(athena, table, source, list(readable))
            empty = [day for day, found in readable.items() if not found.objects]
            undelivered = [nothing_delivered(bucket, empty)] if empty else []
            undelivered += silent_flow_logs(bucket, readable)
            warnings = [text for found in readable.values() for text in found.warnings]
            for warning in [*undelivered, *warnings]:
                context.log.warning(warning)
            done = {
                day: {"location": source.day_location(day), "objects": len(found.objects), "bytes": found.size}
                for day, found in readable.items()
            }
            yield from finish_days(context, days, done, unreadable_days(looked), "daily assets")
        yield dg.MaterializeResult(
            metadata={"statements": sql_metadata(statements)},
            check_results=[delivery_check(undelivered, empty, days), understood_check(warnings, days)],
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
            "If the settings are wrong (FLOWLAKE_BUCKET, FLOWLAKE_RESULTS, FLOWLAKE_ACCOUNT_ID, FLOWLAKE_REGION, "
            "FLOWLAKE_DATABASE, FLOWLAKE_TABLE), set them right: each source of logs, and each place of results, needs "
            "a database of its own. If the table is wrong, drop it (make sql WRITE=1 takes such statements) and "
            f"materialize vpc_flow_logs again; objects and reports stay where they are:\n{drop_table(name)}"
        )


def require_locations(athena: QueryEngine, name: TableName, source: LogSource, days: Sequence[date]) -> None:
    """Raise FlowLakeError, with how to mend it, unless each day's partition points at the day's own folder."""
    locations = athena.partition_locations(name, [day.isoformat() for day in days])
    wrong = []
    for day in days:
        expected, found = source.day_location(day), locations.get(day.isoformat(), "nowhere")
        if found.rstrip("/") != expected:
            wrong.append(f"{day} points at {found}. Mend it with\n  {move_partition(name, day, expected)}")
    if wrong:
        listing = "\n".join(wrong[:5]) + (f"\nand {len(wrong) - 5} more" if len(wrong) > 5 else "")
        raise FlowLakeError(
            f"Partitions of {name.hive} that were there already do not point at their days (make sql WRITE=1 takes the "
            f"statements that mend them):\n{listing}"
        )


def days_without_partition(
    athena: QueryEngine, name: TableName, days: Sequence[date], asset: str
) -> tuple[dict[date, str], dict[date, str]]:
    """Where each day's partition lies; and of the days without one, what is to do.

    A query would not miss such a day, and tell of one on which nothing happened.
    """
    found = athena.partition_locations(name, [day.isoformat() for day in days])
    missing = [day for day in days if day.isoformat() not in found]
    problem = f"{name.hive} has no partition for {listed(missing)}. Materialize {asset} for that first."
    return (
        {day: found[day.isoformat()] for day in days if day.isoformat() in found},
        dict.fromkeys(missing, problem),
    )


def require_days(athena: QueryEngine, name: TableName, days: Sequence[date], asset: str) -> dict[date, str]:
    """Where each day's partition lies. Raises FlowLakeError, with what to do, for days that are none."""
    locations, missing = days_without_partition(athena, name, days, asset)
    for problem in missing.values():
        raise FlowLakeError(problem)
    return locations


def nothing_delivered(bucket: Bucket, empty: Sequence[date]) -> str:
    """Which days have no objects, where those would be, and which days the bucket does hold."""
    where = bucket.objects.uri(bucket.source().day_prefix(empty[0]))
    first = f"Nothing was delivered on {listed(empty)}: {where} holds no objects"
    return f"{first}{', nor do the others' if len(empty) > 1 else ''}. Days that do: {listed(bucket.delivered_days())}."


def delivery_check(warnings: Sequence[str], empty: Sequence[date], days: Sequence[date]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=DELIVERED_CHECK,
        passed=not warnings,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n\n".join(map(markdown_text, warnings)) or None,
        metadata={"days looked at": len(days), "days without objects": len(empty)},
    )


def understood_check(warnings: Sequence[str], days: Sequence[date]) -> dg.AssetCheckResult:
    """What a first look at the days' objects found that people should know."""
    return dg.AssetCheckResult(
        check_name=UNDERSTOOD_CHECK,
        passed=not warnings,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join(f"- {markdown_text(warning)}" for warning in warnings) or None,
        metadata={"days looked at": len(days), "warnings": len(warnings)},
    )


def query_metadata(result: QueryResult) -> dict[str, object]:
    """What a statement was and what it cost; for a day of a range, the one statement that did them all."""
    return {
        "statement": sql_metadata([result.statement]),
        "bytes scanned": result.scanned_bytes,
        "seconds": result.seconds,
        "query id": result.query_id,
        **{name: _link(value) for name, value in result.details.items()},
    }


def _link(value: object) -> object:
    return dg.MetadataValue.url(value) if isinstance(value, str) and value.startswith("https://") else value


def sql_metadata(statements: Sequence[str]) -> dg.MetadataValue:
    """Statements as a person reads them; of long ones and of many, what comes first is enough."""
    more = f"\n\n{len(statements) - 3} more statements like these." if len(statements) > 3 else ""
    return dg.MetadataValue.md("\n\n".join(code_block(_shortened(text)) for text in statements[:3]) + more)


def _shortened(statement: str) -> str:
    lines = statement.splitlines()
    more = [f"-- and {len(lines) - LINES_SHOWN} more lines"] if len(lines) > LINES_SHOWN else []
    return "\n".join(lines[:LINES_SHOWN] + more)


def column_schema(columns: Sequence[tuple[str, str]]) -> dg.TableSchema:
    return dg.TableSchema(list(_table_columns(columns)))


def _table_columns(columns: Sequence[tuple[str, str]]) -> Iterator[dg.TableColumn]:
    for name, hive_type in columns:
        yield dg.TableColumn(name, hive_type)
