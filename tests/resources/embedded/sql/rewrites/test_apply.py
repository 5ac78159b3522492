"""The rewrite rules: each names its source and an example, and its examples are true.

More values of each function are in tests/resources/embedded/test_athena.py.
"""

import inspect
import re

import pytest
from small_bucket import SmallBucket

from flowlogs.statements import TableDefinition
from resources.embedded.sql.parse import parse
from resources.embedded.sql.planner import plan_query
from resources.embedded.sql.rewrites import (
    aggregates,
    all_functions,
    apply,
    arithmetic,
    arrays,
    casts,
    comparisons,
    constant_keys,
    decimals,
    ip_addresses,
    joda_formats,
    maps,
    order_by,
    regular_expressions,
    text_functions,
    time_zones,
    times,
    unnest,
)
from resources.embedded.sql.rewrites.rule import Rule
from resources.embedded.sql.statements import Query
from resources.engine import QueryError

MODULES = (
    aggregates,
    arithmetic,
    arrays,
    casts,
    comparisons,
    constant_keys,
    maps,
    regular_expressions,
    text_functions,
    time_zones,
    *(times, unnest),
)
RULES: tuple[Rule, ...] = (
    *(rule for module in (*MODULES, decimals) for rule in module.RULES.values()),
    *(function.rule for of_name in all_functions.FUNCTIONS.values() for function in of_name),
)
CASTS = (
    *(casts._cast_text, casts._cast_time, casts._zoned_literal),
    *(casts._cast_to_decimal, casts._cast_decimal, casts._cast_to_varchar_of_length),
    *(ip_addresses.cast_to_address, ip_addresses.cast_from_address, joda_formats.time_as_text),
)
DOCSTRINGS = {f"{rule.__module__}.{rule.__name__}": inspect.getdoc(rule) or "" for rule in (*RULES, *CASTS)}


def examples(form: str) -> list[object]:
    """The examples of one form in the rules' docstrings, by their left and right sides."""
    return [
        pytest.param(left, right, id=f"{name}: {left}")
        for name, docstring in DOCSTRINGS.items()
        for left, right in re.findall(form, re.sub(r"\s+", " ", docstring))
    ]


@pytest.mark.parametrize("name", DOCSTRINGS)
def test_every_rule_tells_an_example_and_a_source(name: str) -> None:
    assert re.search(r"^Example: ``", DOCSTRINGS[name], re.MULTILINE)
    assert re.search(r"^Source: \"", DOCSTRINGS[name], re.MULTILINE)


def test_no_two_rules_are_for_the_same_node() -> None:
    assert len(apply.RULES) == sum(len(module.RULES) for module in MODULES)


@pytest.mark.parametrize(("value", "expected"), examples(r"``([^`]+)`` is ``([^`]+)``"))
def test_the_value_of_an_example(value: str, expected: str, bucket: SmallBucket) -> None:
    assert bucket.rows(f"SELECT {compared(value, expected)}") == [(True,)]


def compared(value: str, expected: str) -> str:
    """The comparison of two values; the first may have a FROM clause of its own."""
    alone = value if value.startswith("(SELECT ") else re.sub(r" FROM (\(VALUES|UNNEST).*", "", value)
    return f"({alone}) IS NOT DISTINCT FROM ({expected}){value.removeprefix(alone)}"


@pytest.mark.parametrize(("value", "code"), examples(r"``([^`]+)`` fails with ([A-Z_]+)"))
def test_the_failure_of_an_example(value: str, code: str, bucket: SmallBucket) -> None:
    with pytest.raises(QueryError) as failure:
        bucket.rows(f"SELECT {value}")
    assert failure.value.code == code


@pytest.mark.parametrize(("value", "sql"), examples(r"``([^`]+)`` becomes ``([^`]+)``"))
def test_what_duckdb_is_told_for_an_example(value: str, sql: str) -> None:
    query = parse(f"SELECT {value} AS x FROM t", "lake")
    assert isinstance(query, Query)
    table = TableDefinition((("a", "int"), ("b", "int")), (), "s3://b/")
    found = plan_query(query, "lake", lambda _: table).sql
    assert found.replace('"t".', "").replace('"', "") == f"SELECT {sql} AS x FROM read_0 AS t"


def test_a_name_in_order_by_is_first_a_column_of_the_result(bucket: SmallBucket) -> None:
    assert "ORDER BY a + 1" in (inspect.getdoc(order_by.replace_result_names) or "")
    bucket.create("numbers", "a int", b"1\n5\n3\n")
    assert bucket.rows("SELECT -a AS a FROM numbers ORDER BY a + 1") == [(-5,), (-3,), (-1,)]
