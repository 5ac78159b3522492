"""What of Trino's SELECT the embedded engine executes, and how DuckDB is told what Trino means by it.

sqlglot and DuckDB read more than Trino does, and DuckDB means something else by some of it. So a clause or a function
passes only if it stands in the tables below, and each rewriting names the difference that it takes away. Which tables
there are, and which of their partitions are read, is decided elsewhere.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ErrorLevel
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.tokenizer_core import Token, TokenType

from resources.engine import QueryError

# Which of sqlglot's arguments there may be, and in which of its expressions: clauses and operators, then functions.
_KNOWN_BY_ARGUMENTS: tuple[tuple[str, tuple[type[exp.Expr], ...]], ...] = (
    ("", (exp.Null, exp.Star)),
    ("this", (exp.All, exp.Any, exp.Boolean, exp.DataTypeParam, exp.Exists, exp.From, exp.Having, exp.IgnoreNulls)),
    ("this", (exp.Neg, exp.Not, exp.Paren, exp.Var, exp.Where)),
    ("this expression", (exp.Add, exp.And, exp.DPipe, exp.EQ, exp.Escape, exp.Filter, exp.GT, exp.GTE, exp.Is)),
    ("this expression", (exp.LT, exp.LTE, exp.Mod, exp.Mul, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ)),
    ("this expression", (exp.Or, exp.Sub)),
    ("this expression typed", (exp.Div,)),
    ("this expression negate", (exp.Like,)),
    ("this low high", (exp.Between,)),
    ("this expressions query", (exp.In,)),
    ("this alias", (exp.Alias, exp.CTE)),
    ("this columns", (exp.TableAlias,)),
    ("this quoted", (exp.Identifier,)),
    ("this is_string", (exp.Literal,)),
    ("this unit", (exp.Interval,)),
    ("this table db catalog", (exp.Column,)),
    ("this db catalog alias", (exp.Table,)),
    ("this expressions", (exp.DataType, exp.Order)),
    ("this desc nulls_first", (exp.Ordered,)),
    ("this on using side kind", (exp.Join,)),
    ("this partition_by order spec over alias", (exp.Window,)),
    ("kind start start_side end end_side", (exp.WindowSpec,)),
    ("expression", (exp.Limit, exp.Offset)),
    ("count direction limit_options", (exp.Fetch,)),
    ("rows", (exp.LimitOptions,)),
    ("expressions", (exp.Cube, exp.Distinct, exp.Group, exp.GroupingSets, exp.Rollup, exp.Tuple, exp.With)),
    ("expressions alias", (exp.Unnest, exp.Values)),
    ("with_ this alias order offset limit", (exp.Subquery,)),
    ("with_ this expression distinct order offset limit", (exp.Except, exp.Intersect, exp.Union)),
    ("with_ distinct expressions from_ joins where group having windows order offset limit", (exp.Select,)),
    ("", (exp.CumeDist, exp.CurrentDate, exp.CurrentTimestamp, exp.DenseRank, exp.PercentRank, exp.Rank)),
    ("", (exp.RowNumber,)),
    ("this", (exp.Abs, exp.AnyValue, exp.ArrayAgg, exp.ArraySize, exp.Avg, exp.Cbrt, exp.Ceil, exp.CountIf, exp.Date)),
    ("this", (exp.Day, exp.DayOfMonth, exp.DayOfWeekIso, exp.DayOfYear, exp.Exp, exp.FirstValue, exp.Floor)),
    ("this", (exp.FromISO8601Date, exp.Hour, exp.LastDay, exp.LastValue, exp.Length, exp.Ln, exp.LogicalAnd)),
    ("this", (exp.LogicalOr, exp.Lower, exp.Max, exp.Min, exp.Minute, exp.Month, exp.Ntile, exp.Quarter, exp.Reverse)),
    ("this", (exp.Second, exp.Sqrt, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Sum, exp.TimeToUnix, exp.Trunc)),
    ("this", (exp.UnixToTime, exp.Upper, exp.Variance, exp.VariancePop, exp.WeekOfYear, exp.Year)),
    ("this expression", (exp.ArgMax, exp.ArgMin, exp.ArrayToString, exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor)),
    ("this expression", (exp.Extract, exp.Log, exp.Nullif, exp.Pow, exp.RegexpLike, exp.Split, exp.StartsWith)),
    ("this expressions", (exp.Coalesce, exp.Greatest, exp.Least)),
    ("expressions", (exp.Array, exp.Chr, exp.Concat, exp.Grouping)),
    ("this expression unit", (exp.DateAdd, exp.DateDiff)),
    ("this unit", (exp.DateTrunc, exp.TimestampTrunc)),
    ("this format", (exp.StrToTime, exp.TimeToStr)),
    ("this to safe", (exp.Cast, exp.TryCast)),
    ("this ifs default", (exp.Case,)),
    ("this true false", (exp.If,)),
    ("this big_int", (exp.Count,)),
    ("this separator", (exp.GroupConcat,)),
    ("this accuracy", (exp.ApproxDistinct,)),
    ("this quantile", (exp.ApproxQuantile,)),
    ("this expressions offset safe", (exp.Bracket,)),
    ("this offset default", (exp.Lag, exp.Lead, exp.NthValue)),
    ("this decimals", (exp.Round,)),
    ("this substr", (exp.StrPosition,)),
    ("this start length", (exp.Substring,)),
    ("this delimiter part_index", (exp.SplitPart,)),
    ("this expression position", (exp.Trim,)),
    ("this from_ to", (exp.Translate,)),
    ("this expression replacement", (exp.RegexpReplace, exp.Replace)),
    ("this expression fill_pattern is_left", (exp.Pad,)),
    ("this expression group null_if_pos_overflow", (exp.RegexpExtract,)),
)
_KNOWN: Mapping[type[exp.Expr], frozenset[str]] = {
    kind: frozenset(arguments.split()) for arguments, kinds in _KNOWN_BY_ARGUMENTS for kind in kinds
}

# Trino's names of these functions: sqlglot also knows those of other engines, and reads them alike.
_NAMES = frozenset(
    re.findall(
        r"\w+",
        """
    abs any_value approx_distinct approx_percentile arbitrary array_agg array_join avg bitwise_and bitwise_or
    bitwise_xor bool_and bool_or cardinality cast cbrt ceil ceiling chr coalesce concat count count_if cume_dist date
    date_add date_diff date_format date_parse date_trunc day day_of_month day_of_week day_of_year dense_rank dow doy
    element_at exp extract first_value floor from_iso8601_date from_unixtime greatest grouping hour if lag
    last_day_of_month last_value lead least length listagg ln log log10 log2 lower lpad ltrim max max_by min min_by
    minute mod month now nth_value ntile nullif percent_rank position pow power quarter rank regexp_extract regexp_like
    regexp_replace replace reverse round row_number rpad rtrim second split split_part sqrt starts_with stddev
    stddev_pop stddev_samp strpos substr substring sum to_unixtime translate trim truncate try_cast upper var_pop
    var_samp variance week week_of_year year
    """,
    )
)

# The functions that sqlglot reads in ways of their own, and does not say under which name it found them.
_UNPLACED = frozenset(Trino.Parser.FUNCTION_PARSERS) - {name.upper() for name in _NAMES}

_CAST_TARGETS: Mapping[exp.DType, str] = {
    exp.DType.BOOLEAN: r"(?i)(t|true|1|f|false|0)",
    exp.DType.TINYINT: r"\s*[+-]?\d+\s*",
    exp.DType.SMALLINT: r"\s*[+-]?\d+\s*",
    exp.DType.INT: r"\s*[+-]?\d+\s*",
    exp.DType.BIGINT: r"\s*[+-]?\d+\s*",
    exp.DType.FLOAT: r"\s*([+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|NaN|[+-]?Infinity)\s*",
    exp.DType.DOUBLE: r"\s*([+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|NaN|[+-]?Infinity)\s*",
    exp.DType.VARCHAR: "",
    exp.DType.DATE: r"\s*\d{4}-\d{1,2}-\d{1,2}\s*",
    exp.DType.TIMESTAMP: r"\s*\d{4}-\d{1,2}-\d{1,2}( \d{1,2}:\d{1,2}(:\d{1,2}(\.\d+)?)?)?\s*",
}
"""What values can be cast to, and the text that Trino takes for one of these. DuckDB takes more (1e3, 2024/01/31)."""

MOST_BYTES = 32 << 20
"""What a row or a column of Athena's may hold ("Considerations and limitations for SQL queries", user guide, 2026)."""

