"""Run the tests inside rules.yaml: the real plan, a made-up past, and a clock that the test sets."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from dispatch.draft import Moment
from dispatch.facts import MemoryFacts
from dispatch.plan import plan
from dispatch.recipient import Candidate, NoRecipient, resolve
from dispatch.rehearse_replies import Talk
from model.event import Event
from model.message import Decision, Message
from rules.book import Book, Rule
from rules.trial import Expect, RuleTest, Scene

NOON = datetime(2026, 6, 15, 10, 0, tzinfo=UTC)
"""The clock of a test that sets none: a Monday noon in Berlin."""

SampleReader = Callable[[str, str], tuple[Event, datetime]]
"""Given a file of sample_payloads/ and an event type: that event, and when it arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one test went; `wrong` is empty when it held."""

    rule: str
    test: str
    file: str
    line: int
    wrong: tuple[str, ...] = ()


def rehearse(book: Book, read_sample: SampleReader) -> list[Outcome]:
    """Run every test of every rule."""
    return [_run(book, rule, test, read_sample) for rule in book.rules for test in rule.tests]


def _run(book: Book, rule: Rule, test: RuleTest, read_sample: SampleReader) -> Outcome:
    try:
        wrong = tuple(_play(book.only(rule), rule, test, read_sample))
    except (OSError, KeyError, ValueError) as error:
        wrong = (f"The test cannot run: {error}",)
    return Outcome(rule=rule.id, test=test.name, file=rule.file, line=test.line, wrong=wrong)


def _play(book: Book, rule: Rule, test: RuleTest, read_sample: SampleReader) -> Iterable[str]:
    number_of = _numbers(rule)
    facts = MemoryFacts(
        stopped={number_of(number): "given in the test" for number in test.opted_out},
        opted_in=frozenset(number_of(number) for number in test.consented),
        earlier=[(f"{number_of(str(s.get('to')))}|", _instant(str(s.get("at")))) for s in test.sent],
    )
    ids = (f"m{count}" for count in itertools.count(1))
    talk = Talk(book, facts)
    for index, scene in enumerate(test.scenes):
        where = f"moment {index + 1}: " if len(test.scenes) > 1 else ""
        if scene.reply:
            yield from (where + text for text in _hear(talk, scene))
            continue
        event, now = _event(rule, scene, read_sample, index)
        facts.pass_time(now)
        made = plan(book, event, facts, Moment(event_id=f"e{index}", now=now, new_id=ids.__next__))
        facts.apply(made)
        talk.remember(event, made)
        if scene.expect is not None:
            yield from (where + text for text in _differences(scene.expect, made.decisions, facts.waiting()))


def _hear(talk: Talk, scene: Scene) -> Iterable[str]:
    """Let the phone answer."""
    now = _instant(scene.now) if scene.now else NOON
    talk.facts.pass_time(now)
    found = talk.hear(scene.reply, now)
    yield from talk.differences(scene.expect, found, scene.reply) if scene.expect else ()


def _numbers(rule: Rule) -> Callable[[str], str]:
    def number_of(text: str) -> str:
        found = resolve([Candidate(field="given", value=text)], rule.region)
        return text if isinstance(found, NoRecipient) else found.number

    return number_of


def _event(rule: Rule, scene: Scene, read_sample: SampleReader, index: int) -> tuple[Event, datetime]:
    event_type = scene.event.rpartition(":")[2] or rule.events[0].type
    if isinstance(scene.payload, str):
        event, arrived = read_sample(scene.payload, event_type)
    else:
        data: Mapping[str, Any] = scene.payload or {}
        arrived = NOON
        event = Event(
            source=rule.events[0].source or "test",
            type=event_type,
            native_type=event_type,
            id=f"test-{index}",
            key=str(data.get("id", "")),
            occurred_at=arrived,
            data=data,
        )
    now = _instant(scene.now) if scene.now else arrived
    occurred = _instant(scene.occurred_at) if scene.occurred_at else now if scene.now else event.occurred_at
    return replace(event, occurred_at=occurred, data=_changed(event.data, scene.set)), now


def _changed(data: Mapping[str, Any], changes: Mapping[str, Any]) -> Mapping[str, Any]:
    copy: dict[str, Any] = deepcopy(dict(data))
    for path, value in changes.items():
        *parents, last = path.split(".")
        place = copy
        for step in parents:
            if not isinstance(place.get(step), dict):
                place[step] = {}
            place = place[step]
        place[last] = value
    return copy


def _differences(expect: Expect, decisions: Sequence[Decision], waiting: Sequence[Message]) -> Iterable[str]:
    messages = [decision.message for decision in decisions if decision.message is not None]
    codes = [decision.code for decision in decisions if decision.message is None]
    first = messages[0] if messages else None
    seen: dict[str, Any] = {
        "send": len(messages),
        "to": first and first.recipient.number,
        "text": first and first.text,
        "segments": first and first.segments,
        "locale": first and first.locale,
        "because": codes[0] if codes else None,
    }
    for name, found in seen.items():
        wanted = getattr(expect, name)
        if wanted is not None and wanted != found:
            why = "; ".join(f"{d.code}: {d.detail}" for d in decisions if d.message is None)
            yield f"{name}: expected {wanted!r}, found {found!r}" + (f" ({why})" if why and name != "because" else "")
    if expect.at is not None and (first is None or first.due_at != _instant(expect.at)):
        yield f"at: expected {expect.at}, found {first.due_at.isoformat() if first else 'no text'}"
    if expect.pending is not None:
        found_times = [message.due_at for message in waiting]
        if found_times != [_instant(text) for text in expect.pending]:
            yield f"pending: expected {list(expect.pending)}, found {[time.isoformat() for time in found_times]}"


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return found.astimezone(UTC)
