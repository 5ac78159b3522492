"""Functions of all assets: the run's days, the query comment, and reports of results and errors to Dagster."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from types import MappingProxyType
from typing import Any

import dagster as dg

from assets.coverage import combined_version
from assets.tables import markdown_list
from flowlogs.days import days_text
from flowlogs.errors import FlowLakeError
from resources.ensured import Ensured

DATA_VERSION_TAG = "dagster/data_version"
"""The tag by which Dagster knows the data version of a materialization."""

MAX_CAUSES = 3
"""How many different causes an error about several days shows in full."""


def run_days(context: dg.AssetExecutionContext) -> list[date]:
    """The run's partitions as UTC days: one day, or all days of a range."""
    if context.has_partition_key_range:
        asked = context.partition_key_range
        if asked.start > asked.end:
            raise dg.Failure(
                f"The range {asked.start}...{asked.end} ends before it begins: write its first day in front, as "
                f"--partition-range {asked.end}...{asked.start}."
            )
    return [date.fromisoformat(key) for key in context.partition_keys]


def query_comment(context: dg.AssetExecutionContext, asset: str) -> str:
    """A SQL comment that leads from Athena's history to the run: behind a SELECT, or inside UNLOAD's parentheses.

    DDL gets no comment, and no statement gets one in front. Athena chooses the parser by the beginning of a statement,
    and refused DDL of dbt-athena's users because of a comment there (its pull requests 52, 54 and 56;
    Tomme/dbt-athena, 64).
    """
    return f"-- vpc-flow-lake: {asset}, run {context.run.run_id}"


@contextmanager
def as_dagster_failure() -> Iterator[None]:
    """Turn a FlowLakeError into a Dagster failure with its text, without a chain of exceptions."""
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
    versions: Mapping[date, str] = MappingProxyType({}),
) -> Iterator[dg.AssetMaterialization]:
    """Report each day that is done, with its metadata; then raise FlowLakeError if there are `failures`.

    `after` names what a failed run leaves out for all days; the error says so. `versions` are the days' data versions.
    """
    asset = context.asset_key.to_user_string()
    yield from finish_dataset_days(context, days, {asset: done}, failures, after, versions)


def finish_dataset_days(
    context: dg.AssetExecutionContext,
    days: Sequence[date],
    done: Mapping[str, Mapping[date, Mapping[str, Any]]],
    failures: Mapping[date, str],
    after: str = "",
    versions: Mapping[date, str] = MappingProxyType({}),
) -> Iterator[dg.AssetMaterialization]:
    """The same for several assets of one step, by their names.

    If a step fails, Dagster does not count any of its days as materialized. So this yields a materialization for each
    day that is done.
    """
    for asset, of_days in done.items():
        key = dg.AssetKey(asset)
        for day, metadata in of_days.items():
            if failures:
                tags = {DATA_VERSION_TAG: versions[day]} if versions.get(day) else None
                yield dg.AssetMaterialization(key, partition=day.isoformat(), metadata=dict(metadata), tags=tags)
            else:
                context.add_asset_metadata(dict(metadata), asset_key=key, partition_key=day.isoformat())
    if failures:
        raise _failed(days, failures, after)


def data_version(versions: Mapping[date, str], days: Sequence[date]) -> dg.DataVersion | None:
    """The data version for a step that did these days.

    Dagster (1.13) gives all partitions of a step the same one: for several days it is a digest of theirs.
    """
    known = [versions[day] for day in days if versions.get(day)]
    return dg.DataVersion(combined_version(known)) if len(known) == len(days) else None


def _failed(days: Sequence[date], failures: Mapping[date, str], after: str) -> FlowLakeError:
    causes = list(dict.fromkeys(failures.values()))
    text = "\n".join(causes[:MAX_CAUSES])
    if len(causes) > MAX_CAUSES:
        text += f"\nOther days failed likewise: {len(causes) - MAX_CAUSES}."
    if len(days) == 1:
        return FlowLakeError(text)
    number = len(days) - len(failures)
    others = {0: "no other day", 1: "1 other day"}.get(number, f"{number} other days")
    then = f", then the {after} for all {len(days)}" if after and number else ""
    return FlowLakeError(
        f"{text}\nNot done: {days_text(sorted(failures))}. Done: {others}. Run again for the days not done{then}."
    )


def ensure_result(context: dg.AssetExecutionContext, ensured: Ensured, check: str) -> dg.MaterializeResult:
    """The result of an ``ensure`` as metadata; its warnings and errors as log messages and a failed check."""
    found = [*ensured.errors, *ensured.warnings]
    for message in found:
        context.log.warning(message)
    listing = dg.MetadataValue.md(markdown_list(found) or "nothing")
    severity = dg.AssetCheckSeverity.ERROR if ensured.errors else dg.AssetCheckSeverity.WARN
    return dg.MaterializeResult(
        metadata={**ensured.facts, **({"found": listing} if found else {})},
        check_results=[
            dg.AssetCheckResult(
                check_name=check,
                passed=not found,
                severity=severity,
                metadata={
                    **ensured.facts,
                    "errors": len(ensured.errors),
                    "warnings": len(ensured.warnings),
                    "found": listing,
                },
            )
        ],
    )