_INTEGERS = frozenset(exp.DataType.INTEGER_TYPES)

_UNITS = frozenset(("SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"))
_EXTRACTED = _UNITS | {"DAY_OF_YEAR", "DOY"}

_TIME_FORMATS = frozenset(re.findall(r"\S+", "%Y %y %m %d %H %M %S %f %j %a %b %A %B %-m %-d %-H %I %-I %p %%"))
"""The specifiers of a date that DuckDB prints as Trino does, once sqlglot has put them in Python's words."""

_WHITESPACE = "chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || ' '"

_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ)
_TUPLES_WELCOME = (exp.Cube, exp.GroupingSets, exp.In, exp.Rollup, exp.Tuple, exp.Values)
_DECIMALS_WELCOME = (
    *(*_COMPARISONS, exp.Between, exp.In),
    *(exp.ApproxQuantile, exp.ApproxDistinct, exp.Cast, exp.TryCast, exp.Alias, exp.Select),
)


def refused(what: str, text: str) -> QueryError:
    """The error for what Athena may execute and the embedded engine does not."""
    return QueryError("NOT_SUPPORTED", f"the embedded Athena does not execute {what}.", text)


def refuse_unknown(tree: exp.Expr, tokens: list[Token], text: str) -> None:
    """Raise QueryError, with its name, for whatever of a query is not in the tables."""
    _refuse_slips(tokens, text)
    for node in tree.walk():
        name = text[node.meta["start"] : node.meta["end"] + 1] if _is_call(node) else ""
        if type(node) not in _KNOWN or (name and name.lower() not in _NAMES):
            raise refused(_named(node, name), text)
        for argument, value in node.args.items():
            if value not in (None, False, []) and argument not in _KNOWN[type(node)]:
                raise refused(f"{argument.strip('_').upper()} in {_sql(node)}", text)
        problem = _problem(node)
        if problem:
            raise refused(f"{problem} in {_sql(node)}", text)


