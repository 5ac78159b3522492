"""What every asset has in common when it runs: the days that it was asked for, and how its errors reach people."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import dagster as dg

from flowlogs.errors import FlowLakeError


def days_of(context: dg.AssetExecutionContext) -> list[date]:
    """The run's partitions as UTC days: one of them, or every day of a range."""
    return [date.fromisoformat(key) for key in context.partition_keys]


@contextmanager
def clear_failures() -> Iterator[None]:
    """Let an error that is meant for people fail the step with its words, and not with a chain of exceptions."""
    try:
        yield
    except FlowLakeError as error:
        raise dg.Failure(description=str(error)) from None
