"""Texts that wait while the rule that wrote them changes: which they are, and what they would say now. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from dispatch import leaving
from dispatch.draft import Moment
from dispatch.facts import MemoryFacts
from dispatch.plan import plan
from model.event import Event
from model.links import placeholder
from model.message import Message
from rules.book import Book


def changed_rules(old: Book, new: Book) -> frozenset[str]:
    """Return the rules that say something else now, or are gone."""
    after = {rule.id: rule.hash for rule in new.rules}
    return frozenset(rule.id for rule in old.rules if after.get(rule.id) != rule.hash)


def rewritten(
    book: Book, message: Message, event: Event, now: datetime, new_code: Callable[[str], str] = placeholder
) -> Message | None:
    """Return a waiting message as `book` would write it for the same event; None when it would not send it.

    The event is planned as of the moment it came in, with a blank past: what was decided about duplicates, throttles
    and opt-outs was decided then, and the opt-out is asked once more when the text leaves. `new_code` gives a link
    that stays the code it has.
    """
    rule = book.get(message.rule)
    if rule is None:
        return None
    moment = Moment(event_id=message.event_id, now=message.created_at, new_id=lambda: message.id, new_code=new_code)
    made = plan(book.only(rule), event, MemoryFacts(opted_in=frozenset([message.recipient.number])), moment)
    for candidate in made.messages:
        if candidate.step == message.step:
            due = candidate.due_at if candidate.due_at > now else leaving.opens_at(rule, event.data, candidate, now)
            if due is None:  # the rule drops what falls into its quiet hours
                return None
            return replace(candidate, created_at=message.created_at, due_at=min(due, max(candidate.expires_at, now)))
    return None
