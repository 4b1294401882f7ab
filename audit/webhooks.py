"""What other systems are told: the outbox that triggers fill (migrations/0005), the tellings made of it, each webhook.

A telling is `waiting` until its webhook took it (`told`) or the schedule ran out (`given_up`).

Long because the outbox, the tellings and the webhook each have their moves, in one life.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit import journal
from audit.engines.base import Shared
from audit.rows import after, ms
from audit.store import Row, Tx

KEEP = timedelta(days=30)
ANSWER_KEPT = 2_000
UNREAD = """
select outbox.id, outbox.at, outbox.kind, outbox.ref, outbox.message_id, outbox.facts, messages.event_id,
    messages.source, messages.event_type, messages.rule, messages.step, messages.campaign,
    messages.category, messages.segments, messages.number, messages.text, messages.redact, messages.created_at,
    messages.due_at, events.key, replies.number as reply_number, replies.text as reply_text,
    replies.state as reply_state, replies.needs
from outbox left join messages on messages.id = outbox.message_id
left join events on events.id = coalesce(messages.event_id, outbox.ref)
left join replies on outbox.kind = 'reply' and replies.id = outbox.ref
order by outbox.id limit ?
"""
CLAIM = """
with due as materialized (
    select id from tellings where webhook = :webhook and state = 'waiting' and next_at <= :now and lease_until <= :now
    order by next_at, id limit :limit /* for update skip locked */
) update tellings set tries = tries + 1, lease_until = :lease where id in (select id from due)
returning id, webhook, type, ref, body, tries
"""
LISTING = """
select webhooks.*, (select count(*) from tellings where webhook = name and state = 'waiting') as waiting,
    (select count(*) from tellings where webhook = name and state = 'given_up') as given_up
