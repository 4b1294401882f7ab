"""Counting: what became of texts and events, per day and per rule, source, campaign, gateway and country.

A day is counted again when something in the journal concerns it, so a receipt that comes days later still counts. The
same SQL counts one day into the table and, for a recount, any span straight from the record; a test compares them.

A day is read in pieces. Sorting a long day at once took 65 MB for 400,000 texts, in whichever thread the job ran, and
while it was read nothing that was written meanwhile could leave SQLite's write-ahead log.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from audit import kept, sums
from audit.rows import at, ms
from audit.store import Row, Store, Tx, settled
from audit.sums import DIMENSIONS

DAY = timedelta(days=1)
DAY_MS = 86_400_000
UPTO = "figures_upto"
STEP = 20_000
"""Journal rows looked at in one go."""
PIECE = 20_000
"""Texts, or decisions, of a day that are counted in one go; what has one and the same moment is never parted."""
BREATH = 0.05
"""Seconds between two pieces. SQLite's log begins anew only at a commit while nobody looks at something older."""
SMALL = 10_000
"""Texts of the last days that are counted while somebody waits; of more, the job's last count is shown."""
STALE = timedelta(minutes=10)
"""Older than this the job is not running, and a page counts whatever it takes."""
BUSY = """
select coalesce(sum(amount), 0) as n from sums
where split = '' and span = 'day' and begins > :since and measure = 'created'
"""
GROUP = ", ".join(DIMENSIONS)
SPANS = (50, 100, 250, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 20_000, 60_000, 300_000, 1_800_000, 14_400_000, DAY_MS)
"""Upper ends of the spans of time that are told apart, in milliseconds; what took longer is under the last."""
FAILED = "state in ('undelivered', 'expired', 'rejected', 'failed')"
TAKEN = "accepted_at is not null"


def _span(length: str) -> str:
    """Write the SQL that sorts a length of time into a span."""
    return f"case {' '.join(f'when {length} <= {end} then {end}' for end in SPANS)} else {SPANS[-1]} end"


FLAGS = {
    "taken": TAKEN,
    "told": "receipt_at is not null",
    "answered": "replied_at is not null",
    "linked": "links > 0",
    "clicked": "clicked_at is not null",
    # The condition on '' lets the partial index be used: without it every reply is read for every text.
    "stopped": (
        "exists (select 1 from replies where message_id = messages.id and message_id <> '' and intent like 'stop%')"
    ),
}
"""What is asked of each text, once."""
ASKED = ", ".join(f"case when {which} then 1 else 0 end as {flag}" for flag, which in FLAGS.items())
TO_GATEWAY = _span("accepted_at - case when due_at > created_at then due_at else created_at end")
TO_HANDSET = _span("receipt_at - accepted_at")
# measure, what splits it, how much of it, of which texts
MEASURES = (
    ("created", "''", "sum(n)", "1 = 1"),
    ("sent", "''", "sum(n)", "taken = 1"),
    ("delivered", "''", "sum(n)", "state = 'delivered'"),
    ("reported", "''", "sum(n)", f"taken = 1 and told = 1 and (state = 'delivered' or {FAILED})"),
    ("failed", "case when reason = '' then state else reason end", "sum(n)", FAILED),
    ("ended", "reason", "sum(n)", "state = 'cancelled'"),
    ("unknown", "''", "sum(n)", "state = 'unknown'"),
    ("waiting", "''", "sum(n)", "state in ('queued', 'submitting')"),
    ("replied", "''", "sum(n)", "answered = 1"),
    ("opted_out", "''", "sum(n)", "stopped = 1"),
    ("linked", "''", "sum(n)", "taken = 1 and linked = 1"),
    ("clicked", "''", "sum(n)", "clicked = 1"),
    ("segments", "''", "sum(segments)", "taken = 1"),
    ("cost", "currency", "sum(micros)", "costing = 1"),
    ("to_gateway", "to_gateway", "sum(n)", "taken = 1"),
    ("to_handset", "to_handset", "sum(n)", "taken = 1 and state = 'delivered'"),
)
"""What is counted of texts. `cost` is in millionths of its currency, the spans of time in texts per span."""
# The texts of a day are read once, into as many rows as there are kinds of them, and those are counted again and again.
TEXTS = f"""
with kinds as (
    select {GROUP}, state, reason, currency, {ASKED},
        case when cost <> '' then 1 else 0 end as costing, {TO_GATEWAY} as to_gateway, {TO_HANDSET} as to_handset,
        segments, case when cost <> '' then cast(round(cast(cost as numeric) * 1000000) as bigint) else 0 end as micros
    from messages where created_at >= :since and created_at < :until
), texts as materialized (
    select {GROUP}, state, reason, currency, {", ".join(FLAGS)}, costing, to_gateway, to_handset, count(*) as n,
        sum(segments) as segments, sum(micros) as micros
    from kinds group by {GROUP}, state, reason, currency, {", ".join(FLAGS)}, costing, to_gateway, to_handset
)
"""  # noqa: S608 - our own words
COUNT_TEXTS = TEXTS + " union all ".join(
    f"select {GROUP}, '{measure}' as measure, cast({label} as text) as label, {amount} as amount "  # noqa: S608 - our own words
    f"from texts where {which} group by {GROUP}, label"
    for measure, label, amount, which in MEASURES
)
COUNT_SKIPS = """
select rule, source, '' as campaign, '' as gateway, '' as country, 'skipped' as measure,
    case when instr(reason, '[') > 0 then substr(reason, 1, instr(reason, '[') - 1) else reason end as label,
    count(*) as amount
from journal where kind = 'decision' and at >= :since and at < :until and reason not in ('send', 'cancels')
group by rule, source, label
"""
TOUCHED = f"""
select distinct created_at / {DAY_MS} * {DAY_MS} as day from messages where id in (
    select message_id from journal where id > :after and id <= :upto and message_id <> '')
union select distinct at / {DAY_MS} * {DAY_MS} from journal where id > :after and id <= :upto and kind = 'decision'
"""  # noqa: S608 - our own words
WRITE = f"""
insert into figures (day, {GROUP}, measure, label, amount)
values (:day, {", ".join(f":{name}" for name in DIMENSIONS)}, :measure, :label, :amount)
"""  # noqa: S608 - our own words


