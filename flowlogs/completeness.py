"""How complete a day is: one figure in percent, and its reasons. docs/completeness.md defines it.

The figure is the share of the expected delivery windows that have objects, lowered by the share of objects and of
records that could not be read or that AWS lost. It is rounded down, and never 100 where there is a reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction

from flowlogs.deliveries import (
    DAYS_LEARNED,
    FEWEST_DAYS,
    Deliveries,
    Expected,
    FlowLogDay,
    Gap,
    end_of,
    expected_of,
    judged,
)
from flowlogs.printable import first_names

SILENT_DAYS = 3
"""For how many days a flow log is missed that delivers nothing any more."""

GAPS_TOLD = 3
"""How many gaps of a flow log are told one by one."""

MOST_REASONS = 50
"""How many reasons of a day are kept."""

MOST_SKIPPED = Fraction(1, 1_000)
"""Above this share of SKIPDATA records, the check warns."""

MOST_NODATA, USUAL_NODATA = Fraction(9, 10), Fraction(1, 2)
"""Above the first share of NODATA records, the check warns if the median of the days before is below the second."""

_LOOK = (
    "Look at the flow log's status (the check on vpc_flow_log), at the bucket's policy, and whether objects lie in "
    "another folder; then materialize the day again."
)


@dataclass(frozen=True)
class Reason:
    """Why a day is not complete, or may not be. `warns`: the check of the day fails because of it."""

    text: str
    warns: bool = True


@dataclass(frozen=True)
class DayDeliveries:
    """The deliveries of a day, by flow log, compared with the days before.

    `silent` is what was expected of the flow logs that delivered on one of the SILENT_DAYS before, and nothing on the
    day. `days_before` is how many of the DAYS_LEARNED days before have objects. `is_over`: the UTC day is.
    """

    day: date
    flow_logs: tuple[FlowLogDay, ...] = ()
    silent: Mapping[str, Expected] = field(default_factory=dict)
    days_before: int = 0
    is_over: bool = True
    at: datetime | None = None

    @property
    def windows(self) -> int:
        """How many windows with objects there are, of all flow logs."""
        return sum(len(one.found.windows) for one in self.flow_logs)

    @property
    def expected(self) -> int:
        """How many windows with objects were expected, of all flow logs."""
        return sum(one.expected.windows for one in self.flow_logs) + sum(one.windows for one in self.silent.values())

    @property
    def missing(self) -> int:
        """How many of the expected windows have no objects, as far as that is not usual."""
        return sum(one.missing for one in self.flow_logs) + sum(one.windows for one in self.silent.values())

    @property
    def share(self) -> Fraction:
        """The share of the expected windows that have objects; of a day that is not over, of the whole day."""
        of_expected = Fraction(self.expected - self.missing, self.expected) if self.expected else Fraction(1)
        if self.is_over or self.at is None:
            return of_expected
        passed = max(timedelta(0), self.at - end_of(self.day - timedelta(days=1)))
        return of_expected * Fraction(passed // timedelta(seconds=1), 86_400)

    @property
    def basis(self) -> str:
        """What the share was computed from, in words."""
        if not self.days_before:
            return "No day before has objects: computed from the day's own objects and records."
        if self.days_before < FEWEST_DAYS:
            return (
                f"Only {self.days_before} of the {DAYS_LEARNED} days before {_has(self.days_before)} objects, too few "
                "to learn from: computed from the day's own objects and records."
            )
        if self.days_before < DAYS_LEARNED:
            return f"Compared with {self.days_before} of the {DAYS_LEARNED} days before; the others have no objects."
        return f"Compared with the {DAYS_LEARNED} days before."

    @property
    def reasons(self) -> list[Reason]:
        """What is not as expected of flow logs that delivered.

        Those that delivered nothing are told by assets/delivery_changes.py, a day that is not over by day_objects.py.
        """
        return [reason for one in self.flow_logs for reason in _reasons_of(one, self.day)]


def day_deliveries(
    day: date, now: Mapping[str, Deliveries], before: Mapping[date, Mapping[str, Deliveries]], at: datetime
) -> DayDeliveries:
    """The deliveries of a day, by flow log, compared with those of the days before. `at` is the time now (UTC)."""
    near = {ago: before.get(day - timedelta(days=ago), {}) for ago in range(1, DAYS_LEARNED + 1)}
    days = {day - timedelta(days=ago): found for ago, found in near.items() if found}
    is_over = at >= end_of(day)

    def history(flow_log: str) -> dict[date, Deliveries]:
        return {other: found[flow_log] for other, found in days.items() if flow_log in found}

    recent = {flow_log for ago in range(1, SILENT_DAYS + 1) for flow_log in near[ago]}
    gone = sorted(recent - now.keys()) if is_over else []
    return DayDeliveries(
        day,
        tuple(judged(flow_log, day, found, history(flow_log), at) for flow_log, found in now.items()),
        {flow_log: expected_of(None, history(flow_log)) for flow_log in gone},
        len(days),
        is_over,
        at,
    )


@dataclass(frozen=True)
class Records:
    """How many records a day has, and how many of them are of these kinds.

    `unreadable` are those that say neither what happened nor that nothing did; `odd` those in which a number is missing
    or does not parse. `usual_no_data` is the median share of NODATA records on the days before; None without any.
    """

    all: int = 0
    no_data: int = 0
    skipped: int = 0
    unreadable: int = 0
    odd: int = 0
    usual_no_data: float | None = None

    @property
    def skipped_share(self) -> Fraction:
        return Fraction(self.skipped, self.all) if self.all else Fraction(0)

    @property
    def no_data_share(self) -> Fraction:
        return Fraction(self.no_data, self.all) if self.all else Fraction(0)

    @property
    def share(self) -> Fraction:
        """The share of records that are what they should be."""
        lost = min(self.skipped + self.unreadable + self.odd, self.all)
        return Fraction(self.all - lost, self.all) if self.all else Fraction(1)

    @property
    def reasons(self) -> list[Reason]:
        found = []
        if self.skipped:
            found.append(
                Reason(
                    f"{_records(self.skipped)} {_is(self.skipped)} SKIPDATA, {percent_text(self.skipped_share)} of "
                    f"all: at least {_records(self.skipped)} {_stands(self.skipped)} for lost ones. AWS could not "
                    "record some traffic, and nobody can bring it back; if this comes often, ask AWS Support.",
                    warns=self.skipped_share > MOST_SKIPPED,
                )
            )
        if self.unreadable:
            found.append(
                Reason(
                    f"{_records(self.unreadable)} {_is(self.unreadable)} unreadable: neither an action nor a status "
                    "that AWS defines. The examples show what to look for in the objects."
                )
            )
        if self.odd:
            found.append(
                Reason(
                    f"{_records(self.odd)} {_lacks(self.odd)} a number that belongs there, or it does not parse: "
                    "counted as records, but in no sum. The examples show what to look for in the objects."
                )
            )
        if self._is_all_no_data:
            found.append(
                Reason(
                    f"{percent_text(self.no_data_share)} of the records are NODATA, and "
                    f"{percent_text(Fraction(self.usual_no_data or 0).limit_denominator(1_000))} were on the days "
                    "before (median): hardly any traffic was recorded. Look whether the interfaces still have some."
                )
            )
        return found

    @property
    def _is_all_no_data(self) -> bool:
        return self.usual_no_data is not None and self.no_data_share > MOST_NODATA and self.usual_no_data < USUAL_NODATA


@dataclass(frozen=True)
class Completeness:
    """A day's figure, in whole percent, its reasons, and what it was computed from."""

    percent: int
    reasons: tuple[Reason, ...] = ()
    basis: str = ""

    @property
    def warnings(self) -> list[str]:
        """The reasons because of which the check of the day fails."""
        return [reason.text for reason in self.reasons if reason.warns]

    @property
    def texts(self) -> list[str]:
        return [reason.text for reason in self.reasons]


