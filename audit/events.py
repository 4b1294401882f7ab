"""Events: accepted at the door, planned, and found again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from audit import journal, proofs
from audit.engines.base import Shared
from audit.messages import apply_cancel, hand_on, insert_message
from audit.rows import after, at, digest, dump, event_of, ms
from audit.store import Row, Store, Tx
from model.event import Event, Incoming
from model.message import Decision, Plan
from model.reasons import Because

KEEP_TRANSPORT_IDS = timedelta(days=30)
"""Longer than any sender repeats itself (a week) and than replays by hand (Razorpay: 7 days)."""

INSERT_BODY = """
insert into bodies (id, source, received_at, method, url, query, headers, body)
values (:id, :source, :received_at, :method, :url, :query, :headers, :body)
"""
INSERT_EVENT = """
insert into events (id, body_id, source, type, native_type, transport_id, key, version, occurred_at, received_at,
    data, raw, test, lookup, state, error)
values (:id, :body_id, :source, :type, :native_type, :transport_id, :key, :version, :occurred_at, :received_at,
    :data, :raw, :test, :lookup, :state, :error)
"""
CLAIM_DEDUPE = """
insert into dedupe (hash, ref, until) values (:hash, :ref, :until)
on conflict (hash) do update set ref = excluded.ref, until = excluded.until where dedupe.until <= :now
"""
EVENT = "select * from events where id = :id"
EVENT_AND_BODY = """
select events.*, bodies.body from events left join bodies on bodies.id = events.body_id where events.id = :id
"""
LOOKED_UP = """
update events set state = 'received', type = :type, transport_id = :transport_id, key = :key, version = :version,
    occurred_at = :occurred_at, data = :data, tries = 0, next_at = 0, error = ''
