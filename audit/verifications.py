"""Verifications and the codes sent for them. The codes themselves are nowhere."""

from __future__ import annotations

from datetime import datetime, timedelta

from audit.rows import ms
from audit.store import Row, Tx
from model.verification import Counts, Policy, Stage

KEEP = timedelta(days=30)
CONVERSION = """
select count(*) as judged, count(case when state = 'approved' then 1 end) as entered
from verifications where prefix = :prefix and created_at between :since and :until and sent_at > 0
"""


INSERT = """
insert into verifications (id, number, purpose, prefix, country, state, created_at, expires_at, actor)
values (:id, :number, :purpose, :prefix, :country, 'pending', :created_at, :expires_at, :actor)
"""
SETTLE = """
update verifications set state = :state, settled_at = :now, refused = :refused, evidence = :evidence
where id = :id and state = 'pending'
"""
BY_PREFIX = """
select prefix, country, count(*) as asked, count(case when sent_at > 0 then 1 end) as sent,
    count(case when state = 'approved' then 1 end) as entered, count(case when state = 'refused' then 1 end) as refused,
    max(evidence) as evidence
from verifications where created_at > ? group by prefix, country order by asked desc limit ?
"""


def open_for(tx: Tx, number: str, purpose: str, now: datetime) -> Row | None:
    """Return the verification whose code is still good for a number and purpose."""
    row: Row | None = tx.execute(
        "select * from verifications where number = ? and purpose = ? and state = 'pending' and expires_at > ? "
        "order by id desc limit 1",
        (number, purpose, ms(now)),
    ).fetchone()
    return row


def get(tx: Tx, verification_id: str) -> Row | None:
    """Return one verification."""
    row: Row | None = tx.execute("select * from verifications where id = ?", (verification_id,)).fetchone()
    return row


def add(tx: Tx, row: dict[str, object]) -> None:
    """Write a new verification."""
    tx.execute(INSERT, row)


def sent(tx: Tx, row: Row, origin: str, cost: int, now: datetime) -> None:
    """Note that a code went out."""
    tx.execute("update verifications set sent_at = ? where id = ?", (ms(now), row["id"]))
    tx.execute(
        "insert into verification_sends (verification_id, number, prefix, country, origin, at, cost) "
        "values (?, ?, ?, ?, ?, ?, ?)",
        (row["id"], row["number"], row["prefix"], row["country"], origin, ms(now), cost),
    )


def take_try(tx: Tx, verification_id: str) -> int:
    """Use up one try and return how many are used; the store's one writer makes two checks two tries."""
    row = tx.execute(
        "update verifications set tries = tries + 1 where id = ? returning tries", (verification_id,)
    ).fetchone()
    return int(row["tries"]) if row else 0


def settle(tx: Tx, verification_id: str, stage: Stage, now: datetime, refused: str = "", evidence: str = "") -> None:
    """End a verification."""
    values = {"state": stage.code, "now": ms(now), "refused": refused, "evidence": evidence[:300]}
    tx.execute(SETTLE, {**values, "id": verification_id})


def expire(tx: Tx, now: datetime) -> int:
    """End what nobody entered in time, and forget what is past its time; return how many expired."""
    tx.execute("delete from verification_sends where at < ?", (ms(now - KEEP),))
    tx.execute("delete from verifications where created_at < ? and state <> 'pending'", (ms(now - KEEP),))
    return tx.execute(
        "update verifications set state = 'expired', settled_at = ? where state = 'pending' and expires_at <= ?",
        (ms(now), ms(now)),
    ).rowcount


def counts(tx: Tx, policy: Policy, row: dict[str, object], origin: str, now: datetime) -> Counts:
    """Count what the limits look at."""

    def since(column: str, value: object, span: timedelta) -> int:
        found = tx.execute(
            f"select count(*) as n from verification_sends where {column} = ? and at > ?",  # noqa: S608 - one of our columns
            (value, ms(now - span)),
        ).fetchone()
        return int(found["n"])

    at_home = row["country"] in policy.home
    country = policy.per_country if at_home else policy.abroad
    span = {
        "prefix": row["prefix"],
        "since": ms(now - policy.per_prefix.within),
        "until": ms(now - policy.patience),
    }
    conversion = tx.execute(CONVERSION, span).fetchone()
    spent = tx.execute(
        "select coalesce(sum(cost), 0) as n from verification_sends where at > ?", (ms(now - timedelta(hours=24)),)
    ).fetchone()
    return Counts(
        number=since("number", row["number"], policy.per_number.within),
        origin=since("origin", origin, policy.per_origin.within) if origin else 0,
        prefix=since("prefix", row["prefix"], policy.per_prefix.within),
        country=since("country", row["country"], country.within),
        judged=conversion["judged"],
        entered=conversion["entered"],
        spent=int(spent["n"]),
    )


def by_prefix(tx: Tx, since: datetime, limit: int = 50) -> list[Row]:
    """Return how many codes went to neighbouring numbers and how many were entered, busiest first."""
    return tx.execute(BY_PREFIX, (ms(since), limit)).fetchall()
