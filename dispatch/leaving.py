"""The last gates of every path: nobody who opted out is texted, and nobody in an hour the rule or law closes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from dispatch import hours, timing
from dispatch.facts import Facts
from model.message import Lane, Message
from model.reasons import Because
from rules.book import Rule

CONFIRMATION = "-stop-confirmation"
"""The name of the confirmation where other texts have the name of their rule; no rule can be called so."""

LEAVES_WITHIN = timedelta(minutes=5)
"""A confirmation that comes later than this would look like one more text after the STOP."""


BATCH = "batch:"
"""What a batch is called by: a text that came back says other things than the one that was begun after it."""

ON_TIME = timedelta(seconds=2)
"""A text that leaves this soon after its time leaves in the hour it was planned for."""


def is_late(message: Message, now: datetime) -> bool:
    """Tell whether a message leaves so late (a retry, a backlog, a pause) that the hour may be another."""
    return now - message.due_at > ON_TIME


def opens_at(rule: Rule | None, data: Mapping[str, Any], message: Message, now: datetime) -> datetime | None:
    """Return when a late message may leave: now where the hour is open, None for never.

    Where the rule is gone, nobody says which hours it kept: a text it left behind waits for the morning. Texts that
    never had a rule (by hand, an answer) and codes do not wait.
    """
    if rule is None and (not message.rule_hash or message.lane is Lane.OTP):
        return now
    limits = timing.limits_of(rule, data, message.recipient) if rule else timing.night_of(message.recipient)
    if not limits or not hours.is_closed(now, limits):
        return now
    dropped = rule is not None and rule.quiet is not None and rule.quiet.then == "drop"
    return None if dropped else hours.next_free(now, limits)


def overtaken(facts: Facts, message: Message, occurred_at: datetime) -> Because | None:
    """Return why a text that came back (a busy gateway, an unclear outcome) must not leave again, None where it may.

    While it was on its way its record may have been closed or have had a newer word, which ended only what waited.
    """
    keys = [key for key in (message.key, message.supersede) if key and not key.startswith(BATCH)]
    for last_word, closed in (found for key in keys if (found := facts.newest(message.rule, key))):
        if closed and last_word >= occurred_at:
            return Because.CANCELLED
        if last_word > occurred_at:
            return Because.SUPERSEDED
    return None


def is_stopped(facts: Facts, message: Message, number: str, now: datetime) -> bool:
    """Tell whether a message must not leave. `number` is the phone that really gets it: in redirect mode another."""
    if message.rule == CONFIRMATION and now < message.created_at + LEAVES_WITHIN:
        return False
    return any(facts.opted_out(phone, message.category) for phone in {message.recipient.number, number})
