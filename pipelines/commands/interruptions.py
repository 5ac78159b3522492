"""Errors as people read them, and signals that end a command soon, quietly, with the exit status that they ask for."""

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
    """End the command with the words of an error that is meant for people, without a traceback.

    Who stops it (Ctrl-C, SIGTERM) gets one line. Gives the number of the signal that stopped it, 0 until then.
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
        # Also where the exception of the signal did not get here: something on its way may have kept it.
        if number := stopped_by():
            click.secho("\nStopped. What was not done yet is as it was before; run again.", fg="red", err=True)
            sys.exit(128 + number)


@contextmanager
def signals() -> Iterator[Callable[[], int]]:
    """Let SIGTERM raise KeyboardInterrupt as SIGINT does; gives the number of the first of them, 0 where there is none.

    Dagster handles both in its own way while it runs, and does not tell which it was. A signal that is ignored when the
    command starts, as SIGINT is in a shell's background, stays so.
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
    """Leave out what libraries log of the exception that ends them, where that would go to the terminal.

    SQLAlchemy does, with a traceback, when it is just closing a connection.
    """

    def is_told(_: logging.LogRecord) -> bool:
        return not stopped_by()

    terminal = logging.lastResort
    if terminal:
        terminal.addFilter(is_told)
    try:
        yield
    finally:
        if terminal:
            terminal.removeFilter(is_told)


@contextmanager
def reraise_ignored_interrupts(stopped_by: Callable[[], int]) -> Iterator[None]:
    """Raise what a signal raised once more where Python had to ignore it.

    A handler may raise in whatever code it meets. In a destructor or a callback of the garbage collector nobody can
    catch that, so that Python prints "Exception ignored in" and goes on. A moment later, an alarm finds other code.
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
