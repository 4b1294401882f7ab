"""Reading the ledger of wishes: who opted out, who opted in to what."""

from __future__ import annotations

from collections.abc import Iterator

from audit.store import Row, Tx


def of(tx: Tx, number: str) -> list[Row]:
    """Return what one number's owner wishes."""
    return tx.execute(
        "select number, category, status, source, at from consent where number = ? order by category", (number,)
    ).fetchall()


def everybody(tx: Tx) -> Iterator[Row]:
    """Yield the whole ledger."""
    yield from tx.execute("select number, category, status, source, at from consent order by number, category")
