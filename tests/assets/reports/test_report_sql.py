"""The statement that a report's SQL file becomes: its three placeholders are filled in, and nothing else."""

from datetime import date

import pytest

from assets.reports.asset import Report, report_sql
from flowlogs.statements import TableName

TABLE = TableName("lake", "rejected_flows")


def sql(template: str) -> str:
    return report_sql(Report("report", "What it tells.", template), TABLE, date(2021, 9, 2), date(2021, 9, 3))


def test_placeholders_are_the_table_and_the_days():
    assert sql("FROM {table} WHERE dt BETWEEN '{first}' AND '{last}'") == (
        """FROM "lake"."rejected_flows" WHERE dt BETWEEN '2021-09-02' AND '2021-09-03'"""
    )


@pytest.mark.parametrize(
    "text",
    [
        r"regexp_like(sourceaddress, '^\d{1,3}\.\d{1,3}$')",
        r"regexp_like(sourceaddress, '^[0-9a-f]{4}(:|$)')",
        "{{table}",
        "{}",
        "{0}",
        "{Table}",
    ],
)
def test_other_braces_stay_as_they_are(text):
    expected = text.replace("{table}", '"lake"."rejected_flows"')
    assert sql(text) == expected
