"""Days as text for people, and groups of consecutive days. Every day is a date in UTC."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta


def batches(days: Sequence[date], most: int) -> Iterator[list[date]]:
    """The days in their order, in groups of consecutive days, at most `most` in each."""
    batch: list[date] = []
    for day in days:
        if batch and (len(batch) == most or day != batch[-1] + timedelta(days=1)):
            yield batch
            batch = []
        batch.append(day)
    if batch:
        yield batch


def days_text(days: Sequence[date]) -> str:
    """The days as text: all of up to five days; of more, the number, the first and the last."""
    if len(days) > 5:
        return f"{len(days)} days from {days[0]} to {days[-1]}"
    return ", ".join(map(str, days)) or "none"
