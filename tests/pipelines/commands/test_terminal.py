"""How a report looks in the terminal: which rows and columns are shown, and what stands in a cell."""

import pandas as pd
import pytest

from pipelines.commands.terminal import report_text


def frame(**columns: tuple[str, list[object]]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.array(values, dtype=dtype) for name, (dtype, values) in columns.items()})


def test_null_is_an_empty_cell_where_every_row_has_it():
    text = report_text(frame(account=("string", [None, None]), action=("string", ["REJECT", "REJECT"])))
    assert text == "  in every row: action REJECT\n\naccount\n---------\n\n"


@pytest.mark.parametrize("dtype", ["string", "Int32", "Int64", "Float64", "boolean"])
def test_null_is_an_empty_cell_in_every_type(dtype):
    assert "NA" not in report_text(frame(version=(dtype, [None, None]), dt=("string", ["2021-09-02"] * 2)))


def test_a_column_that_was_asked_for_is_shown_though_it_never_changes():
    text = report_text(
        frame(
            packetcount=("Int64", [1, 1]),
            destinationaddress=("string", ["10.0.0.5"] * 2),
            dt=("string", ["2021-09-02"] * 2),
        )
    )
    assert text == (
        "  in every row: dt 2021-09-02\n\n"
        "  packetcount  destinationaddress\n"
        "-------------  --------------------\n"
        "            1  10.0.0.5\n"
        "            1  10.0.0.5"
    )


def test_twenty_rows_are_shown_whole():
    lines = report_text(frame(sourceport=("Int32", list(range(20))))).splitlines()
    assert [line.strip() for line in lines[2:]] == [str(number) for number in range(20)]


def test_of_more_rows_the_first_ten_are_shown():
    lines = report_text(frame(sourceport=("Int32", list(range(100))))).splitlines()
    assert [line.strip() for line in lines[2:12]] == [str(number) for number in range(10)]
    assert lines[12:] == ["", "  90 more rows in these files:"]


@pytest.mark.parametrize("column", ["starttime", "endtime"])
def test_times_are_shown_as_times(column):
    text = report_text(frame(**{column: ("Int64", [1630627200, None, -1])}))
    assert text.splitlines()[2:] == ["2021-09-03T00:00:00Z", "", "1969-12-31T23:59:59Z"]


@pytest.mark.parametrize("seconds", [2**63 - 1, -(2**63), 253402300800])
def test_a_number_that_is_no_time_is_shown_as_it_is(seconds):
    assert report_text(frame(starttime=("Int64", [seconds]))).splitlines()[-1].strip() == str(seconds)


def test_other_numbers_are_no_times():
    assert report_text(frame(numbytes=("Int64", [1630627200]))).splitlines()[-1].strip() == "1630627200"
