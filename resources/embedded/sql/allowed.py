"""Lists the clauses, operators and functions of Trino's SQL that are allowed. The error about any other names it.

sqlglot and DuckDB accept more than Trino does, and some of it has another meaning in DuckDB. So a node of the tree
passes only if the tables below have it, with all of its arguments. A node that is allowed and has another meaning in
DuckDB has a rule in rewrites/.

To allow a function, give it a rule in rewrites/ (see rule.py there). One that means the same in DuckDB, and that
sqlglot has a class for, has its class in `_NODES_BY_ARGUMENTS`, with the arguments that are supported, and its name in
`_FUNCTION_NAMES`. For example, ``typeof(a)`` is refused, because `exp.Typeof` is not in the tables.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ErrorLevel
from sqlglot.tokenizer_core import Token, TokenType

from resources.embedded.sql.errors import athena_sql, not_supported
from resources.embedded.sql.reserved_words import require_no_reserved_names
from resources.embedded.sql.rewrites.all_functions import FUNCTIONS
from resources.embedded.sql.rewrites.casts import ACCEPTED_TEXTS
from resources.engine import QueryError

_NODES_BY_ARGUMENTS: tuple[tuple[str, tuple[type[exp.Expr], ...]], ...] = (
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
    ("this db catalog alias sample", (exp.Table,)),
    ("method percent", (exp.TableSample,)),
    ("this expressions", (exp.DataType, exp.Order)),
    ("this desc nulls_first", (exp.Ordered,)),
    ("this on using side kind", (exp.Join,)),
    ("this partition_by order spec over alias", (exp.Window,)),
    ("kind start start_side end end_side", (exp.WindowSpec,)),
    ("expression", (exp.Limit, exp.Offset)),
    ("count direction limit_options", (exp.Fetch,)),
    ("rows", (exp.LimitOptions,)),
    ("expressions", (exp.Cube, exp.Distinct, exp.Group, exp.GroupingSets, exp.Rollup, exp.Tuple, exp.With)),
    ("expressions alias", (exp.Values,)),
    ("expressions alias offset", (exp.Unnest,)),
    ("with_ this alias order offset limit sample", (exp.Subquery,)),
    ("with_ this expression distinct order offset limit", (exp.Except, exp.Intersect, exp.Union)),
    ("with_ distinct expressions from_ joins where group having windows order offset limit", (exp.Select,)),
    ("", (exp.CumeDist, exp.CurrentDate, exp.CurrentTimestamp, exp.DenseRank, exp.Localtimestamp, exp.PercentRank)),
    ("", (exp.Rank, exp.RowNumber)),
    ("is_string", (exp.Uuid,)),
    ("this", (exp.Abs, exp.AnyValue, exp.ArrayAgg, exp.ArraySize, exp.Avg, exp.Ceil, exp.CountIf, exp.Date)),
    ("this", (exp.Day, exp.DayOfMonth, exp.DayOfWeekIso, exp.DayOfYear, exp.Exp, exp.FirstValue, exp.Floor)),
    ("this", (exp.FromISO8601Date, exp.Hour, exp.LastDay, exp.LastValue, exp.Length, exp.Ln, exp.LogicalAnd)),
    ("this", (exp.LogicalOr, exp.Lower, exp.Max, exp.Min, exp.Minute, exp.Month, exp.Ntile, exp.Quarter)),
    ("this", (exp.Second, exp.Sign, exp.Sqrt, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Sum, exp.TimeToUnix)),
    ("this", (exp.Typeof, exp.Upper, exp.Variance, exp.VariancePop, exp.WeekOfYear, exp.Year)),
    ("this expressions offset", (exp.Bracket,)),
    ("this expression null", (exp.ArrayToString,)),
    ("this expression", (exp.ArgMax, exp.ArgMin, exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor)),
    ("this expression", (exp.Extract, exp.Log, exp.Nullif, exp.Pow, exp.RegexpLike, exp.Split, exp.StartsWith)),
    ("this expressions", (exp.Anonymous, exp.AnonymousAggFunc, exp.Coalesce, exp.Greatest, exp.Least)),
    ("expressions", (exp.Array, exp.Chr, exp.Concat, exp.Grouping)),
    ("this expression unit", (exp.DateAdd, exp.DateDiff)),
    ("this unit", (exp.DateTrunc, exp.TimestampTrunc)),
    ("this zone", (exp.AtTimeZone, exp.UnixToTime)),
    ("this format", (exp.StrToTime, exp.TimeToStr)),
    ("this to safe", (exp.Cast, exp.TryCast)),
    ("this ifs default", (exp.Case,)),
    ("this true false", (exp.If,)),
    ("this big_int", (exp.Count,)),
    ("this separator", (exp.GroupConcat,)),
    ("this accuracy", (exp.ApproxDistinct,)),
    ("this quantile", (exp.ApproxQuantile,)),
    ("this offset default", (exp.Lag, exp.Lead, exp.NthValue)),
    ("this decimals", (exp.Round, exp.Trunc)),
    ("this substr", (exp.StrPosition,)),
    ("this start length", (exp.Substring,)),
    ("this delimiter part_index", (exp.SplitPart,)),
    ("this expression position", (exp.Trim,)),
    ("this from_ to", (exp.Translate,)),
    ("this expression replacement", (exp.RegexpReplace, exp.Replace)),
    ("this expression fill_pattern is_left", (exp.Pad,)),
    ("this expression group null_if_pos_overflow", (exp.RegexpExtract,)),
)
"""Arguments that a node of sqlglot's tree may have, and the nodes' classes: clauses and operators, then functions."""

_ARGUMENTS: Mapping[type[exp.Expr], frozenset[str]] = {
    kind: frozenset(arguments.split()) for arguments, kinds in _NODES_BY_ARGUMENTS for kind in kinds
}
"""By the class of a node, the arguments that it may have."""

_FUNCTION_NAMES = frozenset(FUNCTIONS) | frozenset(
    re.findall(
        r"\w+",
        """
    abs any_value approx_distinct approx_percentile arbitrary array_agg array_join avg bitwise_and bitwise_or
    bitwise_xor bool_and bool_or cardinality cast ceil ceiling chr coalesce concat count count_if cume_dist date
    date_add date_diff date_format date_parse date_trunc day day_of_month day_of_week day_of_year dense_rank dow doy
    element_at every exp extract first_value floor from_iso8601_date from_unixtime greatest grouping hour if lag
    last_day_of_month last_value lead least length listagg ln log log10 log2 lower lpad ltrim max max_by min min_by
    minute mod month now nth_value ntile nullif percent_rank position pow power quarter rank regexp_extract regexp_like
    regexp_replace replace reverse round row_number rpad rtrim second sign split split_part sqrt starts_with stddev
    stddev_pop stddev_samp strpos substr substring sum to_unixtime translate trim truncate try try_cast typeof upper
    uuid var_pop var_samp variance week week_of_year year
    """,
    )
)
"""Trino's names of the functions. sqlglot reads other engines' names of them as the same functions."""

_FUNCTIONS_OF_PRESTO = frozenset(("ip_prefix", "ip_subnet_min", "ip_subnet_max", "ip_subnet_range", "is_subnet_of"))
"""Functions that Presto has and Trino has not ("IP Address Functions" of both documentations)."""

_PARSED_UNDER_ANOTHER_NAME = frozenset(Trino.Parser.FUNCTION_PARSERS) - {name.upper() for name in _FUNCTION_NAMES}
"""Functions with their own parser in sqlglot: its tree does not say which name the query had."""

_INTERVALS = frozenset(("SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"))
_UNITS = _INTERVALS | {"MILLISECOND"}
_EXTRACT_FIELDS = _INTERVALS | {"DAY_OF_YEAR", "DOY"}

_TIME_FORMATS = frozenset(re.findall(r"\S+", "%Y %y %m %d %H %M %S %f %j %a %b %A %B %-m %-d %-H %I %-I %p %%"))
"""The specifiers of a date's format that DuckDB prints as Trino does, after sqlglot has translated them to Python's."""

_STRICT = (
    *(exp.Add, exp.Cast, exp.Column, exp.DataType, exp.DataTypeParam, exp.Div, exp.Identifier, exp.Literal, exp.Mod),
    *(exp.Mul, exp.Neg, exp.Null, exp.Paren, exp.StrToTime, exp.Sub, exp.TryCast),
    *(exp.Avg, exp.Count, exp.Max, exp.Min, exp.Star, exp.Sum),
)
"""What may stand in try: each of these is NULL if a part of it is."""

_MAY_HOLD_ROWS = (exp.Cube, exp.GroupingSets, exp.In, exp.Rollup, exp.Tuple, exp.Values)


def require_allowed(tree: exp.Expr, tokens: Sequence[Token], text: str) -> None:
    """Raise QueryError for the first part of a query that is not allowed; the error names it."""
    for token, following in pairwise(tokens):
        if following.token_type is TokenType.L_PAREN and token.text.upper() in _PARSED_UNDER_ANOTHER_NAME:
            raise not_supported(f"the function {token.text.lower()}", text)
    for node in tree.walk():
        if isinstance(node, exp.Cast) and node.to.this is exp.DType.IPPREFIX:
            problem = "Unknown type: ipprefix. It is Presto's; a network is a text in Trino: contains('10.0.0.0/8', …)."
            raise QueryError("TYPE_NOT_FOUND", problem, text)
        written_name = text[node.meta["start"] : node.meta["end"] + 1].strip('"') if _is_named_call(node) else ""
        if written_name.lower() in _FUNCTIONS_OF_PRESTO:
            problem = f"Function '{written_name.lower()}' not registered. It is Presto's; Trino has contains(…)."
            raise QueryError("FUNCTION_NOT_FOUND", problem, text)
        if type(node) not in _ARGUMENTS or (written_name and written_name.lower() not in _FUNCTION_NAMES):
            raise not_supported(_description(node, written_name), text)
        for argument, value in node.args.items():
            if value not in (None, False, []) and argument not in _ARGUMENTS[type(node)]:
                raise not_supported(f"{argument.strip('_').upper()} in {athena_sql(node)}", text)
        form = _refused_form(node)
        if form:
            raise not_supported(f"{form} in {athena_sql(node)}", text)
    require_no_reserved_names(tree, text)


def _is_named_call(node: exp.Expr) -> bool:
    return isinstance(node, exp.Func) and "start" in node.meta


def _description(node: exp.Expr, written_name: str) -> str:
    if isinstance(node, exp.Func):
        return f"the function {(written_name or node.name or node.sql_name()).lower()}"
    return node.sql(unsupported_level=ErrorLevel.IGNORE) or type(node).__name__


def _refused_form(node: exp.Expr) -> str:
    """The form of a node of an allowed class that is refused; empty if its form is allowed."""
    match node:
        case exp.Anonymous() if node.name.lower() not in FUNCTIONS:
            return f"the function {node.name.lower()}"
        case exp.Anonymous() if node.name.lower() == "try" and not all(
            isinstance(part, _STRICT) for argument in node.expressions for part in argument.walk()
        ):
            return "try of anything but casts, arithmetic, date_parse and aggregates"
        case exp.TableSample() if not (node.args["percent"].is_int and node.args["percent"].to_py() <= 100):
            return "a sample whose percentage is no constant from 0 to 100"
        case exp.Select() if not node.expressions:
            return "nothing selected"
        case exp.Tuple() if not isinstance(node.parent, _MAY_HOLD_ROWS):
            return "a row as a value"
        case exp.Join() if node.kind not in ("", "INNER", "CROSS", "OUTER"):
            return f"{node.kind} JOIN"
        case exp.Is() if not isinstance(node.expression, exp.Null):
            return "IS with anything but NULL"
        case exp.Any() | exp.All() if not isinstance(node.this.unnest(), exp.Query):
            return "a comparison with all of anything but a subquery"
        case exp.Interval() if (
            not node.this.is_string or not node.name.isdecimal() or node.text("unit").upper() not in _INTERVALS
        ):
            return "an interval of this form"
        case exp.Extract() if node.name.upper() not in _EXTRACT_FIELDS:
            return f"the field {node.name}"
        case exp.DateAdd() | exp.DateDiff() | exp.DateTrunc() | exp.TimestampTrunc() if (
            node.text("unit").upper() not in _UNITS
        ):
            return f"the unit {node.text('unit')}"
        case exp.TimeToStr() | exp.StrToTime():
            time_format = node.args["format"]
            specifiers = set(re.findall("%-?.?", time_format.name))
            if not time_format.is_string or specifiers - _TIME_FORMATS:
                return f"the format {time_format.name}"
        case exp.Cast() | exp.TryCast():
            is_time = node.to.this in (exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ)
            has_parameters = node.to.this in (exp.DType.DECIMAL, exp.DType.VARCHAR) or (
                is_time and (node.this.is_string or athena_sql(node.to.expressions[0]) == "3")
                if node.to.expressions
                else False
            )
            if node.to.this not in ACCEPTED_TEXTS or (node.to.expressions and not has_parameters):
                return f"a cast to {athena_sql(node.to)}"
        case exp.GroupConcat() if not isinstance(node.this, exp.Order):
            return "listagg without WITHIN GROUP (ORDER BY …)"
        case exp.RegexpReplace() if (new := node.args.get("replacement")) is not None:
            if not new.is_string or re.search(r"\\|\$(?!\d)", new.name):
                return "a replacement of this form"
    return ""
