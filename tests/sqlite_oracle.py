"""SQLite with functions that follow Trino's documentation: what the embedded engine's answers are compared with.

It shares neither a parser nor an executor with the embedded engine. The functions are in plain Python, each by a rule
of Trino's documentation (https://trino.io/docs/current/functions.html). How Trino's values are written here:

- a timestamp and a date as the text that Trino prints, so that texts compare as times do;
- a decimal as its digits: ``12.50`` has two decimal places;
- NaN as the text ``NaN``, which SQLite sorts behind all numbers, as Trino does; comparisons use functions;
- an array as JSON.
"""

import ipaddress
import json
import math
import re
import sqlite3
from calendar import monthrange
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import pandas as pd

NAN = "NaN"

Function = Callable[..., Any]


def oracle() -> sqlite3.Connection:
    """An empty database in memory that knows these functions. LIKE tells capital letters, as Trino's does."""
    database = sqlite3.connect(":memory:")
    database.execute("PRAGMA case_sensitive_like = ON")
    for name, function in _FUNCTIONS.items():
        database.create_function(name, -1, _null_of_null(function), deterministic=True)
    for name, of_values in _AGGREGATES.items():
        database.create_aggregate(name, -1, _aggregate(of_values))  # type: ignore[arg-type]
    return database


def answer(database: sqlite3.Connection, query: str) -> list[tuple[object, ...]]:
    """The rows of a query, comparable with those of `comparable`."""
    return [tuple(_rounded(value) for value in row) for row in database.execute(query)]


def comparable(rows: Iterable[Sequence[object]], *, arrays_in_any_order: bool = False) -> list[tuple[object, ...]]:
    """Rows of the embedded engine, written as this database has them."""
    return [tuple(_written(value, arrays_in_any_order=arrays_in_any_order) for value in row) for row in rows]


