"""People of a campaign who are set aside until their time: another zone, closed hours, the allowance of a country."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from audit.rows import ms
from audit.store import Tx

LATER = """
select campaign_later.due, list_rows.row, list_rows.number, list_rows.data
from campaign_later join list_rows on list_rows.list_id = :list and list_rows.row = campaign_later.row
where campaign_id = :id and due <= :now order by due, campaign_later.row limit :limit
"""

Member = tuple[int, str, dict[str, str]]
"""A row of a list: its number in the spreadsheet, the phone, the cells by column."""


def add(tx: Tx, campaign_id: str, rows: Iterable[tuple[int, int, str]]) -> None:
    """Set people aside until their time: (milliseconds, row, why)."""
    tx.executemany(
        "insert into campaign_later (campaign_id, due, row, why) values (?, ?, ?, ?) "
        "on conflict (campaign_id, due, row) do nothing",
        [(campaign_id, *row) for row in rows],
    )


def due(tx: Tx, campaign_id: str, list_id: str, now: datetime, limit: int) -> list[tuple[int, Member]]:
    """Return people set aside whose time has come, each with that time."""
    values = {"id": campaign_id, "list": list_id, "now": ms(now), "limit": limit}
    return [(one["due"], (one["row"], one["number"], json.loads(one["data"]))) for one in tx.execute(LATER, values)]


def release(tx: Tx, campaign_id: str, day: int) -> int:
    """Let people who waited for a country's allowance go on, on this day; return how many."""
    rows = tx.execute(
        "delete from campaign_later where campaign_id = ? and why = 'cap_country' returning row", (campaign_id,)
    ).fetchall()
    add(tx, campaign_id, [(day, row["row"], "released") for row in rows])
    return len(rows)


def taken_up(tx: Tx, campaign_id: str, rows: Iterable[tuple[int, int]]) -> None:
    """Forget that people were set aside: (milliseconds, row)."""
    tx.executemany(
        "delete from campaign_later where campaign_id = ? and due = ? and row = ?",
        [(campaign_id, *row) for row in rows],
    )


def counts(tx: Tx, campaign_id: str) -> dict[str, int]:
    """Count the people set aside, by why."""
    rows = tx.execute(
        "select why, count(*) as n from campaign_later where campaign_id = ? group by why", (campaign_id,)
    )
    return {row["why"]: row["n"] for row in rows}


def is_anybody(tx: Tx, campaign_id: str) -> bool:
    """Tell whether somebody still waits for their time."""
    return (
        tx.execute("select 1 from campaign_later where campaign_id = ? limit 1", (campaign_id,)).fetchone() is not None
    )


def forget(tx: Tx, campaign_id: str, limit: int) -> int:
    """Forget people set aside for a campaign that is over, at most `limit`; return how many."""
    return tx.execute(
        "delete from campaign_later where campaign_id = :id and due <= (select max(due) from (select due from "
        "campaign_later where campaign_id = :id order by due, row limit :limit) as first)",
        {"id": campaign_id, "limit": limit},
    ).rowcount
