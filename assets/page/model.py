"""What the page of a day says, computed from the reports' rows and the day's totals. Plain functions, no I/O.

Every text here is printable. It is not escaped: the templates do that, and the terminal needs no more.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import chain, islice, zip_longest
from typing import TYPE_CHECKING

from markupsafe import Markup

from assets.display import for_people
from assets.names import NO_NAMES, Names
from assets.page.charts import bar, columns
from assets.page.day_totals import Baseline, Covered, DaySummary, DayTotals
from assets.page.words import change_text, cost_text, counted, is_size, label, size_limit_text, size_text, with_commas
from assets.reports.report_files import Report, lacking
from assets.reports.report_output import ReportOutput, report_keys
from assets.reports.report_sql import report_sql
from assets.tables import cell_text, plain_rows, with_times
from flowlogs.completeness import Completeness

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 100
"""How many rows of a report the page has at most; the CSV file has all of them."""

LOOKS_OF_REPORT = 5
"""How many rows of one report are told in "What needs a look"; all of them are marked in its table."""

LOOK_AT = 5
"""How many rows are told in the terminal and in the day's summary."""

BARS = 10
"""How many bars a picture has."""

OVERVIEW: Sequence[tuple[str, Sequence[str]]] = (
    ("Who was rejected, and where", ("top_rejected_pairs", "top_rejected_ports")),
    ("Who talks out", ("egress_internet", "egress_destinations", "top_talkers")),
)
"""The pictures above the tables: headings, and the reports below each, as far as they are there."""

_FIRST_TO_LOOK_AT = ("brute_force_accepted",)
"""Reports whose rows are looked at first: somebody may be inside."""

_TOP_PAIRS = "top_rejected_pairs"

_SECONDS = "seconds since 1970"
"""How the description of a column begins whose numbers are times."""

_PLACEHOLDER = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


@dataclass(frozen=True)
class Cell:
    """A cell of a table. `exact` is its value in full where the text is shorter, `sort` what it is sorted by then."""

    text: str
    exact: str = ""
    sort: str = ""


@dataclass(frozen=True)
class Heading:
    """The heading of a column: its name for people, what it holds, and whether it holds numbers."""

    text: str
    description: str
    is_number: bool


@dataclass(frozen=True)
class Bar:
    """One bar: what it stands for, its value as text, its share of the longest one, and its picture."""

    label: str
    value: str
    exact: str
    share: float
    picture: Markup


@dataclass(frozen=True)
class Figure:
    """A picture of a report: bars with their labels."""

    name: str
    title: str
    question: str
    bars: Sequence[Bar]
    value_label: str
    by_label: str


@dataclass(frozen=True)
class Looks:
    """The rows of a report that need a look, as sentences, and how many more there are."""

    name: str
    title: str
    sentences: Sequence[str]
    count: int

    @property
    def more(self) -> int:
        return self.count - len(self.sentences)


@dataclass(frozen=True)
class Section:
    """A report as a table. `marked` are the numbers of the rows that need a look, from 0."""

    name: str
    title: str
    question: str
    note: str
    headings: Sequence[Heading]
    rows: Sequence[Sequence[Cell]]
    count: int
    has_more: bool
    marked: frozenset[int]
    compared: str
    csv: str
    sql: str
    cost: str
    figure: Figure | None


@dataclass(frozen=True)
class Number:
    """One of the numbers of a day: its name, its text, the exact value, and its change."""

    name: str
    text: str
    exact: str
    change: str


@dataclass(frozen=True)
class Part:
    """A kind of records, how many there are, and what it means. `is_bad`: something is missing from the day."""

    name: str
    count: int
    meaning: str
    is_bad: bool = False


@dataclass(frozen=True)
class DayPage:
    """Everything that the page of a day says."""

    day: date
    summary: DaySummary
    numbers: Sequence[Number]
    parts: Sequence[Part]
    warnings: Sequence[str]
    examples: Sequence[str]
    looks: Sequence[Looks]
    hours: Markup
    hour_rows: Sequence[tuple[str, str]]
    hours_note: str
    overview: Sequence[tuple[str, Sequence[Figure]]]
    new: Sequence[Section]
    nothing_new: Sequence[Section]
    sections: Sequence[Section]
    missing: Sequence[Report]
    left_out: Sequence[tuple[str, str]]
    is_simulated: bool
    cost: str

    @property
    def is_complete(self) -> bool:
        if self.summary.percent is not None and self.summary.percent < 100:
            return False
        return not self.warnings and not any(part.is_bad and part.count for part in self.parts)


