"""Campaigns: what is to be texted to whom, who approved it, and how far it got."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from audit import campaign_later, journal
from audit.rows import ms
from audit.store import Row, Tx

OPEN = ("draft", "approved", "running", "paused", "stopped")
DAY_MS = 86_400_000
COUNT = """
insert into campaign_counts (campaign_id, variant, measure, label, amount) values (?, ?, ?, ?, ?)
on conflict (campaign_id, variant, measure, label) do update set amount = campaign_counts.amount + excluded.amount
"""
COUNT_DAY = """
insert into campaign_days (campaign_id, day, country, currency, texts, segments, micros) values (?, ?, ?, ?, ?, ?, ?)
on conflict (campaign_id, day, country, currency) do update set texts = campaign_days.texts + excluded.texts,
    segments = campaign_days.segments + excluded.segments, micros = campaign_days.micros + excluded.micros
"""


def add(tx: Tx, row: dict[str, object]) -> None:
    """Write a new campaign."""
    tx.execute(
        "insert into campaigns (id, rule, rule_hash, list_id, state, actor, created_at, changed, changed_by, "
        "changed_at) values (:id, :rule, :rule_hash, :list_id, 'draft', :actor, :created_at, 'prepared', :actor, "
        ":created_at)",
        row,
    )


def get(tx: Tx, campaign_id: str) -> Row | None:
    """Return one campaign."""
    row: Row | None = tx.execute("select * from campaigns where id = ?", (campaign_id,)).fetchone()
    return row


def lock(tx: Tx, campaign_id: str) -> Row | None:
    """Return one campaign to the only transaction that may change it now."""
    row: Row | None = tx.execute("update campaigns set id = id where id = ? returning *", (campaign_id,)).fetchone()
    return row


def of_rule(tx: Tx, rule: str) -> int:
    """Count the campaigns a rule had."""
    return int(tx.execute("select count(*) as n from campaigns where rule = ?", (rule,)).fetchone()["n"])


def listing(tx: Tx) -> list[Row]:
    """Return all campaigns, newest first."""
    return tx.execute("select * from campaigns order by created_at desc, id desc").fetchall()


def running(tx: Tx) -> list[Row]:
    """Return the campaigns that are under way."""
    return tx.execute("select * from campaigns where state = 'running' order by id").fetchall()


def troubled(tx: Tx, day: int) -> list[Row]:
    """Return the campaigns a person should look at: stopped by themselves, parked, or near a cap on this day."""
    return tx.execute(
        "select * from campaigns where state = 'stopped' or (state = 'running' and (parked <> '' or warned_day = ?)) "
        "order by id",
        (day,),
    ).fetchall()


def approve(tx: Tx, campaign_id: str, actor: str, now: datetime) -> int:
    """Note an approval; return how many people approved. Fifty clicks of one person are one approval."""
    tx.execute(
        "insert into approvals (campaign_id, actor, at) values (?, ?, ?) on conflict (campaign_id, actor) do nothing",
        (campaign_id, actor, ms(now)),
    )
    row = tx.execute("select count(*) as n from approvals where campaign_id = ?", (campaign_id,)).fetchone()
    journal.note(tx, ms(now), "operator", actor=actor, reason="campaign approved", detail=campaign_id)
    return int(row["n"])


def approvals(tx: Tx, campaign_id: str) -> list[Row]:
    """Return who approved a campaign, and when."""
    return tx.execute(
        "select actor, at from approvals where campaign_id = ? order by at, actor", (campaign_id,)
    ).fetchall()


def move(tx: Tx, campaign_id: str, state: str, actor: str, now: datetime, reason: str = "") -> bool:
    """Move a campaign on; False when it is already over."""
    ends = state in {"done", "cancelled"}
    moved = tx.execute(
        "update campaigns set state = :state, reason = :reason, parked = '', parked_until = 0, "
        "started_at = case when :state = 'running' and started_at = 0 then :now else started_at end, "
        "ended_at = :ended where id = :id and state not in ('done', 'cancelled')",
        {"state": state, "reason": reason, "now": ms(now), "ended": ms(now) if ends else 0, "id": campaign_id},
    ).rowcount
    if moved:
        changed(tx, campaign_id, state, actor, now, reason)
    return moved > 0


def changed(tx: Tx, campaign_id: str, what: str, actor: str, now: datetime, detail: str = "") -> None:
    """Note a change that others who look at a campaign must see before they change it, too."""
    tx.execute(
        "update campaigns set version = version + 1, changed = ?, changed_by = ?, changed_at = ? where id = ?",
        (what, actor, ms(now), campaign_id),
    )
    journal.note(
        tx, ms(now), "operator", actor=actor, reason=f"campaign {what}", detail=f"{campaign_id} {detail}".strip()
    )


def set_pace(tx: Tx, campaign_id: str, rate: float, budget: int) -> None:
    """Set by hand what the rule says otherwise: texts per second (-1: as the rule says) and millionths of money."""
    tx.execute("update campaigns set rate = ?, budget = ? where id = ?", (rate, budget, campaign_id))


def begin_run(tx: Tx, campaign_id: str, failed: int, ended: int) -> None:
    """Begin to judge failures anew: those of earlier runs were looked at by whoever started it again."""
    tx.execute("update campaigns set failed_before = ?, ended_before = ? where id = ?", (failed, ended, campaign_id))


def park(tx: Tx, campaign_id: str, why: str, until: int) -> None:
    """Plan nothing of a campaign until then (milliseconds); "" and 0 let it go on."""
    tx.execute("update campaigns set parked = ?, parked_until = ? where id = ?", (why, until, campaign_id))


def uncap(tx: Tx, campaign_id: str, day: int) -> int:
    """Lift the caps of a campaign for a day; return how many people waited for the next one."""
    tx.execute("update campaigns set uncapped_day = ?, parked = '', parked_until = 0 where id = ?", (day, campaign_id))
    return campaign_later.release(tx, campaign_id, day)


def warned(tx: Tx, campaign_id: str, day: int, words: str, now: datetime) -> None:
    """Note once a day that a cap of a campaign is nearly used up."""
    done = tx.execute(
        "update campaigns set warned_day = :day where id = :id and warned_day <> :day", {"day": day, "id": campaign_id}
    ).rowcount
    if done:
        journal.note(tx, ms(now), "limit", actor="campaign", reason="nearly used up", detail=f"{campaign_id} {words}")


def planned(tx: Tx, campaign_id: str, row: int, last_due: datetime, texts: int, skipped: int) -> None:
    """Note how far planning got; in the transaction that saves the plans, so that nobody is planned twice."""
    tx.execute(
        "update campaigns set row = ?, last_due = ?, planned = planned + ?, skipped = skipped + ? where id = ?",
        (row, ms(last_due), texts, skipped, campaign_id),
    )


def count(tx: Tx, campaign_id: str, amounts: Mapping[tuple[str, str, str], int]) -> None:
    """Add to what is counted by (variant, measure, label)."""
    tx.executemany(COUNT, [(campaign_id, *key, amount) for key, amount in amounts.items()])


def counts(tx: Tx, campaign_id: str) -> list[Row]:
    """Return what was counted."""
    return tx.execute(
        "select variant, measure, label, amount from campaign_counts where campaign_id = ? order by 1, 2, 3",
        (campaign_id,),
    ).fetchall()


def count_day(tx: Tx, campaign_id: str, day: int, amounts: Mapping[tuple[str, str], tuple[int, int, int]]) -> None:
    """Add to a day's (texts, segments, millionths) by (country, currency)."""
    tx.executemany(COUNT_DAY, [(campaign_id, day, *key, *amount) for key, amount in amounts.items()])


