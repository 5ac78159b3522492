"""Signals while a statement runs: none is lost, whatever a library makes of the exception."""

import gc
import signal
import threading
from collections.abc import Callable

import pytest

from resources.interrupts import raise_received, shielded, signals_as_interrupts

BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)


def interrupted(work: Callable[[], object]) -> KeyboardInterrupt:
    """The KeyboardInterrupt that ends a block which does this work."""
    with pytest.raises(KeyboardInterrupt) as raised, signals_as_interrupts():
        work()
    return raised.value


@BOTH
def test_a_signal_raises_at_once(number: signal.Signals) -> None:
    done = []

    def work() -> None:
        signal.raise_signal(number)
        done.append("after the signal")

    interrupted(work)
    assert done == []


@BOTH
def test_an_exception_that_a_library_swallows_ends_the_block(number: signal.Signals) -> None:
    done = []

    def work() -> None:
        try:
            signal.raise_signal(number)
        except BaseException:  # noqa: BLE001 - as some libraries do
            done.append("swallowed")

    interrupted(work)
    assert done == ["swallowed"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_exception_that_python_ignores_ends_the_block() -> None:
    class Finalized:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    done = []

    def work() -> None:
        Finalized()
        gc.collect()
        done.append("ignored")

    interrupted(work)
    assert done == ["ignored"]


@BOTH
def test_a_library_s_own_error_becomes_an_interrupt(number: signal.Signals) -> None:
    def work() -> None:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            raise RuntimeError("Query interrupted") from None

    assert str(interrupted(work).__cause__) == "Query interrupted"


@BOTH
def test_a_shield_puts_the_exception_off(number: signal.Signals) -> None:
    done = []

    def work() -> None:
        with shielded():
            with shielded():
                signal.raise_signal(number)
            signal.raise_signal(number)
            done.append("cleaned up")
            raise_received()
        done.append("never")

    interrupted(work)
    assert done == ["cleaned up"]


def test_without_a_signal_nothing_happens_and_errors_stay() -> None:
    with signals_as_interrupts(), shielded():
        raise_received()
    with pytest.raises(ValueError, match="ours"), signals_as_interrupts():
        raise ValueError("ours")


def test_a_signal_counts_for_its_own_block_only() -> None:
    interrupted(lambda: signal.raise_signal(signal.SIGINT))
    with signals_as_interrupts():
        raise_received()


def test_handlers_are_as_before_and_other_threads_have_none() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    seen = []

    def work() -> None:
        with signals_as_interrupts(), shielded():
            raise_received()
            seen.append((signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    interrupted(lambda: signal.raise_signal(signal.SIGTERM))
    assert seen == [before]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
