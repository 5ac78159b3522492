"""Partition projection: a table's partitions by its properties, and not by the catalog.

For example, ``'projection.day.type'='date', 'projection.day.range'='2021/01/01,NOW', 'projection.day.format'=
'yyyy/MM/dd'`` means a partition for each day. Sources: "Use partition projection" with "Supported types" and "Set up
partition projection", Athena user guide (2023). A partition whose folder is not there has no rows, and is no error.
"""

import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from itertools import product
from math import prod

from sqlglot import exp

from flowlogs.statements import PROJECTION, TableDefinition, TableName
from resources.embedded.partition import Partition
from resources.embedded.sql.errors import not_supported
from resources.embedded.sql.predicates import conjuncts
from resources.embedded.sql.pruning import bounds
from resources.engine import QueryError

TEMPLATE = "storage.location.template"

MAX_PARTITIONS = 100_000
"""How many partitions one query may project."""

_NOW = re.compile(
    r"\s*NOW\s*(?:(?P<sign>[+-])\s*(?P<number>\d+)\s*(?P<unit>YEAR|MONTH|WEEK|DAY|HOUR|MINUTE|SECOND)S?\s*)?"
)
_DATE_PARTS: Mapping[str, tuple[str, str]] = {
    "yyyy": ("%Y", r"\d{4}"),
    "MM": ("%m", r"\d\d"),
    "dd": ("%d", r"\d\d"),
    "HH": ("%H", r"\d\d"),
    "mm": ("%M", r"\d\d"),
    "ss": ("%S", r"\d\d"),
}
"""The parts of Java's DateTimeFormatter that are understood, with Python's."""

_SECONDS: Mapping[str, int] = {"WEEK": 604_800, "DAY": 86_400, "HOUR": 3_600, "MINUTE": 60, "SECOND": 1}
_MONTHS: Mapping[str, int] = {"YEAR": 12, "MONTH": 1}


def is_projected(table: TableDefinition) -> bool:
    return table.properties.get(PROJECTION, "").strip().lower() == "true" and bool(table.partition_columns)


def projected_partitions(
    name: TableName, table: TableDefinition, predicates: Sequence[exp.Expr], text: str
) -> list[Partition]:
    """The partitions that a query with these predicates on the partition columns may need, in order.

    Raises QueryError for properties that Athena would not take either, or that are not supported here.
    """
    columns = [column for column, _ in table.partition_columns]
    missing = [column for column in columns if f"projection.{column}.type" not in table.properties]
    if missing:
        raise QueryError(
            "HIVE_METASTORE_ERROR",
            f"Table {name.database}.{name.table} is configured for partition projection, but the following partition "
            f"columns are missing projection configuration: [{', '.join(missing)}].",
            text,
        )
    values = [_Column(column, table.properties, text).values(predicates) for column in columns]
    kept = [
        [value for value in of_column if _is_within(value, bounds(predicates, column))]
        for column, of_column in zip(columns, values, strict=True)
    ]
    count = prod(map(len, kept))
    if count > MAX_PARTITIONS:
        raise not_supported(
            f"a query that projects {count:,} partitions; ask for fewer, by a condition on {' or '.join(columns)}", text
        )
    return sorted(
        (Partition(one, _location(table, columns, one, text)) for one in product(*kept)),
        key=lambda partition: partition.values,
    )


def _is_within(value: str, found: tuple[str | None, str | None]) -> bool:
    low, high = found
    return (low is None or value >= low) and (high is None or value <= high)


def _location(table: TableDefinition, columns: Sequence[str], values: Sequence[str], text: str) -> str:
    template = table.properties.get(TEMPLATE)
    if template is None:
        folder = "/".join(f"{column}={value}" for column, value in zip(columns, values, strict=True))
        return f"{table.location.rstrip('/')}/{folder}"
    by_column = dict(zip(columns, values, strict=True))
    places = re.findall(r"\$\{([^}]*)\}", template)
    for place in [*places, *columns]:
        if place not in by_column or place not in places:
            problem = f"{TEMPLATE} has to have a placeholder for each partition column, and for nothing else: {place}"
            raise QueryError("INVALID_TABLE_PROPERTY", f"{problem} ({template}).", text)
    return re.sub(r"\$\{([^}]*)\}", lambda found: by_column[found[1]], template)


