"""Messages: the queue and the record in one table. Every change of state is written before or with what it follows."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from audit import caps, holding, journal, links, parts, proofs
from audit.rows import LANES, after, at, digest, message_of, message_values, ms
from audit.store import Row, Store, Tx, lock
from model.event import Event
from model.message import Cancel, Message, State
from model.reasons import Because
from model.sending import Outcome, Result
from model.steering import Cap, Pause, Steering

log = logging.getLogger("tidings.audit")
COLUMNS = (
    "id, event_id, source, event_type, rule, rule_hash, step, key, number, number_field, country, warning, text, "
    "secret, locale, encoding, segments, sender, lane, gateways, category, campaign, supersede, items, throttle_key, "
    "redact, on_unknown, next_after, recheck, links, state, created_at, due_at, expires_at, next_at"
)
INSERT = f"insert into messages ({COLUMNS}) values ({', '.join(':' + name for name in COLUMNS.split(', '))})"  # noqa: S608 - our own words
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

TAKEN_PERHAPS = """exists (select 1 from journal where journal.message_id = messages.id and journal.message_id <> ''
    and journal.kind = 'outcome' and journal.reason in ('accepted', 'unknown'))"""
"""Whether a gateway may have a message already that waits to leave once more."""

WAITING = """coalesce(state, '') = 'queued' and id in (
    select id from messages where state = 'queued' and rule = :rule and key = :key
    union all
    select id from messages where state = 'queued' and rule = :rule and supersede = :key and supersede <> ''
)"""
"""What waits for a record. Each half has an index of its own; with an `or` every message that waits would be read.

