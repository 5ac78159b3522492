"""Rules for decimals: literals, arithmetic, averages, rounding. Every value is computed with integers, never a double.

DuckDB has other types for literals and results, divides decimals as doubles, and averages them as doubles. Operands
are cast in coercions.py where the types of several values have to agree; casts are in casts.py; the types themselves
are in ../decimal_types.py.
"""

from sqlglot import exp

from resources.embedded.sql.decimal_types import (
    MAX_PRECISION,
    Decimal,
    as_decimal,
    decimal_of,
    is_decimal_literal,
)
from resources.embedded.sql.rewrites.coercions import cast_to, coerce_to_common
from resources.embedded.sql.rewrites.rule import NotSupportedError, Rule, Rules
from resources.embedded.sql.rewrites.template import DIVISION_BY_ZERO, from_template

_DIGITS_OF_BIGINT = 18
_DIGITS_OF_ROWS = 12
"""A table has fewer than 10^12 rows."""


def rule_for(node: exp.Expr) -> Rule | None:
    """The rule for a node that has to do with decimals; None if it does not."""
    if isinstance(node, (exp.Filter, exp.Window, exp.Avg)):
        return _average if decimal_of(_aggregate_in(node).type) and isinstance(_aggregate_in(node), exp.Avg) else None
    if isinstance(node, (exp.Ceil, exp.Floor, exp.Round)):
        return RULES[type(node)] if decimal_of(node.this.type) else None
    if isinstance(node, exp.Nullif):
        return _nullif_of_decimals if decimal_of(node.this.type) or decimal_of(node.expression.type) else None
    return RULES.get(type(node)) if decimal_of(node.type) else None


def _decimal_literal(node: exp.Expr) -> exp.Expr:
    """A literal has as many digits as are written, without zeros in front; DuckDB counts one of these.

    Example: ``1024.0`` becomes ``CAST('1024.0' AS DECIMAL(5, 1))``.
    Source: "Decimals.java" of Trino.
    """
    around: exp.Expr | None = node.parent
    while isinstance(around, (exp.Array, exp.Neg)):
        around = around.parent
    if not is_decimal_literal(node) or isinstance(around, (exp.ApproxQuantile, exp.ApproxDistinct)):
        return node  # their rules read it
    return _cast(f"'{node.name}'", _type_of(node))


def _sum_or_difference(node: exp.Expr) -> exp.Expr:
    """The result has the greater scale, and one digit more than the operands. More than 38 digits fail.

    Example: ``1.5 + 0.25`` is ``1.75``.
    Source: "Decimal functions and operators", Trino documentation; "DecimalOperators.java" of Trino.
    """
    result = _type_of(node)
    digits = min(MAX_PRECISION, max(map(_whole_digits, (node.this, node.expression))) + result.scale)
    operand = _for_result(Decimal(digits, result.scale), result.precision)
    sign = "+" if isinstance(node, exp.Add) else "-"
    return _cast(f"CAST(:a AS {operand.sql}) {sign} CAST(:b AS {operand.sql})", result, a=node.this, b=node.expression)


def _product(node: exp.Expr) -> exp.Expr:
    """The result has the digits of both operands together, also behind the point. More than 38 digits fail.

    Example: ``1.50 * 2`` is ``3.00``.
    Source: "Decimal functions and operators", Trino documentation; "DecimalOperators.java" of Trino.
    """
    right, result = _operand(node.expression), _type_of(node)
    left = _for_result(_operand(node.this), result.precision)
    template = f"CAST(:a AS {left.sql}) * CAST(:b AS {right.sql})"
    return _cast(template, result, a=node.this, b=node.expression)


def _division(node: exp.Expr) -> exp.Expr:
    """The result has the greater scale, and is rounded half up: away from zero.

    Example: ``1 / 3.0`` is ``0.3``, ``0.15 / 1.0`` is ``0.15``, ``-1 / 8.00`` is ``-0.13``.
    Example: ``1.0 / 0`` fails with DIVISION_BY_ZERO.
    Source: "Decimal functions and operators", Trino documentation; "DecimalOperators.java" of Trino.
    """
    left, right = node.this, node.expression
    quotient = _quotient(left, _operand(left), right, _operand(right), _type_of(node))
    return _unless_zero(left, right, quotient)


