"""Ends a command on errors and signals: a short message instead of a traceback, and the right exit status.

resources/interrupts.py stops a statement that runs.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import click

from flowlogs.errors import FlowLakeError

RERAISE_AFTER_SECONDS = 0.05


@contextmanager
def errors_for_people() -> Iterator[Callable[[], int]]:
    """End the command with the text of a FlowLakeError, without a traceback, or with one line after Ctrl-C or SIGTERM.

    Gives a function that returns the number of the signal that stopped the command, 0 until then.
    """
    with signals() as stopped_by:
        try:
            yield stopped_by
        except BaseException as error:
            if not stopped_by():
                if not isinstance(error, FlowLakeError):
                    raise
                click.secho(f"\nError: {error}", fg="red", err=True)
                sys.exit(1)
        # Also where the signal's exception was swallowed on its way here.
        if number := stopped_by():
            click.secho("\nStopped. Unfinished work was not changed. Run again.", fg="red", err=True)
            sys.exit(128 + number)


@contextmanager
def signals() -> Iterator[Callable[[], int]]:
    """Let SIGTERM raise KeyboardInterrupt as SIGINT does; gives a function that returns the first signal, 0 without
    one.

    Dagster handles both signals itself while it runs, and does not say which it was. A signal that is ignored when the
    command starts stays ignored, such as SIGINT in a shell's background.
    """
    reading, writing = os.pipe()
    for end in (reading, writing):
        os.set_blocking(end, False)
    stopping = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN]
    received = 0

    def first() -> int:
        nonlocal received
        with suppress(BlockingIOError):
            for number in os.read(reading, 1_000):
                received = received or (number if number in (signal.SIGINT, signal.SIGTERM) else 0)
        return received

    before = {number: signal.signal(number, signal.default_int_handler) for number in stopping}
    wakeup_before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        with reraise_ignored_interrupts(first), unlogged(first):
            yield first
    finally:
        signal.set_wakeup_fd(wakeup_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)


@contextmanager
def unlogged(stopped_by: Callable[[], int]) -> Iterator[None]:
    """Suppress what libraries log in the terminal about the exception that stops them.

    SQLAlchemy logs a traceback when it is interrupted while it closes a connection.
    """

    def is_logged(_: logging.LogRecord) -> bool:
        return not stopped_by()

    terminal = logging.lastResort
    if terminal:
        terminal.addFilter(is_logged)
    try:
        yield
    finally:
        if terminal:
            terminal.removeFilter(is_logged)


@contextmanager
def reraise_ignored_interrupts(stopped_by: Callable[[], int]) -> Iterator[None]:
    """Raise a signal's exception again where Python had to ignore it.

    A signal handler may raise in any code. In a destructor or in a callback of the garbage collector, Python cannot
    pass the exception on: it prints "Exception ignored in" and continues. A moment later, an alarm raises it in other
    code.
    """

    def heard(ignored: "sys.UnraisableHookArgs") -> None:
        if stopped_by() and not issubclass(ignored.exc_type, Exception):
            signal.setitimer(signal.ITIMER_REAL, RERAISE_AFTER_SECONDS)
        else:
            hook_before(ignored)

    alarm_before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    hook_before, sys.unraisablehook = sys.unraisablehook, heard
    try:
        yield
    finally:
        sys.unraisablehook = hook_before
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, alarm_before)
