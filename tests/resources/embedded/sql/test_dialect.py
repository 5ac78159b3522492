"""The dialect names calls of our functions; and all of it works with sqlglot as Python, and as compiled by sqlglotc."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable

import pytest
from sqlglot import exp

import resources.embedded.sql
from resources.embedded.sql.dialect import EmbeddedTrino
from resources.embedded.sql.rewrites.all_functions import FUNCTIONS
from resources.embedded.sql.syntax_tree import syntax_tree


def call_in(query: str) -> exp.Expr:
    return syntax_tree(query, query, EmbeddedTrino).selects[0].unalias()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_call_of_a_function_of_ours_keeps_its_name(name: str) -> None:
    kind = exp.AnonymousAggFunc if FUNCTIONS[name][0].is_aggregate else exp.Anonymous
    for query in (f"SELECT {name}(a, b)", f'SELECT "{name}"(a, b)', f"SELECT {name.upper()} (a, b /* end */)"):
        found = call_in(query)
        assert (type(found), found.this, [argument.name for argument in found.expressions]) == (kind, name, ["a", "b"])


def test_a_call_inside_a_call_and_its_window_are_named_too() -> None:
    window = call_in("SELECT array_union(map_agg(a, (b)) OVER (ORDER BY histogram(c)), d)")
    assert [found.name for found in window.find_all(exp.Anonymous, exp.AnonymousAggFunc)] == [
        "array_union",
        "map_agg",
        "histogram",
    ]


def test_no_mark_stays_as_a_comment_and_comments_of_the_query_do() -> None:
    query = "SELECT array_union(a, b) /* mine */, lower(c) FROM t WHERE histogram (d) IN (1)"
    comments = [comment for node in syntax_tree(query, query, EmbeddedTrino).walk() for comment in node.comments or []]
    assert comments == [" mine "]


def test_a_function_of_a_schema_is_none_of_ours() -> None:
    assert isinstance(call_in("SELECT x.histogram(a)"), exp.Dot)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "current_timezone"])
def test_arguments_have_no_names(name: str, mistake: Callable[[str], str]) -> None:
    assert mistake(f"SELECT {name}(dt AS a) FROM flows") == "SYNTAX_ERROR"


def test_no_class_of_ours_is_one_of_those_that_sqlglotc_compiles() -> None:
    """An interpreted class cannot inherit from a compiled one; sqlglot's dialects are never compiled."""
    package = resources.embedded.sql
    modules = [
        importlib.import_module(found.name) for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    ours = [
        found
        for module in modules
        for _, found in inspect.getmembers(module, inspect.isclass)
        if found.__module__ == module.__name__
    ]
    parents = {parent.__module__ for found in ours for parent in found.__mro__}
    compiled = {name for name in parents if name.startswith("sqlglot.") and not name.startswith("sqlglot.dialects.")}
    assert EmbeddedTrino in ours
    assert not compiled
