"""A flow log's deliveries of a day by 5-minute window, and what the days before let one expect of it.

The windows are in the objects' names (layout.py). A busy flow log delivers in each window, a quiet one seldom and at
odd times. So a day is judged by what the same flow log did on the days before: its longest gap, how many windows had
objects, how many objects and bytes came. docs/completeness.md has the rules with their numbers.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from math import sqrt
from statistics import median

from flowlogs.layout import find_flow_log, find_window, touches_day

WINDOW = timedelta(minutes=5)
"""How long a delivery window is ("Flow log files", Amazon VPC user guide, 2026)."""

WINDOWS_OF_DAY = timedelta(days=1) // WINDOW

DAYS_LEARNED = 7
"""From how many days before it is learned what a flow log delivers."""

FEWEST_DAYS = 3
"""With fewer days of deliveries than this, nothing is learned, and the defaults are used."""

MANY_DAYS = 5
"""From so many days on, the one day that was worst is not counted: an outage does not become what is expected."""

LEAST_GAP = timedelta(minutes=10)
"""No gap up to this long is told, however regular the days before were."""

TIMES_LONGER = 2
"""How many times longer than the longest gap of the days before a gap may be."""

SPREADS, DEVIATIONS = 3, 4
"""How far below the median of the days before the number of windows may be, where these days are not alike: so many
times as far as the lowest of them, and so many standard deviations of windows that come by chance."""

REGULAR_WINDOWS = 12
"""Where all days before have the same number of windows, and at least so many, no window less is usual."""

JUDGED_OBJECTS = 24
"""A flow log with fewer objects a day has low days by chance: neither its objects nor its bytes are called low."""

LOW_SHARE = 0.5
"""Less than this share of the median of the days before is low, for objects and bytes."""

DEFAULT_GAP = timedelta(minutes=60)
"""The longest gap that is expected of a flow log whose days before are too few."""

DENSE_WINDOWS, DENSE_STEP = 12, timedelta(minutes=10)
"""Without days before, only a flow log is judged that has objects in so many windows, mostly so far apart at most."""

SETTLING = timedelta(minutes=30)
"""For how long the last windows of a day that is not over are not missed: best-effort delivery takes its time."""


@dataclass(frozen=True)
class Deliveries:
    """What one flow log delivered into a day's folder: the begin of each window (UTC), in order; objects and bytes."""

    windows: tuple[datetime, ...]
    objects: int
    size: int

    def gaps(self, day: date, until: datetime) -> list["Gap"]:
        """The times without objects between midnight and `until`, also before the first window and after the last."""
        begin = _midnight(day)
        ends = [begin, *(max(window + WINDOW, begin) for window in self.windows)]
        begins = [*(max(window, begin) for window in self.windows), max(until, ends[-1])]
        return [Gap(since, to) for since, to in zip(ends, begins, strict=True) if to > since]

    def longest_gap(self, day: date) -> timedelta:
        """The longest time without objects in a day that is over."""
        return max((gap.length for gap in self.gaps(day, end_of(day))), default=timedelta(0))

    @property
    def step(self) -> timedelta | None:
        """The usual time from one window to the next; None with fewer than two windows."""
        steps = [other - one for one, other in pairwise(self.windows)]
        return timedelta(seconds=median(step.total_seconds() for step in steps)) if steps else None


@dataclass(frozen=True, order=True)
class Gap:
    """A time without objects (UTC)."""

    since: datetime
    to: datetime

    @property
    def length(self) -> timedelta:
        return self.to - self.since


def deliveries_of(sizes: Iterable[tuple[str, int]], day: date) -> dict[str, Deliveries]:
    """By flow log, what lies in a day's folder, by the objects' keys and sizes. Other days' windows do not count."""
    windows: dict[str, set[datetime]] = defaultdict(set)
    objects: dict[str, list[int]] = defaultdict(list)
    for key, size in sizes:
        if flow_log := find_flow_log(key):
            objects[flow_log].append(size)
            window = find_window(key)
            if window and touches_day(window, day):
                windows[flow_log].add(window - timedelta(minutes=window.minute % 5))
    return {
        flow_log: Deliveries(tuple(sorted(windows[flow_log])), len(found), sum(found))
        for flow_log, found in sorted(objects.items())
    }


