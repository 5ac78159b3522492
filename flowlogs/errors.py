"""The one exception that people are meant to read.

It lives on the lowest floor so that every other floor can raise it and the commands and assets can tell a user's
mistake, or a fault of the world (a full disk, a damaged object), from a bug of ours.
"""

from flowlogs.printable import printable


class FlowLakeError(Exception):
    """Says what was wrong, where, and what to do next. Shown to people without a traceback.

    What is not printable in its text is escaped, whoever shows it. Its lines stay: put a name or a record's text
    through `printable` first, so that it adds none.
    """

    def __init__(self, text: str) -> None:
        super().__init__(printable(text, keep_newlines=True))
