"""Nothing lost, everything explained: the sums that must hold after any history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from audit.rows import at, ms
from audit.store import Store, Tx

# `<> ''` says nothing new: it is what lets the engines use the partial indexes of the journal.
UNDECIDED = """
select count(*) as n from events where state = 'planned' and received_at > (select since from explained)
and not exists (select 1 from journal where journal.event_id = events.id and journal.event_id <> ''
    and journal.kind = 'decision')
"""
DECIDED_TWICE = """
select count(*) as n from (
    select event_id, rule, step from journal where kind = 'decision' and reason = 'send'
    and event_id not in (select event_id from journal where kind = 'replayed')
    group by event_id, rule, step having count(*) > 1) as twice
"""
UNEXPLAINED = """
select count(*) as n from messages where created_at > (select since from explained) and not exists (
    select 1 from journal where journal.message_id = messages.id and journal.message_id <> ''
    and journal.kind = 'decision')
"""
NEVER_TRIED = """
select count(*) as n from messages where created_at > (select since from explained)
and state in ('accepted', 'sent', 'delivered', 'undelivered', 'unknown')
and not exists (select 1 from journal where journal.message_id = messages.id and journal.message_id <> ''
    and journal.kind = 'attempt')
"""
CHECKS = {
    "events planned without a decision": UNDECIDED,
    "rules that decided twice to text one event": DECIDED_TWICE,
    "messages without a decision": UNEXPLAINED,
    "messages handed over without an attempt on record": NEVER_TRIED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """What is still on its way: `busy` now, `out` with a provider that may report it, or waiting until `next_due`."""

    busy: int
    out: int
    next_due: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of everything; `faults` is empty when the promises held."""

    events: int
    decided: int
    unreadable: int
    waiting: int
    decisions: list[tuple[str, int]]
    messages: list[tuple[str, int]]
    faults: list[str]


def unfinished(store: Store, now: datetime) -> Open:
    """Tell what is still on its way."""
    stamp = ms(now)
    with store.read() as tx:
        busy = _count(
            tx,
            f"select (select count(*) from events where state in ('received', 'needs_lookup') and next_at <= {stamp}) "  # noqa: S608 - our own words
            "+ (select count(*) from messages where state = 'submitting' "
            f"or (state = 'queued' and next_at <= {stamp})) as n",
        )
        out = _count(tx, "select count(*) as n from messages where state in ('accepted', 'sending', 'sent')")
        row = tx.execute(
            "select min(t) as t from (select min(next_at) as t from messages where state = 'queued' "
            "union all select min(next_at) from events where state = 'needs_lookup') as next"
        ).fetchone()
    return Open(busy=busy, out=out, next_due=at(row["t"]) if row["t"] is not None else None)


def report(store: Store) -> Report:
    """Count everything and check the sums."""
    with store.read() as tx:
        return Report(
            events=_count(tx, "select count(*) as n from events"),
            decided=_count(tx, "select count(*) as n from events where state = 'planned'"),
            unreadable=_count(tx, "select count(*) as n from events where state = 'unreadable'"),
            decisions=_groups(
                tx, "select reason as what, count(*) as n from journal where kind = 'decision' group by 1"
            ),
            messages=_groups(tx, "select state as what, count(*) as n from messages group by 1"),
            waiting=sum(_in_state(tx, state) for state in ("received", "needs_lookup")),
            faults=[f"{n} {what}" for what, sql in CHECKS.items() if (n := _count(tx, sql))]
            + ([f"{failed} events could not be planned"] if (failed := _in_state(tx, "failed")) else []),
        )


def _in_state(tx: Tx, state: str) -> int:
    return int(tx.execute("select count(*) as n from events where state = ?", (state,)).fetchone()["n"])


def _count(tx: Tx, sql: str) -> int:
    return int(tx.execute(sql).fetchone()["n"])


def _groups(tx: Tx, sql: str) -> list[tuple[str, int]]:
    return sorted(((row["what"], row["n"]) for row in tx.execute(sql)), key=lambda pair: -pair[1])
