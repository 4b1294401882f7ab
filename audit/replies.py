"""Texts from phones after the door: what they answer, what a person has to see, and what goes back to the source.

Long because what a text answers, what a person sees of it and what the source hears of it are rows of one transaction.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from audit import journal
from audit.receipts import ANSWER_WINDOW, OPT_OUTS
from audit.rows import at, dump, ms
from audit.store import Row, Store, Tx
from model.sending import Asked, Change

PAGE = 50
MOST = 200
"""Texts of one conversation that a page shows, newest ones."""
MOST_ASKED = 50
"""Texts to one phone in two weeks that an answer may belong to."""

WAITING = """
select id, gateway, number, our_number, text, at, intent, message_id, provider_answers from replies
where state = 'new' order by at, id limit ?
"""
ASKED = """
select id, event_id, source, rule, step, key, locale, category, submitted_at,
    exists (select 1 from replies where replies.message_id = messages.id and replies.state = 'settled'
        and replies.needs = '' and replies.rule <> '') as answered
from messages where number = :number and submitted_at between :since and :until and rule not like '-%'
order by submitted_at desc, id desc limit :most
"""
SETTLE = """
update replies set state = 'settled', intent = :intent, message_id = :message_id, event_id = :event_id, rule = :rule,
    key = :key, needs = :needs, answer_id = :answer_id
where id = :id
"""
COUNT_NEEDS = """
update conversations set needs = (select count(*) from replies where replies.number = :number and needs <> '')
where number = :number
"""
LIST = """
select conversations.id, conversations.number, conversations.last_at, conversations.needs, newest.text, newest.intent,
    newest.rule
from conversations join replies as newest on newest.rowid = (
    select rowid from replies where number = conversations.number order by at desc, rowid desc limit 1)
"""
TEXTS = """
select id, text, state, reason, rule, step, event_type, key, created_at, submitted_at, replied_at, sender, gateway
from messages where number = ? order by id desc limit ?
"""
REPLIES = """
select replies.id, replies.text, replies.at, replies.intent, replies.rule, replies.key, replies.message_id,
    replies.needs, replies.gateway, replies.our_number, write_backs.state as written, write_backs.error as trouble,
    write_backs.source as written_to
from replies left join write_backs on write_backs.reply_id = replies.id
where replies.number = ? order by replies.at desc, replies.rowid desc limit ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A reply that waits to be understood. `wish` is what its words alone say; `message_id` the newest text then."""

    id: str
    gateway: str
    number: str
    our_number: str
    text: str
    at: datetime
    wish: str
    message_id: str
    provider_answers: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What became of a reply: its meaning, the text it answers, why a person has to see it ("" where nobody has)."""

    intent: str
    needs: str = ""
    answers: Asked | None = None
    answer_id: str = ""
    asked_by_rule: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteBack:
    """A change that waits to be written to the source of an event."""

    id: int
    reply_id: str
    event_id: str
    message_id: str
    number: str
    change: Change
    tries: int


def waiting(tx: Tx, limit: int) -> list[Arrived]:
    """Return replies that wait to be understood, oldest first."""
    return [
        Arrived(
            id=row["id"], gateway=row["gateway"], number=row["number"], our_number=row["our_number"], text=row["text"],
            at=at(row["at"]), wish=row["intent"], message_id=row["message_id"],
            provider_answers=bool(row["provider_answers"]),
        )
        for row in tx.execute(WAITING, (limit,))
    ]  # fmt: skip


def sent_to(tx: Tx, number: str, until: datetime) -> list[Asked]:
    """Return the texts a reply of that time may answer, newest first; automatic answers ask nothing."""
    values = {"number": number, "since": ms(until - ANSWER_WINDOW), "until": ms(until), "most": MOST_ASKED}
    return [
        Asked(
            id=row["id"], event_id=row["event_id"], source=row["source"], rule=row["rule"], step=row["step"],
            key=row["key"], locale=row["locale"], category=row["category"], at=at(row["submitted_at"]),
            answered=bool(row["answered"]),
        )
        for row in tx.execute(ASKED, values)
    ]  # fmt: skip


def category_of(tx: Tx, message_id: str) -> str:
    """Return the category of a text, "" for a transactional one."""
    row = tx.execute("select category from messages where id = ?", (message_id,)).fetchone()
    return str(row["category"]) if row else ""


def newest_was_automatic(tx: Tx, number: str, since: datetime) -> bool:
    """Tell whether the last text to a phone since then was an automatic answer: two machines may be talking."""
    row = tx.execute(
        "select rule, created_at from messages where number = ? order by id desc limit 1", (number,)
    ).fetchone()
    return row is not None and row["rule"].startswith("-") and row["created_at"] >= ms(since)


def settle(tx: Tx, reply: Arrived, bound: Bound, now: datetime) -> None:
    """Write down what a reply means and what it answers; the text that asked counts as replied to."""
    sent = bound.answers
    message_id, event_id = (sent.id, sent.event_id) if sent else ("", "")
    tx.execute(
        SETTLE,
        {
            "id": reply.id, "intent": bound.intent, "message_id": message_id, "event_id": event_id,
            "rule": sent.rule if sent and bound.asked_by_rule else "", "key": sent.key if sent else "",
            "needs": bound.needs, "answer_id": bound.answer_id,
        },
    )  # fmt: skip
    if message_id != reply.message_id and bound.intent not in OPT_OUTS:
        _move_response(tx, reply, message_id)
    if bound.needs:
        tx.execute(COUNT_NEEDS, {"number": reply.number})
    journal.note(
        tx, ms(now), "answered", event_id=event_id, message_id=message_id, gateway=reply.gateway, reason=bound.intent,
        rule=sent.rule if sent else "", detail=bound.needs,
    )  # fmt: skip


