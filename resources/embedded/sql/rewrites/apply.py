"""Applies every rule to a query's typed tree. Then the tree means in DuckDB what it meant in Trino.

The rules are in the files beside this one. ../allowed.py has the clauses and functions that are allowed.
"""

from sqlglot import exp

from resources.embedded.sql.errors import athena_sql, not_supported
from resources.embedded.sql.rewrites import (
    aggregates,
    arithmetic,
    arrays,
    casts,
    comparisons,
    constant_keys,
    decimals,
    maps,
    order_by,
    regular_expressions,
    text_functions,
    time_zones,
    times,
    unnest,
)
from resources.embedded.sql.rewrites.all_functions import FUNCTIONS
from resources.embedded.sql.rewrites.coercions import coerce_operands
from resources.embedded.sql.rewrites.rule import InvalidArgumentError, NotSupportedError, Rules
from resources.embedded.sql.type_checks import function_of
from resources.engine import QueryError

RULES: Rules = {
    **aggregates.RULES,
    **arithmetic.RULES,
    **arrays.RULES,
    **casts.RULES,
    **comparisons.RULES,
    **constant_keys.RULES,
    **maps.RULES,
    **regular_expressions.RULES,
    **text_functions.RULES,
    **time_zones.RULES,
    **times.RULES,
    **unnest.RULES,
}


def rewritten_for_duckdb(tree: exp.Expr, text: str) -> exp.Expr:
    """The tree with each rule applied. Raises QueryError if a rule refuses a part of the statement `text`."""
    try:
        time_zones.require_kept_zones(tree)
    except NotSupportedError as refusal:
        raise not_supported(str(refusal), text) from None
    for select in tree.find_all(exp.Select):
        order_by.replace_result_names(select)
    # From the leaves to the root, so that what is put into another expression has been rewritten itself.
    for node, written in reversed(list(zip(tree.bfs(), tree.copy().bfs(), strict=True))):
        function = function_of(node, FUNCTIONS) if isinstance(node, (exp.Anonymous, exp.AnonymousAggFunc)) else None
        rule = function.rule if function else decimals.rule_for(node) or RULES.get(type(node))
        try:
            coerce_operands(node)
            new = rule(node) if rule else node
        except NotSupportedError as refusal:
            raise not_supported(f"{refusal} in {athena_sql(written)}", text) from None
        except InvalidArgumentError as mistake:
            problem = f"{mistake}: {athena_sql(written)}."
            raise QueryError("INVALID_FUNCTION_ARGUMENT", problem, text) from None
        except KeyError as missing:
            problem = f"{athena_sql(written)} has too few arguments: {missing.args[0]} is missing."
            raise QueryError("FUNCTION_NOT_FOUND", problem, text) from None
        if new is not node:
            new.type = node.type
            node.replace(new)
    return tree
