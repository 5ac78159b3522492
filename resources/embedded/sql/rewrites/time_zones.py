"""Rules for time zones: AT TIME ZONE, and the functions that read a clock in a value's zone."""

from sqlglot import exp

from resources.embedded.sql.functions import Function
from resources.embedded.sql.rewrites.local_times import instant_of, local_time, require_zone
from resources.embedded.sql.rewrites.rule import NotSupportedError, Rules
from resources.embedded.sql.type_checks import COMPARISONS
from resources.embedded.sql.zoned_types import UTC, known_zone, zone_of, zoned_type

_CLOCK_READERS = (
    *(exp.Date, exp.Day, exp.DayOfMonth, exp.DayOfWeekIso, exp.DayOfYear, exp.Extract, exp.Hour, exp.LastDay),
    *(exp.Minute, exp.Month, exp.Quarter, exp.Second, exp.TimeToStr, exp.WeekOfYear, exp.Year, exp.YearOfWeek),
)

_KEEPERS = (
    *(exp.Alias, exp.AtTimeZone, exp.Between, exp.Cast, exp.Count, exp.CTE, exp.DateAdd, exp.DateDiff, exp.DateTrunc),
    *(exp.From, exp.Group, exp.In, exp.Is, exp.Join, exp.Ordered, exp.Paren, exp.Select, exp.Subquery),
    *(exp.TimestampTrunc, exp.TimeToUnix, exp.TryCast, *COMPARISONS),
)
"""What may stand around a value in another zone than UTC: its type keeps the zone, or no zone matters to it."""

_FUNCTIONS_OF_ZONES = frozenset(
    ("at_timezone", "format_datetime", "millisecond", "to_iso8601", "year_of_week", "yow", "with_timezone")
)


def require_kept_zones(tree: exp.Expr) -> None:
    """Raise NotSupportedError where a value in another zone than UTC stands where its zone would be lost.

    Example: ``max(now() AT TIME ZONE 'Asia/Tokyo')`` is refused. ``max(now()) AT TIME ZONE 'Asia/Tokyo'`` is not.
    """
    for node in tree.walk():
        zone, parent = zone_of(node), node.parent
        if zone == UTC or parent is None or isinstance(node, exp.DataType):
            continue
        is_union = isinstance(parent, exp.Select) and isinstance(parent.parent, (exp.SetOperation, exp.In))
        is_named = isinstance(parent, exp.Anonymous) and parent.name.lower() in _FUNCTIONS_OF_ZONES
        if is_union or not (isinstance(parent, (*_KEEPERS, *_CLOCK_READERS)) or is_named):
            raise NotSupportedError(f"a time in the zone {zone} within {parent.key}")


def _at_time_zone(node: exp.Expr) -> exp.Expr:
    """The same instant, with another clock. A timestamp without a zone is one in UTC.

    Example: ``hour(from_unixtime(0) AT TIME ZONE 'Asia/Tokyo')`` is ``9``.
    Example: ``date_format(from_unixtime(0) AT TIME ZONE '-05:30', '%Y-%m-%d %H:%i')`` is ``'1969-12-31 18:30'``.
    Source: "Date and time functions and operators", AT TIME ZONE, Trino documentation.
    """
    value, zone = node.expressions if isinstance(node, exp.Anonymous) else (node.this, node.args["zone"])
    require_zone(zone)
    if value.is_type(exp.DType.TIMESTAMPTZ):
        return exp.paren(value.copy())
    if value.is_type(exp.DType.TIMESTAMP):
        return instant_of(value, UTC)
    raise NotSupportedError("AT TIME ZONE of anything but a timestamp")


def _with_timezone(node: exp.Expr) -> exp.Expr:
    """The instant at which a clock in the zone shows a timestamp.

    Example: ``to_unixtime(with_timezone(TIMESTAMP '1970-01-01 09:00:00', 'Asia/Tokyo'))`` is ``0e0``.
    Source: "Date and time functions and operators", Trino documentation.
    """
    value, zone = node.expressions
    require_zone(zone)
    if not value.is_type(exp.DType.TIMESTAMP):
        raise NotSupportedError("with_timezone of anything but a timestamp without time zone")
    return instant_of(value, str(known_zone(zone.name)))


def _read_clock(node: exp.Expr) -> exp.Expr:
    """A part of a time is what a clock in its zone shows.

    Example: ``day(from_unixtime(0) AT TIME ZONE 'America/New_York')`` is ``31``.
    Source: "Date and time functions and operators", Trino documentation.
    """
    name = "expression" if isinstance(node, exp.Extract) else "this"
    value = node.args[name]
    if zone_of(value) != UTC:
        node.set(name, local_time(value))
    return node


def _current_timezone(_: exp.Expr) -> exp.Expr:
    """Athena's time zone is UTC.

    Example: ``current_timezone()`` is ``'UTC'``.
    Source: "Date and time functions and operators", Trino documentation.
    """
    return exp.Literal.string(UTC)


def _type_of_second(call: exp.Expr) -> exp.DataType:
    zone = call.expressions[1]
    return zoned_type((known_zone(zone.name) if zone.is_string else None) or UTC)


RULES: Rules = {
    exp.AtTimeZone: _at_time_zone,
    **dict.fromkeys((kind for kind in _CLOCK_READERS if kind is not exp.Date), _read_clock),
}

FUNCTIONS = (
    Function("at_timezone", ("date or timestamp", "varchar"), _type_of_second, _at_time_zone),
    Function("current_timezone", (), "VARCHAR", _current_timezone),
    Function("with_timezone", ("date or timestamp", "varchar"), _type_of_second, _with_timezone),
)
