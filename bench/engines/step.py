"""The send step that every engine carries: hand one message to the provider, by our id. And what an engine has to do.

A node is a process with one engine in it that publishes, sends, or both (bench/engines/node.py).
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode, urlsplit

from tests.fakes.counting import ACCOUNT

TEXT = "Your order is on its way and arrives tomorrow between 9 and 12. Reply STOP to end these messages."
NUMBER = "+491713920001"
REST = 0.05
"""Seconds between tries to reach a server that is away."""

Call = Callable[[str], str]
"""Hands a message to the provider by its id; returns the provider's id."""


class Carrier(Protocol):
    """An engine as a node uses it."""

    def publish(self, message_id: str, *, is_urgent: bool = False) -> None:
        """Return once the engine has promised to keep the message; try again for as long as it is away."""

    def send(self, call: Call, together: int) -> None:
        """Hand over what waits, `together` at a time, for ever."""


class Provider:
    """A client of the counting provider, with one connection for each thread."""

    def __init__(self, url: str) -> None:
        self._where = urlsplit(url).netloc
        self._local = threading.local()

    def __call__(self, message_id: str) -> str:
        """Hand a message over."""
        form = urlencode({"To": NUMBER, "From": "Bench", "Body": message_id})
        connection = self._connection()
        connection.request("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json", form)
        connection.getresponse().read()
        return f"SM{message_id}"

    def _connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection(self._where, timeout=30)
        found: http.client.HTTPConnection = self._local.connection
        return found


def id_of(number: int) -> str:
    """Name a message; names grow as the ids of Tidings do."""
    return f"m{number:012d}"


def place(folder: Path) -> str:
    """Return where the engine is now: a server that was killed may come back at another port."""
    return (folder / "place").read_text("utf-8")
