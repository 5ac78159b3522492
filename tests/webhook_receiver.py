"""A receiver of webhooks on this machine, over real HTTP: it keeps what it got, and answers as a test tells it to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "T0PSECRETTOKEN9"
"""What stands in the address and nowhere else."""


@dataclass
class Receiver:
    """What was received: the paths and the JSON. `answers` are the next statuses; 200 after them."""

    url: str = ""
    paths: list[str] = field(default_factory=list)
    messages: list[dict] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    location: str = ""


@contextmanager
def webhook_receiver() -> Iterator[Receiver]:
    received = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            received.paths.append(self.path)
            received.headers.append(dict(self.headers))
            status = received.answers.pop(0) if received.answers else 200
            if status == 200:
                received.messages.append(json.loads(body or b"{}"))
            self.send_response(status)
            if received.location:
                self.send_header("Location", received.location)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    received.url = f"http://127.0.0.1:{server.server_port}/services/{TOKEN}"
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
