"""The type of a rule. The rules are in the files beside this one, by subject; apply.py applies them.

A rule is a function for each difference between Trino and DuckDB: it takes a node of the typed tree and returns
the node for DuckDB. Its docstring says what Trino means and where that is documented, and shows an example. To add one,
write the function and name it in the RULES of its file; no other rule has to be read.

A function of Trino's that sqlglot does not know, or knows as another engine's, has a rule too. It stands in the
FUNCTIONS of its file, as a `Function` (../functions.py): its name, the types of its parameters and the type of its
result. That is all to add one.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from sqlglot import exp

Rule: TypeAlias = Callable[[exp.Expr], exp.Expr]

Rules: TypeAlias = Mapping[type[exp.Expr], Rule]
"""By the class of a node, the rule for it."""


class NotSupportedError(Exception):
    """DuckDB has no equivalent of the node. The message names what is refused."""


class InvalidArgumentError(Exception):
    """Trino refuses the node too, with INVALID_FUNCTION_ARGUMENT. The message is Trino's."""
