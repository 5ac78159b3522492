"""A report is one .sql file: its name, its description, its columns, its statement."""

from pathlib import Path

import pytest
from support import ROOT

from assets.reports.report_files import REPORTS, read_report
from flowlogs.errors import FlowLakeError


def test_every_sql_file_of_the_folder_is_a_report():
    files = sorted((ROOT / "assets/reports").glob("*.sql"))
    assert {path.stem for path in files} >= {"rejected_flow_details", "top_rejected_pairs"}
    assert [(report.name, report.path) for report in REPORTS] == [(path.stem, path) for path in files]


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_every_report_has_a_test_of_its_own(report):
    assert Path(__file__).with_name(f"test_{report.name}.py").is_file()


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_a_reports_description_is_apart_from_its_statement(report):
    assert report.description.endswith(".")
    assert report.template.startswith("SELECT")


def test_a_description_may_take_several_lines(tmp_path):
    path = tmp_path / "by_port.sql"
    path.write_text("-- Rejected packets\n-- by port.\n\nSELECT 1 -- one\nFROM {table}\n", encoding="utf-8")
    report = read_report(path)
    assert (report.name, report.description) == ("by_port", "Rejected packets by port.")
    assert report.template == "SELECT 1 -- one\nFROM {table}"


def test_a_report_without_a_description_is_refused(tmp_path):
    path = tmp_path / "by_port.sql"
    path.write_text("SELECT 1\n", encoding="utf-8")
    with pytest.raises(FlowLakeError, match=r"by_port\.sql does not begin with a comment"):
        read_report(path)
