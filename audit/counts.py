"""Figures for the first page, each added up by the minute (audit/minutes.py) or over a fixed number of rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from audit import conversations, minutes
from audit.rows import ms
from audit.store import Row, Store, Tx

MANY = 100
"""Beyond this nobody needs the exact number before the first of them is looked at."""

REPLIED = "select count(*) as n from messages where replied_at >= :since and replied_at < :until"
OLDEST_EVENTS = "select received_at as at from events where state = ? order by id limit ?"
OLDEST_TEXTS = "select created_at as at from messages where state = ? order by id limit ?"
NO_RECIPIENT = """
select at from journal where kind = 'decision' and reason = 'no_recipient' and at >= :since and id >= (
    select min(id) from (
        select id from journal where kind = 'decision' and at >= :since order by at limit :slack) as edge)
order by id limit :most
"""
# Ids grow with time: from the first of the day on, the index of reasons is walked in order and nothing is sorted.
SLACK = 500
"""Rows that may share a millisecond, or stand a little out of order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One day, or as much of it as has passed. `reported` of the `sent` ones have a final receipt."""

    sent: int
    delivered: int
    reported: int
    failed: int
    replied: int
    skipped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pile:
    """Things that wait for a person: how many (at most MANY are counted), and since when (in milliseconds)."""

    count: int
    oldest: int

    @property
    def shown(self) -> str:
        """The count as people read it."""
        return f"{MANY - 1}+" if self.count >= MANY else str(self.count)


def figures(store: Store, since: datetime, length: timedelta) -> Figures:
    """Count what happened in `length` (at most a day) from `since` on."""
    until = since + min(length, timedelta(days=1))
    with store.read() as tx:
        replied = tx.execute(REPLIED, {"since": ms(since), "until": ms(until)}).fetchone()["n"]
    return Figures(replied=replied, **minutes.add_up(store, since, until))


def attention(store: Store, today: datetime) -> dict[str, Pile]:
    """Return what waits for a person: unreadable, failed, unknown, reply, and since `today` began no_recipient."""
    with store.read() as tx:
        return {
            "unreadable": _pile(tx, OLDEST_EVENTS, "unreadable"),
            "failed": _pile(tx, OLDEST_EVENTS, "failed"),
            "unknown": _pile(tx, OLDEST_TEXTS, "unknown"),
            "reply": _waiting(conversations.needing(tx, MANY)),
            "no_recipient": _counted(
                tx.execute(NO_RECIPIENT, {"since": ms(today), "most": MANY, "slack": SLACK}).fetchall()
            ),
        }


def _pile(tx: Tx, sql: str, state: str) -> Pile:
    return _counted(tx.execute(sql, (state, MANY)).fetchall())


def _waiting(found: tuple[int, int]) -> Pile:
    return Pile(count=found[0], oldest=found[1])


def _counted(rows: list[Row]) -> Pile:
    return Pile(count=len(rows), oldest=rows[0]["at"] if rows else 0)


def opted_out(tx: Tx) -> dict[str, str]:
    """Return everybody who opted out of everything, and by what."""
    rows = tx.execute("select number, source from consent where status = 'out' and category = ''")
    return {row["number"]: row["source"] for row in rows}


def price_of_a_segment(tx: Tx) -> tuple[float | None, str]:
    """Return what a segment cost on average over the newest thousand billed messages, and in which currency."""
    rows = tx.execute(
        "select segments, cost, currency from messages where cost <> '' order by id desc limit 1000"
    ).fetchall()
    currency = rows[0]["currency"] if rows else ""
    billed = [row for row in rows if row["currency"] == currency]
    segments = sum(row["segments"] for row in billed)
    return (sum(float(row["cost"]) for row in billed) / segments if segments else None), currency
