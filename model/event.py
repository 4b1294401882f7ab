"""What comes in: the raw request and the fact in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

EVENT_TYPES: dict[str, str] = {
    "order.created": "A customer placed an order.",
    "order.paid": "An order was paid in full.",
    "order.updated": "An order changed.",
    "order.fulfilled": "All goods of an order left the shop.",
    "order.cancelled": "An order was cancelled.",
    "order.refunded": "An order was refunded, in part or in full.",
    "shipment.created": "A parcel was announced to the carrier.",
    "shipment.updated": "A parcel reached a new status.",
    "appointment.booked": "An appointment was made.",
    "appointment.rescheduled": "An appointment moved to another time.",
    "appointment.cancelled": "An appointment was cancelled.",
    "invoice.issued": "An invoice was made final and may be paid.",
    "invoice.paid": "An invoice was paid.",
    "invoice.overdue": "An invoice is past its due date.",
    "invoice.voided": "An invoice was withdrawn.",
    "payment.succeeded": "A payment went through.",
    "payment.failed": "A payment was refused.",
    "payment.refunded": "A payment was paid back.",
    "subscription.created": "A subscription began.",
    "subscription.updated": "A subscription changed.",
    "subscription.trial_ending": "A free trial is about to end.",
    "subscription.cancelled": "A subscription ended.",
    "ticket.created": "A customer asked for help.",
    "ticket.updated": "A request for help changed.",
    "ticket.resolved": "A request for help was solved.",
    "contact.created": "A person was added.",
    "contact.updated": "A person's details changed.",
    "contact.deleted": "A person's record was removed.",
    "verification.requested": "Somebody has to prove that a phone is theirs.",
    "privacy.erase": "The source demands that a person's data be erased.",
}
"""Normalised event types. `custom.<anything>` is allowed besides these."""


def is_event_type(name: str) -> bool:
    """Tell whether `name` is a normalised event type or a `custom.` one."""
    return name in EVENT_TYPES or (name.startswith("custom.") and len(name) > len("custom."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A raw request from outside: bytes and headers, nothing believed yet.

    `headers` has lower-case names. `url` is the public address the sender called,
    built from the configured `public_url`, never from the Host header.
    `received_at` stands in as the event's time where a sender gives none.
    """

    source: str
    method: str = "POST"
    url: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    received_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    def header(self, name: str) -> str:
        """Return the header `name` (any case), or "" when the sender left it out."""
        return self.headers.get(name.lower(), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the sender of an incoming request gets back."""

    status: int = 200
    body: str = "ok"
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact in a business system: who says so, what kind, about which record, since when.

    `id` names the fact in its source (transport id), so that a redelivery is recognised.
    `key` names the record (order id, appointment id), the same in every event about it.
    `raw` is the native record; None means "the whole JSON body".
    """

    source: str
    type: str
    native_type: str
    id: str
    key: str
    occurred_at: datetime
    data: Mapping[str, Any]
    version: str = ""
    raw: Mapping[str, Any] | None = None
    test: bool = False
    lookup: str = ""

    def __post_init__(self) -> None:
        if self.occurred_at.tzinfo is None:
            raise ValueError(f"{self.type} {self.id}: occurred_at has no time zone")
        if not is_event_type(self.type):
            raise ValueError(f"{self.type!r} is not a normalised event type")
