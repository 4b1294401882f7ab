"""How fast may each gateway be where several processes send? Allowances in the database, drawn from in small helpings.

A helping is at most what this process is about to send, and is good for a quarter of a second; what is not used by then
is gone, and has grown back in the meantime. The allowance saves up so much less: in any stretch of time all processes
together hand over no more than one process alone would (dispatch/rates.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from audit.rates import Drawn, Wish, draw
from audit.store import Store
from dispatch.rates import MOST_SENDERS, kept_of
from model.message import Lane, Message

GOOD_FOR = 0.25
"""Seconds within which a helping has to be used."""

NEARLY = 1e-6
"""Segments; the database counts in whole microseconds."""


@dataclass(slots=True)
class Helping:
    """What this process may still hand over of what it drew, and until when."""

    segments: float = 0.0
    until: datetime | None = None

    def at(self, now: datetime) -> float:
        """Return what is left of it."""
        good = self.until is not None and now <= self.until <= now + timedelta(seconds=GOOD_FOR)
        return self.segments if good else 0.0  # one that would be good for longer is from before the clock was set back


@dataclass(slots=True)
class SharedRates:
    """The allowances of all gateways that have a limit, and of each sender number where a gateway limits those, too.

    What urgent texts drew out of the share that is kept for them, others may not use: each has helpings of its own.
    """

    store: Store
    per_second: Mapping[str, float] = field(default_factory=dict)
    per_sender: Mapping[str, float] = field(default_factory=dict)
    helpings: dict[tuple[str, bool], Helping] = field(default_factory=dict)
    expected: Counter[bool] = field(default_factory=Counter)

    def expect(self, messages: Sequence[Message]) -> None:
        """Learn how many segments are about to be asked for, of urgent texts and of others."""
        self.expected.clear()
        for message in messages:
            self.expected[_is_urgent(message.lane)] += max(message.segments, 1)

    def take(self, gateway: str, sender: str, segments: int, lane: Lane, now: datetime) -> datetime | None:
        """Take the segments of a message from both allowances, or from neither; see `Limits`. Raises StoreDown."""
        segments, taken = max(segments, 1), list[Helping]()
        for name, per_second in self._names(gateway, sender):
            helping = self.helpings.setdefault((name, _is_urgent(lane)), Helping())
            if helping.at(now) + NEARLY < segments:
                free_at = self._help(helping, self._wish(name, per_second, segments - helping.at(now), lane), now)
                if free_at is not None:
                    return free_at
            taken.append(helping)
        for helping in taken:
            helping.segments = max(helping.segments - segments, 0.0)
        self.expected[_is_urgent(lane)] -= segments
        return None

    def _names(self, gateway: str, sender: str) -> list[tuple[str, float]]:
        """Return the allowances a message needs; the sender's first, for where it is used up nothing need be drawn."""
        if len(self.helpings) >= MOST_SENDERS:
            self.helpings.clear()
        found = [
            (f"{gateway} {sender}", self.per_sender.get(gateway, 0.0)),
            (gateway, self.per_second.get(gateway, 0.0)),
        ]
        return [(name, per_second) for name, per_second in found if per_second > 0]

    def _wish(self, name: str, per_second: float, segments: float, lane: Lane) -> Wish:
        kept = kept_of(per_second, lane)
        return Wish(
            name=name, per_second=per_second, size=max(per_second * (1 - GOOD_FOR), segments + kept), kept=kept,
            least=segments, most=min(per_second * GOOD_FOR, float(self.expected[_is_urgent(lane)])),
        )  # fmt: skip

    def _help(self, helping: Helping, wish: Wish, now: datetime) -> datetime | None:
        """Draw a helping, or return when there may be one."""
        drawn: Drawn = self.store.aside(lambda tx: draw(tx, wish, now))
        if drawn.segments <= 0:
            return drawn.free_at
        left, until = helping.at(now), now + timedelta(seconds=GOOD_FOR)
        helping.until = min(helping.until or until, until) if left > 0 else until
        helping.segments = left + drawn.segments
        return None


def _is_urgent(lane: Lane) -> bool:
    return lane.rank < Lane.NORMAL.rank
