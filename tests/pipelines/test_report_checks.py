"""Reports that are executed over made-up datasets: what only execution shows is told with file and line."""

import pytest
from report_text import HEADER, QUERY, parse

from assets.reports.report_files import read_reports
from flowlogs.errors import FlowLakeError
from pipelines.report_checks import find_problems, require_working
from pipelines.report_selection import known_fields, load_reports, without_fields
from pipelines.settings import Settings
from pipelines.targets import build_target

FIRST = len(HEADER.splitlines()) + 1
BROKEN = {
    "column": ("sum(records)", "sum(recordings)", FIRST, "COLUMN_NOT_FOUND"),
    "syntax": ("GROUP BY serviceport, dt", "AND GROUP BY serviceport, dt", FIRST + 3, "SYNTAX_ERROR"),
    "function": ("sum(records)", "summe(records)", FIRST, "summe"),
    "other names": ("AS records", "AS recordings", FIRST, "the header names serviceport, records, dt"),
    "other order": (
        "SELECT serviceport, sum(records) AS records",
        "SELECT sum(records) AS records, serviceport",
        FIRST,
        "in another order than the header",
    ),
    "other type": ("sum(records)", "max(action)", FIRST, "the column records is string"),
    "other days": ("dt >= '{earliest}'", "dt >= '{earliest}' OR dt < '{first}'", FIRST, "days that were not asked for"),
    "limit of all days": (
        "GROUP BY serviceport, dt",
        "GROUP BY serviceport, dt LIMIT 5",
        FIRST,
        "depend on which other days",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_execution_shows_is_told_with_file_and_line(name):
    old, new, line, words = BROKEN[name]
    (problem,) = find_problems([parse(HEADER + QUERY.replace(old, new))])
    assert problem.startswith(f"/reports/busy_ports.sql, line {line}: ")
    assert words in problem


def test_a_report_that_works_is_not_told():
    assert find_problems([parse(HEADER + QUERY)]) == []
    require_working([])


def test_the_users_own_reports_are_executed_when_they_are_loaded(tmp_path):
    (tmp_path / "mine.sql").write_text(HEADER + QUERY)
    assert [r.name for r in load_reports(Settings(reports=str(tmp_path))) if r.path.parent == tmp_path] == ["mine"]
    (tmp_path / "mine.sql").write_text(HEADER + QUERY.replace("sum(records)", "sum(recordings)"))
    with pytest.raises(FlowLakeError, match=rf"mine\.sql, line {FIRST}: COLUMN_NOT_FOUND"):
        load_reports(Settings(reports=str(tmp_path)))


def test_reports_whose_fields_the_flow_logs_lack_are_left_out_with_the_reason():
    left_out = without_fields(read_reports(), {"srcaddr", "dstaddr", "action"})
    assert left_out["rejected_tcp_flags"] == "the flow logs lack tcp-flags"
    assert "top_rejected_pairs" not in left_out
    assert without_fields(read_reports(), None) == {}


def test_the_fields_are_those_of_the_settings_or_of_the_last_day_in_a_folder(lake):
    every = Settings(bucket=str(lake.logs), log_format="${action} ${tcp-flags}")
    assert known_fields(every, build_target(every).bucket, may_look=False) == {"action", "tcp-flags"}
    bucket = lake.target.bucket
    assert known_fields(lake.settings, bucket, may_look=False) is None
    assert len(known_fields(lake.settings, bucket, may_look=True) or ()) == 14
