"""What the plan may ask about the past. The store answers it for real events, memory for previews and tests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from model.message import Cancel, Message, Plan, State

Newest = tuple[datetime, bool]
"""The newest word on a record: when it happened, and whether it ended the record."""


Gathered = tuple[tuple[Mapping[str, Any], ...], datetime]
"""The events of a batch that still waits, and when it leaves."""


FIRST_DAY, LAST_DAY = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class Facts(Protocol):
    """Everything outside the event that a decision depends on."""

    def opted_out(self, number: str, category: str) -> str:
        """Return where and when the person opted out, "" when they did not."""

    def consented(self, number: str, category: str) -> bool:
        """Tell whether the person opted in to `category`."""

    def seen(self, dedupe: str, rule: str, key: str) -> str:
        """Return the message this was texted by; one that still waits for the same record does not count."""

    def sent_since(self, throttle_key: str, since: datetime) -> int:
        """Count the texts planned for `throttle_key` since then."""

    def newest(self, rule: str, key: str) -> Newest | None:
        """Return the newest word on a record of a rule."""

    def gathered(self, rule: str, batch: str) -> Gathered | None:
        """Return the events that wait in a batch, and when its text leaves; None when nothing waits."""

    def too_often(self, number: str) -> str:
        """Return how many marketing texts the person got in how much time, "" while that is within the settings."""


@dataclass(slots=True)
class MemoryFacts:
    """A past that lives in memory: for previews, `explain`, `diff`, and the tests inside rules.yaml."""

    stopped: Mapping[str, str] = field(default_factory=dict)
    opted_in: frozenset[str] = frozenset()
    earlier: list[tuple[str, datetime]] = field(default_factory=list)
    records: dict[tuple[str, str], Newest] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    _now: datetime = FIRST_DAY
    _queued: dict[str, Message] = field(default_factory=dict)
    _by_dedupe: dict[str, Message] = field(default_factory=dict)
    _by_record: dict[tuple[str, str], list[Message]] = field(default_factory=lambda: defaultdict(list))
    _by_throttle: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))

    def opted_out(self, number: str, category: str) -> str:
        """See Facts."""
        return self.stopped.get(number, "")

    def consented(self, number: str, category: str) -> bool:
        """See Facts."""
        return number in self.opted_in

    def seen(self, dedupe: str, rule: str, key: str) -> str:
        """See Facts."""
        message = self._by_dedupe.get(dedupe)
        if message is None or (message.dedupe_until or LAST_DAY) <= self._now:
            return ""
        replaced = message.id in self._queued and key and (message.rule, message.key) == (rule, key)
        return "" if replaced else message.id

    def sent_since(self, throttle_key: str, since: datetime) -> int:
        """See Facts."""
        planned = (m for m in self._by_throttle.get(throttle_key, ()) if self.states[m.id] is not State.CANCELLED)
        count = sum(message.created_at >= since for message in planned)
        return count + sum(throttle_key.startswith(start) and at >= since for start, at in self.earlier)

    def newest(self, rule: str, key: str) -> Newest | None:
        """See Facts."""
        return self.records.get((rule, key))

    def gathered(self, rule: str, batch: str) -> Gathered | None:
        """See Facts."""
        for message in self._by_record.get((rule, batch), ()):
            if message.id in self._queued:
                return message.items, message.due_at
        return None

    def too_often(self, number: str) -> str:
        """See Facts: settings are not known here."""
        return ""

    def apply(self, plan: Plan) -> None:
        """Remember a plan as the store does when it saves one."""
        for cancel in plan.cancels:
            self._cancel(cancel)
        for message in plan.messages:
            self._queued[message.id] = message
            self.states[message.id] = State.QUEUED
            self._by_dedupe[message.dedupe] = message
            for name in filter(None, (message.key, message.supersede)):
                self._by_record[message.rule, name].append(message)
            if message.throttle_key:
                self._by_throttle[message.throttle_key].append(message)

    def _cancel(self, cancel: Cancel) -> None:
        before = self.records.get((cancel.rule, cancel.key))
        if before is None or cancel.occurred_at >= before[0]:
            self.records[cancel.rule, cancel.key] = (cancel.occurred_at, cancel.closes)
        for message in self._by_record.pop((cancel.rule, cancel.key), ()):
            if self._queued.pop(message.id, None) is not None:
                self.states[message.id] = State.CANCELLED
                if self._by_dedupe.get(message.dedupe) is message:
                    del self._by_dedupe[message.dedupe]

    def pass_time(self, now: datetime) -> None:
        """Send what is due by `now`."""
        self._now = max(self._now, now)
        for message in [message for message in self._queued.values() if message.due_at <= now]:
            del self._queued[message.id]
            self.states[message.id] = State.ACCEPTED

    def waiting(self) -> list[Message]:
        """Return the messages that wait, in the order in which they leave."""
        return sorted(self._queued.values(), key=lambda message: message.due_at)