def completeness(
    deliveries: DayDeliveries,
    records: Records,
    objects: int,
    unread: Sequence[str] = (),
    uncounted: Sequence[str] = (),
    others: Sequence[Reason] = (),
    left_out: int = 0,
) -> Completeness:
    """The figure of a day whose folder has so many `objects`.

    Of these, those called `unread` cannot be read, and those called `uncounted` were not there when the day was read.
    `others` are reasons that lower no share; those of so many objects that were `left_out` are among them.
    """
    reasons = [
        *(
            [Reason("Nothing was delivered. Look at the check on vpc_flow_log, then at the bucket's policy.")]
            if not objects
            else []
        ),
        *deliveries.reasons,
        *([Reason(_unread(unread))] if unread else []),
        *([Reason(_uncounted(uncounted))] if uncounted else []),
        *records.reasons,
        *others,
    ]
    lost = len({*unread, *uncounted}) + left_out
    read = Fraction(max(objects - lost, 0), objects) if objects else Fraction(0)
    percent = int(100 * deliveries.share * read * records.share)
    if (more := len(reasons) - MOST_REASONS) > 0:
        warns = any(reason.warns for reason in reasons[MOST_REASONS:])
        reasons = [
            *reasons[:MOST_REASONS],
            Reason(f"And {more} more reasons, which the checks' descriptions have.", warns),
        ]
    return Completeness(min(percent, 99) if reasons else percent, tuple(reasons), deliveries.basis)