def _decimal_remainder(node: exp.Expr) -> exp.Expr:
    """The remainder has the sign of the dividend and the greater scale.

    Example: ``-7.5 % 2`` is ``-1.5``, and ``mod(7, 0.30)`` is ``0.10``.
    Example: ``1.5 % 0`` fails with DIVISION_BY_ZERO.
    Source: "Decimal functions and operators", Trino documentation; "DecimalOperators.java" of Trino.
    """
    result = _type_of(node)
    digits = max(map(_whole_digits, (node.this, node.expression))) + result.scale
    if digits > MAX_PRECISION:
        raise NotSupportedError(f"a remainder of decimals that have more than {MAX_PRECISION} digits together")
    operand = Decimal(digits, result.scale)
    template = f"CAST(:a AS {operand.sql}) % CAST(:b AS {operand.sql})"
    return _unless_zero(node.this, node.expression, _cast(template, result, a=node.this, b=node.expression))


def _average(node: exp.Expr) -> exp.Expr:
    """An average has the type of the values, and is rounded half up.

    Example: ``avg(a * 1.0)`` has the type of ``a * 1.0``.
    Source: "Aggregate functions", Trino documentation; "DecimalAverageAggregation.java" of Trino.
    """
    if isinstance(node.parent, (exp.Filter, exp.Window)) and node.arg_key == "this":
        return node  # which belong to the average
    result = _type_of(node)
    sum_type = Decimal(min(MAX_PRECISION, result.precision + _DIGITS_OF_ROWS), result.scale)
    total = _cast(":total", sum_type, total=_with_aggregate(node, exp.Sum))
    count = _with_aggregate(node, exp.Count)
    return _quotient(total, sum_type, count, Decimal(19, 0), result)


def _aggregate_in(node: exp.Expr) -> exp.Expr:
    """The aggregate that a FILTER or an OVER belongs to."""
    while isinstance(node, (exp.Filter, exp.Window)):
        node = node.this
    return node


def _with_aggregate(node: exp.Expr, kind: type[exp.Expr]) -> exp.Expr:
    """An average, with its FILTER and OVER, as another aggregate."""
    new = node.copy()
    average = _aggregate_in(new)
    other = kind(this=average.this.copy())
    if average is new:
        return other
    average.replace(other)
    return new


def _round_decimal(node: exp.Expr) -> exp.Expr:
    """Rounding is half up, away from zero. With a number of places, the scale stays as it is.

    Example: ``round(2.5)`` is ``3``, ``round(-1.25, 1)`` is ``-1.30``, and ``round(155.0, -1)`` is ``160.0``.
    Source: "Mathematical functions and operators", Trino documentation; "MathFunctions.java" of Trino.
    """
    value, result = node.this, _type_of(node)
    places = _places(node)
    if places is None or places >= _operand(value).scale:
        return cast_to(value, result)
    if places >= 0:
        rounded = Decimal(min(MAX_PRECISION, result.precision - result.scale + places + 1), places)
        return _cast(f"CAST(:x AS {rounded.sql})", result, x=value)
    return _to_tens(value, result, -places, rounds_up=True)


def _round_up_or_down(node: exp.Expr) -> exp.Expr:
    """The functions ceil and floor give a decimal without a scale.

    Example: ``ceil(-1.5)`` is ``-1``, and ``floor(-1.5)`` is ``-2``.
    Source: "Mathematical functions and operators", Trino documentation; "MathFunctions.java" of Trino.
    """
    function = "ceil" if isinstance(node, exp.Ceil) else "floor"
    return _cast(f"{function}(CAST(:x AS {_operand(node.this).sql}))", _type_of(node), x=node.this)


