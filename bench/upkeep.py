"""Sealing, verifying and purging a big database: how long each takes, and how long nobody else can write meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from audit import seals
from audit.retention import Retention, purge
from audit.rows import at
from audit.store import Store, Tx
from bench.figures import Figure

T = TypeVar("T")
ROWS = 100_000
HELD_MS = 100


class Watched(Store):
    """A store that remembers the longest time one job held the writer, in milliseconds."""

    longest = 0.0

    def write(self, job: Callable[[Tx], T]) -> T:
        """Run a job and look at the clock."""

        def timed(tx: Tx) -> T:
            began = time.perf_counter()
            try:
                return job(tx)
            finally:
                self.longest = max(self.longest, (time.perf_counter() - began) * 1000)

        return super().write(timed)


def measure(path: Path) -> list[Figure]:
    """Seal up to ten seals' worth of rows, verify that, and purge about as much; the database keeps the loss."""
    with closing(Watched(path)) as store:
        with store.read() as tx:
            now = at(tx.execute("select max(at) as at from journal where kind = 'decision'").fetchone()["at"])
        return [*_sealed(store, now), *_verified(store), *_purged(store, now)]


def _sealed(store: Watched, now: datetime) -> list[Figure]:
    store.longest, began, made = 0.0, time.perf_counter(), 0
    while made < ROWS // seals.BATCH and store.write(lambda tx: seals.seal(tx, "", now - timedelta(days=80))):
        made += 1
    if not made:
        return []
    return _pair("sealing", store, (time.perf_counter() - began) * ROWS / (made * seals.BATCH))


def _verified(store: Watched) -> list[Figure]:
    began = time.perf_counter()
    found = seals.verify(store, "")
    spent = (time.perf_counter() - began) * ROWS / max(1, found.rows)
    return [Figure(what="verifying 100,000 rows", value=spent, unit="s", note=f"of {found.rows:,}")]


def _purged(store: Watched, now: datetime) -> list[Figure]:
    """Purge the first day and a half of each kind."""
    figures = []
    with store.read() as tx:
        first = at(tx.execute("select min(received_at) as at from (select received_at from events order by id limit 9) "
                              "as oldest").fetchone()["at"])  # fmt: skip
        body = tx.execute("select received_at as at from bodies order by id limit 1").fetchone()
    for kind in ("requests", "texts", "people", "journal"):
        begins = at(body["at"]) if kind == "requests" and body else first
        keep = Retention(**{kind: now - begins - timedelta(hours=36)})
        store.longest, began = 0.0, time.perf_counter()
        removed = sum(purge(store, keep, now).values())
        if removed:
            figures += _pair(f"purging {kind}", store, (time.perf_counter() - began) * ROWS / removed)
    return figures


def _pair(what: str, store: Watched, seconds: float) -> list[Figure]:
    return [
        Figure(what=f"{what}, 100,000 rows", value=seconds, unit="s"),
        Figure(what=f"{what}: longest hold of the writer", value=store.longest, unit="ms", budget=HELD_MS),
    ]
