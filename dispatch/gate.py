"""The last gate of every path: nobody who opted out is texted, but for the one text that confirms just that. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from dispatch.facts import Facts
from model.message import Message

CONFIRMATION = "-stop-confirmation"
"""The name of the confirmation where other texts have the name of their rule; no rule can be called so."""

LEAVES_WITHIN = timedelta(minutes=5)
"""A confirmation that comes later than this would look like one more text after the STOP."""


def is_stopped(facts: Facts, message: Message, number: str, now: datetime) -> bool:
    """Tell whether a message must not leave. `number` is the phone that really gets it: in redirect mode another."""
    if message.rule == CONFIRMATION and now < message.created_at + LEAVES_WITHIN:
        return False
    return any(facts.opted_out(phone, message.category) for phone in {message.recipient.number, number})
