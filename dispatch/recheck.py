"""Asking the source once more, right before a text leaves: is it still true, for that time and that number?

The fresh record is planned again by the same rule. So whatever changed (paid, moved, renamed, another phone) changes
the text in the one way the rule would have changed it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from dispatch.pending import rewritten
from dispatch.plan import scope_of
from model.event import Event
from model.links import placeholder
from model.message import Message
from model.reasons import Gone, Unreachable
from rules.book import Book
from rules.condition import ConditionFault, compile_condition

HOLD = timedelta(minutes=5)
SLACK = timedelta(minutes=1)


Ask = Callable[[Event], Event]
"""Fetch an event's record again. Raises Unreachable or Gone."""


@dataclass(frozen=True, slots=True)
class Go:
    """It is still true; this is what it says now."""

    message: Message


@dataclass(frozen=True, slots=True)
class Later:
    """It is still true, for later, or the source has to be asked again then."""

    message: Message
    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Drop:
    """It is not true any more."""

    why: str


def recheck(
    book: Book,
    message: Message,
    event: Event,
    ask: Ask,
    now: datetime,
    new_code: Callable[[str], str] = placeholder,
) -> Go | Later | Drop:
    """Ask, and decide what becomes of a message that is about to leave."""
    wanted = message.recheck or {}
    try:
        fresh = ask(event)
    except Gone as gone:
        return Drop(str(gone))
    except Unreachable as trouble:
        return _unreachable(message, str(wanted.get("if_unreachable", "hold")), str(trouble), now)
    for source in wanted.get("still", ()):
        try:
            verdict = compile_condition(source).check(scope_of(fresh, book), now)
        except ConditionFault as fault:
            return Drop(str(fault))
        if not verdict.passed:
            return Drop(verdict.saw)
    again = rewritten(book, message, fresh, now, new_code)
    if again is None:
        return Drop("the rule would not send it for the record as it is now")
    if again.due_at > now + SLACK:
        return Later(again, again.due_at, "the record moved")
    return Go(again)


def _unreachable(message: Message, choice: str, trouble: str, now: datetime) -> Go | Later | Drop:
    if choice == "send":
        return Go(message)
    if choice == "skip":
        return Drop(f"the source did not answer: {trouble}")
    return Later(message, now + HOLD, f"the source did not answer: {trouble}")
