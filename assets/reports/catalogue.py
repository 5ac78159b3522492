"""Which daily reports there are: each .sql file in this folder is one, and no list names them.

A file begins with a comment that says what the report tells. The statement below it is Athena's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from flowlogs.statements import TableName


@dataclass(frozen=True)
class Report:
    """A report's asset key, what it tells, and its SQL.

    In that, `{table}` stands for the table of REJECT records, `{first}` and `{last}` for the first and the last day.
    It gives the rows of each day, which its last column ``dt`` names, in the day's order.
    """

    name: str
    description: str
    template: str


def read_report(path: Path) -> Report:
    """The report of a .sql file. Raises ValueError where no comment on top says what it tells."""
    lines = path.read_text(encoding="utf-8").splitlines()
    description = list(_comment(lines))
    if not description:
        raise ValueError(f"{path} does not begin with a comment (-- …) that says what the report tells.")
    return Report(path.stem, " ".join(description), "\n".join(lines[len(description) :]).strip())


def _comment(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        if not line.startswith("-- "):
            return
        yield line.removeprefix("-- ").strip()


REPORTS: Sequence[Report] = tuple(read_report(path) for path in sorted(Path(__file__).parent.glob("*.sql")))
"""In the order of their names."""


def report_sql(report: Report, table: TableName, first: date, last: date) -> str:
    """The statement of a report for these days."""
    return report.template.format(table=table.trino, first=first.isoformat(), last=last.isoformat())
