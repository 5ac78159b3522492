"""Rules for CAST, TRY_CAST and the functions that are casts: which texts are a value, and how a number rounds."""

from collections.abc import Mapping

from sqlglot import exp

from resources.embedded.sql.decimal_types import Decimal, decimal_of
from resources.embedded.sql.rewrites.coercions import as_double
from resources.embedded.sql.rewrites.ip_addresses import cast_from_address, cast_to_address
from resources.embedded.sql.rewrites.joda_formats import time_as_text
from resources.embedded.sql.rewrites.local_times import instant_of, local_time
from resources.embedded.sql.rewrites.rule import NotSupportedError, Rules
from resources.embedded.sql.rewrites.template import from_template
from resources.embedded.sql.type_checks import is_floating, is_integer, type_family
from resources.embedded.sql.zoned_types import UTC, literal_with_zone

_INTEGER_TEXT = r"\s*[+-]?\d+\s*"
_FRACTION_TEXT = r"\s*([+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|NaN|[+-]?Infinity)\s*"

ACCEPTED_TEXTS: Mapping[exp.DType, str] = {
    exp.DType.BOOLEAN: r"(?i)(t|true|1|f|false|0)",
    exp.DType.TINYINT: _INTEGER_TEXT,
    exp.DType.SMALLINT: _INTEGER_TEXT,
    exp.DType.INT: _INTEGER_TEXT,
    exp.DType.BIGINT: _INTEGER_TEXT,
    exp.DType.DOUBLE: _FRACTION_TEXT,
    exp.DType.DECIMAL: r"[+-]?(\d+\.?\d*|\.\d+)",
    exp.DType.VARCHAR: "",
    exp.DType.IPADDRESS: "",
    exp.DType.TIMESTAMPTZ: "",
    exp.DType.DATE: r"\s*\d{4}-\d{1,2}-\d{1,2}\s*",
    exp.DType.TIMESTAMP: r"\s*\d{4}-\d{1,2}-\d{1,2}( ([01]?\d|2[0-3]):[0-5]?\d(:[0-5]?\d(\.\d{1,3})?)?)?\s*",
}
"""The types that values can be cast to, each with the texts that Trino takes for a value of it, as a pattern."""

_UNREAD_TEXTS: Mapping[exp.DType, tuple[str, str]] = {
    exp.DType.DOUBLE: (
        r"(?i)\s*[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?[df]|0x[0-9a-f.]+p[+-]?\d+[df]?)\s*",
        "the embedded Athena does not read this text as a fraction, and Java does",
    ),
    exp.DType.DECIMAL: (
        r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+",
        "the embedded Athena does not read this text as a decimal; cast it to double first",
    ),
    exp.DType.TIMESTAMP: (
        r".*\.\d{4,}\s*",
        "the embedded Athena has timestamps with milliseconds; this text has more digits",
    ),
}
"""Other texts that Trino takes too: 5f and 0x1p3, and times that it rounds to milliseconds. Each with the problem."""


def _cast(node: exp.Expr) -> exp.Expr:
    """A number that is cast to an integer rounds halves away from zero in Trino; DuckDB rounds them to even numbers.

    Example: ``CAST(2.5e0 AS bigint)`` is ``3``. Casts of texts are in `_cast_text`.
    Source: "Conversion functions", Trino documentation; the rounding is that of Trino's `DoubleOperators`.
    """
    value, target = node.this, node.args["to"].this
    if target is exp.DType.VARCHAR and node.args["to"].expressions:
        return _cast_to_varchar_of_length(node)
    if target is exp.DType.DECIMAL:
        return _cast_to_decimal(node)
    if decimal_of(value.type):
        return _cast_decimal(node)
    family, is_safe = type_family(value), isinstance(node, exp.TryCast)
    if isinstance(value, exp.Null):
        return exp.paren(exp.cast(value, "UHUGEINT", dialect="duckdb")) if target is exp.DType.IPADDRESS else node
    if family == "ipaddress":
        return cast_from_address(value, target)
    if target is exp.DType.IPADDRESS:
        if family != "varchar":
            raise NotSupportedError("a cast of anything but a text to IPADDRESS")
        return cast_to_address(value, is_safe)
    if family is None:
        raise NotSupportedError("a cast of a value of an unknown type")
    if target is exp.DType.TIMESTAMPTZ and (family == "varchar" or value.is_type(exp.DType.DATE)):
        return _zoned_literal(value, is_safe)
    if family == "varchar":
        return _cast_text(value, target, target.value, is_safe)
    if family == "date or timestamp" and not value.is_type(exp.DType.DATE):
        return _cast_time(value, target)
    if target is exp.DType.VARCHAR and not (is_integer(value) or value.is_type(exp.DType.BOOLEAN, exp.DType.DATE)):
        raise NotSupportedError("a cast of a fraction to text")
    if family == "number" and target in exp.DataType.INTEGER_TYPES and not is_integer(value):
        return from_template(f"{'TRY_CAST' if is_safe else 'CAST'}(round(:x) AS {target.value})", x=value)
    return node


