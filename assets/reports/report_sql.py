"""The statement of a report: its query, ordered, limited to a number of rows of each day, with its alarm."""

import re
from datetime import date, timedelta

from assets.reports.report_files import FRAGMENTS, PLACEHOLDER, Report

ALARM_COLUMN = "is_alarm"


def report_sql(report: Report, first: date, last: date) -> str:
    """The statement of a report for these days. It gives one row more than the report has, if there are more.

    NULL is last everywhere. Rows are ordered by all columns in the end, so that the same rows come in the same order.
    """
    names = [column.name for column in report.columns]
    order = [f"{name}{' DESC' if descending else ''} NULLS LAST" for name, descending in report.order]
    order += [f"{name} NULLS LAST" for name in names[:-1] if name not in {name for name, _ in report.order}]
    shown = ", ".join(names)
    alarm = ""
    if report.alarm:
        condition = filled_in(report, report.alarm.condition, first, last)
        alarm = f",\n  CASE WHEN {condition} THEN true ELSE false END AS {ALARM_COLUMN}"
    return (
        f"SELECT {shown}{alarm}\nFROM (\n"
        f"  SELECT {shown},\n    row_number() OVER (PARTITION BY dt ORDER BY {', '.join(order)}) AS row_number\n"
        f"  FROM (\n{filled_in(report, report.query, first, last)}\n  )\n)\n"
        f"WHERE row_number <= {report.rows + 1}\nORDER BY dt, row_number"
    )


def filled_in(report: Report, text: str, first: date, last: date) -> str:
    """A part of a report's SQL with its placeholders filled in. Other braces stay, such as those of a pattern."""
    values = {
        "first": first.isoformat(),
        "last": last.isoformat(),
        "earliest": (first - timedelta(days=report.history)).isoformat(),
        "history": str(report.history),
        **{parameter.name: parameter.value for parameter in report.parameters},
    }

    def value(found: re.Match[str]) -> str:
        name, argument = found["name"], found["argument"]
        return FRAGMENTS[name](argument) if argument else values.get(name, found[0])

    return PLACEHOLDER.sub(value, text)
