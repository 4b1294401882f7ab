"""What was left on the account of a gateway when its provider was last asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from audit.rows import at, ms
from audit.store import Tx

PREFIX = "balance "
KEEP = """
insert into settings (name, value, at) values (?, ?, ?)
on conflict (name) do update set value = excluded.value, at = excluded.at
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """An amount as people read it, and when the provider said it."""

    amount: str
    at: datetime


def remember(tx: Tx, said: Mapping[str, str], now: datetime) -> None:
    """Keep what providers said, by gateway; "" leaves the last answer standing."""
    for gateway, amount in said.items():
        if amount:
            tx.execute(KEEP, (f"{PREFIX}{gateway}", amount, ms(now)))


def known(tx: Tx) -> Mapping[str, Balance]:
    """Return what is remembered, by gateway."""
    rows = tx.execute("select name, value, at from settings where substr(name, 1, ?) = ?", (len(PREFIX), PREFIX))
    return {row["name"].removeprefix(PREFIX): Balance(amount=row["value"], at=at(row["at"])) for row in rows}
