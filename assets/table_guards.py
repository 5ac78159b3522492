"""Checks tables and partitions before assets use them.

Each error says how to mend what is wrong. Nothing is changed.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date

from flowlogs.days import days_text
from flowlogs.errors import FlowLakeError
from flowlogs.fields import PARTITION_COLUMN
from flowlogs.statements import (
    TableDefinition,
    TableName,
    drop_partition,
    drop_table,
    set_keyed_partition_location,
)
from resources.engine import QueryEngine, day_values


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
            "a database of its own. If the table is wrong, drop it (make sql WRITE=1 takes such statements; on AWS an "
            "administrator runs this one: it takes glue:DeleteTable, GetPartitions and DeletePartition, which the "
            "policies in deploy/ do not grant) and materialize vpc_flow_logs again; objects and reports stay where "
            f"they are, and the days that were read are added again, without a scan:\n{drop_table(name)}"
        )


def require_locations(
    name: TableName,
    columns: Sequence[str],
    expected: Mapping[tuple[str, ...], str],
    locations: Mapping[tuple[str, ...], str],
) -> None:
    """Raise FlowLakeError, with how to mend it, unless each partition points at its own folder.

    `expected` and `locations` are where partitions should point and where they do, by the values of the partition
    columns. `columns` are the names of these.
    """
    wrong = []
    for values, location in expected.items():
        found = locations.get(values, "nowhere")
        if found.rstrip("/") != location:
            mend = set_keyed_partition_location(name, columns, values, location)
            wrong.append(f"{' '.join(values)} points at {found}. Mend it with\n  {mend}")
    if wrong:
        listing = _first_lines(wrong)
        raise FlowLakeError(
            f"Partitions of {name.hive} that were there already do not point at their days (make sql WRITE=1 takes the "
            "statements that mend them; on AWS an administrator runs them, as they take glue:UpdatePartition on that "
            f"table, which the policies in deploy/ do not grant):\n{listing}"
        )


def days_read_otherwise(
    athena: QueryEngine, name: TableName, columns: Sequence[str], partitions: Sequence[tuple[str, ...]]
) -> dict[date, str]:
    """The days with a partition that is read otherwise than its table, and what to do.

    A query gives no error where columns of one type, or delimiters, differ: its numbers are wrong.
    """
    alike: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for values, differences in athena.partition_differences(name, partitions).items():
        alike["".join(f"\n  {difference}" for difference in differences)].append(values)
    problems: dict[date, str] = {}
    for listing, found in alike.items():
        own = sorted({date.fromisoformat(values[0]) for values in found})
        statements = _first_lines([drop_partition(name, columns, values) for values in found])
        text = (
            f"Partitions of {name.hive} are read otherwise than the table, as each has a description of its own: "
            f"{days_text(own)}.{listing}\nDrop them, and materialize vpc_flow_logs, which adds them again without a "
            "scan (make sql WRITE=1 takes the statements; on AWS an administrator runs them, as they take "
            f"glue:DeletePartition, which the policies in deploy/ do not grant):\n{statements}"
        )
        problems |= dict.fromkeys(own, text)
    return problems


def derived_days_read_otherwise(athena: QueryEngine, name: TableName, days: Sequence[date]) -> dict[date, str]:
    """The same of a table that is partitioned by day alone."""
    return days_read_otherwise(athena, name, [PARTITION_COLUMN], [day_values(day) for day in days])


def partitions_missing(name: TableName, missing: Sequence[date], asset: str) -> dict[date, str]:
    """For days that lack a partition, what to do. A query gives no error for them."""
    problem = f"{name.hive} has no partition for {days_text(missing)}. Materialize {asset} for that first."
    return dict.fromkeys(missing, problem)


def days_without_partition(
    athena: QueryEngine, name: TableName, days: Sequence[date], asset: str
) -> tuple[dict[date, str], dict[date, str]]:
    """The location of each day's partition; and for the days without one, what to do.

    A query gives no error for such a day: its report would say that nothing happened.
    """
    found = athena.partition_locations(name, days)
    missing = partitions_missing(name, [day for day in days if day not in found], asset)
    return {day: found[day] for day in days if day in found}, missing


def require_days(athena: QueryEngine, name: TableName, days: Sequence[date], asset: str) -> dict[date, str]:
    """The location of each day's partition. Raises FlowLakeError, with what to do, where a day has none."""
    locations, missing = days_without_partition(athena, name, days, asset)
    for problem in missing.values():
        raise FlowLakeError(problem)
    return locations


def _first_lines(lines: Sequence[str]) -> str:
    return "\n".join(lines[:5]) + (f"\nand {len(lines) - 5} more" if len(lines) > 5 else "")
