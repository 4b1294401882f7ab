"""Who followed short links, gathered in memory and written every second.

Following a link never waits for the writer, and a flood of requests writes no more than one row for each link and
second. A click is on the record once, when it is the first of its message; later ones only count.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta

from audit import journal
from audit.rows import ms
from audit.store import Store, StoreDown, Tx

log = logging.getLogger("tidings.audit")
APART = timedelta(seconds=10)
"""Two visits closer together are one: a finger that taps twice, a browser that asks again."""

MOST = 20_000
"""Links that wait to be written; of more, what comes is not counted."""

FOLLOWED = """
update links set clicks = clicks + 1, clicked_at = coalesce(clicked_at, :at), last_at = :at
where code = :code and target <> '' and (last_at is null or last_at <= :before) returning message_id
"""
LOOKED = """
update links set looks = looks + 1, looked_at = :at
where code = :code and target <> '' and (looked_at is null or looked_at <= :before)
"""
FIRST = """
update messages set clicked_at = :at where id = :id and clicked_at is null returning event_id, source, rule, step
"""


class Clicks:
    """Gathers in memory; `flush` writes. May be called from any thread."""

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._people: dict[str, int] = {}
        self._programs: dict[str, int] = {}

    def note(self, code: str, now: datetime, *, by_program: bool) -> None:
        """Count one visit of a link that exists."""
        with self._gate:
            gathered = self._programs if by_program else self._people
            if len(gathered) < MOST:
                gathered.setdefault(code, ms(now))

    def flush(self, store: Store) -> int:
        """Write what has gathered; return how many links that were. What cannot be written stays in memory."""
        with self._gate:
            people, self._people = self._people, {}
            programs, self._programs = self._programs, {}
        if not people and not programs:
            return 0
        try:
            store.write(lambda tx: _write(tx, people, programs))
        except StoreDown as error:
            log.warning("clicks not written", extra={"detail": str(error)})
            with self._gate:
                self._people, self._programs = people | self._people, programs | self._programs
            return 0
        return len(people) + len(programs)


def _write(tx: Tx, people: Mapping[str, int], programs: Mapping[str, int]) -> None:
    apart = int(APART.total_seconds() * 1000)
    for code, stamp in sorted(programs.items()):  # in one order, so that two processes never wait for each other
        tx.execute(LOOKED, {"code": code, "at": stamp, "before": stamp - apart})
    for code, stamp in sorted(people.items()):
        row = tx.execute(FOLLOWED, {"code": code, "at": stamp, "before": stamp - apart}).fetchone()
        if row is not None:
            _first(tx, row["message_id"], stamp)


def _first(tx: Tx, message_id: str, stamp: int) -> None:
    row = tx.execute(FIRST, {"at": stamp, "id": message_id}).fetchone()
    if row is not None:
        journal.note(
            tx, stamp, "click", event_id=row["event_id"], message_id=message_id, source=row["source"],
            rule=row["rule"], step=row["step"],
        )  # fmt: skip
