"""Rules for regular expressions and LIKE. patterns.py reads the patterns."""

import re

from sqlglot import exp

from resources.embedded.sql.rewrites.patterns import Pattern, read_pattern, require_like_escapes
from resources.embedded.sql.rewrites.rule import InvalidArgumentError, NotSupportedError, Rules
from resources.embedded.sql.rewrites.template import from_template

_USUAL_CHARACTERS = r"[^\t\n\f\r -~]"
_FINAL_LINE_BREAK = r"\n\z"


def _regexp_like(node: exp.Expr) -> exp.Expr:
    """A pattern must be a constant that means the same in both engines. Some texts are refused while a query runs.

    Example: ``regexp_like('port 22', ' [0-9]+$')`` is ``TRUE``.
    Source: "Regular expression functions", Trino documentation.
    """
    pattern = _pattern(node)
    return from_template("regexp_matches(:x, :pattern)", x=_matched_text(node, pattern), pattern=node.expression)


def _regexp_extract(node: exp.Expr) -> exp.Expr:
    """regexp_extract gives NULL where nothing matches, and for a group that takes no part; DuckDB gives an empty text.

    Example: ``regexp_extract('abc', 'x')`` is ``NULL``, and ``regexp_extract('abc', '(x)?abc', 1)`` is ``NULL``.
    Example: ``regexp_extract('abc', 'abc', 5)`` fails with INVALID_FUNCTION_ARGUMENT.
    Source: "Regular expression functions", Trino documentation; "JoniRegexpFunctions.java" of Trino.
    """
    pattern = _pattern(node)
    chosen = node.args.get("group") or exp.Literal.number(0)
    if not (isinstance(chosen, exp.Literal) and chosen.is_int):
        raise NotSupportedError("a group that is no constant number")
    number = int(chosen.name)
    if number > len(pattern.groups):
        raise InvalidArgumentError(f"Pattern has {len(pattern.groups)} groups. Cannot access group {number}")
    extracted = "regexp_extract(:x, :pattern, :group)"
    group = pattern.groups[number - 1] if number else None
    if group and group.is_optional:
        if group.may_be_empty:
            raise NotSupportedError("a group that may be empty and may take no part in a match")
        extracted = f"nullif({extracted}, '')"
    template = f"CASE WHEN regexp_matches(:x, :pattern) THEN {extracted} END"
    return from_template(template, x=_matched_text(node, pattern), pattern=node.expression, group=chosen)


def _regexp_replace(node: exp.Expr) -> exp.Expr:
    r"""regexp_replace replaces every match, and ``$1`` stands for a group; DuckDB replaces one, and has ``\1``.

    Example: ``regexp_replace('1a2b', '([ab])', 'c$1')`` is ``'1ca2cb'``.
    Example: ``regexp_replace('abc', 'b', '$1')`` fails with INVALID_FUNCTION_ARGUMENT.
    Source: "Regular expression functions", Trino documentation.
    """
    pattern = _pattern(node)
    if pattern.may_be_empty and not pattern.is_at_start:
        # After 'aa' in 'baac', Trino finds an empty match of a* in front of c, and DuckDB does not.
        raise NotSupportedError("the replacement of matches that may be empty")
    replacement = node.text("replacement")
    numbers = [int(number) for number in re.findall(r"\$(\d)", replacement)]
    if len(pattern.groups) > 9:  # $12 is group 12, if there is one
        raise NotSupportedError("a replacement for a pattern with more than 9 groups")
    if unknown := [number for number in numbers if number > len(pattern.groups)]:
        raise InvalidArgumentError(f"Illegal replacement sequence: unknown group {unknown[0]}")
    new = exp.Literal.string(re.sub(r"\$(\d)", r"\\\1", replacement))
    template = "regexp_replace(:x, :pattern, :new, 'g')"
    return from_template(template, x=_matched_text(node, pattern), pattern=node.expression, new=new)


def _escape(node: exp.Expr) -> exp.Expr:
    """An escape character must stand before %, _ or itself; DuckDB takes it from other characters too.

    Example: ``'a%' LIKE 'a!%' ESCAPE '!'`` is ``TRUE``.
    Source: "Comparison functions and operators", Trino documentation.
    """
    like = node.this
    if not like.expression.is_string or not node.expression.is_string:
        raise NotSupportedError("ESCAPE with a pattern that is no constant")
    require_like_escapes(like.expression.name, node.expression.name)
    return node


def _pattern(node: exp.Expr) -> Pattern:
    if not node.expression.is_string:
        raise NotSupportedError("a pattern that is no constant")
    return read_pattern(node.expression.name)


def _matched_text(node: exp.Expr, pattern: Pattern) -> exp.Expr:
    """The text that a pattern is looked for in. A text that the engines may read differently fails, by name."""
    unusual = [_USUAL_CHARACTERS] * pattern.has_shorthands + [_FINAL_LINE_BREAK] * pattern.ends_lines
    text: exp.Expr = node.this
    if not unusual:
        return text
    # Only these classes and anchors differ: most texts are ASCII without a line break.
    problem = (
        "NOT_SUPPORTED: the embedded Athena does not look for a pattern with a class of characters, such as \\w, or "
    )
    problem += "with $ in a text with characters that are not ASCII, or with a line break at its end"
    template = "CASE WHEN regexp_matches(:x, :unusual) THEN error(:problem) ELSE :x END"
    texts = {"unusual": exp.Literal.string("|".join(unusual)), "problem": exp.Literal.string(problem)}
    return from_template(template, x=text, **texts)


RULES: Rules = {
    exp.Escape: _escape,
    exp.RegexpExtract: _regexp_extract,
    exp.RegexpLike: _regexp_like,
    exp.RegexpReplace: _regexp_replace,
}