The state stands outside as well: a server that had to wait for a claim looks at that once more, not at what is inside.
Inside of `coalesce`, or SQLite would begin with it and read all that waits.
"""

HAD = f"""
update messages set state = 'unknown', reason = 'unknown', next_at = :now
where {WAITING} and {TAKEN_PERHAPS}
returning id, event_id
"""  # noqa: S608 - our own words

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


def insert_message(tx: Tx, message: Message, event: Event) -> None:
    """Queue a message; its dedupe key is taken in the same transaction."""
    for key in filter(None, (message.key, message.supersede)):
        lock(tx, "record", message.rule, key)  # so that a cancellation at the same time meets it, or is met
    tx.execute(INSERT, {**message_values(message, event), "state": State.QUEUED.code})
    links.save(tx, message)
    if message.dedupe:
        until = message.dedupe_until or message.expires_at
        tx.execute(
            "insert into dedupe (hash, ref, until) values (?, ?, ?) "
            "on conflict (hash) do update set ref = excluded.ref, until = excluded.until",
            (digest("message", message.dedupe), message.id, ms(until)),
        )


def hand_on(tx: Tx, message: Message) -> None:
    """Let a text that goes on with what another one gathered hold its dedupe keys: those events are told in it."""
    tx.execute(
        "update dedupe set ref = ? where ref in "  # noqa: S608 - our own words
        "(select id from messages where state = 'queued' and rule = ? and supersede = ? and supersede <> '' "
        f"and not {TAKEN_PERHAPS})",
        (message.id, message.rule, message.supersede),
    )


def apply_cancel(tx: Tx, cancel: Cancel, stamp: int) -> None:
    """End what waits for a record, and remember the newest word on it."""
    lock(tx, "record", cancel.rule, cancel.key)
    for row in tx.execute(HAD, {"now": stamp, "rule": cancel.rule, "key": cancel.key}).fetchall():
        # To leave once more is not to wait: a phone may have it, so it can neither be taken back nor be replaced.
        journal.note(tx, stamp, "released", event_id=row["event_id"], message_id=row["id"], reason=cancel.because.code)
    rows = tx.execute(
        "update messages set state = 'cancelled', reason = :reason, final_at = :now, secret = '', items = '' "  # noqa: S608 - our own words
        f"where {WAITING} returning id, event_id",
        {"reason": cancel.because.code, "now": stamp, "rule": cancel.rule, "key": cancel.key},
    ).fetchall()
    for row in rows:
        # What never left may be texted after all when the record returns to where it was.
        tx.execute("delete from dedupe where ref = ?", (row["id"],))
        _ended(tx, stamp, row, cancel.because)
    tx.execute(
        "insert into records (rule, key, occurred_at, closed) values (:rule, :key, :at, :closed) "
        "on conflict (rule, key) do update set occurred_at = excluded.occurred_at, closed = excluded.closed "
        "where excluded.occurred_at >= records.occurred_at",
        {"rule": cancel.rule, "key": cancel.key, "at": ms(cancel.occurred_at), "closed": int(cancel.closes)},
    )


def _ended(tx: Tx, stamp: int, row: Row, because: Because, actor: str = "") -> None:
    journal.note(tx, stamp, "ended", event_id=row["event_id"], message_id=row["id"], reason=because.code, actor=actor)


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
            found = _claimed(row)
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


def spoiled(tx: Tx, message_id: str, now: datetime) -> None:
    """End a message that cannot be handed over because of a defect, so that the others go on. Call while handling."""
    log.exception("message cannot be handed over", extra={"id": message_id})
    end(tx, message_id, State.FAILED, Because.BROKEN, now)


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


def end(tx: Tx, message_id: str, state: State, because: Because, now: datetime, actor: str = "") -> bool:
    """End a message that has not left. Returns False when it is past that."""
    row = tx.execute(
        "update messages set state = ?, reason = ?, final_at = ?, lease_until = 0, secret = '', items = '' "
        "where id = ? and state in ('queued', 'submitting') returning id, event_id",
        (state.code, because.code, ms(now), message_id),
    ).fetchone()
    if row is not None:
        _ended(tx, ms(now), row, because, actor)
    return row is not None


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


def next_due(tx: Tx, now: datetime) -> datetime | None:
    """Return when the next message is due that waits for nothing but its time; None where that is not soon."""
    values = {"fresh": ms(now - STALE_CHECK), "now": ms(now), "soon": after(now, SOON)}
    found = [row["next_at"] for lane in LANES for row in tx.execute(NEXT_DUE, {**values, "lane": lane})]
    return at(min(found)) if found else None


def get(tx: Tx, message_id: str) -> Row | None:
    """Read one message."""
    row: Row | None = tx.execute("select * from messages where id = ?", (message_id,)).fetchone()
    return row


def state_of(code: str) -> State:
    """Return the state called `code`."""
    return STATES[code]


STATES = {state.code: state for state in State}


def listing(
    store: Store, *, state: str = "", number: str = "", rule: str = "", before: str = "", limit: int = 50
) -> list[Row]:
    """List messages, newest first, from `before` on."""
    values = {"state": state, "number": number, "rule": rule, "before": before, "limit": limit}
    where = ["1 = 1", *(f"{n} = :{n}" for n in ("state", "number", "rule") if values[n])]
    where += ["id < :before"] if before else []
    with store.read() as tx:
        return tx.execute(
            f"select * from messages where {' and '.join(where)} order by id desc limit :limit",  # noqa: S608 - fixed words
            values,
        ).fetchall()


def unknown_due(tx: Tx, now: datetime, again_in: timedelta) -> list[Claimed]:
    """Return unknown outcomes whose time to be looked at has come; each comes back after `again_in`."""
    rows = tx.execute(
        "update messages set next_at = :again where id in (select id from messages where state = 'unknown' "
        "and next_at <= :now order by id limit 100) returning *",
        {"now": ms(now), "again": after(now, again_in)},
    ).fetchall()
    return [_claimed(row) for row in rows]


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


def waiting_of(tx: Tx, rules: frozenset[str]) -> list[Message]:
    """Return the messages of these rules that still wait."""
    marks = ", ".join("?" * len(rules))
    rows = tx.execute(
        f"select * from messages where state = 'queued' and rule in ({marks}) order by due_at",  # noqa: S608 - marks
        tuple(sorted(rules)),
    )
    return [message_of(row) for row in rows]


def rewrite(tx: Tx, message: Message, actor: str, now: datetime) -> None:
    """Give a waiting message the words and the time that the rules have for it now."""
    tx.execute(
        "update messages set text = :text, secret = :secret, locale = :locale, encoding = :encoding, "
        "segments = :segments, sender = :sender, rule_hash = :rule_hash, due_at = :due_at, next_at = :due_at, "
        "expires_at = :expires_at, gateways = :gateways, lane = :lane, number = :number, number_field = :number_field, "
        "links = :links, held = '', salt = '' where id = :id and state = 'queued'",
        {name: value for name, value in message_values(message, None).items() if name != "event_type"},
    )
    links.save(tx, message)
    journal.note(
        tx, ms(now), "operator", event_id=message.event_id, message_id=message.id, actor=actor, reason="re-rendered"
    )


def drop(tx: Tx, message: Message, because: Because, actor: str, now: datetime) -> bool:
    """End a waiting message and let its record be texted again."""
    done = end(tx, message.id, State.CANCELLED, because, now, actor)
    if done:
        tx.execute("delete from dedupe where ref = ?", (message.id,))
    return done


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


def without_receipt(tx: Tx, now: datetime) -> list[Claimed]:
    """Return accepted messages whose rule gives a gateway only so long until a receipt."""
    rows = tx.execute(
        "select * from messages where state in ('accepted', 'sending', 'sent') and next_after > 0 and next_at <= ? "
        "and next_at > 0 order by id limit 100",
        (ms(now),),
    )
    return [_claimed(row) for row in rows]


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


def _claimed(row: Row) -> Claimed:
    tried = tuple(filter(None, row["tried"].split(",")))
    return Claimed(message=message_of(row), attempt=row["attempts"], tried=tried, row=dict(row))
