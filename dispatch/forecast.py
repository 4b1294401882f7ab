"""What would planning recorded events again send? The real plan on the real past, and nothing is written.

What the forecast itself would send counts as sent for the events after it, so that two events of one record are one
text here as well.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from audit.facts import StoredFacts
from audit.store import Store
from dispatch.draft import Moment
from dispatch.facts import Facts, Gathered, MemoryFacts, Newest
from dispatch.plan import plan
from model.event import Event
from model.message import Plan
from rules.book import Book

GLANCE, LONGEST = timedelta(milliseconds=50), timedelta(seconds=8)
"""How long somebody waits for a page on the way, and for one that plans them all; what is left is told as a number."""
LEAST = 50
"""Events that are planned however long they take: usually all that are meant."""


@dataclass(slots=True)
class Forecast:
    """What would come of events: texts by rule, segments, and why others send nothing. `looked_at` of them were planned
    before the time was up.
    """

    looked_at: int = 0
    texts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    segments: int = 0
    broken: int = 0
    later: int = 0

    @property
    def duplicates(self) -> int:
        """How many texts were sent before and are recognised."""
        return self.reasons["duplicate"]


@dataclass(slots=True)
class _Both:
    """The stored past, and on top of it what the forecast would have sent so far."""

    stored: Facts
    made: MemoryFacts

    def opted_out(self, number: str, category: str) -> str:
        """See Facts."""
        return self.stored.opted_out(number, category)

    def consented(self, number: str, category: str) -> bool:
        """See Facts."""
        return self.stored.consented(number, category)

    def seen(self, dedupe: str, rule: str, key: str) -> str:
        """See Facts."""
        return self.made.seen(dedupe, rule, key) or self.stored.seen(dedupe, rule, key)

    def sent_since(self, throttle_key: str, since: datetime) -> int:
        """See Facts."""
        return self.made.sent_since(throttle_key, since) + self.stored.sent_since(throttle_key, since)

    def newest(self, rule: str, key: str) -> Newest | None:
        """See Facts."""
        found = [one for one in (self.made.newest(rule, key), self.stored.newest(rule, key)) if one is not None]
        return max(found, default=None)

    def gathered(self, rule: str, batch: str) -> Gathered | None:
        """See Facts."""
        return self.made.gathered(rule, batch) or self.stored.gathered(rule, batch)

    def too_often(self, number: str) -> str:
        """See Facts."""
        return self.stored.too_often(number)


def forecast(
    store: Store, book: Book, chosen: Iterable[tuple[str, Event]], now: datetime, longest: timedelta = LONGEST
) -> Forecast:
    """Plan one event after the other as of now, the first ones in any case, until `longest` is over."""
    found, ids, made = Forecast(), (f"forecast-{count}" for count in itertools.count(1)), MemoryFacts()
    made.pass_time(now)
    until = time.monotonic() + longest.total_seconds()
    with store.read() as tx:
        facts = _Both(StoredFacts(tx, now), made)
        for event_id, event in chosen:
            if found.looked_at >= LEAST and time.monotonic() > until:
                break
            found.looked_at += 1
            try:
                planned = plan(book, event, facts, Moment(event_id=event_id, now=now, new_id=ids.__next__))
            except Exception:  # noqa: BLE001 - the worker puts such an event aside, the forecast counts it
                found.broken += 1
                continue
            made.apply(planned)
            _count(found, planned, now)
    return found


def _count(found: Forecast, planned: Plan, now: datetime) -> None:
    for decision in planned.decisions:
        found.reasons[decision.code.partition("[")[0]] += 1
    for message in planned.messages:
        found.texts[message.rule] += 1
        found.segments += message.segments
        found.later += message.due_at > now
