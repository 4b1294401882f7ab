"""Conversations as a person sees them: whose texts wait, the thread with each phone, and that it was looked after."""

from __future__ import annotations

from datetime import datetime

from audit import journal
from audit.rows import ms
from audit.store import Row, Store, Tx

PAGE = 50
MOST = 200
"""Texts of one conversation that a page shows, newest ones."""

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


def listing(store: Store, before: tuple[int, int, int] | None = None, limit: int = PAGE) -> list[Row]:
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


def of(tx: Tx, number: str) -> int:
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
