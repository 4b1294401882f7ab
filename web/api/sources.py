"""/sources: the systems that tell us things."""

from __future__ import annotations

from datetime import datetime

from audit import search
from audit.rows import at
from inbound.sources import Source
from model.access import Permission
from web.api.route import Call, Route
from web.api.shapes import Given, Taken


class SourceOut(Given):
    """One configured source. `polled_every` is in seconds, 0 where it is not polled."""

    name: str
    connector: str
    title: str
    hook: str
    polled_every: float
    last_event_at: datetime | None
    last_event_type: str


class Sources(Given):
    """Every source of the settings."""

    data: list[SourceOut]


def list_sources(call: Call, _: Taken) -> Sources:
    """List the configured sources, and when each last told something."""
    return Sources(data=[_told(call, source) for _, source in sorted(call.office.sources.items())])


def _told(call: Call, source: Source) -> SourceOut:
    newest = next(iter(search.events(call.store, source=source.name, limit=1).rows), None)
    return SourceOut(
        name=source.name, connector=source.connector.name, title=source.connector.title,
        hook=f"{call.office.address}/hooks/{source.name}",
        polled_every=source.poll_every.total_seconds() if source.poll_every else 0,
        last_event_at=at(newest["received_at"]) if newest else None,
        last_event_type=newest["type"] if newest else "",
    )  # fmt: skip


ROUTES = (Route(path="/sources", view=list_sources, needs=Permission.READ, gives=Sources),)