from webhooks order by name
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """One thing to tell one webhook. `body` is what is sent, the same bytes at each try."""

    id: str
    webhook: str
    sequence: int = 0
    type: str
    ref: str
    body: str
    tries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How one try ended. `next_at` None gives the telling up."""

    status: int = 0
    error: str = ""
    took: timedelta = timedelta()
    answer: str = ""
    next_at: datetime | None = None


def prepare(tx: Tx, listens: Mapping[str, Sequence[str]], now: datetime) -> None:
    """Know the configured webhooks from now on, forget the others, and take up what a stop left half told."""
    for row in tx.execute("select name from webhooks").fetchall():
        if row["name"] not in listens:
            tx.execute("delete from webhooks where name = ?", (row["name"],))
    for name, types in listens.items():
        tx.execute(
            "insert into webhooks (name, listens, since) values (?, ?, ?) "
            "on conflict (name) do update set listens = excluded.listens",
            (name, f" {' '.join(types)} ", ms(now)),
        )
    if not listens:
        tx.execute("delete from outbox")
    if not isinstance(tx, Shared):  # elsewhere another process may be telling them just now
        tx.execute("update tellings set lease_until = 0 where state = 'waiting' and lease_until > 0")


def unread(tx: Tx, limit: int) -> list[Row]:
    """Return what happened and nobody was told yet, oldest first, with what is known about it."""
    return tx.execute(UNREAD, (limit,)).fetchall()


def save(tx: Tx, read: Sequence[int], tellings: Sequence[Telling], now: datetime) -> None:
    """Take rows out of the outbox and put what they became in their place. Raises TakenAlready."""
    marks = ", ".join("?" * len(read))  # not from the first to the last: others may appear between them
    gone = tx.execute(f"delete from outbox where id in ({marks})", tuple(read)).rowcount  # noqa: S608 - marks
    if gone != len(read):
        raise TakenAlready
    stamp = ms(now)
    tx.executemany(
        "insert into tellings (id, webhook, sequence, type, ref, body, created_at, next_at) "
        "values (?, ?, ?, ?, ?, ?, ?, ?)",
        [(one.id, one.webhook, one.sequence, one.type, one.ref, one.body, stamp, stamp) for one in tellings],
    )


class TakenAlready(Exception):  # noqa: N818 - names what happened
    """Another process made tellings of these rows."""


def claim(tx: Tx, webhook: str, now: datetime, lease: timedelta, limit: int) -> list[Telling]:
    """Take what is due for a webhook; nothing while it rests or is disabled, one at a time while it fails."""
    state = tx.execute("select rest_until, disabled_at, failures from webhooks where name = ?", (webhook,)).fetchone()
    if state is None or state["disabled_at"] or state["rest_until"] > ms(now):
        return []
    most = 1 if state["failures"] else limit
    values = {"webhook": webhook, "now": ms(now), "lease": after(now, lease), "limit": most}
    return sorted((_telling(row) for row in tx.execute(CLAIM, values).fetchall()), key=lambda one: one.id)


def is_due(tx: Tx, webhook: str, now: datetime) -> bool:
    """Tell whether a webhook has something to be told and takes it now, without writing."""
    row = tx.execute(
        "select 1 from tellings where webhook = :name and state = 'waiting' and next_at <= :now "
        "and lease_until <= :now and exists ("
        "select 1 from webhooks where name = :name and disabled_at = 0 and rest_until <= :now) limit 1",
        {"name": webhook, "now": ms(now)},
    ).fetchone()
    return row is not None


def told(tx: Tx, telling: Telling, status: int, now: datetime) -> None:
    """Write that a webhook took a telling; whatever failed before is forgiven."""
    tx.execute(
        "update tellings set state = 'told', told_at = ?, status = ?, error = '', lease_until = 0 where id = ?",
        (ms(now), status, telling.id),
    )
    tx.execute(
        "update webhooks set told_at = ?, failures = 0, failing_since = 0, rest_until = 0 where name = ?",
        (ms(now), telling.webhook),
    )


def failed(tx: Tx, telling: Telling, failure: Failure, now: datetime) -> Row | None:
    """Write that a try failed and return how its webhook stands: its failures in a row and since when."""
    stamp = ms(now)
    tx.execute(
        "insert into telling_failures (telling_id, at, status, error, took, answer) values (?, ?, ?, ?, ?, ?)",
        (
            telling.id, stamp, failure.status, failure.error, int(failure.took.total_seconds() * 1000),
            failure.answer[:ANSWER_KEPT],
        ),
    )  # fmt: skip
    tx.execute(
        "update tellings set state = ?, next_at = ?, status = ?, error = ?, lease_until = 0 where id = ?",
        (
            "waiting" if failure.next_at else "given_up", ms(failure.next_at or now), failure.status, failure.error,
            telling.id,
        ),
    )  # fmt: skip
    row: Row | None = tx.execute(
        "update webhooks set failures = failures + 1, "
        "failing_since = case when failing_since = 0 then ? else failing_since end where name = ? "
        "returning failures, failing_since",
        (stamp, telling.webhook),
    ).fetchone()
    return row


def rest(tx: Tx, name: str, until: datetime) -> None:
    """Leave a webhook alone for a while."""
    tx.execute("update webhooks set rest_until = ? where name = ?", (ms(until), name))


def release(tx: Tx, telling: Telling) -> None:
    """Give a claim back untried."""
    tx.execute("update tellings set tries = tries - 1, lease_until = 0 where id = ?", (telling.id,))


def disable(tx: Tx, name: str, because: str, actor: str, now: datetime) -> bool:
    """Stop telling a webhook; what happens meanwhile waits. False when it is not known or disabled already."""
    done = tx.execute(
        "update webhooks set disabled_at = ?, disabled_because = ? where name = ? and disabled_at = 0",
        (ms(now), because[:200], name),
    ).rowcount
    if done:
        journal.note(tx, ms(now), "operator", actor=actor, reason="webhook disabled", detail=f"{name}: {because}"[:200])
    return bool(done)


def enable(tx: Tx, name: str, actor: str, now: datetime) -> bool:
    """Tell a webhook again, beginning at once with what waits. False when it is not known."""
    done = tx.execute(
        "update webhooks set disabled_at = 0, disabled_because = '', failures = 0, failing_since = 0, rest_until = 0 "
        "where name = ?",
        (name,),
    ).rowcount
    if done:
        tx.execute(
            "update tellings set next_at = ?, tries = 0 where webhook = ? and state = 'waiting'", (ms(now), name)
        )
        journal.note(tx, ms(now), "operator", actor=actor, reason="webhook enabled", detail=name)
    return bool(done)


def replay(tx: Tx, name: str, since: datetime, actor: str, now: datetime, *, everything: bool) -> int:
    """Tell again what was given up since a time, or also what was told; ids and bodies stay. Return how many."""
    states = "('given_up', 'told')" if everything else "('given_up')"
    count = tx.execute(
        f"update tellings set state = 'waiting', tries = 0, next_at = ?, lease_until = 0 "  # noqa: S608 - fixed words
        f"where webhook = ? and state in {states} and created_at >= ?",
        (ms(now), name, ms(since)),
    ).rowcount
    journal.note(tx, ms(now), "operator", actor=actor, reason="webhook replayed", detail=f"{name}: {count}")
    return count


def listing(tx: Tx) -> list[Row]:
    """Return every webhook with how it does."""
    return tx.execute(LISTING).fetchall()


def disabled(tx: Tx) -> list[Row]:
    """Return the disabled webhooks and why they are."""
    return tx.execute("select name, disabled_because from webhooks where disabled_at > 0 order by name").fetchall()


def tellings(tx: Tx, name: str, state: str, limit: int) -> list[Row]:
    """Return the newest tellings of a webhook, of one state or ("") of any."""
    return tx.execute(
        "select id, created_at, type, ref, state, tries, status, error, next_at, told_at from tellings "  # noqa: S608 - our own words
        f"where webhook = ? {'and state = ?' if state else ''} order by id desc limit ?",
        (name, *((state,) if state else ()), limit),
    ).fetchall()


def telling(tx: Tx, telling_id: str) -> tuple[Row, list[Row]] | None:
    """Return one telling with its failed tries."""
    row = tx.execute("select * from tellings where id = ?", (telling_id,)).fetchone()
    tries = tx.execute(
        "select at, status, error, took, answer from telling_failures where telling_id = ? order by id", (telling_id,)
    )
    return (row, tries.fetchall()) if row else None


def prune(tx: Tx, now: datetime, limit: int = 5_000) -> int:
    """Drop what is older than it is kept; return how many tellings."""
    gone = tx.execute(
        "delete from tellings where id in (select id from tellings where created_at < ? order by created_at limit ?) "
        "returning id",
        (ms(now - KEEP), limit),
    ).fetchall()
    tx.executemany("delete from telling_failures where telling_id = ?", [(row["id"],) for row in gone])
    return len(gone)


def _telling(row: Row) -> Telling:
    return Telling(
        id=row["id"], webhook=row["webhook"], type=row["type"], ref=row["ref"], body=row["body"], tries=row["tries"]
    )
