"""What comes back: receipts move a message on, replies are bound to what they answer, opt-outs are kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from audit import consent, dedupe, journal, parts
from audit.consent import Consent
from audit.messages import state_of
from audit.rows import digest, ms
from audit.store import Row, Tx, lock
from model.message import State
from model.sending import ErrorClass, Receipt, Reply, Result

KEEP_RECEIPT_KEYS = timedelta(days=7)
ANSWER_WINDOW = timedelta(days=14)
"""A text from a phone answers a text of this time at most."""
OPT_OUTS = frozenset({"stop", "stop?"})
IS_FOR = """
select 1 from messages where sent_to = :number and sent_to <> '' and gateway = :gateway and id in (
    select id from messages where provider_id = :id and provider_id <> ''
    union all select message_id from parts where provider_id = :id and provider_id <> '' and gateway = :gateway)
"""
EARLY = """
select unmatched.id, number from spellings join unmatched on unmatched.id = unmatched_id
where spelling = ? and gateway = ?
"""
ANY_EARLY = """
select 1 from unmatched where gateway = :gateway and provider_id = :id
union all select 1 from spellings where spelling = :id limit 1
"""
KEEP_EARLY = timedelta(days=1)
"""A receipt is quicker than its answer by seconds; after a day the provider may use the id again."""


def record(tx: Tx, gateway: str, receipt: Receipt, now: datetime) -> str:
    """Apply a receipt; return its message id, "" when no message is known yet (it is kept and matched later)."""
    key = digest("receipt", gateway, receipt.message_id or receipt.provider_id, receipt.raw_status, receipt.part)
    if not dedupe.claim(tx, key, receipt.provider_id or "-", now, KEEP_RECEIPT_KEYS):
        return receipt.message_id
    for one in sorted({receipt.provider_id, *receipt.spellings} - {""}):
        lock(tx, "provider", gateway, one)  # the answer to the submit may be on its way to disk: `match_waiting`
    found = _settle(tx, gateway, receipt, now)
    if not found:
        _keep_unmatched(tx, gateway, receipt, now)
    return found


def _settle(tx: Tx, gateway: str, receipt: Receipt, now: datetime) -> str:
    """Apply a receipt to the message or the part it is about; return the message's id, "" when there is none."""
    whole = parts.reported(tx, gateway, receipt.provider_id, receipt.state)
    if whole is not None:
        about = f"part {whole.part} of {whole.total}"
        row = tx.execute("select * from messages where id = ? /* for update */", (whole.message_id,)).fetchone()
        _apply(tx, gateway, row, replace(receipt, state=whole.state), now, f"{receipt.state.code}, {about}")
        return whole.message_id
    row = _find(tx, gateway, receipt)
    if row is not None:
        _apply(tx, gateway, row, receipt, now)
        return str(row["id"])
    for spelling in receipt.spellings:
        if _is_for(tx, gateway, spelling, receipt.number):
            return _settle(tx, gateway, replace(receipt, provider_id=spelling, spellings=()), now)
    return ""


def _is_for(tx: Tx, gateway: str, provider_id: str, number: str) -> bool:
    """Tell whether a text to this phone has that id: another spelling alone could be a stranger's id."""
    row = tx.execute(IS_FOR, {"gateway": gateway, "number": number, "id": provider_id}).fetchone()
    return row is not None


def _keep_unmatched(tx: Tx, gateway: str, receipt: Receipt, now: datetime) -> None:
    row = tx.execute(
        "insert into unmatched (gateway, provider_id, state, raw_status, error_code, number, at) "
        "values (?, ?, ?, ?, ?, ?, ?) returning id",
        (
            gateway, receipt.provider_id, receipt.state.code, receipt.raw_status, receipt.error_code, receipt.number,
            ms(now),
        ),
    ).fetchone()  # fmt: skip
    tx.executemany(
        "insert into spellings (spelling, unmatched_id) values (?, ?)",
        [(spelling, row["id"]) for spelling in receipt.spellings],
    )


def match_waiting(tx: Tx, gateway: str, taken: Result, now: datetime) -> None:
    """Apply the receipts that were quicker than the answer to the submit, for every part of the text."""
    ids = [part.provider_id for part in taken.parts] or [taken.provider_id]
    for each in sorted({*ids} - {""}):
        lock(tx, "provider", gateway, each)
        for early in _early(tx, gateway, each, now):
            receipt = Receipt(
                state=state_of(early["state"]), provider_id=each, raw_status=early["raw_status"],
                error_code=early["error_code"],
            )  # fmt: skip
            _settle(tx, gateway, receipt, now)


