"""Figures for machines, each from an index of few rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from audit.rows import LANES, ms
from audit.store import Tx

OPEN_EVENTS = ("received", "needs_lookup", "unreadable", "failed")
OPEN_MESSAGES = ("queued", "submitting", "unknown", "accepted", "sending", "sent")
LIMIT = 100_000
"""Counting stops here: a gauge of open work does not need to be exact beyond it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """(label, figure) pairs per metric."""

    events: list[tuple[str, float]]
    messages: list[tuple[str, float]]
    oldest_waiting: list[tuple[str, float]]


def alive(tx: Tx) -> None:
    """Touch the database."""
    tx.execute("select 1 from settings limit 1").fetchone()


def read(tx: Tx, now: datetime) -> Figures:
    """Return the figures as of now."""
    return Figures(
        events=[(state, _bounded(tx, "events", state)) for state in OPEN_EVENTS],
        messages=[(state, _bounded(tx, "messages", state)) for state in OPEN_MESSAGES],
        oldest_waiting=[(lane.code, _age(tx, rank, now)) for rank, lane in LANES.items()],
    )


def _bounded(tx: Tx, table: str, state: str) -> float:
    sql = f"select count(*) as n from (select 1 from {table} where state = ? limit {LIMIT})"  # noqa: S608 - our words
    return float(tx.execute(sql, (state,)).fetchone()["n"])


def _age(tx: Tx, lane: int, now: datetime) -> float:
    row = tx.execute(
        "select min(next_at) as t from messages where state = 'queued' and held = '' and lane = ? and next_at <= ?",
        (lane, ms(now)),
    ).fetchone()
    return 0.0 if row["t"] is None else max(0.0, (ms(now) - row["t"]) / 1000)
