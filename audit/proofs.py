"""What the sealed journal proves about rows that change: the request that came in, the text that was handed over.

The journal holds a hash, the text and the number stay beside it. Where both are still there they must fit; once a
person is erased, or a body is past its time, there is nothing left to compare, and the hash alone tells nothing.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator

from audit.store import Row, Store

PAGE = 5_000
LAST_ATTEMPTS = """
select messages.id, messages.number, messages.sent_to, messages.text, messages.salt, (
    select proof from journal where journal.message_id = messages.id and kind = 'attempt' order by id desc limit 1
) as proof from messages where messages.id > ? and messages.salt <> '' order by messages.id limit ?
"""
KEPT_BODIES = """
select bodies.id, bodies.body, (
    select proof from journal join events on events.id = journal.event_id
    where events.body_id = bodies.id and journal.kind = 'received' order by journal.id limit 1
) as proof from bodies where bodies.id > ? order by bodies.id limit ?
"""
DELIVERED = """
select id from messages where id > ? and state in ('delivered', 'undelivered')
and created_at > (select since from explained) and not exists (
    select 1 from journal where journal.message_id = messages.id and kind = 'receipt' and reason = messages.state)
order by id limit ?
"""


def of_text(salt: str, number: str, sent_to: str, text: str) -> str:
    """Return the proof of an attempt: who gets what, by which number."""
    return _hash(*(f"{len(part)}:{part}" for part in (salt, number, sent_to, text)))


def of_body(body: bytes) -> str:
    """Return the proof of a request."""
    return hashlib.sha256(body).hexdigest()[:32]


def salt() -> str:
    """Return a new salt."""
    return secrets.token_hex(8)


def faults(store: Store, progress: Callable[[str], object] = str) -> Iterator[str]:
    """Yield every message and request that is not what the journal says it was."""
    progress("texts")
    for row in _pages(store, LAST_ATTEMPTS):
        if row["proof"] and row["proof"] != of_text(row["salt"], row["number"], row["sent_to"], row["text"]):
            yield f"Message {row['id']} is not what was handed over: its text or its number was changed."
    progress("requests")
    for row in _pages(store, KEPT_BODIES):
        if row["proof"] and row["proof"] != of_body(row["body"]):
            yield f"Request {row['id']} is not what came in."
    progress("receipts")
    for row in _pages(store, DELIVERED):
        yield f"Message {row['id']} has a state for which there is no receipt."


def _pages(store: Store, sql: str) -> Iterator[Row]:
    last = ""
    while True:
        with store.read() as tx:
            rows = tx.execute(sql, (last, PAGE)).fetchall()
        yield from rows
        if len(rows) < PAGE:
            return
        last = rows[-1]["id"]


def _hash(*parts: str) -> str:
    return hashlib.sha256("".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
