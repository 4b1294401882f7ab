"""What happened, in the words other systems are told in. Pure: an outbox row becomes news, and news a body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from dispatch.recipient import mask

STATES = {
    "queued": "message.queued",
    "accepted": "message.accepted",
    "sent": "message.sent",
    "delivered": "message.delivered",
    "undelivered": "message.failed",
    "rejected": "message.failed",
    "failed": "message.failed",
    "expired": "message.expired",
    "cancelled": "message.cancelled",
    "unknown": "message.unknown",
    "unconfirmed": "message.unknown",
}
"""Which type tells of a message's new state; the other states are of no use to others."""

TEXTS = ("message_id", "event_id", "source", "event_type", "key", "rule", "step", "campaign", "category")
TIMES = ("created_at", "due_at", "submitted_at", "accepted_at", "receipt_at", "final_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One thing that happened. `number` and `text` are told only to webhooks that ask for them."""

    type: str
    at: datetime
    sequence: int
    ref: str
    rule: str = ""
    source: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    number: str = ""
    text: str = ""


def news_of(row: Mapping[str, Any], now: datetime) -> News | None:
    """Read an outbox row (audit.webhooks.unread); None when it is nothing to tell. `at` is never after `now`."""
    facts = json.loads(row["facts"])
    made = {"message": _message, "reply": _reply, "consent": _consent}.get(row["kind"], _event)
    found = made(row, facts)
    if found is None:
        return None
    kind, data, number, text = found
    return News(
        type=kind,
        at=min(_time(row["at"]), now),
        sequence=row["id"],
        ref=row["message_id"] or row["ref"],
        rule=data.get("rule", ""),
        source=data.get("source", ""),
        data=data,
        number=number,
        text="" if row["redact"] else text,
    )


Parts = tuple[str, dict[str, Any], str, str]


def _message(row: Mapping[str, Any], facts: dict[str, Any]) -> Parts | None:
    kind = STATES.get(facts["state"])
    if kind is None or row["number"] is None:
        return None
    data = {
        **_of_message(row), "segments": row["segments"],
        **{name: value for name, value in facts.items() if name not in TIMES},
    }  # fmt: skip
    for name in TIMES:
        stamp = facts.get(name) or (row[name] if name in {"created_at", "due_at"} else None)
        data[name] = _written(_time(stamp)) if stamp else None
    return kind, data, row["number"], row["text"]


def _reply(row: Mapping[str, Any], facts: dict[str, Any]) -> Parts | None:
    if row["reply_state"] in {None, "new"}:  # gone, or not understood yet: then it comes once more
        return None
    data = {**_of_message(row), **facts, "needs": row["needs"]}
    return "reply.received", data, row["reply_number"], row["reply_text"]


def _consent(row: Mapping[str, Any], facts: dict[str, Any]) -> Parts:
    last = {f"last_{name}" if name == "message_id" else name: row[name] or "" for name in ("message_id", "key")}
    return "consent.changed", {**facts, **last}, row["ref"], ""


def _event(row: Mapping[str, Any], facts: dict[str, Any]) -> Parts:
    kind = "event.skipped" if row["kind"] == "decision" else "event.failed"
    return kind, {**facts, "key": row["key"] or ""}, "", ""


def _of_message(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] or "" for name in TEXTS}


def body_of(news: News, *, numbers: bool, texts: bool) -> str:
    """Write what a webhook is posted, within what it may know of people."""
    data = {"sequence": news.sequence, **news.data}
    if news.number:
        data["recipient"] = news.number if numbers else mask(news.number)
    if texts and news.text:
        data["text"] = news.text
    body = {"type": news.type, "timestamp": _written(news.at), "data": data}
    return json.dumps(body, separators=(",", ":"))  # ASCII: half a character of a text must not stop the post


def _time(stamp: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=stamp)


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
