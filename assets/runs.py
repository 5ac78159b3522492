"""What every asset has in common when it runs: the days that it was asked for, and how its errors reach people."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta

import dagster as dg

from assets.tables import markdown_text
from flowlogs.errors import FlowLakeError
from resources.ensured import Ensured


def days_of(context: dg.AssetExecutionContext) -> list[date]:
    """The run's partitions as UTC days: one of them, or every day of a range."""
    if context.has_partition_key_range:
        asked = context.partition_key_range
        if asked.start > asked.end:
            raise dg.Failure(
                f"The range {asked.start}...{asked.end} ends before it begins: write its first day in front, as "
                f"--partition-range {asked.end}...{asked.start}."
            )
    return [date.fromisoformat(key) for key in context.partition_keys]


def batches(days: Sequence[date], most: int) -> Iterator[list[date]]:
    """The days in their order, as runs of consecutive ones of at most so many."""
    batch: list[date] = []
    for day in days:
        if batch and (len(batch) == most or day != batch[-1] + timedelta(days=1)):
            yield batch
            batch = []
        batch.append(day)
    if batch:
        yield batch


def listed(days: Sequence[date]) -> str:
    """The days as text: each of a few, or how many and from when to when."""
    if len(days) > 5:
        return f"{len(days)} days from {days[0]} to {days[-1]}"
    return ", ".join(map(str, days)) or "none"


def traceable(context: dg.AssetExecutionContext, statement: str) -> str:
    """The statement with a comment that leads from Athena's history to the run (Hive and Trino both take ``--``)."""
    return f"-- vpc-flow-lake: {context.asset_key.to_user_string()}, run {context.run.run_id}\n{statement}"


@contextmanager
def clear_failures() -> Iterator[None]:
    """Let an error that is meant for people fail the step with its words, and not with a chain of exceptions."""
    try:
        yield
    except FlowLakeError as error:
        raise dg.Failure(description=str(error)) from None


@contextmanager
def naming_days(days: Sequence[date], first: date, after: str = "") -> Iterator[None]:
    """Let an error say which of the run's days are not done, from `first` on, where it has several.

    And that what is made `after` this, which Dagster leaves out for the whole run, is not made for any.
    """
    try:
        yield
    except FlowLakeError as error:
        if len(days) == 1:
            raise
        undone = [day for day in days if day >= first]
        number = len(days) - len(undone)
        done = {0: "which are all", 1: "the one before is"}.get(number, f"the {number} before are")
        then = f", then the {after} for all {len(days)}" if after and number else ""
        raise FlowLakeError(f"{error}\nNot done: {listed(undone)}; {done}. Run again for these days{then}.") from error


def told(context: dg.AssetExecutionContext, ensured: Ensured, check: str) -> dg.MaterializeResult:
    """What was made sure of, as metadata; and what people should know of, as warnings and a failed check."""
    found = [*ensured.errors, *ensured.warnings]
    for message in found:
        context.log.warning(message)
    listing = dg.MetadataValue.md("\n".join(f"- {markdown_text(message)}" for message in found) or "nothing")
    severity = dg.AssetCheckSeverity.ERROR if ensured.errors else dg.AssetCheckSeverity.WARN
    return dg.MaterializeResult(
        metadata={**ensured.facts, **({"differs": listing} if found else {})},
        check_results=[
            dg.AssetCheckResult(check_name=check, passed=not found, severity=severity, metadata={"found": listing})
        ],
    )
