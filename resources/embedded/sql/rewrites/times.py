"""Rules for dates and timestamps. Casts of texts to them are in casts.py."""

import re

from sqlglot import exp

from resources.embedded.sql.functions import Function
from resources.embedded.sql.rewrites.local_times import instant_of, local_time, require_zone
from resources.embedded.sql.rewrites.rule import InvalidArgumentError, NotSupportedError, Rules
from resources.embedded.sql.rewrites.template import from_template
from resources.embedded.sql.type_checks import is_integer, type_family
from resources.embedded.sql.zoned_types import UTC, zone_of

_TIME_UNITS = ("MILLISECOND", "SECOND", "MINUTE", "HOUR")

_PARSED_TEXTS = {
    "%Y": r"\d{1,4}",
    **dict.fromkeys(("%m", "%-m", "%d", "%-d", "%H", "%I", "%-I", "%M", "%S"), r"\d{1,2}"),
    "%f": r"\d{1,6}",
    "%b": "[A-Za-z]{3}",
    "%B": "[A-Za-z]+",
    "%p": "[AaPp][Mm]",
    "%%": "%",
}
"""The specifiers of a format that texts are parsed by, in Python's words, with the texts that they stand for."""


def _add_interval(node: exp.Expr) -> exp.Expr:
    """A date with an interval added or taken off stays a date in Trino; DuckDB makes a timestamp of it.

    Example: ``DATE '2024-02-28' + INTERVAL '2' DAY`` is ``DATE '2024-03-01'``.
    Example: ``DATE '2024-02-28' + INTERVAL '25' HOUR`` fails with INVALID_FUNCTION_ARGUMENT.
    Source: "Date and time functions and operators", Trino documentation; "DateTimeOperators.java" of Trino.
    """
    if isinstance(node, exp.Sub) and type_family(node.this) == type_family(node.expression) == "date or timestamp":
        raise NotSupportedError("the difference of two times (use date_diff)")
    for value, interval in ((node.this, node.expression), (node.expression, node.this)):
        if value.is_type(exp.DType.DATE):
            if any(found.text("unit").upper() in _TIME_UNITS for found in interval.find_all(exp.Interval)):
                raise InvalidArgumentError("Cannot add hour, minutes or seconds to a date")
            return _as_date(node)
    return node


def _date_add(node: exp.Expr) -> exp.Expr:
    """date_add has the type of the value that it is given; DuckDB makes a timestamp of a date.

    Example: ``date_add('day', 1, DATE '2024-02-29')`` is ``DATE '2024-03-01'``.
    Example: ``date_add('hour', 1, DATE '2024-02-29')`` fails with INVALID_FUNCTION_ARGUMENT.
    Source: "Date and time functions and operators", Trino documentation.
    """
    if zone_of(node.this) != UTC and node.text("unit").upper() not in _TIME_UNITS:
        raise NotSupportedError("date_add of days to a time in another zone than UTC")
    return _of_date(node) if node.this.is_type(exp.DType.DATE) else node


def _date_trunc(node: exp.Expr) -> exp.Expr:
    """date_trunc has the type of the value that it is given; DuckDB makes a timestamp of a date.

    In another zone than UTC, what begins is an hour or a day of that zone.
    Example: ``date_trunc('month', DATE '2024-02-29')`` is ``DATE '2024-02-01'``.
    Example: ``to_unixtime(date_trunc('day', from_unixtime(0) AT TIME ZONE 'Asia/Tokyo'))`` is ``-32400e0``.
    Example: ``date_trunc('hour', DATE '2024-02-29')`` fails with INVALID_FUNCTION_ARGUMENT.
    Source: "Date and time functions and operators", Trino documentation.
    """
    if zone_of(node.this) != UTC:
        unit = exp.Literal.string(node.text("unit").lower())
        local = local_time(node.this)
        begin = from_template("date_trunc(:unit, :local)", unit=unit, local=local)
        if node.text("unit").upper() in _TIME_UNITS:  # clocks are turned between hours
            return from_template(":x - (:local - :begin)", x=node.this, local=local, begin=begin)
        return instant_of(begin, zone_of(node.this))
    return _of_date(node) if node.this.is_type(exp.DType.DATE) else node


def _date_diff(node: exp.Expr) -> exp.Expr:
    """Trino's date_diff counts the whole units that have passed; DuckDB's counts the boundaries between two times.

    DuckDB's date_sub counts as Trino does.
    Example: ``date_diff('hour', TIMESTAMP '2024-03-01 00:59:00', TIMESTAMP '2024-03-01 01:00:00')`` is ``0``.
    Example: ``date_diff('hour', DATE '2024-03-01', DATE '2024-03-02')`` fails with INVALID_FUNCTION_ARGUMENT.
    Source: "Date and time functions and operators", Trino documentation.
    """
    if node.this.is_type(exp.DType.DATE) and node.expression.is_type(exp.DType.DATE):
        _require_date_field(node)
    zones = {zone_of(node.this), zone_of(node.expression)}
    if zones != {UTC} and node.text("unit").upper() not in _TIME_UNITS:
        raise NotSupportedError("date_diff in days of times in another zone than UTC")
    unit = exp.Literal.string(node.text("unit").lower())
    return from_template("date_sub(:unit, :since, :until)", unit=unit, since=node.expression, until=node.this)


