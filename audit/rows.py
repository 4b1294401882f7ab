"""Between values and columns: times, JSON, and whole rows of events and messages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from audit.store import Row
from model.event import Event
from model.message import Lane, Message, Recipient

LANES = {lane.rank: lane for lane in Lane}


def ms(moment: datetime) -> int:
    """Write a time as a column: milliseconds since 1970 in UTC."""
    return int(moment.timestamp() * 1000)


def at(value: int) -> datetime:
    """Read a time column."""
    return datetime.fromtimestamp(value / 1000, tz=UTC)


def dump(value: Any) -> str:
    """Write JSON compactly and always the same way."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def digest(*parts: str) -> bytes:
    """Return the 16-byte dedupe key of some texts; length-prefixed, so that ("ab","c") is not ("a","bc")."""
    return hashlib.blake2b("".join(f"{len(p)}:{p}" for p in parts).encode("utf-8", "replace"), digest_size=16).digest()


def event_of(row: Row) -> Event:
    """Read an event back from its row (joined with its body as `body` for the native record)."""
    return Event(
        source=row["source"],
        type=row["type"],
        native_type=row["native_type"],
        id=row["transport_id"],
        key=row["key"],
        version=row["version"],
        occurred_at=at(row["occurred_at"]),
        data=json.loads(row["data"]),
        raw=json.loads(row["raw"]) if row["raw"] else None,
        test=bool(row["test"]),
        lookup=row["lookup"],
    )


def message_values(message: Message, event: Event | None) -> dict[str, Any]:
    """Write a new message as columns."""
    return {
        "id": message.id,
        "event_id": message.event_id,
        "source": message.source,
        "event_type": event.type if event else "",
        "rule": message.rule,
        "rule_hash": message.rule_hash,
        "step": message.step,
        "key": message.key,
        "number": message.recipient.number,
        "number_field": message.recipient.field,
        "country": message.recipient.region,
        "warning": message.recipient.warning,
        "text": message.shown or message.text,
        "secret": message.text if message.shown and message.shown != message.text else "",
        "locale": message.locale,
        "encoding": message.encoding,
        "segments": message.segments,
        "sender": message.sender,
        "lane": message.lane.rank,
        "gateways": ",".join(message.gateways),
        "category": message.category,
        "campaign": message.campaign,
        "supersede": message.supersede,
        "items": dump([dict(item) for item in message.items]) if message.items else "",
        "throttle_key": message.throttle_key,
        "redact": ",".join(message.redact),
        "on_unknown": message.on_unknown,
        "next_after": int(message.next_after.total_seconds() * 1000) if message.next_after else 0,
        "recheck": dump(message.recheck) if message.recheck else "",
        "links": len(message.links),
        "created_at": ms(message.created_at),
        "due_at": ms(message.due_at),
        "expires_at": ms(message.expires_at),
        "next_at": ms(message.due_at),
    }


def message_of(row: Row | Mapping[str, Any]) -> Message:
    """Read a message back from its row."""
    return Message(
        id=row["id"],
        event_id=row["event_id"],
        source=row["source"],
        rule=row["rule"],
        rule_hash=row["rule_hash"],
        step=row["step"],
        key=row["key"],
        recipient=Recipient(
            number=row["number"], field=row["number_field"], region=row["country"], warning=row["warning"]
        ),
        text=row["secret"] or row["text"],
        shown=row["text"],
        locale=row["locale"],
        encoding=row["encoding"],
        segments=row["segments"],
        lane=LANES[row["lane"]],
        gateways=tuple(row["gateways"].split(",")) if row["gateways"] else (),
        sender=row["sender"],
        created_at=at(row["created_at"]),
        due_at=at(row["due_at"]),
        expires_at=at(row["expires_at"]),
        supersede=row["supersede"],
        items=tuple(json.loads(row["items"])) if row["items"] else (),
        throttle_key=row["throttle_key"],
        category=row["category"],
        campaign=row["campaign"],
        redact=tuple(row["redact"].split(",")) if row["redact"] else (),
        on_unknown=row["on_unknown"],
        next_after=timedelta(milliseconds=row["next_after"]) if row["next_after"] else None,
        recheck=json.loads(row["recheck"]) if row["recheck"] else None,
    )


def after(moment: datetime, delay: timedelta) -> int:
    """Return the column value of `moment` plus `delay`."""
    return ms(moment + delay)
