"""The report of the REJECT records with the most packets, in full."""

import pytest
from lake import Lake
from support import KnownAnswers, known_answers, report_rows, with_day

from assets.reports.report_files import read_reports
from flowlogs.fields import DEFAULT_FIELDS

(REPORT,) = (report for report in read_reports() if report.name == "rejected_flow_details")


def test_its_columns():
    assert REPORT.column_types == (*((field.column, field.type) for field in DEFAULT_FIELDS), ("dt", "string"))


@pytest.mark.parametrize("known", known_answers(), ids=str)
def test_its_rows_are_those_that_are_known_of_the_day(known: KnownAnswers, small_logs, tmp_path, instance):
    lake = Lake(known.folder or small_logs, tmp_path, instance)
    assert lake.run(known.day).success
    assert report_rows(lake.results, REPORT.name, known.day) == with_day(known.details, known.day)
