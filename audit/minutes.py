"""What became of texts and decisions, minute by minute: the first page adds minutes up instead of counting a day.

A minute is counted once and then again whenever the journal says something new about a text of it or decides in it.
Whoever asks looks at the journal first, so what is added up is what a count would give at that moment; only where
more happened than can be looked at while somebody waits, the rest follows within a minute.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from audit import kept
from audit.rows import ms
from audit.store import Store, StoreDown, Tx, settled

log = logging.getLogger("tidings.audit")
UPTO = "minutes_upto"
MINUTE_MS = 60_000
KEPT = timedelta(days=9)
"""The first page looks a week back."""
STEP = 20_000
"""Journal rows looked at in one go; while somebody waits there is one."""
STEPS = 100
"""Goes of the job; what is more follows the next time."""
WORTH = 1_000
"""Journal rows that say nothing new, after which it is worth writing down that they were looked at."""
MEASURES = ("sent", "delivered", "reported", "failed", "skipped")

TEXTS = f"""
select created_at / {MINUTE_MS} * {MINUTE_MS} as begins, count(accepted_at) as sent,
    count(case when state = 'delivered' then 1 end) as delivered,
    count(case when accepted_at is not null and receipt_at is not null
        and state in ('delivered', 'undelivered', 'expired', 'rejected', 'failed') then 1 end) as reported,
    count(case when state in ('undelivered', 'expired', 'rejected', 'failed') then 1 end) as failed
from messages where created_at >= :since and created_at < :until group by 1
"""  # noqa: S608 - our own number
SKIPPED = f"""
select at / {MINUTE_MS} * {MINUTE_MS} as begins, count(*) as skipped from journal
where kind = 'decision' and at >= :since and at < :until and reason not in ('send', 'cancels') group by 1
"""  # noqa: S608 - our own number
TOUCHED = f"""
select distinct created_at / {MINUTE_MS} * {MINUTE_MS} as begins from messages where id in (
    select message_id from journal where id > :after and id <= :upto and message_id <> '')
union
select distinct at / {MINUTE_MS} * {MINUTE_MS} from journal where id > :after and id <= :upto and kind = 'decision'
"""  # noqa: S608 - our own number
THERE = f"select begins, {', '.join(MEASURES)} from minutes where begins >= :since and begins < :until"  # noqa: S608 - ours
FORGET = "delete from minutes where begins = ?"
KEEP = f"""
insert into minutes (begins, {", ".join(MEASURES)}) values (?, ?, ?, ?, ?, ?) on conflict (begins) do nothing
"""  # noqa: S608 - our own words
Amounts = dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """What one look found: how far the journal was known, minutes it says something new about, and those counted."""

    before: str
    after: int
    touched: frozenset[int]
    counted: Mapping[int, Amounts]
    total: Amounts

    @property
    def is_worth_keeping(self) -> bool:
        """Whether the next one who asks would have less to do."""
        return bool(self.touched or self.counted) or self.after - int(self.before or 0) > WORTH


def add_up(store: Store, since: datetime, until: datetime) -> Amounts:
    """Return the sum of each of MEASURES over a time; minutes that are over are kept for the next one who asks.

    A full disk keeps nobody from the figures.
    """
    with store.read() as tx:
        looked = _look(tx, ms(since), ms(until))
    if looked.is_worth_keeping:
        try:
            store.write(partial(_keep, looked=looked, now=until))
        except StoreDown as error:
            log.warning("minutes not kept", extra={"detail": str(error)})
    return looked.total


def refresh(store: Store, now: datetime) -> None:
    """Look at all that is new, and count what the first page will ask for: today and the same day a week ago."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for _ in range(STEPS):
        if not _is_behind(store):
            break
        add_up(store, today, today)
    for begins in (today, today - timedelta(days=7)):
        add_up(store, begins, begins + (now - today))


def _is_behind(store: Store) -> bool:
    with store.read() as tx:
        done = kept.recall(tx, UPTO)
        return bool(done) and settled(tx) - int(done) > STEP


def _look(tx: Tx, since: int, until: int) -> _Looked:
    """Add up what is there and still right, and count the rest."""
    before, newest = kept.recall(tx, UPTO), settled(tx)
    after = min(newest, int(before or newest) + STEP)
    span = {"after": int(before or newest), "upto": after}
    touched = (
        frozenset(row["begins"] for row in tx.execute(TOUCHED, span)) if after > span["after"] else frozenset[int]()
    )
    first, last = -(-since // MINUTE_MS) * MINUTE_MS, until // MINUTE_MS * MINUTE_MS
    there = {row["begins"]: row for row in tx.execute(THERE, {"since": first, "until": last})}
    total = dict.fromkeys(MEASURES, 0)
    for begins in there.keys() - touched:
        _add(total, there[begins])
    missing = [one for one in range(first, last, MINUTE_MS) if one in touched or one not in there]
    counted: dict[int, Amounts] = {}
    for begin, end in _stretches(missing):
        counted |= _count(tx, begin, end)
    edges = [(since, until)] if first > last else [(since, first), (last, until)]
    for found in (*counted.values(), *(each for edge in edges for each in _count(tx, *edge).values())):
        _add(total, found)
    return _Looked(before=before, after=after, touched=touched, counted=counted, total=total)


def _add(total: Amounts, found: Mapping[str, int]) -> None:
    for measure in MEASURES:
        total[measure] += found[measure]


def _stretches(minutes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Join minutes that follow each other, so that they are counted by one statement."""
    begin = 0
    for place, one in enumerate(minutes):
        if place + 1 == len(minutes) or minutes[place + 1] != one + MINUTE_MS:
            yield minutes[begin], one + MINUTE_MS
            begin = place + 1


def _count(tx: Tx, since: int, until: int) -> dict[int, Amounts]:
    """Count the minutes of a time from texts and journal, those without anything as well."""
    begins = since // MINUTE_MS * MINUTE_MS
    found = {one: dict.fromkeys(MEASURES, 0) for one in range(begins, until, MINUTE_MS)}
    for sql in (TEXTS, SKIPPED) if found else ():
        for row in tx.execute(sql, {"since": since, "until": until}):
            found[row["begins"]] |= {name: row[name] for name in row.keys() if name != "begins"}  # noqa: SIM118 - a row
    return found


def _keep(tx: Tx, looked: _Looked, now: datetime) -> None:
    """Keep what was counted, unless somebody else looked meanwhile: then it may be older than what is there."""
    if kept.recall(tx, UPTO) != looked.before:
        return
    tx.executemany(FORGET, [(one,) for one in looked.touched])
    tx.executemany(KEEP, [(one, *(found[name] for name in MEASURES)) for one, found in looked.counted.items()])
    tx.execute("delete from minutes where begins < ?", (ms(now - KEPT),))
    kept.remember(tx, UPTO, str(looked.after), now)
