"""The totals of a day: how many records of which kind, how many were rejected, how many bytes. One query for all days.

With the day's sentences, they are kept in a small file beside the page. Later pages, the index and the terminal read
it.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from statistics import median
from typing import TYPE_CHECKING

from assets.page.odd_records import OF_FLOWS, OF_HOURS, odd_condition
from assets.tables import plain_rows
from flowlogs.datasets import REJECTED_FLOWS, TRAFFIC_BY_HOUR, TRAFFIC_SUMMARY
from flowlogs.errors import FlowLakeError
from flowlogs.printable import printable

if TYPE_CHECKING:
    import pandas as pd

SOURCES = (TRAFFIC_BY_HOUR.name, TRAFFIC_SUMMARY.name, REJECTED_FLOWS.name)
"""The datasets that the query reads."""

FOLDER = "reports/day_totals/"

_SQL = f"""\
SELECT hours.dt, hours.hour, hours.action, hours.logstatus, hours.records, hours.packets, hours.bytes, hours.odd,
  rejected.sources, rejected.ports,
  summed.records AS summary_records, summed.rejected AS summary_rejected,
  flows.records AS rejected_flows, flows.odd AS rejected_odd
FROM (
  SELECT dt, hour, action, logstatus, sum(records) AS records, sum(numpackets) AS packets, sum(numbytes) AS bytes,
    sum(CASE WHEN action = 'ACCEPT' AND ({{odd_hours}}) THEN records ELSE 0 END) AS odd
  FROM {TRAFFIC_BY_HOUR.name}
  WHERE dt BETWEEN '{{first}}' AND '{{last}}'
  GROUP BY dt, hour, action, logstatus
) hours
LEFT JOIN (
  SELECT dt, count(DISTINCT sourceaddress) AS sources, count(DISTINCT serviceport) AS ports
  FROM {TRAFFIC_SUMMARY.name}
  WHERE dt BETWEEN '{{first}}' AND '{{last}}' AND action = 'REJECT'
  GROUP BY dt
) rejected ON hours.dt = rejected.dt
LEFT JOIN (
  SELECT dt, sum(records) AS records, sum(CASE WHEN action = 'REJECT' THEN records ELSE 0 END) AS rejected
  FROM {TRAFFIC_SUMMARY.name}
  WHERE dt BETWEEN '{{first}}' AND '{{last}}'
  GROUP BY dt
) summed ON hours.dt = summed.dt
LEFT JOIN (
  SELECT dt, count(*) AS records, sum(CASE WHEN {{odd_flows}} THEN 1 ELSE 0 END) AS odd
  FROM {REJECTED_FLOWS.name}
  WHERE dt BETWEEN '{{first}}' AND '{{last}}'
  GROUP BY dt
) flows ON hours.dt = flows.dt
ORDER BY dt, hour, action, logstatus"""

_HOURS = 24


@dataclass(frozen=True)
class DayTotals:
    """The totals of a UTC day.

    `records` is the number of all records. Each is one of `rejected`, `accepted`, `no_data`, `skipped` and
    `unreadable`, which is none of the others. `odd` is how many rejected and accepted ones lack a number, as far as the
    datasets show it. `rejected_by_hour` has the rejected records whose start is known.
    `sources` and `ports` are how many of each were rejected, `bytes` those of all records. `stored_bytes` is the size
    of the objects that the day was read from, `need_a_look` how many rows of reports do.
    """

    day: str
    records: int = 0
    rejected: int = 0
    accepted: int = 0
    no_data: int = 0
    skipped: int = 0
    unreadable: int = 0
    rejected_packets: int = 0
    sources: int = 0
    ports: int = 0
    bytes: int = 0
    rejected_by_hour: tuple[int, ...] = (0,) * _HOURS
    stored_bytes: int = 0
    need_a_look: int = 0
    odd: int = 0


COMPARED = ("rejected", "rejected_packets", "sources", "ports", "bytes")
"""The totals that are compared with those of earlier days."""

DAYS_COMPARED = 7

FEWEST_DAYS = 3
"""With fewer earlier days than this, a day is compared with the day before instead of a median."""


@dataclass(frozen=True)
class Baseline:
    """What a day is compared with: its name, such as "the day before", and the totals in COMPARED."""

    name: str
    totals: Mapping[str, float]


def totals_sql(first: date, last: date, headers: Collection[str] = ()) -> str:
    """The statement for the totals of these days, and of those between.

    `headers` are AWS's names of the fields that all records of these days have: a missing number is odd only there.
    """
    return _SQL.format(
        first=first.isoformat(),
        last=last.isoformat(),
        odd_hours=odd_condition(headers, OF_HOURS),
        odd_flows=odd_condition(headers, OF_FLOWS),
    )


def totals_of(frame: "pd.DataFrame", days: Iterable[date]) -> dict[date, DayTotals]:
    """The totals of each day, from the rows of `totals_sql`. A day without rows has zeros."""
    counts = {day: _Counts() for day in days}
    for row in _rows(frame):
        found = counts.get(date.fromisoformat(str(row["dt"])))
        if found is not None:
            found.add(row)
    return {day: found.totals(day) for day, found in counts.items()}


def disagreements(frame: "pd.DataFrame", totals: Mapping[date, DayTotals]) -> dict[date, str]:
    """The days whose datasets do not have the same records, in words; `frame` has the rows of `totals_sql`.

    Each record that was read is in `traffic_by_hour` once, so that the others are compared with it. They differ where
    one of them was made again from other objects.
    """
    found = {}
    for row in _rows(frame.drop_duplicates("dt")):
        day = date.fromisoformat(str(row["dt"]))
        expected = totals.get(day)
        pairs = expected and (
            (TRAFFIC_SUMMARY.name, "records", _number(row["summary_records"]), expected.records),
            (TRAFFIC_SUMMARY.name, "rejected records", _number(row["summary_rejected"]), expected.rejected),
            (REJECTED_FLOWS.name, "rejected records", _number(row["rejected_flows"]), expected.rejected),
        )
        told = [
            f"{name} has {number:,} {what}, and {TRAFFIC_BY_HOUR.name} has {wanted:,}"
            for name, what, number, wanted in pairs or ()
            if number != wanted
        ]
        if told:
            found[day] = f"{day}: {'; '.join(told)}. Materialize the three datasets for that day together."
    return found


def _rows(frame: "pd.DataFrame") -> list[dict[str, object]]:
    """The rows by the columns' names, NULL as None."""
    return [dict(zip(map(str, frame.columns), row, strict=True)) for row in plain_rows(frame)]


