"""DuckDB's errors in Trino's words, and no word of DuckDB's in any."""

import pytest

from resources.embedded.duckdb_errors import MESSAGE_LENGTH, in_trinos_words

TOLD = {
    "Invalid Input Error: DIVISION_BY_ZERO: Division by zero": ("DIVISION_BY_ZERO", "Division by zero"),
    "Invalid Input Error: invalid perl operator: (?!": (
        "NOT_SUPPORTED",
        "the embedded Athena does not execute this regular expression",
    ),
    'Binder Error: column "a" must appear in the GROUP BY clause\n\nLINE 1: SELECT a': (
        "EXPRESSION_NOT_AGGREGATE",
        "'a' must be an aggregate expression or appear in GROUP BY clause",
    ),
    "Conversion Error: Could not convert string 'a\nb' to INT64\n\nLINE 1: SELECT": (
        "INVALID_CAST_ARGUMENT",
        r"Cannot cast 'a\nb' to bigint",
    ),
    "Conversion Error: something": ("INVALID_CAST_ARGUMENT", "a value cannot be cast to the type that is asked for"),
    "Out of Range Error: something": ("NUMERIC_VALUE_OUT_OF_RANGE", "a value does not fit into its type"),
    "Binder Error: No function matches the given name": (
        "TYPE_MISMATCH",
        "a value is of a type that it may not have in its place",
    ),
}


@pytest.mark.parametrize("problem", TOLD)
def test_a_known_error_has_trinos_name(problem: str) -> None:
    assert in_trinos_words(problem) == TOLD[problem]


def test_an_unknown_error_is_told_without_its_words() -> None:
    code, words = in_trinos_words('Frobnication Error: Use "SET frobnication = false"')
    assert code == "GENERIC_INTERNAL_ERROR"
    assert "SET" not in words and "robnication" not in words


def test_a_long_field_is_cut() -> None:
    _, words = in_trinos_words(f"Conversion Error: Could not convert string '{'x' * 5000}' to INT64")
    assert len(words) <= MESSAGE_LENGTH
