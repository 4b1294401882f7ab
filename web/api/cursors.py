"""Where a list goes on: opaque words that only we can write, good for the list and the filters they were made for."""

from __future__ import annotations

import base64
import hmac

from web.api.problems import Problem, Trouble

MARK = 12
"""Bytes of the proof: nobody guesses 96 bits, and what a guess would show can be asked for openly."""


def write(key: str, listed: str, place: str) -> str:
    """Return the cursor for a place in a list; `listed` names the list with its filters."""
    return base64.urlsafe_b64encode(_proof(key, listed, place) + place.encode()).decode().rstrip("=")


def read(key: str, listed: str, cursor: str) -> str:
    """Return the place that a cursor means, "" for none. Raises Problem."""
    if not cursor:
        return ""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = raw[MARK:].decode()
    except ValueError:
        raise Problem(Trouble.BAD_CURSOR) from None
    if not hmac.compare_digest(raw[:MARK], _proof(key, listed, place)):
        raise Problem(Trouble.BAD_CURSOR)
    return place


def _proof(key: str, listed: str, place: str) -> bytes:
    return hmac.digest(key.encode(), f"{len(listed)}:{listed}{place}".encode(), "sha256")[:MARK]
