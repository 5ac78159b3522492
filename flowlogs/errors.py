"""The one exception that people are meant to read.

It lives on the lowest floor so that every other floor can raise it and the commands and assets can tell a user's
mistake, or a fault of the world (a full disk, a damaged object), from a bug of ours.
"""


class FlowLakeError(Exception):
    """Says what was wrong, where, and what to do next. Shown to people without a traceback."""
