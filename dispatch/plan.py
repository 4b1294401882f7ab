"""Which texts does an event lead to, and if none, why not? One pure function for everybody who asks.

The worker, the console's preview, `rules explain`, `rules diff` and the tests inside rules.yaml all call `plan`, so a
preview cannot differ from the sending. The gates stand in a fixed order; each leaves what it saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dispatch import content, gates, timing
from dispatch.draft import Draft, Moment, Stop, key_of
from dispatch.facts import Facts
from dispatch.timing import Clocks, NotDue
from model.event import Event
from model.message import Cancel, Decision, Gate, Message, Plan
from model.reasons import Because
from rules.book import Book, Rule
from rules.naming import place_of, renamed
from rules.render import TemplateFault, Voice
from wire.reading import dig


def plan(book: Book, event: Event, facts: Facts, moment: Moment) -> Plan:
    """Return one decision per matching rule and step (or one `no_rule`), and what waiting texts the event ends."""
    naming = book.sources.get(event.source)
    data = scope_of(event, book)
    decisions: list[Decision] = []
    cancels: list[Cancel] = []
    for rule in book.cancelled_by(event):
        _end(rule, event, data, cancels, decisions)
    for rule in book.matching(event):
        _plan_rule(Draft(rule, rule.steps[0], event, data, naming), facts, moment, cancels, decisions)
    if not decisions:
        decisions.append(Decision(rule="", because=Because.NO_RULE, detail=f"No rule listens to {event.type}."))
    redact = dict.fromkeys(place_of(path, naming) for rule in book.matching(event) for path in rule.redact)
    return Plan(event_id=moment.event_id, decisions=tuple(decisions), cancels=tuple(cancels), redact=tuple(redact))


def plan_for(rule: Rule, book: Book, event: Event, facts: Facts, moment: Moment) -> Plan:
    """Plan one rule for an event that is made for it: a person on a campaign's list."""
    draft = Draft(rule, rule.steps[0], event, scope_of(event, book), book.sources.get(event.source))
    cancels, decisions = list[Cancel](), list[Decision]()
    _plan_rule(draft, facts, moment, cancels, decisions)
    return Plan(event_id=moment.event_id, decisions=tuple(decisions), cancels=tuple(cancels), redact=rule.redact)


def scope_of(event: Event, book: Book) -> Mapping[str, Any]:
    """Return what a rule can name: the event's fields, also by the names the book has for those of its source,
    `event.key` and its like, and `raw` for the native record.
    """
    about = {"key": event.key, "id": event.id, "source": event.source, "type": event.type, "native": event.native_type}
    named = {**event.data, "event": about, **({"raw": event.raw} if event.raw is not None else {})}
    return renamed(named, book.sources.get(event.source))


def _end(rule: Rule, event: Event, data: Mapping[str, Any], cancels: list[Cancel], decisions: list[Decision]) -> None:
    """Let a cancelling event close the record, also when what it cancels has not arrived yet."""
    line = rule.line_of("cancel_on")
    try:
        key = key_of(rule, event, data)
    except TemplateFault as fault:
        decisions.append(_decision(rule, "", Because.RULE_ERROR, str(fault), line=rule.line_of("key")))
        return
    cancels.append(Cancel(rule=rule.id, key=key, because=Because.CANCELLED, occurred_at=event.occurred_at, closes=True))
    decisions.append(_decision(rule, "", Because.CANCELS, f"{event.type} ends what waits for {key}.", line=line))


def _plan_rule(shared: Draft, facts: Facts, moment: Moment, cancels: list[Cancel], decisions: list[Decision]) -> None:
    rule, event = shared.rule, shared.event
    try:
        gates.before_text(shared, facts, moment)
    except Stop as stop:
        if stop.because is Because.WHEN and shared.key:
            cancels.append(_replacing(rule, shared.key, event))
        decisions.append(_stopped(shared, stop))
        return
    if shared.key:
        cancels.append(_replacing(rule, shared.key, event))
    for step in rule.steps:
        draft = replace(shared, step=step, gates=list(shared.gates))
        try:
            message = _message(draft, facts, moment)
        except Stop as stop:
            decisions.append(_stopped(draft, stop))
            continue
        if message.supersede:
            cancels.append(_replacing(rule, message.supersede, event))
        decisions.append(_kept(draft, message))


