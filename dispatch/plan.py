"""Which texts does an event lead to, and if none, why not? One pure function for everybody who asks.

The worker, the console's preview, `rules explain`, `rules diff` and the tests inside rules.yaml all call `plan`, so a
preview cannot differ from the sending. The gates stand in a fixed order; each leaves what it saw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from dispatch import content, timing
from dispatch.facts import Facts
from dispatch.recipient import Candidate, NoRecipient, mask, resolve
from dispatch.segments import Measure, lookalikes, measure
from dispatch.timing import Clocks, NotDue
from model.event import Event
from model.message import Cancel, Decision, Gate, Message, Plan, Recipient
from model.reasons import Because
from rules.book import Book, Naming, Rule, Step
from rules.condition import ConditionFault
from rules.naming import place_of, renamed
from rules.render import TemplateFault, Text, Voice, locale_of
from wire.reading import dig

NO_RULE = "no_rule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When and for which event a plan is made. `new_id` gives message ids in order."""

    event_id: str
    now: datetime
    new_id: Callable[[], str]


class _Stop(Exception):  # noqa: N818 - the way out of the gates, caught in this file only
    def __init__(self, because: Because, detail: str = "", *, reason: str = "", line: int = 0) -> None:
        super().__init__(detail)
        self.because, self.detail, self.reason, self.line = because, detail, reason, line


@dataclass(slots=True)
class _Draft:
    """What is known so far about one step of one rule for one event."""

    rule: Rule
    step: Step
    event: Event
    data: Mapping[str, Any]
    naming: Naming | None
    key: str = ""
    gates: list[Gate] = field(default_factory=list)

    def passed(self, name: str, saw: str = "", line: int = 0) -> None:
        self.gates.append(Gate(name=name, passed=True, saw=saw, line=line or self.rule.line_of(name)))

    def stop(self, name: str, because: Because, saw: str, *, reason: str = "", line: int = 0) -> _Stop:
        where = line or self.rule.line_of(name)
        self.gates.append(Gate(name=name, passed=False, saw=saw, line=where))
        return _Stop(because, saw, reason=reason, line=where)


def plan(book: Book, event: Event, facts: Facts, moment: Moment) -> Plan:
    """Return one decision per matching rule and step (or one `no_rule`), and what waiting texts the event ends."""
    naming = book.sources.get(event.source)
    data = scope_of(event, book)
    decisions: list[Decision] = []
    cancels: list[Cancel] = []
    for rule in book.cancelled_by(event):
        _end(rule, event, data, cancels, decisions)
    for rule in book.matching(event):
        _plan_rule(_Draft(rule, rule.steps[0], event, data, naming), facts, moment, cancels, decisions)
    if not decisions:
        decisions.append(Decision(rule="", because=Because.NO_RULE, detail=f"No rule listens to {event.type}."))
    redact = dict.fromkeys(place_of(path, naming) for rule in book.matching(event) for path in rule.redact)
    return Plan(event_id=moment.event_id, decisions=tuple(decisions), cancels=tuple(cancels), redact=tuple(redact))


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
        key = _key(rule, event, data)
    except TemplateFault as fault:
        decisions.append(_decision(rule, "", Because.RULE_ERROR, str(fault), line=rule.line_of("key")))
        return
    cancels.append(Cancel(rule=rule.id, key=key, because=Because.CANCELLED, occurred_at=event.occurred_at, closes=True))
    decisions.append(_decision(rule, "", Because.CANCELS, f"{event.type} ends what waits for {key}.", line=line))


def _plan_rule(shared: _Draft, facts: Facts, moment: Moment, cancels: list[Cancel], decisions: list[Decision]) -> None:
    rule, event = shared.rule, shared.event
    try:
        _gates_before_text(shared, facts, moment)
    except _Stop as stop:
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
        except _Stop as stop:
            decisions.append(_stopped(draft, stop))
            continue
        if message.supersede:
            cancels.append(_replacing(rule, message.supersede, event))
        decisions.append(_kept(draft, message))


