"""Rules for functions that write or read a time by a pattern of Joda's: format_datetime and parse_datetime."""

import re
from collections.abc import Iterator, Mapping

from sqlglot import exp

from resources.embedded.sql.functions import Function
from resources.embedded.sql.rewrites.local_times import local_time, time_precision
from resources.embedded.sql.rewrites.rule import InvalidArgumentError, NotSupportedError
from resources.embedded.sql.rewrites.template import from_template
from resources.embedded.sql.zoned_types import UTC, zone_of, zoned_type

_WRITTEN: Mapping[str, str] = dict(
    pair.split("=")
    for pair in re.findall(
        r"\S+",
        """
    y=%Y yyyy=%Y Y=%Y YYYY=%Y yy=%y YY=%y M=%-m MM=%m MMM=%b MMMM=%B d=%-d dd=%d D=%-j DDD=%j xxxx=%G ww=%V e=%u
    E=%a EE=%a EEE=%a EEEE=%A a=%p H=%-H HH=%H h=%-I hh=%I m=%-M mm=%M s=%-S ss=%S SSS=%g
    """,
    )
)
"""Joda's letters, and what DuckDB writes the same part of a time by ("DateTimeFormat", Joda-Time)."""

_WRITTEN_IN_UTC: Mapping[str, str] = {"Z": "+0000", "ZZ": "+00:00", "ZZZ": UTC, "z": UTC}

_READ: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("y", "yyyy", "Y", "YYYY"), (r"\d{1,4}", "%Y")),
    **dict.fromkeys(("M", "MM"), (r"\d{1,2}", "%m")),
    **dict.fromkeys(("d", "dd"), (r"\d{1,2}", "%d")),
    **dict.fromkeys(("H", "HH"), (r"\d{1,2}", "%H")),
    **dict.fromkeys(("m", "mm"), (r"\d{1,2}", "%M")),
    **dict.fromkeys(("s", "ss"), (r"\d{1,2}", "%S")),
    "SSS": (r"\d{1,3}", "%f"),
    "MMM": ("[A-Za-z]{3}", "%b"),
    **dict.fromkeys(("Z", "ZZ"), (r"(?:Z|[+-]00:?00)", "")),
}
"""Joda's letters, with the texts that are read for them, and the letters of DuckDB's."""


def _parts(pattern: str) -> Iterator[tuple[bool, str]]:
    """The parts of a pattern: whether it is letters, and the letters, or the text to write as it is."""
    for found in re.finditer(r"''|'((?:[^']|'')+)'|([A-Za-z])\2*|[^A-Za-z']+|'", pattern):
        if found[0] == "'":
            raise InvalidArgumentError(f"Illegal pattern: {pattern}")
        if found[2]:
            yield True, found[0]
        else:
            yield False, "'" if found[0] == "''" else (found[1] or found[0]).replace("''", "'")


def _format_datetime(node: exp.Expr) -> exp.Expr:
    """A time in the form of a pattern of Joda's. The common letters are read; others are refused by name.

    Example: ``format_datetime(from_unixtime(1709251199), 'yyyy-MM-dd''T''HH:mm:ss.SSS Z')`` is
    ``'2024-02-29T23:59:59.000 +0000'``.
    Example: ``format_datetime(from_unixtime(0) AT TIME ZONE 'Asia/Tokyo', 'EEE, d MMM yy h:mm a')`` is
    ``'Thu, 1 Jan 70 9:00 AM'``.
    Source: "Date and time functions and operators", Java date functions, Trino documentation; Joda's "DateTimeFormat".
    """
    value, pattern = node.expressions
    if not pattern.is_string:
        raise NotSupportedError("a pattern that is no constant")
    zone = zone_of(value)
    written = ""
    for is_letters, part in _parts(pattern.name):
        if not is_letters:
            written += part.replace("%", "%%")
        elif part in _WRITTEN:
            written += _WRITTEN[part]
        elif part in _WRITTEN_IN_UTC and zone == UTC:
            written += _WRITTEN_IN_UTC[part]
        else:
            raise NotSupportedError(f"the letters {part}")
    return from_template("time_text(:x, :format)", x=local_time(value), format=exp.Literal.string(written))


