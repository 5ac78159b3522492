"""Rules for functions of texts. Casts of texts are in casts.py, patterns in regular_expressions.py."""

from sqlglot import exp

from resources.embedded.sql.functions import Function
from resources.embedded.sql.rewrites.rule import NotSupportedError, Rules
from resources.embedded.sql.rewrites.template import from_template

MAX_ROW_BYTES = 32 << 20
"""What a row or a column of Athena's may hold ("Considerations and limitations for SQL queries", user guide, 2026)."""

_WHITESPACE = "".join(
    map(chr, (*range(9, 14), *range(0x1C, 0x21), 0x1680, *range(0x2000, 0x2007), *range(0x2008, 0x200B)))
) + "".join(map(chr, (0x2028, 0x2029, 0x205F, 0x3000)))
"""What Java's `Character.isWhitespace` is true for: Trino's trim removes these."""

_CODE_POINTS = "regexp_extract_all(:x, '(?s).')"


def _substring(node: exp.Expr) -> exp.Expr:
    """Trino gives an empty text for a start outside the text or a negative length; DuckDB counts it backwards.

    Example: ``substr('abc', 0)`` is ``''``, ``substr('abc', -4)`` is ``''``, and ``substr('abc', -2)`` is ``'bc'``.
    Example: ``substr(CAST(NULL AS varchar), 0)`` is ``NULL``.
    Source: "String functions and operators", Trino documentation.
    """
    start, length = node.args["start"], node.args.get("length")
    if start.is_int and start.to_py() > 0 and (length is None or (length.is_int and 0 <= length.to_py() < 1 << 31)):
        return node
    if length is None:
        template = (
            "CASE WHEN :x IS NULL THEN NULL WHEN :start = 0 OR -:start > length(:x) THEN '' "
            "ELSE substring(:x, :start) END"
        )
        return from_template(template, x=node.this, start=start)
    template = (
        "CASE WHEN :x IS NULL OR :start IS NULL OR :length IS NULL THEN NULL "
        "WHEN :start = 0 OR -:start > length(:x) OR :length <= 0 THEN '' ELSE substring(:x, :start, :length) END"
    )
    length = from_template("least(:length, 2147483647)", length=length)  # DuckDB fails beyond
    return from_template(template, x=node.this, start=start, length=length)


def _pad(node: exp.Expr) -> exp.Expr:
    """A length that Trino does not take, or that no row of Athena has room for, is an error in lpad and rpad.

    Example: ``lpad('a', -1, 'x')`` fails with INVALID_FUNCTION_ARGUMENT.
    Example: ``rpad('abc', 2, '')`` fails with INVALID_FUNCTION_ARGUMENT.
    Source: "String functions and operators", Trino documentation: the size must not be negative, nor the padding empty.
    """
    template = (
        "CAST(CASE WHEN :length NOT BETWEEN 0 AND 2147483647 THEN error('INVALID_FUNCTION_ARGUMENT: Target length "
        f"must be in the range [0..2147483647]') WHEN :length > {MAX_ROW_BYTES} THEN error('INVALID_FUNCTION_ARGUMENT: "
        "Target length is beyond the 32 MB that a row of Athena may hold') ELSE :length END AS INT)"
    )
    node.set("expression", from_template(template, length=node.expression))
    padding = node.args.get("fill_pattern")
    if padding is None:
        raise KeyError("the padding")
    if not (padding.is_string and padding.name):
        template = (
            "CASE WHEN :x = '' THEN error('INVALID_FUNCTION_ARGUMENT: Padding string must not be empty') ELSE :x END"
        )
        node.set("fill_pattern", from_template(template, x=padding))
    return node


def _split_part(node: exp.Expr) -> exp.Expr:
    """split_part gives NULL where there is no such part, and fails for an index below 1.

    DuckDB gives an empty text, and counts from the end.
    Example: ``split_part('a-b', '-', 3)`` is ``NULL``.
    Source: "String functions and operators", Trino documentation.
    """
    template = (
        "CASE WHEN :delimiter IS NULL THEN NULL "
        "WHEN :index < 1 THEN error('INVALID_FUNCTION_ARGUMENT: Index must be greater than zero') "
        f"WHEN :delimiter = '' THEN list_extract({_CODE_POINTS}, :index) "
        "ELSE list_extract(string_split(:x, :delimiter), :index) END"
    )
    return from_template(template, x=node.this, delimiter=node.args["delimiter"], index=node.args["part_index"])


def _split(node: exp.Expr) -> exp.Expr:
    """An array of parts: split fails for an empty delimiter; DuckDB gives the characters.

    Example: ``split('abc', '')`` fails with INVALID_FUNCTION_ARGUMENT.
    Source: "StringFunctions.java" of Trino: "The delimiter may not be the empty string".
    """
    if node.expression.is_string and node.expression.name:
        return node
    template = (
        "CASE WHEN :delimiter IS NULL THEN NULL "
        "WHEN :delimiter = '' THEN error('INVALID_FUNCTION_ARGUMENT: The delimiter may not be the empty string') "
        "ELSE string_split(:x, :delimiter) END"
    )
    return from_template(template, x=node.this, delimiter=node.expression)


def _replace(node: exp.Expr) -> exp.Expr:
    """An empty text to replace is found in front of each character and at the end; DuckDB does not find it.

    Example: ``replace('abc', '', '-')`` is ``'-a-b-c-'``.
    Source: "StringFunctions.java" of Trino: "With empty `search` we insert `replace` in front of every character".
    """
    if node.expression.is_string and node.expression.name:
        return node
    replacement = node.args.get("replacement") or exp.Literal.string("")
    inserted = r":new || regexp_replace(:x, '(?s)(.)', '\1' || replace(:new, '\', '\\'), 'g')"
    template = f"CASE WHEN :search = '' THEN {inserted} ELSE replace(:x, :search, :new) END"
    return from_template(template, x=node.this, search=node.expression, new=replacement)


