"""Texts from phones after the door: what they answer, whether a person must see them, what goes back to the source."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from audit import journal
from audit.receipts import ANSWER_WINDOW, OPT_OUTS
from audit.rows import at, dump, ms
from audit.store import Tx
from model.sending import Asked, Change

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
