"""A configured source: one connector with its name, secrets and limits."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.base import Connector

DEFAULT_MAX_BODY = 1_000_000
"""Bytes. Senders advise themselves to stay under 20 kB; a batch of 100 orders is near 600 kB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One system that may knock at /hooks/<name>. `per_second` 0 means unlimited.

    `subscribe` lets us make and keep the system's subscriptions.
    """

    name: str
    connector: Connector
    secrets: Sequence[str] = field(default=(), repr=False)
    max_body: int = DEFAULT_MAX_BODY
    per_second: int = 0
    poll_every: timedelta | None = None
    subscribe: bool = False


class Meter:
    """Counts requests per source in one-second buckets."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def allows(self, source: Source, now: datetime) -> bool:
        """Count one request; False when the source is over its limit in this second."""
        if not source.per_second:
            return True
        second = int(now.timestamp())
        with self._lock:
            then, count = self._seen.get(source.name, (second, 0))
            count = count + 1 if then == second else 1
            self._seen[source.name] = (second, count)
        return count <= source.per_second
