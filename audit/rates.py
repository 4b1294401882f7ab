"""What each gateway may still be given, shared by all processes that send (decision 23).

An allowance is one number: when it will be whole again. To draw moves that on by the time it takes to grow back. What
was drawn by a process that died has grown back by then, so nobody has to give anything back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from audit.store import Tx

MICROSECONDS = 1_000_000
FAR = 20
"""An allowance that would be whole only after so many times its size (and a minute) comes from before the clock was set
back: it counts as empty, or nothing would leave until the clock is there again."""

MINUTE = 60 * MICROSECONDS
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BEGINS = "case when rates.full_at > :now then rates.full_at else :now end"
DRAW = f"""
insert into rates (name, full_at, drawn) values (:name, :whole, 0)
on conflict (name) do update set
    drawn = case when :most < :room - {BEGINS} then :most else :room - {BEGINS} end,
    full_at = case when :most < :room - {BEGINS} then {BEGINS} + :most else :room end
where {BEGINS} + :least <= :room
returning full_at, drawn
"""  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How many segments somebody wants of an allowance: at `least` so many, at `most` so many.

    `size` is what is saved up when nobody sends, `kept` what of it has to stay for others.
    """

    name: str
    per_second: float
    size: float
    kept: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """What came of a wish: so many segments, or none and a time at which there may be enough."""

    segments: float = 0.0
    free_at: datetime | None = None


def draw(tx: Tx, wish: Wish, now: datetime) -> Drawn:
    """Draw from an allowance what there is of a wish, in one statement; one that is not known yet begins empty."""
    stamp = (now - EPOCH) // timedelta(microseconds=1)
    room = stamp + _lasts(wish, wish.size - wish.kept)
    whole = _lasts(wish, wish.size)
    values = {
        "name": wish.name, "now": stamp, "whole": stamp + whole, "room": room, "far": stamp + FAR * whole + MINUTE,
        "least": _lasts(wish, wish.least), "most": _lasts(wish, max(wish.least, wish.most)),
    }  # fmt: skip
    row = tx.execute(DRAW, values).fetchone()
    if row is not None and row["drawn"]:
        return Drawn(row["drawn"] * wish.per_second / MICROSECONDS)
    tx.execute("update rates set full_at = :whole where name = :name and full_at > :far", values)
    found = tx.execute("select full_at from rates where name = :name", values).fetchone()
    begins = max(stamp, int(found["full_at"])) if found else stamp
    return Drawn(free_at=now + timedelta(microseconds=max(begins + _lasts(wish, wish.least) - room, 1)))


def _lasts(wish: Wish, segments: float) -> int:
    """Return how long so much takes to grow back, in microseconds, rounded up: too little rather than too much."""
    return math.ceil(segments * MICROSECONDS / wish.per_second - 1e-6)
