"""Messages: the queue and the record in one table. Here they are written, read, taken back and ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from audit import dedupe, journal, links
from audit.rows import digest, message_of, message_values, ms
from audit.store import Row, Store, Tx, lock
from model.event import Event
from model.message import Cancel, Message, State
from model.reasons import Because

COLUMNS = (
    "id, event_id, source, event_type, rule, rule_hash, step, key, number, number_field, country, warning, text, "
    "secret, locale, encoding, segments, sender, lane, gateways, category, campaign, supersede, items, throttle_key, "
    "redact, on_unknown, next_after, recheck, links, state, created_at, due_at, expires_at, next_at"
)

INSERT = f"insert into messages ({COLUMNS}) values ({', '.join(':' + name for name in COLUMNS.split(', '))})"  # noqa: S608 - our own words

TAKEN_PERHAPS = """exists (select 1 from journal where journal.message_id = messages.id and journal.message_id <> ''
    and journal.kind = 'outcome' and journal.reason in ('accepted', 'unknown'))"""
"""Whether a gateway may have a message already that waits to leave once more."""

WAITING = """coalesce(state, '') = 'queued' and id in (
    select id from messages where state = 'queued' and rule = :rule and key = :key
    union all
    select id from messages where state = 'queued' and rule = :rule and supersede = :key and supersede <> ''
)"""
"""What waits for a record. Each half has an index of its own; with an `or` every message that waits would be read.

