"""Requests the door refused, counted per source, hour and reason.

Anybody can send a request with a wrong signature, so nothing of it is kept: a number grows in memory and is written
once a minute. There are at most as many rows as configured sources, reasons and hours, however many requests come.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from audit.rows import ms
from audit.source_hours import HOUR_MS
from audit.store import Store, StoreDown, Tx

log = logging.getLogger("tidings.audit")
KEEP = timedelta(days=90)
ADD = """
insert into refusals (source, hour, reason, amount) values (?, ?, ?, ?)
on conflict (source, hour, reason) do update set amount = refusals.amount + excluded.amount
"""


class Place(NamedTuple):
    """Where a refusal is counted; the hour in milliseconds."""

    source: str
    hour: int
    reason: str


class Refusals:
    """Counts in memory; `flush` writes what has gathered. May be called from any thread."""

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._gathered: Counter[Place] = Counter()
        self._totals: Counter[tuple[str, str]] = Counter()

    def note(self, source: str, reason: str, now: datetime) -> None:
        """Count one refusal. `source` must be a configured one: names that strangers make up would fill the memory."""
        with self._gate:
            self._gathered[Place(source, ms(now) // HOUR_MS * HOUR_MS, reason)] += 1
            self._totals[source, reason] += 1

    def totals(self) -> Mapping[tuple[str, str], int]:
        """Return how many were refused since the start, by source and reason."""
        with self._gate:
            return dict(self._totals)

    def flush(self, store: Store, now: datetime) -> int:
        """Write what has gathered; return how many rows that was. What cannot be written stays in memory."""
        with self._gate:
            gathered, self._gathered = self._gathered, Counter()
        if not gathered:
            return 0
        try:
            store.write(lambda tx: _write(tx, gathered, now))
        except StoreDown as error:
            log.warning("refusals not written", extra={"detail": str(error)})
            with self._gate:
                self._gathered.update(gathered)
            return 0
        return len(gathered)

    def since(self, tx: Tx, moment: datetime) -> dict[str, Counter[str]]:
        """Return what was refused since then by source and reason, what is not written yet included."""
        first = ms(moment) // HOUR_MS * HOUR_MS
        found: dict[str, Counter[str]] = {}
        rows = tx.execute(
            "select source, reason, sum(amount) as amount from refusals where hour >= ? group by source, reason",
            (first,),
        )
        for row in rows:
            found.setdefault(row["source"], Counter())[row["reason"]] += row["amount"]
        with self._gate:
            waiting = dict(self._gathered)
        for place, amount in waiting.items():
            if place.hour >= first:
                found.setdefault(place.source, Counter())[place.reason] += amount
        return found


def _write(tx: Tx, gathered: Mapping[Place, int], now: datetime) -> None:
    tx.executemany(ADD, [(*place, amount) for place, amount in gathered.items()])
    tx.execute("delete from refusals where hour < ?", (ms(now - KEEP),))
