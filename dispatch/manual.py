"""A text that no rule plans: sent by a person or a program, or in answer to a reply. It passes the same last gates and
leaves the same record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit import events
from audit.facts import StoredFacts
from audit.store import Store, Tx
from dispatch import content, gate
from dispatch.facts import Facts
from dispatch.recipient import Candidate, NoRecipient, resolve
from dispatch.segments import Measure, lookalikes, measure
from model.event import Event
from model.message import Decision, Lane, Message, Plan
from model.reasons import Because

SOURCE, TYPE = "manual", "custom.manual"
LONGEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants to send. `actor` goes on the record.

    `answers` is the id of the reply it answers: then a phone that wrote to us can be texted whatever kind it is, by
    the gateway and from the number it wrote to. `rule`, `key` and `once` (sent once a day) are for automatic answers.
    """

    to: str
    text: str
    actor: str
    region: str = ""
    sender: str = ""
    ttl: timedelta = timedelta(hours=24)
    answers: str = ""
    gateways: tuple[str, ...] = ()
    category: str = ""
    locale: str = ""
    rule: str = ""
    key: str = ""
    once: str = ""


def send(store: Store, wish: Wish, new_id: Callable[[str], str], now: datetime) -> Decision:
    """Queue a text, or say why not; either way it is on the record."""
    return store.write(lambda tx: put(tx, wish, new_id, now))


def put(
    tx: Tx, wish: Wish, new_id: Callable[[str], str], now: datetime, source: str = SOURCE, kind: str = TYPE
) -> Decision:
    """Queue a text inside a transaction; `source` and `kind` name the event that stands for its cause."""
    event_id = new_id("e")
    event = Event(
        source=source,
        type=kind,
        native_type=wish.actor,
        id=event_id,
        key=wish.key or event_id,
        occurred_at=now,
        data={},
    )
    events.insert_event(tx, event_id, event, None, now, "received")
    decision = decide(wish, StoredFacts(tx, now), event_id, new_id("m"), now, source)
    events.save_plan(tx, event, Plan(event_id=event_id, decisions=(decision,)), now)
    return decision


def size_of(text: str) -> Measure:
    """Return what a text costs, as it would leave."""
    return measure(lookalikes(text).strip())


def decide(wish: Wish, facts: Facts, event_id: str, message_id: str, now: datetime, source: str = SOURCE) -> Decision:
    """Check a wish: number, opt-out, content, length."""
    found = resolve([Candidate(field="to", value=wish.to)], wish.region, allow_voip=bool(wish.answers))
    if isinstance(found, NoRecipient):
        return _no(wish, Because.NO_RECIPIENT, found.why)
    stopped = facts.opted_out(found.number, wish.category)
    if stopped and wish.rule != gate.CONFIRMATION:
        return _no(wish, Because.OPTED_OUT, stopped)
    before = facts.seen(wish.once, wish.rule, "") if wish.once else ""
    if before:
        return _no(wish, Because.DUPLICATE, f"{before} said so already")
    text = lookalikes(wish.text).strip()
    size = measure(text)
    if not text or size.segments > LONGEST:
        return _no(
            wish, Because.TOO_LONG if text else Because.RENDER_ERROR, f"{size.segments} segments, at most {LONGEST}"
        )
    blocked = content.blocked(text)
    if blocked:
        return _no(wish, Because.BLOCKED_CONTENT, blocked)
    message = Message(
        id=message_id, event_id=event_id, source=source, rule=wish.rule, rule_hash="", key=wish.key, recipient=found,
        text=text, locale=wish.locale, encoding=size.encoding, segments=size.segments, lane=Lane.HIGH,
        gateways=wish.gateways, sender=wish.sender, created_at=now, due_at=now, expires_at=now + wish.ttl,
        dedupe=wish.once, dedupe_until=now + timedelta(hours=24) if wish.once else None, category=wish.category,
    )  # fmt: skip
    return Decision(rule=wish.rule, message=message)


def _no(wish: Wish, because: Because, detail: str) -> Decision:
    return Decision(rule=wish.rule, because=because, detail=detail)
