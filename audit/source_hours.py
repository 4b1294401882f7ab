"""Counting what each source sends per hour, from the journal: a row that was counted is never looked at again."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from audit import kept
from audit.rows import at, ms
from audit.store import Row, Store, StoreDown, Tx, settled

log = logging.getLogger("tidings.audit")
HOUR = timedelta(hours=1)
HOUR_MS = 3_600_000
UPTO = "source_hours_upto"
STEP = 20_000
"""Journal rows counted in one go."""

KEEP = timedelta(days=90)
COUNT = f"""
select source, at / {HOUR_MS} * {HOUR_MS} as hour,
    case when kind = 'looked_up' then 'lookup_failed' else kind end as kind, count(*) as amount,
    count(case when kind = 'received' and reason = 'unreadable' then 1 end) as unreadable
from journal where id > :after and id <= :upto and source <> ''
    and (kind in ('received', 'redelivered') or (kind = 'looked_up' and reason <> 'found'))
group by 1, 2, 3
"""  # noqa: S608 - our own words
ADD = """
insert into source_hours (source, hour, kind, amount) values (?, ?, ?, ?)
on conflict (source, hour, kind) do update set amount = source_hours.amount + excluded.amount
"""
PER_HOUR = "select hour, kind, amount from source_hours where source = ? and hour >= ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lately:
    """What a source did since a time: events in all and per hour, and what went wrong."""

    received: int = 0
    unreadable: int = 0
    redelivered: int = 0
    lookup_failed: int = 0
    hours: tuple[int, ...] = ()


def hour_of(moment: datetime) -> datetime:
    """Return when the hour of a moment began."""
    return moment.replace(minute=0, second=0, microsecond=0)


def refresh(store: Store, now: datetime) -> int:
    """Count what is new in the journal; return how many rows that were. A full disk keeps no page from opening."""
    with store.read() as tx:
        done = int(kept.recall(tx, UPTO) or 0)
        newest = settled(tx)
    try:
        for after in range(done, newest, STEP):
            store.write(partial(_count, after=after, upto=min(after + STEP, newest), now=now))
    except StoreDown as error:
        log.warning("hours of sources not counted", extra={"detail": str(error)})
    return int(newest) - done


def _count(tx: Tx, after: int, upto: int, now: datetime) -> None:
    if int(kept.recall(tx, UPTO) or 0) != after:  # somebody else was quicker
        return
    for row in tx.execute(COUNT, {"after": after, "upto": upto}).fetchall():
        tx.execute(ADD, (row["source"], row["hour"], row["kind"], row["amount"]))
        if row["unreadable"]:
            tx.execute(ADD, (row["source"], row["hour"], "unreadable", row["unreadable"]))
    tx.execute("delete from source_hours where hour < ?", (ms(now - KEEP),))
    kept.remember(tx, UPTO, str(upto), now)


def lately(tx: Tx, now: datetime, hours: int, source: str) -> Lately:
    """Return what a source did in the last `hours` hours, the present one included, oldest hour first."""
    first = ms(hour_of(now)) - HOUR_MS * (hours - 1)
    totals, per_hour = Counter[str](), [0] * hours
    for row in tx.execute(PER_HOUR, (source, first)):
        totals[row["kind"]] += row["amount"]
        place = (row["hour"] - first) // HOUR_MS
        if row["kind"] == "received" and place < hours:
            per_hour[place] += row["amount"]
    return Lately(**totals, hours=tuple(per_hour))


def count_between(tx: Tx, source: str, since: datetime, until: datetime) -> int:
    """Count the events of a source in whole hours."""
    row = tx.execute(
        "select coalesce(sum(amount), 0) as n from source_hours "
        "where source = ? and kind = 'received' and hour >= ? and hour < ?",
        (source, ms(since), ms(until)),
    ).fetchone()
    return int(row["n"])


def first_hour(tx: Tx, source: str) -> datetime | None:
    """Return the first hour in which a source sent something, None when it never did."""
    row = tx.execute("select min(hour) as hour from source_hours where source = ?", (source,)).fetchone()
    return None if row["hour"] is None else at(row["hour"])


def last_event(tx: Tx, source: str) -> Row | None:
    """Return the newest event of a source: its id, kind, record and when it came."""
    row: Row | None = tx.execute(
        "select id, type, key, state, received_at from events where source = ? order by id desc limit 1", (source,)
    ).fetchone()
    return row
