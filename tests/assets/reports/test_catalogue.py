"""Every report of the project: its file is read, its statement runs on both engines, its columns are the header's."""

import re
from datetime import date
from pathlib import Path

import pytest
from dataset_rows import DatasetRows, Row, flow
from small_bucket import rows
from support import ROOT
from trino_sql_validator import validate

from assets.reports.report_files import Report, parse_report, read_reports
from assets.reports.report_sql import ALARM_COLUMN, report_sql
from flowlogs.errors import FlowLakeError

FIRST, LAST = "2024-03-09", "2024-03-10"
REPORTS = read_reports()

PANDAS = {
    "boolean": "boolean",
    "int": "Int32",
    "bigint": "Int64",
    "double": "Float64",
    "string": "string",
}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> DatasetRows:
    return DatasetRows(tmp_path_factory.mktemp("empty"))


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_a_report_of_empty_tables_has_no_rows_and_the_columns_of_its_header(empty: DatasetRows, report: Report) -> None:
    frame = empty.result(report, FIRST, LAST).frame
    expected = [*report.column_types, *([(ALARM_COLUMN, "boolean")] if report.alarm else [])]
    assert [(name, str(frame[name].dtype).lower()) for name in frame.columns] == [
        (name, PANDAS[kind].lower()) for name, kind in expected
    ]
    assert frame.empty


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_athenas_parser_accepts_a_report(report: Report) -> None:
    statement = report_sql(report, date.fromisoformat(FIRST), date.fromisoformat(LAST))
    result = validate(statement, jinja="reject", function_arguments="off")
    assert result.error is None, result.error.message
    assert result.statement_count == 1
    assert "{" not in statement


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_a_report_says_in_plain_words_what_it_is(report: Report) -> None:
    assert report.question.endswith("?")
    assert not report.title.endswith((".", "?"))
    assert len(report.title) <= 70
    assert all(parameter.description for parameter in report.parameters)
    assert not report.note or report.note.endswith(".")


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_the_table_of_reports_in_the_docs_has_the_report(report: Report) -> None:
    assert f"| `{report.name}` | {report.title} |" in (ROOT / "docs/reports.md").read_text(encoding="utf-8")


def test_titles_are_different() -> None:
    assert len({report.title for report in REPORTS}) == len(REPORTS)


def test_every_report_has_a_test_of_its_rows() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert [report.name for report in REPORTS if f'"{report.name}"' not in tests] == []


def test_the_example_in_the_docs_is_a_report(tmp_path: Path) -> None:
    text = (ROOT / "docs/reports.md").read_text(encoding="utf-8").split("```sql\n")[1].partition("```")[0]
    lake = DatasetRows(tmp_path)
    lake.put("traffic_summary", FIRST, [flow("192.0.2.1", "10.0.0.1", 22), flow("192.0.2.2", "10.0.0.1", 23)])
    report = parse_report(Path("ssh_sources.sql"), text)
    assert rows(lake.result(report, FIRST, LAST)) == [("192.0.2.1", 1, FIRST)]


def test_the_docs_have_every_name_of_awss_and_tailpipes_queries() -> None:
    text = (ROOT / "docs/reports.md").read_text(encoding="utf-8").partition("## Queries that others know")[2]
    names = re.findall(r"^\| (\w.*?) \|", text, re.MULTILINE)
    assert len(names) == 2 + 15 + 6  # two heads; IPv4Traffic and IPv6Traffic are one line
    assert not set(re.findall("`([a-z_]+)`", text)) - {report.name for report in REPORTS} - PARAMETERS_AND_COLUMNS


PARAMETERS_AND_COLUMNS = {"tcp", "source", "destination", "is_large", "packets", "bytes"}


HEADER = """-- title: Numbers
-- question: Which?
-- note: Of one day,
--   and no other.
-- reads: traffic_summary
-- history: 3
-- parameter: ports = 22, 3389, -1: some
-- order: serviceport
-- columns:
--   serviceport int
--   dt string
"""
QUERY = """SELECT serviceport, dt FROM traffic_summary
WHERE dt BETWEEN '{earliest}' AND '{last}' AND dt >= '{first}' AND serviceport IN ({ports})
AND {private(sourceaddress)} AND {internet(destinationaddress)} AND records > {history}"""


def test_numbers_days_and_kinds_of_addresses_are_filled_in(tmp_path: Path) -> None:
    report = parse_report(Path("numbers.sql"), HEADER + QUERY)
    assert (report.note, report.description) == (
        "Of one day, and no other.",
        "Numbers. Which? Of one day, and no other.",
    )
    lake = DatasetRows(tmp_path)
    wanted = flow("fd00::1", "192.0.2.1", 22, records=4)
    others: tuple[Row, ...] = (
        {**wanted, "serviceport": 80},
        {**wanted, "records": 3},
        {**wanted, "sourceaddress": "192.0.2.1"},
        {**wanted, "destinationaddress": "10.0.0.1"},
        {**wanted, "destinationaddress": "-"},
        {**wanted, "sourceaddress": None},
    )
    lake.put("traffic_summary", LAST, [wanted, *others])
    assert rows(lake.result(report, LAST, LAST)) == [(22, LAST)]
    assert "BETWEEN '2024-03-07'" in report_sql(report, date.fromisoformat(LAST), date.fromisoformat(LAST))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("-- history: 3\n", "", "{earliest} is of the days before, and the header has no history"),
        ("ports = 22, 3389, -1", "ports = 22, 'a'", "is no parameter"),
        ("{private(sourceaddress)}", "{private}", "is no placeholder here"),
        ("{private(sourceaddress)}", "{public(sourceaddress)}", "is no placeholder here"),
    ],
)
def test_what_cannot_be_filled_in_is_told(old: str, new: str, problem: str) -> None:
    with pytest.raises(FlowLakeError, match=re.escape(problem)):
        parse_report(Path("numbers.sql"), (HEADER + QUERY).replace(old, new))
