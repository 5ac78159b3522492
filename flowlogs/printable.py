"""Makes text from records, names and errors safe to print: characters that are not printable become escapes.

Without that, a record could control the terminal. assets/tables.py has the escapes of Markdown and CSV.
"""

from collections.abc import Sequence

MAX_NAMES = 3
"""How many of several names a message shows."""


def printable(text: str, *, keep_newlines: bool = False) -> str:
    """The text with each character that is not printable as its escape, such as ``\\x1b`` or ``\\u202e``.

    Not printable are control characters (also those that change the direction of writing), line separators, lone
    surrogates, and blanks other than the space. `keep_newlines` leaves newlines, for texts whose lines are ours.
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or (keep_newlines and c == "\n") else c.encode("unicode_escape").decode() for c in text
    )


def shortened(text: str, most: int) -> str:
    """The text, cut with an ellipsis where it has more than `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def first_names(names: Sequence[str]) -> str:
    """The first few names, and how many more there are, such as ``a, b, c and 4 more``."""
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return f"{', '.join(names[:MAX_NAMES])}{more}"
