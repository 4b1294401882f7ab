"""/messages: one text to one person, in words of its own or by a rule, and what became of every text."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from audit import events, messages, plans, search, trace
from audit.rows import at
from audit.search import Filter
from audit.store import Tx
from dispatch import manual
from dispatch.manual import Wish
from model.access import Permission
from model.event import Event
from model.message import Decision, Lane, Message, State
from model.reasons import Because
from rules.book import Rule
from rules.fields import did_you_mean
from rules.naming import place_of
from web import numbers
from web.api import masking, telling, trial
from web.api.message_shapes import (
    Ended,
    MessageIn,
    MessageLife,
    MessagePage,
    MessageRow,
    MessagesAsked,
    Queued,
)
from web.api.problems import Problem, Trouble
from web.api.route import Call, Done, Job, Route, found
from web.api.shapes import EVENT_SOURCE, Taken

CODE = re.compile(r"(?<!\w)(?=[A-Z0-9]*[0-9])[A-Z0-9]{4,12}(?!\w)")
"""What may be a code in a text of the lane otp: nothing of that kind is kept."""

USUAL_TTL = timedelta(hours=24)
CODE_TTL = timedelta(minutes=10)
STATES = {state.code: state for state in State}


def post_message(call: Call, given: MessageIn) -> Job:
    """Send one text: in words of its own, or by a rule. It passes the same last gates as every text."""
    if given.rule is None:
        return lambda tx: _by_hand(tx, call, given)
    rule, place = _rule(call, given.rule)
    return lambda tx: _by_rule(tx, call, given, rule, place)


def list_messages(call: Call, asked: MessagesAsked) -> MessagePage:
    """List texts, newest first."""
    number = numbers.read(asked.number, call.office.desk.region) if asked.number else ""
    if asked.number and not number:
        raise _wrong("number", "It is not a phone number; write it with + and the country code.")
    wanted = Filter(
        number=number, states=(asked.state,) if asked.state else (), rule=asked.rule, since=asked.since,
        until=asked.until,
    )  # fmt: skip
    page = search.messages(call.store, wanted, before=call.place(asked), limit=asked.limit)
    return MessagePage(data=[_row(call, dict(row)) for row in page.rows], next=call.next(asked, page.older))


def get_message(call: Call, _: Taken) -> MessageLife:
    """Read one text and everything that happened to it."""
    life = found(trace.of_message(call.store, call.names["message_id"]), "There is no such message.")
    return MessageLife(
        **telling.message(call, life.text).model_dump(),
        journal=[telling.entry(call, one) for one in life.entries],
        replies=[telling.reply(call, one) for one in life.replies],
    )


def cancel_message(call: Call, _: Taken) -> Job:
    """End a text that has not left yet."""
    return lambda tx: _cancelled(tx, call, call.names["message_id"])


def _cancelled(tx: Tx, call: Call, message_id: str) -> Done:
    row = found(messages.get(tx, message_id), "There is no such message.")
    event = events.get(tx, row["event_id"])
    if call.is_test and not (event is not None and event.test):
        raise Problem(Trouble.WRONG_KIND, "A test key cancels what test keys made.")
    if not messages.end(tx, message_id, State.CANCELLED, Because.CANCELLED, call.now, call.key.actor):
        raise Problem(Trouble.TOO_LATE, f"It is {STATES[row['state']].words}.", state=row["state"])
    return Done(answer=Ended(id=message_id, state=State.CANCELLED.code))


def _by_hand(tx: Tx, call: Call, given: MessageIn) -> Done:
    text = given.text or ""
    is_code = given.lane == Lane.OTP.code
    wish = Wish(
        to=given.to, text=text, actor=call.key.actor, region=given.region or call.office.desk.region,
        sender=given.sender or "", ttl=given.ttl or (CODE_TTL if is_code else USUAL_TTL),
        category=given.category or "", key=given.key, lane=Lane[(given.lane or "normal").upper()], test=call.is_test,
        hide=(*(given.hide or ()), *(CODE.findall(text) if is_code else ())),
    )  # fmt: skip
    event_id, decision = manual.queue(tx, wish, call.office.new_id, call.now)
    return queued(tx, call, event_id, [decision])


def _by_rule(tx: Tx, call: Call, given: MessageIn, rule: Rule, place: str) -> Done:
    """Plan an event that stands for the request with this rule alone: the plan that sends for every event."""
    event_id = call.office.new_id("e")
    heard = rule.events[0]
    event = Event(
        source=heard.source or EVENT_SOURCE, type=heard.type, native_type=call.key.actor, id=event_id,
        key=given.key or event_id, occurred_at=call.now, data=_addressed(given, place), test=call.is_test,
    )  # fmt: skip
    events.insert_event(tx, event_id, event, None, call.now, "received")
    made = trial.planned(tx, call, call.office.desk.book().only(rule), event, event_id)
    plans.save_plan(tx, event, made, call.now)
    return queued(tx, call, event_id, made.decisions)


def _addressed(given: MessageIn, place: str) -> dict[str, Any]:
    """Put the number where the rule looks first."""
    data: dict[str, Any] = dict(given.data or {})
    *outer, last = place.split(".")
    inside = data
    for step in outer:
        inner = inside.get(step)
        inside[step] = dict(inner) if isinstance(inner, dict) else {}
        inside = inside[step]
    inside[last] = given.to
    if given.region:
        inside.setdefault("country", given.region)
    return data


def _rule(call: Call, name: str) -> tuple[Rule, str]:
    """Return a rule that can be asked for a text, and the field in which it looks for the number first."""
    book = call.office.desk.book()
    rule = book.get(name)
    if rule is None:
        hint = did_you_mean(name, [other.id for other in book.rules])
        raise _wrong("rule", f"There is no such rule. {hint}".strip())
    heard = rule.events[0] if rule.events else None
    place = place_of(rule.to[0], book.sources.get(heard.source or EVENT_SOURCE)) if heard and rule.to else ""
    if not place or place.startswith("raw."):
        raise _wrong("rule", "It takes its numbers from a list or a native record, and none from a request.")
    return rule, place


def queued(tx: Tx, call: Call, event_id: str, decisions: Any) -> Done:
    """Answer with the texts that were made, or with why there is none."""
    made: list[Message] = [one.message for one in decisions if one.message is not None]
    for message in made:
        call.reaches(message.recipient.number)
        call.note(tx, "sent by API", event_id=event_id, message_id=message.id)
    if not made:
        call.note(tx, "sent by API", event_id=event_id)
        return Done(answer=_not_sent(event_id, decisions[0]))
    first = made[0]
    answer = Queued(
        id=first.id, event_id=event_id, state=State.QUEUED.code, segments=first.segments, encoding=first.encoding,
        due_at=first.due_at, expires_at=first.expires_at, more=[message.id for message in made[1:]],
    )  # fmt: skip
    return Done(answer=answer, status=201, location=f"{call.office.address}/api/v1/messages/{first.id}")


def _not_sent(event_id: str, decision: Decision) -> Problem:
    because = decision.because.text if decision.because else ""
    detail = masking.in_text(f"{because} {decision.detail}".strip())
    return Problem(Trouble.NOT_SENT, detail, reason=decision.code, event_id=event_id)


def _row(call: Call, row: dict[str, Any]) -> MessageRow:
    replied = at(row["replied_at"]) if row["replied_at"] else None
    times = {"created_at": at(row["created_at"]), "due_at": at(row["due_at"]), "replied_at": replied}
    return MessageRow(**{**row, **times, "number": call.number(row["number"])})


def _wrong(field: str, why: str) -> Problem:
    return Problem(Trouble.INVALID, f"{field}: {why}", errors=[{"field": field, "message": why}])


ID = {"message_id": "The text's id, such as m06yhsmkg00003."}
ROUTES = (
    Route(
        method="POST", path="/messages", view=post_message, needs=Permission.SEND, takes=MessageIn, gives=Queued,
        status=201, way="creates", troubles=(Trouble.NOT_SENT, Trouble.NOT_LISTED), wakes=True,
        example={"to": "+447700900123", "text": "Your parcel is at the front desk."},
    ),
    Route(path="/messages", view=list_messages, needs=Permission.READ, takes=MessagesAsked, gives=MessagePage),
    Route(
        path="/messages/{message_id}", view=get_message, needs=Permission.READ, gives=MessageLife, names=ID, tagged=True
    ),
    Route(
        method="POST", path="/messages/{message_id}/cancel", view=cancel_message, needs=Permission.SEND, gives=Ended,
        way="creates", names=ID, troubles=(Trouble.TOO_LATE,),
    ),
)  # fmt: skip
