"""Frames as people read them: times as times, NULL as nothing, and as many rows as Dagster's UI shows at once."""

from decimal import Decimal

import pandas as pd
import pytest

from assets.tables import cell_text, markdown_table, plain_rows, with_times


def times(*values: int | None, column: str = "starttime") -> pd.DataFrame:
    return pd.DataFrame({column: pd.array(list(values), dtype="Int64")})


@pytest.mark.parametrize("column", ["starttime", "endtime"])
def test_times_are_shown_as_times(column):
    shown = plain_rows(with_times(times(1630627200, None, -1, column=column)))
    assert shown == [["2021-09-03T00:00:00Z"], [None], ["1969-12-31T23:59:59Z"]]


@pytest.mark.parametrize("seconds", [2**63 - 1, -(2**63), 253402300800])
def test_a_number_that_is_no_time_is_shown_as_it_is(seconds):
    assert plain_rows(with_times(times(seconds))) == [[str(seconds)]]


def test_other_numbers_are_no_times():
    assert plain_rows(with_times(times(1630627200, column="numbytes"))) == [[1630627200]]


@pytest.mark.parametrize("dtype", ["string", "Int32", "Int64", "Float64", "boolean"])
def test_null_is_none_in_every_type(dtype):
    frame = pd.DataFrame({"a": pd.array([None, None], dtype=dtype), "b": pd.array([1, 2], dtype="Int32")})
    assert plain_rows(frame) == [[None, 1], [None, 2]]
    assert markdown_table(frame) == "|a|b|\n|-|-|\n||1|\n||2|"


def test_a_table_has_as_many_rows_as_fit():
    frame = times(*range(100), column="number")
    text = markdown_table(frame, 50, characters=80)
    assert text == "\n".join(
        ["|number|", "|-|", *(f"|{number}|" for number in range(9)), "", "More rows in the files: 91."]
    )
    assert len(text) <= 80


def test_a_table_has_one_row_however_long_it_is():
    assert markdown_table(times(10**18, 2), characters=5).startswith("|starttime|\n|-|\n|1000000000000000000|\n\nMore")


def test_a_decimal_is_shown_with_its_scale_and_without_an_exponent() -> None:
    assert cell_text(Decimal("1.50")) == "1.50"
    assert cell_text(Decimal("1.000E-7")) == "0.0000001000"