class _Counts:
    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.hours = [0] * _HOURS
        self.rejected_odd = 0

    def add(self, row: Mapping[str, object]) -> None:
        kind = kind_of(row["action"], row["logstatus"])
        records, packets, size = (_number(row[name]) for name in ("records", "packets", "bytes"))
        self._count("records", records)
        self._count(kind, records)
        self._count("bytes", size)
        self._count("odd", _number(row.get("odd")))
        self.rejected_odd = _number(row.get("rejected_odd"))
        self.numbers |= {"sources": _number(row["sources"]), "ports": _number(row["ports"])}
        if kind == "rejected":
            self._count("rejected_packets", packets)
            if row["hour"] is not None and 0 <= _number(row["hour"]) < _HOURS:
                self.hours[_number(row["hour"])] += records

    def totals(self, day: date) -> DayTotals:
        self._count("odd", self.rejected_odd)
        return DayTotals(day=day.isoformat(), rejected_by_hour=tuple(self.hours), **self.numbers)

    def _count(self, name: str, more: int) -> None:
        self.numbers[name] = self.numbers.get(name, 0) + more


def kind_of(action: object, log_status: object) -> str:
    """Which of the totals counts a record with these fields."""
    of_action = {"REJECT": "rejected", "ACCEPT": "accepted"}
    of_status = {"NODATA": "no_data", "SKIPDATA": "skipped"}
    return of_action.get(str(action)) or of_status.get(str(log_status)) or "unreadable"