def _move_response(tx: Tx, reply: Arrived, message_id: str) -> None:
    tx.execute(
        "update messages set replied_at = null where id = ? and not exists "
        "(select 1 from replies where message_id = messages.id and intent not in ('stop', 'stop?'))",
        (reply.message_id,),
    )
    tx.execute("update messages set replied_at = coalesce(replied_at, ?) where id = ?", (ms(reply.at), message_id))


def flag(tx: Tx, reply_id: str, needs: str) -> None:
    """Show a settled reply to a person."""
    row = tx.execute("update replies set needs = ? where id = ? returning number", (needs, reply_id)).fetchone()
    if row is not None:
        tx.execute(COUNT_NEEDS, {"number": row["number"]})


def queue_change(tx: Tx, reply: Arrived, sent: Asked, change: Change, now: datetime) -> None:
    """Let a change wait for its source."""
    tx.execute(
        "insert into write_backs (reply_id, event_id, message_id, source, intent, fields, note, state, next_at, at) "
        "values (?, ?, ?, ?, ?, ?, ?, 'waiting', ?, ?)",
        (
            reply.id, sent.event_id, sent.id, sent.source, change.intent, dump(dict(change.fields)), change.note,
            ms(now), ms(change.at),
        ),
    )  # fmt: skip


def changes_due(tx: Tx, now: datetime, limit: int) -> list[WriteBack]:
    """Return changes whose source is to be told now."""
    rows = tx.execute(
        "select write_backs.*, replies.number from write_backs join replies on replies.id = write_backs.reply_id "
        "where write_backs.state = 'waiting' and write_backs.next_at <= ? order by write_backs.next_at limit ?",
        (ms(now), limit),
    )
    return [
        WriteBack(
            id=row["id"], reply_id=row["reply_id"], event_id=row["event_id"], message_id=row["message_id"],
            number=row["number"], tries=row["tries"],
            change=Change(
                id=f"tidings-{row['id']}", intent=row["intent"], fields=json.loads(row["fields"]), note=row["note"],
                at=at(row["at"]),
            ),
        )
        for row in rows
    ]  # fmt: skip


def changed(tx: Tx, write: WriteBack, trouble: str, again_at: datetime | None, now: datetime) -> None:
    """Note how telling the source went: done without `trouble`, tried again at `again_at`, or given up."""
    state = "done" if not trouble else "waiting" if again_at else "failed"
    row = tx.execute(
        "update write_backs set state = ?, tries = tries + 1, next_at = ?, error = ? where id = ? returning source",
        (state, ms(again_at) if again_at else 0, trouble[:300], write.id),
    ).fetchone()
    journal.note(
        tx, ms(now), "written_back", event_id=write.event_id, message_id=write.message_id, source=row["source"],
        reason="retry" if state == "waiting" else state, detail=trouble[:200],
    )  # fmt: skip


def conversations(store: Store, before: tuple[int, int, int] | None = None, limit: int = PAGE) -> list[Row]:
    """List phones that wrote: those that wait for a person first, then newest first. `before` is (waits, at, id)."""
    where, values = "", {"limit": limit}
    order = "order by (conversations.needs > 0) desc, conversations.last_at desc, conversations.id desc limit :limit"
    if before is not None:
        where = "where (conversations.needs > 0, conversations.last_at, conversations.id) < (:waits = 1, :at, :id)"
        values |= dict(zip(("waits", "at", "id"), before, strict=True))
    with store.read() as tx:
        return tx.execute(f"{LIST} {where} {order}", values).fetchall()


def number_of(tx: Tx, conversation_id: int) -> str:
    """Return whose conversation it is, "" when there is none."""
    row = tx.execute("select number from conversations where id = ?", (conversation_id,)).fetchone()
    return row["number"] if row else ""


def conversation_of(tx: Tx, number: str) -> int:
    """Return the conversation with a phone, 0 when it never wrote."""
    row = tx.execute("select id from conversations where number = ?", (number,)).fetchone()
    return int(row["id"]) if row else 0


def thread(tx: Tx, number: str) -> tuple[list[Row], list[Row]]:
    """Return the newest texts to a phone and the newest ones from it, newest first."""
    return tx.execute(TEXTS, (number, MOST)).fetchall(), tx.execute(REPLIES, (number, MOST)).fetchall()


def done(tx: Tx, number: str, actor: str, now: datetime) -> int:
    """Note that a person looked after a conversation; return how many replies waited for that."""
    rows = tx.execute(
        "update replies set needs = '' where number = ? and needs <> '' returning event_id, message_id", (number,)
    ).fetchall()
    tx.execute("update conversations set needs = 0 where number = ?", (number,))
    for row in rows:
        journal.note(
            tx, ms(now), "operator", event_id=row["event_id"], message_id=row["message_id"], actor=actor,
            reason="looked after",
        )  # fmt: skip
    return len(rows)


def needing(tx: Tx, most: int) -> tuple[int, int]:
    """Return how many conversations (at most `most`) wait for a person, and since when (milliseconds)."""
    rows = tx.execute("select last_at from conversations where needs > 0 order by last_at limit ?", (most,)).fetchall()
    return len(rows), rows[0]["last_at"] if rows else 0
