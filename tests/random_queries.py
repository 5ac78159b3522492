"""Random queries over two small tables, each as Athena's SQL and as SQLite's: what the differential test compares.

A query comes from its number, so that a difference can be looked at again. Both texts are made together, piece by
piece: an expression is a pair of texts of one type. What SQLite lacks is written out: grouping sets as UNION ALL, FULL
JOIN as LEFT JOIN and what it lacks, doubles with NaN by functions of sqlite_oracle.py. Only what Trino allows is made:
no division by zero, no overflow, no rows that depend on an order that is not given.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

BIGINT, DOUBLE, VARCHAR, BOOLEAN = "bigint", "double", "varchar", "boolean"
DATE, TIMESTAMP, DECIMAL = "date", "timestamp", "decimal"

COLUMNS = {
    "id": BIGINT,
    "a": BIGINT,
    "b": BIGINT,
    "s": VARCHAR,
    "x": DOUBLE,
    "d": DATE,
    "m": DECIMAL,
    "ts": TIMESTAMP,
}
"""The columns of both tables, with their types; `id` is unique."""

_STORED = {
    "x": "CAST(x AS double)",
    "d": "CAST(d AS date)",
    "m": "CAST(m AS decimal(10,2))",
    "ts": "CAST(ts AS timestamp)",
}
"""How a column is read that the tables hold as text."""

TABLES: dict[str, list[tuple[object, ...]]] = {
    "t": [
        (1, 1, 10, "a", 1.5, "2024-01-31", "1.50", "2024-01-31 23:59:59.000"),
        (2, 1, -3, "Ab", -2.25, "2024-02-29", "-0.75", "2024-02-29 00:00:00.000"),
        (3, 2, None, "b.c.d", "NaN", "2023-12-31", "10.00", "2023-12-31 12:30:15.500"),
        (4, None, 7, None, 0.5, None, None, None),
        (5, 2, 0, "", None, "2024-02-29", "0.05", "2024-02-29 00:00:00.000"),
        (6, -5, 12, "äb", 100.0, "2024-03-01", "99.99", "2024-03-01 06:07:08.000"),
        (7, 3, 12, "a", 1.5, "2024-03-01", "1.50", "2024-03-01 06:07:08.000"),
        (8, 3, 5, " x ", -2.25, "2025-01-01", "-3.33", "2025-01-01 00:00:00.000"),
        (9, None, None, "10.0.0.1", "NaN", "2024-01-01", "12.34", "2024-01-01 01:00:00.000"),
        (10, 0, 1, "abcabc", 8.0, "2024-12-30", "7.00", None),
        (11, 3, -3, "zz", 0.25, None, "0.00", "2022-06-15 18:45:00.250"),
    ],
    "u": [
        (1, 1, 100, "a", 1.5, "2024-01-31", "2.50", "2024-01-31 23:59:59.000"),
        (2, 2, 200, "b", "NaN", "2024-02-28", "-1.00", "2024-02-28 23:00:00.000"),
        (3, 2, None, None, 3.0, "2022-06-15", None, None),
        (4, 3, 7, "Ab", None, None, "0.10", "2023-12-31 12:30:15.500"),
        (5, None, 7, "zz", -2.25, "2024-03-01", "1.50", "2024-03-01 06:07:08.000"),
        (6, 9, -1, "10.0.0.2", 64.0, "2024-02-29", "45.67", "2024-02-29 00:00:00.001"),
        (7, 3, 0, "abcabc", 0.5, "2024-12-31", "-3.33", "2024-12-31 23:59:59.999"),
    ],
}


TYPES = (BIGINT, DOUBLE, VARCHAR, BOOLEAN, DATE, TIMESTAMP, DECIMAL)
"""The types that queries are made of."""


@dataclass(frozen=True)
class Value:
    """An expression in Athena's SQL and in SQLite's, of one type."""

    trino: str
    sqlite: str
    type: str


@dataclass(frozen=True)
class Source:
    """What stands behind FROM, in both languages, and the columns that it has."""

    trino: str
    sqlite: str
    columns: tuple[Value, ...]


@dataclass(frozen=True)
class Query:
    """A query in both languages. If it `is_ordered`, so are its rows."""

    trino: str
    sqlite: str
    types: tuple[str, ...] = ()
    is_ordered: bool = False


def random_query(number: int, types: Sequence[str] = TYPES) -> Query:
    """The query of this number, made of values of these types."""
    return _Maker(random.Random(number), tuple(types)).query()


def columns_of(types: Sequence[str]) -> list[str]:
    return [column for column, column_type in COLUMNS.items() if column_type in types]


@dataclass
class _Maker:
    dice: random.Random
    types: tuple[str, ...]
    columns: tuple[Value, ...] = field(default=())

    def query(self) -> Query:
        made = self.dice.choice(
            [self.plain, self.plain, self.grouped, self.grouped, self.windows, self.grouping_sets, self.set_operation]
        )()
        return self.ordered(made) if self.dice.random() < 0.6 else made

    # Sources

    def table(self, name: str) -> Source:
        read = ", ".join(f"{_STORED[column]} AS {column}" if column in _STORED else column for column in self.names())
        columns = tuple(Value(f"{name}.{column}", f"{name}.{column}", COLUMNS[column]) for column in self.names())
        return Source(f"(SELECT {read} FROM {name}) AS {name}", name, columns)

    def names(self) -> list[str]:
        return columns_of(self.types)

    def source(self, depth: int = 1) -> Source:
        chance = self.dice.random()
        if chance < 0.35:
            return self.join()
        if chance < 0.5 and depth:
            return self.derived(depth - 1)
        return self.unnested() if chance > 0.9 else self.table("t")

    def unnested(self) -> Source:
        """A row for each part of a text."""
        table = self.table("t")
        columns = (*table.columns, Value("p.part", "p.value", VARCHAR))
        return Source(
            f"{table.trino} CROSS JOIN UNNEST(split(t.s, '.')) AS p (part)",
            "t, json_each(json_split(t.s, '.')) AS p",
            columns,
        )

    def derived(self, depth: int) -> Source:
        inner = _Maker(self.dice, self.types)
        made = self.dice.choice([inner.plain, inner.grouped])(depth)
        columns = tuple(Value(f"q.c{place}", f"q.c{place}", kind) for place, kind in enumerate(made.types))
        return Source(f"({made.trino}) AS q", f"({made.sqlite}) AS q", columns)

    def join(self) -> Source:
        """Two tables. In SQLite it is one subquery, with the columns t_a, u_a and so on."""
        left, right = self.table("t"), self.table("u")
        self.columns = (*left.columns, *right.columns)
        key = self.dice.choice(["a", "a", "s", "d", "id"] if DATE in self.types else ["a", "a", "s", "id"])
        condition = Value(f"t.{key} = u.{key}", f"t.{key} = u.{key}", BOOLEAN)
        if self.dice.random() < 0.4:
            more = self.boolean(1)
            condition = Value(f"{condition.trino} AND {more.trino}", f"{condition.sqlite} AND {more.sqlite}", BOOLEAN)
        kind = self.dice.choice(["JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN"])
        names = {table: ", ".join(f"{table}.{name} AS {table}_{name}" for name in self.names()) for table in "tu"}
        nulls = {table: ", ".join(f"NULL AS {table}_{name}" for name in self.names()) for table in "tu"}
        inner = f"SELECT {names['t']}, {names['u']} FROM t JOIN u ON {condition.sqlite}"
        only_left = (
            f"SELECT {names['t']}, {nulls['u']} FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE {condition.sqlite})"
        )
        only_right = (
            f"SELECT {nulls['t']}, {names['u']} FROM u WHERE NOT EXISTS (SELECT 1 FROM t WHERE {condition.sqlite})"
        )
        sqlite = {
            "JOIN": inner,
            "LEFT JOIN": f"{inner} UNION ALL {only_left}",
            "RIGHT JOIN": f"{inner} UNION ALL {only_right}",
            "FULL JOIN": f"{inner} UNION ALL {only_left} UNION ALL {only_right}",
            "CROSS JOIN": f"SELECT {names['t']}, {names['u']} FROM t, u",
        }[kind]
        on = "" if kind == "CROSS JOIN" else f" ON {condition.trino}"
        columns = tuple(
            Value(f"{table}.{name}", f"j.{table}_{name}", COLUMNS[name]) for table in "tu" for name in self.names()
        )
        return Source(f"{left.trino} {kind} {right.trino}{on}", f"({sqlite}) AS j", columns)

    # Queries

    def plain(self, depth: int = 1) -> Query:
        source = self.source(depth)
        self.columns = source.columns
        items = [self.value(self.dice.choice(self.types), 3) for _ in range(self.dice.randint(1, 4))]
        distinct = "DISTINCT " if self.dice.random() < 0.25 else ""
        return _select(source, items, self.where(), distinct=distinct)

    def where(self) -> Value | None:
        if self.dice.random() < 0.4:
            return None
        return self.subquery_condition() if self.dice.random() < 0.3 else self.boolean(3)

    def subquery_condition(self) -> Value:
        """IN, EXISTS or a comparison with a scalar subquery, perhaps correlated."""
        outer = self.column(BIGINT)
        inner = _Maker(self.dice, self.types)
        table = inner.table("u")
        inner.columns = tuple(Value(f"w.{name}", f"w.{name}", COLUMNS[name]) for name in inner.names())
        read, plain = table.trino.replace(" AS u", " AS w"), "u AS w"
        condition = inner.boolean(1)
        match self.dice.randrange(4):
            case 0:
                words = [("IN", "IN"), ("NOT IN", "NOT IN"), ("= ANY", "IN"), ("<> ALL", "NOT IN")]
                word, sqlite = self.dice.choice(words)
                chosen = self.dice.choice(["a", "b", "id"])
                return Value(
                    f"{outer.trino} {word} (SELECT w.{chosen} FROM {read} WHERE {condition.trino})",
                    f"{outer.sqlite} {sqlite} (SELECT w.{chosen} FROM {plain} WHERE {condition.sqlite})",
                    BOOLEAN,
                )
            case 1:
                word = self.dice.choice(["EXISTS", "NOT EXISTS"])
                return Value(
                    f"{word} (SELECT 1 FROM {read} WHERE w.a = {outer.trino} AND {condition.trino})",
                    f"{word} (SELECT 1 FROM {plain} WHERE w.a = {outer.sqlite} AND {condition.sqlite})",
                    BOOLEAN,
                )
            case 2:
                aggregate, sign = self.dice.choice(["max(w.b)", "min(w.b)", "count(w.b)", "sum(w.b)"]), self.sign()
                return Value(
                    f"{outer.trino} {sign} (SELECT {aggregate} FROM {read} WHERE w.a = {outer.trino})",
                    f"{outer.sqlite} {sign} (SELECT {aggregate} FROM {plain} WHERE w.a = {outer.sqlite})",
                    BOOLEAN,
                )
            case _:
                sign = self.sign()
                return Value(
                    f"{outer.trino} {sign} (SELECT count(*) FROM {read} WHERE {condition.trino})",
                    f"{outer.sqlite} {sign} (SELECT count(*) FROM {plain} WHERE {condition.sqlite})",
                    BOOLEAN,
                )

    def grouped(self, depth: int = 1) -> Query:
        source = self.source(depth)
        self.columns = source.columns
        where = self.where()
        keys = [self.value(self.dice.choice(self.types), 2) for _ in range(self.dice.randint(0, 2))]
        aggregates = [self.aggregate() for _ in range(self.dice.randint(1, 3))]
        group = f" GROUP BY {', '.join(str(place + 1) for place in range(len(keys)))}" if keys else ""
        having = Value("", "", BOOLEAN)
        if self.dice.random() < 0.3:
            aggregate, sign, number = self.aggregate(BIGINT), self.sign(), self.dice.randint(-3, 5)
            having = Value(
                f" HAVING {aggregate.trino} {sign} {number}", f" HAVING {aggregate.sqlite} {sign} {number}", BOOLEAN
            )
        return _select(source, [*keys, *aggregates], where, f"{group}{having.trino}", f"{group}{having.sqlite}")

    def grouping_sets(self) -> Query:
        source = self.source(0)
        self.columns = source.columns
        where = self.where()
        # The engine refuses grouping() of a decimal, by name.
        keys = self.dice.sample([column for column in source.columns if column.type != DECIMAL], k=2)
        aggregates = [self.aggregate() for _ in range(self.dice.randint(1, 2))]
        names = [key.trino for key in keys]
        written, sets = self.dice.choice(
            [
                (f"ROLLUP ({', '.join(names)})", [(0, 1), (0,), ()]),
                (f"CUBE ({', '.join(names)})", [chosen for size in range(3) for chosen in combinations((0, 1), size)]),
                (f"GROUPING SETS (({names[0]}), ({names[1]}))", [(0,), (1,)]),
                (f"GROUPING SETS (({', '.join(names)}), ({names[1]}), ())", [(0, 1), (1,), ()]),
            ]
        )
        grouping = f"grouping({', '.join(names)})"
        parts = []
        for chosen in sets:
            mask = sum(0 if place in chosen else 1 << (len(keys) - 1 - place) for place in range(len(keys)))
            items = [key if place in chosen else Value("", "NULL", key.type) for place, key in enumerate(keys)]
            by = ", ".join(keys[place].sqlite for place in chosen)
            # What is grouped by nothing has one row, even of no rows: as in Trino.
            parts.append(
                _select(
                    source, [*items, *aggregates, Value("", str(mask), BIGINT)], where, "", f" GROUP BY {by}" * bool(by)
                )
            )
        whole = _select(source, [*keys, *aggregates, Value(grouping, "", BIGINT)], where, f" GROUP BY {written}", "")
        return Query(whole.trino, " UNION ALL ".join(part.sqlite for part in parts), whole.types)

    def windows(self) -> Query:
        source = self.source()
        self.columns = source.columns
        where = self.where()
        items = [self.dice.choice(source.columns), *(self.window() for _ in range(self.dice.randint(1, 3)))]
        return _select(source, items, where)

    def set_operation(self) -> Query:
        # Decimals of two sides would become decimals of one more scale.
        kinds = [kind for kind in self.types if kind != DECIMAL]
        types = [self.dice.choice(kinds) for _ in range(self.dice.randint(1, 3))]
        sides = []
        for _ in range(2):
            source = self.source(0)
            self.columns = source.columns
            sides.append(_select(source, [self.value(kind, 1) for kind in types], self.where()))
        word = self.dice.choice(["UNION", "UNION ALL", "INTERSECT", "EXCEPT"])
        return Query(
            f" {word} ".join(side.trino for side in sides),
            f" {word} ".join(side.sqlite for side in sides),
            sides[0].types,
        )

    def ordered(self, query: Query) -> Query:
        """The query with an order over all of its columns, and perhaps its first rows alone."""
        keys, translated = [], []
        for place in self.dice.sample(range(len(query.types)), k=len(query.types)):
            direction = self.dice.choice(["", " ASC", " DESC"])
            nulls = self.dice.choice(["", "", " NULLS FIRST", " NULLS LAST"])
            keys.append(f"{place + 1}{direction}{nulls}")
            translated.append(f"{_key(Value('', f'c{place}', query.types[place]))}{direction}{nulls or ' NULLS LAST'}")
        limit = "", ""
        if self.dice.random() < 0.5:
            number, skipped = self.dice.randint(0, 6), self.dice.choice([0, 0, 2])
            limit = f"{f' OFFSET {skipped}' * bool(skipped)} LIMIT {number}", f" LIMIT {number} OFFSET {skipped}"
        return Query(
            f"{query.trino} ORDER BY {', '.join(keys)}{limit[0]}",
            f"SELECT * FROM ({query.sqlite}) ORDER BY {', '.join(translated)}{limit[1]}",
            query.types,
            is_ordered=True,
        )

    # Aggregates and window functions

    def aggregate(self, wanted: str | None = None) -> Value:
        kind = wanted or self.dice.choice([BIGINT, BIGINT, *self.types])
        made = self.aggregate_of(kind)
        if self.dice.random() < 0.25:
            condition = self.boolean(1)
            made = Value(
                f"{made.trino} FILTER (WHERE {condition.trino})",
                f"{made.sqlite} FILTER (WHERE {condition.sqlite})",
                made.type,
            )
        return made

    def aggregate_of(self, kind: str) -> Value:
        distinct = "DISTINCT " if self.dice.random() < 0.3 else ""
        if kind == BIGINT:
            match self.dice.randrange(5):
                case 0:
                    return Value("count(*)", "count(*)", BIGINT)
                case 1:
                    counted = self.value(self.dice.choice(self.types), 1)
                    return _call("count", [counted], BIGINT, before=distinct)
                case 2:
                    condition = self.boolean(1)
                    return Value(
                        f"count_if({condition.trino})", f"count(CASE WHEN {condition.sqlite} THEN 1 END)", BIGINT
                    )
                case _:
                    name = self.dice.choice(["sum", "min", "max"])
                    return _call(name, [self.value(BIGINT, 2)], BIGINT, before=distinct)
        if kind == DOUBLE:
            if self.dice.random() < 0.4:
                return _call("avg", [self.value(BIGINT, 1)], DOUBLE, before=distinct)
            name = self.dice.choice(["sum", "avg", "min", "max"])
            value = self.value(DOUBLE, 1)
            return Value(f"{name}({value.trino})", f"dbl_{name}({value.sqlite})", DOUBLE)
        if kind == BOOLEAN:
            return _call(self.dice.choice(["bool_and", "bool_or"]), [self.boolean(1)], BOOLEAN)
        if kind == DECIMAL:
            name = self.dice.choice(["sum", "avg", "min", "max"])
            value = self.column(DECIMAL)
            return Value(f"{name}({value.trino})", f"dec_{name}({value.sqlite})", DECIMAL)
        return _call(self.dice.choice(["min", "max"]), [self.value(kind, 1)], kind, before=distinct)

    def window(self) -> Value:
        partition = self.dice.choice(self.columns) if self.dice.random() < 0.6 else None
        order = self.dice.choice(self.columns)
        direction = self.dice.choice(["", " DESC"])
        by = (
            f"PARTITION BY {partition.trino} " if partition else "",
            f"PARTITION BY {partition.sqlite} " if partition else "",
        )
        ranked = f"ORDER BY {order.trino}{direction}", f"ORDER BY {_key(order)}{direction} NULLS LAST"
        # What depends on the order of equal rows is ordered by all columns, so that equal rows are the same.
        total = (
            f"ORDER BY {', '.join(column.trino for column in self.columns)}",
            f"ORDER BY {', '.join(f'{_key(column)} NULLS LAST' for column in self.columns)}",
        )
        frame = ""
        match self.dice.randrange(6):
            case 0:
                name, kind = self.dice.choice(
                    [("rank", BIGINT), ("dense_rank", BIGINT), ("percent_rank", DOUBLE), ("cume_dist", DOUBLE)]
                )
                made, ordering = Value(f"{name}()", f"{name}()", kind), ranked
            case 1:
                made, ordering = (
                    self.dice.choice(
                        [Value("row_number()", "row_number()", BIGINT), Value("ntile(3)", "ntile(3)", BIGINT)]
                    ),
                    total,
                )
            case 2:
                value, steps = self.column(), self.dice.randint(1, 2)
                name = self.dice.choice(["lag", "lead"])
                made = Value(f"{name}({value.trino}, {steps})", f"{name}({value.sqlite}, {steps})", value.type)
                ordering = total
            case 3:
                value, name = self.column(), self.dice.choice(["first_value", "last_value"])
                made, ordering = _call(name, [value], value.type), total
                frame = self.frame()
            case 4:
                made, ordering = (
                    _call(self.dice.choice(["sum", "count", "min", "max"]), [self.column(BIGINT)], BIGINT),
                    total,
                )
                frame = self.frame()
            case _:
                made = _call(self.dice.choice(["sum", "count", "min", "max"]), [self.column(BIGINT)], BIGINT)
                ordering = self.dice.choice([ranked, ("", "")])
        return Value(
            f"{made.trino} OVER ({by[0]}{ordering[0]}{frame})",
            f"{made.sqlite} OVER ({by[1]}{ordering[1]}{frame})",
            made.type,
        )

    def frame(self) -> str:
        return self.dice.choice(
            [
                "",
                " ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
                " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
                " ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING",
                " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
                " RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
            ]
        )

    # Expressions

    def column(self, kind: str | None = None) -> Value:
        columns = [column for column in self.columns if kind in (None, column.type)]
        return self.dice.choice(columns) if columns else self.literal(kind or BIGINT)

    def value(self, kind: str, depth: int) -> Value:
        if kind == BOOLEAN:
            return self.boolean(depth)
        if depth <= 0 or self.dice.random() < 0.25:
            return self.column(kind) if self.dice.random() < 0.8 else self.literal(kind)
        makers: dict[str, Callable[[int], Value]] = {
            BIGINT: self.bigint,
            DOUBLE: self.double,
            VARCHAR: self.varchar,
            DATE: self.date,
            TIMESTAMP: self.timestamp,
            DECIMAL: self.decimal,
        }
        return self.common(kind, depth - 1) if self.dice.random() < 0.25 else makers[kind](depth - 1)

    def literal(self, kind: str) -> Value:
        if kind == BIGINT:
            number = self.dice.choice([0, 1, 2, 3, 7, 12])
            return Value(str(number), str(number), BIGINT)
        if kind == DOUBLE:
            number = self.dice.choice(["0.5", "2.0", "1.25", "100.0"])
            return Value(f"{number}e0", number, DOUBLE)
        if kind == DATE:
            day = self.dice.choice(["2024-02-29", "2024-01-01", "2023-12-31", "2024-06-15"])
            return Value(f"DATE '{day}'", f"'{day}'", DATE)
        if kind == TIMESTAMP:
            time = self.dice.choice(["2024-02-29 00:00:00.000", "2024-03-01 06:07:08.250", "2023-12-31 23:59:59.999"])
            return Value(f"TIMESTAMP '{time}'", f"'{time}'", TIMESTAMP)
        if kind == BOOLEAN:
            return self.dice.choice([Value("true", "1", BOOLEAN), Value("false", "0", BOOLEAN)])
        if kind == DECIMAL:
            digits = self.dice.choice(["1.5", "0.25", "10.0", "3.00"])
            return Value(digits, f"'{digits}'", DECIMAL)
        text = self.dice.choice(["a", "Ab", "", "b", "10", "x.y", "ä"])
        return Value(f"'{text}'", f"'{text}'", VARCHAR)

    def common(self, kind: str, depth: int) -> Value:
        """What there is for every type."""
        first, second = self.value(kind, depth), self.value(kind, depth)
        if kind == DECIMAL:
            second = first
        condition = self.boolean(depth)
        match self.dice.randrange(4):
            case 0:
                return _call("coalesce", [first, second], kind)
            case 1:
                return Value(
                    f"CASE WHEN {condition.trino} THEN {first.trino} ELSE {second.trino} END",
                    f"CASE WHEN {condition.sqlite} THEN {first.sqlite} ELSE {second.sqlite} END",
                    kind,
                )
            case 2:
                return Value(
                    f"if({condition.trino}, {first.trino})",
                    f"CASE WHEN {condition.sqlite} THEN {first.sqlite} END",
                    kind,
                )
            case _ if kind in (DOUBLE, DECIMAL):
                return first
            case _:
                name = self.dice.choice(["nullif", "greatest", "least"])
                sqlite = {"nullif": "nullif", "greatest": "max", "least": "min"}[name]
                return Value(
                    f"{name}({first.trino}, {second.trino})", f"{sqlite}({first.sqlite}, {second.sqlite})", kind
                )

    def bigint(self, depth: int) -> Value:
        first, second = self.value(BIGINT, depth), self.value(BIGINT, depth)
        match self.dice.randrange(14):
            case 12 if TIMESTAMP in self.types:
                unit = self.dice.choice(["second", "minute", "hour", "day", "week", "month", "year"])
                times = [self.value(TIMESTAMP, depth), self.value(TIMESTAMP, depth)]
                return _call(f"date_diff('{unit}', ", times, BIGINT, is_open=True)
            case 13 if TIMESTAMP in self.types:
                name = self.dice.choice(["year", "month", "day", "hour", "minute", "second", "day_of_week"])
                return _call(name, [self.value(TIMESTAMP, depth)], BIGINT)
            case 0 | 1:
                return _infix(first, self.dice.choice("+-"), second)
            case 2:
                return _infix(first, "*", Value("3", "3", BIGINT))
            case 3:
                return _infix(first, self.dice.choice("/%"), Value(*[self.dice.choice(["2", "7", "(-3)"])] * 2, BIGINT))
            case 4:
                divisor = Value(f"nullif({second.trino}, 0)", f"nullif({second.sqlite}, 0)", BIGINT)
                return _infix(first, self.dice.choice("/%"), divisor)
            case 5:
                return self.dice.choice(
                    [_call("abs", [first], BIGINT), Value(f"(-({first.trino}))", f"(-({first.sqlite}))", BIGINT)]
                )
            case 6:
                return _call("length", [self.value(VARCHAR, depth)], BIGINT)
            case 7:
                return _call("strpos", [self.value(VARCHAR, depth), Value("'b'", "'b'", VARCHAR)], BIGINT)
            case 8:
                return Value(
                    f"bitwise_and({first.trino}, {second.trino})", f"({first.sqlite} & {second.sqlite})", BIGINT
                )
            case 9 if DATE in self.types:
                unit = self.dice.choice(["day", "week", "month", "year", "quarter"])
                begin, end = self.value(DATE, depth), self.value(DATE, depth)
                return _call(f"date_diff('{unit}', ", [begin, end], BIGINT, is_open=True)
            case 10 if DATE in self.types:
                name = self.dice.choice(["year", "month", "day", "day_of_week", "day_of_year", "week"])
                return _call(name, [self.value(DATE, depth)], BIGINT)
            case _:
                return Value(f"CAST(CAST({first.trino} AS varchar) AS bigint)", first.sqlite, BIGINT)

    def double(self, depth: int) -> Value:
        first, second = self.value(DOUBLE, depth), self.value(DOUBLE, depth)
        match self.dice.randrange(7):
            case 6 if TIMESTAMP in self.types:
                return _call("to_unixtime", [self.value(TIMESTAMP, depth)], DOUBLE)
            case 0:
                number = self.value(BIGINT, depth)
                return Value(f"CAST({number.trino} AS double)", f"CAST({number.sqlite} AS REAL)", DOUBLE)
            case 1:
                return Value(f"({first.trino} + {second.trino})", f"dbl_add({first.sqlite}, {second.sqlite})", DOUBLE)
            case 2:
                return Value(f"({first.trino} - {second.trino})", f"dbl_sub({first.sqlite}, {second.sqlite})", DOUBLE)
            case 3:
                return Value(f"({first.trino} * 2e0)", f"dbl_mul({first.sqlite}, 2.0)", DOUBLE)
            case 4:
                return Value(f"({first.trino} / 4e0)", f"dbl_div({first.sqlite}, 4.0)", DOUBLE)
            case _:
                name = self.dice.choice(["abs", "round", "floor", "ceil"])
                return Value(f"{name}({first.trino})", f"{'dbl_' * (name == 'abs')}{name}({first.sqlite})", DOUBLE)

    def varchar(self, depth: int) -> Value:
        first, second = self.value(VARCHAR, depth), self.value(VARCHAR, depth)
        match self.dice.randrange(14):
            case 13 if TIMESTAMP in self.types:
                form = Value("'%Y-%m-%d %H:%i:%s'", "'%Y-%m-%d %H:%i:%s'", VARCHAR)
                return _call("date_format", [self.value(TIMESTAMP, depth), form], VARCHAR)
            case 0:
                return _infix(first, "||", second)
            case 1:
                return _call("concat", [first, second], VARCHAR)
            case 2:
                name = self.dice.choice(["upper", "lower"])
                return Value(f"{name}({first.trino})", f"trino_{name}({first.sqlite})", VARCHAR)
            case 3:
                start, size = self.dice.choice([1, 2, -2, 0, 9]), self.dice.choice(["", ", 1", ", 3"])
                return Value(
                    f"substr({first.trino}, {start}{size})", f"trino_substr({first.sqlite}, {start}{size})", VARCHAR
                )
            case 4:
                return _call("replace", [first, Value("'a'", "'a'", VARCHAR), Value("'bb'", "'bb'", VARCHAR)], VARCHAR)
            case 5:
                return _call(self.dice.choice(["reverse", "trim"]), [first], VARCHAR)
            case 6:
                number = self.value(BIGINT, depth)
                return Value(f"CAST({number.trino} AS varchar)", f"CAST({number.sqlite} AS TEXT)", VARCHAR)
            case 7:
                place = str(self.dice.randint(1, 3))
                return _call("split_part", [first, Value("'.'", "'.'", VARCHAR), Value(place, place, BIGINT)], VARCHAR)
            case 8:
                return Value(f"lpad({first.trino}, 4, 'xy')", f"lpad({first.sqlite}, 4, 'xy')", VARCHAR)
            case 9:
                pattern = Value("'[a-z]+'", "'[a-z]+'", VARCHAR)
                return _call("regexp_extract", [first, pattern], VARCHAR)
            case 10:
                return _call(
                    "regexp_replace",
                    [first, Value("'[0-9]'", "'[0-9]'", VARCHAR), Value("'#'", "'#'", VARCHAR)],
                    VARCHAR,
                )
            case 11 if DATE in self.types:
                day = self.value(DATE, depth)
                return self.dice.choice(
                    [
                        Value(f"CAST({day.trino} AS varchar)", day.sqlite, VARCHAR),
                        Value(
                            f"date_format({day.trino}, '%Y-%m/%d')", f"date_format({day.sqlite}, '%Y-%m/%d')", VARCHAR
                        ),
                    ]
                )
            case _:
                truth = self.boolean(depth)
                return Value(
                    f"CAST({truth.trino} AS varchar)",
                    f"CASE {truth.sqlite} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END",
                    VARCHAR,
                )

    def date(self, depth: int) -> Value:
        day = self.value(DATE, depth)
        match self.dice.randrange(6):
            case 5 if TIMESTAMP in self.types:
                time = self.value(TIMESTAMP, depth)
                return Value(f"CAST({time.trino} AS date)", f"substr({time.sqlite}, 1, 10)", DATE)
            case 0:
                unit, number = self.dice.choice(["day", "week", "month", "year"]), str(self.dice.choice([1, 3, -2, 13]))
                return Value(
                    f"date_add('{unit}', {number}, {day.trino})", f"date_add('{unit}', {number}, {day.sqlite})", DATE
                )
            case 1:
                unit = self.dice.choice(["day", "week", "month", "quarter", "year"])
                return Value(f"date_trunc('{unit}', {day.trino})", f"date_trunc('{unit}', {day.sqlite})", DATE)
            case 2:
                unit, sign = self.dice.choice(["day", "month", "year"]), self.dice.choice("+-")
                return Value(
                    f"({day.trino} {sign} INTERVAL '2' {unit})", f"date_add('{unit}', {sign}2, {day.sqlite})", DATE
                )
            case 3:
                return _call("last_day_of_month", [day], DATE)
            case _:
                return Value(f"CAST(CAST({day.trino} AS varchar) AS date)", day.sqlite, DATE)

    def timestamp(self, depth: int) -> Value:
        time = self.value(TIMESTAMP, depth)
        match self.dice.randrange(4):
            case 0:
                unit, number = (
                    self.dice.choice(["second", "minute", "hour", "day", "month", "year"]),
                    self.dice.choice([1, -7, 90]),
                )
                added = f"date_add('{unit}', {number}, "
                return _call(added, [time], TIMESTAMP, is_open=True)
            case 1:
                unit = self.dice.choice(["second", "minute", "hour", "day", "week", "month", "year"])
                return _call(f"date_trunc('{unit}', ", [time], TIMESTAMP, is_open=True)
            case 2:
                unit, sign = self.dice.choice(["second", "minute", "hour", "day", "month"]), self.dice.choice("+-")
                return Value(
                    f"({time.trino} {sign} INTERVAL '36' {unit})",
                    f"date_add('{unit}', {sign}36, {time.sqlite})",
                    TIMESTAMP,
                )
            case _:
                day = self.value(DATE, depth)
                return Value(f"CAST({day.trino} AS timestamp)", f"({day.sqlite} || ' 00:00:00.000')", TIMESTAMP)

    def decimal(self, _depth: int) -> Value:
        """Of columns and literals: the precision of nested products would end."""
        first, second = self.column(DECIMAL), self.literal(DECIMAL)
        match self.dice.randrange(6):
            case 0:
                return Value(f"({first.trino} + {second.trino})", f"dec_add({first.sqlite}, {second.sqlite})", DECIMAL)
            case 1:
                return Value(f"({first.trino} * {second.trino})", f"dec_mul({first.sqlite}, {second.sqlite})", DECIMAL)
            case 2:
                return Value(f"({first.trino} / {second.trino})", f"dec_div({first.sqlite}, {second.sqlite})", DECIMAL)
            case 3:
                number = self.column(BIGINT)
                return Value(
                    f"({number.trino} / {second.trino})", f"dec_div({number.sqlite}, {second.sqlite})", DECIMAL
                )
            case 4:
                number = self.column(BIGINT)
                return Value(
                    f"({second.trino} * {number.trino})", f"dec_mul({second.sqlite}, {number.sqlite})", DECIMAL
                )
            case _:
                return Value(f"round({first.trino}, 1)", f"dec_round({first.sqlite}, 1)", DECIMAL)

    def boolean(self, depth: int) -> Value:
        if depth > 0 and self.dice.random() < 0.35:
            first, second = self.boolean(depth - 1), self.boolean(depth - 1)
            word = self.dice.choice(["AND", "OR", "NOT"])
            if word == "NOT":
                return Value(f"(NOT {first.trino})", f"(NOT {first.sqlite})", BOOLEAN)
            return Value(f"({first.trino} {word} {second.trino})", f"({first.sqlite} {word} {second.sqlite})", BOOLEAN)
        kind = self.dice.choice([kind for kind in self.types if kind not in (BOOLEAN, DECIMAL)])
        first, second = self.value(kind, depth - 1), self.value(kind, depth - 1)
        match self.dice.randrange(7):
            case 0:
                word = self.dice.choice(["IS NULL", "IS NOT NULL"])
                return Value(f"({first.trino} {word})", f"({first.sqlite} {word})", BOOLEAN)
            case 1:
                word, sqlite = self.dice.choice([("IS DISTINCT FROM", "IS NOT"), ("IS NOT DISTINCT FROM", "IS")])
                return Value(
                    f"({first.trino} {word} {second.trino})", f"({first.sqlite} {sqlite} {second.sqlite})", BOOLEAN
                )
            case 2 if kind != DOUBLE:
                third = self.value(kind, depth - 1)
                word = self.dice.choice(["BETWEEN", "NOT BETWEEN"])
                return Value(
                    f"({first.trino} {word} {second.trino} AND {third.trino})",
                    f"({first.sqlite} {word} {second.sqlite} AND {third.sqlite})",
                    BOOLEAN,
                )
            case 3 if kind != DOUBLE:
                values = [self.literal(kind), second, *([Value("NULL", "NULL", kind)] * (self.dice.random() < 0.2))]
                word = self.dice.choice(["IN", "NOT IN"])
                return Value(
                    f"({first.trino} {word} ({', '.join(value.trino for value in values)}))",
                    f"({first.sqlite} {word} ({', '.join(value.sqlite for value in values)}))",
                    BOOLEAN,
                )
            case 4 if kind == VARCHAR:
                pattern = self.dice.choice(["a%", "%b%", "_b%", "%", "10.%", "%c"])
                return Value(f"({first.trino} LIKE '{pattern}')", f"({first.sqlite} LIKE '{pattern}')", BOOLEAN)
            case 5 if kind == VARCHAR:
                pattern = self.dice.choice(["^a", "[0-9]+", "b$", "^(a|b)"])
                return Value(
                    f"regexp_like({first.trino}, '{pattern}')", f"regexp_like({first.sqlite}, '{pattern}')", BOOLEAN
                )
            case _ if kind == DOUBLE:
                name = {"=": "eq", "<>": "ne", "<": "lt", "<=": "le", ">": "lt", ">=": "le"}
                sign = self.dice.choice(list(name))
                pair = (second, first) if sign[0] == ">" else (first, second)
                return Value(
                    f"({first.trino} {sign} {second.trino})",
                    f"dbl_{name[sign]}({pair[0].sqlite}, {pair[1].sqlite})",
                    BOOLEAN,
                )
            case _:
                return _infix(first, self.sign(), second, BOOLEAN)

    def sign(self) -> str:
        return self.dice.choice(["=", "<>", "<", "<=", ">", ">="])


def _select(
    source: Source,
    items: Sequence[Value],
    where: Value | None,
    after: str = "",
    after_in_sqlite: str = "",
    distinct: str = "",
) -> Query:
    """SELECT, with the columns c0, c1 and so on."""
    trino = ", ".join(f"{item.trino} AS c{place}" for place, item in enumerate(items))
    sqlite = ", ".join(f"{item.sqlite} AS c{place}" for place, item in enumerate(items))
    conditions = (f" WHERE {where.trino}", f" WHERE {where.sqlite}") if where else ("", "")
    return Query(
        f"SELECT {distinct}{trino} FROM {source.trino}{conditions[0]}{after}",
        f"SELECT {distinct}{sqlite} FROM {source.sqlite}{conditions[1]}{after_in_sqlite}",
        tuple(item.type for item in items),
    )


def _key(value: Value) -> str:
    """What SQLite orders a value by: a decimal is a text there."""
    return f"dec_key({value.sqlite})" if value.type == DECIMAL else value.sqlite


def _call(name: str, arguments: Sequence[Value], kind: str, *, before: str = "", is_open: bool = False) -> Value:
    opened = name if is_open else f"{name}({before}"
    return Value(
        f"{opened}{', '.join(argument.trino for argument in arguments)})",
        f"{opened}{', '.join(argument.sqlite for argument in arguments)})",
        kind,
    )


def _infix(left: Value, sign: str, right: Value, kind: str | None = None) -> Value:
    return Value(f"({left.trino} {sign} {right.trino})", f"({left.sqlite} {sign} {right.sqlite})", kind or left.type)
