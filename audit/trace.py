"""Everything known about one event, in the order in which it happened, and the one sentence that sums it up.

Long because one question is answered from every table there is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from audit.messages import state_of
from audit.rows import at
from audit.store import Row, Store, Tx
from model.message import Gate, State

HIDDEN = "******"
MOST_ENTRIES = 500
"""A text retried for days leaves fewer; a page that shows more helps nobody."""

EVENT = """
select id, body_id, source, type, native_type, transport_id, key, version, occurred_at, received_at, data, test, lookup,
    state, error
from events where id = ?
"""
BODY = "select method, url, query, headers, body from bodies where id = ?"
ENTRIES = """
select journal.id, at, kind, message_id, rule, step, reason, place, gateway, actor, detail, traces.gates
from journal left join traces on traces.journal_id = journal.id
"""
OF_EVENT = ENTRIES + "where journal.event_id = :id and journal.event_id <> '' order by journal.id limit :most"
OF_MESSAGE = ENTRIES + "where journal.message_id = :id and journal.message_id <> '' order by journal.id limit :most"
TEXTS = """
select id, event_id, source, event_type, rule, step, key, number, number_field, warning, text, locale, encoding,
    segments, sender, lane, category, campaign, state, reason, created_at, due_at, expires_at, next_at, attempts,
    gateway, sent_to, provider_id, submitted_at, accepted_at, receipt_at, final_at, replied_at, cost, currency, held
