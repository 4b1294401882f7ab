"""How many requests a key may make in a minute."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime

WINDOW = 60
"""Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What is left of a key's minute. `resets_in` is in seconds."""

    limit: int
    left: int
    resets_in: int
    within: bool

    @property
    def headers(self) -> dict[str, str]:
        """Say it as draft-ietf-httpapi-ratelimit-headers-10 does (read 2026-11)."""
        found = {
            "RateLimit-Policy": f'"minute";q={self.limit};w={WINDOW}',
            "RateLimit": f'"minute";r={self.left};t={self.resets_in}',
        }
        return found if self.within else {**found, "Retry-After": str(self.resets_in)}


class Limits:
    """Counts requests per key in whole minutes. A process counts for itself; one process answers the API."""

    def __init__(self, per_minute: int) -> None:
        self._limit = per_minute
        self._seen: dict[int, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def take(self, key_id: int, now: datetime) -> Allowance:
        """Count one request."""
        window, into = divmod(int(now.timestamp()), WINDOW)
        with self._lock:
            then, count = self._seen.get(key_id, (window, 0))
            count = count + 1 if then == window else 1
            self._seen[key_id] = (window, count)
        return Allowance(
            limit=self._limit, left=max(self._limit - count, 0), resets_in=WINDOW - into, within=count <= self._limit
        )
