"""Arithmetic with decimal literals without a type is told."""

import pytest

from resources.embedded.sql.untyped_decimals import untyped_decimals_warning


@pytest.mark.parametrize(
    ("query", "literal"),
    [
        ("SELECT sum(numbytes) / 1024.0 / 1024.0 FROM flows", "1024.0"),
        ("SELECT 100. * count(*) FROM flows", "100."),
        ("SELECT a % (2.5) FROM flows", "2.5"),
    ],
)
def test_arithmetic_with_an_untyped_decimal_is_told(query: str, literal: str) -> None:
    assert f"computes with {literal}, which is a decimal here" in (untyped_decimals_warning(query) or "")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT sum(numbytes) / 1024e0 FROM flows",
        "SELECT sum(numbytes) / DECIMAL '1024.0' FROM flows",
        "SELECT approx_percentile(a, 0.95) FROM flows WHERE b > 0.5",
        "SELECT '2 * 1.5', count(*) FROM flows -- 2 * 1.5",
        "SELECT 2 * 3 FROM flows",
    ],
)
def test_what_means_the_same_everywhere_is_not(query: str) -> None:
    assert untyped_decimals_warning(query) is None
