"""Events: the row of each, written once, read, listed, and set back to be planned again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from audit import journal
from audit.rows import at, dump, event_of, ms
from audit.store import Row, Store, Tx
from model.event import Event

INSERT_EVENT = """
insert into events (id, body_id, source, type, native_type, transport_id, key, version, occurred_at, received_at,
    data, raw, test, lookup, state, error)
values (:id, :body_id, :source, :type, :native_type, :transport_id, :key, :version, :occurred_at, :received_at,
    :data, :raw, :test, :lookup, :state, :error)
"""

EVENT = "select * from events where id = :id"

EVENT_AND_BODY = """
select events.*, bodies.body from events left join bodies on bodies.id = events.body_id where events.id = :id
"""


def insert_event(
    tx: Tx, event_id: str, event: Event, body_id: str | None, received_at: datetime, state: str, proof: str = ""
) -> None:
    """Write one event and note that it came."""
    tx.execute(
        INSERT_EVENT,
        {
            "id": event_id,
            "body_id": body_id,
            "source": event.source,
            "type": event.type,
            "native_type": event.native_type,
            "transport_id": event.id,
            "key": event.key,
            "version": event.version,
            "occurred_at": ms(event.occurred_at),
            "received_at": ms(received_at),
            "data": dump(dict(event.data)),
            "raw": None if event.raw is None else dump(dict(event.raw)),
            "test": int(event.test),
            "lookup": event.lookup,
            "state": state,
            "error": "",
        },
    )
    journal.note(tx, ms(received_at), "received", event_id=event_id, source=event.source, type=event.type, proof=proof)


def get(tx: Tx, event_id: str, *, with_raw: bool = False) -> Event | None:
    """Read one event; `with_raw` also reads the native record out of the body."""
    row = tx.execute(EVENT_AND_BODY if with_raw else EVENT, {"id": event_id}).fetchone()
    return None if row is None else _with_raw(row) if with_raw else event_of(row)


def _with_raw(row: Row) -> Event:
    event = event_of(row)
    if event.raw is not None or row["body"] is None:
        return event
    try:
        native = json.loads(row["body"])
    except ValueError:
        return event
    return replace(event, raw=native) if isinstance(native, dict) else event


def recorded(store: Store, since: datetime, until: datetime) -> Iterator[tuple[str, Event, datetime]]:
    """Yield planned events of a period in the order in which they came, a page at a time."""
    after_id = ""
    while True:
        with store.read() as tx:
            rows = tx.execute(
                "select events.*, bodies.body from events left join bodies on bodies.id = events.body_id "
                "where events.id > ? and events.received_at between ? and ? and events.state = 'planned' "
                "order by events.id limit 1000",
                (after_id, ms(since), ms(until)),
            ).fetchall()
        if not rows:
            return
        for row in rows:
            yield row["id"], _with_raw(row), at(row["received_at"])
        after_id = rows[-1]["id"]


def listing(store: Store, *, state: str = "", source: str = "", before: str = "", limit: int = 50) -> list[Row]:
    """List events, newest first, from `before` on."""
    where, values = ["1 = 1"], {"limit": limit, "state": state, "source": source, "before": before}
    where += [f"{name} = :{name}" for name, value in (("state", state), ("source", source)) if value]
    where += ["id < :before"] if before else []
    with store.read() as tx:
        return tx.execute(
            f"select * from events where {' and '.join(where)} order by id desc limit :limit",  # noqa: S608 - fixed words
            values,
        ).fetchall()


def replay(tx: Tx, event_id: str, actor: str, now: datetime) -> bool:
    """Plan an event again with the rules as they are now; texts already sent stay recognised as duplicates."""
    done = tx.execute(
        "update events set state = 'received', tries = 0, next_at = 0 where id = ? and state in ('planned', 'failed')",
        (event_id,),
    ).rowcount
    if done:
        journal.note(tx, ms(now), "replayed", event_id=event_id, actor=actor)
    return bool(done)


def time_of(row: Row, name: str) -> datetime:
    """Read a time column of a row."""
    return at(row[name])
