"""Decides which days a sensor requests: when their objects have settled, not too often, and not without an end.

What a sensor remembers of each day is text in its cursor. Plain functions: sensors.py has the sensors.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from hashlib import sha256

SETTLING = timedelta(minutes=15)
"""So long the listing of a day has to stay the same before the day is requested."""

LONGEST_WAIT = timedelta(hours=6)
"""A day whose objects never settle is requested after this time nevertheless."""

PAUSES = (timedelta(0), timedelta(hours=1), timedelta(hours=6), timedelta(days=1))
"""How long after a request of a day the next one may come: the first, the second, … and all others."""

MOST_REQUESTS = 3
"""How often a day is requested for the same objects: a run that failed so often will not succeed by itself."""


@dataclass(frozen=True)
class Remembered:
    """What a sensor remembers of a day. Times are seconds since 1970.

    `listing` is the digest of the day's objects at the last look, or empty where nothing was to be done. `seen` is when
    that listing was seen first, `coming` since when objects have come one after the other until then. `asked` counts
    all requests of the day, `asked_alike` those for this listing, and `last` is when the last one was.
    """

    listing: str = ""
    seen: float = 0
    coming: float = 0
    asked: int = 0
    asked_alike: int = 0
    last: float = 0


@dataclass(frozen=True)
class Decision:
    """The days to request, why others wait, and what to remember of each day."""

    requested: Sequence[date] = ()
    waiting: Mapping[date, str] = field(default_factory=dict)
    remembered: Mapping[date, Remembered] = field(default_factory=dict)

    def run_key(self, days: Sequence[date]) -> str:
        """A key of the run for some of the requested days: the same for the same objects and number of requests."""
        told = [f"{day} {self.remembered[day].listing} {self.remembered[day].asked}" for day in days]
        return f"{days[0]}...{days[-1]} {sha256(' '.join(told).encode()).hexdigest()[:16]}"


def decide(
    before: Mapping[date, Remembered],
    wanted: Mapping[date, str],
    busy: Collection[date],
    now: datetime,
    unknown: Collection[date] = (),
) -> Decision:
    """Which of the days that are `wanted`, with the digests of their listings, are requested now.

    Days that are `busy` are in a run that has not ended. Of days that are `unknown`, since they could not be looked at,
    everything stays remembered; of others that are not wanted, only their requests.
    """
    moment = now.timestamp()
    requested, waiting = [], {}
    remembered = {day: known if day in unknown else replace(known, listing="") for day, known in before.items()}
    for day, listing in sorted(wanted.items()):
        known = _seen(before.get(day, Remembered()), listing, moment)
        why_not = "a run of it has not ended" if day in busy else _why_not(known, moment)
        if why_not:
            waiting[day] = why_not
        else:
            requested.append(day)
            known = replace(known, asked=known.asked + 1, asked_alike=known.asked_alike + 1, last=moment)
        remembered[day] = known
    return Decision(requested, waiting, remembered)


def _seen(known: Remembered, listing: str, moment: float) -> Remembered:
    if known.listing == listing:
        return known
    still_coming = known.listing and moment - known.seen < SETTLING.total_seconds()
    return replace(known, listing=listing, seen=moment, coming=known.coming if still_coming else moment, asked_alike=0)


def _why_not(known: Remembered, moment: float) -> str | None:
    if known.asked_alike >= MOST_REQUESTS:
        return f"it was requested {known.asked_alike} times for the same objects: see why its runs failed"
    if moment - known.seen < SETTLING.total_seconds() and moment - known.coming < LONGEST_WAIT.total_seconds():
        return "its objects have to stay the same for 15 minutes first"
    next_one = known.last + PAUSES[min(known.asked, len(PAUSES) - 1)].total_seconds()
    if moment < next_one:
        return f"it was requested at {_time(known.last)}, and is again at {_time(next_one)} at the earliest"
    return None


def _time(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, timezone.utc):%Y-%m-%d %H:%M} UTC"


def days_as_json(remembered: Mapping[date, Remembered], first: date) -> dict[str, object]:
    """What to remember of the days from `first` on, for a cursor."""
    return {day.isoformat(): asdict(known) for day, known in sorted(remembered.items()) if day >= first}


def parse_cursor(text: str | None) -> dict[str, object]:
    """A cursor's JSON object; an empty one where there is none, or something else."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def days_in(cursor: Mapping[str, object]) -> dict[date, Remembered]:
    """The days that a cursor remembers; none where it holds something else."""
    days = cursor.get("days")
    try:
        return {date.fromisoformat(day): Remembered(**known) for day, known in dict(days or {}).items()}  # type: ignore[call-overload]
    except (TypeError, ValueError):
        return {}