def _gates_before_text(draft: _Draft, facts: Facts, moment: Moment) -> None:
    """What a rule asks once, whatever number of texts it has."""
    rule, event = draft.rule, draft.event
    draft.passed("event", f"{event.source}:{event.type}")
    if draft.naming is not None and draft.naming.fields:
        _names(draft, draft.naming)
    if not rule.enabled:
        raise draft.stop("enabled", Because.DISABLED, "The rule is switched off.")
    age = moment.now - event.occurred_at
    if age > rule.max_age:
        raise draft.stop("max_age", Because.STALE, f"happened {age} ago, max_age is {rule.max_age}")
    draft.passed("max_age")
    if event.test and not rule.test_events:
        raise draft.stop("test_events", Because.TEST_EVENT, "The sender marked it as a test.")
    draft.passed("test_events", "a test event, which this rule takes" if event.test else "")
    draft.key = _key_or_stop(draft)
    _newest(draft, facts, draft.key)
    for index, when in enumerate(rule.when):
        try:
            verdict = when.condition.check(draft.data, moment.now)
        except ConditionFault as fault:
            raise draft.stop(f"when[{index}]", Because.RULE_ERROR, str(fault), line=when.line) from None
        if not verdict.passed:
            raise draft.stop(f"when[{index}]", Because.WHEN, verdict.saw, reason=f"when[{index}]", line=when.line)
        draft.passed(f"when[{index}]", verdict.saw, when.line)


def _names(draft: _Draft, naming: Naming) -> None:
    """Say which of the names that this rule reads stand for another field of the source."""
    read = draft.rule.reads
    used = [
        name
        for name in sorted(naming.fields)
        if any(path == name or path.startswith(f"{name}.") or name.startswith(f"{path}.") for path in read)
    ]
    if used:
        shown = ", ".join(f"{name} is {naming.fields[name]}" for name in used)
        draft.passed("sources", f"at {draft.event.source}, {shown}")


def _message(draft: _Draft, facts: Facts, moment: Moment) -> Message:
    """Take one text through its gates."""
    rule = draft.rule
    texts = _texts(draft)
    recipient = _recipient(draft)
    zone, known_from = timing.zone_of(rule, draft.data, recipient)
    naive, whose = timing.naive_zone(rule, draft.data, draft.naming.zone if draft.naming else "", zone)
    due = timing.due(draft.step.schedule, draft.data, Clocks(zone=zone, naive=naive, whose=whose), moment.now)
    if isinstance(due, NotDue):
        raise draft.stop("schedule", due.because, due.note, line=draft.step.line if draft.step.id else 0)
    draft.passed("schedule", due.note)
    _consent(draft, recipient, facts)
    dedupe = _dedupe(draft, due.meant.isoformat() if due.meant else "", facts)
    batch, items, leaves_at = _batch(draft, facts, due.at)
    throttle_key = _throttle(draft, recipient, facts, moment)
    locale, text, size = _written(draft, texts, Voice(zone=_zoneinfo(zone), naive=_zoneinfo(naive)))
    draft.passed("text", f"{locale or 'one text for all'}, times in {zone} (from {known_from})")
    draft.passed("max_segments", f"{size.segments} of at most {rule.max_segments}")
    leaves = _open_hours(draft, recipient, leaves_at, moment)
    if due.latest is not None and leaves > due.latest:
        saw = f"the quiet hours end at {leaves:%Y-%m-%d %H:%M} UTC, later than {due.latest:%Y-%m-%d %H:%M} UTC"
        raise draft.stop("schedule", Because.LATE, saw)
    expires = leaves_at + rule.ttl
    if leaves >= expires:
        raise draft.stop("ttl", Because.EXPIRED, f"would leave at {leaves:%Y-%m-%d %H:%M} UTC, its ttl ends before")
    draft.passed("ttl", f"until {expires:%Y-%m-%d %H:%M} UTC")
    draft.passed("priority", rule.lane.code)
    draft.passed("gateway", ", ".join(rule.gateways) or "as configured")
    supersede = batch or _supersede(draft, facts)
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
    )


def _texts(draft: _Draft) -> Mapping[str, Text]:
    rule = draft.rule
    if not rule.text_by:
        return draft.step.texts[""]
    value = str(dig(draft.data, rule.text_by) or "")
    if value not in draft.step.texts:
        saw = f"{rule.text_by} is {value!r}" if value else f"missing: {rule.text_by}"
        raise draft.stop("text_by", Because.TEXT_BY, saw)
    draft.passed("text_by", value)
    return draft.step.texts[value]


