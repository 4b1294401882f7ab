"""Plans: which events wait for one, and what it decided, written in one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from audit import journal
from audit.engines.base import Shared
from audit.messages import apply_cancel, hand_on, insert_message
from audit.rows import dump, ms
from audit.store import Tx
from model.event import Event
from model.message import Decision, Plan

WAITING = """
select id from events where state = 'received' and next_at <= :now order by next_at, id limit :limit
"""

HIDDEN = "******"


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


def fill_in(tx: Tx, event_id: str, event: Event) -> None:
    """Write down what an event that waits to be planned was filled in with."""
    tx.execute("update events set data = ? where id = ? and state = 'received'", (dump(dict(event.data)), event_id))


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


def mark_failed(tx: Tx, event_id: str, error: str, now: datetime) -> None:
    """Put an event aside that planning cannot digest: it needs a person, and does not block the others."""
    tx.execute("update events set state = 'failed', error = ? where id = ?", (error[:500], event_id))
    row = tx.execute("select source, type from events where id = ?", (event_id,)).fetchone()
    journal.note(
        tx, ms(now), "failed", event_id=event_id, source=row["source"], type=row["type"], reason="rule_error",
        detail=error[:200],
    )  # fmt: skip
