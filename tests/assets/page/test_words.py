"""Numbers, sizes, costs and changes as people read them."""

import pytest

from assets.page.words import change_text, cost_text, counted, is_size, label, size_limit_text, size_text, with_commas


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (1234567, "1,234,567"), (-1000, "-1,000"), (1234.5, "1,234.5"), (2.0, "2"), (0.00123, "0.0012")],
)
def test_numbers_have_thousands_separators(number, text):
    assert with_commas(number) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (12_345, "12.3 kB"),
        (123_456, "123 kB"),
        (999_950, "1.0 MB"),
        (5 * 10**9, "5.0 GB"),
        (9_223_372_036_854_775_807, "9.2 EB"),
    ],
)
def test_sizes_have_a_unit(size, text):
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "1.0 MB"),
        (158_000, "1.0 MB"),
        (10**6, "1.0 MB"),
        (10**6 + 1, "2.0 MB"),
        (2_000_001, "5.0 MB"),
        (10**11, "100 GB"),
    ],
)
def test_a_limit_of_a_size_is_a_round_number(size, text):
    assert size_limit_text(size) == text


@pytest.mark.parametrize(
    ("now", "before", "text"),
    [
        (5, 5, "the same as the day before"),
        (0, 0, "the same as the day before"),
        (5, 0, "none on the day before"),
        (0, 5, "100 % less than the day before"),
        (110, 100, "10 % more than the day before"),
        (1001, 1000, "about the same as the day before"),
        (500, 100, "5 times the day before"),
    ],
)
def test_a_change_is_told_in_words(now, before, text):
    assert change_text(now, before, "the day before") == text


@pytest.mark.parametrize(
    ("dollars", "text"), [(0, "$0.00"), (0.0000477, "$0.00005"), (0.012, "$0.012"), (1234.5, "$1,234.50")]
)
def test_a_cost_has_the_digits_that_it_needs(dollars, text):
    assert cost_text(dollars) == text


def test_what_is_counted_has_its_number():
    assert [counted(number, "row") for number in (0, 1, 2000)] == ["0 rows", "1 row", "2,000 rows"]


def test_columns_have_names_for_people():
    assert [label(name) for name in ("sourceaddress", "az_id")] == ["source", "az id"]


def test_columns_of_bytes_are_known_by_their_names():
    names = ("numbytes", "bytes", "accepted_bytes", "packets", "megabytes")
    assert [name for name in names if is_size(name)] == ["numbytes", "bytes", "accepted_bytes"]