END_OF_TEXTS = """
select created_at as at from messages where created_at >= :since and created_at < :until
order by created_at limit 1 offset :most
"""
END_OF_SKIPS = """
select at from journal where kind = 'decision' and at >= :since and at < :until order by at limit 1 offset :most
"""
COUNTS = ((COUNT_TEXTS, END_OF_TEXTS), (COUNT_SKIPS, END_OF_SKIPS))
"""What counts a span, and what says where so many rows of it end."""

COUNTED = (*DIMENSIONS, "measure", "label")


def count(tx: Tx, since: datetime, until: datetime) -> list[Row]:
    """Count a span straight from texts and journal."""
    span = {"since": ms(since), "until": ms(until)}
    return [row for sql, _ in COUNTS for row in tx.execute(sql, span)]


def refresh(store: Store, now: datetime) -> int:
    """Count every day anew that the journal says something new about; return how many days that were.

    Days whose texts are past their time keep the figures they have.
    """
    sums.mend(store, UPTO, now)
    with store.read() as tx:
        # Between them lies what a process of a version without sums counted, while it ran beside this one.
        done = min(int(kept.recall(tx, name) or 0) for name in (UPTO, sums.UPTO))
        kept_since = tx.execute("select since from explained").fetchone()["since"]
        newest = settled(tx)
    days = set[int]()
    for after in range(done, newest, STEP):
        with store.read() as tx:
            touched = tx.execute(TOUCHED, {"after": after, "upto": min(after + STEP, newest)})
            days |= {row["day"] for row in touched if row["day"] > kept_since}
    for day in sorted(days):
        recount(store, at(day))
    sums.write_months(store, now)
    store.write(partial(_reached, newest=newest, now=now))
    return len(days)


def _reached(tx: Tx, newest: int, now: datetime) -> None:
    for name in (UPTO, sums.UPTO):
        kept.remember(tx, name, str(newest), now)


def refresh_soon(store: Store, now: datetime) -> int:
    """Refresh for somebody who waits for a page: where that takes long, what the job counted last is taken."""
    with store.read() as tx:
        busy = tx.execute(BUSY, {"since": ms(now) - 2 * DAY_MS}).fetchone()["n"] > SMALL
        fresh = tx.execute("select 1 from settings where name = ? and at > ?", (UPTO, ms(now - STALE))).fetchone()
    return 0 if busy and fresh else refresh(store, now)


def recount(store: Store, day: datetime, most: int = PIECE) -> None:
    """Count one day anew, about `most` rows at a time. Each row has one place in the day, so none counts twice."""
    amounts = Counter[tuple[str, ...]]()
    for sql, edge in COUNTS:
        for row in _in_pieces(store, sql, edge, ms(day), most):
            amounts[tuple(row[name] for name in COUNTED)] += row["amount"]
    rows = [dict(zip(COUNTED, key, strict=True)) | {"amount": amount} for key, amount in amounts.items()]
    store.write(partial(_write, day=ms(day), rows=rows))


def _in_pieces(store: Store, sql: str, edge: str, day: int, most: int) -> Iterator[Row]:
    """Run a count over pieces of a day, each in a look of its own."""
    since, until = day, day + DAY_MS
    while since < until:
        with store.read() as tx:
            ends = tx.execute(edge, {"since": since, "until": until, "most": most}).fetchone()
            upto = max(ends["at"], since + 1) if ends else until
            rows = tx.execute(sql, {"since": since, "until": upto}).fetchall()
        yield from rows
        since = upto
        if since < until:
            time.sleep(BREATH)


def _write(tx: Tx, day: int, rows: Iterable[Row | Mapping[str, Any]]) -> None:
    if tx.execute("select 1 from explained where since >= ?", (day,)).fetchone():  # part of it is gone by now
        return
    tx.execute("delete from figures where day = ?", (day,))
    tx.executemany(WRITE, [{**dict(row), "day": day} for row in rows])
    sums.write_day(tx, day)
