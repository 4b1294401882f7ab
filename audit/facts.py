"""The past, as the plan asks for it, read inside the transaction that saves the plan."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from audit import caps, consent
from audit.messages import TAKEN_PERHAPS
from audit.rows import at, digest, ms
from audit.store import Tx, lock

SEEN = f"""
select dedupe.ref from dedupe left join messages on messages.id = dedupe.ref
where dedupe.hash = :hash and dedupe.until > :now
and not (coalesce(messages.state, '') = 'queued' and :key <> '' and messages.rule = :rule and messages.key = :key
    and not {TAKEN_PERHAPS})
"""  # noqa: S608 - our own words

GATHERED = f"""
select items, due_at from messages where state = 'queued' and rule = ? and supersede = ? and supersede <> ''
and not {TAKEN_PERHAPS} /* for update */
"""  # noqa: S608 - our own words
"""A batch that still waits. One that a phone may have goes on alone: its id is what the provider knows it by."""


class StoredFacts:
    """Answers dispatch.facts.Facts from the database, as of `now`."""

    def __init__(self, tx: Tx, now: datetime) -> None:
        self._tx, self._now = tx, ms(now)
        self._per_person: tuple[int, int] | None = None
        self._knows_settings = False

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
        lock(self._tx, "dedupe", dedupe)
        values = {"hash": digest("message", dedupe), "now": self._now, "rule": rule, "key": key}
        row = self._tx.execute(SEEN, values).fetchone()
        return row["ref"] if row else ""

    def sent_since(self, throttle_key: str, since: datetime) -> int:
        """Count what was planned for a throttle key and not dropped again."""
        lock(self._tx, "throttle", throttle_key)
        row = self._tx.execute(
            "select count(*) as n from messages where throttle_key = ? and created_at >= ? and state <> 'cancelled'",
            (throttle_key, ms(since)),
        ).fetchone()
        return int(row["n"])

    def too_often(self, number: str) -> str:
        """Return how many texts that need consent the person got, or will get, where that is as many as allowed."""
        if not self._knows_settings:  # once for all the people planned in one transaction
            self._per_person, self._knows_settings = caps.per_person(self._tx), True
        if self._per_person is None:
            return ""
        lock(self._tx, "person", number)
        most, within = self._per_person
        row = self._tx.execute(
            "select count(*) as n from messages where number = ? and category <> '' and due_at > ? "
            "and state not in ('cancelled', 'rejected', 'failed', 'expired')",
            (number, self._now - within),
        ).fetchone()
        days = f"{within / 86_400_000:g} days"
        return f"{row['n']} marketing texts in {days}, at most {most}" if row["n"] >= most else ""

    def gathered(self, rule: str, batch: str) -> tuple[tuple[dict[str, Any], ...], datetime] | None:
        """Return the events of a batch that still waits, and when it leaves: not before this is decided."""
        lock(self._tx, "record", rule, batch)
        row = self._tx.execute(
            GATHERED,
            (rule, batch),
        ).fetchone()
        return (tuple(json.loads(row["items"])), at(row["due_at"])) if row and row["items"] else None

    def newest(self, rule: str, key: str) -> tuple[datetime, bool] | None:
        """Return when the record of a rule was last spoken of, and whether that closed it."""
        lock(self._tx, "record", rule, key)
        row = self._tx.execute(
            "select occurred_at, closed from records where rule = ? and key = ?", (rule, key)
        ).fetchone()
        return (at(row["occurred_at"]), bool(row["closed"])) if row else None
