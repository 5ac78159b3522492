"""Objects of several flow logs by delivery window, for tests of what came, when, and what did not."""

import gzip
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from flowlogs.deliveries import Deliveries
from flowlogs.fields import HEADER_LINE
from flowlogs.layout import LogSource

SOURCE = LogSource("any-bucket", "123456789012", "us-east-1")
ONE, TWO, THREE = "fl-1111", "fl-2222", "fl-3333"
DAY = date(2021, 9, 9)
DAYS_BEFORE = [DAY - timedelta(days=ago) for ago in range(7, 0, -1)]
AFTER = datetime(2021, 9, 10, 1)  # noqa: DTZ001 - in UTC, as every window
EACH_HOUR = range(0, 1440, 60)
EACH_WINDOW = range(0, 1440, 5)


def windows(minutes: Iterable[int], day: date = DAY) -> list[datetime]:
    """The windows of a day that begin so many minutes after its midnight."""
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001
    return [midnight + timedelta(minutes=minute) for minute in minutes]


def delivered(minutes: Iterable[int], day: date = DAY, size: int = 1_000) -> Deliveries:
    """A flow log's day with an object of `size` bytes in each of these windows."""
    found = windows(minutes, day)
    return Deliveries(tuple(found), len(found), size * len(found))


def accepted(day: date, minute: int, flow_log: str = ONE) -> str:
    """A record of a minute of a day, of an interface that no other flow log tells of."""
    interface = f"eni-{flow_log[3:]}"
    midnight = int((day - date(1970, 1, 1)).total_seconds())
    start = midnight + minute * 60
    return f"2 123456789012 {interface} 10.0.0.5 10.0.0.6 443 50000 6 9 900 {start} {start + 60} ACCEPT OK"


def key_of(flow_log: str, window: datetime, day: date = DAY) -> str:
    return f"{SOURCE.day_prefix(day)}{SOURCE.object_key(flow_log, window, '0badcafe').rpartition('/')[2]}"


def deliver(
    folder: Path, day: date, minutes: Iterable[int], flow_log: str = ONE, lines: Sequence[str] | None = None
) -> list[Path]:
    """Write an object into each of these windows, of one record or of these lines; returns the paths."""
    paths = []
    for minute, window in zip(minutes, windows(minutes, day), strict=True):
        text = "\n".join([HEADER_LINE, *(lines or [accepted(day, minute, flow_log)]), ""])
        path = folder / key_of(flow_log, window, day)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
        paths.append(path)
    return paths