def days(tx: Tx, campaign_id: str) -> list[Row]:
    """Return what was planned per day, country and currency."""
    return tx.execute(
        "select day, country, currency, texts, segments, micros from campaign_days where campaign_id = ?",
        (campaign_id,),
    ).fetchall()


def span(tx: Tx, list_id: str) -> tuple[int, int]:
    """Return the first and the last row of a list, (0, 0) of an empty one."""
    first = tx.execute("select min(row) as n from list_rows where list_id = ?", (list_id,)).fetchone()["n"]
    last = tx.execute("select max(row) as n from list_rows where list_id = ?", (list_id,)).fetchone()["n"]
    return first or 0, last or 0


def waiting(tx: Tx, campaign_id: str) -> int:
    """Count the texts of a campaign that have not left yet."""
    row = tx.execute(
        "select count(*) as n from messages where campaign = ? and campaign <> '' and state = 'queued'", (campaign_id,)
    ).fetchone()
    return int(row["n"])


def states(tx: Tx, campaign_id: str) -> dict[str, int]:
    """Count a campaign's texts by state."""
    rows = tx.execute(
        "select state, count(*) as n from messages where campaign = ? and campaign <> '' group by state", (campaign_id,)
    )
    return {row["state"]: row["n"] for row in rows}


def held(tx: Tx, campaign_id: str) -> dict[str, int]:
    """Count a campaign's texts that are set aside for a pause or a cap, by their mark."""
    rows = tx.execute(
        "select held, count(*) as n from messages where campaign = ? and campaign <> '' and state = 'queued' "
        "and held <> '' group by held",
        (campaign_id,),
    )
    return {row["held"]: row["n"] for row in rows}


def respace(tx: Tx, campaign_id: str, now: datetime, rate: float, *, everything: bool = False) -> None:
    """Space out again what waited through a pause, or all of it would leave at once; `everything` for another rate."""
    rows = tx.execute(
        "select id from messages where campaign = ? and campaign <> '' and state = 'queued' and next_at < ? "
        "order by due_at, id",
        (campaign_id, ms(now) + (DAY_MS * 3660 if everything else 0)),
    ).fetchall()
    step = 1000 / rate if rate else 0
    tx.executemany(
        "update messages set next_at = ? where id = ?",
        [(ms(now) + round(place * step), row["id"]) for place, row in enumerate(rows)],
    )
    last = ms(now) + round(len(rows) * step)
    tx.execute(
        "update campaigns set last_due = case when last_due > ? and ? = 0 then last_due else ? end where id = ?",
        (last, int(everything), last, campaign_id),
    )


def queued(tx: Tx, campaign_id: str, limit: int) -> list[str]:
    """Return texts of a campaign that have not left yet."""
    rows = tx.execute(
        "select id from messages where campaign = ? and campaign <> '' and state = 'queued' limit ?",
        (campaign_id, limit),
    ).fetchall()
    return [row["id"] for row in rows]
