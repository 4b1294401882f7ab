"""How fast may each gateway be? Token buckets, counted in segments, with a share kept for what is urgent. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from model.message import Lane, Message

RESERVED = 0.2
"""The share of a gateway's rate that bulk and normal messages leave to codes and high priority."""

MOST_SENDERS = 10_000


class Limits(Protocol):
    """What a worker asks before it hands over: the buckets of one process, or allowances that all processes share."""

    def expect(self, messages: Sequence[Message]) -> None:
        """Learn what is about to be asked for, so that it can be fetched in one go."""

    def take(self, gateway: str, sender: str, segments: int, lane: Lane, now: datetime) -> datetime | None:
        """Take the tokens of a message from the gateway's allowance and its sender's, or from neither.

        Returns when to come back where one has too few, None when taken.
        """


def kept_of(per_second: float, lane: Lane) -> float:
    """Return what a message of this lane has to leave to more urgent ones; a slow gateway keeps nothing back."""
    return per_second * RESERVED if lane.rank >= Lane.NORMAL.rank and per_second >= 1 / RESERVED else 0.0


@dataclass(slots=True)
class Bucket:
    """One gateway's allowance: `per_second` segments, at most one second's worth (and one text) saved up."""

    per_second: float
    tokens: float = 0.0
    filled_at: datetime | None = None

    def missing(self, segments: int, lane: Lane, now: datetime) -> datetime | None:
        """Return when there will be enough tokens for a message; None when there are."""
        kept = kept_of(self.per_second, lane)
        size = max(self.per_second, segments + kept)
        if self.filled_at is None:
            self.tokens = size
        else:
            passed = max((now - self.filled_at).total_seconds(), 0.0)
            self.tokens = min(size, self.tokens + passed * self.per_second)
        self.filled_at = now
        missing = segments + kept - self.tokens
        return None if missing <= 1e-9 else now + timedelta(seconds=missing / self.per_second)

    def take(self, segments: int, lane: Lane, now: datetime) -> datetime | None:
        """Take the tokens of a message, or return when there will be enough."""
        until = self.missing(segments, lane, now)
        if until is None:
            self.tokens -= segments
        return until


@dataclass(slots=True)
class Rates:
    """The buckets of all gateways that have a limit, and of each sender number where a gateway limits those, too."""

    buckets: Mapping[str, Bucket] = field(default_factory=dict)
    per_sender: Mapping[str, float] = field(default_factory=dict)
    senders: dict[tuple[str, str], Bucket] = field(default_factory=dict)

    @classmethod
    def of(cls, per_second: Mapping[str, float], per_sender: Mapping[str, float] | None = None) -> Rates:
        """Make a bucket for every gateway with a limit."""
        limits = {name: rate for name, rate in (per_sender or {}).items() if rate > 0}
        return cls({name: Bucket(rate) for name, rate in per_second.items() if rate > 0}, limits)

    def expect(self, messages: Sequence[Message]) -> None:
        """Need no warning: it is all here."""

    def take(self, gateway: str, sender: str, segments: int, lane: Lane, now: datetime) -> datetime | None:
        """Take the tokens of a message from both buckets, or from neither; see `Limits`."""
        buckets = self._of(gateway, sender)
        waits = [until for bucket in buckets if (until := bucket.missing(max(segments, 1), lane, now))]
        if waits:
            return max(waits)
        for bucket in buckets:
            bucket.take(max(segments, 1), lane, now)
        return None

    def _of(self, gateway: str, sender: str) -> list[Bucket]:
        found = [self.buckets[gateway]] if gateway in self.buckets else []
        if gateway in self.per_sender:
            if len(self.senders) >= MOST_SENDERS:
                self.senders.clear()  # each begins with one second saved up: a burst of one text, once in a long time
            found.append(self.senders.setdefault((gateway, sender), Bucket(self.per_sender[gateway])))
        return found
