"""Every report of the project: its file is read, its statement runs on both engines, its columns are the header's."""

from datetime import date
from pathlib import Path

import pytest
from dataset_rows import DatasetRows
from support import ROOT
from trino_sql_validator import validate

from assets.reports.report_files import Report, read_reports
from assets.reports.report_sql import ALARM_COLUMN, report_sql

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
