"""The daily reports: each .sql file in this folder is one. There is no list of their names.

A file begins with comments: the report's description, then a line for each column of its rows, with its Hive type, such
as ``-- packetcount bigint``. Below them is an Athena statement.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import takewhile
from pathlib import Path

from flowlogs.errors import FlowLakeError
from flowlogs.statements import TableName

_COLUMN = re.compile(r"(?P<name>[a-z_][a-z0-9_]*) (?P<type>boolean|tinyint|smallint|int|bigint|float|double|string)")


@dataclass(frozen=True)
class Report:
    """A report: its asset key, its description, its SQL, the columns of its rows, and the file it was read from.

    In the SQL, `{table}` is the table of REJECT records, `{first}` and `{last}` are the first and the last day. It
    gives the rows of each day, in order; the last column ``dt`` is the day.
    """

    name: str
    description: str
    template: str
    columns: Sequence[tuple[str, str]] = ()
    path: Path | None = None


def read_report(path: Path) -> Report:
    """The report of a .sql file. Raises FlowLakeError if the comments on top lack the description."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line.removeprefix("--").strip() for line in takewhile(lambda line: line.startswith("--"), lines)]
    columns = [(match["name"], match["type"]) for line in comments if (match := _COLUMN.fullmatch(line))]
    description = " ".join(line for line in comments if not _COLUMN.fullmatch(line))
    if not description:
        raise FlowLakeError(f"{path} does not begin with a comment (-- …) that describes the report.")
    template = "\n".join(lines[len(comments) :]).strip()
    return Report(path.stem, description, template, tuple(columns), path)


REPORTS: Sequence[Report] = tuple(read_report(path) for path in sorted(Path(__file__).parent.glob("*.sql")))
"""All reports, in the order of their names."""


def report_sql(report: Report, table: TableName, first: date, last: date) -> str:
    """The statement of a report for these days."""
    return filled_in(report, table.trino, first, last)


def filled_in(report: Report, table: str, first: date, last: date) -> str:
    """A report's SQL with its placeholders filled in. Other braces stay, such as those of a regular expression."""
    values = {"{table}": table, "{first}": first.isoformat(), "{last}": last.isoformat()}
    return re.sub("|".join(map(re.escape, values)), lambda found: values[found[0]], report.template)
