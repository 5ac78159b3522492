"""The result of an ``ensure`` of a bucket, a flow log or an engine: facts, warnings and errors."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flowlogs.printable import printable


@dataclass(frozen=True)
class Ensured:
    """The result of an ``ensure``.

    `warnings` say what differs from the recommended state, though everything works. `errors` say what prevents records
    from being delivered or read. Neither is changed by the project: somebody else may depend on it.
    """

    facts: Mapping[str, str | int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # The texts may quote names and settings that somebody else chose.
        shown = {key: printable(value) if isinstance(value, str) else value for key, value in self.facts.items()}
        object.__setattr__(self, "facts", shown)
        for name in ("warnings", "errors"):
            object.__setattr__(self, name, tuple(printable(text, keep_newlines=True) for text in getattr(self, name)))
