"""What is kept for how long: requests, texts, people and the journal each have a time of their own.

A pass reads in pages and writes in small pieces, so that it can run beside everything else. What still waits to leave
keeps what it needs, however old it is. Journal rows go by whole seals: the seal stays, and the chain with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from audit import journal, list_removal
from audit.rows import ms
from audit.store import Store, Tx
from model import ids

PAGE = 500
NUMBERED = frozenset({"contacts", "conversations", "seals"})
"""Tables whose rows are counted from 1; ids elsewhere are texts that grow with time."""
KINDS = {"bodies": "i", "events": "e", "messages": "m"}
"""Tables whose ids tell the time."""
SLACK = timedelta(days=1)
"""How far a clock may have gone wrong between an id and the time beside it."""
LEFT = "state not in ('queued', 'submitting')"
READ = "state in ('planned', 'failed', 'unreadable', 'reread')"
WAITS = "exists (select 1 from messages where event_id = events.id and messages.state in ('queued', 'submitting'))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long each kind of data is kept; None keeps it for ever."""

    requests: timedelta | None = None
    texts: timedelta | None = None
    people: timedelta | None = None
    journal: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A table, which of its rows are past their time, and what is done to each of them."""

    table: str
    age: str
    where: str
    remove: str
    key: str = "id"
    page: int = PAGE

    @property
    def find(self) -> str:
        """The next page of rows behind `:last`."""
        end = "and id < :end" if self.table in KINDS else ""
        return (
            f"select {self.key} as id from {self.table} where {self.key} > :last and {self.age} < :cutoff "  # noqa: S608 - our own words
            f"{end} and {self.where} order by {self.key} limit {self.page}"
        )


REQUESTS = Step(
    "bodies",
    "received_at",
    f"not exists (select 1 from events where events.body_id = bodies.id and {WAITS})",  # noqa: S608 - our own words
    "update events set raw = null where body_id = :id; delete from bodies where id = :id",
)
TEXTS = Step(
    "messages",
    "created_at",
    f"{LEFT} and text <> ''",
    "update messages set text = '', secret = '', salt = '' where id = :id;"
    "update links set target = '' where message_id = :id",
)
REPLIES = Step("replies", "at", "text <> ''", "update replies set text = '' where id = :id")
PEOPLE = Step(
    "events",
    "received_at",
    f"{READ} and data <> '{{}}' and not {WAITS}",
    "delete from finder where rowid = (select found from events where id = :id);"
    "delete from traces where event_id = :id;"
    "update events set data = '{}', raw = null, lookup = '', error = '', found = 0 where id = :id",
    page=PAGE // 4,  # words leave the full-text index slowly, and others wait to write
)
NUMBERS = Step(
    "messages",
    "created_at",
    f"{LEFT} and number <> ''",
    "update messages set number = '', sent_to = '', throttle_key = '', salt = '' where id = :id",
)
TALKS = Step(
    "conversations",
    "last_at",
    "needs = 0",
    "update replies set number = '', text = '' where number = (select number from conversations where id = :id);"
    "delete from conversations where id = :id",
)
CONTACTS = Step("contacts", "at", "1 = 1", "delete from contacts where id = :id")
MESSAGES = Step(
    "messages",
    "created_at",
    LEFT,
    "delete from parts where message_id = :id; delete from links where message_id = :id;"
    "delete from messages where id = :id",
)
EVENTS = Step(
    "events",
    "received_at",
    f"{READ} and not {WAITS}",
    "delete from finder where rowid = (select found from events where id = :id);"
    "delete from traces where event_id = :id;"
    "delete from write_backs where event_id = :id;"
    "delete from events where id = :id",
    page=PAGE // 4,
)
JOURNAL = Step(
    "seals",
    "at",
    "purged_at = 0 and number < (select max(number) from seals)",  # or the next row would get a number used before
    "delete from journal where id between (select first from seals where number = :id)"
    " and (select last from seals where number = :id);"
    "update seals set marks = :nothing, purged_at = :now where number = :id",
    key="number",
    page=1,  # a seal covers ten thousand rows: nobody should wait for more of them at once
)
# what is past its time -> what is done, in this order
STEPS = {
    "requests": (REQUESTS,),
    "texts": (TEXTS, REPLIES),
    "people": (PEOPLE, NUMBERS, TALKS, CONTACTS),
    "journal": (MESSAGES, EVENTS, JOURNAL),
}


def _quiet(kind: str, done: int) -> None:
    """Show nothing."""


def purge(
    store: Store, keep: Retention, now: datetime, progress: Callable[[str, int], object] = _quiet
) -> dict[str, int]:
    """Remove what is past its time; return how many of each kind. Recorded in the journal where anything was."""
    removed: dict[str, int] = {}
    for kind, steps in STEPS.items():
        time: timedelta | None = getattr(keep, kind)
        if time is not None:
            removed[kind] = sum(_run(store, step, now - time, now, partial(progress, kind)) for step in steps)
    if keep.people is not None:
        removed["people"] += list_removal.expire(store, now - keep.people, now)
    if any(removed.values()):
        said = ", ".join(f"{count} {kind}" for kind, count in removed.items() if count)
        store.write(lambda tx: journal.note(tx, ms(now), "purged", actor="retention", detail=said))
    return removed


def _run(store: Store, step: Step, cutoff: datetime, now: datetime, progress: Callable[[int], object]) -> int:
    last: Any = 0 if step.table in NUMBERED else ""
    # What came in behind this is too new: without it each pass would read the table to its end.
    end = ids.first(KINDS.get(step.table, ""), cutoff + SLACK)
    done = 0
    while True:
        with store.read() as tx:
            found = [row["id"] for row in tx.execute(step.find, {"last": last, "end": end, "cutoff": ms(cutoff)})]
        if not found:
            return done
        store.write(partial(_remove, step=step, keys=found, now=now))
        last, done = found[-1], done + len(found)
        progress(done)


def _remove(tx: Tx, step: Step, keys: Sequence[Any], now: datetime) -> None:
    for statement in step.remove.split(";"):
        tx.executemany(statement, [{"id": each, "now": ms(now), "nothing": b""} for each in keys])
