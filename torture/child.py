"""A run of the lineage in a child process, which can be stopped at a chosen moment while something happens to it.

The child is forked from a process that has everything imported, so that it costs no start of Python and Dagster. A
moment is the number of an event: of a file that is opened, renamed or removed below a folder, or of a request that is
sent. The child waits there until its parent lets it go on, or kills it. So a seed names the moment, not a clock.
"""

import ctypes
import json
import os
import resource
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

FILE_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "sqlite3.connect"}
REQUEST_EVENT = "http.client.send"
LONGEST_SECONDS = 600
"""A run that takes longer hangs."""


@dataclass(frozen=True)
class Outcome:
    """How a child ended: killed, or with success, or with failures in words, or with tracebacks, which are bugs."""

    killed: bool = False
    hung: bool = False
    success: bool = False
    failures: tuple[str, ...] = ()
    crashes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    events: int = 0
    seconds: float = 0
    answer: object = None


@dataclass
class Child:
    """A running child. `strikes` are what happens at its moments, by their events' numbers."""

    pid: int
    end: socket.socket
    strikes: dict[int, Callable[["Child"], None]]
    started: float
    timed: list[tuple[float, Callable[["Child"], None]]] = field(default_factory=list)
    received: bytes = b""

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


def start(
    work: Callable[[], dict[str, object]],
    *,
    root: Path | None = None,
    strikes: dict[int, Callable[[Child], None]] | None = None,
    timed: list[tuple[float, Callable[[Child], None]]] | None = None,
    file_limit: int | None = None,
) -> Child:
    """Fork a child that does this work, whose answer can be written as JSON."""
    ours, theirs = socket.socketpair()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        ours.close()
        try:
            _be_the_child(work, theirs, root, strikes or {}, file_limit)
        finally:
            os._exit(3)
    theirs.close()
    return Child(pid, ours, strikes or {}, time.monotonic(), sorted(timed or [], key=lambda pair: pair[0]))


def _be_the_child(
    work: Callable[[], dict[str, object]],
    end: socket.socket,
    root: Path | None,
    moments: Collection[int],
    file_limit: int | None,
) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    drop_rights_over_files()
    if file_limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
    count = watch_events(root, moments, end)
    try:
        answer = work()
    except BaseException:
        answer = {"crashes": [traceback.format_exc()]}
    end.sendall(b"=" + json.dumps({**answer, "events": count()}).encode())
    end.shutdown(socket.SHUT_WR)
    os._exit(0)


def watch_events(root: Path | None, moments: Collection[int], end: socket.socket) -> Callable[[], int]:
    """Count this process's events, and wait for the parent at these numbers; returns what has been counted so far."""
    counted, within = [0], None if root is None else f"{root}/"

    def is_event(event: str, arguments: tuple[object, ...]) -> bool:
        if event == REQUEST_EVENT:
            return within is None
        if within is None or event not in FILE_EVENTS or not isinstance(arguments[0], (str, bytes, os.PathLike)):
            return False
        return os.fsdecode(arguments[0]).startswith(within)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if (event in FILE_EVENTS or event == REQUEST_EVENT) and is_event(event, arguments):
            counted[0] += 1
            if counted[0] in moments:
                end.sendall(b"!%d;" % counted[0])
                end.recv(1)

    sys.addaudithook(hook)
    return lambda: counted[0]


def finish(*children: Child) -> list[Outcome]:
    """Let the children run to their ends, and do what is to happen to them at their moments."""
    outcomes: dict[int, Outcome] = {}
    running = {child.end.fileno(): child for child in children}
    while running:
        now = time.monotonic()
        for child in running.values():
            while child.timed and now - child.started >= child.timed[0][0]:
                child.timed.pop(0)[1](child)
            if now - child.started > LONGEST_SECONDS:
                child.kill()
        until = min((child.timed[0][0] + child.started - now for child in running.values() if child.timed), default=1.0)
        for handle in select.select(list(running), [], [], max(0.0, min(until, 1.0)))[0]:
            child = running[handle]
            try:
                data = child.end.recv(1 << 20)
            except ConnectionResetError:
                data = b""
            if not data:
                del running[handle]
                outcomes[child.pid] = _outcome(child)
                continue
            child.received += data
            while child.received.startswith(b"!") and b";" in child.received:
                number, _, child.received = child.received[1:].partition(b";")
                child.strikes[int(number)](child)
                with suppress(OSError):  # it was killed
                    child.end.send(b".")
    return [outcomes[child.pid] for child in children]


def _outcome(child: Child) -> Outcome:
    child.end.close()
    _, status = os.waitpid(child.pid, 0)
    seconds = time.monotonic() - child.started
    if not child.received.startswith(b"="):
        hung = seconds > LONGEST_SECONDS
        by_kill = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        crashes = () if by_kill else (f"the process ended with status {status} and said nothing",)
        return Outcome(killed=by_kill and not hung, hung=hung, crashes=crashes, seconds=seconds)
    told = json.loads(child.received[1:])
    return Outcome(
        success=bool(told.get("success")),
        failures=tuple(told.get("failures", ())),
        crashes=tuple(told.get("crashes", ())),
        warnings=tuple(told.get("warnings", ())),
        events=int(told["events"]),
        seconds=seconds,
        answer=told.get("answer"),
    )


_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2


def drop_rights_over_files() -> None:
    """Give up the right of root to open every file whatever its permissions are (Linux's capabilities 1 and 2)."""
    if os.name != "posix" or sys.platform != "linux" or os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    if libc.capget(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    for at in (0, 1, 2):  # effective, permitted and inheritable ones, of the first 32
        data[at] &= ~(1 << _CAP_DAC_OVERRIDE | 1 << _CAP_DAC_READ_SEARCH)
    if libc.capset(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capset")
