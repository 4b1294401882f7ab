"""A text that a person or a program sends directly. It passes the same last gates and leaves the same record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit import events
from audit.facts import StoredFacts
from audit.store import Store, Tx
from dispatch import content
from dispatch.recipient import Candidate, NoRecipient, resolve
from dispatch.segments import lookalikes, measure
from model.event import Event
from model.message import Decision, Lane, Message, Plan
from model.reasons import Because

TYPE = "custom.manual"
LONGEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants to send. `actor` goes on the record."""

    to: str
    text: str
    actor: str
    region: str = ""
    sender: str = ""
    ttl: timedelta = timedelta(hours=24)


def send(store: Store, wish: Wish, new_id: Callable[[str], str], now: datetime) -> Decision:
    """Queue a text, or say why not; either way it is on the record."""

    def write(tx: Tx) -> Decision:
        event_id = new_id("e")
        event = Event(
            source="manual", type=TYPE, native_type=wish.actor, id=event_id, key=event_id, occurred_at=now, data={}
        )
        events.insert_event(tx, event_id, event, None, now, "received")
        decision = decide(wish, StoredFacts(tx, now), event_id, new_id("m"), now)
        events.save_plan(tx, event, Plan(event_id=event_id, decisions=(decision,)), now)
        return decision

    return store.write(write)


def decide(wish: Wish, facts: StoredFacts, event_id: str, message_id: str, now: datetime) -> Decision:
    """Check a wish: number, opt-out, content, length."""
    found = resolve([Candidate(field="to", value=wish.to)], wish.region)
    if isinstance(found, NoRecipient):
        return _no(Because.NO_RECIPIENT, found.why)
    stopped = facts.opted_out(found.number, "")
    if stopped:
        return _no(Because.OPTED_OUT, stopped)
    text = lookalikes(wish.text).strip()
    size = measure(text)
    if not text or size.segments > LONGEST:
        return _no(Because.TOO_LONG if text else Because.RENDER_ERROR, f"{size.segments} segments, at most {LONGEST}")
    blocked = content.blocked(text)
    if blocked:
        return _no(Because.BLOCKED_CONTENT, blocked)
    message = Message(
        id=message_id, event_id=event_id, source="manual", rule="", rule_hash="", recipient=found, text=text,
        encoding=size.encoding, segments=size.segments, lane=Lane.HIGH, sender=wish.sender, created_at=now, due_at=now,
        expires_at=now + wish.ttl,
    )  # fmt: skip
    return Decision(rule="", message=message)


def _no(because: Because, detail: str) -> Decision:
    return Decision(rule="", because=because, detail=detail)
