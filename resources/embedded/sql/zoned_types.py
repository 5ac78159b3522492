"""The type of a timestamp with time zone. In DuckDB it is an instant; the query tells the zone, a part of the type.

A zone is a name such as Asia/Tokyo or an offset such as +09:00. Without one, the type means UTC, Athena's time zone.
"""

import re
from functools import cache
from zoneinfo import available_timezones

from sqlglot import exp

UTC = "UTC"


def zoned_type(zone: str, digits: int | None = None) -> exp.DataType:
    """The type of timestamps in a time zone. A literal has its own number of digits of a second's fraction."""
    parameters: list[exp.Expr] = [] if zone == UTC else [exp.Literal.string(zone)]
    if digits is not None:
        parameters.append(exp.Literal.number(digits))
    return exp.DataType(
        this=exp.DType.TIMESTAMPTZ, expressions=[exp.DataTypeParam(this=parameter) for parameter in parameters]
    )


def literal_with_zone(text: str) -> tuple[str, str | None]:
    """The local time and the zone of a literal, such as ``2024-03-01 00:00:00 Asia/Tokyo``; None for no known zone."""
    found = re.fullmatch(r"\s*(\d{4}-\d{1,2}-\d{1,2}(?: \d[\d:.]*)?)\s*([A-Za-z+-]\S*)\s*", text)
    return (found[1], known_zone(found[2])) if found else (text, None)


def zone_of(value: exp.Expr) -> str:
    """The time zone of a typed value: UTC, unless its type names another one."""
    kind = value.type
    if kind is None or not kind.is_type(exp.DType.TIMESTAMPTZ) or not kind.expressions:
        return UTC
    first = kind.expressions[0].this
    return str(first.name) if first.is_string else UTC


def known_zone(text: str) -> str | None:
    """The zone that Trino means by a text, in its own words; None where this is no such zone, or not clear."""
    offset = re.fullmatch(r"([+-])(\d\d):?(\d\d)", text)
    if offset:
        sign, hours, minutes = offset.groups()
        if int(hours) > 13 or int(minutes) > 59:
            return None
        return UTC if hours == minutes == "00" else f"{sign}{hours}:{minutes}"
    if text.upper() in (UTC, "Z"):
        return UTC
    return text if "/" in text and text in _names() and not text.startswith("Etc/") else None


def offset_minutes(zone: str) -> int | None:
    """The minutes that an offset such as +09:00 is east of UTC; None for a name."""
    offset = re.fullmatch(r"([+-])(\d\d):(\d\d)", zone)
    return int(f"{offset[1]}{int(offset[2]) * 60 + int(offset[3])}") if offset else None


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones())
