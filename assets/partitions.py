"""The asset of the table's daily partitions. A day's objects are inspected before its folder becomes a partition."""

from collections.abc import Iterator, Sequence
from datetime import date

import dagster as dg

from assets.added_days import record_added_days
from assets.day_objects import DayObjects, damaged_warning, inspect_days, unreadable_days
from assets.deliveries import compared_deliveries, deliveries_by_day
from assets.delivery_changes import delivery_changes
from assets.delivery_check import ALL_DAY_SPEC, all_day_check, delivery_metadata, irregularities
from assets.expired_days import over_days, removed_among
from assets.flow_logs_table import GROUP, vpc_flow_logs
from assets.infrastructure import vpc_flow_log
from assets.metadata import sql_metadata, told_once
from assets.raw_tables import add_partitions_of, create_side_tables, find_raw_tables, unread_days
from assets.results_source import require_own_results
from assets.runs import as_dagster_failure, finish_days, run_days
from assets.table_guards import require_table
from assets.tables import markdown_list, markdown_text
from flowlogs.days import days_text
from flowlogs.printable import first_names
from flowlogs.record_format import DEFAULT_FORMAT
from flowlogs.retention import KEPT_FOR_GOOD, Retention
from flowlogs.sources import LogSources
from flowlogs.statements import (
    TableName,
)
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine
from resources.flow_log import FlowLog

DELIVERED_CHECK = "objects_delivered"


UNDERSTOOD_CHECK = "objects_understood"


def partition_asset(days: dg.DailyPartitionsDefinition, retention: Retention = KEPT_FOR_GOOD) -> dg.AssetsDefinition:
    """The asset ``vpc_flow_logs_partition`` over these days. Days that are not kept any more are not added."""

    @dg.asset(
        name="vpc_flow_logs_partition",
        group_name=GROUP,
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
            ALL_DAY_SPEC,
        ],
    )
    def vpc_flow_logs_partition(
        context: dg.AssetExecutionContext,
        bucket: dg.ResourceParam[Bucket],
        flow_log: dg.ResourceParam[FlowLog],
        athena: dg.ResourceParam[QueryEngine],
        results: dg.ResourceParam[ObjectStore],
        table: dg.ResourceParam[TableName],
    ) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult]:
        """One day of the table: a partition that points at the day's folder in the bucket.

        A day without objects is added too, with a warning: Athena allows it, and what arrives late is then read. A day
        whose objects the table would read wrongly is not added, and fails by name; the other days of a range are.
        """
        with as_dagster_failure():
            days = run_days(context)
            raw = find_raw_tables(results, bucket.sources(), table)
            require_own_results(results, bucket, athena, table)
            require_table(athena, table, raw.main_table.definition)
            expired = over_days(retention, days)
            asked = [day for day in days if day not in expired]
            flow_log.deliver(asked)
            inspected = inspect_days(bucket, asked)
            expired |= removed_among(results, table.database, inspected)
            readable = {day: found for day, found in inspected.items() if not found.problem and day not in expired}
            tables = raw.filled(readable)
            created = create_side_tables(athena, tables)
            added = list(add_partitions_of(tables))
            for filled in tables:
                record_added_days(results, filled.name, filled.days)
            for statement in added:
                athena.execute(statement)
            misread = unread_days(athena, tables, "vpc_flow_logs_partition")
            readable = {day: found for day, found in readable.items() if day not in misread}
            empty = [day for day, found in readable.items() if not found.objects]
            undelivered = [nothing_delivered(bucket, empty)] if empty else []
            by_day = deliveries_by_day(bucket, readable)
            changes = delivery_changes(bucket, readable, by_day)
            compared = {day: compared_deliveries(day, by_day) for day in readable}
            deliveries = {day: found for day, found in compared.items() if readable[day].objects or found.expected}
            undelivered += changes.silent
            for day, flow_logs in changes.new.items():
                context.log.info(f"New on {day}: {first_names(flow_logs)}")
            warnings = [text for found in readable.values() for text in found.warnings]
            warnings += [
                damaged_warning(bucket, day, found.damaged) for day, found in readable.items() if found.damaged
            ]
            for warning in [*undelivered, *irregularities(deliveries), *warnings]:
                context.log.warning(warning)
            told = told_once(list(readable), {"statements": sql_metadata([*created, *added])}) if readable else {}
            done = {
                day: {
                    "location": _locations(raw.sources, found, day),
                    **({"formats": formats} if (formats := _formats(found)) else {}),
                    **({"new flow logs": first_names(changes.new[day])} if day in changes.new else {}),
                    "objects": len(found.objects),
                    "bytes": found.size,
                    **(delivery_metadata(deliveries[day]) if day in deliveries else {}),
                    **told[day],
                }
                for day, found in readable.items()
            }
            finished = yield from finish_days(context, days, done, unreadable_days(inspected) | misread | expired)
        yield dg.MaterializeResult(
            metadata=finished.metadata,
            check_results=[
                delivery_check(undelivered, empty, days),
                understood_check(warnings, days),
                all_day_check(deliveries, days),
            ],
        )
        finished.fail_if_last()

    return vpc_flow_logs_partition


def _locations(sources: LogSources, found: DayObjects, day: date) -> str:
    """The locations of a day's partitions."""
    filled = [folder.source for folder in found.folders] or list(sources.sources)[:1]
    return first_names([source.day_location(day) for source in filled])


def _formats(found: DayObjects) -> str | None:
    """The formats of a day's records, where they are others than text in the default format."""
    return None if found.formats in ([], [DEFAULT_FORMAT]) else "; ".join(kind.in_words for kind in found.formats)


def nothing_delivered(bucket: Bucket, empty: Sequence[date]) -> str:
    """A warning: which days have no objects, where they are expected, and which days have some."""
    where = first_names(list(map(bucket.objects.display_path, bucket.sources().day_prefixes(empty[0]).values())))
    first = f"Nothing was delivered on {days_text(empty)}: {where} holds no objects"
    return (
        f"{first}{', nor do the others' if len(empty) > 1 else ''}. Days that do: {days_text(bucket.delivered_days())}."
    )


def delivery_check(warnings: Sequence[str], empty: Sequence[date], days: Sequence[date]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=DELIVERED_CHECK,
        passed=not warnings,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n\n".join(map(markdown_text, warnings)) or None,
        metadata={"days looked at": len(days), "days without objects": len(empty)},
    )


def understood_check(warnings: Sequence[str], days: Sequence[date]) -> dg.AssetCheckResult:
    """The check of what the inspection of the days' objects found."""
    return dg.AssetCheckResult(
        check_name=UNDERSTOOD_CHECK,
        passed=not warnings,
        severity=dg.AssetCheckSeverity.WARN,
        description=markdown_list(warnings) or None,
        metadata={"days looked at": len(days), "warnings": len(warnings)},
    )