def _message(draft: Draft, facts: Facts, moment: Moment) -> Message:
    """Take one text through its gates."""
    rule = draft.rule
    texts = gates.texts_of(draft)
    recipient = gates.recipient_of(draft)
    zone, known_from = timing.zone_of(rule, draft.data, recipient)
    naive, whose = timing.naive_zone(rule, draft.data, draft.naming.zone if draft.naming else "", zone)
    due = timing.due(draft.step.schedule, draft.data, Clocks(zone=zone, naive=naive, whose=whose), moment.now)
    if isinstance(due, NotDue):
        raise draft.stop("schedule", due.because, due.note, line=draft.step.line if draft.step.id else 0)
    draft.passed("schedule", due.note)
    gates.consent(draft, recipient, facts)
    dedupe = gates.dedupe_of(draft, due.meant.isoformat() if due.meant else "", facts)
    batch, items, leaves_at = gates.batch_of(draft, facts, due.at)
    throttle_key = gates.throttle_of(draft, recipient, facts, moment)
    short = gates.shortening_of(draft, moment)
    voice = Voice(zone=_zoneinfo(zone), naive=_zoneinfo(naive), shorten=short)
    locale, text, size = gates.written(draft, texts, voice, past=moment.past)
    draft.passed("text", f"{locale or 'one text for all'}, times in {zone} (from {known_from})")
    draft.passed("max_segments", f"{size.segments} of at most {rule.max_segments}")
    leaves = gates.open_hours(draft, recipient, leaves_at, moment)
    if due.latest is not None and leaves > due.latest:
        saw = f"the quiet hours end at {leaves:%Y-%m-%d %H:%M} UTC, later than {due.latest:%Y-%m-%d %H:%M} UTC"
        raise draft.stop("schedule", Because.LATE, saw)
    expires = leaves_at + rule.ttl
    if leaves >= expires:
        raise draft.stop("ttl", Because.EXPIRED, f"would leave at {leaves:%Y-%m-%d %H:%M} UTC, its ttl ends before")
    draft.passed("ttl", f"until {expires:%Y-%m-%d %H:%M} UTC")
    draft.passed("priority", rule.lane.code)
    draft.passed("gateway", ", ".join(rule.gateways) or "as configured")
    supersede = batch or gates.supersede_of(draft, facts)
    return Message(
        id=moment.new_id(),
        event_id=moment.event_id,
        source=draft.event.source,
        rule=rule.id,
        rule_hash=rule.hash,
        step=draft.step.id,
        key=draft.key,
        recipient=recipient,
        text=text,
        shown=content.redacted(text, [dig(draft.data, path) for path in rule.redact]),
        locale=locale,
        encoding=size.encoding,
        segments=size.segments,
        lane=rule.lane,
        gateways=rule.gateways,
        sender=rule.sender,
        created_at=moment.now,
        due_at=leaves,
        expires_at=expires,
        dedupe=dedupe,
        dedupe_until=moment.now + rule.dedupe_for + max(leaves - moment.now, rule.ttl * 0),
        supersede=supersede,
        items=items,
        throttle_key=throttle_key,
        category=rule.consent,
        redact=rule.redact,
        on_unknown=rule.on_unknown,
        next_after=rule.next_after,
        recheck=rule.recheck,
        links=short.kept(leaves) if short else (),
    )


def _replacing(rule: Rule, key: str, event: Event) -> Cancel:
    return Cancel(rule=rule.id, key=key, because=Because.SUPERSEDED, occurred_at=event.occurred_at)


def _kept(draft: Draft, message: Message) -> Decision:
    rule = draft.rule
    if rule.shadow:
        return _decision(rule, draft.step.id, Because.SHADOW, "", gates=tuple(draft.gates))
    return Decision(
        rule=rule.id, step=draft.step.id, file=rule.file, line=rule.line, message=message, gates=tuple(draft.gates)
    )


def _stopped(draft: Draft, stop: Stop) -> Decision:
    return _decision(
        draft.rule,
        draft.step.id,
        stop.because,
        stop.detail,
        reason=stop.reason,
        line=stop.line,
        gates=tuple(draft.gates),
    )


def _decision(
    rule: Rule,
    step: str,
    because: Because,
    detail: str,
    *,
    reason: str = "",
    line: int = 0,
    gates: tuple[Gate, ...] = (),
) -> Decision:
    return Decision(
        rule=rule.id, step=step, file=rule.file, line=line or rule.line, because=because, reason=reason, detail=detail,
        gates=gates,
    )  # fmt: skip


def _zoneinfo(name: str) -> Any:
    from dispatch.hours import zone_or_none  # noqa: PLC0415 - read beside its only use

    return zone_or_none(name) or zone_or_none("UTC")
