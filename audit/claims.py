"""Claims: which messages are due, whose they are while they leave, and how they are given back unused."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from audit import holding, journal
from audit.messages import end
from audit.rows import LANES, after, at, message_of, ms
from audit.store import Row, Tx
from model.message import Message, State
from model.reasons import Because
from model.steering import Cap, Pause, Steering

log = logging.getLogger("tidings.audit")

CLAIM = """
with due as materialized (
    select id from messages where state = 'queued' and held = '' and lane = :lane and next_at <= :now
    and (recheck = '' or rechecked_at > :fresh and rechecked_at <= :now)
    order by next_at, id limit :limit /* for update skip locked */
) update messages set state = 'submitting', lease_until = :lease, attempts = attempts + 1, submitted_at = :now
where id in (select id from due) returning *
"""

NEXT_DUE = """
select next_at from messages where state = 'queued' and held = '' and lane = :lane and next_at <= :soon
and (recheck = '' or rechecked_at > :fresh and rechecked_at <= :now) order by next_at limit 1
"""

TO_RECHECK = """
select * from messages where state = 'queued' and held = '' and lane = :lane and next_at <= :now
and recheck <> '' and (rechecked_at <= :fresh or rechecked_at > :now) order by next_at limit :limit
"""
# An answer from later than now is from before the clock was set back: nobody knows how old it is.
# One look for each lane: only then does the index lead straight to what is due, past any number of later ones.

ROUNDS = 8
"""How often one claim goes on past what is paused; each round sets aside a batch of it."""

SOON = timedelta(seconds=5)
"""How far `next_due` looks ahead. Nobody sleeps longer."""

STALE_CHECK = timedelta(minutes=1)
"""An answer of the source older than this is asked for again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A message that is ours to hand over, and what was tried before. It `counts` where there are caps."""

    message: Message
    attempt: int
    tried: tuple[str, ...]
    row: Mapping[str, Any]
    counts: bool = False


def claim_next(
    tx: Tx, now: datetime, lease: timedelta, limit: int, *, steering: Steering | None = None
) -> list[Claimed]:
    """Take what is due, most urgent lane first. What is past its time to live ends here instead.

    What a pause stops is set aside, each message once, and does not count: nobody waits behind it.
    """
    values = {"now": ms(now), "lease": after(now, lease), "fresh": ms(now - STALE_CHECK)}
    claimed: list[Claimed] = []
    for _ in range(ROUNDS):
        rows = _by_lane(tx, CLAIM, values, limit - len(claimed))
        found, stopped = _sorted_out(tx, rows, steering or Steering(), now)
        claimed += found
        if not stopped or len(claimed) >= limit:
            break
        for pause in stopped:
            holding.hold_due(tx, pause, now)
    return claimed


def claim_one(tx: Tx, message_id: str, now: datetime, lease: timedelta) -> Claimed:
    """Take one waiting message, whatever else waits. Raises KeyError when it does not wait."""
    row = tx.execute(
        "update messages set state = 'submitting', lease_until = :lease, attempts = attempts + 1, submitted_at = :now "
        "where id = :id and state = 'queued' returning *",
        {"id": message_id, "now": ms(now), "lease": after(now, lease)},
    ).fetchone()
    if row is None:
        raise KeyError(message_id)
    return claimed_of(row)


def _by_lane(tx: Tx, sql: str, values: Mapping[str, int], limit: int) -> list[Row]:
    """Run a query for one lane after the other, the most urgent first, until there are enough rows."""
    rows: list[Row] = []
    for lane in LANES:
        if len(rows) < limit:
            rows += tx.execute(sql, {**values, "lane": lane, "limit": limit - len(rows)}).fetchall()
    return rows


def _sorted_out(
    tx: Tx, rows: Iterable[Row], steering: Steering, now: datetime
) -> tuple[list[Claimed], dict[Pause, None]]:
    """Keep of the claimed rows what may leave; return it with the pauses that were met."""
    claimed, stopped = list[Claimed](), dict[Pause, None]()
    for row in rows:
        try:
            found = claimed_of(row)
        except Exception:  # noqa: BLE001 - one row that cannot be read must not keep its lane from leaving
            spoiled(tx, row["id"], now)
            continue
        message = found.message
        pause = steering.pause_of(message.rule, message.lane)
        if message.expires_at <= now:
            end(tx, message.id, State.EXPIRED, Because.EXPIRED, now)
        elif pause is None:
            cap = _full(steering, message, claimed) if steering.caps else None
            if cap is None:
                claimed.append(replace(found, counts=True) if steering.caps else found)
            else:
                holding.hold(tx, message.id, cap.mark(message.lane))
        else:
            holding.hold(tx, message.id, pause.mark)
            stopped[pause] = None
    return sorted(claimed, key=lambda one: (one.message.lane.rank, one.message.due_at, one.message.id)), stopped


def _full(steering: Steering, message: Message, claimed: Iterable[Claimed]) -> Cap | None:
    """Return the cap that keeps a message until tomorrow; what was claimed beside it is as good as gone."""
    beside = [one.message.recipient.region for one in claimed]
    covering = steering.caps_of(message.recipient.region)
    return next((cap for cap in covering if cap.is_full(message.lane, _share(cap, beside))), None)


def _share(cap: Cap, countries: Sequence[str]) -> int:
    """Count the texts to these countries that a cap of texts has not seen yet."""
    return 0 if cap.name.startswith("money/") else sum(cap.covers(country) for country in countries)


def claimed_of(row: Row) -> Claimed:
    """Read a claimed message back from its row."""
    tried = tuple(filter(None, row["tried"].split(",")))
    return Claimed(message=message_of(row), attempt=row["attempts"], tried=tried, row=dict(row))


def spoiled(tx: Tx, message_id: str, now: datetime) -> None:
    """End a message that cannot be handed over because of a defect, so that the others go on. Call while handling."""
    log.exception("message cannot be handed over", extra={"id": message_id})
    end(tx, message_id, State.FAILED, Because.BROKEN, now)


def release(tx: Tx, claimed: Claimed, next_at: datetime, now: datetime, why: str) -> None:
    """Give a claim back unused: no attempt was made."""
    tx.execute(
        "update messages set state = 'queued', attempts = attempts - 1, lease_until = 0, next_at = ? "
        "where id = ? and state = 'submitting'",
        (ms(next_at), claimed.message.id),
    )
    if why:
        journal.note(
            tx, ms(now), "released", message_id=claimed.message.id, event_id=claimed.message.event_id, reason=why
        )


def unused(tx: Tx, claimed: Claimed, now: datetime) -> bool:
    """Let a message leave by another claim that was not handed over in time; False where others have it already."""
    row = tx.execute(
        "update messages set state = 'queued', lease_until = 0, next_at = ? "
        "where id = ? and state = 'submitting' and attempts = ? returning id, event_id",
        (ms(now), claimed.message.id, claimed.attempt),
    ).fetchone()
    if row is not None:
        journal.note(tx, ms(now), "released", event_id=row["event_id"], message_id=row["id"], reason="lease")
    return row is not None


def next_due(tx: Tx, now: datetime) -> datetime | None:
    """Return when the next message is due that waits for nothing but its time; None where that is not soon."""
    values = {"fresh": ms(now - STALE_CHECK), "now": ms(now), "soon": after(now, SOON)}
    found = [row["next_at"] for lane in LANES for row in tx.execute(NEXT_DUE, {**values, "lane": lane})]
    return at(min(found)) if found else None


def needing_recheck(tx: Tx, now: datetime, limit: int) -> list[Row]:
    """Return due messages whose source has to be asked first."""
    return _by_lane(tx, TO_RECHECK, {"now": ms(now), "fresh": ms(now - STALE_CHECK)}, limit)


def rechecked(tx: Tx, message: Message, outcome: str, detail: str, next_at: datetime, now: datetime) -> None:
    """Note what the source said about a message that is about to leave."""
    tx.execute(
        "update messages set rechecked_at = ?, next_at = ? where id = ? and state = 'queued'",
        (ms(now) if outcome == "go" else 0, ms(next_at), message.id),
    )
    journal.note(
        tx, ms(now), "rechecked", event_id=message.event_id, message_id=message.id, reason=outcome, detail=detail[:200]
    )
