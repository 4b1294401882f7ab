"""Doing what audit.replays keeps: recorded events are planned again, unreadable ones are read again, a few at a time.

A few at a time, so that what comes in meanwhile never waits behind an old window.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from audit import events, replays
from audit.replays import Replay
from audit.store import Store, Tx
from inbound.replays import CannotReplay, reread
from inbound.sources import Source

BATCH = 100


@dataclass(slots=True)
class Replaying:
    """Steps through the oldest order that is not done. `on_accepted` wakes the planner."""

    store: Store
    sources: Mapping[str, Source]
    new_id: Callable[[str], str]
    on_accepted: Callable[[], None]

    def step(self, now: datetime, limit: int = BATCH) -> int:
        """Take up to `limit` events of one order; return how many were looked at."""
        with self.store.read() as tx:
            order = replays.running(tx)
            ids = replays.chosen(tx, order.choice, order.upto, order.after, limit) if order else []
        if order is None:
            return 0
        if not ids:
            self.store.write(lambda tx: replays.finish(tx, order.id, "done", order.actor, now))
            return 0
        if order.choice.state == "unreadable":
            self._read_again(order, ids, now)
        else:
            self.store.write(lambda tx: _plan_again(tx, order, ids, now))
        self.on_accepted()
        return len(ids)

    def _read_again(self, order: Replay, ids: list[str], now: datetime) -> None:
        failed = 0
        for event_id in ids:
            try:
                reread(self.store, self.sources, event_id, self.new_id, order.actor, now)
            except CannotReplay:
                failed += 1
        self.store.write(lambda tx: replays.move(tx, order, ids[-1], len(ids) - failed, failed))


def _plan_again(tx: Tx, order: Replay, ids: list[str], now: datetime) -> None:
    done = sum(events.replay(tx, event_id, order.actor, now) for event_id in ids)
    replays.move(tx, order, ids[-1], done, len(ids) - done)
