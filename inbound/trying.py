"""Asking a polled system once and keeping nothing: what it was asked, what it answered, which events came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlsplit

from connectors.base import AskFailed, Page, Poller
from inbound.sources import Source
from wire import reading
from wire.http import Call, Client, Forbidden, NotSent, Reply, Unclear

MAX_PAGES = 20
SAID = ("error_description", "message", "detail", "errorMessage", "error.message", "errors.0.message",
        "errors.0.detail", "0.message", "error", "title")  # fmt: skip
"""Where APIs write for people what is wrong, best first."""

MEANS = {
    401: "it does not take the key, or the sign-in was refused",
    402: "the account's plan does not include this",
    403: "the key is known and may not do this: a permission is missing",
    404: "there is nothing at this address: see the api address and the ids in the settings",
    407: "a proxy in between wants a sign-in",
    429: "it wants to be asked less often",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request to the system and what came of it. `trouble` is "" where it answered as it should."""

    asked: str
    answered: str
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What one poll would have brought. `is_first` means that it would only set the baseline."""

    steps: Sequence[Step]
    pages: Sequence[Page]
    trouble: str = ""
    is_first: bool = False


@dataclass(slots=True)
class Tracing:
    """An Http that writes down what is asked: method and path, never a query, a header or a body."""

    http: Client
    secrets: Sequence[str]
    steps: list[Step] = field(default_factory=list)

    def send(self, call: Call) -> Reply:
        """Send one request once. Raises as wire.http does."""
        parts = urlsplit(call.url)
        asked = f"{call.method} {parts.hostname}{parts.path}"
        for secret in self.secrets:
            asked = asked.replace(secret, "***")
        try:
            reply = self.http.send(call)
        except (NotSent, Unclear, Forbidden) as error:
            self.steps.append(Step(asked=asked, answered="no answer", trouble=_unreached(error)))
            raise
        trouble = MEANS.get(reply.status, "")
        said = words_of(reply, self.secrets) if reply.status >= 400 else ""
        why = "; ".join(part for part in (trouble, f"it says: {said}" if said else "") if part)
        self.steps.append(Step(asked=asked, answered=str(reply.status), trouble=why))
        return reply


def try_poll(source: Source, cursor: Mapping[str, Any], now: datetime) -> Tried:
    """Poll as the service would, from where it is, and keep nothing."""
    http = Tracing(Client(hosts=tuple(source.connector.hosts), read=30.0), secrets_of(source))
    pages: list[Page] = []
    stand = cursor
    trouble = ""
    for _ in range(MAX_PAGES):
        try:
            page = cast("Poller", source.connector).poll(stand, http, now)
        except (AskFailed, NotSent, Unclear, Forbidden) as error:
            trouble = str(error)
            break
        except Exception as error:  # noqa: BLE001 - a connector's defect is what the person looks for
            trouble = f"{type(error).__name__} in the connector {source.connector.name}"
            break
        pages.append(replace(page, events=[replace(event, source=source.name) for event in page.events]))
        stand = page.cursor
        if not page.more:
            break
    return Tried(steps=http.steps, pages=pages, trouble=trouble, is_first=not cursor)


def secrets_of(source: Source) -> tuple[str, ...]:
    """Return every secret of a source, longest first, to be taken out of what others say."""
    options = source.connector.options
    own = [str(value) for name, value in source.connector.settings.items() if name in options and options[name].secret]
    return tuple(sorted({secret for secret in (*own, *source.secrets) if len(secret) > 3}, key=len, reverse=True))


def words_of(reply: Reply, secrets: Sequence[str]) -> str:
    """Return what an answer says to people, without anything secret; "" where it says nothing."""
    said = next((text for path in SAID if (text := reading.text(reading.dig(reply.json(), path)))), "")
    for secret in secrets:
        said = said.replace(secret, "***")
    return " ".join(said.split())[:200]


def _unreached(error: Exception) -> str:
    if isinstance(error, Forbidden):
        return f"{error}: the connector may reach its own hosts only"
    if isinstance(error, NotSent):
        return f"{error}: name, port, TLS or a firewall; nothing arrived there"
    return f"{error}: it was reached and did not answer in time"
