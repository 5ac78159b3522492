"""Days as text for people, and as runs of consecutive ones. A day is a date, and every one of them is UTC's."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta


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


def days_text(days: Sequence[date]) -> str:
    """The days as text: each of a few, or how many and from when to when."""
    if len(days) > 5:
        return f"{len(days)} days from {days[0]} to {days[-1]}"
    return ", ".join(map(str, days)) or "none"