def _parse_datetime(node: exp.Expr) -> exp.Expr:
    """The time that a text in the form of a pattern of Joda's means; in UTC, where it has no offset of its own.

    Example: ``to_unixtime(parse_datetime('2024-03-01T00:00:00Z', 'yyyy-MM-dd''T''HH:mm:ssZ'))`` is ``1709251200e0``.
    Example: ``parse_datetime('2024-03-01', 'yyyy-MM-dd HH')`` fails with INVALID_FUNCTION_ARGUMENT.
    Source: "Date and time functions and operators", Java date functions, Trino documentation; Joda's "DateTimeFormat".
    """
    text, pattern = node.expressions
    if not pattern.is_string:
        raise NotSupportedError("a pattern that is no constant")
    regular, read, seen = "", "", list[str]()
    for is_letters, part in _parts(pattern.name):
        if is_letters and part not in _READ:
            raise NotSupportedError(f"the letters {part}")
        texts, letters = _READ[part] if is_letters else (re.escape(part), part.replace("%", "%%"))
        regular += texts if letters == "" else f"({texts})"
        read += letters
        seen += [letters] * is_letters
    # Where two numbers stand side by side, the engines may share out the digits differently.
    if re.search(r"%[YmdHMSf]%[YmdHMSf]", read) or "%Y" not in seen or len(set(seen)) < len(seen):
        raise NotSupportedError("reading a time without a year, with a part twice, or with numbers side by side")
    is_with_offset = "" in seen
    source = "regexp_replace(:text, '(Z|[+-]00:?00)', '')" if is_with_offset else ":text"
    parsed = from_template(f"try_strptime({source}, :read)", text=text, read=exp.Literal.string(read))
    other_offset = exp.Literal.string(regular.replace(r"(?:Z|[+-]00:?00)", r"[+-]\d\d:?\d\d"))
    template = (
        "CASE WHEN regexp_full_match(:text, :regular) "
        f"THEN coalesce(timezone('{UTC}', :parsed), {_invalid_format()}) "
        "WHEN regexp_full_match(:text, :other) "
        "THEN CAST(error('NOT_SUPPORTED: the embedded Athena does not read offsets but that of UTC: ' || :text) "
        f"AS TIMESTAMPTZ) WHEN :text IS NOT NULL THEN {_invalid_format()} END"
    )
    return from_template(template, text=text, regular=exp.Literal.string(regular), parsed=parsed, other=other_offset)


def _to_iso8601(node: exp.Expr) -> exp.Expr:
    """A date or a time in the form of ISO 8601, with the digits of its precision and its offset.

    Example: ``to_iso8601(from_unixtime(1709251200))`` is ``'2024-03-01T00:00:00.000Z'``.
    Example: ``to_iso8601(from_unixtime(0) AT TIME ZONE 'Asia/Tokyo')`` is ``'1970-01-01T09:00:00.000+09:00'``.
    Example: ``to_iso8601(DATE '2024-03-01')`` is ``'2024-03-01'``.
    Source: "Date and time functions and operators", Trino documentation; "ToIso8601.java" of Trino.
    """
    (value,) = node.expressions
    if value.is_type(exp.DType.DATE):
        return from_template("time_text(:x, '%Y-%m-%d')", x=value)
    written = exp.Literal.string(f"%Y-%m-%dT%H:%M:%S{_fraction_of(value)}")
    text = from_template("time_text(:x, :format)", x=local_time(value), format=written)
    if not value.is_type(exp.DType.TIMESTAMPTZ):
        return text
    if zone_of(value) == UTC:
        return from_template(":text || 'Z'", text=text)
    return from_template(":text || offset_text(:local, :utc)", text=text, local=local_time(value), utc=_utc(value))