def _refuse_slips(tokens: list[Token], text: str) -> None:
    """Raise QueryError for what sqlglot reads over, or reads in another engine's way."""
    kinds = [token.token_type for token in tokens if token.token_type is not TokenType.SEMICOLON]
    if kinds.count(TokenType.L_PAREN) != kinds.count(TokenType.R_PAREN):
        raise QueryError("SYNTAX_ERROR", "the parentheses do not match.", text)
    edges = {TokenType.SELECT, TokenType.FROM, TokenType.L_PAREN, TokenType.R_PAREN, TokenType.COMMA}
    for kind, after in pairwise([*kinds, TokenType.FROM]):
        if kind is TokenType.COMMA and after in edges - {TokenType.L_PAREN, TokenType.SELECT}:
            raise QueryError("SYNTAX_ERROR", "there is nothing behind a comma.", text)
        if after is TokenType.COMMA and kind in edges - {TokenType.R_PAREN}:
            raise QueryError("SYNTAX_ERROR", "there is nothing in front of a comma.", text)
        if kind is after is TokenType.STRING:
            raise QueryError("SYNTAX_ERROR", "there is nothing between two texts.", text)
    if TokenType.DCOLON in kinds:
        raise QueryError("SYNTAX_ERROR", "Trino has no operator '::'; write CAST(… AS …).", text)
    if any(
        kind is TokenType.LIMIT and after is TokenType.OFFSET for kind, after in zip(kinds, kinds[2:], strict=False)
    ):
        raise QueryError("SYNTAX_ERROR", "OFFSET stands before LIMIT in Trino's SQL.", text)
    for token, following in pairwise(tokens):
        if following.token_type is TokenType.L_PAREN and token.text.upper() in _UNPLACED:
            raise refused(f"the function {token.text.lower()}", text)


