"""Rules for comparisons, and for what is made of comparisons: NaN, rows and arrays.

In Trino, as in IEEE 754, NaN equals nothing, and is neither less nor greater. In DuckDB, it equals itself and is the
greatest number. Only values of floating point types are concerned. GROUP BY, DISTINCT, ORDER BY and IS DISTINCT FROM
mean the same in both.

A row or an array with NULL is a value like others for DuckDB. In Trino, a comparison with it is NULL where no other
field differs. Rows are compared field by field here; comparisons of arrays are refused.
"""

from sqlglot import exp

from resources.embedded.sql.rewrites.rule import NotSupportedError, Rules
from resources.embedded.sql.rewrites.template import from_template
from resources.embedded.sql.type_checks import is_floating


def _may_be_nan(value: exp.Expr) -> bool:
    return is_floating(value) and not isinstance(value.this if isinstance(value, exp.Neg) else value, exp.Literal)


def _comparison(node: exp.Expr) -> exp.Expr:
    """NaN equals nothing, and is neither less nor greater.

    Example: ``0e0 / 0 = 0e0 / 0`` is ``FALSE``, ``0e0 / 0 > 1`` is ``FALSE``, and ``0e0 / 0 <> 1`` is ``TRUE``.
    Source: "DoubleType.java" of Trino.
    """
    _require_no_array(node.this, node.expression)
    if isinstance(node.expression, (exp.All, exp.Any)):
        if _may_be_nan(node.this):
            raise NotSupportedError("a comparison of fractions with a subquery's")
        return node
    return _compared(type(node), node.this, node.expression)


def _compared(operator: type[exp.Expr], left: exp.Expr, right: exp.Expr) -> exp.Expr:
    comparison = operator(this=left.copy(), expression=right.copy())
    if not (_may_be_nan(left) or _may_be_nan(right)):
        return comparison
    nans = [
        f"isnan(CAST(:{name} AS DOUBLE)) AND :{other} IS NOT NULL"
        for name, other, value in (("a", "b", left), ("b", "a", right))
        if _may_be_nan(value)
    ]
    is_unequal = "TRUE" if operator is exp.NEQ else "FALSE"
    template = f"CASE WHEN {' OR '.join(nans)} THEN {is_unequal} ELSE :comparison END"
    return exp.paren(from_template(template, a=left, b=right, comparison=comparison))


def _between(node: exp.Expr) -> exp.Expr:
    """``x BETWEEN a AND b`` compares twice.

    Example: ``0e0 / 0 BETWEEN 1 AND 0e0 / 0`` is ``FALSE``.
    Source: "Comparison functions and operators", Trino documentation.
    """
    low, high = node.args["low"], node.args["high"]
    _require_no_array(node.this, low, high)
    if not any(map(_may_be_nan, (node.this, low, high))):
        return node
    return exp.paren(exp.and_(_compared(exp.GTE, node.this, low), _compared(exp.LTE, node.this, high)))


def _in(node: exp.Expr) -> exp.Expr:
    """``x IN (a, b)`` compares with each, and a row field by field.

    Example: ``0e0 / 0 IN (0e0 / 0, 1)`` is ``FALSE``.
    Example: ``('a', NULL) IN (('a', 1), ('b', 2))`` is ``NULL``, and ``('a', NULL) IN (('b', 1))`` is ``FALSE``.
    Source: "Comparison functions and operators", Trino documentation; "RowType.java" of Trino.
    """
    query = node.args.get("query")
    selected = query.unnest().selects if query else []
    is_row = isinstance(node.this, exp.Tuple)
    fields = node.this.expressions if is_row else [node.this]
    others = [field for value in node.expressions for field in (value.expressions if is_row else [value])]
    _require_no_array(*fields, *others, *selected)
    if query:
        if any(map(_may_be_nan, (*fields, *selected))):
            raise NotSupportedError("IN with fractions of a subquery")
        return node
    if is_row:
        rows = [
            exp.and_(*(_compared(exp.EQ, own, other) for own, other in zip(fields, row.expressions, strict=True)))
            for row in node.expressions
        ]
        return exp.paren(exp.or_(*rows))
    if not any(map(_may_be_nan, (*fields, *others))):
        return node
    return exp.paren(exp.or_(*(_compared(exp.EQ, node.this, value) for value in others)))


def _require_no_array(*values: exp.Expr | None) -> None:
    if any(value is not None and value.is_type(exp.DType.ARRAY, exp.DType.LIST) for value in values):
        raise NotSupportedError("a comparison of arrays")


def _case(node: exp.Expr) -> exp.Expr:
    """``CASE x WHEN a`` compares x with a.

    Example: ``CASE 0e0 / 0 WHEN 0e0 / 0 THEN 1 END`` is ``NULL``.
    Source: "Conditional expressions", Trino documentation.
    """
    operand = node.this
    _require_no_array(operand)
    if operand is None or not any(map(_may_be_nan, (operand, *(branch.this for branch in node.args["ifs"])))):
        return node
    branches = [
        exp.If(this=_compared(exp.EQ, operand, branch.this), true=branch.args["true"].copy())
        for branch in node.args["ifs"]
    ]
    default = node.args.get("default")
    return exp.Case(ifs=branches, default=default.copy() if default else None)


def _nullif(node: exp.Expr) -> exp.Expr:
    """``nullif(a, b)`` compares a with b.

    Example: ``nullif(0e0 / 0, 0e0 / 0) IS NULL`` is ``FALSE``.
    Source: "Conditional expressions", Trino documentation.
    """
    _require_no_array(node.this, node.expression)
    if not (_may_be_nan(node.this) or _may_be_nan(node.expression)):
        return node
    equal = _compared(exp.EQ, node.this, node.expression)
    return from_template("CASE WHEN :equal THEN NULL ELSE :a END", equal=equal, a=node.this)


def _greatest(node: exp.Expr) -> exp.Expr:
    """The greatest number: Trino passes over NaN, as for the least. In DuckDB, NaN is the greatest.

    Example: ``greatest(1e0, 0e0 / 0)`` is ``1e0``.
    Source: "AbstractGreatestLeast.java" and "MinMaxCompare.java" of Trino.
    """
    values = [node.this, *node.expressions]
    if not any(map(_may_be_nan, values)):
        return node
    first, *others = [exp.Neg(this=exp.paren(value, copy=True)) for value in values]
    return exp.Neg(this=exp.Least(this=first, expressions=others, ignore_nulls=node.args.get("ignore_nulls")))


def _max(node: exp.Expr) -> exp.Expr:
    """The maximum passes over NaN, as the minimum does. In DuckDB, NaN is the greatest.

    Example: ``max(a * 1e0)`` becomes ``ARG_MIN(a * 1e0, -(a * 1e0))``.
    Source: "MaxAggregationFunction.java" of Trino, which compares "unordered first".
    """
    value = node.this.expressions[0] if isinstance(node.this, exp.Distinct) else node.this
    if not _may_be_nan(value):
        return node
    return exp.Anonymous(this="arg_min", expressions=[value.copy(), exp.Neg(this=exp.paren(value, copy=True))])


RULES: Rules = {
    exp.Between: _between,
    exp.Case: _case,
    **dict.fromkeys((exp.EQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NEQ), _comparison),
    exp.Greatest: _greatest,
    exp.In: _in,
    exp.Max: _max,
    exp.Nullif: _nullif,
}
