"""Where each poll goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from audit.rows import dump, ms
from audit.store import Row, Tx


def get(tx: Tx, source: str) -> dict[str, Any]:
    """Return the cursor of a source, {} before its first poll."""
    row = tx.execute("select cursor from cursors where source = ?", (source,)).fetchone()
    found: dict[str, Any] = json.loads(row["cursor"]) if row else {}
    return found


def move(tx: Tx, source: str, cursor: Mapping[str, Any], now: datetime) -> None:
    """Write where the next poll goes on."""
    tx.execute(
        "insert into cursors (source, cursor, at, error, moved_at) values (?, ?, ?, '', ?) on conflict (source) "
        "do update set cursor = excluded.cursor, at = excluded.at, error = '', moved_at = excluded.moved_at",
        (source, dump(dict(cursor)), ms(now), ms(now)),
    )


def trouble(tx: Tx, source: str, error: str, now: datetime) -> None:
    """Note that a poll failed; the cursor stays."""
    tx.execute(
        "insert into cursors (source, cursor, at, error) values (?, '{}', ?, ?) on conflict (source) do update "
        "set at = excluded.at, error = excluded.error",
        (source, ms(now), error[:300]),
    )


def listing(tx: Tx) -> list[Row]:
    """Return every cursor."""
    return tx.execute("select source, cursor, at, error, moved_at from cursors order by source").fetchall()
