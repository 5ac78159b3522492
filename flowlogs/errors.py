"""The exception whose text is for people.

It marks a user's mistake, or a fault of the environment (a full disk, a damaged object). Any other exception is a bug.
Subclasses for queries are in resources/engine.py.
"""

from flowlogs.printable import printable


class FlowLakeError(Exception):
    """Says what was wrong, where, and what to do next. People see it without a traceback.

    Characters of its text that are not printable are escaped; line breaks stay. So use `printable` for a name or a
    record's text, which must not add lines.
    """

    def __init__(self, text: str) -> None:
        super().__init__(printable(text, keep_newlines=True))
