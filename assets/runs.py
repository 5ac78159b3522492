"""What every asset has in common when it runs: the days that it was asked for, and how its errors reach people."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import dagster as dg

from assets.tables import markdown_text
from flowlogs.days import listed
from flowlogs.errors import FlowLakeError
from resources.ensured import Ensured

CAUSES_SHOWN = 3
"""Of a range of days, how many causes of failures a message tells in full."""


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


def origin(context: dg.AssetExecutionContext) -> str:
    """A comment that leads from Athena's history to the run. It goes behind a SELECT, or inside UNLOAD's parentheses.

    DDL gets none, and nothing gets one in front: Athena chooses the parser by how a statement begins, and users of
    dbt-athena had DDL refused for a comment there (its pull requests 52, 54 and 56; Tomme/dbt-athena, 64).
    """
    return f"-- vpc-flow-lake: {context.asset_key.to_user_string()}, run {context.run.run_id}"


@contextmanager
def clear_failures() -> Iterator[None]:
    """Let an error that is meant for people fail the step with its words, and not with a chain of exceptions."""
    try:
        yield
    except FlowLakeError as error:
        raise dg.Failure(description=str(error)) from None


def finish_days(
    context: dg.AssetExecutionContext,
    days: Sequence[date],
    done: Mapping[date, Mapping[str, Any]],
    failures: Mapping[date, str],
    after: str = "",
) -> Iterator[dg.AssetMaterialization]:
    """Tell of each day that is done, by its metadata; then fail, where some are not, in the words of what failed them.

    Where the step fails, Dagster would count none of its days as materialized. So those that are done are given one by
    one, for the asset to yield. What is made `after` this is left out for the whole run, and the words say so.
    """
    for day, metadata in done.items():
        if failures:
            yield dg.AssetMaterialization(context.asset_key, partition=day.isoformat(), metadata=dict(metadata))
        else:
            context.add_asset_metadata(dict(metadata), asset_key=context.asset_key, partition_key=day.isoformat())
    if failures:
        raise _failed(days, failures, after)


def _failed(days: Sequence[date], failures: Mapping[date, str], after: str) -> FlowLakeError:
    causes = list(dict.fromkeys(failures.values()))
    text = "\n".join(causes[:CAUSES_SHOWN])
    if len(causes) > CAUSES_SHOWN:
        text += f"\nOther days failed likewise: {len(causes) - CAUSES_SHOWN}."
    if len(days) == 1:
        return FlowLakeError(text)
    number = len(days) - len(failures)
    others = {0: "which are all", 1: "the other one is"}.get(number, f"the {number} others are")
    then = f", then the {after} for all {len(days)}" if after and number else ""
    return FlowLakeError(f"{text}\nNot done: {listed(sorted(failures))}; {others}. Run again for these days{then}.")


def told(context: dg.AssetExecutionContext, ensured: Ensured, check: str) -> dg.MaterializeResult:
    """What was made sure of, as metadata; and what people should know of, as warnings and a failed check."""
    found = [*ensured.errors, *ensured.warnings]
    for message in found:
        context.log.warning(message)
    listing = dg.MetadataValue.md("\n".join(f"- {markdown_text(message)}" for message in found) or "nothing")
    severity = dg.AssetCheckSeverity.ERROR if ensured.errors else dg.AssetCheckSeverity.WARN
    return dg.MaterializeResult(
        metadata={**ensured.facts, **({"found": listing} if found else {})},
        check_results=[
            dg.AssetCheckResult(check_name=check, passed=not found, severity=severity, metadata={"found": listing})
        ],
    )