def _truncate_decimal(node: exp.Expr) -> exp.Expr:
    """Truncating drops digits. Without a number of places, it gives a decimal without a scale, of an integer too.

    Example: ``truncate(-2.75)`` is ``-2``, ``truncate(-2.75, 1)`` is ``-2.70``, ``truncate(277.5, -1)`` is ``270.0``.
    Source: "Mathematical functions and operators", Trino documentation; "MathFunctions.java" of Trino.
    """
    value, own, result = node.this, _operand(node.this), _type_of(node)
    places = _places(node)
    if places is None:
        return _cast(f"trunc(CAST(:x AS {own.sql}))", result, x=value) if own.scale else cast_to(value, result)
    if places >= own.scale:
        return cast_to(value, result)
    if places < 0:
        return _to_tens(value, result, -places, rounds_up=False)
    return _cast(f"CAST(:x AS {own.sql}) - CAST(:x AS {own.sql}) % {_one_at(places)}", result, x=value)


def _nullif_of_decimals(node: exp.Expr) -> exp.Expr:
    """The function nullif compares values of the common type, and gives the first as it is.

    Example: ``nullif(1.50, 1.5)`` is ``NULL``, and ``nullif(1.50, 1e0)`` is ``1.50``.
    Source: "Conditional expressions", Trino documentation.
    """
    pair = exp.Tuple(expressions=[node.this.copy(), node.expression.copy()])
    coerce_to_common(pair.expressions)
    left, right = pair.expressions
    return from_template("CASE WHEN :a = :b THEN NULL ELSE :value END", a=left, b=right, value=node.this)


RULES: Rules = {
    exp.Add: _sum_or_difference,
    exp.Avg: _average,
    exp.Ceil: _round_up_or_down,
    exp.Div: _division,
    exp.Floor: _round_up_or_down,
    exp.Literal: _decimal_literal,
    exp.Mod: _decimal_remainder,
    exp.Mul: _product,
    exp.Nullif: _nullif_of_decimals,
    exp.Round: _round_decimal,
    exp.Sub: _sum_or_difference,
    exp.Trunc: _truncate_decimal,
}
"""By the class of a node that `rule_for` finds to be of decimals, the rule for it. They come before apply.py's."""


def _type_of(node: exp.Expr) -> Decimal:
    found = decimal_of(node.type)
    assert found, f"{node.sql()} is a decimal"
    return found


def _operand(value: exp.Expr) -> Decimal:
    """The type of an operand in decimal arithmetic."""
    return as_decimal(value.type) or Decimal(1, 0)  # NULL


def _for_result(operand: Decimal, precision: int) -> Decimal:
    """The type of an operand, with room for a result of more than 18 digits: DuckDB takes 64 bits if both operands do.

    Its multiplication and its addition would fail on a greater result.
    """
    if precision > _DIGITS_OF_BIGINT >= operand.precision:
        return Decimal(_DIGITS_OF_BIGINT + 1, operand.scale)
    return operand


def _whole_digits(value: exp.Expr) -> int:
    return _operand(value).whole_digits


def _cast(template: str, target: Decimal, **parts: exp.Expr) -> exp.Expr:
    new = from_template(f"CAST({template} AS {target.sql})", **parts)
    new.type = target.data_type
    return new


def _one_at(place: int) -> str:
    """SQL for a 1 at this place behind the point, or at the last one in front of it."""
    text = f"0.{'1'.zfill(place)}" if place else "1"
    return f"CAST('{text}' AS DECIMAL({max(place, 1)}, {place}))"


def _places(node: exp.Expr) -> int | None:
    """The number of places that a value is rounded to; None where the function has no such argument."""
    places = node.args.get("decimals")
    if places is None:
        return None
    number = places.this if isinstance(places, exp.Neg) else places
    if not number.is_int:
        raise NotSupportedError("a number of places that is no constant")
    return -int(number.name) if isinstance(places, exp.Neg) else int(number.name)


def _is_never_zero(value: exp.Expr) -> bool:
    inner = value
    while isinstance(inner, (exp.Cast, exp.Neg, exp.Paren)):
        inner = inner.this
    return isinstance(inner, exp.Literal) and bool(inner.name.strip("0.")) and decimal_of(value.type) is not None


