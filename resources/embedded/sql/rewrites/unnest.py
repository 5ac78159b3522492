"""The rule for UNNEST, which stands in FROM."""

from sqlglot import exp

from resources.embedded.sql.rewrites.rule import NotSupportedError, Rules
from resources.embedded.sql.rewrites.template import from_template


def _unnest(node: exp.Expr) -> exp.Expr:
    """UNNEST takes several arrays, and maps, side by side, perhaps with the number of each row; DuckDB takes one array.

    Example: ``max(b) FROM UNNEST(ARRAY[1, 2], ARRAY['x']) AS t (a, b)`` is ``'x'``.
    Example: ``max(o) FROM UNNEST(ARRAY['a', 'b']) WITH ORDINALITY AS t (a, o)`` is ``2``.
    Example: ``max(v) FROM UNNEST(map(ARRAY['a'], ARRAY[1])) AS t (k, v)`` is ``1``.
    Source: "SELECT", UNNEST, Trino documentation.
    """
    alias, offset = node.args.get("alias"), node.args.get("offset")
    lists = [part for value in node.expressions for part in _lists(value)]
    if len(lists) == len(node.expressions) == 1 and not offset:
        return node
    if not alias or not alias.columns or (offset and not isinstance(offset, exp.Identifier)):
        raise NotSupportedError("UNNEST without names for its columns")
    names = [*alias.columns, *([offset] if offset else [])]
    values = [from_template("unnest(:x)", x=part) for part in lists]
    if offset:
        lengths = [from_template("len(:x)", x=part) for part in lists]
        longest = exp.Greatest(this=lengths[0], expressions=lengths[1:]) if len(lists) > 1 else lengths[0]
        values.append(from_template("unnest(generate_series(1, CAST(:longest AS BIGINT)))", longest=longest))
    if len(names) != len(values):
        raise NotSupportedError(f"{len(names)} names for {len(values)} columns of UNNEST")
    selected = [exp.alias_(value, name.copy()) for value, name in zip(values, names, strict=True)]
    return exp.Subquery(this=exp.select(*selected), alias=exp.TableAlias(this=alias.this))


def _lists(value: exp.Expr) -> list[exp.Expr]:
    """The lists that become columns: of a map, its keys and its values."""
    if value.is_type(exp.DType.MAP):
        return [from_template("map_keys(:x)", x=value), from_template("map_values(:x)", x=value)]
    return [value]


RULES: Rules = {exp.Unnest: _unnest}
