"""Decimal types: which one each of Trino's operators and functions gives. rewrites/decimals.py has the computations.

Sources: "Decimal functions and operators", Trino documentation; "DecimalOperators.java", "MathFunctions.java",
"Decimals.java" and "TypeCoercion.java" of Trino.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sqlglot import exp

MAX_PRECISION = 38

INTEGER_DIGITS: Mapping[exp.DType, int] = {
    exp.DType.TINYINT: 3,
    exp.DType.SMALLINT: 5,
    exp.DType.INT: 10,
    exp.DType.BIGINT: 19,
}
"""Trino's integers, from the narrowest to the widest, each with the digits of the decimal that it becomes."""


class DecimalTypeError(Exception):
    """A decimal type that Trino does not have. The message is Trino's."""


class LiteralError(Exception):
    """A number that Trino has no type for. The message is Trino's."""


class Decimal(NamedTuple):
    """The type decimal(precision, scale): so many digits, and so many of them behind the point."""

    precision: int
    scale: int

    @property
    def whole_digits(self) -> int:
        return self.precision - self.scale

    @property
    def data_type(self) -> exp.DataType:
        return exp.DataType.build(self.sql)

    @property
    def sql(self) -> str:
        return f"DECIMAL({self.precision}, {self.scale})"


def checked(found: Decimal) -> Decimal:
    """The type. Raises DecimalTypeError if Trino does not have it."""
    if not 1 <= found.precision <= MAX_PRECISION:
        raise DecimalTypeError(f"DECIMAL precision must be in range [1, {MAX_PRECISION}]: {found.precision}")
    if not 0 <= found.scale <= found.precision:
        raise DecimalTypeError(f"DECIMAL scale must be in range [0, precision ({found.precision})]: {found.scale}")
    return found


def _capped(precision: int, scale: int) -> Decimal:
    """The type with as many digits as it can have. Raises DecimalTypeError if there is none of that scale."""
    return checked(Decimal(min(precision, MAX_PRECISION), scale))


def decimal_of(data_type: exp.DataType | exp.DType | None) -> Decimal | None:
    """The decimal type that a type is. None if it is another one."""
    if not isinstance(data_type, exp.DataType) or data_type.this is not exp.DType.DECIMAL:
        return None
    precision, scale = ([int(parameter.name) for parameter in data_type.expressions] + [MAX_PRECISION, 0])[:2]
    return Decimal(precision, scale if len(data_type.expressions) == 2 else 0)


def as_decimal(data_type: exp.DataType | exp.DType | None) -> Decimal | None:
    """The decimal type that a decimal or an integer has in decimal arithmetic. None for other types.

    NULL, which has no type, is a decimal(1,0).
    """
    kind = data_type.this if isinstance(data_type, exp.DataType) else data_type
    if kind is exp.DType.NULL:
        return Decimal(1, 0)
    digits = INTEGER_DIGITS.get(kind) if isinstance(kind, exp.DType) else None
    return Decimal(digits, 0) if digits else decimal_of(data_type)


def has_decimals(data_type: exp.DataType | None) -> bool:
    """Whether a type is a decimal, or an array of them."""
    return data_type is not None and any(found.this is exp.DType.DECIMAL for found in data_type.find_all(exp.DataType))


def is_decimal_literal(value: exp.Expr) -> bool:
    """Whether a value is a number with a point and without an exponent, which is a double."""
    return (
        isinstance(value, exp.Literal) and not value.is_string and "." in value.name and "e" not in value.name.lower()
    )


def literal_type(text: str) -> Decimal:
    """The type of a literal: zeros in front do not count, so that 0.5 is decimal(1,1) and 0012.50 is decimal(4,2)."""
    whole, _, fraction = text.partition(".")
    digits = len(whole.lstrip("0")) + len(fraction)
    if digits > MAX_PRECISION:
        raise LiteralError(f"'{text}' is not a valid DECIMAL literal: it has more than {MAX_PRECISION} digits")
    return _capped(max(digits, 1), len(fraction))


def common_decimal(left: Decimal, right: Decimal) -> Decimal:
    """The type of both in a comparison, a CASE or a UNION."""
    scale = max(left.scale, right.scale)
    return _capped(max(left.whole_digits, right.whole_digits) + scale, scale)


def _sum_type(left: Decimal, right: Decimal) -> Decimal:
    scale = max(left.scale, right.scale)
    return _capped(max(left.whole_digits, right.whole_digits) + scale + 1, scale)


def _product_type(left: Decimal, right: Decimal) -> Decimal:
    return _capped(left.precision + right.precision, left.scale + right.scale)


def _quotient_type(left: Decimal, right: Decimal) -> Decimal:
    digits = left.precision + right.scale + max(right.scale - left.scale, 0)
    return _capped(digits, max(left.scale, right.scale))


def _remainder_type(left: Decimal, right: Decimal) -> Decimal:
    scale = max(left.scale, right.scale)
    return _capped(min(left.whole_digits, right.whole_digits) + scale, scale)


OPERATORS: Mapping[type[exp.Expr], Callable[[Decimal, Decimal], Decimal]] = {
    exp.Add: _sum_type,
    exp.Sub: _sum_type,
    exp.Mul: _product_type,
    exp.Div: _quotient_type,
    exp.Mod: _remainder_type,
}
"""The type of an operator's result, by the types of its operands."""


def rounded_type(value: Decimal) -> Decimal:
    """The type of round(x), ceil(x) and floor(x)."""
    return _capped(value.whole_digits + min(value.scale, 1), 0)


def rounded_to_places_type(value: Decimal) -> Decimal:
    """The type of round(x, n): the scale stays."""
    return _capped(value.precision + 1, value.scale)


def truncated_type(value: Decimal) -> Decimal:
    """The type of truncate(x)."""
    return _capped(max(value.whole_digits, 1), 0)


def total_type(value: Decimal) -> Decimal:
    """The type of sum(x). That of avg(x) is the type of x."""
    return Decimal(MAX_PRECISION, value.scale)