def _reverse(node: exp.Expr) -> exp.Expr:
    """Code points are turned around; DuckDB keeps those together that are one character for the eye.

    Example: ``reverse('e' || chr(769))`` is ``chr(769) || 'e'``.
    Source: "StringFunctions.java" of Trino: "Reverse all code points in a given string".
    """
    template = (
        f"CASE WHEN strlen(:x) = length(:x) THEN reverse(:x) ELSE array_to_string(list_reverse({_CODE_POINTS}), '') END"
    )
    return from_template(template, x=node.expressions[0])


def _upper(node: exp.Expr) -> exp.Expr:
    """Each code point becomes one other; there is none for ß, which stays. DuckDB has a capital ß.

    Example: ``upper('straße')`` is ``'STRAßE'``.
    Source: "String functions and operators", Trino documentation: full case mapping is not supported.
    """
    parts = "list_transform(string_split(:x, 'ß'), lambda part: upper(part))"
    template = f"CASE WHEN contains(:x, 'ß') THEN array_to_string({parts}, 'ß') ELSE upper(:x) END"
    return from_template(template, x=node.this)


def _chr(node: exp.Expr) -> exp.Expr:
    """A number that is no code point is an error in chr, by Trino's name for it.

    Example: ``chr(-1)`` fails with INVALID_FUNCTION_ARGUMENT.
    Source: "StringFunctions.java" of Trino: "Not a valid Unicode code point".
    """
    code = node.expressions[0]
    if code.is_int and 0 < code.to_py() < 0xD800:
        return node
    template = (
        "chr(CASE WHEN :code BETWEEN 0 AND 55295 OR :code BETWEEN 57344 AND 1114111 THEN CAST(:code AS INTEGER) "
        "ELSE error('INVALID_FUNCTION_ARGUMENT: Not a valid Unicode code point: ' || :code) END)"
    )
    return from_template(template, code=code)


def _trim(node: exp.Expr) -> exp.Expr:
    """trim, ltrim and rtrim remove all whitespace; DuckDB's remove blanks alone.

    Example: ``trim(chr(9) || 'a ')`` is ``'a'``: a tab is whitespace too.
    Source: "String functions and operators", Trino documentation.
    """
    if node.args.get("expression"):
        return node
    name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(node.text("position").upper(), "trim")
    return from_template(f"{name}(:x, :whitespace)", x=node.this, whitespace=exp.Literal.string(_WHITESPACE))


def _array_join(node: exp.Expr) -> exp.Expr:
    """The elements are cast to varchar, as DuckDB does it for texts, integers, truth values and dates alone.

    Example: ``array_join(ARRAY[1, NULL, 2], '-')`` is ``'1-2'``, and ``array_join(ARRAY[1, NULL], ',', '?')`` is
    ``'1,?'``.
    Source: "ArrayJoin.java" of Trino.
    """
    if not node.expression.is_string:
        raise NotSupportedError("array_join with a delimiter that is no constant text")
    kind = node.this.type
    element = kind.expressions[0] if kind is not None and kind.expressions else exp.DataType.build("UNKNOWN")
    alike = {*exp.DataType.TEXT_TYPES, *exp.DataType.INTEGER_TYPES, exp.DType.BOOLEAN, exp.DType.DATE, exp.DType.NULL}
    if element.this not in alike:
        raise NotSupportedError("array_join of an array that is not of texts, integers, truth values or dates")
    instead = node.args.get("null")
    if instead is None:
        return node
    template = "array_to_string(list_transform(:x, lambda item: coalesce(CAST(item AS VARCHAR), :instead)), :delimiter)"
    return from_template(template, x=node.this, instead=instead, delimiter=node.expression)


def _concat_ws(node: exp.Expr) -> exp.Expr:
    """The texts that are not NULL, with a separator between them.

    Example: ``concat_ws('-', 'a', NULL, 'b')`` is ``'a-b'``, and ``concat_ws(NULL, 'a')`` is ``NULL``.
    Example: ``concat_ws('-', ARRAY['a', NULL, 'b'])`` is ``'a-b'``.
    Source: "String functions and operators", Trino documentation.
    """
    separator, *texts = node.expressions
    if texts[0].is_type(exp.DType.ARRAY):
        template = "CASE WHEN :x IS NOT NULL THEN array_to_string(:x, :separator) END"
        return from_template(template, x=texts[0], separator=separator)
    return exp.Anonymous(this="concat_ws", expressions=[separator.copy(), *(text.copy() for text in texts)])


def _uuid(node: exp.Expr) -> exp.Expr:
    """A random UUID, shown as text.

    Example: ``uuid()`` becomes ``CAST(UUID() AS TEXT)``.
    Source: "UUID functions", Trino documentation.
    """
    if isinstance(node.parent, exp.Cast):
        return node
    return exp.Cast(this=node.copy(), to=exp.DataType.build("VARCHAR"))


RULES: Rules = {
    exp.ArrayToString: _array_join,
    exp.Chr: _chr,
    exp.Pad: _pad,
    exp.Replace: _replace,
    exp.Split: _split,
    exp.SplitPart: _split_part,
    exp.Substring: _substring,
    exp.Trim: _trim,
    exp.Upper: _upper,
    exp.Uuid: _uuid,
}

FUNCTIONS = (
    Function("concat_ws", ("varchar", "array"), "VARCHAR", _concat_ws),
    Function("concat_ws", ("varchar", "varchar..."), "VARCHAR", _concat_ws),
    Function("reverse", ("varchar",), "VARCHAR", _reverse),
)
