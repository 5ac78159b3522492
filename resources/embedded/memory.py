"""A bound on the memory that this process takes while it executes statements, whatever their SQL says.

DuckDB keeps to a limit of its own for what it stores, and not for the texts that it is just computing.
"""

import os
import re
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

STATEMENT_BYTES = 1_500_000_000
"""What a statement may take beside what the process has already."""

_lock = threading.Lock()
_statements = 0
_before = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Let the system refuse memory beyond STATEMENT_BYTES within the block, as far as it can (Linux does).

    What asks for more gets an error: MemoryError, or the one of its library. Statements at once share the bound.
    """
    global _statements, _before
    import pyarrow as pa

    # Arrow reserves a gigabyte of addresses when it is first asked for memory: that is no statement's.
    pa.allocate_buffer(1 << 20)
    with _lock:
        if not _statements:
            _before = resource.getrlimit(resource.RLIMIT_DATA)
            _limit(_before)
        _statements += 1
    try:
        yield
    finally:
        with _lock:
            _statements -= 1
            if not _statements:
                resource.setrlimit(resource.RLIMIT_DATA, _before)


def _limit(before: tuple[int, int]) -> None:
    with suppress(FileNotFoundError):
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        taken = int(re.findall(r"VmData:\s*(\d+) kB", status)[0]) * 1024
        # The stacks of DuckDB's threads and of ours count too, though next to nothing of them is used.
        stack, _ = resource.getrlimit(resource.RLIMIT_STACK)
        stacks = 2 * (os.cpu_count() or 1) * min(stack if stack > 0 else 8 << 20, 64 << 20)
        limit = taken + STATEMENT_BYTES + stacks
        if all(most == resource.RLIM_INFINITY or limit < most for most in before):
            resource.setrlimit(resource.RLIMIT_DATA, (limit, before[1]))
