"""What the rules page counts, and the recorded events it plays through a changed file. Each query reads a fixed
number of rows from an index, so that a busy month costs no more than a quiet one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from audit import events
from audit.rows import at, ms
from audit.store import Store
from model.event import Event

MOST = 20_000
"""Rows a count looks at; of more than these, the newest ones."""

TEXTS = """
select rule, count(accepted_at) as sent,
    count(case when state = 'delivered' then 1 end) as delivered,
    count(case when accepted_at is not null and receipt_at is not null
        and state in ('delivered', 'undelivered', 'expired', 'rejected', 'failed') then 1 end) as reported,
    count(replied_at) as replied
from (select rule, accepted_at, receipt_at, replied_at, state from messages
    where created_at >= :since order by created_at desc limit :most) as newest
group by rule
"""
SKIPS = """
select rule, reason, count(*) as n
from (select rule, reason from journal where kind = 'decision' and at >= :since order by at desc limit :most) as newest
where rule <> '' and reason not in ('send', 'cancels')
group by rule, reason
"""
FULL = """
select (select count(*) from (select 1 from messages where created_at >= :since limit :most) as texts) >= :most
    or (select count(*) from (select 1 from journal where kind = 'decision' and at >= :since limit :most) as skips)
    >= :most as f
"""
LAST = """
select id, received_at from (select id, received_at from events where state = 'planned' order by id desc limit :most)
as newest order by id
"""


@dataclass(slots=True, kw_only=True)
class RuleFigures:
    """How a rule did. `reported` of the `sent` texts have a final receipt."""

    sent: int = 0
    delivered: int = 0
    reported: int = 0
    replied: int = 0
    skips: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """All rules by name; `cut` when there was more than is counted."""

    rules: dict[str, RuleFigures]
    cut: bool


def of_rules(store: Store, since: datetime, most: int = MOST) -> Week:
    """Count what each rule did since then; skips whose reason names a condition count as one."""
    found: dict[str, RuleFigures] = {}
    span = {"since": ms(since), "most": most}
    with store.read() as tx:
        for row in tx.execute(TEXTS, span):
            found[row["rule"]] = RuleFigures(
                sent=row["sent"], delivered=row["delivered"], reported=row["reported"], replied=row["replied"]
            )
        for row in tx.execute(SKIPS, span):
            found.setdefault(row["rule"], RuleFigures()).skips[row["reason"].partition("[")[0]] += row["n"]
        cut = bool(tx.execute(FULL, span).fetchone()["f"])
    return Week(rules=found, cut=cut)


def last_events(store: Store, most: int, *, with_raw: bool) -> Iterator[tuple[str, Event, datetime]]:
    """Yield the newest planned events in the order in which they came, as dispatch.compare reads them."""
    with store.read() as tx:
        rows = tx.execute(LAST, {"most": most}).fetchall()
    for row in rows:
        with store.read() as tx:
            event = events.get(tx, row["id"], with_raw=with_raw)
        if event is not None:
            yield row["id"], event, at(row["received_at"])


def recorded_event(store: Store, event_id: str, *, with_raw: bool) -> tuple[Event, datetime] | None:
    """Return one event and when it came in; None when there is none, or none that could be read."""
    with store.read() as tx:
        row = tx.execute("select received_at, state from events where id = ?", (event_id,)).fetchone()
        if row is None or row["state"] == "unreadable":
            return None
        event = events.get(tx, event_id, with_raw=with_raw)
    return None if event is None else (event, at(row["received_at"]))
