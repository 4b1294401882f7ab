"""What a rules file makes of one event, drawn as a phone: the plan that sends, with a past in memory. Never sends."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Literal, cast

from audit import counts, rule_figures
from audit.store import Store
from dispatch import hours, timing
from dispatch.draft import Moment
from dispatch.facts import MemoryFacts
from dispatch.plan import plan, scope_of
from dispatch.segments import lookalikes, measure
from inbound import examples, samples
from model.event import Event
from model.message import Decision, Gate, Message
from model.reasons import Refused
from rules.book import Book
from web import words
from web.access import shown
from web.timeline import Check
from web.words import DELIVERED, Badge

ENCODINGS = {"gsm7": "GSM-7", "ucs2": "UCS-2"}
USUAL = "shopify/orders-create.json"
NAMES = {
    "\u00a0": "no-break space", "\u202f": "narrow no-break space", "\u200b": "zero-width space",
    "\u200d": "zero-width joiner", "\ufeff": "byte order mark", "\ufe0f": "emoji selector",
}  # fmt: skip


class NoSuchEvent(LookupError):  # noqa: N818 - names what is missing
    """There is nothing to preview, in a sentence beside the field named first."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.name, self.sentence = name, sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """A text as the phone shows it, and what it would cost and when it would leave."""

    sender: str
    text: str
    number: str
    field: str
    size: str
    flips: tuple[str, ...]
    leaves: str
    at_once: bool
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one rule decided. Exactly one of `screen` and `why` says something."""

    rule: str
    step: str
    line: int
    badge: Badge
    checks: Sequence[Check]
    screen: Screen | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """One event and what every rule that hears of it decided."""

    name: str
    event: Event
    now: datetime
    verdicts: Sequence[Verdict]


@cache
def sample_names() -> tuple[str, ...]:
    """Return the sample payloads as `connector/case.json`. They come with the program and do not change."""
    return examples.names()


def first_choice(book: Book | None) -> str:
    """Return the sample the file itself tests with, else the first there is."""
    scenes = (scene.payload for rule in (book.rules if book else ()) for test in rule.tests for scene in test.scenes)
    tested = (str(payload).removeprefix("sample_payloads/") for payload in scenes if isinstance(payload, str))
    names = sample_names()
    return next((name for name in (*tested, USUAL) if name in names), names[0] if names else "")


def preview(book: Book, lines: Sequence[str], store: Store, sample: str, event_id: str) -> list[Preview]:
    """Plan a recorded event, or the events of a sample. Raises NoSuchEvent."""
    found = _recorded(store, book, event_id) if event_id else _sampled(sample)
    with store.read() as tx:
        stopped = counts.opted_out(tx)
    return [_planned(book, lines, name, event, now, stopped) for name, event, now in found]


def _recorded(store: Store, book: Book, event_id: str) -> list[tuple[str, Event, datetime]]:
    found = rule_figures.recorded_event(store, event_id, with_raw=book.uses_raw)
    if found is None:
        raise NoSuchEvent("event", f"There is no readable event {event_id[:40]}; ids look like e0abc….")
    return [(event_id, *found)]


def _sampled(name: str) -> list[tuple[str, Event, datetime]]:
    if name not in sample_names():
        raise NoSuchEvent("sample", "There is no such sample.")
    sample = examples.read(samples.ROOT / name)
    try:
        found = [(name, event, sample.now) for event in sample.completed()]
    except (Refused, KeyError) as error:
        raise NoSuchEvent("sample", f"This sample is one that is refused: {error}") from None
    if not found:
        raise NoSuchEvent("sample", "No event comes of this sample.")
    return found


def _planned(
    book: Book, lines: Sequence[str], name: str, event: Event, now: datetime, stopped: dict[str, str]
) -> Preview:
    ids = (f"preview-{count}" for count in itertools.count(1))
    facts = MemoryFacts(stopped=stopped)
    made = plan(book, event, facts, Moment(event_id="preview", now=now, new_id=ids.__next__))
    verdicts = [_verdict(book, lines, event, now, decision) for decision in made.decisions]
    return Preview(name=name, event=event, now=now.astimezone(UTC), verdicts=verdicts)


def _verdict(book: Book, lines: Sequence[str], event: Event, now: datetime, decision: Decision) -> Verdict:
    message = decision.message
    why = decision.detail or (decision.because.text if decision.because else "")
    return Verdict(
        rule=decision.rule,
        step=decision.step,
        line=decision.line,
        badge=words.skip(decision.code) if message is None else Badge("a text", "tick", DELIVERED),
        checks=[_check(gate, decision.file, lines) for gate in decision.gates],
        screen=_screen(book, event, now, message) if message else None,
        why="" if message else why,
    )


def _check(gate: Gate, file: str, lines: Sequence[str]) -> Check:
    quoted = gate.line and (not gate.passed or gate.name.startswith("when["))
    quote = lines[gate.line - 1].strip()[:200] if quoted and gate.line <= len(lines) else ""
    place = f"{file}:{gate.line}" if file and gate.line else ""
    return Check(name=words.gate(gate.name), passed=gate.passed, saw=gate.saw, place=place, quote=quote)


def _screen(book: Book, event: Event, now: datetime, message: Message) -> Screen:
    rule = book.get(message.rule)
    zone = timing.zone_of(rule, scope_of(event, book), message.recipient)[0] if rule else "UTC"
    size = measure(message.text)
    return Screen(
        sender=message.sender,
        text=message.shown or message.text,
        number=shown(message.recipient.number),
        field=message.recipient.field,
        size=f"{size.units} of {_room(size.encoding, size.segments)} characters, {message.segments} "
        f"{'segment' if message.segments == 1 else 'segments'}, {ENCODINGS.get(size.encoding, size.encoding)}",
        flips=tuple(named(char) for char in _dear(size.flips, rule.smart if rule else "safe")),
        leaves=_moment(message.due_at, zone),
        at_once=message.due_at <= now,
        last=_moment(message.expires_at, zone),
    )


def _dear(flips: Sequence[str], smart: str) -> Sequence[str]:
    """Leave out what only stays because of the others: without them it would be swapped for a look-alike."""
    level = cast("Literal['off', 'safe', 'strip-accents', 'ascii']", smart)
    return [char for char in flips if measure(lookalikes(char, level)).flips] or flips


def _room(encoding: str, segments: int) -> int:
    """How much fits into that many parts."""
    single, several = (160, 153) if encoding == "gsm7" else (70, 67)
    return single if segments <= 1 else several * segments


def named(char: str) -> str:
    """Write a character so that it can be found: what cannot be seen by its name."""
    return NAMES.get(char, char if char.isprintable() and not char.isspace() else f"U+{ord(char):04X}")


def _moment(at: datetime, zone: str) -> str:
    return f"{hours.local(at, zone):%a %Y-%m-%d %H:%M} {zone}"
