"""A stand-in for wire.http.Client that answers from a function and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from connectors.base import Poller
from model.event import Event
from wire.http import Call, Reply


class FakeHttp:
    def __init__(self, answer: Callable[[Call], Reply]) -> None:
        self.answer = answer
        self.calls: list[Call] = []

    def send(self, call: Call) -> Reply:
        self.calls.append(call)
        return self.answer(call)


def says(body: Any, status: int = 200) -> Callable[[Call], Reply]:
    return lambda _: Reply(status=status, body=json.dumps(body).encode())


def raises(error: Exception) -> Callable[[Call], Reply]:
    def answer(_: Call) -> Reply:
        raise error

    return answer


def serves(records: dict[str, Any]) -> Callable[[Call], Reply]:
    """Answer by the end of the URL; 404 for anything else."""

    def answer(call: Call) -> Reply:
        found = next((record for end, record in records.items() if call.url.endswith(end)), None)
        return Reply(status=404 if found is None else 200, body=json.dumps(found).encode())

    return answer


def every_page(
    connector: Poller, answer: Callable[[Call], Reply], cursor: Any, now: datetime
) -> tuple[list[Event], Any]:
    """Poll until there is no more, with the cursor kept as the service keeps it."""
    events: list[Event] = []
    more = True
    while more:
        page = connector.poll(cursor, FakeHttp(answer), now)
        cursor, more = json.loads(json.dumps(page.cursor)), page.more
        events += page.events
    return events, cursor
