"""A report is one .sql file: its name, what it tells, its statement."""

import pytest

from assets.reports.report_files import REPORTS, read_report
from flowlogs.errors import FlowLakeError


def test_every_sql_file_of_the_folder_is_a_report():
    assert [report.name for report in REPORTS] == ["rejected_flow_details", "top_rejected_pairs"]


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_a_report_tells_itself_apart_from_its_statement(report):
    assert report.description.endswith(".")
    assert report.template.startswith("SELECT")


def test_what_a_report_tells_may_take_several_lines(tmp_path):
    path = tmp_path / "by_port.sql"
    path.write_text("-- Rejected packets\n-- by port.\n\nSELECT 1 -- one\nFROM {table}\n", encoding="utf-8")
    report = read_report(path)
    assert (report.name, report.description) == ("by_port", "Rejected packets by port.")
    assert report.template == "SELECT 1 -- one\nFROM {table}"


def test_a_report_that_does_not_say_what_it_tells_is_refused(tmp_path):
    path = tmp_path / "by_port.sql"
    path.write_text("SELECT 1\n", encoding="utf-8")
    with pytest.raises(FlowLakeError, match=r"by_port\.sql does not begin with a comment"):
        read_report(path)