@dataclass(frozen=True)
class Facts:
    """What the page of a day is made from.

    `outputs` are the reports' rows; None where a report has none for the day. `left_out` are the reports that cannot be
    made from these logs, with the reason. `dataset_bytes` is the size of the datasets' files, by day. `cost_of` gives
    the cost of a query by the bytes that it scans; None if there is no bill. `completeness` has all `warnings` among
    its reasons; None where it is not known. `odd_records` are examples of them. `covered` and `updates` are the
    summary's.
    """

    day: date
    totals: DayTotals
    outputs: Sequence[tuple[Report, ReportOutput | None]]
    baseline: Baseline | None = None
    names: Names = NO_NAMES
    warnings: Sequence[str] = ()
    left_out: Sequence[tuple[str, str]] = ()
    is_simulated: bool = False
    dataset_bytes: Mapping[str, Mapping[date, int]] = field(default_factory=dict)
    cost_of: Callable[[int], float | None] = lambda _: None
    completeness: Completeness | None = None
    odd_records: Sequence[str] = ()
    covered: Covered | None = None
    updates: tuple[str, ...] = ()


def day_page(facts: Facts) -> DayPage:
    """The page of a day."""
    stored = [(report, output) for report, output in facts.outputs if output is not None]
    made = [(report, output) for report, output in stored if not output.lacks]
    not_made = [(report.title, lacking(output.lacks)) for report, output in stored if output.lacks]
    sections = [_section(facts, report, output) for report, output in made]
    looks = rows_to_look_at(made, facts.names)
    first = _first_rows(facts, made, looks)
    totals = replace(facts.totals, need_a_look=sum(found.count for found in looks))
    figures = {section.name: section.figure for section in sections if section.figure and section.figure.bars}
    overview = [(title, [figures[name] for name in names if name in figures]) for title, names in OVERVIEW]
    histories = {report.name for report, _ in made if report.history}
    return DayPage(
        day=facts.day,
        summary=_with_completeness(
            DaySummary(totals, sentences(totals, looks, first), first, covered=facts.covered, updates=facts.updates),
            facts.completeness,
        ),
        numbers=_numbers(totals, facts.baseline),
        parts=_parts(totals),
        warnings=facts.completeness.texts if facts.completeness else facts.warnings,
        examples=facts.odd_records,
        looks=looks,
        hours=_hours_picture(totals),
        hour_rows=[(_hour(hour), with_commas(count)) for hour, count in enumerate(totals.rejected_by_hour)],
        hours_note=_hours_note(totals),
        overview=[(title, found) for title, found in overview if found],
        new=[section for section in sections if section.name in histories and section.rows],
        nothing_new=[section for section in sections if section.name in histories and not section.rows],
        sections=sections,
        missing=[report for report, output in facts.outputs if output is None],
        left_out=[*facts.left_out, *not_made],
        is_simulated=facts.is_simulated,
        cost=_day_cost(facts, [report for report, _ in made]),
    )


def _with_completeness(summary: DaySummary, found: Completeness | None) -> DaySummary:
    return replace(summary, percent=found.percent, reasons=tuple(found.texts), basis=found.basis) if found else summary


def sentences(totals: DayTotals, looks: Sequence["Looks"], first: Sequence[str]) -> tuple[str, str]:
    """What happened, in two sentences: how much was read and rejected, and what to look at first."""
    if not totals.records:
        return (
            "0 records read: the logs of this day hold none.",
            "Look first whether the flow logs still deliver: a day without records is not a day without traffic.",
        )
    read = (
        f"{counted(totals.records, 'record')} read, {with_commas(totals.rejected)} rejected by "
        f"{counted(totals.sources, 'source')}, {with_commas(totals.unreadable)} unreadable."
    )
    if looks:
        count = sum(found.count for found in looks)
        rows = f"{counted(count, 'row needs', 'rows need')} a look, in {counted(len(looks), 'report')}"
        return read, f"{rows}; first: {first[0]}"
    if totals.rejected and first:
        return read, f"No report found a row that needs a look; most packets were rejected from {first[0]}"
    return read, "No report found a row that needs a look."


