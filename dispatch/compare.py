"""What would another rules file have done? Recorded events, two books, nothing sent.

Each book gets a past of its own that grows as the events go by, so that duplicates, throttles and replaced reminders
count as they would have counted. Pure but for the events it is given.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dispatch.draft import Moment
from dispatch.facts import MemoryFacts
from dispatch.plan import plan
from dispatch.recipient import mask
from model.event import Event
from model.message import Decision, Message
from rules.book import Book

Recorded = tuple[str, Event, datetime]
"""An event's id, the event, and when it came in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One text that one book would send and the other would not, or would send differently."""

    event_id: str
    record: str
    rule: str
    step: str
    before: Decision | None
    after: Decision | None

    @property
    def kind(self) -> str:
        """`added`, `removed` or `changed`."""
        if _message(self.before) is None:
            return "added"
        return "removed" if _message(self.after) is None else "changed"

    def as_dict(self) -> dict[str, object]:
        """Return the change as data, with masked numbers."""
        return {
            "kind": self.kind,
            "event": self.event_id,
            "record": self.record,
            "rule": self.rule,
            "step": self.step,
            "before": _shown(self.before),
            "after": _shown(self.after),
        }


@dataclass(slots=True)
class Comparison:
    """All differences, counted; `changes` keeps at most `keep` examples per kind and rule."""

    events: int = 0
    same: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    segments_before: int = 0
    segments_after: int = 0
    by_rule: dict[str, Counter[str]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    keep: int = 5

    @property
    def total(self) -> int:
        """How many texts differ."""
        return self.counts.total()

    def add(self, change: Change) -> None:
        """Count a change, and keep it as an example when few of its kind were kept."""
        self.counts[change.kind] += 1
        rule = self.by_rule.setdefault(change.rule, Counter())
        if rule[change.kind] < self.keep:
            self.changes.append(change)
        rule[change.kind] += 1


def compare(
    old: Book, new: Book, recorded: Iterable[Recorded], past: Callable[[], MemoryFacts], keep: int = 5
) -> Comparison:
    """Plan every event with both books and tell the texts apart."""
    found, facts_old, facts_new = Comparison(keep=keep), past(), past()
    for event_id, event, now in recorded:
        before = _planned(old, event_id, event, now, facts_old)
        after = _planned(new, event_id, event, now, facts_new)
        found.events += 1
        for name in {**before, **after}:
            _count(found, event_id, event, name, before.get(name), after.get(name))
    return found


def _planned(
    book: Book, event_id: str, event: Event, now: datetime, facts: MemoryFacts
) -> Mapping[tuple[str, str], Decision]:
    counter = itertools.count()
    facts.pass_time(now)
    made = plan(book, event, facts, Moment(event_id=event_id, now=now, new_id=lambda: f"{event_id}.{next(counter)}"))
    facts.apply(made)
    return {(d.rule, d.step): d for d in made.decisions if d.rule}


def _count(
    found: Comparison,
    event_id: str,
    event: Event,
    name: tuple[str, str],
    before: Decision | None,
    after: Decision | None,
) -> None:
    old, new = _message(before), _message(after)
    found.segments_before += old.segments if old else 0
    found.segments_after += new.segments if new else 0
    if _essence(old) == _essence(new):
        found.same += old is not None
        return
    found.add(
        Change(
            event_id=event_id,
            record=f"{event.source}:{event.type} {event.key}",
            rule=name[0],
            step=name[1],
            before=before,
            after=after,
        )
    )


def _message(decision: Decision | None) -> Message | None:
    return decision.message if decision is not None else None


def _essence(message: Message | None) -> object:
    """What a person would notice: number, text, time, sender, lane."""
    return message and (message.recipient.number, message.text, message.due_at, message.sender, message.lane)


def _shown(decision: Decision | None) -> dict[str, object] | None:
    if decision is None:
        return None
    message = decision.message
    if message is None:
        return {"because": decision.code, "detail": decision.detail}
    return {
        "to": mask(message.recipient.number),
        "text": message.shown or message.text,
        "due_at": message.due_at.isoformat(),
        "segments": message.segments,
    }
