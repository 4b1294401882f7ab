"""What the rules make of one event and why, and what became of an event: for `tidings rules explain`, `events show`.

The plan is the one that sends (dispatch.plan), asked again with the rules of now and the past as it was when the
event came in. Nothing is written. Opt-ins and opt-outs alone are those of today.

Long because the words for each gate and each state of an event stand beside what they are said of.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from audit import events, sentences, trace
from audit.facts import StoredFacts
from audit.store import Store
from audit.trace import Entry, Trace
from dispatch import hours, timing
from dispatch.draft import Moment
from dispatch.facts import Facts, Gathered, MemoryFacts, Newest
from dispatch.plan import plan, scope_of
from dispatch.recipient import mask
from dispatch.segments import measure
from inbound import examples
from model.event import Event
from model.message import Decision, Gate, Message, Plan
from model.reasons import Because
from rules.book import Book
from wire.reading import dig

EVENT_ID = re.compile(r"e[0-9a-hjkmnp-tv-z]{13}")
OVERTAKEN = (Because.SUPERSEDED.code, Because.CANCELLED.code)
SENTENCES = {because.code: because.text for because in Because}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """The plan for one event. `name` is its id, or the sample it stands in; `zones` are the recipients', by message."""

    name: str
    event: Event
    now: datetime
    plan: Plan
    zones: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it, with numbers masked."""
        return {
            "event": self.name,
            "source": self.event.source,
            "type": self.event.type,
            "key": self.event.key,
            "as_of": self.now.isoformat(),
            "decisions": [self._decision(decision) for decision in self.plan.decisions],
            "ends": [{"rule": cancel.rule, "key": cancel.key} for cancel in self.plan.cancels if cancel.closes],
        }

    def _decision(self, decision: Decision) -> dict[str, Any]:
        return {
            "rule": decision.rule,
            "step": decision.step,
            "file": decision.file,
            "line": decision.line,
            "result": decision.code,
            "detail": decision.detail or (decision.because.text if decision.because else ""),
            "gates": [asdict(gate) for gate in decision.gates],
            "message": self._message(decision.message) if decision.message else None,
        }

    def _message(self, message: Message) -> dict[str, Any]:
        return {
            "text": message.shown or message.text,
            "number": mask(message.recipient.number),
            "field": message.recipient.field,
            "locale": message.locale,
            "segments": message.segments,
            "encoding": message.encoding,
            "leaves": message.due_at.isoformat(),
            "zone": self.zones.get(message.id, "UTC"),
            "expires": message.expires_at.isoformat(),
        }


def explain(book: Book, event: str, store: Callable[[], Store]) -> list[Explained]:
    """Plan an event of the store by its id, or every event of a sample payload by its path.

    Raises LookupError with a sentence for people when there is no such event or sample.
    """
    if EVENT_ID.fullmatch(event):
        return [_stored(book, event, store())]
    found = examples.find(event)
    if found is None:
        raise LookupError(f"{event} is neither an event id nor a sample payload with an .expect.yaml beside it.")
    sample = examples.read(found)
    planned = [preview(book, str(sample), each, MemoryFacts(), sample.now) for each in sample.completed()]
    if not planned and sample.events():
        raise LookupError(f"What {event} is about is gone when its system is asked, so nobody is texted.")
    if not planned:
        raise LookupError(f"No event comes of {event}.")
    return planned


def _stored(book: Book, event_id: str, store: Store) -> Explained:
    history = trace.of_event(store, event_id)
    if history is None:
        raise LookupError(f"There is no event {event_id}.")
    if history.state == "unreadable":
        raise LookupError(f"{event_id} could not be read: {history.error}")
    with store.read() as tx:
        event = events.get(tx, event_id, with_raw=book.uses_raw)
        if event is None:
            raise LookupError(f"There is no event {event_id} any more.")
        past = _AsOfThen(StoredFacts(tx, history.received_at), history)
        return preview(book, event_id, event, past, history.received_at, past=True)


def preview(book: Book, name: str, event: Event, facts: Facts, now: datetime, *, past: bool = False) -> Explained:
    """Plan an event with the facts given; nothing is written."""
    ids = (f"preview-{count}" for count in itertools.count(1))
    made = plan(book, event, facts, Moment(event_id=name, now=now, new_id=ids.__next__, past=past))
    zones = {}
    for message in made.messages:
        rule = book.get(message.rule)
        if rule is not None:
            zones[message.id], _ = timing.zone_of(rule, scope_of(event, book), message.recipient)
    return Explained(name=name, event=event, now=now, plan=made, zones=zones)


@dataclass(frozen=True, slots=True)
class _AsOfThen:
    """The stored past without what came after the event: its own texts, and later words on the same record.

    Ids sort by time, so a text made after the event has a larger one. Where the event itself waited behind others
    that came later, the decisions of that time tell: what counted against it then counts again.
    """

    facts: Facts
    history: Trace

    def opted_out(self, number: str, category: str) -> str:
        """See Facts."""
        return self.facts.opted_out(number, category)

    def consented(self, number: str, category: str) -> bool:
        """See Facts."""
        return self.facts.consented(number, category)

    def seen(self, dedupe: str, rule: str, key: str) -> str:
        """See Facts."""
        found = self.facts.seen(dedupe, rule, key)
        later = found[1:] > self.history.id[1:]
        return "" if later and not self._was(rule, (Because.DUPLICATE.code,)) else found

    def sent_since(self, throttle_key: str, since: datetime) -> int:
        """See Facts."""
        later = self.facts.sent_since(throttle_key, self.history.received_at)
        return self.facts.sent_since(throttle_key, since) - later

    def newest(self, rule: str, key: str) -> Newest | None:
        """See Facts."""
        found = self.facts.newest(rule, key)
        later = found is not None and found[0] > self.history.occurred_at
        return None if later and not self._was(rule, OVERTAKEN) else found

    def gathered(self, rule: str, batch: str) -> Gathered | None:
        """See Facts: an event is explained alone, whatever joined it in a batch."""
        return None

    def too_often(self, number: str) -> str:
        """See Facts: what was texted since does not count."""
        was = any(entry.reason == Because.TOO_OFTEN.code for entry in self.history.decisions)
        return self.facts.too_often(number) if was else ""

    def _was(self, rule: str, reasons: Sequence[str]) -> bool:
        return any(entry.rule == rule and entry.reason in reasons for entry in self.history.decisions)


def lines(explained: Explained) -> Iterator[str]:
    """Write it for a terminal: each rule with its place, its gates as ✓ and ✗, and the text it would send."""
    event = explained.event
    key = f" {event.key}" if event.key else ""
    yield f"{event.type}{key} from {event.source} ({explained.name}), as of {_moment(explained.now, 'UTC')}"
    for decision in explained.plan.decisions:
        yield ""
        yield from _decision_lines(explained, decision)


def _decision_lines(explained: Explained, decision: Decision) -> Iterator[str]:
    if not decision.rule:
        yield f"No text: {decision.detail}"
        return
    yield f"{_named(decision.rule, decision.step)}  {decision.file}:{decision.line}"
    yield from _gate_lines(decision.gates)
    message = decision.message
    if message is None:
        why = decision.because.text if decision.because else ""
        yield f"  no text ({decision.code}): {decision.detail or why}"
        return
    zone = explained.zones.get(message.id, "UTC")
    costly = measure(message.text).flips
    because = f", because of {' '.join(repr(char) for char in costly)}" if costly else ""
    yield f"  text      {message.shown or message.text}"
    yield f"  to        {mask(message.recipient.number)} ({message.recipient.field})"
    yield f"  size      {_count(message.segments, 'segment')}, {message.encoding}{because}"
    yield f"  leaves    {_moment(message.due_at, zone)}, at the latest {_moment(message.expires_at, zone)}"


def _gate_lines(gates: Iterable[Gate], indent: str = "  ") -> Iterator[str]:
    for gate in gates:
        mark = "✓" if gate.passed else "✗"
        place = f"  (line {gate.line})" if gate.line and not gate.passed else ""
        yield f"{indent}{mark} {gate.name:<12} {gate.saw}{place}".rstrip()


def trace_dict(found: Trace) -> dict[str, Any]:
    """Return the history of an event as JSON can hold it, with numbers masked."""
    texts = [replace(text, number=mask(text.number), sent_to=mask(text.sent_to)) for text in found.messages]
    return {
        "sentence": sentences.sentence(found, mask),
        "id": found.id,
        "source": found.source,
        "type": found.type,
        "key": found.key,
        "state": found.state,
        "error": found.error,
        "occurred_at": found.occurred_at.isoformat(),
        "received_at": found.received_at.isoformat(),
        "test": found.test,
        "data": _data(found),
        "entries": [_plain(asdict(entry)) for entry in found.entries],
        "messages": [{**_plain(asdict(text)), "state": text.state.code} for text in texts],
        "replies": [_plain(asdict(reply)) for reply in found.replies],
    }


def _data(found: Trace) -> dict[str, Any]:
    """Return the event's fields with every number that was texted masked, wherever it stands."""
    numbers = {str(dig(found.data, text.number_field)) for text in found.messages if text.number_field}
    return {name: _hidden(value, numbers) for name, value in found.data.items()}


