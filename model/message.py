"""What goes out: the recipient, the message and its life."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from model.links import Link
from model.reasons import Because


class Lane(Enum):
    """Which queue a message waits in; a lower rank leaves first."""

    OTP = ("otp", 0)
    HIGH = ("high", 1)
    NORMAL = ("normal", 2)
    BULK = ("bulk", 3)

    def __init__(self, code: str, rank: int) -> None:
        self.code, self.rank = code, rank


class State(Enum):
    """The life of a message. A receipt moves it only to a higher rank.

    `soft` states may still be replaced by a real outcome; `final` ones end the life.
    """

    QUEUED = ("queued", 10, False, "waiting")
    SUBMITTING = ("submitting", 20, False, "being handed over")
    UNKNOWN = ("unknown", 25, False, "the gateway may or may not have it")
    ACCEPTED = ("accepted", 30, False, "taken by the gateway")
    SENDING = ("sending", 40, False, "on its way")
    SENT = ("sent", 50, False, "taken by the carrier")
    UNCONFIRMED = ("unconfirmed", 60, False, "no receipt came")
    UNDELIVERED = ("undelivered", 80, True, "not delivered")
    EXPIRED = ("expired", 80, True, "too late to deliver")
    REJECTED = ("rejected", 80, True, "refused")
    FAILED = ("failed", 80, True, "failed")
    CANCELLED = ("cancelled", 85, True, "not sent")
    DELIVERED = ("delivered", 90, True, "delivered")

    def __init__(self, code: str, rank: int, final: bool, words: str) -> None:  # noqa: FBT001 - a row of the table
        self.code, self.rank, self.final, self.words = code, rank, final, words

    @property
    def soft(self) -> bool:
        """A later receipt of any rank above `sent` may replace it."""
        return self is State.UNCONFIRMED

    def yields_to(self, new: State) -> bool:
        """Tell whether a receipt that says `new` moves a message on from this state."""
        if self is State.CANCELLED:
            return False
        return new.rank > self.rank or (self.soft and new.rank >= State.SENT.rank and new is not self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A phone number in E.164, the field it came from and what we know about its owner."""

    number: str
    field: str = ""
    region: str = ""
    zones: tuple[str, ...] = ()
    warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One text for one recipient. It has one life and one id.

    `text` is what leaves; `shown` is what people and the record see, with redacted fields as ******.
    """

    id: str
    event_id: str
    source: str
    rule: str
    rule_hash: str
    step: str = ""
    key: str = ""
    recipient: Recipient
    text: str
    shown: str = ""
    locale: str = ""
    encoding: str
    segments: int
    lane: Lane
    gateways: tuple[str, ...] = ()
    sender: str = ""
    created_at: datetime
    due_at: datetime
    expires_at: datetime
    dedupe: str = ""
    dedupe_until: datetime | None = None
    supersede: str = ""
    items: tuple[Mapping[str, Any], ...] = ()
    throttle_key: str = ""
    category: str = ""
    campaign: str = ""
    redact: tuple[str, ...] = ()
    on_unknown: str = "drop"
    next_after: timedelta | None = None
    recheck: Mapping[str, Any] | None = None
    links: tuple[Link, ...] = ()

    def __post_init__(self) -> None:
        for name in ("created_at", "due_at", "expires_at"):
            if getattr(self, name).tzinfo is None:
                raise ValueError(f"message {self.id}: {name} has no time zone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One check on the way to a text: what was asked, what was seen, whether it let the event pass."""

    name: str
    passed: bool
    saw: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one rule decided about one event: a message, or a named reason why not."""

    rule: str
    step: str = ""
    file: str = ""
    line: int = 0
    because: Because | None = None
    reason: str = ""
    detail: str = ""
    message: Message | None = None
    gates: tuple[Gate, ...] = ()

    @property
    def code(self) -> str:
        """The reason code as people meet it: `sent`, `no_recipient`, `when[1]` and so on."""
        if self.because is None:
            return "send"
        return self.reason or self.because.code


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """An order to drop the messages of a rule that still wait for a record.

    `steps` empty means every step; `because` says what the message's life ends with.
    """

    rule: str
    key: str
    because: Because
    occurred_at: datetime
    supersede: str = ""
    closes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything an event leads to: decisions (one per rule and step) and cancellations.

    `redact` names the fields of the event that must not be kept once it is planned.
    """

    event_id: str
    decisions: tuple[Decision, ...]
    cancels: tuple[Cancel, ...] = field(default=())
    redact: tuple[str, ...] = ()

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages this plan would send."""
        return tuple(d.message for d in self.decisions if d.message is not None)
