"""Small things the service must remember, and what it may forget."""

from __future__ import annotations

from datetime import datetime

from audit.rows import ms
from audit.store import Tx


def setting(tx: Tx, name: str, default: str, now: datetime) -> str:
    """Return a remembered value; the first time, remember `default`."""
    tx.execute(
        "insert into settings (name, value, at) values (?, ?, ?) on conflict (name) do nothing",
        (name, default, ms(now)),
    )
    return str(tx.execute("select value from settings where name = ?", (name,)).fetchone()["value"])


def recall(tx: Tx, name: str) -> str:
    """Return a remembered value, "" when there is none."""
    row = tx.execute("select value from settings where name = ?", (name,)).fetchone()
    return str(row["value"]) if row else ""


def remember(tx: Tx, name: str, value: str, now: datetime) -> None:
    """Remember a value in place of the one before."""
    tx.execute(
        "insert into settings (name, value, at) values (?, ?, ?) on conflict (name) do update "
        "set value = excluded.value, at = excluded.at",
        (name, value, ms(now)),
    )


def prune(tx: Tx, now: datetime) -> int:
    """Drop dedupe keys past their time; return how many."""
    return tx.execute(
        "delete from dedupe where hash in (select hash from dedupe where until < ? limit 5000)", (ms(now),)
    ).rowcount
