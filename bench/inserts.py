"""What one event costs from the door to its receipt in a big database, beside the same in an empty one.

The real way: accepted, planned, claimed, handed to a gateway that answers at once, its receipt recorded; in batches as
busy hours have them, each committed. Time of the processor and of the clock; the big file begins with a cold cache.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import app
from audit import intake, receipts
from audit.store import Tx
from bench import flows, walk
from bench.figures import Figure
from model.event import Event, Incoming
from model.message import State
from model.sending import Receipt

PHONES = flows.phones()
EVENTS, BATCH = 2_000, 50
RATE = 2_000
TAKEN = "select gateway, provider_id from messages where state = 'accepted' order by id desc limit ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Seconds for one event: of the processor and of the clock for the whole way, and of the processor at the door."""

    cpu: float
    clock: float
    door: float


def measure(path: Path, count: int = EVENTS) -> list[Figure]:
    """Play the same events into an empty database and into the one at `path`, which keeps them."""
    with tempfile.TemporaryDirectory(prefix="tidings-bench-") as folder:
        empty = played(Path(folder) / "empty.db", Path(folder), count)
        big = played(path, Path(folder), count)
    return [
        Figure(what="big database: events accepted on one core", value=1 / big.door, unit="/s", budget=RATE,
               more_is_better=True, note=f"empty: {1 / empty.door:,.0f}/s"),
        Figure(what="big database: event to receipt, processor", value=big.cpu * 1e3, unit="ms",
               note=f"empty: {empty.cpu * 1e3:.2f} ms, so {big.cpu / empty.cpu:.2f} times"),
        Figure(what="big database: event to receipt, clock", value=big.clock * 1e3, unit="ms",
               note=f"empty: {empty.clock * 1e3:.2f} ms, so {big.clock / empty.clock:.2f} times"),
    ]  # fmt: skip


def played(path: Path, folder: Path, count: int) -> Spent:
    """Play `count` events through a service that is not started."""
    now = datetime.now().astimezone()
    made = app.build(walk.settings(path, folder), lambda: now, seed=2)
    try:
        warm = _play(made, now, 4 * BATCH)
        began, clock = time.process_time(), time.perf_counter()
        door = _play(made, now + timedelta(seconds=warm + 1), count)
        return Spent(
            cpu=(time.process_time() - began) / count, clock=(time.perf_counter() - clock) / count, door=door / count
        )
    finally:
        made.store.close()


def _play(made: app.Tidings, now: datetime, count: int) -> float:
    """Return the processor's seconds at the door."""
    door = 0.0
    for first in range(0, count, BATCH):
        moment = now + timedelta(milliseconds=first)
        began = time.process_time()
        made.store.write(partial(_accept, made=made, moment=moment, first=first))
        door += time.process_time() - began
        made.worker.plan_due(moment)
        made.worker.send_due(moment)
        made.store.write(partial(_report, moment=moment))
    return door


def _accept(tx: Tx, made: app.Tidings, moment: datetime, first: int) -> None:
    for number in range(first, first + BATCH):
        intake.accept(tx, *_event(moment, number), made.worker.new_id)


def _report(tx: Tx, moment: datetime) -> None:
    """Let the provider report the newest texts as delivered."""
    for row in tx.execute(TAKEN, (BATCH,)).fetchall():
        receipt = Receipt(state=State.DELIVERED, provider_id=row["provider_id"], raw_status="delivered")
        receipts.record(tx, row["gateway"], receipt, moment)


def _event(moment: datetime, number: int) -> tuple[Incoming, list[Event]]:
    name = f"{moment.timestamp():.3f}-{number}"
    data = {"number": f"#{number}", "total": 149.9, "currency": "EUR",
            "customer": {"first_name": "Anna", "phone": PHONES[number * 7919 % len(PHONES)][0]}}  # fmt: skip
    event = Event(
        source="shop",
        type="order.created",
        native_type="orders/create",
        id=name,
        key=name,
        occurred_at=moment,
        data=data,
    )
    body = json.dumps(data).encode()
    incoming = Incoming(source="shop", url="https://tidings.example/hooks/shop", body=body, received_at=moment)
    return incoming, [event]