where id = :id and state = 'needs_lookup'
"""
WAITING = """
select id from events where state = 'received' and next_at <= :now order by next_at, id limit :limit
"""
HIDDEN = "******"
SECRET_HEADERS = ("authorization", "cookie", "token", "secret", "api-key")


def accept(tx: Tx, incoming: Incoming, events: Sequence[Event], new_id: Callable[[str], str]) -> list[str]:
    """Store a request and its events; return the ids of those never seen before. A redelivery is noted, not stored."""
    now = ms(incoming.received_at)
    fresh: list[tuple[str, Event]] = []
    for event in events:
        event_id = new_id("e")
        if claim(tx, digest("event", event.source, event.id), event_id, incoming.received_at, KEEP_TRANSPORT_IDS):
            fresh.append((event_id, event))
        else:
            first = seen(tx, digest("event", event.source, event.id))
            journal.note(tx, now, "redelivered", event_id=first, source=event.source, type=event.type)
    if not fresh:
        return []
    body_id = keep_body(tx, incoming, new_id("i"))
    proof = proofs.of_body(incoming.body)
    for event_id, event in fresh:
        state = "needs_lookup" if event.lookup else "received"
        insert_event(tx, event_id, event, body_id, incoming.received_at, state, proof)
    return [event_id for event_id, _ in fresh]


def accept_unreadable(tx: Tx, incoming: Incoming, error: str, new_id: Callable[[str], str]) -> str:
    """Keep a genuine body that could not be read; the same body again is the same event."""
    event_id = new_id("e")
    body_digest = digest("unreadable", incoming.source, incoming.body.hex())
    if not claim(tx, body_digest, event_id, incoming.received_at, KEEP_TRANSPORT_IDS):
        first = seen(tx, body_digest)
        journal.note(tx, ms(incoming.received_at), "redelivered", event_id=first, source=incoming.source)
        return first
    body_id = keep_body(tx, incoming, new_id("i"))
    values = _blank(event_id, incoming, body_id, error)
    tx.execute(INSERT_EVENT, values)
    journal.note(
        tx, ms(incoming.received_at), "received", event_id=event_id, source=incoming.source,
        reason=Because.UNREADABLE.code, detail=error, proof=proofs.of_body(incoming.body),
    )  # fmt: skip
    return event_id


def _blank(event_id: str, incoming: Incoming, body_id: str, error: str) -> dict[str, Any]:
    now = ms(incoming.received_at)
    return {
        "id": event_id, "body_id": body_id, "source": incoming.source, "type": "", "native_type": "",
        "transport_id": "", "key": "", "version": "", "occurred_at": now, "received_at": now, "data": "{}",
        "raw": None, "test": 0, "lookup": "", "state": "unreadable", "error": error,
    }  # fmt: skip


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


def keep_body(tx: Tx, incoming: Incoming, body_id: str) -> str:
    """Keep the exact bytes, with headers that hold no secret."""
    headers = {n: v for n, v in incoming.headers.items() if not any(word in n for word in SECRET_HEADERS)}
    values = {
        "id": body_id,
        "source": incoming.source,
        "received_at": ms(incoming.received_at),
        "method": incoming.method,
        "url": incoming.url.partition("?")[0],
        "query": dump(sorted(incoming.query)),
        "headers": json.dumps(headers),
        "body": incoming.body,
    }
    tx.execute(INSERT_BODY, values)
    return body_id


def claim(tx: Tx, key: bytes, ref: str, now: datetime, keep: timedelta) -> bool:
    """Take a dedupe key for `ref`; False when somebody has it already."""
    values = {"hash": key, "ref": ref, "until": after(now, keep), "now": ms(now)}
    return tx.execute(CLAIM_DEDUPE, values).rowcount > 0


def seen(tx: Tx, key: bytes) -> str:
    """Return who holds a dedupe key, "" when nobody does."""
    row = tx.execute("select ref from dedupe where hash = ?", (key,)).fetchone()
    return row["ref"] if row else ""


def waiting(tx: Tx, now: datetime, limit: int) -> list[str]:
    """Return events that wait to be planned, oldest first."""
    return [row["id"] for row in tx.execute(WAITING, {"now": ms(now), "limit": limit})]


def take(tx: Tx, waiting: Sequence[str]) -> list[str]:
    """Take those of these events that still wait to be planned and that nobody else plans now, in their order."""
    if not isinstance(tx, Shared):
        return list(waiting)  # whoever looked them up is the only one who plans
    marks = ", ".join("?" * len(waiting))
    sql = f"select id from events where id in ({marks}) and state = 'received' order by id /* for update skip locked */"  # noqa: S608 - our own words
    mine = {row["id"] for row in tx.execute(sql, tuple(waiting))}
    return [event_id for event_id in waiting if event_id in mine]


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


def save_plan(tx: Tx, event: Event, plan: Plan, now: datetime) -> list[str]:
    """Write decisions, messages and cancellations of one event; return the ids of the new messages."""
    stamp = ms(now)
    for gathered in plan.messages:
        if gathered.items:
            hand_on(tx, gathered)
    for cancel in plan.cancels:
        apply_cancel(tx, cancel, stamp)
    for decision in plan.decisions:
        message = decision.message
        if message is not None:
            insert_message(tx, message, event)
        _decide(tx, event, plan.event_id, decision, stamp)
    if plan.redact:
        event = _forget(tx, event, plan)
    found = _index(tx, event, plan)
    tx.execute("update events set state = 'planned', error = '', found = ? where id = ?", (found, plan.event_id))
    return [message.id for message in plan.messages]


def _forget(tx: Tx, event: Event, plan: Plan) -> Event:
    """Overwrite the redacted fields of an event, and drop the body they came in: a code is used once, then gone."""
    data = json.loads(dump(dict(event.data)))
    for path in plan.redact:
        *parents, last = path.split(".")
        place = data
        for step in parents:
            place = place.get(step) if isinstance(place, dict) else None
        if isinstance(place, dict) and last in place:
            place[last] = HIDDEN
    row = tx.execute(
        "update events set data = ?, raw = null where id = ? returning body_id", (dump(data), plan.event_id)
    ).fetchone()
    tx.execute("delete from bodies where id = ?", (row["body_id"],))
    return replace(event, data=data, raw=None)


def _decide(tx: Tx, event: Event, event_id: str, decision: Decision, stamp: int) -> None:
    row_id = journal.note(
        tx,
        stamp,
        "decision",
        event_id=event_id,
        message_id=decision.message.id if decision.message else "",
        source=event.source,
        type=event.type,
        rule=decision.rule,
        step=decision.step,
        reason=decision.code,
        place=f"{decision.file}:{decision.line}" if decision.rule else "",
    )
    gates = [[gate.name, int(gate.passed), gate.saw, gate.line] for gate in decision.gates]
    if gates or decision.detail:
        tx.execute(
            "insert into traces (journal_id, event_id, gates) values (?, ?, ?)",
            (row_id, event_id, dump({"detail": decision.detail, "gates": gates})),
        )


def _index(tx: Tx, event: Event, plan: Plan) -> int:
    """Make the event findable by what it holds and by what was texted; return its row in the index."""
    before = tx.execute("select found from events where id = ?", (plan.event_id,)).fetchone()["found"]
    if before:  # planned again
        tx.execute("delete from finder where rowid = ?", (before,))
    words = [event.key, event.native_type, *_leaves(event.data)]
    words += [word for m in plan.messages for word in (m.shown or m.text, m.recipient.number)]
    text = " ".join(word for word in words if word)[:4000]
    row = tx.execute("insert into finder (words, event_id) values (?, ?)", (text, plan.event_id))
    return int(row.lastrowid or 0)


def _leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for child in value.values() for leaf in _leaves(child)]
    if isinstance(value, list):
        return [leaf for child in value[:50] for leaf in _leaves(child)]
    return [str(value)[:200]] if isinstance(value, str | int | float) and not isinstance(value, bool) else []


def kept_body(tx: Tx, event_id: str) -> Incoming | None:
    """Return the request behind an unreadable event, without its secret headers; None when there is none."""
    row = tx.execute(
        "select bodies.* from events join bodies on bodies.id = events.body_id "
        "where events.id = ? and events.state = 'unreadable'",
        (event_id,),
    ).fetchone()
    if row is None:
        return None
    return Incoming(
        source=row["source"], method=row["method"], url=row["url"], headers=json.loads(row["headers"]),
        body=row["body"], received_at=at(row["received_at"]),
    )  # fmt: skip


def reread(
    tx: Tx,
    event_id: str,
    incoming: Incoming,
    found: Sequence[Event],
    new_id: Callable[[str], str],
    actor: str,
    now: datetime,
) -> list[str]:
    """Store what a kept body turned out to hold, and close the unreadable event."""
    tx.execute("update events set state = 'reread', error = '' where id = ?", (event_id,))
    journal.note(tx, ms(now), "replayed", event_id=event_id, source=incoming.source, actor=actor)
    return accept(tx, incoming, found, new_id)


def needing_lookup(tx: Tx, now: datetime, limit: int) -> list[tuple[str, int]]:
    """Return events whose source is to be asked now, with how often it was asked before."""
    rows = tx.execute(
        "select id, tries from events where state = 'needs_lookup' and next_at <= ? order by next_at, id limit ?",
        (ms(now), limit),
    )
    return [(row["id"], row["tries"]) for row in rows]


def looked_up(tx: Tx, event_id: str, event: Event, now: datetime) -> None:
    """Complete an event with what its source told; it waits to be planned.

    Where the look-up found out what a hint was about, the event takes that type and id. When somebody told of it by
    the same id before (a poll), the hint ends as a redelivery of that event.
    """
    told = tx.execute("select source, transport_id from events where id = ?", (event_id,)).fetchone()
    is_other = told is not None and event.id != told["transport_id"]
    if is_other and not claim(tx, digest("event", told["source"], event.id), event_id, now, KEEP_TRANSPORT_IDS):
        first = seen(tx, digest("event", told["source"], event.id))
        tx.execute("update events set state = 'reread', next_at = 0, error = '' where id = ?", (event_id,))
        journal.note(
            tx, ms(now), "looked_up", event_id=event_id, source=event.source, type=event.type, reason="found",
            detail=f"known already as {first}",
        )  # fmt: skip
        journal.note(tx, ms(now), "redelivered", event_id=first, source=event.source, type=event.type)
        return
    tx.execute(LOOKED_UP, {
        "id": event_id, "type": event.type, "transport_id": event.id, "key": event.key, "version": event.version,
        "occurred_at": ms(event.occurred_at), "data": dump(dict(event.data)),
    })  # fmt: skip
    journal.note(tx, ms(now), "looked_up", event_id=event_id, source=event.source, type=event.type, reason="found")


def fill_in(tx: Tx, event_id: str, event: Event) -> None:
    """Write down what an event that waits to be planned was filled in with."""
    tx.execute("update events set data = ? where id = ? and state = 'received'", (dump(dict(event.data)), event_id))


def lookup_failed(tx: Tx, event_id: str, trouble: str, again_at: datetime | None, now: datetime) -> None:
    """Note a failed look-up: asked again at `again_at`, or planned as it is when that is None."""
    state, next_at = ("needs_lookup", ms(again_at)) if again_at else ("received", 0)
    row = tx.execute(
        "update events set state = ?, tries = tries + 1, next_at = ?, error = ? "
        "where id = ? and state = 'needs_lookup' returning source, type",
        (state, next_at, trouble[:300], event_id),
    ).fetchone()
    if row is not None:
        journal.note(
            tx, ms(now), "looked_up", event_id=event_id, source=row["source"], type=row["type"],
            reason="retry" if again_at else "failed", detail=trouble[:200],
        )  # fmt: skip


def mark_failed(tx: Tx, event_id: str, error: str, now: datetime) -> None:
    """Put an event aside that planning cannot digest: it needs a person, and does not block the others."""
    tx.execute("update events set state = 'failed', error = ? where id = ?", (error[:500], event_id))
    row = tx.execute("select source, type from events where id = ?", (event_id,)).fetchone()
    journal.note(
        tx, ms(now), "failed", event_id=event_id, source=row["source"], type=row["type"], reason="rule_error",
        detail=error[:200],
    )  # fmt: skip


def replay(tx: Tx, event_id: str, actor: str, now: datetime) -> bool:
    """Plan an event again with the rules as they are now; texts already sent stay recognised as duplicates."""
    done = tx.execute(
        "update events set state = 'received', tries = 0, next_at = 0 where id = ? and state in ('planned', 'failed')",
        (event_id,),
    ).rowcount
    if done:
        journal.note(tx, ms(now), "replayed", event_id=event_id, actor=actor)
    return bool(done)


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


def time_of(row: Row, name: str) -> datetime:
    """Read a time column of a row."""
    return at(row[name])
