"""A report is one .sql file: what its header may say, and what is said of a file that is broken."""

import pytest
from report_text import HEADER, QUERY, parse
from support import ROOT

from assets.reports.report_files import Alarm, Chart, Column, Parameter, read_reports
from flowlogs.errors import FlowLakeError

LINES_OF_HEADER = len(HEADER.splitlines())


def test_every_sql_file_of_the_folder_is_a_report():
    files = sorted((ROOT / "assets/reports").glob("*.sql"))
    assert [(report.name, report.path) for report in read_reports()] == [(path.stem, path) for path in files]


def test_a_header_says_all_of_a_report():
    report = parse(HEADER + QUERY)
    assert (report.name, report.title, report.question) == ("busy_ports", "Busy ports", "Which ports are busy?")
    assert report.description == "Busy ports. Which ports are busy?"
    assert (report.reads, report.fields, report.history) == (("traffic_summary",), ("tcp-flags", "az-id"), 7)
    assert (report.order, report.rows) == ((("records", True), ("serviceport", False)), 30)
    assert report.columns == (
        Column("serviceport", "int", "the port"),
        Column("records", "bigint"),
        Column("dt", "string"),
    )
    assert report.chart == Chart("bars", "records", ("serviceport",))
    assert report.alarm == Alarm("records >= {least}", "Port {serviceport} has {records} records and more.")
    assert report.parameters == (Parameter("least", "5", "how many records make a port busy"),)
    assert (report.first_line, report.query) == (LINES_OF_HEADER + 1, QUERY.strip())


BROKEN = {
    # What is replaced, what by, the line of the error, and a part of it.
    "no title": ("-- title: Busy ports\n", "", 1, "the header has no title"),
    "unknown key": ("-- rows: 30", "-- limit: 30", 8, "'limit' is no key"),
    "twice": ("-- rows: 30", "-- title: Again", 8, "says title twice"),
    "no header line": ("-- rows: 30", "-- just words", 8, "is no header line"),
    "unknown dataset": ("-- reads: traffic_summary", "-- reads: flows", 3, "'flows' is no dataset"),
    "other dataset": ("FROM traffic_summary", "FROM rejected_flows", 3, "and it reads rejected_flows"),
    "unknown field": ("tcp-flags, az-id", "tcp-flag", 5, "'tcp-flag' is no field"),
    "order by what is not there": ("records desc, serviceport", "packets desc", 7, "'packets desc' is no column"),
    "too many rows": ("-- rows: 30", "-- rows: 20000", 8, "a number from 1 to 10000"),
    "chart of what is not there": ("bars of records", "bars of packets", 9, "is no chart"),
    "alarm alone": (
        "-- says: Port {serviceport} has {records} records\n--   and more.\n",
        "",
        10,
        "a sentence (says:)",
    ),
    "sentence with another column": ("Port {serviceport}", "Port {port}", 11, "{port} is no placeholder"),
    "no dt": ("--   dt string\n", "", 13, "the last column has to be the day"),
    "type": ("records bigint", "records number", 15, "is no column"),
    "parameter": ("least = 5:", "least is 5:", 4, "is no parameter"),
    "parameter of nothing": ("-- alarm: records >= {least}", "-- alarm: records >= 5", 1, "least is not used"),
    "unknown placeholder": ("sum(records)", "{sum}(records)", 17, "{sum} is no placeholder"),
    "brace": ("{2,3}", "{2,3", 19, "a brace stands alone"),
    "days": ("BETWEEN '{first}' AND '{last}'", "= '{last}'", 17, "does not use {first}"),
    "semicolon": ("GROUP BY serviceport, dt\n", "GROUP BY serviceport, dt;\n", 20, "without a semicolon"),
    "history": ("-- history: 7\n", "", 16, "{earliest}"),
    "no query": (QUERY, "", 17, "there is no SQL"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_told_with_file_and_line(name):
    old, new, line, words = BROKEN[name]
    text = HEADER + QUERY
    assert text.count(old) == 1
    with pytest.raises(FlowLakeError) as error:
        parse(text.replace(old, new))
    assert str(error.value).startswith(f"/reports/busy_ports.sql, line {line}: ")
    assert words in str(error.value)


@pytest.mark.parametrize("name", ["Busy.sql", "busy-ports.sql", "1.sql", "busy ports.sql"])
def test_a_files_name_is_a_name_of_an_asset(name):
    with pytest.raises(FlowLakeError, match="the file's name is the report's"):
        parse(HEADER + QUERY, name)


def test_a_file_of_the_users_own_takes_the_place_of_one_with_its_name(tmp_path):
    (tmp_path / "top_rejected_pairs.sql").write_text(HEADER + QUERY)
    (tmp_path / "busy_ports.sql").write_text(HEADER + QUERY)
    found = {report.name: report for report in read_reports(tmp_path)}
    assert found["top_rejected_pairs"].title == found["busy_ports"].title == "Busy ports"
    assert len(found) == len(read_reports()) + 1


def test_all_broken_files_are_told_at_once(tmp_path):
    for name in ("a.sql", "b.sql"):
        (tmp_path / name).write_text("SELECT 1")
    (tmp_path / "c.sql").write_bytes(b"\xff")
    (tmp_path / "d.sql").mkdir()
    with pytest.raises(FlowLakeError) as error:
        read_reports(tmp_path)
    told = [line.removeprefix(f"{tmp_path}/") for line in str(error.value).splitlines()]
    assert [text[:20] for text in told] == [
        "a.sql, line 1: the h",
        "b.sql, line 1: the h",
        "c.sql cannot be read",
        "d.sql cannot be read",
    ]


def test_a_folder_of_reports_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FlowLakeError, match="FLOWLAKE_REPORTS names .*nowhere, which is no folder"):
        read_reports(tmp_path / "nowhere")
