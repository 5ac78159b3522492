"""The kind of a statement, by its first word: this is how Athena chooses a parser."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
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

OTHER_STATEMENTS = frozenset(
    re.findall(
        r"\w+",
        """
    ANALYZE CALL COMMENT COMMIT DEALLOCATE DELETE DENY EXECUTE GRANT INSERT MERGE MSCK OPTIMIZE PREPARE REFRESH RESET
    REVOKE ROLLBACK SET START TRUNCATE UPDATE USE VACUUM
    """,
    )
)
"""The first words of other statements that Athena or Trino has."""

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


def unknown_word_problem(statement: str) -> str:
    """What is wrong with the first word of a text that begins as no statement does; empty if it begins as one.

    For example, ``SELEC 1`` gives "line 1:1: no statement begins with 'SELEC'. Did you mean SELECT?".
    """
    word = first_word(statement)
    if not re.match(r"\w", word.text) or word.kind is not StatementKind.OTHER or word.text in OTHER_STATEMENTS:
        return ""
    begin = word.end - len(word.text)
    lines = statement[:begin].split("\n")
    near = get_close_matches(word.text, sorted({*_KINDS, *OTHER_STATEMENTS}), n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return f"line {len(lines)}:{len(lines[-1]) + 1}: no statement begins with '{statement[begin : word.end]}'.{meant}"
