"""What waits: a cancel, a look, a message due soon among those of tomorrow, an urgent one among many."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from audit import claims, messages
from audit.rows import message_values
from audit.store import Store, Tx
from bench.engines.ground import ground
from bench.engines.node import Load, confirmed
from bench.engines.running import DELAY
from bench.engines.step import TEXT, id_of, place
from model.message import Cancel
from model.reasons import Because

PENDING, LATER = 100_000, 10_000
TIMES = 20
SOON = 1.0
"""Seconds until the one message that is due among those of tomorrow."""

BACKLOG, URGENT = 1_200, 5
PATIENCE = 5.0
Found = dict[str, float]


def among_many(engine: str, scale: float) -> Found:
    """Cancel one of many that wait, and list 50 of them by a filter. Milliseconds."""
    count = int(PENDING * scale)
    with ground(engine) as here:
        return _in_queue(here.folder, count) if engine.startswith("rabbit") else _in_table(here.folder, count)


def _in_table(folder: Path, count: int) -> Found:
    with closing(Store(place(folder))) as store:
        _fill(store, count, datetime.now(UTC) + timedelta(days=1))
        keys = iter(range(count // 2, count))

        def cancel() -> None:
            one = Cancel(rule="bench", key=id_of(next(keys)), because=Because.CANCELLED, occurred_at=datetime.now(UTC))
            store.write(lambda tx: messages.apply_cancel(tx, one, int(time.time() * 1000)))

        found = {
            "cancel_ms": _timed(cancel),
            "list_ms": _timed(lambda: messages.listing(store, state="queued", rule="bench")),
            "claim_look_ms": _timed(lambda: _look(store)),
        }
        with store.read() as tx:
            gone = tx.execute("select count(*) as n from messages where state = 'cancelled'").fetchone()["n"]
        return {**found, "cancelled": gone}


def _look(store: Store) -> None:
    with store.read() as tx:
        claims.next_due(tx, datetime.now(UTC))


def _in_queue(folder: Path, count: int) -> Found:
    """A queue has no cancel: read until it is found and put the others back; or consult a side table before sending."""
    from bench.engines.bus import QUEUE, connected, declared

    with closing(connected(folder)) as connection:
        _publish_all(declared(connection, {}), count)
        wanted, began = id_of(count // 2), time.perf_counter()
        channel, read = connection.channel(), 0
        for method, _, body in channel.consume(QUEUE):
            read += 1
            if json.loads(body)["id"] == wanted:
                channel.basic_ack(method.delivery_tag)
                break
        channel.close()  # which puts the others back, marked as redelivered
        search = (time.perf_counter() - began) * 1000
    with closing(Store(folder / "side.db")) as side:
        side.write(lambda tx: tx.execute("create table cancelled (id text primary key)") and None)
        keys = iter(range(count))

        def cancel() -> None:
            key = id_of(next(keys))
            side.write(lambda tx: tx.execute("insert into cancelled (id) values (?)", (key,)) and None)

        def asked() -> None:
            with side.read() as tx:
                tx.execute("select 1 from cancelled where id = ?", (wanted,)).fetchone()

        noted = _timed(cancel)
        return {"search_ms": search, "read": read, "side_table_ms": noted, "asked_for_each_ms": _timed(asked)}


def _publish_all(channel: Any, count: int) -> None:
    """Fill a queue without waiting for each confirmation, and wait until all are there."""
    import pika

    from bench.engines.bus import QUEUE

    how = pika.BasicProperties(delivery_mode=2)
    for number in range(count):
        channel.basic_publish("", QUEUE, json.dumps({"id": id_of(number), "text": TEXT}).encode(), how)
    _until(lambda: channel.queue_declare(QUEUE, passive=True).method.message_count >= count)


def due_soon(engine: str, scale: float) -> Found:
    """Let one message be due in a second while many wait for tomorrow; return how late it was."""
    count = int(LATER * scale)
    with ground(engine) as here:
        if engine.startswith("rabbit"):
            return {"late_ms": _behind(here.folder, count), "late_alone_ms": _behind(here.folder, 0)}
        with closing(Store(place(here.folder))) as store:
            _fill(store, count, datetime.now(UTC) + timedelta(days=1))
            due = datetime.now(UTC) + timedelta(seconds=3)  # a node takes a moment to start
            _fill(store, 1, due, count)
        for node in here.senders():
            node.go()
        _until(lambda: here.provider.counts()["taken"] > 0, 10)
        [(_, at)] = here.taken()
        return {"late_ms": 1000 * (at - due.timestamp())}


def _behind(folder: Path, count: int) -> float:
    """The way without a plugin: a queue where messages end after their delay, and then go to the real one."""
    import pika

    from bench.engines.bus import connected

    with closing(connected(folder)) as connection:
        channel = connection.channel()
        for queue in ("due", "later"):
            channel.queue_delete(queue)
        channel.queue_declare("due", durable=True)
        to_due = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "due"}
        channel.queue_declare("later", durable=True, arguments=to_due)
        for _ in range(count):
            channel.basic_publish("", "later", b"x", pika.BasicProperties(delivery_mode=2, expiration="86400000"))
        due = time.time() + SOON
        channel.basic_publish(
            "", "later", b"y", pika.BasicProperties(delivery_mode=2, expiration=str(int(SOON * 1000)))
        )
        end = due + PATIENCE
        while time.time() < end:
            if channel.basic_get("due")[0] is not None:
                return 1000 * (time.time() - due)
            time.sleep(0.005)
        return float("inf")


def urgent(engine: str, scale: float) -> Found:
    """Publish a few urgent ones behind a backlog on a slow provider; milliseconds until it has them, in the median."""
    count = int(BACKLOG * scale)
    with ground(engine, DELAY) as here:
        here.node(*Load(count=count).words).go().published()
        late = here.node(*Load(count=URGENT, first=count, rate=5, urgent=count).words)
        for node in here.senders():
            node.go()
        _until(lambda: here.provider.counts()["taken"] > 0)
        late.go().published()
        taken, stamps = dict(here.settled(count + URGENT)), confirmed(here.folder)
        waits = [taken[id_of(number)] - stamps[id_of(number)][0] for number in range(count, count + URGENT)]
        return {"urgent_ms": 1000 * median(waits)}


def _fill(store: Store, count: int, due: datetime, first: int = 0) -> None:
    """Insert many as quickly as the engine can."""
    from bench.engines.table import EVENT, message

    def insert(tx: Tx, numbers: range) -> None:
        made = (message_values(message(id_of(number), due), EVENT) for number in numbers)
        tx.executemany(messages.INSERT, [{**values, "state": "queued"} for values in made])

    for start in range(first, first + count, 2_000):
        numbers = range(start, min(start + 2_000, first + count))
        store.write(partial(insert, numbers=numbers))
    if not store.is_alone:
        store.write(lambda tx: tx.execute("analyze messages") and None)  # the server does it itself within a minute


def _timed(run: Callable[[], object]) -> float:
    """Return the median of some runs in milliseconds."""
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        run()
        took.append((time.perf_counter() - began) * 1000)
    return median(took)


def _until(holds: Callable[[], bool], patience: float = 60.0) -> None:
    end = time.monotonic() + patience
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError("the bench waited in vain")
        time.sleep(0.02)
