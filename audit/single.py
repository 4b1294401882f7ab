"""One text taken out of the queue by name, for whoever wants to follow it by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

from audit.messages import Claimed
from audit.rows import after, message_of, ms
from audit.store import Tx


def claim(tx: Tx, message_id: str, now: datetime, lease: timedelta) -> Claimed:
    """Take one waiting message, whatever else waits. Raises KeyError when it does not wait."""
    row = tx.execute(
        "update messages set state = 'submitting', lease_until = :lease, attempts = attempts + 1, submitted_at = :now "
        "where id = :id and state = 'queued' returning *",
        {"id": message_id, "now": ms(now), "lease": after(now, lease)},
    ).fetchone()
    if row is None:
        raise KeyError(message_id)
    return Claimed(message=message_of(row), attempt=row["attempts"], tried=(), row=dict(row))