def _recipient(draft: _Draft) -> Recipient:
    rule, data = draft.rule, draft.data
    places = {path: place_of(path, draft.naming) for path in rule.to}
    candidates = [
        Candidate(field=place, value=dig(data, path), region=_country(data, place)) for path, place in places.items()
    ]
    region = rule.region if len(rule.region) == 2 else str(dig(data, rule.region) or "") if rule.region else ""
    found = resolve(candidates, region)
    if isinstance(found, NoRecipient):
        raise draft.stop("to", Because.NO_RECIPIENT, found.why)
    draft.passed("to", f"{found.field}: {mask(found.number)}{f' ({found.warning})' if found.warning else ''}")
    return found


def _country(data: Mapping[str, Any], path: str) -> str:
    """Return the country that belongs to a phone: the one beside it, else the record's."""
    beside = path.rpartition(".")[0]
    for place in ([f"{beside}.country", f"{beside}.country_code"] if beside else []) + ["country"]:
        value = dig(data, place)
        if isinstance(value, str) and len(value) == 2:
            return value.upper()
    return ""


def _consent(draft: _Draft, recipient: Recipient, facts: Facts) -> None:
    category = draft.rule.consent
    stopped = facts.opted_out(recipient.number, category)
    if stopped:
        raise draft.stop("consent", Because.OPTED_OUT, stopped)
    if category and not facts.consented(recipient.number, category):
        raise draft.stop("consent", Because.NO_CONSENT, f"no opt-in to {category}")
    draft.passed("consent", f"opted in to {category}" if category else "transactional, no opt-out")


def _dedupe(draft: _Draft, due: str, facts: Facts) -> str:
    """Return the dedupe value: the rule's own key, else record and time of a reminder, else the event itself."""
    rule, event = draft.rule, draft.event
    if rule.dedupe_key is not None:
        value = _rendered(draft, rule.dedupe_key, "dedupe")
    elif draft.key and due:
        value = f"{draft.key}@{due}"
    else:
        value = event.id
    dedupe = "\x1f".join((event.source, rule.id, draft.step.id, value))
    before = facts.seen(dedupe, rule.id, draft.key)
    if before:
        raise draft.stop("dedupe", Because.DUPLICATE, f"{value} was texted by {before}")
    draft.passed("dedupe", value)
    return dedupe


def _batch(draft: _Draft, facts: Facts, now: datetime) -> tuple[str, tuple[Mapping[str, Any], ...], datetime]:
    """Join the event to those that wait for the same person; the text then tells them all."""
    batch = draft.rule.batch
    if batch is None:
        return "", (), now
    name = "batch:" + _rendered(draft, batch.key, "batch")
    before, leaves = facts.gathered(draft.rule.id, name) or ((), now + batch.wait)
    items = (*before, renamed(draft.event.data, draft.naming))
    draft.data = {**draft.data, "items": list(items), "count": len(items)}
    draft.passed("batch", f"{len(items)} of at most {batch.max}, leaves {leaves:%H:%M:%S} UTC")
    return name, items, now if len(items) >= batch.max else leaves


def _throttle(draft: _Draft, recipient: Recipient, facts: Facts, moment: Moment) -> str:
    throttle = draft.rule.throttle
    if throttle is None:
        return ""
    scope = {"recipient": "", "rule": draft.rule.id, "record": f"{draft.rule.id}/{draft.key or draft.event.key}"}
    key = f"{recipient.number}|{scope[throttle.key]}"
    count = facts.sent_since(key, moment.now - throttle.per)
    if count >= throttle.max:
        raise draft.stop("throttle", Because.THROTTLED, f"{count} texts in {throttle.per}, at most {throttle.max}")
    draft.passed("throttle", f"{count} of {throttle.max} in {throttle.per}")
    return key


