"""Checks the port of the UI. Dagster itself serves it."""

import errno
import socket

from flowlogs.errors import FlowLakeError

LAST_PORT = 65_535
"""A greater number would silently become another port."""


def require_free_port(host: str, port: int) -> None:
    """Raise FlowLakeError if the UI cannot be served. Dagster itself would start without it."""
    if port > LAST_PORT:
        raise FlowLakeError(
            f"PORT={port} is not a port: the last one is {LAST_PORT}. Choose another one: make dev PORT=3001"
        )
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(address)
    except (OSError, OverflowError) as error:
        in_use = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        reason = "another program uses it" if in_use else str(error)
        raise FlowLakeError(
            f"The UI cannot be opened on port {port} of {host}: {reason}. Choose another one: make dev PORT=3001"
        ) from error
