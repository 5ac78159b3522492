r"""Regular expressions: what is executed means what it means in Java's syntax, and other parts are refused by name.

Python's `re` is the independent engine: it searches by backtracking, as Trino does, and it gives None for a group that
takes no part. DuckDB's RE2 does neither.
"""

import re

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from resources.embedded.sql.rewrites import regular_expressions
from resources.embedded.sql.rewrites.patterns import Group, read_pattern
from resources.embedded.sql.rewrites.rule import InvalidArgumentError, NotSupportedError, Rule

REFUSED = {
    "[a-z&&[^b]]": "&",
    "[a[bc]]": "[",
    "[[:alpha:]]": "[",
    "[]a]": "]",
    "[^]a]": "]",
    "[a-c-e]": "-",
    "[a-[b]": "[",
    "[abc": "a set without its end",
    "[a-": "a set without its end",
    "(a": "a group without its end",
    "a)": ")",
    "(?<name>a)": "(?<n",
    "(?P<name>a)": "(?P<",
    "(?=a)": "(?=a",
    "(?<!a)b": "(?<!",
    "(?>a)": "(?>a",
    "(?U)a": "(?U)",
    "(?i-s)a": "(?i-",
    "a(?i)b|c": "(?i)",
    "a*+": "*+",
    "a**": "**",
    "a{1}{2}": "{1}{",
    "*a": "*",
    "a|+": "+",
    "a{,2}": "{",
    "a{x": "{",
    "{": "{",
    r"\Qa\E": r"\Q",
    r"\1": r"\1",
    r"\012": r"\0",
    r"\v": r"\v",
    r"\h": r"\h",
    r"\R": r"\R",
    r"\Z": r"\Z",
    r"\G": r"\G",
    r"\u0041": r"\u",
    r"\cA": r"\c",
    r"\e": r"\e",
    r"\p{Alpha}": r"\p",
    r"\p{IsGreek}": r"\p",
    r"[\b]": r"\b",
    "a\\": "\\",
}


@pytest.mark.parametrize("pattern", REFUSED)
def test_what_may_mean_something_else_is_refused_by_name(pattern: str) -> None:
    with pytest.raises(NotSupportedError) as refusal:
        read_pattern(pattern)
    named = re.escape(REFUSED[pattern])
    assert re.fullmatch(rf"{named} at character \d+ of the pattern '.*'", str(refusal.value))


GROUPS = {
    "abc": [],
    "(a)": [(False, False)],
    "(a*)": [(False, True)],
    "(a)?": [(True, False)],
    "(a){0,3}": [(True, False)],
    "(a){2}": [(False, False)],
    "(a*)+": [(True, True)],
    "(a)|b": [(True, False)],
    "(a|b)": [(False, False)],
    "(a|)": [(False, True)],
    "((a)|b)": [(False, False), (True, False)],
    "(?:(a)b)?(c)": [(True, False), (False, False)],
    r"(\b)(^)(\.)": [(False, True), (False, True), (False, False)],
    "(?i:(a))": [(False, False)],
    r"([(]\()": [(False, False)],
}


@pytest.mark.parametrize("pattern", GROUPS)
def test_groups_are_known(pattern: str) -> None:
    assert read_pattern(pattern).groups == tuple(Group(*group) for group in GROUPS[pattern])


ATOMS = st.sampled_from(
    ["a", "b", "-", ".", "[ab]", "[^a]", "[a-]", r"\d", r"\w", r"\b", "^", "$", "1", r"\.", "(?:a|b)"]
)
PATTERNS = st.recursive(
    ATOMS,
    lambda parts: st.one_of(
        st.tuples(parts, parts).map("".join),
        st.tuples(parts, parts).map("|".join),
        parts.map("({})".format),
        st.tuples(parts, st.sampled_from(["*", "+", "?", "{2}", "{0,1}", "{1,}", "*?", "+?", "??"])).map(
            lambda part: f"(?:{part[0]}){part[1]}"
        ),
        st.tuples(parts, st.sampled_from(["*", "+", "?"])).map(lambda part: f"({part[0]}){part[1]}"),
    ),
    max_leaves=6,
)
TEXTS = st.lists(st.text("ab1-. ", max_size=6), min_size=1, max_size=8)


def executed(rule: Rule, node: exp.Expr, texts: list[str]) -> list[object] | None:
    """The values that DuckDB gives for a node over these texts; None if its pattern is refused."""
    try:
        sql = rule(node).sql("duckdb")
    except NotSupportedError:
        return None
    with duckdb.connect() as connection:
        return [
            connection.execute(f"SELECT {sql} FROM (SELECT ?::VARCHAR AS x)", [text]).fetchone()[0] for text in texts
        ]


@settings(max_examples=150, deadline=None)
@given(pattern=PATTERNS, texts=TEXTS)
def test_a_pattern_that_is_executed_finds_what_backtracking_finds(pattern: str, texts: list[str]) -> None:
    column, constant = exp.column("x"), exp.Literal.string(pattern)
    found = executed(regular_expressions._regexp_like, exp.RegexpLike(this=column, expression=constant), texts)
    assert found == [re.search(pattern, text) is not None for text in texts]
    for group in range(re.compile(pattern).groups + 1):
        node = exp.RegexpExtract(this=column, expression=constant, group=exp.Literal.number(group))
        found = executed(regular_expressions._regexp_extract, node, texts)
        matches = [re.search(pattern, text) for text in texts]
        assert found in (None, [match[group] if match else None for match in matches])
    node = exp.RegexpReplace(this=column, expression=constant, replacement=exp.Literal.string("<$0>"))
    replaced = executed(regular_expressions._regexp_replace, node, texts)
    assert replaced in (None, [re.sub(pattern, r"<\g<0>>", text) for text in texts])


@pytest.mark.parametrize("text", ["é", "a\v", "a\n", "a\u2028"])
@pytest.mark.parametrize("pattern", [r"\w$", "(?i)a$", "(?m)^a"])
def test_a_text_that_may_be_read_differently_is_refused(pattern: str, text: str) -> None:
    node = exp.RegexpLike(this=exp.column("x"), expression=exp.Literal.string(pattern))
    if not text.endswith("\n") and pattern == "(?m)^a":
        assert executed(regular_expressions._regexp_like, node, [text]) == [text.startswith("a")]
        return
    with pytest.raises(
        duckdb.InvalidInputException, match="NOT_SUPPORTED: the embedded Athena does not look for a pat"
    ):
        executed(regular_expressions._regexp_like, node, [text])


def test_patterns_of_columns_are_refused() -> None:
    node = exp.RegexpLike(this=exp.column("x"), expression=exp.column("y"))
    with pytest.raises(NotSupportedError, match="a pattern that is no constant"):
        regular_expressions._regexp_like(node)


@pytest.mark.parametrize(("pattern", "replacement"), [("b", "$1"), ("(b)", "$2")])
def test_a_replacement_by_a_group_that_is_not_there_is_a_mistake(pattern: str, replacement: str) -> None:
    node = exp.RegexpReplace(
        this=exp.column("x"),
        expression=exp.Literal.string(pattern),
        replacement=exp.Literal.string(replacement),
    )
    with pytest.raises(InvalidArgumentError, match="Illegal replacement sequence: unknown group"):
        regular_expressions._regexp_replace(node)