def typed(tree: exp.Expr, schema: dict[str, object], text: str) -> exp.Expr:
    """The tree with the type of each value. Raises QueryError where Trino would not have values of them together."""
    tree = annotate_types(tree, schema=schema, expression_metadata=_TYPES, dialect="athena")
    for element in tree.find_all(exp.Bracket):
        if isinstance(element.this, exp.Split):
            element.type = exp.DataType.build("VARCHAR")
    for node in tree.walk():
        for kinds in _together(node):
            if len(kinds - {None}) > 1:
                found = " and ".join(sorted(str(kind) for kind in kinds - {None}))
                where = f"the columns of a {node.key.upper()}" if isinstance(node, exp.SetOperation) else _sql(node)
                raise QueryError(
                    "TYPE_MISMATCH",
                    f"values of type {found} are put together in: {where}. Write constants in the column's type, or "
                    "CAST one of the values.",
                    text,
                )
    return tree


def in_duckdb_words(tree: exp.Expr, text: str) -> exp.Expr:
    """The typed tree with Trino's meaning in DuckDB's functions, to be written in its dialect."""
    for select in tree.find_all(exp.Select):
        _order_by_results(select)
    # From the leaves to the root, so that what is put into another expression has been rewritten itself.
    for node in reversed(list(tree.bfs())):
        rewrite = _REWRITES.get(type(node))
        try:
            new = rewrite(node) if rewrite else node
        except _RefusalError as refusal:
            raise refused(f"{refusal} in {_sql(node)}", text) from None
        except KeyError as missing:
            problem = f"{_sql(node)} has too few arguments: {missing.args[0]} is missing."
            raise QueryError("FUNCTION_NOT_FOUND", problem, text) from None
        if new is not node:
            new.type = node.type
            node.replace(new)
    return tree


def _order_by_results(select: exp.Select) -> None:
    """In ORDER BY, a name is first a column of the result; DuckDB sees it so only where it stands alone."""
    order = select.args.get("order")
    results = {column.alias: column.this for column in select.selects if isinstance(column, exp.Alias)}
    for column in list(order.find_all(exp.Column)) if order else []:
        if not column.table and column.name in results and not isinstance(column.parent, exp.Ordered):
            column.replace(exp.paren(results[column.name], copy=True))


class _RefusalError(Exception):
    """What exactly is refused."""


def _is_call(node: exp.Expr) -> bool:
    return isinstance(node, exp.Func) and "start" in node.meta


def _named(node: exp.Expr, name: str) -> str:
    if isinstance(node, exp.Func):
        return f"the function {(name or node.name or node.sql_name()).lower()}"
    return node.sql(unsupported_level=ErrorLevel.IGNORE) or type(node).__name__


def _sql(node: exp.Expr) -> str:
    return node.sql("athena", unsupported_level=ErrorLevel.IGNORE)


def _problem(node: exp.Expr) -> str:
    """What about an expression of a known kind is not known; nothing where all is."""
    match node:
        case exp.Select() if not node.expressions:
            return "nothing selected"
        case exp.Tuple() if not isinstance(node.parent, _TUPLES_WELCOME):
            return "a row as a value"
        case exp.Join() if node.kind not in ("", "INNER", "CROSS", "OUTER"):
            return f"{node.kind} JOIN"
        case exp.Is() if not isinstance(node.expression, exp.Null):
            return "IS with anything but NULL"
        case exp.Any() | exp.All() if not isinstance(node.this.unnest(), exp.Query):
            return "a comparison with all of anything but a subquery"
        case exp.Bracket() if not node.args.get("safe"):
            return "a subscript; use element_at"
        case exp.Interval() if not node.this.is_string or node.text("unit").upper() not in _UNITS:
            return "an interval of this form"
        case exp.Extract() if node.name.upper() not in _EXTRACTED:
            return f"the field {node.name}"
        case exp.DateAdd() | exp.DateDiff() | exp.DateTrunc() | exp.TimestampTrunc() if (
            node.text("unit").upper() not in _UNITS
        ):
            return f"the unit {node.text('unit')}"
        case exp.TimeToStr() | exp.StrToTime():
            form = node.args["format"]
            specifiers = set(re.findall("%-?.?", form.name))
            if not form.is_string or specifiers - _TIME_FORMATS:
                return f"the format {form.name}"
        case exp.Cast() | exp.TryCast():
            literal = node.this.is_string and node.to.this is exp.DType.TIMESTAMP
            if node.to.this not in _CAST_TARGETS or (node.to.expressions and not literal):
                return f"a cast to {_sql(node.to)}"
        case exp.Literal() if not node.is_string and "." in node.name and "e" not in node.name.lower():
            # Trino reckons exactly with decimals, to a number of places of its own; DuckDB does with doubles.
            user = node.parent
            while isinstance(user, (exp.Neg, exp.Paren)):
                user = user.parent
            if not isinstance(user, _DECIMALS_WELCOME):
                return f"reckoning with decimals (write {node.name}e0, a double)"
        case exp.GroupConcat() if not isinstance(node.this, exp.Order):
            return "listagg without WITHIN GROUP (ORDER BY …)"
        case exp.RegexpReplace() if (with_ := node.args.get("replacement")) is not None:
            if not with_.is_string or re.search(r"\\|\$(?!\d)", with_.name):
                return "a replacement of this form"
    return ""