from messages
"""
REPLIES = """
select replies.text, replies.at, replies.intent, replies.message_id from replies
where number = :number and message_id = :id order by replies.id limit 50
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The request an event came in, as it came; headers that hold secrets were never kept."""

    method: str
    url: str
    query: Sequence[str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row of the journal; of a decision also what its gates saw, and the file they stand in."""

    id: int
    at: datetime
    kind: str
    message_id: str = ""
    rule: str = ""
    step: str = ""
    reason: str = ""
    gateway: str = ""
    actor: str = ""
    detail: str = ""
    file: str = ""
    line: int = 0
    gates: tuple[Gate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a phone wrote back, and what it was taken to mean."""

    text: str
    at: datetime
    intent: str
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One text and its life so far. `text` is what may be shown; a secret that leaves in its place is never read."""

    id: str
    event_id: str
    source: str
    event_type: str
    rule: str
    step: str
    key: str
    number: str
    number_field: str
    warning: str
    text: str
    locale: str
    encoding: str
    segments: int
    sender: str
    lane: int
    category: str
    campaign: str
    state: State
    reason: str
    created_at: datetime
    due_at: datetime
    expires_at: datetime
    next_at: datetime | None
    attempts: int
    gateway: str
    sent_to: str
    provider_id: str
    submitted_at: datetime | None
    accepted_at: datetime | None
    receipt_at: datetime | None
    final_at: datetime | None
    replied_at: datetime | None
    cost: str
    currency: str
    held: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The history of one event: the fact, its request, every entry of the journal, its texts and their replies."""

    id: str
    source: str
    type: str
    native_type: str
    transport_id: str
    key: str
    version: str
    occurred_at: datetime
    received_at: datetime
    data: Mapping[str, Any]
    test: bool
    lookup: str
    state: str
    error: str
    request: Request | None
    entries: tuple[Entry, ...]
    messages: tuple[Text, ...]
    replies: tuple[Reply, ...]

    @property
    def decisions(self) -> tuple[Entry, ...]:
        """The entries in which a rule decided, of every time the event was planned."""
        return tuple(entry for entry in self.entries if entry.kind == "decision")


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """The history of one text: the decision that made it, its attempts and receipts, and what came back."""

    text: Text
    entries: tuple[Entry, ...]
    replies: tuple[Reply, ...]


def of_event(store: Store, event_id: str) -> Trace | None:
    """Read the whole history of an event; None when there is no such event (any more)."""
    with store.read() as tx:
        row = tx.execute(EVENT, (event_id,)).fetchone()
        if row is None:
            return None
        texts = [_text(found) for found in tx.execute(f"{TEXTS} where event_id = ? order by id", (event_id,))]
        body = tx.execute(BODY, (row["body_id"],)).fetchone() if row["body_id"] else None
        entries = _entries(tx, OF_EVENT, event_id)
        replies = [reply for text in texts for reply in _replies(tx, text)]
    values = {name: row[name] for name in Trace.__dataclass_fields__ if name in set(row.keys())}
    return Trace(
        **{
            **values,
            "occurred_at": at(row["occurred_at"]),
            "received_at": at(row["received_at"]),
            "data": json.loads(row["data"]),
            "test": bool(row["test"]),
        },
        request=_request(body) if body else None,
        entries=entries,
        messages=tuple(texts),
        replies=tuple(replies),
    )


def of_message(store: Store, message_id: str) -> Life | None:
    """Read the whole history of a text; None when there is no such message (any more)."""
    with store.read() as tx:
        row = tx.execute(f"{TEXTS} where id = ?", (message_id,)).fetchone()
        if row is None:
            return None
        text = _text(row)
        return Life(text=text, entries=_entries(tx, OF_MESSAGE, message_id), replies=_replies(tx, text))


def without(trace: Trace, paths: Sequence[str]) -> Trace:
    """Hide the values at `paths`: an event that is not planned yet still holds its codes."""
    hidden = _values_at(trace.data, paths)
    if not hidden:
        return trace
    request = trace.request
    if request is not None:
        body = request.body
        for secret in hidden:
            body = body.replace(secret.encode(), HIDDEN.encode())
        request = replace(request, body=body)
    return replace(trace, data=_without(trace.data, hidden), request=request)


def _entries(tx: Tx, sql: str, owner: str) -> tuple[Entry, ...]:
    return tuple(_entry(row) for row in tx.execute(sql, {"id": owner, "most": MOST_ENTRIES}))


def _entry(row: Row) -> Entry:
    seen = json.loads(row["gates"]) if row["gates"] else {}
    file, _, line = row["place"].rpartition(":")
    gates = tuple(
        Gate(name=name, passed=bool(passed), saw=saw, line=number)
        for name, passed, saw, number in seen.get("gates", ())
    )
    return Entry(
        id=row["id"],
        at=at(row["at"]),
        kind=row["kind"],
        message_id=row["message_id"],
        rule=row["rule"],
        step=row["step"],
        reason=row["reason"],
        gateway=row["gateway"],
        actor=row["actor"],
        detail=seen.get("detail") or row["detail"],
        file=file,
        line=int(line) if line.isdigit() else 0,
        gates=gates,
    )


def _text(row: Row) -> Text:
    values = {name: row[name] for name in Text.__dataclass_fields__}
    for name in ("created_at", "due_at", "expires_at"):
        values[name] = at(row[name])
    for name in ("next_at", "submitted_at", "accepted_at", "receipt_at", "final_at", "replied_at"):
        values[name] = at(row[name]) if row[name] else None
    return Text(**{**values, "state": state_of(row["state"])})


def _replies(tx: Tx, text: Text) -> tuple[Reply, ...]:
    rows = tx.execute(REPLIES, {"number": text.number, "id": text.id})
    return tuple(
        Reply(text=row["text"], at=at(row["at"]), intent=row["intent"], message_id=row["message_id"]) for row in rows
    )


def _request(row: Row) -> Request:
    return Request(
        method=row["method"],
        url=row["url"],
        query=json.loads(row["query"]),
        headers=json.loads(row["headers"]),
        body=row["body"],
    )


def _values_at(data: Any, paths: Sequence[str]) -> list[str]:
    """Return the values to hide, longest first, so that no piece of a longer one stays behind."""
    found = set()
    for path in paths:
        value: Any = data
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value):
            found.add(str(value))
    return sorted(found, key=len, reverse=True)


def _without(value: Any, hidden: Sequence[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(child, hidden) for key, child in value.items()}
    if isinstance(value, list):
        return [_without(child, hidden) for child in value]
    return HIDDEN if str(value) in hidden else value
