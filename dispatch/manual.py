"""A text that no rule plans: sent by a person or a program, or in answer to a reply. It passes the same last gates and
leaves the same record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit import events, plans
from audit.facts import StoredFacts
from audit.store import Store, Tx
from dispatch import content, hours, leaving, timing
from dispatch.facts import Facts
from dispatch.recipient import Candidate, NoRecipient, resolve
from dispatch.route import CONSOLE
from dispatch.segments import Measure, lookalikes, measure
from model.event import Event
from model.links import Link
from model.message import Decision, Lane, Message, Plan, Recipient
from model.reasons import Because
from rules.book import Rule

SOURCE, TYPE = "manual", "custom.manual"
LONGEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants to send. `actor` goes on the record.

    `answers` is the id of the reply it answers: then a phone that wrote to us can be texted whatever kind it is, by
    the gateway and from the number it wrote to. `rule`, `key` and `once` (sent once a day) are for automatic answers.
    A `category` wants an opt-in and the hours that the law leaves for such texts. `hide` is what the record must not
    show of the text, such as a code. What is a `test` goes to the console gateway, whatever the mode. `links` are the
    short links that the text holds.
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
    lane: Lane = Lane.HIGH
    hide: tuple[str, ...] = ()
    test: bool = False
    links: tuple[Link, ...] = ()


def send(store: Store, wish: Wish, new_id: Callable[[str], str], now: datetime) -> Decision:
    """Queue a text, or say why not; either way it is on the record."""
    return store.write(lambda tx: put(tx, wish, new_id, now))


def put(
    tx: Tx, wish: Wish, new_id: Callable[[str], str], now: datetime, source: str = SOURCE, kind: str = TYPE
) -> Decision:
    """Queue a text inside a transaction; `source` and `kind` name the event that stands for its cause."""
    return queue(tx, wish, new_id, now, source, kind)[1]


def queue(
    tx: Tx, wish: Wish, new_id: Callable[[str], str], now: datetime, source: str = SOURCE, kind: str = TYPE
) -> tuple[str, Decision]:
    """Do as `put` does, and return the event's id as well: a text that was not made has no other."""
    event_id = new_id("e")
    event = Event(
        source=source,
        type=kind,
        native_type=wish.actor,
        id=event_id,
        key=wish.key or event_id,
        occurred_at=now,
        data={},
        test=wish.test,
    )
    events.insert_event(tx, event_id, event, None, now, "received")
    decision = decide(wish, StoredFacts(tx, now), event_id, new_id("m"), now, source)
    plans.save_plan(tx, event, Plan(event_id=event_id, decisions=(decision,)), now)
    return event_id, decision


def size_of(text: str) -> Measure:
    """Return what a text costs, as it would leave."""
    return measure(lookalikes(text).strip())


def decide(wish: Wish, facts: Facts, event_id: str, message_id: str, now: datetime, source: str = SOURCE) -> Decision:
    """Check a wish: number, opt-out, opt-in, content, length, hour."""
    found = resolve([Candidate(field="to", value=wish.to)], wish.region, allow_voip=bool(wish.answers))
    if isinstance(found, NoRecipient):
        return _no(wish, Because.NO_RECIPIENT, found.why)
    stopped = facts.opted_out(found.number, wish.category)
    if stopped and wish.rule != leaving.CONFIRMATION:
        return _no(wish, Because.OPTED_OUT, stopped)
    if _asks_consent(wish) and not facts.consented(found.number, wish.category):
        return _no(wish, Because.NO_CONSENT, f"no opt-in to {wish.category}")
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
    leaves = _leaves(wish, found, now)
    if leaves is None or leaves >= now + wish.ttl:
        return _no(wish, Because.QUIET_HOURS, f"no open hour for {wish.category} within {wish.ttl}")
    message = Message(
        id=message_id, event_id=event_id, source=source, rule=wish.rule, rule_hash="", key=wish.key, recipient=found,
        text=text, shown=content.redacted(text, wish.hide), locale=wish.locale, encoding=size.encoding,
        segments=size.segments, lane=wish.lane, gateways=(CONSOLE,) if wish.test else wish.gateways,
        sender=wish.sender, created_at=now, due_at=leaves, expires_at=now + wish.ttl, dedupe=wish.once,
        dedupe_until=now + timedelta(hours=24) if wish.once else None, category=wish.category,
        links=wish.links,
    )  # fmt: skip
    return Decision(rule=wish.rule, message=message)


def _asks_consent(wish: Wish) -> bool:
    """Tell whether a text is one that nobody asked for: neither an answer, nor about something that happened."""
    return bool(wish.category) and not wish.answers and not wish.rule


def _leaves(wish: Wish, recipient: Recipient, now: datetime) -> datetime | None:
    """Return when a text may leave, as a rule of its category would; None for never."""
    if not _asks_consent(wish):
        return now
    rule = Rule(id="", file="", line=0, hash="", steps=(), consent=wish.category)
    limits = timing.limits_of(rule, {}, recipient)
    return hours.next_free(now, limits) if hours.is_closed(now, limits) else now


def _no(wish: Wish, because: Because, detail: str) -> Decision:
    return Decision(rule=wish.rule, because=because, detail=detail)
