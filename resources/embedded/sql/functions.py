"""The type of a function that sqlglot does not know as Trino's. The functions are in rewrites/."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp


@dataclass(frozen=True)
class Function:
    """A function under Trino's name. Functions of one name differ by their parameters.

    `parameters` are type families, as `type_family` names them; "integer" is a part of the numbers, and "any" is any
    type. The last `optional` of them may be missing; one that ends with "..." may come any number of times. The result
    has the type `returns`, or one that depends on the call's typed arguments.
    """

    name: str
    parameters: tuple[str, ...]
    returns: str | Callable[[exp.Expr], exp.DataType | str]
    rule: Callable[[exp.Expr], exp.Expr]
    optional: int = 0
    is_aggregate: bool = False

    def takes(self, count: int) -> bool:
        """Whether it may be called with so many arguments."""
        most = float("inf") if self.parameters[-1:] and self.parameters[-1].endswith("...") else len(self.parameters)
        return len(self.parameters) - self.optional <= count <= most

    def parameter(self, position: int) -> str:
        """The type family of the argument at a position."""
        return self.parameters[min(position, len(self.parameters) - 1)].removesuffix("...")

    @property
    def signature(self) -> str:
        """Its name and parameters, for people."""
        return f"{self.name}({', '.join(self.parameters)})"
