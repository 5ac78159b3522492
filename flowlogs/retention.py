"""For how many days logs, datasets and reports are kept. What has no number of days is kept for good."""

from dataclasses import dataclass
from datetime import date, timedelta

LEAST_DAYS = 7
"""The fewest days that anything is kept: reports compare a day with those before it, and late objects are awaited."""

MOST_DAYS = 36_500
"""A hundred years."""


@dataclass(frozen=True)
class Retention:
    """For how many days after it each day's logs, datasets and reports are kept; None: for good.

    `logs_left` says why this project removes no logs by itself, where it does not.
    """

    logs: int | None = None
    datasets: int | None = None
    reports: int | None = None
    logs_left: str | None = None

    @property
    def is_set(self) -> bool:
        """Whether anything is ever removed."""
        return (self.logs, self.datasets, self.reports) != (None, None, None)

    def remakes_from(self, today: date) -> date | None:
        """The first day whose logs, datasets and reports are all kept; None if those of every day are.

        No sensor and no schedule asks for a day before that.
        """
        firsts = [first for kept in (self.logs, self.datasets, self.reports) if (first := first_kept(kept, today))]
        return max(firsts, default=None)


def first_kept(days: int | None, today: date) -> date | None:
    """The first day that is still kept, where days are kept for so many days after them; None for good.

    What S3 expires by the date of its creation is kept as long as this, or longer: no object is older than its day.
    """
    return None if days is None else today - timedelta(days=days)


KEPT_FOR_GOOD = Retention()
"""Nothing is ever removed."""
