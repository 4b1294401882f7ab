"""Verifications and the codes sent for them. The codes themselves are nowhere."""

from __future__ import annotations

from datetime import datetime, timedelta

from audit.rows import at, ms
from audit.store import Row, Tx
from model.verification import Refusal, Ruling, Stage, Standing

KEEP = timedelta(days=30)
COLUMNS = (
    "id, number, purpose, prefix, country, state, tries, created_at, expires_at, sent_at, settled_at, actor, refused, "
    "evidence, subject, asked_at, simulated, locale, domain"
)
INSERT = """
insert into verifications (id, number, purpose, prefix, country, state, created_at, expires_at, actor, subject,
    simulated, locale, domain)
values (:id, :number, :purpose, :prefix, :country, 'pending', :created_at, :expires_at, :actor, :subject,
    :simulated, :locale, :domain)
"""
HELD = f"""
select {COLUMNS} from verifications where subject = :subject and expires_at > :now
and state in ('pending', 'refused') and tries < :most order by id desc limit 1
"""  # noqa: S608 - our own columns
TRY = """
update verifications set tries = tries + 1
where id = :id and state in ('pending', 'refused') and expires_at > :now and tries < :most returning tries
"""
SETTLE = """
update verifications set state = :state, settled_at = :now, refused = :refused, evidence = :evidence
where id = :id and state in ('pending', 'refused')
"""
END = "update verifications set state = ?, settled_at = ? where id = ? and state in ('pending', 'refused')"
WAITING = """
select m.id from verification_sends s join messages m on m.event_id = s.event_id
where s.verification_id = ? and s.event_id <> '' and m.state = 'queued'
"""
NO_MORE = """
update messages set secret = '', next_after = 0, next_at = 0
where state in ('accepted', 'sending', 'sent') and next_after > 0 and event_id in (
    select event_id from verification_sends where verification_id = ? and event_id <> '')
"""
TALLY = """
insert into verification_totals (what, reason, total) values (?, ?, 1)
on conflict (what, reason) do update set total = verification_totals.total + 1
"""
LIST = f"""
select {COLUMNS} from verifications where (:number = '' or number = :number) and (:state = '' or state = :state)
order by created_at desc, id desc limit :limit
"""  # noqa: S608 - our own columns
STAGES = {stage.code: stage for stage in Stage}
REFUSALS = {refusal.code: refusal for refusal in Refusal}
RULINGS = {ruling.code: ruling for ruling in Ruling}


def held(tx: Tx, subject: str, most: int, now: datetime) -> Row | None:
    """Return the verification that a number and purpose still have, also one for which no code was sent."""
    row: Row | None = tx.execute(HELD, {"subject": subject, "most": most, "now": ms(now)}).fetchone()
    return row


def get(tx: Tx, verification_id: str) -> Row | None:
    """Return one verification."""
    sql = f"select {COLUMNS} from verifications where id = ?"  # noqa: S608 - our own columns
    row: Row | None = tx.execute(sql, (verification_id,)).fetchone()
    return row


def standing(row: Row, now: datetime) -> Standing:
    """Return how a verification stands as its operator sees it."""
    stage = STAGES[row["state"]]
    late = stage is Stage.PENDING and row["expires_at"] <= ms(now)
    return Standing(
        id=row["id"], stage=Stage.EXPIRED if late else stage, number=row["number"], country=row["country"],
        purpose=row["purpose"], tries=row["tries"], created_at=at(row["created_at"]), expires_at=at(row["expires_at"]),
        sent_at=_time(row["sent_at"]), settled_at=_time(row["settled_at"]), refusal=REFUSALS.get(row["refused"]),
        evidence=row["evidence"], simulated=bool(row["simulated"]), actor=row["actor"],
    )  # fmt: skip


def listing(tx: Tx, now: datetime, *, number: str = "", state: str = "", limit: int = 50) -> list[Standing]:
    """List verifications, newest first."""
    rows = tx.execute(LIST, {"number": number, "state": state, "limit": limit}).fetchall()
    return [standing(row, now) for row in rows]


