"""/events: business events posted by programs, and what became of every event, whoever sent it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from audit import dedupe, events, intake, search, sentences, trace
from audit.rows import at, digest
from audit.store import Tx
from audit.trace import Trace
from dispatch.recipient import mask
from inbound.replays import CannotReplay, reread
from model.access import Permission
from model.event import Event
from web.api import masking, telling, trial
from web.api.problems import Problem, Trouble
from web.api.route import LIVE, NOT_TEAM, Call, Done, Job, Route, found
from web.api.shapes import EVENT_SOURCE, Entry, EventType, Given, Moment, Paged, Taken, Word
from web.api.telling import MessageOut, ReplyOut

RESERVED = frozenset({"manual", "tidings"})
AHEAD = timedelta(days=1)
"""How far a clock elsewhere may be before ours; a later time would overtake every true one about its record."""

State = Literal["received", "needs_lookup", "planned", "unreadable", "failed", "reread"]


class EventIn(Taken):
    """Something that happened in a business system."""

    id: Annotated[Word, Field(min_length=1)] = Field(
        description="Names the event at its source: posted twice, it counts once."
    )
    type: EventType = Field(description="One of our event types, or `custom.<name>`.")
    source: str = Field(
        default=EVENT_SOURCE, pattern=r"^[a-z0-9][a-z0-9_-]{0,49}$",
        description="The system it comes from, for rules that tell systems apart; not the name of a configured source.",
    )  # fmt: skip
    key: Word = Field(default="", description="Names the record, the same in every event about it.")
    version: Word = Field(default="", description="The version of the record.")
    occurred_at: Moment | None = Field(default=None, description="When it happened; without it, now.")
    data: dict[str, Any] = Field(default_factory=dict, description="What rules may read.")
    test: bool = Field(default=False, description="From a test mode: no rule texts it, but those that say otherwise.")


class EventBatch(Taken):
    """Several events at once: all are stored, or none."""

    events: Annotated[list[EventIn], Field(min_length=1, max_length=100)]


class EventTaken(Given):
    """An event that is on disk. `duplicate` says that it was posted before; `id` is the one from then."""

    id: str
    given_id: str
    duplicate: bool


class EventsTaken(Given):
    """The events of a batch, in its order."""

    events: list[EventTaken]


class EventsAsked(Paged):
    """Which events."""

    state: State | None = Field(default=None, description="Only events in this state.")
    source: Word = Field(default="", description="Only events of this source.")


class EventRow(Given):
    """One event of a list."""

    id: str
    source: str
    type: str
    native_type: str
    key: str
    received_at: datetime
    state: str
    error: str
    test: bool


class EventPage(Given):
    """Some events, newest first."""

    data: list[EventRow]
    next: str | None


class EventOut(EventRow):
    """One event and everything that happened because of it. `sentence` sums it up."""

    given_id: str
    version: str
    occurred_at: datetime
    sentence: str
    data: dict[str, Any]
    journal: list[Entry]
    messages: list[MessageOut]
    replies: list[ReplyOut]


class Replayed(Given):
    """How many events will be planned again."""

    id: str
    events: int


def post_event(call: Call, given: EventIn) -> Job:
    """Post one event. It is planned by the rules within a moment."""
    _allowed(call, [given])
    return lambda tx: Done(answer=_accepted(tx, call, [given])[0])


def post_events(call: Call, given: EventBatch) -> Job:
    """Post up to 100 events. All are stored, or none."""
    _allowed(call, given.events)
    return lambda tx: Done(answer=EventsTaken(events=_accepted(tx, call, given.events, several=True)))


def list_events(call: Call, asked: EventsAsked) -> EventPage:
    """List events, newest first."""
    page = search.events(
        call.store, state=asked.state or "", source=asked.source, before=call.place(asked), limit=asked.limit
    )  # fmt: skip
    rows = [
        EventRow(**{**row, "received_at": at(row["received_at"]), "test": bool(row["test"])}) for row in page.rows
    ]  # fmt: skip
    return EventPage(data=rows, next=call.next(asked, page.older))


def get_event(call: Call, _: Taken) -> EventOut:
    """Read one event with its trace: decisions, texts, attempts, receipts, replies."""
    return _told(call, found(trace.of_event(call.store, call.names["event_id"]), "There is no such event."))


def replay_event(call: Call, _: Taken) -> Done:
    """Plan an event again with the rules of now, or read again what could not be read. No text is sent twice."""
    event_id = call.names["event_id"]
    found(trace.of_event(call.store, event_id), "There is no such event.")
    if call.store.write(lambda tx: events.replay(tx, event_id, call.key.actor, call.now)):
        return Done(answer=Replayed(id=event_id, events=1))
    try:
        count = reread(call.store, call.office.sources, event_id, call.office.new_id, call.key.actor, call.now)
    except CannotReplay as error:
        raise Problem(Trouble.TOO_LATE, str(error)) from None
    return Done(answer=Replayed(id=event_id, events=count))


def _allowed(call: Call, given: Sequence[EventIn]) -> None:
    """See that nobody speaks for a system that proves itself, or from the future. Raises Problem."""
    taken = {*call.office.sources, *RESERVED}
    for index, one in enumerate(given):
        place = f"events.{index}." if len(given) > 1 else ""
        if one.source in taken:
            why = f"{one.source} is a configured source: only its own webhooks and polls speak for it."
            raise Problem(Trouble.INVALID, why, errors=[{"field": f"{place}source", "message": why}])
        if one.occurred_at is not None and one.occurred_at > call.now + AHEAD:
            why = "It lies more than a day in the future."
            raise Problem(Trouble.INVALID, why, errors=[{"field": f"{place}occurred_at", "message": why}])


def _accepted(tx: Tx, call: Call, given: Sequence[EventIn], *, several: bool = False) -> list[EventTaken]:
    """Store events like those of a webhook, and note whose key they came with."""
    made = [_event(call, one, several=several) for one in given]
    fresh = intake.accept(tx, call.incoming, made, call.office.new_id)
    left = set(fresh)
    answers = []
    for event in made:
        event_id = dedupe.seen(tx, digest("event", event.source, event.id))
        answers.append(EventTaken(id=event_id, given_id=event.id, duplicate=event_id not in left))
        left.discard(event_id)
    for event_id in fresh:
        call.note(tx, "posted", event_id=event_id)
        if call.is_test:
            trial.play(tx, call, event_id)
    return answers


def _event(call: Call, given: EventIn, *, several: bool) -> Event:
    return Event(
        source=given.source, type=given.type, native_type=given.type, id=given.id, key=given.key,
        version=given.version, occurred_at=given.occurred_at or call.now, data=given.data,
        raw=given.model_dump(mode="json") if several else None, test=given.test or call.is_test,
    )  # fmt: skip


def _told(call: Call, history: Trace) -> EventOut:
    listening = [
        rule for rule in call.office.desk.book().rules if any(one.type == history.type for one in rule.events)
    ]  # fmt: skip
    history = trace.without(history, [path for rule in listening for path in rule.redact])
    numbers = {path for rule in listening for path in rule.to} | {text.number_field for text in history.messages}
    data = dict(history.data) if call.sees_numbers else masking.in_data(history.data, sorted(numbers - {""}))
    return EventOut(
        id=history.id, source=history.source, type=history.type, native_type=history.native_type, key=history.key,
        received_at=history.received_at, state=history.state, error=call.text(history.error), test=history.test,
        given_id=history.transport_id, version=history.version, occurred_at=history.occurred_at,
        sentence=sentences.sentence(history, mask), data=data,
        journal=[telling.entry(call, one) for one in history.entries],
        messages=[telling.message(call, one) for one in history.messages],
        replies=[telling.reply(call, one) for one in history.replies],
    )  # fmt: skip


EXAMPLE = {
    "id": "order-A7-paid", "type": "order.created", "key": "A7",
    "data": {
        "number": "A7", "status": "paid", "total": "149.90", "currency": "EUR", "phone": "+49 171 3920012",
        "customer": {"first_name": "Zoë"},
    },
}  # fmt: skip
ID = {"event_id": "The event's id, such as e06yhsmkg00001."}
ROUTES = (
    Route(
        method="POST", path="/events", view=post_event, needs=Permission.SEND, takes=EventIn, gives=EventTaken,
        status=202, way="creates", kinds=NOT_TEAM, example=EXAMPLE, wakes=True,
    ),
    Route(
        method="POST", path="/events/batch", view=post_events, needs=Permission.SEND, takes=EventBatch,
        gives=EventsTaken, status=202, way="creates", kinds=NOT_TEAM, example={"events": [EXAMPLE]}, wakes=True,
    ),
    Route(path="/events", view=list_events, needs=Permission.READ, takes=EventsAsked, gives=EventPage),
    Route(path="/events/{event_id}", view=get_event, needs=Permission.READ, gives=EventOut, names=ID, tagged=True),
    Route(
        method="POST", path="/events/{event_id}/replay", view=replay_event, needs=Permission.SEND, gives=Replayed,
        status=202, way="acts", kinds=LIVE, names=ID, troubles=(Trouble.TOO_LATE,), wakes=True,
    ),
)  # fmt: skip
