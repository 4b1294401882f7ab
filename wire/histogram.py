"""Counting how long something took, in spans, as Prometheus wants it."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Histogram:
    """Times in seconds by span. `bounds` are the upper ends, ascending; what took longer is counted beyond the last.

    Any thread may note and read.
    """

    bounds: Sequence[float]
    total: float = 0.0
    counts: list[int] = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def note(self, seconds: float) -> None:
        """Count one time."""
        with self._lock:
            self.counts[bisect_left(self.bounds, seconds)] += 1
            self.total += seconds

    @property
    def buckets(self) -> list[tuple[str, float]]:
        """Each upper end with how many took no longer, the last one without end."""
        return cumulated([*zip(self.bounds, self.counts, strict=False)], sum(self.counts))


def cumulated(counted: Sequence[tuple[float, int]], whole: int) -> list[tuple[str, float]]:
    """Turn (upper end in seconds, how many in the span) pairs into Prometheus' buckets, each with all below it."""
    found, below = list[tuple[str, float]](), 0
    for bound, count in counted:
        below += count
        found.append((str(float(bound)), float(below)))
    return [*found, ("+Inf", float(whole))]
