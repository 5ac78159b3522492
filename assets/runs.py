"""Functions of all assets: the run's days, the query comment, and reports of results and errors to Dagster."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any

import dagster as dg
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION

from assets.coverage import combined_version
from assets.failed_days import assets_after, hand_on, handed_on
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


@dataclass(frozen=True)
class Finished:
    """What is left to do for a step that has reported its days: yield its results, then call `fail_if_last`.

    `metadata` is that of each MaterializeResult to yield.
    """

    metadata: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""

    def fail_if_last(self) -> None:
        """Raise dg.Failure where days failed and nothing behind this step does: without that, the run would succeed."""
        if self.problem:
            raise dg.Failure(self.problem)


def finish_days(
    context: dg.AssetExecutionContext,
    days: Sequence[date],
    done: Mapping[date, Mapping[str, Any]],
    failures: Mapping[date, str],
    versions: Mapping[date, str] = MappingProxyType({}),
) -> Generator[dg.AssetMaterialization, None, Finished]:
    """Report each day that is done, with its metadata, and what failed; see `finish_dataset_days`."""
    asset = context.asset_key.to_user_string()
    return (yield from finish_dataset_days(context, days, {asset: done}, failures, versions))


def finish_dataset_days(
    context: dg.AssetExecutionContext,
    days: Sequence[date],
    done: Mapping[str, Mapping[date, Mapping[str, Any]]],
    failures: Mapping[date, str],
    versions: Mapping[date, str] = MappingProxyType({}),
) -> Generator[dg.AssetMaterialization, None, Finished]:
    """The same for several assets of one step, by their names. `days` are all days of the run.

    If no day is done, this raises FlowLakeError. If some are, the assets behind these are still made for them, and
    leave out the days that failed (see `days_to_do`). The last of them fails the run. `versions` are the days' data
    versions.
    """
    for asset, of_days in done.items():
        key = dg.AssetKey(asset)
        for day, metadata in of_days.items():
            if failures:
                tags = {DATA_VERSION_TAG: versions[day]} if versions.get(day) else None
                yield dg.AssetMaterialization(key, partition=day.isoformat(), metadata=dict(metadata), tags=tags)
            else:
                context.add_asset_metadata(dict(metadata), asset_key=key, partition_key=day.isoformat())
    if not failures:
        return Finished()
    problem = _failure_text(days, failures)
    if len(failures) == len(days):
        raise FlowLakeError(problem)
    if not assets_after(context):
        return Finished(_WITHOUT_EVENT, problem)
    context.log.error(problem)
    hand_on(context, failures)
    return Finished(_WITHOUT_EVENT)


def data_version(versions: Mapping[date, str], days: Sequence[date]) -> dg.DataVersion | None:
    """The data version for a step that did these days.

    Dagster (1.13) gives all partitions of a step the same one: for several days it is a digest of theirs.
    """
    known = [versions[day] for day in days if versions.get(day)]
    return dg.DataVersion(combined_version(known)) if len(known) == len(days) else None


_WITHOUT_EVENT: Mapping[str, Any] = {SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True}
"""With this metadata of its result, an asset counts as done for those behind it, and Dagster (1.13) records no
materialization of it. Of a range, Dagster would record one for each day, also for those that failed."""


def days_to_do(context: dg.AssetExecutionContext) -> tuple[list[date], dict[date, str]]:
    """The run's days that the assets in front have done, and those that failed there, with the reason."""
    days, failures = run_days(context), handed_on(context)
    return [day for day in days if day not in failures], failures


def _failure_text(days: Sequence[date], failures: Mapping[date, str]) -> str:
    causes = list(dict.fromkeys(failures.values()))
    text = "\n".join(causes[:MAX_CAUSES])
    if len(causes) > MAX_CAUSES:
        text += f"\nOther days failed likewise: {len(causes) - MAX_CAUSES}."
    if len(days) == 1:
        return text
    number = len(days) - len(failures)
    others = {0: "no other day", 1: "1 other day"}.get(number, f"{number} other days")
    return f"{text}\nNot done: {days_text(sorted(failures))}. Done: {others}. Run again for the days not done."


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