# Types.


def _returns(returned: exp.DType, *kinds: type[exp.Expr]) -> dict[type[exp.Expr], Any]:
    return {kind: {"returns": returned} for kind in kinds}


# What sqlglot does not know by itself, or knows of another engine.
_TYPES: dict[type[exp.Expr], Any] = {
    **Dialect.get_or_raise("athena").EXPRESSION_METADATA,
    **_returns(exp.DType.VARCHAR, exp.Pad, exp.RegexpExtract, exp.RegexpReplace, exp.Replace, exp.Reverse),
    **_returns(exp.DType.VARCHAR, exp.SplitPart, exp.Translate),
    **_returns(exp.DType.BIGINT, exp.DateDiff, exp.Hour, exp.Minute, exp.Second, exp.Quarter),
    **_returns(exp.DType.DOUBLE, exp.TimeToUnix),
    **_returns(exp.DType.DATE, exp.FromISO8601Date),
    **{
        kind: {"annotator": lambda self, node: self._annotate_by_args(node, "this")}
        for kind in (
            *(exp.ArgMax, exp.ArgMin, exp.ApproxQuantile, exp.DateTrunc, exp.TimestampTrunc),
            *(exp.Ceil, exp.Floor, exp.Round, exp.Trunc),
        )
    },
}


def _kind(value: exp.Expr | None) -> str | None:
    """The kind of type whose values Trino lets stand together; None where it is not known."""
    if value is None or value.type is None or isinstance(value, exp.Null):
        return None
    if value.is_type(*exp.DataType.TEXT_TYPES):
        return "varchar"
    if value.is_type(*exp.DataType.NUMERIC_TYPES):
        return "number"
    if value.is_type(*exp.DataType.TEMPORAL_TYPES):
        return "date or timestamp"
    if value.is_type(exp.DType.BOOLEAN):
        return "boolean"
    if value.is_type(exp.DType.INTERVAL):
        return "interval"
    return None


_TAKES: Mapping[type[exp.Expr], str] = {
    kind: name
    for name, kinds in (
        ("varchar", (exp.Length, exp.Lower, exp.Pad, exp.RegexpExtract, exp.RegexpReplace, exp.Replace, exp.Reverse)),
        ("varchar", (exp.Split, exp.SplitPart, exp.StartsWith, exp.StrPosition, exp.StrToTime, exp.Substring)),
        ("varchar", (exp.Translate, exp.Trim, exp.Upper)),
        ("number", (exp.Abs, exp.Avg, exp.Cbrt, exp.Ceil, exp.Exp, exp.Floor, exp.Ln, exp.Pow, exp.Round, exp.Sqrt)),
        ("number", (exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Sum, exp.Trunc, exp.UnixToTime, exp.Variance)),
        ("number", (exp.VariancePop, exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor, exp.Neg)),
        ("date or timestamp", (exp.DateAdd, exp.DateDiff, exp.DateTrunc, exp.Day, exp.DayOfMonth, exp.DayOfWeekIso)),
        ("date or timestamp", (exp.DayOfYear, exp.Hour, exp.LastDay, exp.Minute, exp.Month, exp.Quarter, exp.Second)),
        ("date or timestamp", (exp.TimeToStr, exp.TimeToUnix, exp.TimestampTrunc, exp.WeekOfYear, exp.Year)),
        ("boolean", (exp.CountIf, exp.Having, exp.LogicalAnd, exp.LogicalOr, exp.Not, exp.Where)),
    )
    for kind in kinds
}
"""What functions and clauses take as their first value. DuckDB makes it so, where it can."""


