"""Which alerts a run gives people, and what each says. Plain functions; run_facts.py gathers facts, sender.py sends.

One message tells one cause of one run, also of several days. What it tells of a day, no other message tells again:
each of its items has a record, by its day and cause.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from flowlogs.days import days_text
from flowlogs.printable import printable, shortened
from resources.alert_channel import MAX_SUBJECT, Message

LINES = 3
"""How many lines of what happened a message has. The page and the UI have the rest."""

LINE_LENGTH = 500
"""How many characters of a line are shown: it may quote a record or an error."""

NAMED_DAYS = 10
"""How many days the facts of a message list at most."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Item:
    """What an alert tells of a day: the name of its record, and the lines that matter, the most important one first."""

    day: date
    record: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Alert:
    """One cause, with what it tells of each day, what to do, and where to look."""

    cause: str
    items: tuple[Item, ...]
    advice: str
    link: str

    @property
    def days(self) -> list[date]:
        return sorted({item.day for item in self.items})


@dataclass(frozen=True)
class FailedCheck:
    """An asset check that failed in a run, and what it says."""

    asset: str
    name: str
    words: str
    is_error: bool = False


@dataclass(frozen=True)
class RunFacts:
    """What is known of a run that ended.

    `days` are those that it was for, `done` those whose page it made, `empty` those without a single object, `alarms`
    the sentences about rows that need a look, by day, `updates` those about pages that were made again with other
    objects. `problem` says why it failed; None where it did not. A run that
    is not for days counts for the day on which it ended.
    """

    run_id: str
    days: Sequence[date]
    problem: str | None = None
    done: Sequence[date] = ()
    empty: Sequence[date] = ()
    failed_checks: Sequence[FailedCheck] = ()
    alarms: Mapping[date, Sequence[str]] = field(default_factory=dict)
    updates: Mapping[date, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Places:
    """Where people look: the address of Dagster's UI, if a setting names it, and where the pages lie."""

    ui: str | None
    pages: str

    def run(self, run_id: str) -> str:
        return f"{self.ui.rstrip('/')}/runs/{run_id}" if self.ui else f"run {run_id} in Dagster's UI (make dev)"

    def page(self, days: Sequence[date]) -> str:
        """The page of a day, or the index of several."""
        return f"{self.pages.rstrip('/')}/{days[0] if len(days) == 1 else 'index'}.html"


_OF_DELIVERY = frozenset({"objects_delivered", "delivered_all_day", "day_complete"})
"""The checks that fail for a day without one object, which is a cause of its own."""

_OF_MISSED_DAYS = "every_day_came"
"""The check that finds a run that did not come, which is a cause of its own."""


def alerts_of(facts: RunFacts, places: Places) -> list[Alert]:
    """The alerts of a run, the most urgent one first."""
    found = [
        _failed_run(facts, places),
        _no_delivery(facts, places),
        _failed_checks(facts, places),
        _late_objects(facts, places),
        _alarms(facts, places),
    ]
    return [alert for alert in found if alert.items]


def no_run(days: Iterable[date], places: Places) -> Alert:
    """The alert that a day that is over has no page, though earlier ones have."""
    items = [
        Item(day, "no-run", (f"The page of {day} did not come, and no run of that day is active.",)) for day in days
    ]
    return Alert(
        "no run",
        tuple(items),
        "Look whether Dagster's daemon runs and its schedule is on; then materialize the day.",
        places.page([item.day for item in items]) if not places.ui else places.ui,
    )


def _failed_run(facts: RunFacts, places: Places) -> Alert:
    undone = [day for day in facts.days if day not in set(facts.done)] or list(facts.days)
    lines = tuple(_lines_of(facts.problem or ""))
    items = [Item(day, "failed-run", lines) for day in undone] if facts.problem else []
    return Alert(
        "failed run", tuple(items), "Do what the message says; then run again for that.", places.run(facts.run_id)
    )


def _no_delivery(facts: RunFacts, places: Places) -> Alert:
    items = [Item(day, "no-delivery", (f"Not one object was delivered on {day}.",)) for day in facts.empty]
    return Alert(
        "no delivery",
        tuple(items),
        "Look whether the flow logs still exist and can deliver: the check on vpc_flow_log says so.",
        places.page([item.day for item in items]) if items else "",
    )


def _failed_checks(facts: RunFacts, places: Places) -> Alert:
    items = []
    checks = [check for check in facts.failed_checks if check.name != _OF_MISSED_DAYS]
    for check in sorted(checks, key=lambda one: (not one.is_error, one.asset, one.name)):
        by_day: dict[date, list[str]] = {}
        for line in _lines_of(check.words) or ["see Dagster's UI"]:
            day = first_day_named(line, facts.days) or facts.days[-1]
            if day not in facts.empty or check.name not in _OF_DELIVERY:
                by_day.setdefault(day, []).append(f"{check.asset}: the check {check.name} failed: {line}")
        record = f"check-{check.asset}-{check.name}"
        items += [Item(day, record, tuple(lines)) for day, lines in sorted(by_day.items())]
    return Alert("failed check", tuple(items), "Look at the check in Dagster's UI.", places.run(facts.run_id))


def _late_objects(facts: RunFacts, places: Places) -> Alert:
    items = [Item(day, "late-objects", (f"{day}: {text}",)) for day, text in sorted(facts.updates.items())]
    advice = "The day's numbers are others than before: look at its page again."
    return Alert("late objects", tuple(items), advice, places.page([item.day for item in items]) if items else "")


def _alarms(facts: RunFacts, places: Places) -> Alert:
    items = [Item(day, "alarms", tuple(lines)) for day, lines in sorted(facts.alarms.items()) if lines]
    days = [item.day for item in items]
    return Alert("rows that need a look", tuple(items), "Look at the page.", places.page(days) if days else "")


def first_day_named(text: str, days: Sequence[date]) -> date | None:
    """The first of the days that a text names; None where it names none of them."""
    known = {day.isoformat(): day for day in days}
    return next((known[name] for name in _DAY.findall(text) if name in known), None)


def message_of(alert: Alert) -> Message:
    """The message of an alert, whatever its texts hold: printable, bounded, and on lines of its own."""
    days = alert.days
    lines = list(dict.fromkeys(line for item in alert.items for line in item.lines))
    shown = [shortened(printable(line), LINE_LENGTH) for line in lines[:LINES]]
    more = [f"and {len(lines) - LINES} more"] if len(lines) > LINES else []
    told = [*shown, *more, alert.advice, alert.link]
    facts = {
        "source": "vpc-flow-lake",
        "cause": alert.cause,
        "days": [day.isoformat() for day in days[:NAMED_DAYS]],
        "number_of_days": len(days),
        "lines": shown,
        "more": max(len(lines) - LINES, 0),
        "advice": alert.advice,
        "link": alert.link,
    }
    subject = shortened(f"VPC Flow Lake: {alert.cause}: {days_text(days)}", MAX_SUBJECT)
    return Message(subject, tuple(printable(line) for line in told), facts)


def _lines_of(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
