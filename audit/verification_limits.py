"""What the limits on verification codes count, and what an operator said about neighbouring numbers."""

from __future__ import annotations

from datetime import datetime, timedelta

from audit import journal
from audit.rows import at, ms
from audit.store import Row, Tx
from audit.verifications import RULINGS
from model.verification import Counts, Neighbours, Policy, Ruling

DAY = timedelta(hours=24)
CONVERSION = """
select count(*) as judged, count(case when state = 'approved' then 1 end) as entered
from verifications where prefix = :prefix and created_at between :since and :until and sent_at > 0 and simulated = 0
"""
NOT_ENTERED = """
select count(*) as n from verification_sends s join verifications v on v.id = s.verification_id
where s.prefix = ? and s.at > ? and v.state <> 'approved'
"""
WRONG = """
select coalesce(sum(tries), 0) as n from verifications
where number = :number and created_at > :since and state <> 'approved' and simulated = 0
and created_at > coalesce((select max(created_at) from verifications where number = :number and state = 'approved'), 0)
"""
BY_PREFIX = """
select prefix, country, count(*) as asked, count(case when sent_at > 0 then 1 end) as sent,
    count(case when state = 'approved' then 1 end) as entered, count(case when refused <> '' then 1 end) as refused
from verifications where created_at > ? and prefix <> '' and simulated = 0
group by prefix, country order by asked desc, prefix limit ?
"""
RULED = """
insert into verification_rulings (prefix, ruling, until, reason, actor, at) values (?, ?, ?, ?, ?, ?)
on conflict (prefix) do update set ruling = excluded.ruling, until = excluded.until, reason = excluded.reason,
    actor = excluded.actor, at = excluded.at
"""


def counts(tx: Tx, policy: Policy, row: Row, origin: str, now: datetime) -> Counts:
    """Count what the limits look at."""

    def since(column: str, value: object, span: timedelta) -> int:
        found = tx.execute(
            f"select count(*) as n from verification_sends where {column} = ? and at > ?",  # noqa: S608 - one of our columns
            (value, ms(now - span)),
        ).fetchone()
        return int(found["n"])

    country = policy.per_country if row["country"] in policy.home else policy.abroad
    near = of_neighbours(tx, policy, row["prefix"], now)
    spent = _spent(tx, now) if policy.spend or policy.spend_abroad else {}
    wrong = tx.execute(WRONG, {"number": row["number"], "since": ms(now - policy.wrong.within)})
    return Counts(
        number=since("number", row["number"], policy.per_number.within),
        origin=since("origin", origin, policy.per_origin.within) if origin else 0,
        country=since("country", row["country"], country.within),
        prefix=near.prefix, judged=near.judged, entered=near.entered, ruling=near.ruling,
        spent=sum(spent.values()), wrong=int(wrong.fetchone()["n"]),
        spent_abroad=sum(cost for place, cost in spent.items() if place not in policy.home),
    )  # fmt: skip


def of_neighbours(tx: Tx, policy: Policy, prefix: str, now: datetime) -> Counts:
    """Count what concerns neighbouring numbers only."""
    since = ms(now - policy.per_prefix.within)
    found = tx.execute(CONVERSION, {"prefix": prefix, "since": since, "until": ms(now - policy.patience)}).fetchone()
    open_ = tx.execute(NOT_ENTERED, (prefix, since)).fetchone()
    ruled = ruling(tx, prefix, now)
    return Counts(
        prefix=int(open_["n"]), judged=found["judged"], entered=found["entered"],
        ruling=RULINGS[ruled["ruling"]] if ruled else None,
    )  # fmt: skip


def by_prefix(tx: Tx, policy: Policy, now: datetime, limit: int = 50) -> list[Neighbours]:
    """Return how codes to neighbouring numbers fared within a day, busiest first, without saying why not."""
    rows = tx.execute(BY_PREFIX, (ms(now - DAY), limit)).fetchall()
    return [_neighbours(tx, policy, row, now) for row in rows]


def ruling(tx: Tx, prefix: str, now: datetime) -> Row | None:
    """Return what an operator said about a prefix, if it still holds."""
    sql = "select prefix, ruling, until, reason, actor from verification_rulings where prefix = ? and until > ?"
    row: Row | None = tx.execute(sql, (prefix, ms(now))).fetchone()
    return row


def rule(tx: Tx, prefix: str, wanted: Ruling, until: datetime, reason: str, actor: str, now: datetime) -> None:
    """Write down what an operator says about neighbouring numbers, for a while."""
    tx.execute(RULED, (prefix, wanted.code, ms(until), reason, actor, ms(now)))
    detail = f"{prefix}: {wanted.code} until {until:%Y-%m-%d %H:%M} UTC. {reason}".strip()
    journal.note(tx, ms(now), "operator", reason="codes ruled", actor=actor, detail=detail)


def release(tx: Tx, prefix: str, actor: str, now: datetime) -> bool:
    """End what an operator said; the limits decide again. False where nobody had."""
    if tx.execute("delete from verification_rulings where prefix = ?", (prefix,)).rowcount == 0:
        return False
    journal.note(tx, ms(now), "operator", reason="codes released", actor=actor, detail=prefix)
    return True


def _spent(tx: Tx, now: datetime) -> dict[str, int]:
    """Return what codes cost within a day, by country."""
    sql = "select country, sum(cost) as n from verification_sends where at > ? group by country"
    return {row["country"]: int(row["n"]) for row in tx.execute(sql, (ms(now - DAY),)).fetchall()}


def _neighbours(tx: Tx, policy: Policy, row: Row, now: datetime) -> Neighbours:
    ruled = ruling(tx, row["prefix"], now)
    return Neighbours(
        prefix=row["prefix"], country=row["country"], asked=row["asked"], sent=row["sent"], entered=row["entered"],
        refused=row["refused"], counts=of_neighbours(tx, policy, row["prefix"], now), why="",
        until=at(ruled["until"]) if ruled else None,
    )  # fmt: skip