def _from_unixtime(node: exp.Expr) -> exp.Expr:
    """from_unixtime gives whole milliseconds, rounded, perhaps in a zone; DuckDB gives microseconds.

    Example: ``to_unixtime(from_unixtime(1.23456e0))`` is ``1.235e0``.
    Example: ``hour(from_unixtime(0, 'Asia/Tokyo'))`` is ``9``.
    Source: "DateTimeFunctions.java" of Trino.
    """
    if node.args.get("zone"):
        require_zone(node.args["zone"])
        node.set("zone", None)  # which its type knows
    if is_integer(node.this):
        return node
    return from_template("to_timestamp(floor(:x * 1000 + 0.5) / 1000)", x=node.this)


def _now(_: exp.Expr) -> exp.Expr:
    """current_timestamp and now() give milliseconds; DuckDB gives microseconds.

    Example: ``date_diff('second', now(), date_trunc('second', now()))`` is ``0``.
    Source: "Date and time functions and operators", Trino documentation.
    """
    return from_template("date_trunc('milliseconds', get_current_timestamp())")


def _localtimestamp(_: exp.Expr) -> exp.Expr:
    """The value of localtimestamp is the current time of Athena's zone, UTC, without a zone.

    Example: ``date_diff('minute', localtimestamp, CAST(now() AS timestamp))`` is ``0``.
    Source: "Date and time functions and operators", Trino documentation.
    """
    return from_template("timezone('UTC', date_trunc('milliseconds', get_current_timestamp()))")


def _millisecond(node: exp.Expr) -> exp.Expr:
    """The milliseconds of a time's second; DuckDB counts its seconds too.

    Example: ``millisecond(from_unixtime(1.234e0))`` is ``234``.
    Source: "Date and time functions and operators", Trino documentation.
    """
    return from_template("millisecond(:x) % 1000", x=local_time(node.expressions[0]))


def _year_of_week(node: exp.Expr) -> exp.Expr:
    """The year that the ISO week of a date belongs to.

    Example: ``year_of_week(DATE '2021-01-03')`` is ``2020``.
    Source: "Date and time functions and operators", Trino documentation.
    """
    return from_template("isoyear(:x)", x=local_time(node.expressions[0]))


def _date_parse(node: exp.Expr) -> exp.Expr:
    """date_parse takes a text that has the format from its first character to its last, and gives milliseconds.

    DuckDB passes over blanks, and a time without a year is in 1900 there, and in 1970 in Trino.
    Example: ``date_parse('2024-03-01 5.1239', '%Y-%m-%d %s.%f')`` is ``TIMESTAMP '2024-03-01 00:00:05.123'``.
    Example: ``date_parse(' 2024-03-01', '%Y-%m-%d')`` fails with INVALID_FUNCTION_ARGUMENT.
    Source: "DateTimeFunctions.java" of Trino; "Format specifiers" of `date_parse`, Trino documentation.
    """
    specifiers = re.findall("%-?.", node.args["format"].name)
    if unknown := [specifier for specifier in specifiers if specifier not in _PARSED_TEXTS]:
        raise NotSupportedError(f"parsing {unknown[0]}")
    hours = [specifier.replace("-", "") for specifier in specifiers if specifier in ("%H", "%I", "%-I", "%p")]
    if (
        "%Y" not in specifiers
        or len(set(specifiers)) < len(specifiers)
        or sorted(hours) not in ([], ["%H"], ["%I", "%p"])
    ):
        raise NotSupportedError("parsing a time without a year, with a part twice, or with an hour that is not clear")
    pattern = "".join(
        _PARSED_TEXTS.get(part) or re.escape(part) for part in re.findall("%-?.|.", node.args["format"].name)
    )
    parsed: exp.Expr = exp.Anonymous(this="strptime", expressions=[node.this, node.args["format"]])
    if "%f" in specifiers:
        parsed = from_template("date_trunc('milliseconds', :parsed)", parsed=parsed)
    problem = "error('INVALID_FUNCTION_ARGUMENT: Invalid format: ' || :x)"
    template = f"CASE WHEN regexp_full_match(:x, :pattern) THEN :parsed WHEN :x IS NOT NULL THEN {problem} END"
    return from_template(template, x=node.this, pattern=exp.Literal.string(pattern), parsed=parsed)


def _of_date(node: exp.Expr) -> exp.Expr:
    _require_date_field(node)
    return _as_date(node)


def _require_date_field(node: exp.Expr) -> None:
    """Raise InvalidArgumentError where the unit is a part of a time, and the value a date."""
    if node.text("unit").upper() in _TIME_UNITS:
        raise InvalidArgumentError(f"'{node.text('unit').lower()}' is not a valid DATE field")


def _as_date(value: exp.Expr) -> exp.Expr:
    return from_template("CAST(:value AS DATE)", value=value)


RULES: Rules = {
    exp.Add: _add_interval,
    exp.CurrentTimestamp: _now,
    exp.DateAdd: _date_add,
    exp.DateDiff: _date_diff,
    exp.DateTrunc: _date_trunc,
    exp.Localtimestamp: _localtimestamp,
    exp.StrToTime: _date_parse,
    exp.Sub: _add_interval,
    exp.TimestampTrunc: _date_trunc,
    exp.UnixToTime: _from_unixtime,
}

FUNCTIONS = (
    Function("millisecond", ("date or timestamp",), "BIGINT", _millisecond),
    Function("year_of_week", ("date or timestamp",), "BIGINT", _year_of_week),
    Function("yow", ("date or timestamp",), "BIGINT", _year_of_week),
)