def _early(tx: Tx, gateway: str, provider_id: str, now: datetime) -> list[Row]:
    """Take out the receipts kept under an id: as it is, else under another spelling and for the same phone."""
    asked = {"id": provider_id, "gateway": gateway}
    if tx.execute(ANY_EARLY, asked).fetchone() is None:  # as nearly always
        return []
    taken = "returning id, state, raw_status, error_code, at"
    rows = tx.execute(
        f"delete from unmatched where gateway = ? and provider_id = ? {taken}",  # noqa: S608 - fixed words
        (gateway, provider_id),
    ).fetchall()
    if not rows:
        spelt = tx.execute(EARLY, (provider_id, gateway)).fetchall()
        ours = [one["id"] for one in spelt if _is_for(tx, gateway, provider_id, one["number"])]
        rows = [tx.execute(f"delete from unmatched where id = ? {taken}", (one,)).fetchone() for one in ours]  # noqa: S608 - our own words
    tx.executemany("delete from spellings where unmatched_id = ?", [(row["id"],) for row in rows])
    return [row for row in rows if row["at"] >= ms(now - KEEP_EARLY)]


def _find(tx: Tx, gateway: str, receipt: Receipt) -> Row | None:
    row: Row | None = None
    if receipt.message_id:
        row = tx.execute("select * from messages where id = ? /* for update */", (receipt.message_id,)).fetchone()
    if row is None and receipt.provider_id:
        row = tx.execute(  # the middle condition lets the partial index be used: without it every row is read
            "select * from messages where provider_id = ? and provider_id <> '' and gateway = ? /* for update */",
            (receipt.provider_id, gateway),
        ).fetchone()
    return row


def _apply(tx: Tx, gateway: str, row: Row, receipt: Receipt, now: datetime, about: str = "") -> None:
    current, stamp = state_of(row["state"]), ms(now)
    moves = current is State.SUBMITTING or current.yields_to(receipt.state)
    if moves:
        tx.execute(
            "update messages set state = ?, reason = ?, receipt_at = ?, lease_until = 0, "
            "secret = case when ? = 1 then '' else secret end, "
            "provider_id = case when provider_id = '' then ? else provider_id end, "
            "accepted_at = coalesce(accepted_at, ?), final_at = case when ? = 1 then ? else final_at end where id = ?",
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
        reason=receipt.state.code, detail=" ".join(filter(None, (receipt.raw_status, receipt.error_code, about))),
    )  # fmt: skip
    if receipt.error is ErrorClass.OPT_OUT:
        opt_out(tx, row["number"], "", f"{gateway} receipt", now)


def opt_out(tx: Tx, number: str, category: str, source: str, now: datetime) -> None:
    """Remember that a person wants no more texts ("" means of any category), as a provider says."""
    said = Consent(number=number, category=category, status="out", source=source, channel="provider", at=now)
    consent.record(tx, said, now)


def record_reply(tx: Tx, gateway: str, reply: Reply, intent: str, now: datetime) -> str | None:
    """Keep a reply once, bound to the newest text the phone got; return that message's id, "" when there is none.

    What it answers is decided later, where the rules are known (dispatch/replying.py). None: it was kept before.
    An opt-out is no response: it does not count for the rate of replies.
    """
    if not dedupe.claim(tx, digest("reply", gateway, reply.id), reply.id, now, KEEP_RECEIPT_KEYS):
        return None
    row = tx.execute(
        "select id, event_id from messages where number = ? and submitted_at >= ? and rule not like '-%' "
        "order by submitted_at desc limit 1",
        (reply.number, ms(now - ANSWER_WINDOW)),
    ).fetchone()
    message_id, event_id = (row["id"], row["event_id"]) if row else ("", "")
    tx.execute(
        "insert into replies (id, gateway, number, our_number, text, at, message_id, event_id, intent, state, "
        "provider_answers) values (?, ?, ?, ?, ?, ?, ?, ?, ?, 'new', ?)",
        (
            f"{gateway}:{reply.id}", gateway, reply.number, reply.to, reply.text, ms(now), message_id, event_id,
            intent, int(reply.opt_out),
        ),
    )  # fmt: skip
    tx.execute(
        "insert into conversations (number, last_at) values (?, ?) on conflict (number) do update set last_at = "
        "excluded.last_at",
        (reply.number, ms(now)),
    )
    if message_id and intent not in OPT_OUTS:
        tx.execute("update messages set replied_at = coalesce(replied_at, ?) where id = ?", (ms(now), message_id))
    journal.note(tx, ms(now), "reply", event_id=event_id, message_id=message_id, gateway=gateway, reason=intent)
    return str(message_id)
