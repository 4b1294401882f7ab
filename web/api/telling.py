"""How the record reads to programs: rows of the journal, texts and replies, with numbers as the caller may see them."""

from __future__ import annotations

from datetime import datetime

from audit import sentences, trace
from audit.rows import LANES
from dispatch.recipient import mask
from web.api.route import Call
from web.api.shapes import Entry, Gate, Given


class MessageOut(Given):
    """One text and its life so far. `text` hides codes; `sentence` says what became of it."""

    id: str
    event_id: str
    source: str
    type: str
    rule: str
    step: str
    key: str
    number: str
    text: str
    sentence: str
    state: str
    reason: str
    lane: str
    category: str
    campaign: str
    locale: str
    encoding: str
    segments: int
    sender: str
    gateway: str
    provider_id: str
    attempts: int
    cost: str
    currency: str
    created_at: datetime
    due_at: datetime
    expires_at: datetime
    submitted_at: datetime | None
    accepted_at: datetime | None
    receipt_at: datetime | None
    final_at: datetime | None
    replied_at: datetime | None


class ReplyOut(Given):
    """What a phone wrote back, and what it was taken to mean."""

    text: str
    at: datetime
    intent: str
    message_id: str


SAME = (
    "id", "event_id", "source", "rule", "step", "key", "reason", "category", "campaign", "locale", "encoding",
    "segments", "sender", "gateway", "provider_id", "attempts", "cost", "currency", "created_at", "due_at",
    "expires_at", "submitted_at", "accepted_at", "receipt_at", "final_at", "replied_at",
)  # fmt: skip


def message(call: Call, text: trace.Text) -> MessageOut:
    """Tell of one text."""
    return MessageOut(
        **{name: getattr(text, name) for name in SAME},
        type=text.event_type,
        number=call.number(text.number),
        text=call.text(text.text),
        sentence=sentences.fate(text, mask),
        state=text.state.code,
        lane=LANES[text.lane].code,
    )


def entry(call: Call, row: trace.Entry) -> Entry:
    """Tell of one row of the journal."""
    return Entry(
        at=row.at, kind=row.kind, message_id=row.message_id, rule=row.rule, step=row.step, reason=row.reason,
        gateway=row.gateway, actor=row.actor, detail=call.text(row.detail), file=row.file, line=row.line,
        gates=[
            Gate(name=gate.name, passed=gate.passed, saw=call.text(gate.saw), line=gate.line) for gate in row.gates
        ],
    )  # fmt: skip


def reply(call: Call, said: trace.Reply) -> ReplyOut:
    """Tell of one reply."""
    return ReplyOut(text=call.text(said.text), at=said.at, intent=said.intent, message_id=said.message_id)
