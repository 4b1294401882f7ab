"""Figures that only grow, counted from the journal: each row once, whoever counts, and none lost by a restart.

The journal is the one place where every process writes what it did, so what is counted from it is right for all of
them together. A row that was counted is never looked at again.

A text is **due** when its rule wants it to leave, or when its event was accepted if it is to leave at once (for an
event that a person had planned again: when it was). All times below are from then on.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from audit import kept
from audit.rows import LANES
from audit.store import Row, Store, StoreDown, Tx, lock, settled
from model.message import State

log = logging.getLogger("tidings.audit")
UPTO, FAILURES_UPTO = "tallies_upto", "tallies_failures_upto"
STEP = 10_000
"""Journal rows counted in one go."""

STEPS = 20
"""How many goes at a time: after an upgrade there may be years to count, and others wait to write."""

IN_TIME = timedelta(seconds=10)
"""A text handed over within this time of being due is in time."""

BOUNDS = (
    100, 250, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 1_800_000, 14_400_000, 86_400_000,
)  # fmt: skip
"""Upper ends of the spans of time that are told apart, in milliseconds."""

BEYOND = 2**53
"""The span of what took longer than all of them."""

DAY_MS = 86_400_000
FINAL = frozenset(state.code for state in State if state.final)
NEVER = frozenset({State.FAILED.code, State.EXPIRED.code})
DUE = """
case when m.due_at > m.created_at or e.received_at is null or exists (
    select 1 from journal again where again.event_id = m.event_id and again.event_id <> '' and again.kind = 'replayed')
then case when m.due_at > m.created_at then m.due_at else m.created_at end else e.received_at end
"""
FATES = f"""
select j.id, j.at, j.kind, j.reason, j.gateway, m.lane, m.state, m.receipt_at, m.accepted_at, m.final_at,
    {DUE} as due,
    (select min(one.id) from journal one where one.message_id = m.id and one.message_id <> ''
        and one.kind in ('outcome', 'receipt') and one.at = m.accepted_at) as taken_in,
    (select max(one.id) from journal one where one.message_id = m.id and one.message_id <> ''
        and one.kind in ('outcome', 'ended') and one.at = m.final_at) as ended_in,
    (select min(one.id) from journal one where one.message_id = m.id and one.message_id <> ''
        and one.kind = 'receipt' and one.reason in ({", ".join(f"'{code}'" for code in sorted(FINAL))})) as told_in
from journal j join messages m on m.id = j.message_id left join events e on e.id = m.event_id
where j.id > :after and j.id <= :upto and j.kind in ('outcome', 'receipt', 'ended') and j.message_id <> ''
"""  # noqa: S608 - our own words
COUNTS = """
select kind, source, gateway, reason, case when kind = 'outcome' then detail else '' end as detail, count(*) as amount
from journal where id > :after and id <= :upto and kind in ('received', 'decision', 'outcome', 'receipt', 'click')
group by 1, 2, 3, 4, 5
"""
FAILURES = """
select tellings.webhook, count(*) as amount from telling_failures
join tellings on tellings.id = telling_failures.telling_id
where telling_failures.id > :after and telling_failures.id <= :upto group by tellings.webhook
"""
ADD = """
insert into tallies (figure, labels, bucket, amount, total) values (?, ?, ?, ?, ?)
on conflict (figure, labels, bucket) do update set amount = tallies.amount + excluded.amount,
    total = tallies.total + excluded.total
"""
ADD_DAY = """
insert into punctuality (day, lane, in_time, late, never, refused) values (?, ?, ?, ?, ?, ?)
on conflict (day, lane) do update set in_time = punctuality.in_time + excluded.in_time,
    late = punctuality.late + excluded.late, never = punctuality.never + excluded.never,
    refused = punctuality.refused + excluded.refused