def _first_rows(facts: Facts, made: Sequence[tuple[Report, ReportOutput]], looks: Sequence["Looks"]) -> tuple[str, ...]:
    """A line for each row to look at first: those that need a look, each report's first one first; else top pairs."""
    if looks:
        in_turn = chain.from_iterable(zip_longest(*(found.sentences for found in looks)))
        return tuple(islice((text for text in in_turn if text), LOOK_AT))
    output = next((output for report, output in made if report.name == _TOP_PAIRS), None)
    if output is None:
        return ()
    shown = _cells(for_people(output.frame.head(LOOK_AT), facts.names))
    names = list(map(str, output.frame.columns))
    rows = [dict(zip(names, (cell.text for cell in row), strict=True)) for row in shown]
    return tuple(
        f"{row['sourceaddress']} to {row['destinationaddress']}: {row['packetcount'] or 'unknown'} "
        f"packet{'' if row['packetcount'] == '1' else 's'}."
        for row in rows
    )


def rows_to_look_at(made: Sequence[tuple[Report, ReportOutput]], names: Names) -> list["Looks"]:
    """The rows of a day's reports that need a look, with the names of the day.

    Behind those of _FIRST_TO_LOOK_AT, a report with few of them comes first: it says more than one with many.
    """
    found = []
    for report, output in made:
        if report.alarm and output.alarms:
            shown = output.frame.iloc[list(output.alarms[:LOOKS_OF_REPORT])]
            columns = list(map(str, shown.columns))
            parameters = {parameter.name: parameter.value.strip("'") for parameter in report.parameters}
            texts = [
                _filled(report.alarm.says, parameters | dict(zip(columns, (cell.text for cell in row), strict=True)))
                for row in _cells(frame_for_people(report, shown, names))
            ]
            found.append(Looks(report.name, report.title, texts, len(output.alarms)))
    return sorted(found, key=lambda looks: (looks.name not in _FIRST_TO_LOOK_AT, looks.count))


def _filled(sentence: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]) or "(unknown)", sentence)


def _section(facts: Facts, report: Report, output: ReportOutput) -> Section:
    frame = output.frame
    described = {column.name: column.description for column in report.columns}
    # The day is the page's own.
    shown = frame_for_people(report, frame.drop(columns="dt", errors="ignore").head(MOST_ROWS), facts.names)
    headings = [
        Heading(label(str(name)), described.get(str(name), ""), is_number=dtype.kind in "iuf")
        for name, dtype in shown.dtypes.items()
    ]
    _, csv = report_keys(report.name, facts.day)
    rows = _cells(shown)
    compared = ""
    if report.history:
        compared = f"Compared with {output.compared} of the {report.history} days before."
        if not output.compared:
            compared += " Without earlier days, everything is new: these rows say little yet."
    return Section(
        name=report.name,
        title=report.title,
        question=report.question,
        note=report.note,
        headings=headings,
        rows=rows,
        count=len(frame),
        has_more=output.has_more,
        marked=frozenset(output.alarms),
        compared=compared,
        csv=csv.removeprefix("reports/"),
        sql=report_sql(report, facts.day, facts.day),
        cost=_query_cost(facts, report),
        figure=_figure(report, frame, rows),
    )


def _query_cost(facts: Facts, report: Report) -> str:
    size = _bytes_read(facts, report)
    cost = facts.cost_of(size)
    return f"reads at most {size_limit_text(size)}" + ("" if cost is None else f", for at most {cost_text(cost)}")


def _bytes_read(facts: Facts, report: Report) -> int:
    """How many bytes the query of a report reads at most: the files of its datasets of the day, and of those before."""
    days = [facts.day - timedelta(days=ago) for ago in range(report.history + 1)]
    return sum(facts.dataset_bytes.get(name, {}).get(day, 0) for name in report.reads for day in days)


def _day_cost(facts: Facts, reports: Sequence[Report]) -> str:
    dollars = day_dollars(facts, reports)
    logs = f"{size_text(facts.totals.stored_bytes)} of logs read once, for all reports"
    return f"{logs}; no bill" if dollars is None else f"{logs}; at most {cost_text(dollars)}"


def day_dollars(facts: Facts, reports: Iterable[Report]) -> float | None:
    """What a day costs at most, in US dollars: one scan of its objects, and the reports' queries."""
    scan = facts.cost_of(facts.totals.stored_bytes)
    if scan is None:
        return None
    return scan + sum(facts.cost_of(_bytes_read(facts, report)) or 0 for report in reports)


def frame_for_people(report: Report, frame: "pd.DataFrame", names: Names) -> "pd.DataFrame":
    """The frame with names, services and times as text, also those times that only the report's file knows of."""
    times = [column.name for column in report.columns if column.description.startswith(_SECONDS)]
    return for_people(with_times(frame, times), names)


