"""The contract of a channel that tells people something: a message goes out, or an error says why not.

The channels are in webhook.py and aws/topic.py.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_SUBJECT = 100
"""How many characters the subject of a message has ("Publish", Amazon SNS API reference, 2026)."""


@dataclass(frozen=True)
class Message:
    """A message to people: its subject, its lines, and the same as facts, for programs. All texts are printable."""

    subject: str
    lines: tuple[str, ...]
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


class AlertChannel(ABC):
    """Sends messages. `name` is what messages about it say, and never a secret."""

    name: str

    @abstractmethod
    def send(self, message: Message) -> None:
        """Send a message. Raises FlowLakeError, without any secret, where it was not accepted."""