def _cast_time(value: exp.Expr, target: exp.DType) -> exp.Expr:
    """A timestamp that is cast is what a clock in its zone shows.

    Example: ``CAST(from_unixtime(0) AT TIME ZONE 'America/New_York' AS date)`` is ``DATE '1969-12-31'``.
    Source: "TimestampWithTimeZoneToDateCast.java" and "TimestampWithTimeZoneToTimestampCast.java" of Trino.
    """
    if target is exp.DType.VARCHAR:
        return time_as_text(value)
    if target is exp.DType.TIMESTAMPTZ:
        return value if value.is_type(exp.DType.TIMESTAMPTZ) else instant_of(value, UTC)
    if target not in (exp.DType.DATE, exp.DType.TIMESTAMP):
        raise NotSupportedError(f"a cast of a time to {target.value}")
    return from_template(f"CAST(:x AS {target.value})", x=local_time(value))


def _zoned_literal(value: exp.Expr, is_safe: bool) -> exp.Expr:
    """A time with a zone that is written as a constant.

    Example: ``to_unixtime(TIMESTAMP '1970-01-01 09:00:00 Asia/Tokyo')`` is ``0e0``.
    Source: "Data types", timestamp with time zone, Trino documentation.
    """
    local, zone = literal_with_zone(value.name) if value.is_string else ("", None)
    if zone is None:
        raise NotSupportedError("a cast to a timestamp with time zone, but of a constant with the name of a zone")
    return instant_of(_cast_text(exp.Literal.string(local), exp.DType.TIMESTAMP, "TIMESTAMP", is_safe), zone)


def _cast_text(value: exp.Expr, target: exp.DType, target_sql: str, is_safe: bool) -> exp.Expr:
    """DuckDB takes more texts for a value than Trino does, as 1e3 for an integer and 2024/01/31 for a date.

    Example: ``CAST('1e3' AS bigint)`` fails with INVALID_CAST_ARGUMENT; ``TRY_CAST('1e3' AS bigint)`` is ``NULL``.
    Source: "Conversion functions", Trino documentation.
    """
    if target is exp.DType.VARCHAR:
        return value
    accepted = "CASE"
    if target in _UNREAD_TEXTS:
        pattern, problem = _UNREAD_TEXTS[target]
        accepted += f" WHEN regexp_full_match(:x, '{pattern}') THEN error('NOT_SUPPORTED: {problem}: ' || :x)"
    accepted += f" WHEN regexp_full_match(:x, '{ACCEPTED_TEXTS[target]}')"
    if is_safe:
        return from_template(f"{accepted} THEN TRY_CAST(:x AS {target_sql}) END", x=value)
    failure = f"error('INVALID_CAST_ARGUMENT: Cannot cast ''' || :x || ''' to {target_sql}')"
    return from_template(f"{accepted} THEN CAST(:x AS {target_sql}) WHEN NOT :x IS NULL THEN {failure} END", x=value)


def _cast_to_decimal(node: exp.Expr) -> exp.Expr:
    """A number that is cast to a decimal is rounded half up. A double is rounded as it is written, and not as it is.

    DuckDB rounds the double's exact value, which may be below the half that is written. It takes DECIMAL for
    DECIMAL(18, 3), which is DECIMAL(38, 0) in Trino.
    Example: ``CAST(2.675e0 AS decimal(3, 2))`` is ``2.68``, and ``CAST('1.25' AS decimal(2, 1))`` is ``1.3``.
    Example: ``CAST(100 AS decimal(2, 0))`` fails with INVALID_CAST_ARGUMENT.
    Source: "DecimalCasts.java" and "DecimalConversions.java" of Trino.
    """
    value, is_safe = node.this, isinstance(node, exp.TryCast)
    found = decimal_of(node.type) or Decimal(38, 0)
    cast, family = "TRY_CAST" if is_safe else "CAST", type_family(value)
    if isinstance(value, exp.Null) or is_integer(value) or family == "boolean" or decimal_of(value.type):
        return from_template(f"{cast}(:x AS {found.sql})", x=value)
    if family == "varchar":
        return _cast_text(value, exp.DType.DECIMAL, found.sql, is_safe)
    if not is_floating(value):
        raise NotSupportedError("a cast of this value to a decimal")
    return from_template(f"{cast}({_PLAIN_TEXT} AS {found.sql})", text=from_template("CAST(:x AS VARCHAR)", x=value))


