"""Campaigns: what is to be texted to whom, who approved it, and how far it got."""

from __future__ import annotations

from datetime import datetime

from audit import journal
from audit.rows import ms
from audit.store import Row, Tx

OPEN = ("draft", "approved", "running", "paused", "stopped")
STATES = """
select state, count(*) as n, sum(segments) as segments from messages where campaign = ? group by state
"""


def add(tx: Tx, row: dict[str, object]) -> None:
    """Write a new campaign."""
    tx.execute(
        "insert into campaigns (id, rule, rule_hash, list_id, state, actor, created_at) "
        "values (:id, :rule, :rule_hash, :list_id, 'draft', :actor, :created_at)",
        row,
    )


def get(tx: Tx, campaign_id: str) -> Row | None:
    """Return one campaign."""
    row: Row | None = tx.execute("select * from campaigns where id = ?", (campaign_id,)).fetchone()
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


def approve(tx: Tx, campaign_id: str, actor: str, now: datetime) -> int:
    """Note an approval; return how many people approved. Fifty clicks of one person are one approval."""
    tx.execute(
        "insert or ignore into approvals (campaign_id, actor, at) values (?, ?, ?)", (campaign_id, actor, ms(now))
    )
    row = tx.execute("select count(*) as n from approvals where campaign_id = ?", (campaign_id,)).fetchone()
    journal.note(tx, ms(now), "operator", actor=actor, reason="campaign approved", detail=campaign_id)
    return int(row["n"])


def move(tx: Tx, campaign_id: str, state: str, actor: str, now: datetime, reason: str = "") -> bool:
    """Move a campaign on; False when it is already over."""
    ends = state in {"done", "cancelled"}
    moved = tx.execute(
        "update campaigns set state = :state, reason = :reason, "
        "started_at = case when :state = 'running' and started_at = 0 then :now else started_at end, "
        "ended_at = case when :ends then :now else 0 end where id = :id and state not in ('done', 'cancelled')",
        {"state": state, "reason": reason, "now": ms(now), "ends": ends, "id": campaign_id},
    ).rowcount
    if moved:
        journal.note(
            tx, ms(now), "operator", actor=actor, reason=f"campaign {state}", detail=f"{campaign_id} {reason}".strip()
        )
    return moved > 0


def planned(tx: Tx, campaign_id: str, row: int, last_due: datetime, texts: int, skipped: int) -> None:
    """Note how far planning got; in the transaction that saves the plans, so that nobody is planned twice."""
    tx.execute(
        "update campaigns set row = ?, last_due = ?, planned = planned + ?, skipped = skipped + ? where id = ?",
        (row, ms(last_due), texts, skipped, campaign_id),
    )


def waiting(tx: Tx, campaign_id: str) -> int:
    """Count the texts of a campaign that have not left yet."""
    row = tx.execute(
        "select count(*) as n from messages where campaign = ? and state = 'queued'", (campaign_id,)
    ).fetchone()
    return int(row["n"])


def states(tx: Tx, campaign_id: str) -> dict[str, int]:
    """Count a campaign's texts by state."""
    return {row["state"]: row["n"] for row in tx.execute(STATES, (campaign_id,))}


def respace(tx: Tx, campaign_id: str, now: datetime, rate: float) -> None:
    """Space out again what waited through a pause, or all of it would leave at once."""
    rows = tx.execute(
        "select id from messages where campaign = ? and state = 'queued' and next_at < ? order by due_at, id",
        (campaign_id, ms(now)),
    ).fetchall()
    step = 1000 / rate if rate else 0
    tx.executemany(
        "update messages set next_at = ? where id = ?",
        [(ms(now) + round(place * step), row["id"]) for place, row in enumerate(rows)],
    )
    tx.execute(
        "update campaigns set last_due = max(last_due, ?) where id = ?",
        (ms(now) + round(len(rows) * step), campaign_id),
    )


def queued(tx: Tx, campaign_id: str, limit: int) -> list[str]:
    """Return texts of a campaign that have not left yet."""
    rows = tx.execute(
        "select id from messages where campaign = ? and state = 'queued' limit ?", (campaign_id, limit)
    ).fetchall()
    return [row["id"] for row in rows]
