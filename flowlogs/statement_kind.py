"""The kind of a statement, by its first word: this is how Athena chooses a parser."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto


class StatementKind(Enum):
    """What a statement does. Every first word that is not known makes OTHER."""

    QUERY = auto()
    EXPLAIN = auto()
    DESCRIBE = auto()
    SHOW = auto()
    UNLOAD = auto()
    CREATE = auto()
    ALTER = auto()
    DROP = auto()
    OTHER = auto()


_KINDS: Mapping[str, StatementKind] = {
    "SELECT": StatementKind.QUERY,
    "WITH": StatementKind.QUERY,
    "VALUES": StatementKind.QUERY,
    "TABLE": StatementKind.QUERY,
    "(": StatementKind.QUERY,
    "EXPLAIN": StatementKind.EXPLAIN,
    "DESCRIBE": StatementKind.DESCRIBE,
    "DESC": StatementKind.DESCRIBE,
    "SHOW": StatementKind.SHOW,
    "UNLOAD": StatementKind.UNLOAD,
    "CREATE": StatementKind.CREATE,
    "ALTER": StatementKind.ALTER,
    "DROP": StatementKind.DROP,
}

_BLANK_OR_COMMENT = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*"
_FIRST_WORD = re.compile(rf"{_BLANK_OR_COMMENT}(\w+|\S)?", re.DOTALL)


@dataclass(frozen=True)
class FirstWord:
    """The first word of a statement in capitals (or its first sign, as "("; or nothing), and the index behind it."""

    text: str
    end: int

    @property
    def kind(self) -> StatementKind:
        return _KINDS.get(self.text, StatementKind.OTHER)


def first_word(statement: str) -> FirstWord:
    """The first word behind blanks and comments. For example, ``/* days */ show partitions t`` gives SHOW."""
    found = _FIRST_WORD.match(statement)
    return FirstWord((found[1] or "").upper() if found else "", found.end() if found else 0)
