"""Made-up records, the objects that deliver them, and what is in the bucket: all that `expected.py` knows of a day."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random

ACCOUNT, REGION, FLOW_LOG = "123456789012", "us-east-1", "fl-0123456789abcdef0"
DAYS = (date(2021, 9, 2), date(2021, 9, 3))
HEADER = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)

_ADDRESSES = ("203.0.113.9", "198.51.100.7", "192.0.2.1", "10.0.0.5", "10.0.0.6", "2001:db8::1")
_PORTS = (22, 53, 80, 443, 3389, 32767, 32768, 40000, 65535, 0)


@dataclass(frozen=True)
class LogObject:
    """An object of the flow log: its key, its lines without the header, and its bytes."""

    key: str
    day: date
    lines: tuple[str, ...]
    data: bytes


@dataclass
class Deliveries:
    """What lies in the bucket, by key; `half` are the keys of those that are written in part, and not readable."""

    objects: dict[str, LogObject] = field(default_factory=dict)
    half: set[str] = field(default_factory=set)

    def copy(self) -> "Deliveries":
        return Deliveries(dict(self.objects), set(self.half))

    def lines(self, day: date) -> list[str]:
        """The lines of a day. Objects of the same bytes are one object that was delivered twice."""
        found = {item.data: item for item in self.objects.values() if item.day == day}
        return [line for item in found.values() for line in item.lines]

    def is_half(self, day: date) -> bool:
        return any(self.objects[key].day == day for key in self.half)


def random_line(rng: Random, day: date) -> str:
    """A record that starts on this day."""
    start = (day - date(1970, 1, 1)).days * 86_400 + rng.randrange(86_340)
    interface = f"eni-{rng.randrange(4):02x}"
    if (kind := rng.random()) < 0.1:
        status = "NODATA" if kind < 0.06 else "SKIPDATA"
        return f"2 {ACCOUNT} {interface} - - - - - - - {start} {start + 60} - {status}"
    source, destination = rng.sample(_ADDRESSES, 2)
    packets: object = rng.choice([rng.randint(1, 50), rng.randint(1, 50), 2**40 + rng.randrange(9), "-"])
    return (
        f"2 {ACCOUNT} {interface} {source} {destination} {rng.choice(_PORTS)} {rng.choice(_PORTS)} "
        f"{rng.choice((1, 6, 17))} {packets} {rng.randint(40, 9000)} {start} {start + 60} "
        f"{rng.choice(('REJECT', 'REJECT', 'ACCEPT'))} OK"
    )


def random_object(rng: Random, day: date, lines: Sequence[str] | None = None) -> LogObject:
    """A new object of a day, with these lines or random ones."""
    window = datetime(day.year, day.month, day.day) + timedelta(minutes=5 * rng.randrange(288))  # noqa: DTZ001 - UTC
    name = f"{ACCOUNT}_vpcflowlogs_{REGION}_{FLOW_LOG}_{window:%Y%m%dT%H%MZ}_{rng.randbytes(4).hex()}.log.gz"
    key = f"AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/{day:%Y/%m/%d}/{name}"
    lines = tuple(lines or (random_line(rng, day) for _ in range(rng.randint(3, 25))))
    return LogObject(key, day, lines, _packed(rng, lines))


def grown(rng: Random, before: LogObject) -> LogObject:
    """The same object with other records, and more of them: its bytes are more than before."""
    lines: list[str] = []
    while True:
        lines.append(random_line(rng, before.day))
        if len(lines) > len(before.lines):
            data = _packed(rng, lines)
            if len(data) > len(before.data):
                return LogObject(before.key, before.day, tuple(lines), data)


def _packed(rng: Random, lines: Sequence[str]) -> bytes:
    """A header and the lines, in one gzip member, or in two."""
    text = "\n".join([HEADER, *lines, ""]).encode()
    cut = rng.randrange(len(text)) if rng.random() < 0.3 else len(text)
    return b"".join(gzip.compress(part, mtime=0) for part in (text[:cut], text[cut:]) if part)