"""
KINDS = ("in_time", "late", "never", "refused")


@dataclass(slots=True)
class Counted:
    """What a stretch of the journal adds: counts and sums by (figure, labels, bucket), fates by (day, lane, kind)."""

    amounts: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    totals: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    fates: Counter[tuple[int, int, str]] = field(default_factory=Counter)

    def took(self, figure: str, labels: str, length: int) -> None:
        """Count one length of time, in milliseconds; a clock that was set back makes it none."""
        length = max(0, length)
        place = bisect_left(BOUNDS, length)
        key = (figure, labels, BOUNDS[place] if place < len(BOUNDS) else BEYOND)
        self.amounts[key] += 1
        self.totals[key] += length


def refresh(store: Store, now: datetime, steps: int = STEPS) -> int:
    """Count what is new in the journal, at most `steps` goes; return how many rows that were.

    A full disk keeps nobody from reading the figures there are.
    """
    with store.read() as tx:
        done = int(kept.recall(tx, UPTO) or 0)
        newest = settled(tx)
    upto = min(newest, done + STEP * steps)
    try:
        for after in range(done, upto, STEP):
            _advance(store, after, min(after + STEP, upto), now)
        _count_failures(store, now)
    except StoreDown as error:
        log.warning("figures not counted", extra={"detail": str(error)})
    return int(upto - done)


def read(tx: Tx) -> dict[str, list[Row]]:
    """Return every figure by its name: rows of labels, bucket, amount and total."""
    found: dict[str, list[Row]] = {}
    for row in tx.execute("select figure, labels, bucket, amount, total from tallies order by figure, labels, bucket"):
        found.setdefault(row["figure"], []).append(row)
    return found


def uncounted(tx: Tx) -> int:
    """Return how many rows of the journal are still to be counted."""
    newest = settled(tx)
    return max(0, int(newest) - int(kept.recall(tx, UPTO) or 0))


def count(tx: Tx, after: int, upto: int) -> Counted:
    """Count a stretch of the journal."""
    found, stretch = Counted(), {"after": after, "upto": upto}
    for row in tx.execute(COUNTS, stretch):
        found.amounts[_figure(row)] += row["amount"]
    for row in tx.execute(FATES, stretch):
        _time(found, row)
    return found


def _advance(store: Store, after: int, upto: int, now: datetime) -> None:
    with store.read() as tx:
        found = count(tx, after, upto)
    store.write(partial(_add, found=found, name=UPTO, after=after, upto=upto, now=now))


def _figure(row: Row) -> tuple[str, str, int]:
    kind = row["kind"]
    if kind == "received":
        return "received", row["source"], 0
    if kind == "decision":
        return "decision", row["reason"].partition("[")[0], 0
    if kind == "click":
        return "click", row["source"], 0
    if kind == "receipt":
        return "receipt", f"{row['gateway']}\t{row['reason']}", 0
    return "outcome", f"{row['gateway']}\t{row['reason']}\t{row['detail'].partition(' ')[0] or 'none'}", 0


def _time(found: Counted, row: Row) -> None:
    """Count the times that end with this row of the journal, each text once."""
    labels = f"{LANES[row['lane']].code}\t{row['gateway']}"
    if row["id"] == row["taken_in"]:
        took = row["at"] - row["due"]
        found.took("handover", labels, took)
        found.fates[_day(row, "in_time" if took <= IN_TIME.total_seconds() * 1000 else "late")] += 1
    elif row["id"] == row["ended_in"] and row["accepted_at"] is None:
        if row["state"] in NEVER:
            found.fates[_day(row, "never")] += 1
        elif row["state"] == State.REJECTED.code:
            found.fates[_day(row, "refused")] += 1
    if row["id"] == row["told_in"]:
        found.took("told", labels, row["at"] - row["due"])
        if row["reason"] == State.DELIVERED.code and row["receipt_at"] is not None:
            found.took("handset", labels, row["receipt_at"] - row["due"])


def _day(row: Row, kind: str) -> tuple[int, int, str]:
    return row["due"] // DAY_MS * DAY_MS, row["lane"], kind


def _add(tx: Tx, found: Counted, name: str, after: int, upto: int, now: datetime) -> None:
    lock(tx, name)
    if int(kept.recall(tx, name) or 0) != after:  # somebody else was quicker
        return
    tx.executemany(ADD, [(*key, amount, found.totals[key]) for key, amount in sorted(found.amounts.items())])
    days = sorted({(day, lane) for day, lane, _ in found.fates})
    tx.executemany(ADD_DAY, [(*day, *(found.fates[(*day, kind)] for kind in KINDS)) for day in days])
    kept.remember(tx, name, str(upto), now)


def _count_failures(store: Store, now: datetime) -> None:
    """Count the posts to webhooks that failed; their rows go with time, and numbers that are free are used again.

    Unlike rows of the journal they are written by plain jobs alone (dispatch/telling.py), which have the database to
    themselves: they appear in the order of their numbers, and the newest that is seen is the newest there is.
    """
    with store.read() as tx:
        done = int(kept.recall(tx, FAILURES_UPTO) or 0)
        newest = tx.execute("select max(id) as id from telling_failures").fetchone()["id"] or 0
        if newest == done:
            return
        first = 0 if newest < done else done
        rows = tx.execute(FAILURES, {"after": first, "upto": newest}).fetchall()
    found = Counted(amounts=Counter({("webhook_failure", row["webhook"], 0): row["amount"] for row in rows}))
    store.write(partial(_add, found=found, name=FAILURES_UPTO, after=done, upto=newest, now=now))


def by_labels(rows: Iterable[Row]) -> Mapping[tuple[str, ...], list[Row]]:
    """Group the rows of a figure by their labels."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row["labels"].split("\t")), []).append(row)
    return found