def _cast_to_varchar_of_length(node: exp.Expr) -> exp.Expr:
    """A text that is cast to varchar(n) is cut; a number, a boolean or a date that is longer than that fails.

    Example: ``CAST('abcd' AS varchar(3))`` is ``'abc'``, and ``CAST(12 AS varchar(2))`` is ``'12'``.
    Example: ``CAST(123 AS varchar(2))`` fails with INVALID_CAST_ARGUMENT.
    Source: "VarcharOperators.java" and "BigintOperators.java" of Trino.
    """
    value, length = node.this, int(node.args["to"].expressions[0].name)
    if isinstance(value, exp.Null) or type_family(value) == "varchar":
        return from_template(f"left(CAST(:x AS VARCHAR), {length})", x=value)
    if not (is_integer(value) or value.is_type(exp.DType.BOOLEAN, exp.DType.DATE)):
        raise NotSupportedError(f"a cast of this value to varchar({length}); cast it to varchar first")
    problem = f"'INVALID_CAST_ARGUMENT: Value ' || CAST(:x AS VARCHAR) || ' cannot be represented as varchar({length})'"
    failure = "NULL" if isinstance(node, exp.TryCast) else f"error({problem})"
    template = f"CASE WHEN length(CAST(:x AS VARCHAR)) > {length} THEN {failure} ELSE CAST(:x AS VARCHAR) END"
    return from_template(template, x=value)


_DIGITS = r"replace(regexp_extract(:text, '([0-9.]+)e', 1), '.', '')"
_SIGN = "CASE WHEN starts_with(:text, '-') THEN '-' ELSE '' END"
_EXPONENT = r"CAST(regexp_extract(:text, 'e[+-](\d+)', 1) AS INTEGER)"
_PLAIN_TEXT = (
    f"CASE WHEN contains(:text, 'e-') THEN {_SIGN} || '0.' || repeat('0', {_EXPONENT} - 1) || {_DIGITS} "
    f"WHEN contains(:text, 'e+') THEN {_SIGN} || {_DIGITS} || repeat('0', {_EXPONENT} - length({_DIGITS}) + 1) "
    "ELSE :text END"
)
"""SQL for the text of a double without an exponent, which DuckDB does not always read in decimals."""


def _cast_decimal(node: exp.Expr) -> exp.Expr:
    """A decimal that is cast to an integer is rounded half up; as text it has a digit in front of its point.

    Example: ``CAST(-2.5 AS bigint)`` is ``-3``, ``CAST(0.50 AS varchar)`` is ``'0.50'``, ``CAST(0.1 AS double)`` is
    ``0.1e0``.
    Source: "DecimalCasts.java" and "Decimals.java" of Trino.
    """
    value, target, found = node.this, node.args["to"].this, decimal_of(node.this.type) or Decimal(38, 0)
    if target is exp.DType.DOUBLE:
        return as_double(value)
    if target is exp.DType.VARCHAR:
        if found.precision > found.scale:
            return from_template("CAST(:x AS VARCHAR)", x=value)
        return from_template("regexp_replace(CAST(:x AS VARCHAR), '^(-?)\\.', '\\10.')", x=value)
    if target in exp.DataType.INTEGER_TYPES or target is exp.DType.BOOLEAN:
        cast = "TRY_CAST" if isinstance(node, exp.TryCast) else "CAST"
        return from_template(f"{cast}(:x AS {target.value})", x=value)
    raise NotSupportedError("a cast of a decimal to this type")


def _cast_to_date(node: exp.Expr) -> exp.Expr:
    """date(x) and from_iso8601_date(x) are CAST(x AS date).

    Example: ``date('2024-03-01')`` is ``DATE '2024-03-01'``.
    Source: "Date and time functions and operators", Trino documentation.
    """
    return _cast(exp.Cast(this=node.this, to=exp.DataType.build("DATE")))


RULES: Rules = {
    exp.Cast: _cast,
    exp.Date: _cast_to_date,
    exp.FromISO8601Date: _cast_to_date,
    exp.TryCast: _cast,
}
