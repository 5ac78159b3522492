"""Repeats a read if a parallel run replaces the data during the read. The caller reads.

For example, a parallel run may point a day's partition at new files and remove the old ones, while these are read:

    for attempt in attempts():
        before = locations()
        with attempt.error_deferred():
            rows = read(before)
        attempt.changed = locations() != before
    return rows
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flowlogs.errors import FlowLakeError


@dataclass
class Attempt:
    """One read. The caller sets `changed` to whether what is read was replaced meanwhile."""

    changed: bool = True
    error: FlowLakeError | None = None

    @contextmanager
    def error_deferred(self) -> Iterator[None]:
        """Keep an error of the read in the block: it counts only where nothing changed meanwhile."""
        try:
            yield
        except FlowLakeError as error:
            self.error = error


def attempts() -> Iterator[Attempt]:
    """Attempts, until one during which nothing changed. Raises the error of that attempt, if it has one."""
    while True:
        attempt = Attempt()
        yield attempt
        if not attempt.changed:
            if attempt.error:
                raise attempt.error
            return
