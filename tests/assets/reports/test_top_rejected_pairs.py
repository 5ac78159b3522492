"""The report of the pairs with the most rejected packets."""

import pytest
from lake import Lake
from support import KnownAnswers, known_answers, report_rows, with_day

from assets.reports.report_files import read_reports

(REPORT,) = (report for report in read_reports() if report.name == "top_rejected_pairs")


def test_its_columns():
    assert REPORT.column_types == (
        ("packetcount", "bigint"),
        ("sourceaddress", "string"),
        ("destinationaddress", "string"),
        ("dt", "string"),
    )


@pytest.mark.parametrize("known", known_answers(), ids=str)
def test_its_rows_are_those_that_are_known_of_the_day(known: KnownAnswers, small_logs, tmp_path, instance):
    lake = Lake(known.folder or small_logs, tmp_path, instance)
    assert lake.run(known.day).success
    assert report_rows(lake.results, REPORT.name, known.day) == with_day(known.top, known.day)
