"""What making sure of something found out: facts to show, and what people should know of."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Ensured:
    """The outcome of an ``ensure``.

    `warnings` say what differs from the recommended state while everything works; `errors` what keeps records from
    being delivered or read. Neither was changed, because what differs belongs to somebody.
    """

    facts: Mapping[str, str | int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
