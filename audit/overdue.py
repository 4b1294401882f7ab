"""Texts that are due, wait all the same, and will soon be too old to send."""

from __future__ import annotations

from datetime import datetime, timedelta

from audit import holding
from audit.counts import MANY, Pile
from audit.rows import LANES, ms
from audit.store import Tx

SOON = timedelta(hours=1)
MOST = 2_000
"""Rows looked at per lane: behind more than these, the lane itself is what a person has to look at."""

HELD = """
select due_at from messages where state = 'queued' and held <> '' and held = :mark
and expires_at between :now and :soon order by expires_at limit :many
"""
DUE = """
select due_at from (select due_at, expires_at from messages where state = 'queued' and held = '' and lane = :lane
    and next_at <= :now order by next_at, id limit :most) as first
where expires_at between :now and :soon order by due_at limit :many
"""


def expiring(tx: Tx, now: datetime) -> Pile:
    """Count what is due, has not left, and expires within the next hour."""
    values = {"now": ms(now), "soon": ms(now + SOON), "many": MANY, "most": MOST}
    found = [row["due_at"] for mark in holding.marks(tx) for row in tx.execute(HELD, {**values, "mark": mark})]
    for lane in LANES:
        found += [row["due_at"] for row in tx.execute(DUE, {**values, "lane": lane})]
    return Pile(count=min(len(found), MANY), oldest=min(found, default=0))
