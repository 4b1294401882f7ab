"""What the plan may ask about the past. The store answers it for real events, memory for previews and tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from model.message import Message, Plan, State

Newest = tuple[datetime, bool]
"""The newest word on a record: when it happened, and whether it ended the record."""


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


@dataclass(slots=True)
class MemoryFacts:
    """A past that lives in memory: for previews, `explain`, and the tests inside rules.yaml."""

    stopped: Mapping[str, str] = field(default_factory=dict)
    opted_in: frozenset[str] = frozenset()
    sent: dict[str, Message] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    earlier: list[tuple[str, datetime]] = field(default_factory=list)
    records: dict[tuple[str, str], Newest] = field(default_factory=dict)

    def opted_out(self, number: str, category: str) -> str:
        """See Facts."""
        return self.stopped.get(number, "")

    def consented(self, number: str, category: str) -> bool:
        """See Facts."""
        return number in self.opted_in

    def seen(self, dedupe: str, rule: str, key: str) -> str:
        """See Facts."""
        for message in self.sent.values():
            replaced = self.states[message.id] is State.QUEUED and key and (message.rule, message.key) == (rule, key)
            if message.dedupe == dedupe and not replaced and self.states[message.id] is not State.CANCELLED:
                return message.id
        return ""

    def sent_since(self, throttle_key: str, since: datetime) -> int:
        """See Facts."""
        planned = sum(m.throttle_key == throttle_key and m.created_at >= since for m in self.sent.values())
        return planned + sum(throttle_key.startswith(start) and at >= since for start, at in self.earlier)

    def newest(self, rule: str, key: str) -> Newest | None:
        """See Facts."""
        return self.records.get((rule, key))

    def apply(self, plan: Plan) -> None:
        """Remember a plan as the store does when it saves one."""
        for cancel in plan.cancels:
            self.records[cancel.rule, cancel.key] = (cancel.occurred_at, cancel.closes)
            for message in self.waiting():
                if message.rule == cancel.rule and cancel.key in {message.key, message.supersede}:
                    self.states[message.id] = State.CANCELLED
        for message in plan.messages:
            self.sent[message.id] = message
            self.states[message.id] = State.QUEUED

    def pass_time(self, now: datetime) -> None:
        """Send what is due by `now`."""
        for message in self.waiting():
            if message.due_at <= now:
                self.states[message.id] = State.ACCEPTED

    def waiting(self) -> list[Message]:
        """Return the messages that wait, in the order in which they leave."""
        queued = (m for m in self.sent.values() if self.states[m.id] is State.QUEUED)
        return sorted(queued, key=lambda message: message.due_at)
