"""Turns signals into KeyboardInterrupt while a statement runs, so that it can be stopped and no signal is lost.

pipelines/commands/interruptions.py sets the exit status.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_is_received = False
_shields = 0


@contextmanager
def signals_as_interrupts() -> Iterator[None]:
    """Let SIGINT and SIGTERM raise KeyboardInterrupt within the block, in any code that is not `shielded`.

    A library may swallow the exception, or raise another one instead. The block still ends with KeyboardInterrupt.
    Python delivers signals to the main thread only. In other threads, nothing changes.
    """
    global _is_received
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _is_received = False
    before = {number: signal.signal(number, _receive) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except Exception as error:
        if _is_received:
            raise KeyboardInterrupt from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    raise_received()


@contextmanager
def shielded() -> Iterator[None]:
    """Let no signal raise an exception within the block. `raise_received` raises it there, at a safe place."""
    global _shields
    is_main = threading.current_thread() is threading.main_thread()
    _shields += is_main
    try:
        yield
    finally:
        _shields -= is_main


def raise_received() -> None:
    """Raise KeyboardInterrupt if a signal was received since `signals_as_interrupts` began, in the main thread."""
    if _is_received and threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt


def _receive(number: int, frame: object) -> None:
    global _is_received
    _is_received = True
    if not _shields:
        raise KeyboardInterrupt
