"""What comes back: receipts move a message on, replies are bound to what they answer, opt-outs are kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from audit import events, journal
from audit.messages import state_of
from audit.rows import digest, ms
from audit.store import Row, Tx
from model.message import State
from model.sending import ErrorClass, Receipt, Reply

KEEP_RECEIPT_KEYS = timedelta(days=7)
ANSWER_WINDOW = timedelta(days=14)


def record(tx: Tx, gateway: str, receipt: Receipt, now: datetime) -> str:
    """Apply a receipt; return its message id, "" when no message is known yet (it is kept and matched later)."""
    key = digest("receipt", gateway, receipt.message_id or receipt.provider_id, receipt.raw_status, receipt.part)
    if not events.claim(tx, key, receipt.provider_id or "-", now, KEEP_RECEIPT_KEYS):
        return receipt.message_id
    row = _find(tx, gateway, receipt)
    if row is None:
        tx.execute(
            "insert into unmatched (gateway, provider_id, state, raw_status, error_code, at) values (?, ?, ?, ?, ?, ?)",
            (gateway, receipt.provider_id, receipt.state.code, receipt.raw_status, receipt.error_code, ms(now)),
        )
        return ""
    _apply(tx, gateway, row, receipt, now)
    return str(row["id"])


def match_waiting(tx: Tx, gateway: str, provider_id: str, now: datetime) -> None:
    """Apply the receipts that were quicker than the answer to the submit."""
    if not provider_id:
        return
    rows = tx.execute(
        "delete from unmatched where gateway = ? and provider_id = ? returning state, raw_status, error_code",
        (gateway, provider_id),
    ).fetchall()
    for early in rows:
        receipt = Receipt(
            state=state_of(early["state"]), provider_id=provider_id, raw_status=early["raw_status"],
            error_code=early["error_code"],
        )  # fmt: skip
        row = _find(tx, gateway, receipt)
        if row is not None:
            _apply(tx, gateway, row, receipt, now)


def _find(tx: Tx, gateway: str, receipt: Receipt) -> Row | None:
    row: Row | None = None
    if receipt.message_id:
        row = tx.execute("select * from messages where id = ?", (receipt.message_id,)).fetchone()
    if row is None and receipt.provider_id:
        row = tx.execute(
            "select * from messages where provider_id = ? and gateway = ?", (receipt.provider_id, gateway)
        ).fetchone()
    return row


def _apply(tx: Tx, gateway: str, row: Row, receipt: Receipt, now: datetime) -> None:
    current, stamp = state_of(row["state"]), ms(now)
    moves = current is State.SUBMITTING or current.yields_to(receipt.state)
    if moves:
        tx.execute(
            "update messages set state = ?, reason = ?, receipt_at = ?, lease_until = 0, "
            "secret = case when ? then '' else secret end, "
            "provider_id = case when provider_id = '' then ? else provider_id end, "
            "accepted_at = coalesce(accepted_at, ?), final_at = case when ? then ? else final_at end where id = ?",
            (
                receipt.state.code,
                receipt.error_code if receipt.state is not State.DELIVERED else "",
                ms(receipt.at) if receipt.at else stamp,
                receipt.state.final,
                receipt.provider_id,
                stamp,
                receipt.state.final,
                stamp,
                row["id"],
            ),
        )
    journal.note(
        tx, stamp, "receipt", event_id=row["event_id"], message_id=row["id"], gateway=gateway,
        reason=receipt.state.code, detail=" ".join(filter(None, (receipt.raw_status, receipt.error_code))),
    )  # fmt: skip
    if receipt.error is ErrorClass.OPT_OUT:
        opt_out(tx, row["number"], "", f"{gateway} receipt", now)


def opt_out(tx: Tx, number: str, category: str, source: str, now: datetime) -> None:
    """Remember that a person wants no more texts ("" means of any category)."""
    set_consent(tx, number, category, "out", source, now)


def set_consent(tx: Tx, number: str, category: str, status: str, source: str, now: datetime) -> None:
    """Remember a person's wish; `status` is in or out."""
    tx.execute(
        "insert into consent (number, category, status, source, wording, at) values (?, ?, ?, ?, '', ?) "
        "on conflict (number, category) do update set status = excluded.status, source = excluded.source, "
        "at = excluded.at",
        (number, category, status, source, ms(now)),
    )
    journal.note(tx, ms(now), f"opt_{status}", reason=category, actor=source)


def record_reply(tx: Tx, gateway: str, reply: Reply, intent: str, now: datetime) -> str:
    """Keep a reply once, bound to the last text the phone got; return that message's id."""
    if not events.claim(tx, digest("reply", gateway, reply.id), reply.id, now, KEEP_RECEIPT_KEYS):
        return ""
    row = tx.execute(
        "select id, event_id from messages where number = ? and submitted_at >= ? order by submitted_at desc limit 1",
        (reply.number, ms(now - ANSWER_WINDOW)),
    ).fetchone()
    message_id, event_id = (row["id"], row["event_id"]) if row else ("", "")
    tx.execute(
        "insert into replies (id, gateway, number, our_number, text, at, message_id, intent) "
        "values (?, ?, ?, ?, ?, ?, ?, ?)",
        (f"{gateway}:{reply.id}", gateway, reply.number, reply.to, reply.text, ms(now), message_id, intent),
    )
    if message_id:
        tx.execute("update messages set replied_at = coalesce(replied_at, ?) where id = ?", (ms(now), message_id))
    journal.note(tx, ms(now), "reply", event_id=event_id, message_id=message_id, gateway=gateway, reason=intent)
    return str(message_id)