def _unless_zero(dividend: exp.Expr, divisor: exp.Expr, result: exp.Expr) -> exp.Expr:
    """The result of a division, which fails where the divisor is zero, unless the dividend is NULL."""
    if _is_never_zero(divisor):
        return result
    template = f"CASE WHEN :b = 0 AND :a IS NOT NULL THEN {DIVISION_BY_ZERO} ELSE :result END"
    return from_template(template, a=dividend, b=divisor, result=result)


def _integer(type_of_value: Decimal, shift: int, kind: str) -> str:
    """SQL for the digits of :x as an integer, with so many zeros behind them."""
    scale = type_of_value.scale
    if scale == 0:
        digits = f"CAST(:x AS {kind})"
    elif type_of_value.precision + scale + shift <= MAX_PRECISION:
        wide = _for_result(type_of_value, type_of_value.precision + scale + shift + 1)
        factor = f"CAST('{10 ** (scale + shift)}' AS DECIMAL({scale + shift + 1}, 0))"
        return f"CAST(CAST(:x AS {wide.sql}) * {factor} AS {kind})"
    else:
        digits = f"CAST(replace(CAST(:x AS VARCHAR), '.', '') AS {kind})"
    return f"({digits} * CAST('{10**shift}' AS {kind}))" if shift else digits


def _quotient(
    dividend: exp.Expr, of_dividend: Decimal, divisor: exp.Expr, of_divisor: Decimal, result: Decimal
) -> exp.Expr:
    """The quotient of integers with one digit more than the result has, which is then rounded by that digit."""
    shift = result.scale - of_dividend.scale + of_divisor.scale + 1
    if result.scale == MAX_PRECISION:
        raise NotSupportedError(f"a division of decimals with {MAX_PRECISION} digits behind the point")
    digits = of_dividend.precision + shift
    is_short = digits <= _DIGITS_OF_BIGINT and of_divisor.precision <= _DIGITS_OF_BIGINT
    kind = "BIGINT" if is_short else "HUGEINT"
    b = from_template(_integer(of_divisor, 0, kind), x=divisor)
    if digits <= MAX_PRECISION:
        a = from_template(_integer(of_dividend, shift, kind), x=dividend)
        quotient = from_template(":a // :b", a=a, b=b)
    else:
        a, factor = from_template(_integer(of_dividend, 0, kind), x=dividend), f"CAST('{10**shift}' AS {kind})"
        in_two_steps = f":a // :b * {factor} + (:a % :b) * {factor} // :b"
        if of_divisor.precision + shift <= MAX_PRECISION:
            quotient = from_template(in_two_steps, a=a, b=b)
        else:
            problem = "error('NOT_SUPPORTED: the embedded Athena does not divide decimals with this many digits')"
            limit = f"CAST('{10 ** (MAX_PRECISION - shift)}' AS {kind})"
            template = (
                f"CASE WHEN abs(:a) >= {limit} AND abs(:b) >= {limit} THEN {problem} "
                f"WHEN abs(:a) >= {limit} THEN {in_two_steps} ELSE :a * {factor} // :b END"
            )
            quotient = from_template(template, a=a, b=b)
    whole = _for_result(Decimal(min(MAX_PRECISION, digits), 0), digits + result.scale + 1)
    return _cast(f"CAST(:quotient AS {whole.sql}) * {_one_at(result.scale + 1)}", result, quotient=quotient)


def _to_tens(value: exp.Expr, result: Decimal, zeros: int, *, rounds_up: bool) -> exp.Expr:
    """The value with so many zeros in front of the point."""
    own = _operand(value)
    if zeros > own.whole_digits or (zeros == own.whole_digits and own.precision < _DIGITS_OF_BIGINT):
        return _cast("CASE WHEN :x IS NOT NULL THEN 0 END", result, x=value)
    # The digits behind the point cannot change what is rounded half up at a digit in front of it.
    whole = f"CAST(trunc(CAST(:x AS {own.sql})) AS HUGEINT)"
    tens = f"CAST('{10**zeros}' AS HUGEINT)"
    half = f" + sign(:x) * CAST('{10**zeros // 2}' AS HUGEINT)" if rounds_up else ""
    return _cast(f"({whole}{half}) // {tens} * {tens}", result, x=value)
