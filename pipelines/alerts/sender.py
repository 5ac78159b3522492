"""Sends alerts, each day and cause once, and remembers in the results what was sent. It never raises an error.

What an alert tells of a day has a record, ``alerts/<day>/<cause>.<attempt>.json``. Whoever creates it sends. If that
fails, or the process is killed meanwhile, the next occasion makes the next attempt.
"""

import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta, timezone

from flowlogs.errors import FlowLakeError
from flowlogs.printable import printable
from pipelines.alerts.alert import Alert, Item, message_of
from resources.alert_channel import AlertChannel, Message
from resources.bucket import ObjectStore

FOLDER = "alerts/"

MAX_ATTEMPTS = 20

DEAD_AFTER = timedelta(minutes=15)
"""A process that sends longer than this was killed."""

REPEATED_FOR = timedelta(days=7)
"""For how long an alert that could not be sent is tried again."""

_RECORD = re.compile(rf"{FOLDER}(?P<day>\d{{4}}-\d{{2}}-\d{{2}})/(?P<name>[a-z0-9._-]+)\.(?P<attempt>\d+)\.json")

SENDING, SENT, FAILED = "sending", "sent", "failed"


@dataclass(frozen=True)
class Record:
    """An attempt to tell something: who makes it, since when, how it ended, and over which channels it went out."""

    state: str
    sender: str
    since: str
    channels: tuple[str, ...]
    message: Mapping[str, object]

    def is_over(self, now: datetime) -> bool:
        """Whether another attempt is to be made."""
        begun = datetime.fromisoformat(self.since)
        return self.state == FAILED or (self.state == SENDING and now - begun > DEAD_AFTER)

    def as_bytes(self) -> bytes:
        return f"{json.dumps(asdict(self), indent=1)}\n".encode()


@dataclass(frozen=True)
class _Claim:
    """A record that this process made, and what went out in earlier attempts."""

    key: str
    item: Item
    before: tuple[str, ...]


def send_alerts(
    alerts: Iterable[Alert], results: ObjectStore, channels: Sequence[AlertChannel], now: datetime | None = None
) -> list[str]:
    """Send what was not sent before, and what could not be sent. Returns what went wrong, for the log."""
    moment = now or datetime.now(timezone.utc)
    problems: list[str] = []
    if channels:
        for alert in alerts:
            problems += _send_alert(alert, results, channels, moment)
        problems += _send_again(results, channels, moment)
    return list(dict.fromkeys(problems))


def _send_alert(alert: Alert, results: ObjectStore, channels: Sequence[AlertChannel], now: datetime) -> list[str]:
    sender = uuid.uuid4().hex
    try:
        claims = _claims(results, alert.items, sender, message_of(alert), now)
        if not claims:
            return []
        message = message_of(replace(alert, items=tuple(claim.item for claim in claims)))
    except FlowLakeError as error:
        return [_problem(error)]
    return _deliver(results, channels, claims, message, sender, now)


def _send_again(results: ObjectStore, channels: Sequence[AlertChannel], now: datetime) -> list[str]:
    """Make another attempt for what could not be sent before, one for what was one message."""
    try:
        unsent: dict[str, list[tuple[Item, Record]]] = {}
        for (day, name), (_, key) in sorted(_newest(stored.key for stored in results.list(FOLDER)).items()):
            record = _read(results, key)
            is_recent = record and now - datetime.fromisoformat(record.since) < REPEATED_FOR
            # What failed in this very moment waits for the next occasion.
            if record and is_recent and record.is_over(now) and record.since != now.isoformat():
                unsent.setdefault(record.sender, []).append((Item(day, name, ()), record))
    except FlowLakeError as error:
        return [_problem(error)]
    problems = []
    for found in unsent.values():
        stored = found[0][1].message
        lines = stored.get("lines")
        facts = stored.get("facts")
        message = Message(
            str(stored.get("subject")),
            tuple(map(str, lines)) if isinstance(lines, list) else (),
            facts if isinstance(facts, dict) else {},
        )
        sender = uuid.uuid4().hex
        try:
            claims = _claims(results, [item for item, _ in found], sender, message, now)
        except FlowLakeError as error:
            problems.append(_problem(error))
            continue
        if claims:
            problems += _deliver(results, channels, claims, message, sender, now)
    return problems


def _claims(results: ObjectStore, items: Iterable[Item], sender: str, message: Message, now: datetime) -> list[_Claim]:
    """The items that this process is to tell: it made the record of their next attempt."""
    claims = []
    folders: dict[date, dict[tuple[date, str], tuple[int, str]]] = {}
    for item in items:
        if item.day not in folders:
            folders[item.day] = _newest(stored.key for stored in results.list(f"{FOLDER}{item.day}/"))
        name = _record_name(item.record)
        attempt, newest = folders[item.day].get((item.day, name), (0, ""))
        before = _read(results, newest) if newest else None
        if newest and (before is None or not before.is_over(now) or attempt >= MAX_ATTEMPTS):
            continue
        went_out = before.channels if before else ()
        key = f"{FOLDER}{item.day}/{name}.{attempt + 1}.json"
        record = Record(SENDING, sender, now.isoformat(), went_out, asdict(message))
        results.add({key: record.as_bytes()})
        made = _read(results, key)
        if made and made.sender == sender:
            claims.append(_Claim(key, item, went_out))
    return claims


def _deliver(
    results: ObjectStore,
    channels: Sequence[AlertChannel],
    claims: Sequence[_Claim],
    message: Message,
    sender: str,
    now: datetime,
) -> list[str]:
    """Send one message over each channel over which it did not go out, and record that."""
    problems: list[str] = []
    went_out = set.intersection(*(set(claim.before) for claim in claims))
    for channel in channels:
        if channel.name in went_out:
            continue
        try:
            channel.send(message)
        except FlowLakeError as error:
            problems.append(_problem(error))
        else:
            went_out.add(channel.name)
    state = FAILED if problems else SENT
    record = Record(state, sender, now.isoformat(), tuple(sorted(went_out)), asdict(message))
    try:
        results.replace({claim.key: record.as_bytes() for claim in claims})
    except FlowLakeError as error:
        problems.append(_problem(error))
    return problems


def _newest(keys: Iterable[str]) -> dict[tuple[date, str], tuple[int, str]]:
    """By day and name, the number and the key of the newest attempt."""
    found: dict[tuple[date, str], tuple[int, str]] = {}
    for key in keys:
        match = _RECORD.fullmatch(key)
        if match:
            one = (date.fromisoformat(match["day"]), match["name"])
            found[one] = max(found.get(one, (0, "")), (int(match["attempt"]), key))
    return found


def _read(results: ObjectStore, key: str) -> Record | None:
    """The record; None where the file holds something else: then nothing is sent, rather than again and again."""
    try:
        found = json.loads(results.read(key))
        record = Record(
            str(found["state"]),
            str(found["sender"]),
            str(found["since"]),
            tuple(map(str, found["channels"])),
            dict(found["message"]),
        )
        datetime.fromisoformat(record.since)
    except (ValueError, TypeError, KeyError):
        return None
    return record


def _record_name(text: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "-", text.lower())[:150]


def _problem(error: FlowLakeError) -> str:
    return f"An alert was not sent, and is tried again at the next occasion: {printable(str(error))}"
