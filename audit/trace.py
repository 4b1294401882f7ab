"""Everything known about one event, in the order in which it happened, and the one sentence that sums it up."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from audit.messages import state_of
from audit.rows import at
from audit.store import Row, Store, Tx
from model.message import Gate, State
from model.reasons import Because
from model.sending import ErrorClass
from model.steering import held_words

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
NOUNS = {"": "Event", "custom": "Event", "privacy": "Privacy request"}
"""What a record is called where the first part of its event type is no word for it."""
BECAUSE = {because.code: because.text for because in Because}
ERRORS = {error.code: error for error in ErrorClass}


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


# The sentence.


def hide(number: str) -> str:
    """Leave the last two digits of a number; who knows more about numbers passes a better mask."""
    return f"••{number[-2:]}"


def sentence(trace: Trace, mask: Callable[[str], str] = hide) -> str:
    """Say in one sentence what became of an event, with its numbers masked."""
    who = subject(trace)
    if trace.state == "unreadable":
        return f"Not readable: a genuine request from {trace.source} was kept, and no text was sent. {trace.error}"
    if trace.state == "failed":
        return f"{who}: planning failed, and no text was sent. {trace.error}"
    if trace.messages:
        return f"{who}: {_about_texts(trace, mask)}"
    if trace.state == "needs_lookup":
        return f"{who}: waits until {trace.source} has been asked for the rest of the record"
    if trace.state == "received":
        return f"{who}: received, and not planned yet"
    return f"{who}: no text. {_why_none(trace)}"


def subject(trace: Trace) -> str:
    """Name the record as people do: "Order 1001 from shop"."""
    kind = trace.type.partition(".")[0]
    noun = NOUNS.get(kind) or kind.capitalize()
    names = [trace.data.get(name) for name in ("number", "tracking_number", "order_number")]
    name = next((str(value) for value in names if isinstance(value, str | int) and value), trace.key).lstrip("#")
    return f"{noun} {name[:60]} from {trace.source}" if name else f"{noun} from {trace.source}"


def _about_texts(trace: Trace, mask: Callable[[str], str]) -> str:
    if len(trace.messages) == 1:
        return fate(trace.messages[0], mask, trace.received_at)
    words: dict[str, int] = {}
    for text in trace.messages:
        words[text.state.words] = words.get(text.state.words, 0) + 1
    return f"{len(trace.messages)} texts: {', '.join(f'{count} {word}' for word, count in words.items())}"


def fate(text: Text, mask: Callable[[str], str] = hide, since: datetime | None = None) -> str:
    """Say what became of one text. `since` is when its event came in; waiting on purpose does not count."""
    to, by = mask(text.number), text.gateway or "no gateway"
    state = text.state
    if state is State.DELIVERED:
        started = max(since or text.created_at, text.due_at)
        took = f" in {span(text.receipt_at - started)}" if text.receipt_at and text.receipt_at >= started else ""
        return f"text sent to {to}, delivered{took}"
    if state is State.QUEUED:
        if text.held:
            return f"text to {to} waits: {held_words(text.held)}"
        if text.attempts:
            return f"text to {to} waits for attempt {text.attempts + 1}: {answer(text.reason, by)}"
        return f"text to {to} waits until {moment(text.next_at or text.due_at)}"
    if state is State.CANCELLED:
        return f"text to {to} dropped before it left. {BECAUSE.get(text.reason, text.reason)}".rstrip()
    if state is State.UNKNOWN:
        return f"nobody knows whether {by} took the text to {to}; it was not repeated"
    if state is State.REJECTED and text.reason in ERRORS:
        return f"text to {to} refused by {by}. {ERRORS[text.reason].action}"
    plain = {
        State.SUBMITTING: f"text to {to} is being handed to {by}",
        State.ACCEPTED: f"text to {to} taken by {by}, no receipt yet",
        State.SENDING: f"text to {to} is on its way by {by}",
        State.SENT: f"text to {to} taken by the carrier, no word from the phone yet",
        State.UNCONFIRMED: f"text sent to {to} by {by}; no receipt came",
    }
    return plain.get(state) or f"text to {to} {state.words}. {_why_failed(text, by)}".rstrip()


def _why_failed(text: Text, gateway: str) -> str:
    if text.reason in BECAUSE:
        return BECAUSE[text.reason]
    if text.reason in ERRORS:
        return answer(text.reason, gateway)
    return f"{gateway} reported {text.reason}." if text.reason else ""


def answer(error: str, gateway: str) -> str:
    """Say what a gateway's no means and what follows from it."""
    known = ERRORS.get(error.partition(" ")[0])
    said = error.partition(" ")[2]
    if known is None or not known.action:
        return f"{gateway} said {error}." if error else ""
    return f"{gateway} said no{f' ({said})' if said else ''}. {known.action}"


def _why_none(trace: Trace) -> str:
    """Take the decision that came closest to a text: of the newest planning, the one with the most gates passed."""
    decisions = _newest(trace)
    if not decisions:
        return "No decision was written."
    best = max(decisions, key=lambda entry: (sum(gate.passed for gate in entry.gates), -entry.id))
    if not best.rule:
        return best.detail or BECAUSE["no_rule"]
    others = len({entry.rule for entry in decisions} - {best.rule})
    more = f" ({others} other {'rule' if others == 1 else 'rules'} said no as well)" if others else ""
    return f"{why(best)}{more}"


def why(entry: Entry) -> str:
    """Say why a decision sent nothing, with the rule and the line that decided."""
    saw = entry.detail or BECAUSE.get(entry.reason.partition("[")[0], entry.reason)
    place = f", line {entry.line}" if entry.line else ""
    if entry.reason == Because.CANCELS.code:
        return f"{saw.rstrip('.')} (rule {entry.rule}{place})"
    return f"Rule {entry.rule}{place}: {saw}"


def _newest(trace: Trace) -> Sequence[Entry]:
    """Return the decisions of the last time the event was planned."""
    since = max((entry.id for entry in trace.entries if entry.kind == "replayed"), default=0)
    return [entry for entry in trace.decisions if entry.id > since]


def moment(value: datetime) -> str:
    """Write a time for a sentence."""
    return f"{value:%H:%M} UTC on {value.day} {value:%B %Y}"


def span(length: timedelta) -> str:
    """Write a length of time as people say it: 0.4 s, 3.2 s, 45 s, 9 h 50 min, 3 d 4 h."""
    seconds = length.total_seconds()
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{count} {unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")) if count]
    return " ".join(parts[:2])
