"""Intake: what the door keeps of a request, and the events it finds in it, each once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from audit import dedupe, journal, proofs
from audit.events import INSERT_EVENT, insert_event
from audit.rows import at, digest, dump, ms
from audit.store import Tx
from model.event import Event, Incoming
from model.reasons import Because

KEEP_TRANSPORT_IDS = timedelta(days=30)
"""Longer than any sender repeats itself (a week) and than replays by hand (Razorpay: 7 days)."""

INSERT_BODY = """
insert into bodies (id, source, received_at, method, url, query, headers, body)
values (:id, :source, :received_at, :method, :url, :query, :headers, :body)
"""

SECRET_HEADERS = ("authorization", "cookie", "token", "secret", "api-key")


def accept(tx: Tx, incoming: Incoming, events: Sequence[Event], new_id: Callable[[str], str]) -> list[str]:
    """Store a request and its events; return the ids of those never seen before. A redelivery is noted, not stored."""
    now = ms(incoming.received_at)
    fresh: list[tuple[str, Event]] = []
    for event in events:
        event_id = new_id("e")
        if dedupe.claim(
            tx, digest("event", event.source, event.id), event_id, incoming.received_at, KEEP_TRANSPORT_IDS
        ):
            fresh.append((event_id, event))
        else:
            first = dedupe.seen(tx, digest("event", event.source, event.id))
            journal.note(tx, now, "redelivered", event_id=first, source=event.source, type=event.type)
    if not fresh:
        return []
    body_id = keep_body(tx, incoming, new_id("i"))
    proof = proofs.of_body(incoming.body)
    for event_id, event in fresh:
        state = "needs_lookup" if event.lookup else "received"
        insert_event(tx, event_id, event, body_id, incoming.received_at, state, proof)
    return [event_id for event_id, _ in fresh]


def accept_unreadable(tx: Tx, incoming: Incoming, error: str, new_id: Callable[[str], str]) -> str:
    """Keep a genuine body that could not be read; the same body again is the same event."""
    event_id = new_id("e")
    body_digest = digest("unreadable", incoming.source, incoming.body.hex())
    if not dedupe.claim(tx, body_digest, event_id, incoming.received_at, KEEP_TRANSPORT_IDS):
        first = dedupe.seen(tx, body_digest)
        journal.note(tx, ms(incoming.received_at), "redelivered", event_id=first, source=incoming.source)
        return first
    body_id = keep_body(tx, incoming, new_id("i"))
    values = _blank(event_id, incoming, body_id, error)
    tx.execute(INSERT_EVENT, values)
    journal.note(
        tx, ms(incoming.received_at), "received", event_id=event_id, source=incoming.source,
        reason=Because.UNREADABLE.code, detail=error, proof=proofs.of_body(incoming.body),
    )  # fmt: skip
    return event_id


def _blank(event_id: str, incoming: Incoming, body_id: str, error: str) -> dict[str, Any]:
    now = ms(incoming.received_at)
    return {
        "id": event_id, "body_id": body_id, "source": incoming.source, "type": "", "native_type": "",
        "transport_id": "", "key": "", "version": "", "occurred_at": now, "received_at": now, "data": "{}",
        "raw": None, "test": 0, "lookup": "", "state": "unreadable", "error": error,
    }  # fmt: skip


def keep_body(tx: Tx, incoming: Incoming, body_id: str) -> str:
    """Keep the exact bytes, with headers that hold no secret."""
    headers = {n: v for n, v in incoming.headers.items() if not any(word in n for word in SECRET_HEADERS)}
    values = {
        "id": body_id,
        "source": incoming.source,
        "received_at": ms(incoming.received_at),
        "method": incoming.method,
        "url": incoming.url.partition("?")[0],
        "query": dump(sorted(incoming.query)),
        "headers": json.dumps(headers),
        "body": incoming.body,
    }
    tx.execute(INSERT_BODY, values)
    return body_id


def kept_body(tx: Tx, event_id: str) -> Incoming | None:
    """Return the request behind an unreadable event, without its secret headers; None when there is none."""
    row = tx.execute(
        "select bodies.* from events join bodies on bodies.id = events.body_id "
        "where events.id = ? and events.state = 'unreadable'",
        (event_id,),
    ).fetchone()
    if row is None:
        return None
    return Incoming(
        source=row["source"], method=row["method"], url=row["url"], headers=json.loads(row["headers"]),
        body=row["body"], received_at=at(row["received_at"]),
    )  # fmt: skip


def reread(
    tx: Tx,
    event_id: str,
    incoming: Incoming,
    found: Sequence[Event],
    new_id: Callable[[str], str],
    actor: str,
    now: datetime,
) -> list[str]:
    """Store what a kept body turned out to hold, and close the unreadable event."""
    tx.execute("update events set state = 'reread', error = '' where id = ?", (event_id,))
    journal.note(tx, ms(now), "replayed", event_id=event_id, source=incoming.source, actor=actor)
    return accept(tx, incoming, found, new_id)