The state stands outside as well: a server that had to wait for a claim looks at that once more, not at what is inside.
Inside of `coalesce`, or SQLite would begin with it and read all that waits.
"""

LET_BE = f"""
update messages set state = 'unknown', reason = 'unknown', next_at = :now
where %s and {TAKEN_PERHAPS}
returning id, event_id
"""  # noqa: S608 - our own words
"""To leave once more is not to wait: a phone may have it, so it can neither be taken back nor be replaced."""
HAD = LET_BE % WAITING
HAD_ONE = LET_BE % "id = :id and state = 'queued'"

STATES = {state.code: state for state in State}


def insert_message(tx: Tx, message: Message, event: Event) -> None:
    """Queue a message; its dedupe key is taken in the same transaction."""
    for key in filter(None, (message.key, message.supersede)):
        lock(tx, "record", message.rule, key)  # so that a cancellation at the same time meets it, or is met
    tx.execute(INSERT, {**message_values(message, event), "state": State.QUEUED.code})
    links.save(tx, message)
    if message.dedupe:
        dedupe.hold(tx, digest("message", message.dedupe), message.id, message.dedupe_until or message.expires_at)


def hand_on(tx: Tx, message: Message) -> None:
    """Let a text that goes on with what another one gathered hold its dedupe keys: those events are told in it."""
    tx.execute(
        "update dedupe set ref = ? where ref in "  # noqa: S608 - our own words
        "(select id from messages where state = 'queued' and rule = ? and supersede = ? and supersede <> '' "
        f"and not {TAKEN_PERHAPS})",
        (message.id, message.rule, message.supersede),
    )


def apply_cancel(tx: Tx, cancel: Cancel, stamp: int) -> None:
    """End what waits for a record, and remember the newest word on it."""
    lock(tx, "record", cancel.rule, cancel.key)
    _let_be(tx, HAD, {"now": stamp, "rule": cancel.rule, "key": cancel.key}, cancel.because)
    rows = tx.execute(
        "update messages set state = 'cancelled', reason = :reason, final_at = :now, secret = '', items = '' "  # noqa: S608 - our own words
        f"where {WAITING} returning id, event_id",
        {"reason": cancel.because.code, "now": stamp, "rule": cancel.rule, "key": cancel.key},
    ).fetchall()
    for row in rows:
        # What never left may be texted after all when the record returns to where it was.
        dedupe.free(tx, row["id"])
        _ended(tx, stamp, row, cancel.because)
    tx.execute(
        "insert into records (rule, key, occurred_at, closed) values (:rule, :key, :at, :closed) "
        "on conflict (rule, key) do update set occurred_at = excluded.occurred_at, closed = excluded.closed "
        "where excluded.occurred_at >= records.occurred_at",
        {"rule": cancel.rule, "key": cancel.key, "at": ms(cancel.occurred_at), "closed": int(cancel.closes)},
    )


def _let_be(tx: Tx, sql: str, values: dict[str, Any], because: Because, actor: str = "") -> bool:
    """Send what a phone may have not once more, and let it keep its dedupe keys; False when there is no such text."""
    found = tx.execute(sql, values).fetchall()
    for row in found:
        journal.note(
            tx, values["now"], "released", event_id=row["event_id"], message_id=row["id"], reason=because.code,
            actor=actor,
        )  # fmt: skip
    return bool(found)


def _ended(tx: Tx, stamp: int, row: Row, because: Because, actor: str = "") -> None:
    journal.note(tx, stamp, "ended", event_id=row["event_id"], message_id=row["id"], reason=because.code, actor=actor)


def end(tx: Tx, message_id: str, state: State, because: Because, now: datetime, actor: str = "") -> bool:
    """End a message that has not left. Returns False when it is past that."""
    row = tx.execute(
        "update messages set state = ?, reason = ?, final_at = ?, lease_until = 0, secret = '', items = '' "
        "where id = ? and state in ('queued', 'submitting') returning id, event_id",
        (state.code, because.code, ms(now), message_id),
    ).fetchone()
    if row is not None:
        _ended(tx, ms(now), row, because, actor)
    return row is not None


def drop(tx: Tx, message: Message, because: Because, actor: str, now: datetime) -> bool:
    """End a waiting message and let its record be texted again; one that a phone may have is not sent once more."""
    had = {"now": ms(now), "id": message.id}
    if _let_be(tx, HAD_ONE, had, because, actor):
        return False
    done = end(tx, message.id, State.CANCELLED, because, now, actor)
    if done:
        dedupe.free(tx, message.id)
    return done


def rewrite(tx: Tx, message: Message, actor: str, now: datetime) -> None:
    """Give a waiting message the words and the time that the rules have for it now."""
    tx.execute(
        "update messages set text = :text, secret = :secret, locale = :locale, encoding = :encoding, "
        "segments = :segments, sender = :sender, rule_hash = :rule_hash, due_at = :due_at, next_at = :due_at, "
        "expires_at = :expires_at, gateways = :gateways, lane = :lane, number = :number, number_field = :number_field, "
        "links = :links, held = '', salt = '' where id = :id and state = 'queued'",
        {name: value for name, value in message_values(message, None).items() if name != "event_type"},
    )
    links.save(tx, message)
    journal.note(
        tx, ms(now), "operator", event_id=message.event_id, message_id=message.id, actor=actor, reason="re-rendered"
    )


def waiting_of(tx: Tx, rules: frozenset[str]) -> list[Message]:
    """Return the messages of these rules that still wait."""
    marks = ", ".join("?" * len(rules))
    rows = tx.execute(
        f"select * from messages where state = 'queued' and rule in ({marks}) order by due_at",  # noqa: S608 - marks
        tuple(sorted(rules)),
    )
    return [message_of(row) for row in rows]


def get(tx: Tx, message_id: str) -> Row | None:
    """Read one message."""
    row: Row | None = tx.execute("select * from messages where id = ?", (message_id,)).fetchone()
    return row


def state_of(code: str) -> State:
    """Return the state called `code`."""
    return STATES[code]


def listing(
    store: Store, *, state: str = "", number: str = "", rule: str = "", before: str = "", limit: int = 50
) -> list[Row]:
    """List messages, newest first, from `before` on."""
    values = {"state": state, "number": number, "rule": rule, "before": before, "limit": limit}
    where = ["1 = 1", *(f"{n} = :{n}" for n in ("state", "number", "rule") if values[n])]
    where += ["id < :before"] if before else []
    with store.read() as tx:
        return tx.execute(
            f"select * from messages where {' and '.join(where)} order by id desc limit :limit",  # noqa: S608 - fixed words
            values,
        ).fetchall()
