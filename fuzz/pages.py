"""Fuzzes pages: whatever rows hold, the page is valid HTML that has it as text, and loads nothing."""

import re
from datetime import date
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd

from assets.page.day_totals import DayTotals
from assets.page.model import Facts, day_page
from assets.page.render import page_html
from assets.reports.report_files import Report, parse_report
from assets.reports.report_output import ReportOutput
from flowlogs.printable import printable
from fuzz.choices import Choices
from fuzz.targets import SilentLoss

DAY = date(2021, 9, 2)
VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"])
ALLOWED_SCRIPTS = 1
SEEDS = [bytes([kind]) * 30 for kind in range(0, 256, 16)]


@cache
def _report(name: str, header: str) -> Report:
    text = f"""-- title: The {name}
-- question: Who?
-- reads: rejected_flows
-- order: bytes desc
{header}-- columns:
--   sourceaddress string
--   bytes bigint
--   dt string
SELECT * FROM rejected_flows WHERE dt BETWEEN '{{first}}' AND '{{last}}'"""
    return parse_report(Path(f"{name}.sql"), text)


REPORTS = (
    ("loud", "-- alarm: bytes > 5\n-- says: {sourceaddress} sent {bytes}.\n"),
    ("top_talkers", "-- chart: bars of bytes by sourceaddress\n"),
    ("plain", ""),
)


class _Page(HTMLParser):
    """Reads a page: its text, and whether its elements are closed in order and load nothing."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.texts: list[str] = []
        self.problems: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.scripts += tag == "script"
        if tag in ("img", "iframe", "object", "embed", "link", "base", "form", "audio", "video", "source"):
            self.problems.append(f"<{tag}>")
        for name, value in attrs:
            self.texts.append(value or "")
            if name.startswith("on") or name in ("src", "srcdoc", "style", "formaction", "xlink:href"):
                self.problems.append(f"{tag} {name}={value!r}")
            if name == "href" and re.match(r"\s*([a-z]+:|//)", value or "", re.IGNORECASE):
                self.problems.append(f"{tag} {name}={value!r}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def check(data: bytes) -> None:
    """Raise SilentLoss where a page lacks a text of its rows, or holds more than its own elements."""
    choices = Choices(data)
    shown: list[str] = []
    outputs = []
    for name, header in REPORTS:
        rows = [(choices.text(), choices.number(1 << 62)) for _ in range(choices.number(4))]
        shown += [text for text, _ in rows]
        frame = pd.DataFrame(
            {
                "sourceaddress": pd.array([text for text, _ in rows], dtype="string"),
                "bytes": pd.array([number for _, number in rows], dtype="Int64"),
                "dt": pd.array([str(DAY)] * len(rows), dtype="string"),
            }
        )
        alarms = tuple(range(len(rows))) if "alarm" in header else ()
        outputs.append((_report(name, header), ReportOutput(frame, alarms)))
    warnings = [printable(choices.text()) for _ in range(choices.number(3))]  # as every message is
    numbers = [choices.number(1 << 40) for _ in range(8)]
    totals = DayTotals(
        str(DAY),
        records=numbers[0],
        rejected=numbers[1],
        accepted=numbers[2],
        no_data=numbers[3],
        skipped=numbers[4],
        rejected_packets=numbers[5],
        sources=numbers[6],
        ports=1,
        bytes=numbers[7],
        rejected_by_hour=tuple(choices.number(1 << 20) for _ in range(24)),
        stored_bytes=1,
    )
    html = page_html(day_page(Facts(DAY, totals, outputs, warnings=warnings))).decode()
    page = _Page()
    page.feed(html)
    page.close()
    if page.problems or page.open or page.scripts != ALLOWED_SCRIPTS:
        raise SilentLoss(f"not the page's own: {page.problems[:3]}, open {page.open}, {page.scripts} scripts")
    if not html.replace("\n", "").replace("\t", "").isprintable():
        raise SilentLoss("characters that are not printable")
    whole = _squeezed("\n".join(page.texts))
    for text in [*shown, *warnings]:
        if _squeezed(printable(text)) not in whole:
            raise SilentLoss(f"{text!r} is not on the page")


def _squeezed(text: str) -> str:
    return "".join(text.split())