def percent_text(share: Fraction) -> str:
    """A share in percent, with one digit behind the dot; small ones as "less than 0.1 %"."""
    if 0 < share < Fraction(1, 1_000):
        return "less than 0.1 %"
    return f"{float(share * 100):.1f} %".replace(".0 %", " %")


def duration_text(length: timedelta) -> str:
    """A duration in hours and minutes."""
    minutes = length // timedelta(minutes=1)
    hours, rest = divmod(minutes, 60)
    return " ".join([*([f"{hours} h"] if hours else []), *([f"{rest} min"] if rest or not hours else [])])


def _reasons_of(one: FlowLogDay, day: date) -> list[Reason]:
    found = [Reason(f"{_gap_text(one, gap, day)} {_LOOK}") for gap in one.gaps[:GAPS_TOLD]]
    if (more := len(one.gaps) - GAPS_TOLD) > 0:
        found.append(Reason(f"{one.flow_log} has {more} more gaps that are longer than expected."))
    windows, expected = len(one.found.windows), one.expected
    if one.missing and windows < expected.fewest:
        found.append(
            Reason(
                f"{one.flow_log} delivered in {windows:,} windows of 5 minutes, and in {expected.windows:,} on the "
                f"{expected.days} days before (median). {_LOOK}"
            )
        )
    if one.begins:
        found.append(
            Reason(
                f"{one.flow_log} delivered nothing before {one.begins:%H:%M} (UTC), and nothing on the days before: it "
                "seems to be new. If it is not, what it recorded before is missing.",
                warns=False,
            )
        )
    if one.has_few_objects and not found:
        found.append(
            Reason(
                f"{one.flow_log} delivered {_objects(one.found.objects)}, less than half of the median of the "
                f"{expected.days} days before ({expected.usual_objects:,.0f}). {_LOOK}"
            )
        )
    if one.has_few_bytes and not found:
        found.append(
            Reason(
                f"{one.flow_log} delivered {one.found.size:,} bytes, less than half of the median of the "
                f"{expected.days} days before ({expected.usual_size:,.0f}): less was recorded than usual. Was its "
                "traffic type changed, or did something stop that it records?"
            )
        )
    return found


def _gap_text(one: FlowLogDay, gap: Gap, day: date) -> str:
    length = duration_text(gap.length)
    midnight = end_of(day)
    if gap.to >= midnight and gap.since <= midnight - timedelta(days=1):
        what = f"delivered in no window of {day}"
    elif gap.to >= midnight:
        what = f"delivered nothing after {gap.since:%H:%M} (UTC): the day's last {length} are missing"
    elif gap.since <= midnight - timedelta(days=1):
        what = f"delivered nothing before {gap.to:%H:%M} (UTC): the day's first {length} are missing"
    else:
        what = f"delivered nothing from {gap.since:%H:%M} to {gap.to:%H:%M} (UTC), {length}"
    usual = f"up to {duration_text(one.expected.gap or timedelta(0))} {_are_expected(one.expected.days)}"
    return f"{one.flow_log} {what}; {usual}."


def _are_expected(days: int) -> str:
    if days < FEWEST_DAYS:
        return "are expected where there are too few days before to learn from"
    return f"are expected after the {days} days before"


def _unread(names: Sequence[str]) -> str:
    return (
        f"{_objects(len(names))} could not be read: {first_names(names)}. What they recorded is missing. Restore or "
        "copy them again, then materialize the day again."
    )


def _uncounted(names: Sequence[str]) -> str:
    return (
        f"{_objects(len(names))} came or changed after the day was read: {first_names(names)}. These records are not "
        "counted. Materialize the day again, from the datasets on."
    )


def _objects(number: int) -> str:
    return "1 object" if number == 1 else f"{number:,} objects"


def _records(number: int) -> str:
    return "1 record" if number == 1 else f"{number:,} records"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _stands(number: int) -> str:
    return "stands" if number == 1 else "stand"


def _has(number: int) -> str:
    return "has" if number == 1 else "have"


def _lacks(number: int) -> str:
    return "lacks" if number == 1 else "lack"
