"""Attempts: written down before the call, what the gateway said of them after it, and those it said nothing of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from audit import caps, journal, parts, proofs
from audit.claims import Claimed, claimed_of
from audit.messages import state_of
from audit.rows import after, ms
from audit.store import Tx
from model.message import State
from model.sending import Outcome, Result

FOUND = "select state, tried, attempts, text, secret from messages where id = ? /* for update */"

SETTLE = """
update messages set state = :state, lease_until = 0,
    secret = case when :state = 'queued' or (:state = 'accepted' and next_after > 0) then secret else '' end,
    items = case when :state = 'queued' then items else '' end,
    provider_id = case when :provider <> '' then :provider else provider_id end, reason = :reason,
    next_at = :next_at, tried = :tried,
    accepted_at = coalesce(accepted_at, :accepted), final_at = coalesce(final_at, :final),
    cost = case when :cost <> '' then :cost else cost end,
    currency = case when :currency <> '' then :currency else currency end
where id = :id
"""
"""What a gateway's answer makes of a message."""


def begin_attempt(tx: Tx, claimed: Claimed, gateway: str, sent_to: str, now: datetime) -> None:
    """Write down, before the call, which gateway is about to get the message and for which number."""
    message, salt = claimed.message, proofs.salt()
    if claimed.counts and claimed.attempt == 1:
        caps.count(tx, message.recipient.region, now)
    tx.execute(
        "update messages set gateway = ?, sent_to = ?, salt = ? where id = ?", (gateway, sent_to, salt, message.id)
    )
    journal.note(
        tx, ms(now), "attempt", event_id=message.event_id, message_id=message.id, gateway=gateway,
        detail=str(claimed.attempt),
        proof=proofs.of_text(salt, message.recipient.number, sent_to, message.shown or message.text),
    )  # fmt: skip


def record_result(
    tx: Tx, claimed: Claimed, gateway: str, result: Result, state: State, next_at: datetime | None, now: datetime
) -> None:
    """Write what the gateway answered. A receipt may have been quicker: a state never moves backwards.

    After a lease has ended others may have taken the message over: then only that a gateway has it still counts.
    """
    stamp, message = ms(now), claimed.message
    values = {
        "attempt": claimed.attempt,
        "provider": result.provider_id,
        "reason": "" if result.outcome is Outcome.ACCEPTED else result.error.code,
        "next_at": ms(next_at) if next_at else after(now, message.next_after) if message.next_after else 0,
        "tried": ",".join(dict.fromkeys([*claimed.tried, gateway])),
        "accepted": stamp if result.outcome is Outcome.ACCEPTED else None,
        "cost": result.cost,
        "currency": result.currency,
        "id": message.id,
    }
    if not _settled(
        tx, f"{SETTLE} and state = 'submitting' and attempts = :attempt", state, values, stamp
    ):  # else it is not ours alone
        row = tx.execute(FOUND, (message.id,)).fetchone()
        current, tried = state_of(row["state"]), filter(None, row["tried"].split(","))
        values["tried"] = ",".join(dict.fromkeys([*tried, gateway]))
        moved = state if current is State.UNKNOWN or current.yields_to(state) else current
        if current is State.UNKNOWN and moved is State.QUEUED and message.text not in {row["text"], row["secret"]}:
            moved, values["next_at"] = State.FAILED, 0  # its words were wiped meanwhile: nothing is left to be sent
        # What somebody let leave again waits for its next attempt: a late no to the last one ends nothing.
        is_open = row["attempts"] == claimed.attempt and current is not State.QUEUED
        if is_open or result.outcome is Outcome.ACCEPTED:
            _settled(tx, SETTLE, moved, values, stamp)
    if claimed.attempt > 1 or result.parts:  # else there are none, and there were none
        parts.save_sent(tx, gateway, message.id, result)
    journal.note(
        tx, stamp, "outcome", event_id=message.event_id, message_id=message.id, gateway=gateway,
        reason=result.outcome.value, detail=f"{result.error.code} {result.code}".strip(),
    )  # fmt: skip