def _cells(frame: "pd.DataFrame") -> list[list[Cell]]:
    """The rows of a frame for people as cells."""
    sizes = [is_size(str(column)) for column in frame.columns]
    return [[_cell(*pair) for pair in zip(row, sizes, strict=True)] for row in plain_rows(frame)]


def _cell(value: object, size: bool) -> Cell:
    if isinstance(value, bool):
        return Cell("yes" if value else "no")
    if not isinstance(value, int | float) or value != value:  # NaN is no number
        return Cell(cell_text(value))
    if size:
        exact = f"{with_commas(value)} bytes"
        text = size_text(value)
        return Cell(text) if text == exact else Cell(text, exact, f"{value:.0f}")
    return Cell(with_commas(value))


def report_figure(report: Report, output: ReportOutput, names: Names = NO_NAMES) -> Figure | None:
    """The report's first rows as bars, if its file says how to draw it."""
    frame = output.frame.head(MOST_ROWS)
    return _figure(report, frame, _cells(frame_for_people(report, frame.drop(columns="dt", errors="ignore"), names)))


def _figure(report: Report, frame: "pd.DataFrame", rows: Sequence[Sequence[Cell]]) -> Figure | None:
    """The same, from the rows as people read them."""
    chart = report.chart
    if chart is None:
        return None
    columns_shown = [str(column) for column in frame.columns if column != "dt"]
    values = [float(str(value or 0)) for (value,) in plain_rows(frame[[chart.value]].head(len(rows)))]
    most = max(values, default=0)
    arrow = " → " if chart.by == ("sourceaddress", "destinationaddress") else ", "
    bars = []
    for row, value in islice(zip(rows, values, strict=True), BARS if chart.kind == "bars" else MOST_ROWS):
        by_name = dict(zip(columns_shown, row, strict=True))
        cell = by_name[chart.value]
        text = arrow.join(by_name[name].text or "(none)" for name in chart.by)
        share = max(value, 0) / most if most > 0 else 0
        bars.append(Bar(text, cell.text or "unknown", cell.exact, share, bar(share)))
    by_label = arrow.join(map(label, chart.by))
    return Figure(report.name, report.title, report.question, bars, label(chart.value), by_label)


def _numbers(totals: DayTotals, before: Baseline | None) -> list[Number]:
    shown: list[tuple[str, str, str, str]] = [
        ("rejected", "rejected flows", with_commas(totals.rejected), ""),
        ("rejected_packets", "rejected packets", with_commas(totals.rejected_packets), ""),
        ("sources", "rejected sources", with_commas(totals.sources), ""),
        ("ports", "targeted ports", with_commas(totals.ports), ""),
        ("bytes", "traffic recorded", size_text(totals.bytes), f"{with_commas(totals.bytes)} bytes"),
    ]
    return [Number(name, text, exact, _change(getattr(totals, key), key, before)) for key, name, text, exact in shown]


def _change(now: int, key: str, before: Baseline | None) -> str:
    return change_text(now, before.totals[key], before.name) if before else "no earlier day to compare with"


def _parts(totals: DayTotals) -> list[Part]:
    return [
        Part("rejected", totals.rejected, "a security group or a network ACL refused it"),
        Part("accepted", totals.accepted, "it was let through"),
        Part("no data", totals.no_data, "an interface without traffic for a while"),
        Part("skipped", totals.skipped, "AWS lost records here: some traffic is not in the logs", is_bad=True),
        Part("unreadable", totals.unreadable, "a line that says neither of these", is_bad=True),
    ]


def _hours_picture(totals: DayTotals) -> Markup:
    counts = totals.rejected_by_hour
    most = max(counts)
    at = counts.index(most)
    alternative = (
        f"Rejected flows by hour (UTC). The most, {with_commas(most)}, from {_hour(at)} to {_hour(at + 1)}."
        if most
        else "Rejected flows by hour (UTC): none."
    )
    titles = [f"{_hour(hour)} to {_hour(hour + 1)} UTC: {with_commas(count)}" for hour, count in enumerate(counts)]
    return columns([_hour(hour) for hour in range(len(counts))], counts, titles, alternative, every=6)


def _hours_note(totals: DayTotals) -> str:
    counts = totals.rejected_by_hour
    if not sum(counts):
        return "Nothing was rejected."
    at = counts.index(max(counts))
    text = f"The most, {with_commas(max(counts))}, from {_hour(at)} to {_hour(at + 1)} UTC."
    unknown = totals.rejected - sum(counts)
    return f"{text} {counted(unknown, 'record has', 'records have')} no hour." if unknown else text


def _hour(hour: int) -> str:
    return f"{hour:02d}:00"
