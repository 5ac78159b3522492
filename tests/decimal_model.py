"""Random expressions of numbers, with the values that Trino gives: a second implementation of its rules, in Python.

It shares nothing with the engine: types are pairs of numbers, values are `decimal.Decimal`, and rounding is
ROUND_HALF_UP. Sources: "Decimal functions and operators", Trino documentation; "DecimalOperators.java" of Trino.
"""

import math
from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from random import Random
from typing import NamedTuple

EXACT = Context(prec=200)
Row = Mapping[str, object]
Value = object

WIDTHS = {"tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19}


class NoValueError(Exception):
    """Trino fails on the expression, or the test leaves it out."""


class Kind(NamedTuple):
    """A type: decimal(precision, scale); the name of another type, with the decimal that an integer becomes."""

    name: str
    precision: int = 0
    scale: int = 0


class Expression(NamedTuple):
    """An expression, its type, and its value in a row of the table."""

    sql: str
    kind: Kind
    value: Callable[[Row], Value]


DOUBLE, BOOLEAN, TEXT = Kind("double"), Kind("boolean"), Kind("varchar")


def integer(name: str) -> Kind:
    return Kind(name, WIDTHS[name], 0)


def decimal(precision: int, scale: int) -> Kind:
    precision = min(precision, 38)
    if scale > precision:
        raise NoValueError
    return Kind("decimal", precision, scale)


def fitting(number: Decimal, kind: Kind) -> Decimal:
    """The number with the type's scale, where it fits."""
    rounded = number.quantize(Decimal(1).scaleb(-kind.scale), ROUND_HALF_UP, EXACT)
    if rounded.copy_abs() >= Decimal(10) ** (kind.precision - kind.scale):
        raise NoValueError
    return rounded if rounded else rounded.copy_abs()  # Trino's decimals have one zero


def common(left: Kind, right: Kind) -> Kind:
    if DOUBLE in (left, right):
        return DOUBLE
    if left.name != "decimal" != right.name:
        return max(left, right, key=lambda kind: kind.precision)
    scale = max(left.scale, right.scale)
    return decimal(max(left.precision - left.scale, right.precision - right.scale) + scale, scale)


def coerced(value: Value, target: Kind) -> Value:
    if value is None:
        return None
    if target == DOUBLE:
        return float(value)
    if target.name == "decimal":
        return fitting(Decimal(value), target)
    return value


def operator(sign: str, left: Expression, right: Expression) -> Expression:
    """``left + right`` and the other operators."""
    a, b = left.kind, right.kind
    sql = f"({left.sql} {sign} {right.sql})"
    if DOUBLE in (a, b):
        return Expression(
            sql, DOUBLE, lambda row: of_doubles(sign, to_common(left, row, DOUBLE), to_common(right, row, DOUBLE))
        )
    if a.name != "decimal" != b.name:
        return Expression(
            sql, common(a, b), lambda row: of_integers(sign, left.value(row), right.value(row), common(a, b))
        )
    scale, whole = max(a.scale, b.scale), max(a.precision - a.scale, b.precision - b.scale)
    kind = {
        "+": lambda: decimal(whole + scale + 1, scale),
        "-": lambda: decimal(whole + scale + 1, scale),
        "*": lambda: decimal(a.precision + b.precision, a.scale + b.scale),
        "/": lambda: decimal(a.precision + b.scale + max(b.scale - a.scale, 0), scale),
        "%": lambda: decimal(min(a.precision - a.scale, b.precision - b.scale) + scale, scale),
    }[sign]()
    if sign == "%" and whole + scale > 38:
        raise NoValueError  # refused by name
    return Expression(sql, kind, lambda row: of_decimals(sign, left.value(row), right.value(row), kind))


def of_decimals(sign: str, left: Value, right: Value, kind: Kind) -> Value:
    if left is None or right is None:
        return None
    a, b = Decimal(left), Decimal(right)
    if sign in "/%" and not b:
        raise NoValueError
    if sign in "+-":
        for operand in (a, b):
            fitting(operand, Kind("decimal", 38, kind.scale))
    if sign == "/":
        # Exact, unlike a division that is rounded twice.
        numerator, denominator = a.copy_abs().scaleb(kind.scale, EXACT), b.copy_abs()
        whole, rest = EXACT.divmod(numerator, denominator)
        whole = EXACT.add(whole, int(EXACT.add(rest, rest) >= denominator))
        return fitting((whole if (a < 0) == (b < 0) else whole.copy_negate()).scaleb(-kind.scale, EXACT), kind)
    found = {"+": EXACT.add, "-": EXACT.subtract, "*": EXACT.multiply, "%": EXACT.remainder}[sign](a, b)
    return fitting(found, kind)


def of_integers(sign: str, left: Value, right: Value, kind: Kind) -> Value:
    if left is None or right is None:
        return None
    if sign in "/%" and not right:
        raise NoValueError
    found = {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: int(EXACT.divide_int(Decimal(left), Decimal(right))),
        "%": lambda: int(EXACT.remainder(Decimal(left), Decimal(right))),
    }[sign]()
    bits = {"tinyint": 7, "smallint": 15, "integer": 31, "bigint": 63}[kind.name]
    if not -(2**bits) <= found < 2**bits:
        raise NoValueError
    return found


def of_doubles(sign: str, left: Value, right: Value) -> Value:
    if left is None or right is None:
        return None
    a, b = float(left), float(right)
    if sign in "/%" and not b:
        raise NoValueError
    found = {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else 0.0, "%": math.fmod(a, b) if b else 0.0}[sign]
    if not math.isfinite(found):
        raise NoValueError
    return found


class Generator:
    """Makes random expressions over columns: ``Generator(Random(1), columns).number(depth)``."""

    def __init__(self, random: Random, columns: Mapping[str, str]) -> None:
        self.random = random
        self.columns = columns

    def leaf(self) -> Expression:
        choice = self.random.random()
        if choice < 0.3:
            name = self.random.choice(list(self.columns))
            return Expression(name, integer(self.columns[name]), lambda row: row[name])
        if choice < 0.4:
            number = self.random.randint(0, 99)
            return Expression(str(number), integer("integer"), lambda _: number)
        if choice < 0.45:
            text = f"{self.random.randint(0, 999)}.{self.random.randint(1, 99)}e0"
            return Expression(text, DOUBLE, lambda _: float(text))
        digits = "".join(self.random.choices("0123456789", k=self.random.choice((1, 1, 2, 4, 9, 15))))
        fraction = "".join(self.random.choices("0123456789", k=self.random.choice((0, 1, 1, 2, 3, 8))))
        whole = digits.lstrip("0")
        kind = decimal(max(len(whole) + len(fraction), 1), len(fraction))
        value = Decimal(f"{digits}.{fraction}" if fraction else digits)
        return Expression(f"{digits}.{fraction}", kind, lambda _: value)

    def number(self, depth: int) -> Expression:
        if depth == 0:
            return self.leaf()
        choice = self.random.random()
        if choice < 0.55:
            return operator(self.random.choice("+-*//%"), self.number(depth - 1), self.number(depth - 1))
        if choice < 0.8:
            return self.function(self.number(depth - 1))
        return self.choice_of_two(self.number(depth - 1), self.number(depth - 1))

    def function(self, of: Expression) -> Expression:
        kind, scale = of.kind, of.kind.scale
        if kind.name != "decimal":
            precision = self.random.randint(1, 38)
            target = decimal(precision, self.random.randint(0, min(precision, 12)))
            return self.cast(of, target)
        rounded = decimal(kind.precision - scale + min(scale, 1), 0)
        places = self.random.randint(-3, 6)
        precision = self.random.randint(1, 38)
        other = decimal(precision, self.random.randint(0, min(precision, 12)))
        made = self.random.choice(
            (
                ("-({})", kind, Decimal.copy_negate),
                ("abs({})", kind, Decimal.copy_abs),
                ("sign({})", decimal(1, 0), lambda value: Decimal((value > 0) - (value < 0))),
                ("round({})", rounded, lambda value: value.quantize(Decimal(1), ROUND_HALF_UP, EXACT)),
                ("ceil({})", rounded, lambda value: value.quantize(Decimal(1), ROUND_CEILING, EXACT)),
                ("floor({})", rounded, lambda value: value.quantize(Decimal(1), ROUND_FLOOR, EXACT)),
                (
                    "truncate({})",
                    decimal(max(kind.precision - scale, 1), 0),
                    lambda value: value.quantize(Decimal(1), ROUND_DOWN, EXACT),
                ),
                (
                    f"round({{}}, {places})",
                    decimal(kind.precision + 1, scale),
                    lambda value: at_places(value, places, ROUND_HALF_UP, kind),
                ),
                (f"truncate({{}}, {places})", kind, lambda value: at_places(value, places, ROUND_DOWN, kind)),
                (f"CAST({{}} AS decimal({precision}, {other.scale}))", other, lambda value: value),
                ("CAST({} AS double)", DOUBLE, lambda value: as_double(value, kind)),
            )
        )
        template, result, compute = made
        return Expression(template.format(of.sql), result, lambda row: self.computed(of.value(row), result, compute))

    @staticmethod
    def computed(value: Value, kind: Kind, compute: Callable[[Decimal], Value]) -> Value:
        if value is None:
            return None
        found = compute(value)
        return fitting(found, kind) if isinstance(found, Decimal) else found

    def cast(self, of: Expression, target: Kind) -> Expression:
        def value(row: Row) -> Value:
            found = of.value(row)
            return None if found is None else fitting(Decimal(repr(found)), target)

        return Expression(f"CAST({of.sql} AS decimal({target.precision}, {target.scale}))", target, value)

    def choice_of_two(self, left: Expression, right: Expression) -> Expression:
        kind = common(left.kind, right.kind)

        def both(row: Row) -> tuple[Value, Value]:
            return to_common(left, row, kind), to_common(right, row, kind)

        made = self.random.choice(("CASE", "coalesce", "greatest", "least"))
        sql = f"CASE WHEN {left.sql} < {right.sql} THEN {left.sql} ELSE {right.sql} END"
        if made == "CASE":
            return Expression(sql, kind, lambda row: chosen(*both(row)))
        sql = f"{made}({left.sql}, {right.sql})"
        if made == "coalesce":
            return Expression(sql, kind, lambda row: next((one for one in both(row) if one is not None), None))
        best = max if made == "greatest" else min
        return Expression(sql, kind, lambda row: None if None in both(row) else best(both(row)))


def to_common(of: Expression, row: Row, kind: Kind) -> Value:
    value = of.value(row)
    if value is not None and kind == DOUBLE and of.kind.name == "decimal":
        return as_double(value, of.kind)
    return coerced(value, kind)


def chosen(left: Value, right: Value) -> Value:
    is_less = left is not None and right is not None and left < right
    return left if is_less else right


def at_places(value: Decimal, places: int, rounding: str, kind: Kind) -> Decimal:
    if places >= kind.scale:
        return value
    if kind.precision - kind.scale + places <= 0 and kind.precision < 18:
        return Decimal(0)
    return value.quantize(Decimal(1).scaleb(-places), rounding, EXACT)


def as_double(value: Value, kind: Kind) -> float:
    """A decimal of up to 18 digits is a quotient of doubles; longer ones are read from their text."""
    assert isinstance(value, Decimal)
    if kind.precision <= 18:
        return float(int(value.scaleb(kind.scale, EXACT))) / float(10**kind.scale)
    return float(value)
