"""The statement that a report's SQL file becomes: its three placeholders are filled in, and nothing else."""

from datetime import date

import pyarrow.parquet as pq
import pytest
from support import DAY

from assets.reports.report_files import REPORTS, Report, read_report, report_sql
from flowlogs.statements import TableName

TABLE = TableName("lake", "rejected_flows")
EMPTY_DAY = date(2021, 9, 4)


def sql(template: str) -> str:
    return report_sql(Report("report", "Its description.", template), TABLE, date(2021, 9, 2), date(2021, 9, 3))


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


def test_comments_in_front_declare_columns_and_are_not_executed(tmp_path):
    path = tmp_path / "odd_ports.sql"
    path.write_text("-- Odd ports.\n-- sourceport int\n-- dt string\nSELECT sourceport, dt\n-- by port\nFROM {table}\n")
    report = read_report(path)
    assert (report.name, report.description, report.columns, report.path) == (
        "odd_ports",
        "Odd ports.",
        (("sourceport", "int"), ("dt", "string")),
        path,
    )
    assert report.template == "SELECT sourceport, dt\n-- by port\nFROM {table}"


ARROW = {
    "boolean": "bool",
    "tinyint": "int8",
    "smallint": "int16",
    "int": "int32",
    "bigint": "int64",
    "float": "float",
    "double": "double",
    "string": "string",
}


@pytest.mark.parametrize("day", [DAY, EMPTY_DAY], ids=["with objects", "without objects"])
@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_a_report_gives_the_columns_that_it_declares(lake, report, day):
    assert lake.run(day).success
    schema = pq.read_schema(lake.results / f"reports/{report.name}/{day}.parquet")
    assert [(field.name, str(field.type)) for field in schema] == [(name, ARROW[kind]) for name, kind in report.columns]
    header = (lake.results / f"reports/{report.name}/{day}.csv").read_text().splitlines()[0]
    assert header == ",".join(name for name, _ in report.columns)
