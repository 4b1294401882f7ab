"""Receipts that came and receipts that did not: what a delivery rate is worth, by gateway and country."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from audit import journal
from audit.rows import ms
from audit.store import Store, Tx
from model.message import Lane, State

BATCH = 200
GIVE_UP = """
update messages set state = 'unconfirmed', reason = '' where id in (
    select id from messages where state in ('accepted', 'sending', 'sent') and gateway = :gateway and lane = :lane
    and accepted_at <= :before and not (next_after > 0 and next_at > 0) order by accepted_at limit :limit)
returning id, event_id
"""
BY_HEAD = """
select gateway, substr(case when sent_to <> '' then sent_to else number end, 1, 5) as head,
    count(*) as accepted, count(receipt_at) as reported, count(case when state = 'delivered' then 1 end) as delivered
from messages where created_at >= :since and accepted_at is not null group by 1, 2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One gateway and one country: texts it took, how many of them it ever reported on, how many as delivered."""

    gateway: str
    country: str
    accepted: int
    reported: int
    delivered: int

    @property
    def share(self) -> float:
        """The part that was reported on, between 0 and 1."""
        return self.reported / self.accepted if self.accepted else 0.0


def give_up(tx: Tx, gateway: str, lane: Lane, before: datetime, now: datetime) -> int:
    """Call unconfirmed what a gateway took before a time and never reported on; a late receipt still replaces that."""
    values = {"gateway": gateway, "lane": lane.rank, "before": ms(before), "limit": BATCH}
    rows = tx.execute(GIVE_UP, values).fetchall()
    for row in rows:
        journal.note(
            tx, ms(now), "unconfirmed", event_id=row["event_id"], message_id=row["id"], gateway=gateway,
            reason=State.UNCONFIRMED.code,
        )  # fmt: skip
    return len(rows)


def coverage(store: Store, since: datetime, country_of: Callable[[str], str]) -> list[Row]:
    """Count by gateway and country since a day. `country_of` is given the first five characters of a number.

    A text that went to a second gateway counts there only.
    """
    accepted, reported, delivered = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    with store.read() as tx:
        for row in tx.execute(BY_HEAD, {"since": ms(since)}):
            key = row["gateway"], country_of(row["head"])
            accepted[key] += row["accepted"]
            reported[key] += row["reported"]
            delivered[key] += row["delivered"]
    return [
        Row(gateway=gateway, country=country, accepted=count, reported=reported[gateway, country],
            delivered=delivered[gateway, country])
        for (gateway, country), count in sorted(accepted.items())
    ]  # fmt: skip
