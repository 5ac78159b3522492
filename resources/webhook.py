"""A channel that posts messages as JSON to an address that is a secret, such as an incoming webhook of Slack's.

The address is in no text, error or representation: only its host is told.
"""

import json
import time
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPMessage
from typing import IO
from urllib.parse import urlsplit

from flowlogs.errors import FlowLakeError
from flowlogs.printable import printable, shortened
from resources.alert_channel import AlertChannel, Message

TIMEOUT_SECONDS = 5.0

PAUSES = (1.0, 3.0)
"""Seconds before each further attempt, where the receiver asks for that or does not answer."""

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""The answers after which the same request may succeed."""


class Webhook(AlertChannel):
    """Posts to an address. It follows no redirect, so that no message goes where nobody asked for."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.name = f"the webhook at {printable(urlsplit(address).hostname or '')}"
        self._opener = urllib.request.build_opener(_NoRedirects)

    def __repr__(self) -> str:
        return f"Webhook({self.name!r})"

    def send(self, message: Message) -> None:
        body = json.dumps(body_of(message)).encode()
        for pause in (*PAUSES, None):
            problem, again = self._post(body)
            if not problem:
                return
            if pause is None or not again:
                raise FlowLakeError(f"{self.name} {problem}.") from None
            time.sleep(pause)

    def _post(self, body: bytes) -> tuple[str, bool]:
        """What went wrong, if anything, and whether another attempt makes sense."""
        request = urllib.request.Request(  # noqa: S310 - the settings take https, and http on this machine alone
            self._address, body, {"Content-Type": "application/json", "User-Agent": "vpc-flow-lake"}, method="POST"
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                answer.read(1)
        except urllib.error.HTTPError as error:
            error.close()
            redirects = " (a redirect, which is not followed: set the final address)" if 300 <= error.code < 400 else ""
            return f"answered {error.code}{redirects}", error.code in AGAIN
        except urllib.error.URLError as error:
            return f"could not be reached: {self._words(error.reason)}", True
        except (OSError, HTTPException, ValueError) as error:
            return f"could not be reached: {self._words(error)}", True
        return "", False

    def _words(self, error: object) -> str:
        """The kind of an error. Its text may quote the address."""
        text = printable(str(getattr(error, "strerror", None) or type(error).__name__))
        return shortened(text, 100)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        """Follow none: the answer is then an error."""


def body_of(message: Message) -> dict[str, object]:
    """The JSON of a message: `text`, which Slack and what imitates it show, and the facts beside it."""
    return {"text": escaped(f"{message.subject}\n{message.text}"), **message.facts}


def escaped(text: str) -> str:
    """A text in which nothing is a link, a mention or a mark: Slack takes ``<!channel>`` for one, others ``@all``.

    The three entities are Slack's ("Formatting text for app surfaces", Slack API, 2026).
    """
    for character, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("@", "\uff20")):
        text = text.replace(character, safe)
    return text
