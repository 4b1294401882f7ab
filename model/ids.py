"""Ids that sort by time: a letter for the kind, then 13 characters that grow with the clock.

41 bits of milliseconds, 10 bits of node, 12 bits of counter, written in base 32. Rows that arrive together lie
together on disk, and "newer than" is a comparison of ids.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
EPOCH = datetime(2025, 1, 1, tzinfo=UTC)


class Ids:
    """Makes ids for one process. `node` (0 to 1023) keeps processes apart; two threads never get the same id."""

    def __init__(self, clock: Callable[[], datetime], node: int = 0) -> None:
        self._clock, self._node = clock, node & 0x3FF
        self._last = 0
        self._lock = threading.Lock()

    def __call__(self, kind: str) -> str:
        """Return the next id of `kind`, one letter: e event, m message, i incoming."""
        stamp = int((self._clock() - EPOCH).total_seconds() * 1000) << 12
        with self._lock:
            self._last = max(stamp, self._last + 1)
            tick = self._last
        return kind + _base32((tick >> 12 << 22) | (self._node << 12) | (tick & 0xFFF))


def first(kind: str, moment: datetime) -> str:
    """Return the smallest id of `kind` that can be made at that moment: what is older has a smaller one."""
    stamp = max(0, int((moment - EPOCH).total_seconds() * 1000))
    return kind + _base32(stamp << 22)


def _base32(number: int) -> str:
    """Write 63 bits as 13 digits."""
    return "".join([ALPHABET[number >> shift & 31] for shift in range(60, -1, -5)])