def _settled(tx: Tx, sql: str, state: State, values: Mapping[str, Any], stamp: int) -> bool:
    final = stamp if state.final else None
    return tx.execute(sql, {**values, "state": state.code, "final": final}).rowcount > 0


def recover(tx: Tx, now: datetime, *, everything: bool = False, lease: timedelta = timedelta(minutes=1)) -> list[str]:
    """Turn attempts nobody will finish (crash, lost lease) into `unknown`; claims without an attempt wait again.

    A lease that would last much longer than any does is from before the clock was set back: it ends a `lease` from now.
    """
    stamp = ms(now)
    tx.execute(
        "update messages set lease_until = ? where state = 'submitting' and lease_until > ?",
        (after(now, lease), after(now, 2 * lease)),
    )
    due = "" if everything else " and lease_until < :now"
    never_tried = (
        "not exists (select 1 from journal where journal.message_id = messages.id and kind = 'attempt' "
        "and journal.detail = cast(messages.attempts as text))"
    )
    tx.execute(
        f"update messages set state = 'queued', attempts = attempts - 1, lease_until = 0 "  # noqa: S608 - fixed words
        f"where state = 'submitting'{due} and {never_tried}",
        {"now": stamp},
    )
    rows = tx.execute(
        f"update messages set state = 'unknown', reason = 'unknown', lease_until = 0, secret = '', "  # noqa: S608 - fixed words
        "next_at = case when next_at > :now then :now else next_at end "
        f"where state = 'submitting'{due} returning id, event_id, gateway",
        {"now": stamp},
    ).fetchall()
    for row in rows:
        journal.note(
            tx, stamp, "outcome", event_id=row["event_id"], message_id=row["id"], gateway=row["gateway"],
            reason=Outcome.UNKNOWN.value, detail="The service stopped before the gateway's answer was written.",
        )  # fmt: skip
    return [row["id"] for row in rows]


def unknown_due(tx: Tx, now: datetime, again_in: timedelta) -> list[Claimed]:
    """Return unknown outcomes whose time to be looked at has come; each comes back after `again_in`."""
    rows = tx.execute(
        "update messages set next_at = :again where id in (select id from messages where state = 'unknown' "
        "and next_at <= :now order by id limit 100) returning *",
        {"now": ms(now), "again": after(now, again_in)},
    ).fetchall()
    return [claimed_of(row) for row in rows]


def requeue_unknown(tx: Tx, message_id: str, gateway: str, now: datetime) -> bool:
    """Let a message with unknown outcome leave again: by the same gateway, or ("") by any."""
    columns = ", gateways = ?, tried = ''" if gateway else ""
    values = (ms(now), *((gateway,) if gateway else ()), message_id)
    row = tx.execute(
        f"update messages set state = 'queued', next_at = ?{columns} where id = ? and state = 'unknown' "  # noqa: S608 - our own words
        "returning id, event_id",
        values,
    ).fetchone()
    if row is not None:
        journal.note(tx, ms(now), "released", event_id=row["event_id"], message_id=message_id, reason="unknown")
    return row is not None


def without_receipt(tx: Tx, now: datetime) -> list[Claimed]:
    """Return accepted messages whose rule gives a gateway only so long until a receipt."""
    rows = tx.execute(
        "select * from messages where state in ('accepted', 'sending', 'sent') and next_after > 0 and next_at <= ? "
        "and next_at > 0 order by id limit 100",
        (ms(now),),
    )
    return [claimed_of(row) for row in rows]


def fall_back(tx: Tx, claimed: Claimed, now: datetime, *, again: bool) -> None:
    """Let a message without a receipt leave by the next gateway, or stop waiting for one."""
    state, reason = ("queued", "no receipt") if again else (claimed.row["state"], "no gateway left")
    tx.execute(
        "update messages set state = ?, next_at = ?, next_after = case when ? = 1 then next_after else 0 end, "
        "secret = case when ? = 1 then secret else '' end where id = ?",
        (state, ms(now) if again else 0, again, again, claimed.message.id),
    )
    journal.note(
        tx, ms(now), "released", event_id=claimed.message.event_id, message_id=claimed.message.id, reason=reason
    )
