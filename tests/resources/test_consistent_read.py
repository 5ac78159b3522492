"""A read that is repeated while what it reads is replaced."""

import pytest

from flowlogs.errors import FlowLakeError
from resources.consistent_read import attempts


def test_a_read_is_repeated_until_nothing_changed_meanwhile() -> None:
    changes = [True, True, False]
    read = []
    for attempt in attempts():
        read.append(len(read))
        attempt.changed = changes[read[-1]]
    assert read == [0, 1, 2]


def test_an_error_counts_only_where_nothing_changed() -> None:
    errors = [FlowLakeError("gone"), None]
    for attempt in attempts():
        with attempt.error_deferred():
            error = errors.pop(0)
            if error:
                raise error
        attempt.changed = bool(errors)
    assert errors == []


def test_the_error_of_the_last_attempt_is_raised() -> None:
    def read() -> None:
        for attempt in attempts():
            with attempt.error_deferred():
                raise FlowLakeError("damaged")
            attempt.changed = False

    with pytest.raises(FlowLakeError, match="damaged"):
        read()