def _together(node: exp.Expr) -> Iterator[set[str | None]]:
    """The kinds of those values that have to be of one kind."""
    if type(node) in _TAKES:
        yield {_TAKES[type(node)], _kind(node.this)}
    match node:
        case exp.In():
            query = node.args.get("query")
            selected = query.unnest().selects if query else []
            if isinstance(node.this, exp.Tuple) and selected:
                # A row is compared field by field.
                yield from (
                    {_kind(own), _kind(other)} for own, other in zip(node.this.expressions, selected, strict=False)
                )
            else:
                yield {_kind(node.this), *map(_kind, node.expressions), *map(_kind, selected)}
        case exp.Between():
            yield {_kind(node.this), _kind(node.args["low"]), _kind(node.args["high"])}
        case exp.Binary() if isinstance(node, _COMPARISONS):
            yield {_kind(node.this), _kind(_quantified(node.expression))}
        case exp.Nullif():
            yield {_kind(node.this), _kind(node.expression)}
        case exp.Add() | exp.Sub():
            kinds = {_kind(node.this), _kind(node.expression)}
            if "interval" in kinds:
                yield {"date or timestamp", *(kinds - {"interval"})}
            elif kinds != {"date or timestamp"}:
                yield {"number", *kinds}
        case exp.Mul() | exp.Div() | exp.Mod():
            yield {"number", _kind(node.this), _kind(node.expression)}
        case exp.DPipe():
            yield {"varchar", _kind(node.this), _kind(node.expression)}
        case exp.Concat():
            yield {"varchar", *map(_kind, node.expressions)}
        case exp.Like() | exp.RegexpLike():
            yield {"varchar", _kind(node.this), _kind(node.expression)}
        case exp.Case():
            branches = node.args["ifs"]
            yield {*(_kind(branch.args["true"]) for branch in branches), _kind(node.args.get("default"))}
            yield {_kind(node.this) if node.this else "boolean", *(_kind(branch.this) for branch in branches)}
        case exp.If() if not isinstance(node.parent, exp.Case):
            yield {"boolean", _kind(node.this)}
            yield {_kind(node.args["true"]), _kind(node.args.get("false"))}
        case exp.Coalesce() | exp.Greatest() | exp.Least():
            yield {_kind(node.this), *map(_kind, node.expressions)}
        case exp.Array():
            yield set(map(_kind, node.expressions))
        case exp.And() | exp.Or():
            yield {"boolean", _kind(node.this), _kind(node.expression)}
        case exp.Join() if node.args.get("on"):
            yield {"boolean", _kind(node.args["on"])}
        case exp.SetOperation():
            for left, right in zip(node.left.selects, node.right.selects, strict=False):
                yield {_kind(left), _kind(right)}


def _quantified(value: exp.Expr) -> exp.Expr:
    """What a value is compared with: for a subquery behind ALL or ANY, the one column that it has."""
    if isinstance(value, (exp.All, exp.Any)):
        selected: list[exp.Expr] = value.this.unnest().selects
        return selected[0] if selected else value
    return value


# Rewritings.


def in_template(template: str, **parts: exp.Expr) -> exp.Expr:
    """DuckDB's SQL with each :name in it replaced by the part of that name."""
    tree = sqlglot.parse_one(template, read="duckdb")
    for place in list(tree.find_all(exp.Placeholder)):
        part = exp.paren(parts[place.name], copy=True)
        if place is tree:
            return part
        place.replace(part)
    return tree


def _is_integer(value: exp.Expr) -> bool:
    return value.is_type(*_INTEGERS)


def _divide(node: exp.Expr) -> exp.Expr:
    # DuckDB divides integers to a double; versions differ about zero, where Trino fails.
    if _is_integer(node.this) and _is_integer(node.expression):
        template = "CASE WHEN :b = 0 THEN error('DIVISION_BY_ZERO: Division by zero') ELSE :a // :b END"
        return in_template(template, a=node.this, b=node.expression)
    if _kind(node.this) is None or _kind(node.expression) is None:
        raise _RefusalError("a division of values of unknown types (CAST them)")
    return in_template("CAST(:a AS DOUBLE) / :b", a=node.this, b=node.expression)


