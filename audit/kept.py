"""Small things the service must remember: its receipt key, the rules in force."""

from __future__ import annotations

from datetime import datetime

from audit import journal
from audit.rows import ms
from audit.store import Row, Tx


def setting(tx: Tx, name: str, default: str, now: datetime) -> str:
    """Return a remembered value; the first time, remember `default`."""
    tx.execute(
        "insert into settings (name, value, at) values (?, ?, ?) on conflict (name) do nothing",
        (name, default, ms(now)),
    )
    return str(tx.execute("select value from settings where name = ?", (name,)).fetchone()["value"])


def rules_in_force(tx: Tx, digest: str, content: str, actor: str, note: str, now: datetime) -> int:
    """Remember a version of the rules unless it is the newest already; return its number."""
    row = tx.execute("select id, hash from rule_versions order by id desc limit 1").fetchone()
    if row is not None and row["hash"] == digest:
        return int(row["id"])
    added = tx.execute(
        "insert into rule_versions (hash, content, at, actor, note) values (?, ?, ?, ?, ?)",
        (digest, content, ms(now), actor, note),
    )
    journal.note(tx, ms(now), "rules", reason="in force", actor=actor, detail=digest)
    return int(added.lastrowid or 0)


def rule_versions(tx: Tx, limit: int = 50) -> list[Row]:
    """Return the newest versions of the rules."""
    return tx.execute("select * from rule_versions order by id desc limit ?", (limit,)).fetchall()


def prune(tx: Tx, now: datetime) -> int:
    """Drop dedupe keys past their time; return how many."""
    return tx.execute(
        "delete from dedupe where hash in (select hash from dedupe where until < ? limit 5000)", (ms(now),)
    ).rowcount
