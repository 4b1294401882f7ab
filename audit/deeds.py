"""What people and programs did in the running service: rows of the journal that carry a name, newest first."""

from __future__ import annotations

from datetime import datetime

from audit import journal
from audit.rows import ms
from audit.store import Row, Store, Tx

PAGE = 50
# The words of the index: SQLite uses it for exactly this condition.
DEEDS = """
select id, at, kind, actor, reason, detail, rule, gateway, event_id, message_id from journal
where kind in ('operator', 'rules', 'replayed', 'erased') and id < :before order by id desc limit :limit
"""
ANY = 1 << 62


def newest(store: Store, before: int = ANY, limit: int = PAGE + 1) -> list[Row]:
    """Return what was done before row `before`; one more than a page tells that there are older ones."""
    with store.read() as tx:
        return tx.execute(DEEDS, {"before": before, "limit": limit}).fetchall()


def done(tx: Tx, what: str, actor: str, now: datetime) -> None:
    """Write down something that changed no row of its own, such as a file somebody took along."""
    journal.note(tx, ms(now), "operator", reason=what, actor=actor)
