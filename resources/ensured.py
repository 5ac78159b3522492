"""What making sure of something found out: facts to show, and what people should know of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flowlogs.printable import printable


@dataclass(frozen=True)
class Ensured:
    """The outcome of an ``ensure``.

    `warnings` say what differs from the recommended state while everything works; `errors` what keeps records from
    being delivered or read. Neither was changed, because what differs belongs to somebody.
    """

    facts: Mapping[str, str | int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # Settings of a bucket or a flow log that somebody else made are told in these.
        shown = {key: printable(value) if isinstance(value, str) else value for key, value in self.facts.items()}
        object.__setattr__(self, "facts", shown)
        for name in ("warnings", "errors"):
            object.__setattr__(self, name, tuple(printable(text, keep_newlines=True) for text in getattr(self, name)))