def _number(value: object) -> int:
    return 0 if value is None else int(str(value))


def baseline(day: date, earlier: Sequence[DayTotals]) -> Baseline | None:
    """What the day is compared with, given the totals of days before it; None where none of them is near enough.

    That is the median of the seven days before, if at least FEWEST_DAYS of them are there, else the day before.
    """
    by_age = {(day - date.fromisoformat(totals.day)).days: totals for totals in earlier}
    near = [by_age[age] for age in range(1, DAYS_COMPARED + 1) if age in by_age]
    if len(near) >= FEWEST_DAYS:
        medians = {name: median(getattr(totals, name) for totals in near) for name in COMPARED}
        return Baseline(f"the median of the {len(near)} days before", medians)
    if 1 in by_age:
        return Baseline("the day before", {name: getattr(by_age[1], name) for name in COMPARED})
    return None


@dataclass(frozen=True)
class Covered:
    """What a page was made from: how many objects, their bytes, as stored, and the digest of the day's coverage.

    `partial`: the day was not over (UTC) when they were read.
    """

    objects: int
    bytes: int
    digest: str
    partial: bool = False


@dataclass(frozen=True)
class DaySummary:
    """A day in short: its totals, two sentences, and a line for each of the few rows to look at first.

    `percent` is how complete the day is, for the `reasons`, and `basis` what that was computed from. It is None in the
    summary that an earlier version wrote. `covered` is None where nothing is known of what was read. `updates` are
    sentences about later runs that read more.
    """

    totals: DayTotals
    sentences: tuple[str, ...] = ()
    look_at: tuple[str, ...] = ()
    percent: int | None = None
    reasons: tuple[str, ...] = ()
    basis: str = ""
    covered: Covered | None = None
    updates: tuple[str, ...] = ()

    @property
    def completeness(self) -> str:
        """The figure in words, such as "97 % complete"."""
        return "" if self.percent is None else f"{self.percent} % complete"


def summary_key(day: date) -> str:
    """The key of a day's summary, below the results root."""
    return f"{FOLDER}{day}.json"


def summary_bytes(summary: DaySummary) -> bytes:
    """The summary as a file: the same bytes for the same summary."""
    return f"{json.dumps(asdict(summary), indent=1)}\n".encode()


def parse_summary(data: bytes, path: str) -> DaySummary:
    """The summary in a file. Raises FlowLakeError, with its path, where it holds something else."""
    names = {field.name for field in fields(DayTotals)}
    try:
        found = json.loads(data)
        known = {name: value for name, value in found["totals"].items() if name in names}
        hours = tuple(int(value) for value in known.pop("rejected_by_hour"))
        day = date.fromisoformat(known.pop("day")).isoformat()
        totals = DayTotals(day, rejected_by_hour=hours, **{name: int(value) for name, value in known.items()})
        percent, reasons = found.get("percent"), found.get("reasons", ())
        return DaySummary(
            totals,
            tuple(map(str, found["sentences"])),
            tuple(map(str, found["look_at"])),
            # Summaries of earlier versions have none of these.
            None if percent is None else int(percent),
            tuple(map(str, reasons)),
            str(found.get("basis", "")),
            _parse_covered(found.get("covered")),
            tuple(map(str, found.get("updates", ()))),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FlowLakeError(
            f"{path} is not the summary of a day: {printable(str(error))}. Remove it, and materialize daily_page for "
            "that day again."
        ) from None


def _parse_covered(found: Mapping[str, object] | None) -> Covered | None:
    if found is None:
        return None
    objects, size = (int(str(found[name])) for name in ("objects", "bytes"))
    return Covered(objects, size, str(found["digest"]), partial=found["partial"] is True)
