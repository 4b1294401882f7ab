"""Look-ups: events that came as a hint, until their source has told what it was about."""

from __future__ import annotations

from datetime import datetime

from audit import dedupe, journal
from audit.intake import KEEP_TRANSPORT_IDS
from audit.rows import digest, dump, ms
from audit.store import Tx
from model.event import Event

LOOKED_UP = """
update events set state = 'received', type = :type, transport_id = :transport_id, key = :key, version = :version,
    occurred_at = :occurred_at, data = :data, tries = 0, next_at = 0, error = ''
where id = :id and state = 'needs_lookup'
"""


def needing_lookup(tx: Tx, now: datetime, limit: int) -> list[tuple[str, int]]:
    """Return events whose source is to be asked now, with how often it was asked before."""
    rows = tx.execute(
        "select id, tries from events where state = 'needs_lookup' and next_at <= ? order by next_at, id limit ?",
        (ms(now), limit),
    )
    return [(row["id"], row["tries"]) for row in rows]


def looked_up(tx: Tx, event_id: str, event: Event, now: datetime) -> None:
    """Complete an event with what its source told; it waits to be planned.

    Where the look-up found out what a hint was about, the event takes that type and id. When somebody told of it by
    the same id before (a poll), the hint ends as a redelivery of that event.
    """
    told = tx.execute("select source, transport_id from events where id = ?", (event_id,)).fetchone()
    is_other = told is not None and event.id != told["transport_id"]
    if is_other and not dedupe.claim(tx, digest("event", told["source"], event.id), event_id, now, KEEP_TRANSPORT_IDS):
        first = dedupe.seen(tx, digest("event", told["source"], event.id))
        tx.execute("update events set state = 'reread', next_at = 0, error = '' where id = ?", (event_id,))
        journal.note(
            tx, ms(now), "looked_up", event_id=event_id, source=event.source, type=event.type, reason="found",
            detail=f"known already as {first}",
        )  # fmt: skip
        journal.note(tx, ms(now), "redelivered", event_id=first, source=event.source, type=event.type)
        return
    tx.execute(LOOKED_UP, {
        "id": event_id, "type": event.type, "transport_id": event.id, "key": event.key, "version": event.version,
        "occurred_at": ms(event.occurred_at), "data": dump(dict(event.data)),
    })  # fmt: skip
    journal.note(tx, ms(now), "looked_up", event_id=event_id, source=event.source, type=event.type, reason="found")


def lookup_failed(tx: Tx, event_id: str, trouble: str, again_at: datetime | None, now: datetime) -> None:
    """Note a failed look-up: asked again at `again_at`, or planned as it is when that is None."""
    state, next_at = ("needs_lookup", ms(again_at)) if again_at else ("received", 0)
    row = tx.execute(
        "update events set state = ?, tries = tries + 1, next_at = ?, error = ? "
        "where id = ? and state = 'needs_lookup' returning source, type",
        (state, next_at, trouble[:300], event_id),
    ).fetchone()
    if row is not None:
        journal.note(
            tx, ms(now), "looked_up", event_id=event_id, source=row["source"], type=row["type"],
            reason="retry" if again_at else "failed", detail=trouble[:200],
        )  # fmt: skip
