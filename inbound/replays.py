"""Reading a kept body again, after a connector was fixed or set up properly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from audit import intake
from audit.store import Store
from inbound.sources import Source
from model.reasons import Refused


class CannotReplay(Exception):  # noqa: N818 - names the outcome
    """The event is not there, its body is gone, or it still cannot be read."""


def reread(
    store: Store,
    sources: Mapping[str, Source],
    event_id: str,
    new_id: Callable[[str], str],
    actor: str,
    now: datetime,
) -> int:
    """Parse the body of an unreadable event again; return how many events were in it. Raises CannotReplay."""
    with store.read() as tx:
        incoming = intake.kept_body(tx, event_id)
    if incoming is None:
        raise CannotReplay(f"{event_id} is not an unreadable event, or its body is no longer kept.")
    source = sources.get(incoming.source)
    if source is None:
        raise CannotReplay(f"The source {incoming.source} is not configured any more.")
    try:
        found = source.connector.parse(incoming)
    except Refused as refusal:
        raise CannotReplay(f"It still cannot be read: {refusal.detail or refusal.reason.text}") from None
    return store.write(lambda tx: len(intake.reread(tx, event_id, incoming, found, new_id, actor, now)))
