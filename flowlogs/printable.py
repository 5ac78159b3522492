"""Text from anywhere, as people may be shown it: nothing in it commands a terminal, and nothing in it passes for more.

A record, an object's name or an error of AWS's may hold any character. Those that are not printable become escapes.
"""

from collections.abc import Sequence

MAX_NAMES = 3
"""Of many objects, how many a message names."""


def printable(text: str, *, keep_newlines: bool = False) -> str:
    """The text with each character that is not printable as its escape, such as ``\\x1b`` or ``\\u202e``.

    These are control characters, also those that change the direction of writing, line separators, lone surrogates and
    blanks other than the space. A newline is one of them, unless the lines are ours (`keep_newlines`).
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or (keep_newlines and c == "\n") else c.encode("unicode_escape").decode() for c in text
    )


def shortened(text: str, most: int) -> str:
    """The text, or its beginning with an ellipsis: at most `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def first_names(names: Sequence[str]) -> str:
    """The first of several names, and how many more there are."""
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return f"{', '.join(names[:MAX_NAMES])}{more}"
