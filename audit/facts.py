"""The past, as the plan asks for it, read inside the transaction that saves the plan."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from audit import consent
from audit.rows import at, digest, ms
from audit.store import Tx

SEEN = """
select dedupe.ref from dedupe left join messages on messages.id = dedupe.ref
where dedupe.hash = :hash and dedupe.until > :now
and not (messages.state is 'queued' and :key <> '' and messages.rule = :rule and messages.key = :key)
"""


class StoredFacts:
    """Answers dispatch.facts.Facts from the database, as of `now`."""

    def __init__(self, tx: Tx, now: datetime) -> None:
        self._tx, self._now = tx, ms(now)

    def opted_out(self, number: str, category: str) -> str:
        """Return where and when the person opted out of this category or of everything."""
        row = self._tx.execute(
            "select source, at from consent where number in (?, ?) and category in ('', ?) and status = 'out'",
            (number, consent.alias(number), category),
        ).fetchone()
        return f"opted out by {row['source']} at {at(row['at']):%Y-%m-%d %H:%M} UTC" if row else ""

    def consented(self, number: str, category: str) -> bool:
        """Tell whether the person opted in to the category."""
        row = self._tx.execute(
            "select 1 from consent where number = ? and category = ? and status = 'in'", (number, category)
        ).fetchone()
        return row is not None

    def seen(self, dedupe: str, rule: str, key: str) -> str:
        """Return the message that holds this dedupe value."""
        values = {"hash": digest("message", dedupe), "now": self._now, "rule": rule, "key": key}
        row = self._tx.execute(SEEN, values).fetchone()
        return row["ref"] if row else ""

    def sent_since(self, throttle_key: str, since: datetime) -> int:
        """Count what was planned for a throttle key and not dropped again."""
        row = self._tx.execute(
            "select count(*) as n from messages where throttle_key = ? and created_at >= ? and state <> 'cancelled'",
            (throttle_key, ms(since)),
        ).fetchone()
        return int(row["n"])

    def gathered(self, rule: str, batch: str) -> tuple[tuple[dict[str, Any], ...], datetime] | None:
        """Return the events of a batch that still waits, and when it leaves."""
        row = self._tx.execute(
            "select items, due_at from messages where state = 'queued' and rule = ? and supersede = ?", (rule, batch)
        ).fetchone()
        return (tuple(json.loads(row["items"])), at(row["due_at"])) if row and row["items"] else None

    def newest(self, rule: str, key: str) -> tuple[datetime, bool] | None:
        """Return when the record of a rule was last spoken of, and whether that closed it."""
        row = self._tx.execute(
            "select occurred_at, closed from records where rule = ? and key = ?", (rule, key)
        ).fetchone()
        return (at(row["occurred_at"]), bool(row["closed"])) if row else None
