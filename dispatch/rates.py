"""How fast may each gateway be? Token buckets, counted in segments, with a share kept for what is urgent. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from model.message import Lane

RESERVED = 0.2
"""The share of a gateway's rate that bulk and normal messages leave to codes and high priority."""


@dataclass(slots=True)
class Bucket:
    """One gateway's allowance: `per_second` segments, at most one second's worth (and one text) saved up."""

    per_second: float
    tokens: float = 0.0
    filled_at: datetime | None = None

    def take(self, segments: int, lane: Lane, now: datetime) -> datetime | None:
        """Take the tokens of a message, or return when there will be enough."""
        size = max(self.per_second, float(segments))
        if self.filled_at is None:
            self.tokens = size
        else:
            passed = max((now - self.filled_at).total_seconds(), 0.0)
            self.tokens = min(size, self.tokens + passed * self.per_second)
        self.filled_at = now
        kept = self.per_second * RESERVED if lane.rank >= Lane.NORMAL.rank and self.per_second >= 1 / RESERVED else 0.0
        missing = segments + kept - self.tokens
        if missing <= 1e-9:
            self.tokens -= segments
            return None
        return now + timedelta(seconds=missing / self.per_second)


@dataclass(slots=True)
class Rates:
    """The buckets of all gateways that have a limit."""

    buckets: Mapping[str, Bucket] = field(default_factory=dict)

    @classmethod
    def of(cls, per_second: Mapping[str, float]) -> Rates:
        """Make a bucket for every gateway with a limit."""
        return cls({name: Bucket(rate) for name, rate in per_second.items() if rate > 0})

    def take(self, gateway: str, segments: int, lane: Lane, now: datetime) -> datetime | None:
        """Take the tokens of a message; return when to come back where there are too few, None when taken."""
        bucket = self.buckets.get(gateway)
        return bucket.take(max(segments, 1), lane, now) if bucket else None
