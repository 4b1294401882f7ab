"""Messages that wait for the end of a pause: set aside with a mark, so that no claim meets them again and again."""

from __future__ import annotations

from datetime import datetime

from audit.rows import ms
from audit.store import Tx
from model.message import Lane
from model.steering import Pause

BATCH = 1000
"""Rows changed in one go: a long pause must not keep the one writer from what comes in."""

HOLD_DUE = """
update messages set held = :mark where id in (
    select id from messages where state = 'queued' and held = '' and lane = :lane and next_at <= :now
    and (:scope = 'all' or rule = :name) order by next_at, id limit :limit /* for update skip locked */)
"""
NEXT_MARK = "select min(held) as held from messages where state = 'queued' and held <> '' and held > ?"
FREE = """
update messages set held = '' where id in (
    select id from messages where state = 'queued' and held <> '' and held = ? limit ?)
"""
EXPIRED = """
select id from messages where state = 'queued' and held <> '' and held = ? and expires_at <= ? limit ?
"""


def hold(tx: Tx, message_id: str, mark: str) -> None:
    """Set a claimed message aside: no attempt was made."""
    tx.execute(
        "update messages set state = 'queued', attempts = attempts - 1, lease_until = 0, held = ? "
        "where id = ? and state = 'submitting'",
        (mark, message_id),
    )


def hold_due(tx: Tx, pause: Pause, now: datetime) -> None:
    """Set aside what else is due and stopped by the same pause."""
    for lane in Lane:
        if lane.code not in pause.spared:
            tx.execute(
                HOLD_DUE,
                {"mark": pause.mark, "lane": lane.rank, "now": ms(now), "scope": pause.scope, "name": pause.name,
                 "limit": BATCH},
            )  # fmt: skip


def marks(tx: Tx) -> list[str]:
    """Return what messages wait for; one look into the index for each, however many wait."""
    found: list[str] = []
    while (mark := tx.execute(NEXT_MARK, (found[-1] if found else "",)).fetchone()["held"]) is not None:
        found.append(mark)
    return found


def free(tx: Tx, mark: str) -> int:
    """Let what waits for `mark` go on, in its old order; return how many, at most a batch."""
    return tx.execute(FREE, (mark, BATCH)).rowcount


def expired(tx: Tx, mark: str, now: datetime) -> list[str]:
    """Return what waited for `mark` longer than it lives, at most a batch."""
    return [row["id"] for row in tx.execute(EXPIRED, (mark, ms(now), BATCH))]
