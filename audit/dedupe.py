"""What was seen before: keys with who holds them, each until a time of its own."""

from __future__ import annotations

from datetime import datetime, timedelta

from audit.rows import after, ms
from audit.store import Tx

CLAIM_DEDUPE = """
insert into dedupe (hash, ref, until) values (:hash, :ref, :until)
on conflict (hash) do update set ref = excluded.ref, until = excluded.until where dedupe.until <= :now
"""


def claim(tx: Tx, key: bytes, ref: str, now: datetime, keep: timedelta) -> bool:
    """Take a dedupe key for `ref`; False when somebody has it already."""
    values = {"hash": key, "ref": ref, "until": after(now, keep), "now": ms(now)}
    return tx.execute(CLAIM_DEDUPE, values).rowcount > 0


def hold(tx: Tx, key: bytes, ref: str, until: datetime) -> None:
    """Give a dedupe key to `ref`, whoever had it."""
    tx.execute(
        "insert into dedupe (hash, ref, until) values (?, ?, ?) "
        "on conflict (hash) do update set ref = excluded.ref, until = excluded.until",
        (key, ref, ms(until)),
    )


def free(tx: Tx, ref: str) -> None:
    """Forget the keys that `ref` holds: the same may be done again."""
    tx.execute("delete from dedupe where ref = ?", (ref,))


def seen(tx: Tx, key: bytes) -> str:
    """Return who holds a dedupe key, "" when nobody does."""
    row = tx.execute("select ref from dedupe where hash = ?", (key,)).fetchone()
    return row["ref"] if row else ""
