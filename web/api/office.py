"""What the API needs to know from the rest of the house, and the way to it beside the pages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from dispatch.campaigning import Campaigns
from dispatch.verifying import Verifier
from dispatch.webhook import Webhook
from gateways.base import Gateway
from inbound.sources import Source
from model.event import Event
from model.message import Plan
from rules.book import Book
from web.desk import Desk

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
ROOT = "/api/"


class Explanation(Protocol):
    """An event of the store, planned again as of the time it came in."""

    @property
    def event(self) -> Event:
        """The event."""

    @property
    def plan(self) -> Plan:
        """What the rules make of it."""

    @property
    def now(self) -> datetime:
        """When it came in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """`address` is where others reach us; `explain` plans an event of the store again, by its id.

    `cursor_key` proves that a page address is ours; `per_minute` is how many requests one key may make;
    `on_accepted` hears of a new event; without a `verifier` there are no codes.
    """

    desk: Desk
    sources: Mapping[str, Source]
    gateways: Mapping[str, Gateway]
    webhooks: Mapping[str, Webhook]
    explain: Callable[[Book, str], Sequence[Explanation]]
    new_id: Callable[[str], str]
    address: str
    cursor_key: str
    per_minute: int
    max_body: int
    campaigns: Campaigns
    on_accepted: Callable[[], None] = lambda: None
    verifier: Verifier | None = None


def beside(pages: Wsgi, office: Office) -> Wsgi:
    """Answer what is under /api/, and leave everything else to the pages.

    Nothing of the API is loaded before the first request: whoever starts the service waits for it else.
    """
    opening = threading.Lock()
    opened: list[Wsgi] = []

    def answer(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not str(environ.get("PATH_INFO", "")).startswith(ROOT):
            return pages(environ, start_response)
        with opening:
            if not opened:
                from web.api.door import ApiDoor  # noqa: PLC0415

                opened.append(ApiDoor(office))
        return opened[0](environ, start_response)

    return answer