def in_any_order(rows: Iterable[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return sorted(rows, key=repr)


def _written(value: Any, *, arrays_in_any_order: bool) -> object:
    if value is None or value is pd.NaT:
        return None
    if isinstance(value, (bool, int)):
        return int(value)
    if isinstance(value, datetime):
        return _time_text(value.replace(tzinfo=None))
    if isinstance(value, (date, Decimal)):
        return str(value)
    if isinstance(value, float):
        return _rounded(value)
    if hasattr(value, "tolist"):
        return _written(value.tolist(), arrays_in_any_order=arrays_in_any_order)
    if isinstance(value, list):
        items = [_written(item, arrays_in_any_order=False) for item in value]
        return _array_text(sorted(items, key=_nulls_last) if arrays_in_any_order else items)
    return value


def _rounded(value: object) -> object:
    """A floating-point number without its last digits, which depend on the order of a sum; NaN and -0.0 as one text."""
    if not isinstance(value, float):
        return value
    return NAN if math.isnan(value) else float(f"{value:.12g}") + 0.0


def _array_text(items: Iterable[object]) -> str:
    return json.dumps(list(items), separators=(",", ":"))


def _null_of_null(function: Function) -> Function:
    """NULL if any argument is NULL, as in nearly all functions of SQL."""
    return lambda *values: None if any(value is None for value in values) else function(*values)


def _aggregate(of_values: Callable[[list[Any]], object]) -> type:
    class Aggregate:
        def __init__(self) -> None:
            self.values: list[Any] = []

        def step(self, *values: Any) -> None:
            self.values.append(values[0] if len(values) == 1 else values)

        def finalize(self) -> object:
            return of_values(self.values)

    return Aggregate


# Times


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _time_text(value: datetime) -> str:
    return value.strftime("%Y-%m-%d %H:%M:%S.") + f"{value.microsecond // 1000:03}"


def _like(text: str, value: datetime) -> str:
    """A time of the type of `text`: a date, if that is one."""
    return value.date().isoformat() if len(text) == len("2024-03-01") else _time_text(value)


def _from_unixtime(seconds: float) -> str:
    return _time_text(datetime.fromtimestamp(seconds, timezone.utc))


def _to_unixtime(text: str) -> float:
    return _time(text).replace(tzinfo=timezone.utc).timestamp()


_MYSQL_SPECIFIERS: dict[str, Callable[[datetime], str]] = {
    "Y": lambda time: f"{time.year:04}",
    "y": lambda time: f"{time.year % 100:02}",
    "m": lambda time: f"{time.month:02}",
    "c": lambda time: str(time.month),
    "d": lambda time: f"{time.day:02}",
    "e": lambda time: str(time.day),
    "H": lambda time: f"{time.hour:02}",
    "k": lambda time: str(time.hour),
    "h": lambda time: f"{(time.hour + 11) % 12 + 1:02}",
    "i": lambda time: f"{time.minute:02}",
    "s": lambda time: f"{time.second:02}",
    "S": lambda time: f"{time.second:02}",
    "T": lambda time: f"{time:%H:%M:%S}",
    "j": lambda time: f"{time.timetuple().tm_yday:03}",
    "a": lambda time: ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[time.weekday()],
    "W": lambda time: ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[time.weekday()],
    "p": lambda time: "AM" if time.hour < 12 else "PM",
    "%": lambda _: "%",
}
"""MySQL's specifiers, which `date_format` takes."""


def _date_format(text: str, form: str) -> str:
    return re.sub("%(.)", lambda found: _MYSQL_SPECIFIERS[found[1]](_time(text)), form)


_DAYS = {"day": 1, "week": 7}
_SECONDS = {"second": 1, "minute": 60, "hour": 3600}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def _plus_months(time: datetime, months: int) -> datetime:
    year, month = divmod(time.year * 12 + time.month - 1 + months, 12)
    return time.replace(year=year, month=month + 1, day=min(time.day, monthrange(year, month + 1)[1]))


def _date_add(unit: str, number: int, text: str) -> str:
    if unit in _MONTHS:
        return _like(text, _plus_months(_time(text), number * _MONTHS[unit]))
    return _like(text, _time(text) + timedelta(days=_DAYS.get(unit, 0), seconds=_SECONDS.get(unit, 0)) * number)


def _date_diff(unit: str, first: str, second: str) -> int:
    """The number of whole units; of a later day first, that of the other order with a minus (Joda's rule)."""
    begin, end = _time(first), _time(second)
    if end < begin:
        return -_date_diff(unit, second, first)
    if unit in _MONTHS:
        months = (end.year - begin.year) * 12 + end.month - begin.month
        return (months - (_plus_months(begin, months) > end)) // _MONTHS[unit]
    seconds = _DAYS.get(unit, 0) * 86_400 + _SECONDS.get(unit, 0)
    return (end - begin) // timedelta(seconds=seconds)


def _date_trunc(unit: str, text: str) -> str:
    time = _time(text)
    midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
    cut = {
        "second": lambda: time.replace(microsecond=0),
        "minute": lambda: time.replace(second=0, microsecond=0),
        "hour": lambda: time.replace(minute=0, second=0, microsecond=0),
        "day": lambda: midnight,
        "week": lambda: midnight - timedelta(days=time.weekday()),
        "month": lambda: midnight.replace(day=1),
        "quarter": lambda: midnight.replace(month=(time.month - 1) // 3 * 3 + 1, day=1),
        "year": lambda: midnight.replace(month=1, day=1),
    }[unit]
    return _like(text, cut())


def _last_day_of_month(text: str) -> str:
    day = _time(text)
    return day.replace(day=monthrange(day.year, day.month)[1]).date().isoformat()


# Texts


def _substr(text: str, start: int, length: int | None = None) -> str:
    """Positions begin with 1; a negative one counts from the end; none outside the text gives an empty text."""
    begin = start - 1 if start > 0 else len(text) + start
    if start == 0 or not 0 <= begin < len(text) or (length is not None and length <= 0):
        return ""
    return text[begin:] if length is None else text[begin : begin + length]


def _split_part(text: str, delimiter: str, number: int) -> str | None:
    parts = text.split(delimiter)
    return parts[number - 1] if number <= len(parts) else None


def _pad(text: str, size: int, filling: str, *, left: bool) -> str:
    missing = size - len(text)
    if missing <= 0:
        return text[:size]
    added = (filling * missing)[:missing]
    return added + text if left else text + added


def _regexp_replace(text: str, pattern: str, replacement: str = "") -> str:
    return re.sub(pattern, re.sub(r"\$(\d)", r"\\\1", replacement), text)


def _regexp_extract(text: str, pattern: str, group: int = 0) -> str | None:
    found = re.search(pattern, text)
    return found[group] if found else None


# Numbers

_EXACT = Context(prec=80, rounding=ROUND_HALF_UP)


def _scale(text: str) -> int:
    return len(text.partition(".")[2])


def _decimal_text(value: Decimal, scale: int) -> str:
    return format(value.quantize(Decimal(1).scaleb(-scale), context=_EXACT), "f")


def _decimal_divided(left: object, right: object) -> str:
    """The result has as many decimal places as the argument that has more; it is rounded half up."""
    first, second = str(left), str(right)
    return _decimal_text(_EXACT.divide(Decimal(first), Decimal(second)), max(_scale(first), _scale(second)))


def _decimal_times(left: object, right: object) -> str:
    first, second = str(left), str(right)
    return _decimal_text(_EXACT.multiply(Decimal(first), Decimal(second)), _scale(first) + _scale(second))


def _decimal_plus(left: object, right: object) -> str:
    first, second = str(left), str(right)
    return _decimal_text(_EXACT.add(Decimal(first), Decimal(second)), max(_scale(first), _scale(second)))


def _decimal_rounded(value: object, places: int = 0) -> str:
    """Of a decimal with more places: it keeps them, and they are zero. Without `places`, there are none."""
    text = str(value)
    rounded = _decimal_text(Decimal(text), min(places, _scale(text)))
    return rounded if not places else _decimal_text(Decimal(rounded), _scale(text))


def _round(value: float, places: int = 0) -> object:
    """Half away from zero, as `round` of a double."""
    if value == NAN:
        return NAN
    if isinstance(value, int):
        return value
    scaled = abs(value) * 10**places
    return math.copysign(math.floor(scaled + 0.5) / 10**places, value)


def _double(value: object) -> float:
    return math.nan if value == NAN else float(value)  # type: ignore[arg-type]


def _of_doubles(compute: Callable[..., float | bool]) -> Function:
    """A function of doubles, one of which may be NaN."""

    def function(*values: object) -> object:
        found = compute(*map(_double, values))
        return NAN if isinstance(found, float) and math.isnan(found) else found

    return function


def _stddev(values: list[Any]) -> float | None:
    numbers = [float(value) for value in values if value is not None]
    if len(numbers) < 2:
        return None
    mean = math.fsum(numbers) / len(numbers)
    return math.sqrt(math.fsum((number - mean) ** 2 for number in numbers) / (len(numbers) - 1))


def _nulls_last(value: object) -> tuple[bool, object]:
    return value is None, 0 if value is None else value


def _not_null(values: list[Any]) -> list[Any]:
    return [value for value in values if value is not None]


def _double_sum(values: list[Any]) -> object:
    found = [_double(value) for value in values if value is not None]
    return None if not found else NAN if any(map(math.isnan, found)) else math.fsum(found)


def _double_average(values: list[Any]) -> object:
    total = _double_sum(values)
    return total / len(_not_null(values)) if isinstance(total, float) else total


def _double_extreme(choose: Function) -> Callable[[list[Any]], object]:
    """The least or the greatest double. NaN is neither, as long as there is another value."""

    def of_values(values: list[Any]) -> object:
        found = _not_null(values)
        numbers = [value for value in found if value != NAN]
        return choose(numbers) if numbers else NAN if found else None

    return of_values


def _greatest_by(values: list[Any]) -> object:
    """`max_by(x, y)`: the value x of the greatest y."""
    found = [pair for pair in values if pair[1] is not None]
    return max(found, key=lambda pair: pair[1])[0] if found else None


def _decimal_sum(values: list[Any]) -> str | None:
    found = [Decimal(value) for value in values if value is not None]
    return _decimal_text(sum(found, Decimal(0)), _scale(_not_null(values)[0])) if found else None


def _decimal_average(values: list[Any]) -> str | None:
    """As many decimal places as the values have, rounded half up."""
    found = _not_null(values)
    total = _decimal_sum(values)
    return (
        None if total is None else _decimal_text(_EXACT.divide(Decimal(total), Decimal(len(found))), _scale(found[0]))
    )


def _decimal_extreme(choose: Function) -> Callable[[list[Any]], object]:
    return lambda values: choose(_not_null(values), key=Decimal) if _not_null(values) else None


# Addresses


def _address_key(text: str) -> bytes:
    """16 bytes by which addresses compare: IPADDRESS holds an IPv4 address as the IPv6 address ::ffff:a.b.c.d."""
    address = ipaddress.ip_address(text)
    return address.packed if address.version == 6 else b"\0" * 10 + b"\xff\xff" + address.packed


def _in_network(network: str, text: str) -> bool:
    """`contains(network, address)`: an IPv4 address is in no IPv6 network."""
    return ipaddress.ip_address(text) in ipaddress.ip_network(network, strict=False)


_FUNCTIONS: dict[str, Function] = {
    "from_unixtime": _from_unixtime,
    "to_unixtime": _to_unixtime,
    "date_format": _date_format,
    "date_add": _date_add,
    "date_diff": _date_diff,
    "date_trunc": _date_trunc,
    "last_day_of_month": _last_day_of_month,
    "year": lambda text: _time(text).year,
    "month": lambda text: _time(text).month,
    "day": lambda text: _time(text).day,
    "hour": lambda text: _time(text).hour,
    "minute": lambda text: _time(text).minute,
    "day_of_week": lambda text: _time(text).isoweekday(),
    "day_of_year": lambda text: _time(text).timetuple().tm_yday,
    "week": lambda text: _time(text).isocalendar()[1],
    "to_iso8601": lambda text: _time(text).isoformat(timespec="milliseconds") + "Z",
    "trino_substr": _substr,
    "split_part": _split_part,
    "json_split": lambda text, delimiter: _array_text(text.split(delimiter)),
    "second": lambda text: _time(text).second,
    "strpos": lambda text, part: text.find(part) + 1,
    "reverse": lambda text: text[::-1],
    "concat": lambda *texts: "".join(texts),
    "lpad": lambda text, size, filling: _pad(text, size, filling, left=True),
    "rpad": lambda text, size, filling: _pad(text, size, filling, left=False),
    "trino_upper": lambda text: text.upper(),
    "trino_lower": lambda text: text.lower(),
    "regexp_like": lambda text, pattern: re.search(pattern, text) is not None,
    "regexp_extract": _regexp_extract,
    "regexp_replace": _regexp_replace,
    "round": _round,
    "floor": lambda value: value if isinstance(value, int) else NAN if value == NAN else float(math.floor(value)),
    "ceil": lambda value: value if isinstance(value, int) else NAN if value == NAN else float(math.ceil(value)),
    "sqrt": _of_doubles(math.sqrt),
    "dec_div": _decimal_divided,
    "dec_mul": _decimal_times,
    "dec_add": _decimal_plus,
    "dec_round": _decimal_rounded,
    "dec_key": lambda value: float(Decimal(str(value))),
    "dbl_lt": _of_doubles(lambda left, right: left < right),
    "dbl_le": _of_doubles(lambda left, right: left <= right),
    "dbl_eq": _of_doubles(lambda left, right: left == right),
    "dbl_ne": _of_doubles(lambda left, right: left != right),
    "dbl_add": _of_doubles(lambda left, right: left + right),
    "dbl_sub": _of_doubles(lambda left, right: left - right),
    "dbl_mul": _of_doubles(lambda left, right: left * right),
    "dbl_div": _of_doubles(lambda left, right: left / right),
    "dbl_abs": _of_doubles(abs),
    "address": _address_key,
    "in_network": _in_network,
}

_AGGREGATES: dict[str, Callable[[list[Any]], object]] = {
    "stddev": _stddev,
    "array_agg": lambda values: _array_text(sorted(values, key=_nulls_last)) if values else None,
    "dbl_sum": _double_sum,
    "dbl_avg": _double_average,
    "dbl_min": _double_extreme(min),
    "dbl_max": _double_extreme(max),
    "dec_sum": _decimal_sum,
    "dec_avg": _decimal_average,
    "dec_min": _decimal_extreme(min),
    "dec_max": _decimal_extreme(max),
    "max_by": _greatest_by,
    "bool_and": lambda values: int(all(_not_null(values))) if _not_null(values) else None,
    "bool_or": lambda values: int(any(_not_null(values))) if _not_null(values) else None,
}