def time_as_text(value: exp.Expr) -> exp.Expr:
    """A timestamp that is cast to varchar, with the digits of its precision and the name of its zone.

    Example: ``CAST(from_unixtime(1709251200) AS varchar)`` is ``'2024-03-01 00:00:00.000 UTC'``.
    Example: ``CAST(TIMESTAMP '2024-03-01 00:00:00' AS varchar)`` is ``'2024-03-01 00:00:00'``.
    Source: "TimestampToVarcharCast.java" and "TimestampWithTimeZoneToVarcharCast.java" of Trino.
    """
    written = exp.Literal.string(f"%Y-%m-%d %H:%M:%S{_fraction_of(value)}")
    text = from_template("time_text(:x, :format)", x=local_time(value), format=written)
    if not value.is_type(exp.DType.TIMESTAMPTZ):
        return text
    return from_template(":text || :zone", text=text, zone=exp.Literal.string(f" {zone_of(value)}"))


def _fraction_of(value: exp.Expr) -> str:
    precision = time_precision(value)
    if precision not in (0, 3):
        raise NotSupportedError("a time whose fraction has not 3 digits")
    return ".%g" if precision else ""


def _from_iso8601_timestamp(node: exp.Expr) -> exp.Expr:
    """The time that a text of ISO 8601 means: a date, perhaps with a time and an offset. Without one, it is in UTC.

    Example: ``to_unixtime(from_iso8601_timestamp('2024-03-01T00:00:00Z'))`` is ``1709251200e0``.
    Example: ``hour(from_iso8601_timestamp('2024-03-01T09:00:00+09:00'))`` is ``9``.
    Example: ``from_iso8601_timestamp('1 March')`` fails with INVALID_FUNCTION_ARGUMENT.
    Source: "Date and time functions and operators", Trino documentation; "ISODateTimeFormat" of Joda.
    """
    (text,) = node.expressions
    zone = _zone_of_text(text)
    if zone != UTC:
        literal = re.sub(r"[+-]\d\d:?\d\d$", "", text.name)
        local = from_template("timezone('UTC', iso8601_instant(:text))", text=exp.Literal.string(literal))
        return from_template(
            f"timezone('{UTC}', :local - INTERVAL ({_minutes(zone)}) MINUTE)",
            local=local,
        )
    return from_template("iso8601_instant(:text)", text=text)


def _minutes(zone: str) -> int:
    return int(f"{zone[0]}{int(zone[1:3]) * 60 + int(zone[4:6])}")


def _zone_of_text(text: exp.Expr) -> str:
    """The offset that a constant text ends with; UTC where it has none, or is no constant."""
    found = re.search(r"T.*?([+-]\d\d):?(\d\d)$", text.name) if text.is_string else None
    offset = f"{found[1]}:{found[2]}" if found else UTC
    return UTC if offset[1:] == "00:00" else offset


def _type_of_iso8601(call: exp.Expr) -> exp.DataType:
    return zoned_type(_zone_of_text(call.expressions[0]))


def _utc(value: exp.Expr) -> exp.Expr:
    return from_template(f"timezone('{UTC}', :x)", x=value)


def _invalid_format() -> str:
    return "CAST(error('INVALID_FUNCTION_ARGUMENT: Invalid format: \"' || :text || '\"') AS TIMESTAMPTZ)"


FUNCTIONS = (
    Function("format_datetime", ("date or timestamp", "varchar"), "VARCHAR", _format_datetime),
    Function("from_iso8601_timestamp", ("varchar",), _type_of_iso8601, _from_iso8601_timestamp),
    Function("parse_datetime", ("varchar", "varchar"), "TIMESTAMP WITH TIME ZONE", _parse_datetime),
    Function("to_iso8601", ("date or timestamp",), "VARCHAR", _to_iso8601),
)