@dataclass(frozen=True)
class Expected:
    """What is expected of a flow log on a day, learned from `days` days before on which it delivered.

    `windows` is the usual number of windows with objects, `fewest` how many are still usual, `gap` the longest usual
    gap; None where any gap is usual. `objects` and `size` are the fewest that are not low; 0 where that is not known.
    """

    days: int
    windows: int
    fewest: int
    gap: timedelta | None
    objects: float = 0
    size: float = 0
    usual_objects: float = 0
    usual_size: float = 0


def expected_of(now: Deliveries | None, before: Mapping[date, Deliveries]) -> Expected:
    """What is expected of a flow log that delivered `now`, given its days before; None: it delivers nothing now."""
    longest = sorted((found.longest_gap(day) for day, found in before.items()), reverse=True)
    counts = sorted(len(found.windows) for found in before.values())
    if len(before) < FEWEST_DAYS:
        return _default(now, longest, counts)
    worst = 1 if len(before) >= MANY_DAYS else 0
    usual = int(median(counts))
    objects = [found.objects for found in before.values()]
    sizes = [found.size for found in before.values()]
    few = median(objects) < JUDGED_OBJECTS
    return Expected(
        days=len(before),
        windows=usual,
        fewest=_fewest(usual, counts[worst:]),
        gap=max(LEAST_GAP, TIMES_LONGER * longest[worst]),
        objects=0 if few else min(LOW_SHARE * median(objects), min(objects)),
        size=0 if few else min(LOW_SHARE * median(sizes), min(sizes)),
        usual_objects=median(objects),
        usual_size=median(sizes),
    )


def _fewest(usual: int, counts: Sequence[int]) -> int:
    """How many windows are still usual, by the median and the numbers of windows of the days before, in order."""
    if counts[0] == counts[-1] and usual >= REGULAR_WINDOWS:
        return usual
    by_chance = sqrt(usual * max(0, 1 - usual / WINDOWS_OF_DAY))
    return max(0, int(usual - max(SPREADS * (usual - min(counts[0], usual)), DEVIATIONS * by_chance)))


def _default(now: Deliveries | None, longest: Sequence[timedelta], counts: Sequence[int]) -> Expected:
    if now is None:
        usual = int(median(counts)) if counts else 1
        return Expected(len(counts), max(usual, 1), 0, None)
    step = now.step
    if len(now.windows) < DENSE_WINDOWS or step is None or step > DENSE_STEP:
        return Expected(len(counts), len(now.windows), 0, None)
    gap = max([DEFAULT_GAP, *(TIMES_LONGER * one for one in longest)])
    return Expected(len(counts), timedelta(days=1) // step, 0, gap)


@dataclass(frozen=True)
class FlowLogDay:
    """A flow log's deliveries on a day, what was expected, and what is not as expected.

    `gaps` are those longer than expected; `missing` is how many of the expected windows have no objects, as far as that
    is not usual. `begins` is when the first window began of a flow log without days before that delivered nothing for
    longer than expected until then: it may have been created on that day, so that nothing has to be missing.
    """

    flow_log: str
    found: Deliveries
    expected: Expected
    gaps: tuple[Gap, ...] = ()
    missing: int = 0
    begins: datetime | None = None

    @property
    def has_few_objects(self) -> bool:
        return self.found.objects < self.expected.objects

    @property
    def has_few_bytes(self) -> bool:
        return self.found.size < self.expected.size


def judged(flow_log: str, day: date, now: Deliveries, before: Mapping[date, Deliveries], at: datetime) -> FlowLogDay:
    """A flow log's day, compared with its days before. `at` is the time now (UTC, without a zone)."""
    expected = expected_of(now, before)
    until, is_over = end_of(day), at >= end_of(day)
    if not is_over:
        until = min(max(at - SETTLING, _midnight(day)), end_of(day))
    gaps = [gap for gap in now.gaps(day, until) if expected.gap is not None and gap.length > expected.gap]
    begins = gaps.pop(0).to if gaps and not before and gaps[0].since == _midnight(day) else None
    in_gaps = sum(-(-gap.length * expected.windows // timedelta(days=1)) for gap in gaps)
    fewer = expected.windows - len(now.windows)
    if is_over and len(now.windows) < expected.fewest:
        missing = fewer
    else:
        # A gap takes no more windows than the day lacks, if it lacks some.
        missing = min(in_gaps, fewer if fewer > 0 and is_over else expected.windows)
    return FlowLogDay(flow_log, now, expected, tuple(gaps), missing, begins)


def end_of(day: date) -> datetime:
    """The midnight at which a day ends (UTC, without a zone)."""
    return _midnight(day) + timedelta(days=1)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001 - in UTC, as every window