def _remainder(node: exp.Expr) -> exp.Expr:
    if _is_integer(node.this) and _is_integer(node.expression):
        template = "CASE WHEN :b = 0 THEN error('DIVISION_BY_ZERO: Division by zero') ELSE :a % :b END"
        return in_template(template, a=node.this, b=node.expression)
    return node


def _add(node: exp.Expr) -> exp.Expr:
    # DuckDB makes a timestamp of a date and an interval.
    if isinstance(node, exp.Sub) and _kind(node.this) == _kind(node.expression) == "date or timestamp":
        raise _RefusalError("the difference of two times (use date_diff)")
    if node.this.is_type(exp.DType.DATE) or node.expression.is_type(exp.DType.DATE):
        return in_template("CAST(:sum AS DATE)", sum=node)
    return node


def _date_add(node: exp.Expr) -> exp.Expr:
    return in_template("CAST(:sum AS DATE)", sum=node) if node.this.is_type(exp.DType.DATE) else node


def _date_trunc(node: exp.Expr) -> exp.Expr:
    return in_template("CAST(:time AS DATE)", time=node) if node.this.is_type(exp.DType.DATE) else node


def _date_diff(node: exp.Expr) -> exp.Expr:
    # DuckDB's date_diff counts the boundaries between two times, Trino's the units that have passed.
    unit = exp.Literal.string(node.text("unit").lower())
    return in_template("date_sub(:unit, :since, :until)", unit=unit, since=node.expression, until=node.this)


def _cast(node: exp.Expr) -> exp.Expr:
    value, target = node.this, node.args["to"].this
    kind, safe = _kind(value), isinstance(node, exp.TryCast)
    if isinstance(value, exp.Null):
        return node
    if kind is None:
        raise _RefusalError("a cast of a value of an unknown type")
    if kind == "varchar":
        return _cast_text(value, target, safe)
    if target is exp.DType.VARCHAR and not (_is_integer(value) or value.is_type(exp.DType.BOOLEAN, exp.DType.DATE)):
        raise _RefusalError("a cast of a fraction or a time to text (use date_format for a time)")
    if kind == "number" and target in _INTEGERS and not _is_integer(value):
        # DuckDB rounds halves to even numbers.
        return in_template(f"{'TRY_CAST' if safe else 'CAST'}(round(:x) AS {target.value})", x=value)
    return node


def _cast_text(value: exp.Expr, target: exp.DType, safe: bool) -> exp.Expr:
    if target is exp.DType.VARCHAR:
        return value
    taken = f"CASE WHEN regexp_full_match(:x, '{_CAST_TARGETS[target]}')"
    if safe:
        return in_template(f"{taken} THEN TRY_CAST(:x AS {target.value}) END", x=value)
    failure = f"error('INVALID_CAST_ARGUMENT: Cannot cast ''' || :x || ''' to {target.value}')"
    return in_template(f"{taken} THEN CAST(:x AS {target.value}) WHEN NOT :x IS NULL THEN {failure} END", x=value)


def _cast_to_date(node: exp.Expr) -> exp.Expr:
    return _cast(exp.Cast(this=node.this, to=exp.DataType.build("DATE")))


def _whole(node: exp.Expr) -> exp.Expr:
    # DuckDB makes a double of some integers here.
    return node.this if _is_integer(node.this) else node


def _substring(node: exp.Expr) -> exp.Expr:
    start, length = node.args["start"], node.args.get("length")
    if start.is_int and start.to_py() > 0 and (length is None or (length.is_int and length.to_py() >= 0)):
        return node
    # Trino gives nothing for a start outside the text, and counts no length backwards.
    template = "CASE WHEN :start = 0 OR -:start > length(:x) THEN '' ELSE substring(:x, :start) END"
    if length is not None:
        template = (
            "CASE WHEN :start = 0 OR -:start > length(:x) OR :length <= 0 THEN '' "
            "ELSE substring(:x, :start, :length) END"
        )
    return in_template(template, x=node.this, start=start, length=length or exp.null())


