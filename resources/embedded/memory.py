"""Limits the memory of this process while it executes statements.

session.py sets DuckDB's own limit. That limit does not cover texts while DuckDB computes them.
"""

import os
import re
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

STATEMENT_BYTES = 1_500_000_000
"""How many bytes statements may take in addition to what the process has."""

_lock = threading.Lock()
_statements = 0
_before = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Let the operating system refuse memory beyond STATEMENT_BYTES within the block. It works on Linux.

    Code that asks for more gets MemoryError, or its library's error. Parallel statements share the limit.
    """
    global _statements, _before
    import pyarrow as pa

    # Arrow reserves a gigabyte of addresses at its first allocation, which does not count for the statement.
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
        # The stacks of DuckDB's threads and of ours count too, though they are hardly used.
        stack, _ = resource.getrlimit(resource.RLIMIT_STACK)
        stacks = 2 * (os.cpu_count() or 1) * min(stack if stack > 0 else 8 << 20, 64 << 20)
        limit = taken + STATEMENT_BYTES + stacks
        if all(most == resource.RLIM_INFINITY or limit < most for most in before):
            resource.setrlimit(resource.RLIMIT_DATA, (limit, before[1]))