def _written(draft: _Draft, texts: Mapping[str, Text], voice: Voice) -> tuple[str, str, Measure]:
    rule = draft.rule
    wanted = locale_of(dig(draft.data, rule.locale), "") or locale_of(rule.locale, "") or rule.default_locale
    order = (wanted, wanted.partition("-")[0], rule.default_locale, rule.default_locale.partition("-")[0], "")
    locale = next((name for name in order if name in texts), next(iter(texts), ""))
    spoken = wanted if wanted.partition("-")[0] == locale.partition("-")[0] else locale or wanted
    try:
        text = lookalikes(texts[locale].render(draft.data, replace(voice, locale=spoken or "en")), _level(rule.smart))
    except (TemplateFault, KeyError) as fault:
        raise draft.stop(
            "text", Because.RENDER_ERROR, str(fault), line=draft.step.line if draft.step.id else 0
        ) from None
    if not text:
        raise draft.stop("text", Because.RENDER_ERROR, "The text is empty.")
    size = measure(text)
    if size.segments > rule.max_segments:
        saw = f"{size.segments} segments, at most {rule.max_segments}"
        raise draft.stop("max_segments", Because.TOO_LONG, saw)
    blocked = content.blocked(text)
    if blocked:
        raise draft.stop("content", Because.BLOCKED_CONTENT, blocked)
    return spoken, text, size


def _open_hours(draft: _Draft, recipient: Recipient, when: datetime, moment: Moment) -> datetime:
    limits = timing.limits_of(draft.rule, draft.data, recipient)
    if not limits:
        draft.passed("quiet_hours", "none")
        return when
    opens = timing.allowed(limits, draft.rule.quiet.then if draft.rule.quiet else "defer", when, moment.now)
    if isinstance(opens, NotDue):
        raise draft.stop("quiet_hours", opens.because, opens.note)
    draft.passed("quiet_hours", opens.note)
    return opens.at


def _supersede(draft: _Draft, facts: Facts) -> str:
    if draft.rule.supersede is None:
        return ""
    value = "supersede:" + _rendered(draft, draft.rule.supersede, "supersede")
    _newest(draft, facts, value)
    return value


def _newest(draft: _Draft, facts: Facts, key: str) -> None:
    """Let an event that was overtaken by a newer one about the same record change nothing."""
    newest = facts.newest(draft.rule.id, key) if key else None
    if newest is None:
        return
    last_word, closed = newest
    if closed and last_word >= draft.event.occurred_at:
        raise draft.stop("key", Because.CANCELLED, f"{key} was cancelled at {last_word:%Y-%m-%d %H:%M:%S} UTC")
    if last_word > draft.event.occurred_at:
        raise draft.stop("key", Because.SUPERSEDED, f"a newer event about {key} was here first")


def _key(rule: Rule, event: Event, data: Mapping[str, Any]) -> str:
    """Return what names the record: the rule's key, else the event's own for rules that follow a record."""
    if rule.key is not None:
        return rule.key.render(data)
    follows = rule.cancel_on or any(step.schedule for step in rule.steps)
    return event.key if follows else ""


def _key_or_stop(draft: _Draft) -> str:
    try:
        return _key(draft.rule, draft.event, draft.data)
    except TemplateFault as fault:
        raise draft.stop("key", Because.RULE_ERROR, str(fault)) from None


def _rendered(draft: _Draft, text: Text, name: str) -> str:
    try:
        return text.render(draft.data)
    except TemplateFault as fault:
        raise draft.stop(name, Because.RULE_ERROR, str(fault)) from None


def _replacing(rule: Rule, key: str, event: Event) -> Cancel:
    return Cancel(rule=rule.id, key=key, because=Because.SUPERSEDED, occurred_at=event.occurred_at)


def _kept(draft: _Draft, message: Message) -> Decision:
    rule = draft.rule
    if rule.shadow:
        return _decision(rule, draft.step.id, Because.SHADOW, "", gates=tuple(draft.gates))
    return Decision(
        rule=rule.id, step=draft.step.id, file=rule.file, line=rule.line, message=message, gates=tuple(draft.gates)
    )


def _stopped(draft: _Draft, stop: _Stop) -> Decision:
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


def _level(name: str) -> Any:
    return name


def _zoneinfo(name: str) -> Any:
    from dispatch.hours import zone_or_none  # noqa: PLC0415 - read beside its only use

    return zone_or_none(name) or zone_or_none("UTC")
