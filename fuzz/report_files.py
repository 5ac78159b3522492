"""Fuzzes report files: each is a report whose statement can be parsed, or an error that names the file and a line."""

import re
from datetime import date
from functools import cache
from pathlib import Path

from assets.reports.report_files import OWN_FOLDER, parse_report
from assets.reports.report_sql import report_sql
from flowlogs.errors import FlowLakeError
from fuzz.choices import Choices
from fuzz.targets import SilentLoss
from resources.embedded.sql.parse import parse
from resources.engine import QueryError

DAY = date(2021, 9, 2)
WORDS = (
    "-- title: T",
    "-- question: Q?",
    "-- reads: rejected_flows",
    "-- order: a desc, b",
    "-- rows: 5",
    "-- rows: ５",
    "-- rows: ²",
    "-- history: 7",
    "-- columns:",
    "--   a bigint: what",
    "--   b string",
    "--   dt string",
    "-- chart: bars of a by b",
    "-- alarm: a > {limit}",
    "-- says: {b} sent {a}.",
    "-- parameter: limit = 5: of what",
    "-- fields: vpc-id",
    "-- note: n",
    "SELECT a, b, dt FROM rejected_flows WHERE dt BETWEEN '{first}' AND '{last}'",
    "{earliest}",
    "{history}",
    "{private(b)}",
    "{",
    "}",
    "a{2,5}",
    ";",
    "--",
    "",
    "-- columns: a bigint",
    "FROM traffic_summary",
)
SEEDS = [bytes([kind]) * 20 for kind in range(0, 256, 8)]


@cache
def _own() -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted(OWN_FOLDER.glob("*.sql"))]


def a_file(choices: Choices) -> str:
    """The text of a report's file: one of the project's own, or lines that belong into one; with some changes."""
    if choices.number(3) == 0:
        text = choices.one_of(_own())
    elif choices.number(2):
        text = "\n".join([*WORDS[:4], *WORDS[8:12], *choices.some_of(WORDS, 3), WORDS[18]])
    else:
        text = "\n".join(choices.some_of(WORDS, 16))
    lines = text.split("\n")
    for _ in range(choices.number(4)):
        at = choices.number(len(lines) + 1)
        kind = choices.number(4)
        if kind == 0:
            lines[at : at + 1] = []
        elif kind == 1:
            lines[at:at] = [choices.one_of(WORDS)]
        elif at < len(lines):
            cut = choices.number(len(lines[at]) + 1)
            lines[at] = lines[at][:cut] + choices.text() + lines[at][cut + choices.number(3) :]
    return "\n".join(lines)


def check(data: bytes) -> None:
    """Raise an error unless a file is a report, or is refused in words that name the place."""
    choices = Choices(data)
    path = Path(choices.one_of(["x.sql", "top_ports.sql", "X.sql", "a b.sql", "é.sql", "\u202e.sql"]))
    text = a_file(choices)
    try:
        report = parse_report(path, text)
    except FlowLakeError as error:
        if not re.search(r"\.sql, line \d+: ", str(error)) or not str(error).replace("\n", "").isprintable():
            raise SilentLoss(f"not in words: {str(error)!r}") from None
        return
    statement = report_sql(report, DAY, DAY)
    if str(DAY) not in statement:
        raise SilentLoss(f"the statement is not of the day: {statement!r}")
    try:
        parse(statement, "lake")
    except QueryError as error:
        if not str(error).replace("\n", "").isprintable():
            raise SilentLoss(f"not printable: {str(error)!r}") from None