class _Column:
    """The projection of one partition column."""

    def __init__(self, column: str, properties: Mapping[str, str], text: str) -> None:
        self.column = column
        self.properties = properties
        self.text = text

    def values(self, predicates: Sequence[exp.Expr]) -> list[str]:
        kinds: Mapping[str, Callable[[], list[str]]] = {
            "enum": lambda: self._property("values").split(","),
            "integer": self._integers,
            "date": self._dates,
            "injected": lambda: self._injected(predicates),
        }
        kind = self._property("type").strip().lower()
        if kind not in kinds:
            raise self._invalid("type", f"it is none of {', '.join(kinds)}")
        return kinds[kind]()

    def _property(self, name: str, default: str | None = None) -> str:
        found = self.properties.get(f"projection.{self.column}.{name}", default)
        if found is None:
            raise self._invalid(name, "it is missing")
        return found

    def _invalid(self, name: str, problem: str) -> QueryError:
        return QueryError("INVALID_TABLE_PROPERTY", f"projection.{self.column}.{name}: {problem}.", self.text)

    def _positive(self, name: str, default: str) -> int:
        written = self._property(name, default).strip()
        if not re.fullmatch("[1-9][0-9]{0,8}", written):
            raise self._invalid(name, f"{written!r} is no number above 0")
        return int(written)

    def _range(self) -> tuple[str, str]:
        ends = self._property("range").split(",")
        if len(ends) != 2:
            raise self._invalid("range", "it has to have two values with a comma between them")
        return ends[0], ends[1]

    def _few(self, count: int) -> None:
        if count > MAX_PARTITIONS:
            raise not_supported(f"a projection of {count:,} values of {self.column}", self.text)

    def _integers(self) -> list[str]:
        ends = [end.strip() for end in self._range()]
        if not all(re.fullmatch("[+-]?[0-9]{1,18}", end) for end in ends):
            raise self._invalid("range", f"{','.join(ends)!r} are no integers")
        digits = self._positive("digits", "1")
        numbers = range(int(ends[0]), int(ends[1]) + 1, self._positive("interval", "1"))
        self._few(len(numbers))
        return [f"{'-' if number < 0 else ''}{abs(number):0{digits}}" for number in numbers]

    def _injected(self, predicates: Sequence[exp.Expr]) -> list[str]:
        found = [values for predicate in predicates for part in conjuncts(predicate) if (values := self._equal(part))]
        if not found:
            problem = (
                f"For the injected projected partition column {self.column}, the WHERE clause must contain only static "
                "equality conditions, and at least one such condition must be present."
            )
            raise QueryError("CONSTRAINT_VIOLATION", problem, self.text)
        return sorted(set(found[0]))

    def _equal(self, predicate: exp.Expr) -> list[str]:
        """The texts that a predicate has the column equal to; none where it is another predicate."""
        if not isinstance(predicate.this, exp.Column) or predicate.this.name != self.column:
            return []
        if isinstance(predicate, exp.EQ) and predicate.expression.is_string:
            return [predicate.expression.name]
        if isinstance(predicate, exp.In) and all(value.is_string for value in predicate.expressions):
            return [value.name for value in predicate.expressions]
        return []

    def _dates(self) -> list[str]:
        written = self._property("format")
        parts = [found[0] for found in re.finditer(r"([A-Za-z])\1*|'[^']*'|[^A-Za-z']+", written)]
        unknown = [part for part in parts if part[0].isalpha() and part not in _DATE_PARTS]
        if unknown or "%" in written or "yyyy" not in parts:
            what = f"projection.{self.column}.format {written!r}; of its letters, yyyy, MM, dd, HH, mm and ss are known"
            raise not_supported(what, self.text)
        formats = "".join(_DATE_PARTS[part][0] if part in _DATE_PARTS else part.strip("'") for part in parts)
        pattern = "".join(_DATE_PARTS[part][1] if part in _DATE_PARTS else re.escape(part.strip("'")) for part in parts)
        first, last = (self._moment(end, formats, pattern) for end in self._range())
        step = self._step(parts)
        found: list[str] = []
        moment, number = first, 0
        while moment <= last:
            found.append(moment.strftime(formats))
            number += 1
            self._few(number)
            moment = step(first, number)
        return list(dict.fromkeys(found))

    def _moment(self, end: str, formats: str, pattern: str) -> datetime:
        """An end of the range, cut to what the format writes of it."""
        if now := _NOW.fullmatch(end):
            moment = _now()
            if now["unit"]:
                moment = _moved(moment, now["unit"], int(now["number"]) * (-1 if now["sign"] == "-" else 1))
            end = moment.strftime(formats)
        try:
            if re.fullmatch(pattern, end):
                return datetime.strptime(end, formats).replace(tzinfo=timezone.utc)
        except ValueError:
            pass
        raise self._invalid("range", f"{end!r} is no date in the format")

    def _step(self, parts: Iterable[str]) -> Callable[[datetime, int], datetime]:
        finest = [part for part in _DATE_PARTS if part in set(parts)][-1]
        default = {"MM": "MONTHS", "dd": "DAYS"}.get(finest)
        unit = self._property("interval.unit", default).strip().upper().removesuffix("S")
        if unit not in (*_SECONDS, *_MONTHS):
            raise not_supported(f"projection.{self.column}.interval.unit {unit}", self.text)
        interval = self._positive("interval", "1" if default else self._property("interval"))
        return lambda first, number: _moved(first, unit, number * interval)


def _moved(moment: datetime, unit: str, number: int) -> datetime:
    if unit in _SECONDS:
        return moment + timedelta(seconds=_SECONDS[unit] * number)
    year, month = divmod(moment.year * 12 + moment.month - 1 + _MONTHS[unit] * number, 12)
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def _now() -> datetime:
    return datetime.now(timezone.utc)
