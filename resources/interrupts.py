"""Signals that end a statement: whoever waits for one hears them as KeyboardInterrupt, and can tidy up."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def signals_as_interrupts() -> Iterator[None]:
    """Let SIGINT and SIGTERM raise KeyboardInterrupt within the block, whatever they do outside of it.

    Python delivers signals to the main thread only; in any other there is nothing to change.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