def _hidden(value: Any, numbers: set[str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _hidden(child, numbers) for name, child in value.items()}
    if isinstance(value, list):
        return [_hidden(child, numbers) for child in value]
    return mask(value) if isinstance(value, str) and value in numbers else value


def trace_lines(found: Trace) -> Iterator[str]:
    """Write the history of an event for a terminal: the sentence first, then every entry in order, with its gates."""
    yield sentences.sentence(found, mask)
    yield f"{found.type} {found.key}".rstrip() + f", happened {_moment(found.occurred_at, 'UTC')}"
    for entry in found.entries:
        yield entry_line(entry)
        yield from _gate_lines(entry.gates, " " * 34)
    for text in found.messages:
        yield f"  {text.id}  {text.state.words}, {_count(text.segments, 'segment')}: {text.text}"


def entry_line(entry: Entry) -> str:
    """Write one row of the history for a terminal."""
    return f"  {entry.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}  {entry.kind:<10} {_said(entry)}".rstrip()


def _said(entry: Entry) -> str:
    place = f"({entry.file}:{entry.line})" if entry.file else ""
    detail = entry.detail or (SENTENCES.get(entry.reason, "") if entry.kind in {"decision", "ended"} else "")
    who = f"by {entry.actor}" if entry.actor else ""
    parts = (_named(entry.rule, entry.step), entry.gateway, entry.reason, detail, place, who)
    return "  ".join(part for part in parts if part)


def _named(rule: str, step: str) -> str:
    return f"{rule}/{step}" if step else rule


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def _moment(at: datetime, zone: str) -> str:
    return f"{hours.local(at, zone):%a %Y-%m-%d %H:%M} {zone}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
