"""/webhooks: the systems that are told what becomes of texts. Addresses are shown without path and query."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from audit import webhooks
from audit.rows import at
from audit.store import Row
from dispatch.webhook import Webhook
from model.access import Permission
from web.api.route import Call, Route
from web.api.shapes import Given, Taken


class WebhookOut(Given):
    """How one webhook does: what waits for it, what was given up, and why it is disabled if it is."""

    name: str
    state: Literal["new", "on", "failing", "disabled"]
    address: str
    events: list[str]
    waiting: int
    given_up: int
    told_at: datetime | None
    why: str


class Webhooks(Given):
    """Every webhook of the settings."""

    data: list[WebhookOut]


def list_webhooks(call: Call, _: Taken) -> Webhooks:
    """List webhooks with how they do."""
    with call.store.read() as tx:
        known = {row["name"]: row for row in webhooks.listing(tx)}
    return Webhooks(data=[_told(one, known.get(name)) for name, one in sorted(call.office.webhooks.items())])


def _told(webhook: Webhook, row: Row | None) -> WebhookOut:
    parts = urlsplit(webhook.url)
    return WebhookOut(
        name=webhook.name, state=_state(row), address=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
        events=sorted(webhook.events), waiting=row["waiting"] if row else 0, given_up=row["given_up"] if row else 0,
        told_at=at(row["told_at"]) if row and row["told_at"] else None, why=row["disabled_because"] if row else "",
    )  # fmt: skip


def _state(row: Row | None) -> Literal["new", "on", "failing", "disabled"]:
    if row is None:
        return "new"
    return "disabled" if row["disabled_at"] else "failing" if row["failures"] else "on"


ROUTES = (Route(path="/webhooks", view=list_webhooks, needs=Permission.READ, gives=Webhooks),)
