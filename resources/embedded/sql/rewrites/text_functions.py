"""Rules for functions of texts. Casts of texts are in casts.py."""

import re

from sqlglot import exp

from resources.embedded.sql.rewrites.rule import Rules
from resources.embedded.sql.rewrites.template import from_template

MAX_ROW_BYTES = 32 << 20
"""What a row or a column of Athena's may hold ("Considerations and limitations for SQL queries", user guide, 2026)."""

_WHITESPACE = "chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || ' '"


def _substring(node: exp.Expr) -> exp.Expr:
    """Trino gives an empty text for a start outside the text or a negative length; DuckDB counts it backwards.

    Example: ``substr('abc', 0)`` is ``''``, ``substr('abc', -4)`` is ``''``, and ``substr('abc', -2)`` is ``'bc'``.
    Source: "String functions and operators", Trino documentation.
    """
    start, length = node.args["start"], node.args.get("length")
    if start.is_int and start.to_py() > 0 and (length is None or (length.is_int and length.to_py() >= 0)):
        return node
    if length is None:
        template = "CASE WHEN :start = 0 OR -:start > length(:x) THEN '' ELSE substring(:x, :start) END"
        return from_template(template, x=node.this, start=start)
    template = (
        "CASE WHEN :start = 0 OR -:start > length(:x) OR :length <= 0 THEN '' ELSE substring(:x, :start, :length) END"
    )
    return from_template(template, x=node.this, start=start, length=length)


def _pad(node: exp.Expr) -> exp.Expr:
    """A length that Trino does not take, or that no row of Athena has room for, is an error in lpad and rpad.

    Example: ``lpad('a', -1, 'x')`` fails with INVALID_FUNCTION_ARGUMENT.
    Source: "String functions and operators", Trino documentation: the size must not be negative.
    """
    template = (
        "CAST(CASE WHEN :length NOT BETWEEN 0 AND 2147483647 THEN error('INVALID_FUNCTION_ARGUMENT: Target length "
        f"must be in the range [0..2147483647]') WHEN :length > {MAX_ROW_BYTES} THEN error('INVALID_FUNCTION_ARGUMENT: "
        "Target length is beyond the 32 MB that a row of Athena may hold') ELSE :length END AS INT)"
    )
    node.set("expression", from_template(template, length=node.expression))
    return node


def _split_part(node: exp.Expr) -> exp.Expr:
    """split_part gives NULL where there is no such part, and fails for an index below 1.

    DuckDB gives an empty text, and counts from the end.
    Example: ``split_part('a-b', '-', 3)`` is ``NULL``.
    Source: "String functions and operators", Trino documentation.
    """
    template = (
        "CASE WHEN :index < 1 THEN error('INVALID_FUNCTION_ARGUMENT: Index must be greater than zero') "
        "ELSE list_extract(string_split(:x, :delimiter), :index) END"
    )
    return from_template(template, x=node.this, delimiter=node.args["delimiter"], index=node.args["part_index"])


def _regexp_extract(node: exp.Expr) -> exp.Expr:
    """regexp_extract gives NULL where nothing matches; DuckDB gives an empty text.

    Example: ``regexp_extract('abc', 'x')`` is ``NULL``.
    Source: "Regular expression functions", Trino documentation.
    """
    template = "CASE WHEN regexp_matches(:x, :pattern) THEN regexp_extract(:x, :pattern, :group) END"
    group = node.args.get("group") or exp.Literal.number(0)
    return from_template(template, x=node.this, pattern=node.expression, group=group)


def _regexp_replace(node: exp.Expr) -> exp.Expr:
    r"""regexp_replace replaces every match, and ``$1`` stands for a group; DuckDB replaces one, and has ``\1``.

    Example: ``regexp_replace('1a2b', '([ab])', 'c$1')`` is ``'1ca2cb'``.
    Source: "Regular expression functions", Trino documentation.
    """
    replacement = re.sub(r"\$(\d)", r"\\\1", node.text("replacement"))
    template = "regexp_replace(:x, :pattern, :replacement, 'g')"
    return from_template(template, x=node.this, pattern=node.expression, replacement=exp.Literal.string(replacement))


def _trim(node: exp.Expr) -> exp.Expr:
    """trim, ltrim and rtrim remove all whitespace; DuckDB's remove blanks alone.

    Example: ``trim(chr(9) || 'a ')`` is ``'a'``: a tab is whitespace too.
    Source: "String functions and operators", Trino documentation.
    """
    if node.args.get("expression"):
        return node
    name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(node.text("position").upper(), "trim")
    return from_template(f"{name}(:x, {_WHITESPACE})", x=node.this)


RULES: Rules = {
    exp.Pad: _pad,
    exp.RegexpExtract: _regexp_extract,
    exp.RegexpReplace: _regexp_replace,
    exp.SplitPart: _split_part,
    exp.Substring: _substring,
    exp.Trim: _trim,
}
