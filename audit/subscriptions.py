"""What each source's system has promised to tell us, as it stood at the last look, and whether looking went well."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit.rows import at, dump, ms
from audit.store import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One subscription. `state` is on, off or renewed."""

    id: str
    topics: Sequence[str]
    state: str
    ends_at: datetime | None


def saw(tx: Tx, source: str, kept: Sequence[Kept], trouble: str, now: datetime) -> None:
    """Write what a look found, in place of what the look before found."""
    tx.execute("delete from subscriptions where source = ?", (source,))
    tx.executemany(
        "insert into subscriptions (source, id, topics, state, ends_at, looked_at) values (?, ?, ?, ?, ?, ?) "
        "on conflict (source, id) do update set topics = excluded.topics, state = excluded.state, "
        "ends_at = excluded.ends_at, looked_at = excluded.looked_at",
        [
            (source, one.id, dump(list(one.topics)), one.state, ms(one.ends_at) if one.ends_at else 0, ms(now))
            for one in kept
        ],
    )
    failed(tx, source, trouble, now)


def failed(tx: Tx, source: str, trouble: str, now: datetime) -> None:
    """Note how a look went, "" for well; what was known stays."""
    tx.execute(
        "insert into subscription_care (source, at, trouble) values (?, ?, ?) on conflict (source) do update "
        "set at = excluded.at, trouble = excluded.trouble",
        (source, ms(now), trouble[:300]),
    )


def of(tx: Tx, source: str) -> list[Kept]:
    """Return the subscriptions of a source as they stood at the last look."""
    rows = tx.execute("select id, topics, state, ends_at from subscriptions where source = ? order by id", (source,))
    return [
        Kept(id=row["id"], topics=json.loads(row["topics"]), state=row["state"],
             ends_at=at(row["ends_at"]) if row["ends_at"] else None)
        for row in rows
    ]  # fmt: skip


def troubles(tx: Tx) -> dict[str, dict[str, Any]]:
    """Return by source when its subscriptions were looked at last, and what was wrong ("" for nothing)."""
    rows = tx.execute("select source, at, trouble from subscription_care order by source")
    return {row["source"]: {"at": at(row["at"]), "trouble": row["trouble"]} for row in rows}
