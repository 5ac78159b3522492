r"""Reads the patterns of regular expressions and of LIKE, and refuses what Trino and DuckDB read differently.

Trino has Java's syntax and DuckDB has RE2's. A pattern is executed only if it consists of what means the same in both.
For example, ``[a-z&&[^b]]`` is an intersection in Java's syntax, and a set with ``&`` and ``[`` in RE2's.
Sources: "Regular expression functions", Trino documentation; "Syntax", RE2 wiki.
"""

import re
from dataclasses import dataclass, replace

from resources.embedded.sql.rewrites.rule import NotSupportedError

_QUANTIFIER = re.compile(r"(?:[*+?]|\{(\d+)(,\d*)?\})\??")
_FLAGS = re.compile(r"\(\?([ims]+)([:)])")
_CATEGORY = re.compile(r"[pP](?:[A-Z]|\{[A-Z][a-z]?\})")
_CHARACTER = re.compile(r"x[0-9A-Fa-f]{2}|[tnrfa]|[^\w\s]", re.ASCII)
_SHORTHANDS = frozenset("dDwWsS")


@dataclass(frozen=True)
class Group:
    """A capturing group: whether it may take no part in a match, and whether it may match an empty text."""

    is_optional: bool
    may_be_empty: bool


@dataclass(frozen=True)
class Pattern:
    """What a regular expression consists of.

    `has_shorthands`: it has character classes such as ``\\w``, which are Unicode's in Trino and ASCII's in RE2.
    `ends_lines`: it has ``$``, which Trino lets stand before a final line break too. `is_at_start`: it matches at a
    text's start only.
    """

    groups: tuple[Group, ...]
    may_be_empty: bool
    has_shorthands: bool
    ends_lines: bool
    is_at_start: bool


def read_pattern(text: str) -> Pattern:
    """The pattern. Raises NotSupportedError for a part that may mean something else in DuckDB."""
    reader = _Reader(text)
    may_be_empty = reader.alternatives()
    if reader.position < len(text):
        raise reader.refused(")")
    is_at_start = text.startswith(("^", "\\A")) and "|" not in text and not reader.has_flags
    return Pattern(tuple(reader.groups), may_be_empty, reader.has_shorthands, reader.ends_lines, is_at_start)


class _Reader:
    """Reads a pattern from left to right. Each method reads one part, and returns whether that may be empty."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.groups: list[Group] = []
        self.has_shorthands = False
        self.ends_lines = False
        self.has_flags = False

    def refused(self, part: str) -> NotSupportedError:
        return NotSupportedError(f"{part} at character {self.position + 1} of the pattern '{self.text}'")

    def _peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def _next(self, text: str) -> bool:
        return self.text.startswith(text, self.position)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.position)
        self.position = found.end() if found else self.position
        return found

    def alternatives(self) -> bool:
        """``a|b|c``, up to a closing parenthesis or the end. A group in one of several takes no part in others."""
        first_group = len(self.groups)
        branches = [self._sequence()]
        while self._peek() == "|":
            self.position += 1
            branches.append(self._sequence())
        if len(branches) > 1:
            self.groups[first_group:] = [replace(group, is_optional=True) for group in self.groups[first_group:]]
        return any(branches)

    def _sequence(self) -> bool:
        may_be_empty = True
        while self._peek() not in ("", "|", ")"):
            first_group = len(self.groups)
            part_may_be_empty = self._part()
            quantifier = self._take(_QUANTIFIER)
            if quantifier:
                if self._peek() in ("*", "+", "?", "{"):
                    raise self.refused(f"{quantifier[0]}{self._peek()}")
                is_skippable = quantifier[0][0] in "*?" or quantifier[1] == "0"
                part_may_be_empty = part_may_be_empty or is_skippable
                # What a repeated group that may be empty holds in the end differs too.
                self.groups[first_group:] = [
                    replace(group, is_optional=group.is_optional or is_skippable or group.may_be_empty)
                    for group in self.groups[first_group:]
                ]
            elif self._peek() == "{":
                raise self.refused("{")
            may_be_empty = may_be_empty and part_may_be_empty
        return may_be_empty

    def _part(self) -> bool:
        character = self._peek()
        if character == "(":
            return self._group()
        if character == "[":
            self._set()
        elif character == "\\":
            return self._escape(is_in_set=False)
        elif character in "*+?{":
            raise self.refused(character)
        else:
            self.position += 1
            self.ends_lines = self.ends_lines or character == "$"
        return character in "^$"

    def _group(self) -> bool:
        is_first = self.position == 0
        flags = self._take(_FLAGS)
        if flags:
            if flags[2] == ")" and not is_first:  # before "|", it counts for the rest of the group in Joni
                raise self.refused(flags[0])
            self.has_flags = True
            self.has_shorthands = self.has_shorthands or "i" in flags[1]
            self.ends_lines = self.ends_lines or "m" in flags[1]
            if flags[2] == ")":
                return True
        number = -1
        if not flags:
            is_capturing = not self._next("(?")
            if not is_capturing and not self._next("(?:"):
                raise self.refused(self.text[self.position : self.position + 4])
            self.position += 1 if is_capturing else len("(?:")
            if is_capturing:
                number = len(self.groups)
                self.groups.append(Group(is_optional=False, may_be_empty=True))
        may_be_empty = self.alternatives()
        if self._peek() != ")":
            raise self.refused("a group without its end")
        self.position += 1
        if number >= 0:
            self.groups[number] = Group(is_optional=False, may_be_empty=may_be_empty)
        return may_be_empty

    def _set(self) -> None:
        self.position += 2 if self._next("[^") else 1
        first = self.position
        while True:
            character = self._peek()
            if character in ("", "[") or (character == "]" and self.position == first) or self._next("&&"):
                raise self.refused(character or "a set without its end")
            if character == "]":
                self.position += 1
                return
            if character == "-" and self.position != first and not self._next("-]"):
                raise self.refused("-")
            self._member()
            if self._peek() == "-" and not self._next("-]"):
                self.position += 1
                if self._peek() in ("", "[", "-") or self._next("&&"):
                    raise self.refused(self._peek() or "a set without its end")
                self._member()

    def _member(self) -> None:
        if self._peek() == "\\":
            self._escape(is_in_set=True)
        else:
            self.position += 1

    def _escape(self, is_in_set: bool) -> bool:
        """A backslash and what belongs to it. A boundary, such as ``\\b``, matches an empty text."""
        self.position += 1
        character = self._peek()
        if character in _SHORTHANDS or (character in ("b", "B") and not is_in_set):
            self.position += 1
            self.has_shorthands = True
            return character in ("b", "B")
        if character in ("A", "z") and not is_in_set:
            self.position += 1
            return True
        if not (self._take(_CATEGORY) or self._take(_CHARACTER)):
            raise self.refused(f"\\{character}")
        return False


def require_like_escapes(pattern: str, escape: str) -> None:
    """Raise NotSupportedError unless each escape character of a LIKE stands before one that it may stand before.

    Trino fails for others ("Escape character must be followed by '%', '_' or the escape character itself").
    """
    if len(escape) != 1:
        raise NotSupportedError("an escape text that is not one character")
    mark = re.escape(escape)
    if not re.fullmatch(f"(?:{mark}[%_{mark}]|[^{mark}])*", pattern, re.DOTALL):
        raise NotSupportedError(f"an escape character that is not followed by %, _ or itself in '{pattern}'")