def _pad(node: exp.Expr) -> exp.Expr:
    template = (
        "CAST(CASE WHEN :length NOT BETWEEN 0 AND 2147483647 THEN error('INVALID_FUNCTION_ARGUMENT: Target length "
        f"must be in the range [0..2147483647]') WHEN :length > {MOST_BYTES} THEN error('INVALID_FUNCTION_ARGUMENT: "
        "Target length is beyond the 32 MB that a row of Athena may hold') ELSE :length END AS INT)"
    )
    node.set("expression", in_template(template, length=node.expression))
    return node


def _split_part(node: exp.Expr) -> exp.Expr:
    # DuckDB gives an empty text where there is no such part, and counts from the end for a negative index.
    template = (
        "CASE WHEN :index < 1 THEN error('INVALID_FUNCTION_ARGUMENT: Index must be greater than zero') "
        "ELSE list_extract(string_split(:x, :delimiter), :index) END"
    )
    return in_template(template, x=node.this, delimiter=node.args["delimiter"], index=node.args["part_index"])


def _regexp_extract(node: exp.Expr) -> exp.Expr:
    # DuckDB gives an empty text where nothing matches.
    template = "CASE WHEN regexp_matches(:x, :pattern) THEN regexp_extract(:x, :pattern, :group) END"
    group = node.args.get("group") or exp.Literal.number(0)
    return in_template(template, x=node.this, pattern=node.expression, group=group)


def _regexp_replace(node: exp.Expr) -> exp.Expr:
    replacement = re.sub(r"\$(\d)", r"\\\1", node.text("replacement"))
    template = "regexp_replace(:x, :pattern, :replacement, 'g')"
    return in_template(template, x=node.this, pattern=node.expression, replacement=exp.Literal.string(replacement))


def _trim(node: exp.Expr) -> exp.Expr:
    # DuckDB trims blanks only.
    if node.args.get("expression"):
        return node
    name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(node.text("position").upper(), "trim")
    return in_template(f"{name}(:x, {_WHITESPACE})", x=node.this)


def _bitwise(node: exp.Expr) -> exp.Expr:
    template = "xor(CAST(:a AS BIGINT), CAST(:b AS BIGINT))"
    if not isinstance(node, exp.BitwiseXor):
        template = f"CAST(:a AS BIGINT) {'&' if isinstance(node, exp.BitwiseAnd) else '|'} CAST(:b AS BIGINT)"
    return in_template(template, a=node.this, b=node.expression)


def _count_distinct(node: exp.Expr) -> exp.Expr:
    # Trino's estimate is off by 2.3 % as a rule; the number that it estimates is as good an answer, each time the same.
    return exp.Count(this=exp.Distinct(expressions=[node.this]), big_int=True)


def _percentile(node: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="quantile_disc", expressions=[node.this, node.args["quantile"]])


def _extreme(node: exp.Expr) -> exp.Expr:
    # DuckDB's arg_max leaves out the rows that have no value to give.
    name = "arg_max_null" if isinstance(node, exp.ArgMax) else "arg_min_null"
    return exp.Anonymous(this=name, expressions=[node.this, node.expression])


_REWRITES: Mapping[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.Add: _add,
    exp.ApproxDistinct: _count_distinct,
    exp.ApproxQuantile: _percentile,
    exp.ArgMax: _extreme,
    exp.ArgMin: _extreme,
    exp.BitwiseAnd: _bitwise,
    exp.BitwiseOr: _bitwise,
    exp.BitwiseXor: _bitwise,
    exp.Cast: _cast,
    exp.Ceil: _whole,
    exp.Date: _cast_to_date,
    exp.DateAdd: _date_add,
    exp.DateDiff: _date_diff,
    exp.DateTrunc: _date_trunc,
    exp.Div: _divide,
    exp.Floor: _whole,
    exp.FromISO8601Date: _cast_to_date,
    exp.Mod: _remainder,
    exp.Pad: _pad,
    exp.RegexpExtract: _regexp_extract,
    exp.RegexpReplace: _regexp_replace,
    exp.SplitPart: _split_part,
    exp.Sub: _add,
    exp.Substring: _substring,
    exp.TimestampTrunc: _date_trunc,
    exp.Trim: _trim,
    exp.Trunc: _whole,
    exp.TryCast: _cast,
}
