"""What a person does to one message by hand: take it back, or let it leave once more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit import journal, messages
from audit.rows import at, ms
from audit.store import Row, Store, Tx
from model.message import Decision, State
from model.reasons import Because

AGAIN = (State.FAILED.code, State.REJECTED.code, State.UNKNOWN.code)
"""States in which no gateway has a message for certain, so that the same one may leave again."""
RENEWED = (*AGAIN, State.UNDELIVERED.code, State.EXPIRED.code, State.UNCONFIRMED.code, State.CANCELLED.code)
"""States after which the same words may go out as a new message."""
HIDDEN = "******"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What may be done with a message; each reason why not is a sentence, "" where it may be done."""

    cancel: str
    retry: str
    resend: str


def choices(row: Row | Mapping[str, Any], now: datetime) -> Choices:
    """Say what a person may do with a message."""
    gone = "Its text is no longer kept." if not row["text"] or not row["number"] else ""
    code = "It held a code, which is not kept." if row["redact"] or HIDDEN in row["text"] else ""
    late = "Its time to live is over; send it as a new one." if at(row["expires_at"]) <= now else ""
    left = "" if row["state"] in AGAIN else "Only what no gateway has can leave again as the same message."
    ended = "" if row["state"] in RENEWED else "It is still on its way, or it arrived."
    waits = "" if row["state"] == State.QUEUED.code else "It does not wait any more."
    return Choices(cancel=waits, retry=left or gone or code or late, resend=ended or gone or code)


def of(store: Store, message_id: str) -> Row | None:
    """Read one message."""
    with store.read() as tx:
        return messages.get(tx, message_id)


def cancel(tx: Tx, message_id: str, actor: str, now: datetime) -> bool:
    """Take back a message that still waits; False once it is being handed over."""
    row = messages.get(tx, message_id)
    if row is None or row["state"] != State.QUEUED.code:
        return False
    return messages.end(tx, message_id, State.CANCELLED, Because.CANCELLED, now, actor)


def retry(tx: Tx, message_id: str, actor: str, now: datetime) -> bool:
    """Let the same message leave once more, by any of its gateways; False where that may not be (any more)."""
    row = messages.get(tx, message_id)
    if row is None or choices(row, now).retry:
        return False
    tx.execute(
        "update messages set state = 'queued', reason = '', final_at = null, tried = '', lease_until = 0, held = '', "
        "next_at = ? where id = ?",
        (ms(now), message_id),
    )
    journal.note(
        tx, ms(now), "operator", event_id=row["event_id"], message_id=message_id, rule=row["rule"], actor=actor,
        reason="retried", detail=f"it was {row['state']}",
    )  # fmt: skip
    return True


def note_resent(tx: Tx, message_id: str, new_id: str, actor: str, now: datetime) -> None:
    """Write beside a message that its words went out as another one."""
    row = messages.get(tx, message_id)
    journal.note(
        tx, ms(now), "operator", event_id=row["event_id"] if row else "", message_id=message_id, actor=actor,
        reason="resent", detail=f"as {new_id}",
    )  # fmt: skip


def note_sent(tx: Tx, decision: Decision, actor: str, reason: str, now: datetime) -> None:
    """Write why somebody sent a text by hand."""
    message = decision.message
    if message is not None:
        journal.note(
            tx, ms(now), "operator", event_id=message.event_id, message_id=message.id, actor=actor, reason="sent",
            detail=reason,
        )  # fmt: skip