def since(tx: Tx, begin: datetime) -> dict[str, int]:
    """Count the verifications begun since a moment, by state; simulated ones are left out."""
    rows = tx.execute(
        "select state, count(*) as n from verifications where created_at >= ? and simulated = 0 group by state",
        (ms(begin),),
    )
    return {row["state"]: int(row["n"]) for row in rows}


def add(tx: Tx, row: dict[str, object]) -> None:
    """Write a new verification."""
    tx.execute(INSERT, row)


def asked(tx: Tx, verification_id: str, now: datetime) -> None:
    """Note that a code was asked for, whether or not one is sent."""
    tx.execute("update verifications set asked_at = ? where id = ?", (ms(now), verification_id))


def sent(tx: Tx, verification_id: str, now: datetime) -> None:
    """Note that a code went out, also for one that was refused before."""
    tx.execute(
        "update verifications set sent_at = ?, settled_at = 0, state = 'pending', refused = '', evidence = '' "
        "where id = ?",
        (ms(now), verification_id),
    )


def count_sent(tx: Tx, row: Row, *, event_id: str, origin: str, cost: int, now: datetime) -> None:
    """Count a code that went out towards the limits."""
    tx.execute(
        "insert into verification_sends (verification_id, number, prefix, country, origin, at, cost, event_id) "
        "values (?, ?, ?, ?, ?, ?, ?, ?)",
        (row["id"], row["number"], row["prefix"], row["country"], origin, ms(now), cost, event_id),
    )


def take_try(tx: Tx, verification_id: str, most: int, now: datetime) -> int:
    """Use up one try and return how many are used, 0 where none is left; one statement makes two checks two tries."""
    row = tx.execute(TRY, {"id": verification_id, "most": most, "now": ms(now)}).fetchone()
    return int(row["tries"]) if row else 0


def settle(tx: Tx, verification_id: str, stage: Stage, now: datetime, refused: str = "", evidence: str = "") -> None:
    """End a verification, or note why it gets no code."""
    values = {"state": stage.code, "now": ms(now), "refused": refused, "evidence": evidence[:300]}
    tx.execute(SETTLE, {**values, "id": verification_id})


def end(tx: Tx, verification_id: str, stage: Stage, now: datetime) -> bool:
    """End a verification and leave why no code was sent; False where it had ended."""
    return tx.execute(END, (stage.code, ms(now), verification_id)).rowcount > 0


def waiting_texts(tx: Tx, verification_id: str) -> list[str]:
    """Return the texts with its code that have not left."""
    return [row["id"] for row in tx.execute(WAITING, (verification_id,)).fetchall()]


def no_other_way(tx: Tx, verification_id: str) -> None:
    """Keep a text with its code, which had no receipt yet, from leaving once more by the next gateway."""
    tx.execute(NO_MORE, (verification_id,))


def expire(tx: Tx, now: datetime) -> int:
    """End what nobody entered in time, and forget what is past its time; return how many expired."""
    tx.execute("delete from verification_sends where at < ?", (ms(now - KEEP),))
    tx.execute("delete from verifications where created_at < ? and state <> 'pending'", (ms(now - KEEP),))
    tx.execute("delete from verification_rulings where until <= ?", (ms(now),))
    count = tx.execute(
        "update verifications set state = 'expired', settled_at = ? where state = 'pending' and expires_at <= ?",
        (ms(now), ms(now)),
    ).rowcount
    for _ in range(count):
        tally(tx, "expired")
    return count


def tally(tx: Tx, what: str, reason: str = "") -> None:
    """Count something for the figures that only grow."""
    tx.execute(TALLY, (what, reason))


def totals(tx: Tx) -> list[tuple[str, str, int]]:
    """Return what happened how often since the beginning, with the reason of refusals."""
    rows = tx.execute("select what, reason, total from verification_totals order by what, reason").fetchall()
    return [(row["what"], row["reason"], row["total"]) for row in rows]


def _time(value: int) -> datetime | None:
    return at(value) if value else None
