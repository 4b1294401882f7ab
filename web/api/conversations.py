"""/conversations: what people wrote to us, what was said to and fro, and answers to them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from audit import conversations
from audit.facts import StoredFacts
from audit.paging import BadCursor
from audit.rows import at
from audit.store import Row, Tx
from dispatch import manual
from dispatch.manual import Wish
from model.access import Permission
from web.api.message_shapes import Queued
from web.api.messages import queued
from web.api.problems import Problem, Trouble
from web.api.route import LIVE, NOT_TEST, Call, Done, Job, Route
from web.api.shapes import Given, Paged, Taken

PLACE = re.compile(r"([01])-([0-9]{1,15})-([0-9]{1,15})")
ONES_OWN = 18
"""Digits of an id that the store can count to."""


class AnswerIn(Taken):
    """What to answer."""

    text: Annotated[str, Field(min_length=1, max_length=2_000)] = Field(description="What it says.")


class ConversationsAsked(Paged):
    """Nothing but the page."""


class ConversationRow(Given):
    """One phone that wrote. `needs` counts its texts that wait for a person; `text` is the newest."""

    id: int
    number: str
    last_at: datetime
    needs: int
    text: str
    intent: str
    rule: str


class ConversationPage(Given):
    """Some conversations: those that wait for a person first, then the newest."""

    data: list[ConversationRow]
    next: str | None


class Line(Given):
    """One text of a conversation. `by` is us or them; what we said has a state, what they said a meaning."""

    by: Literal["us", "them"]
    text: str
    at: datetime
    message_id: str
    rule: str
    state: str
    intent: str
    needs: str


class ConversationOut(Given):
    """What was said to and fro, oldest first. `stopped` says where the person opted out, "" where they did not."""

    id: int
    number: str
    stopped: str
    lines: list[Line]


class Looked(Given):
    """How many texts of a conversation waited for a person, and do no more."""

    id: int
    looked_after: int


def list_conversations(call: Call, asked: ConversationsAsked) -> ConversationPage:
    """List who wrote: what waits for a person first, then the newest."""
    rows = conversations.listing(call.store, _place(call.place(asked)), asked.limit + 1)
    shown, last = rows[: asked.limit], rows[asked.limit - 1] if len(rows) > asked.limit else None
    place = f"{int(last['needs'] > 0)}-{last['last_at']}-{last['id']}" if last else ""
    return ConversationPage(data=[_row(call, row) for row in shown], next=call.next(asked, place))


def get_conversation(call: Call, _: Taken) -> ConversationOut:
    """Read what was said to and fro with one phone."""
    conversation_id, number = _number(call)
    with call.store.read() as tx:
        told, heard = conversations.thread(tx, number)
        stopped = StoredFacts(tx, call.now).opted_out(number, "")
    lines = [*(_ours(call, row) for row in told), *(_theirs(call, row) for row in heard)]
    return ConversationOut(
        id=conversation_id, number=call.number(number), stopped=stopped,
        lines=sorted(lines, key=lambda line: line.at),
    )  # fmt: skip


def answer_conversation(call: Call, given: AnswerIn) -> Job:
    """Answer a phone, from the number it wrote to; the conversation waits for nobody any more."""
    _, number = _number(call)
    call.reaches(number)
    return lambda tx: _answered(tx, call, number, given.text)


def close_conversation(call: Call, _: Taken) -> Job:
    """Note that somebody looked after a conversation, without a text."""
    conversation_id, number = _number(call)
    return lambda tx: Done(
        answer=Looked(id=conversation_id, looked_after=conversations.done(tx, number, call.key.actor, call.now))
    )  # fmt: skip


def _answered(tx: Tx, call: Call, number: str, text: str) -> Done:
    _, heard = conversations.thread(tx, number)
    newest = heard[0] if heard else None
    wish = Wish(
        to=number, text=text, actor=call.key.actor, answers=newest["id"] if newest else "-",
        gateways=(newest["gateway"],) if newest else (), sender=newest["our_number"] if newest else "",
    )  # fmt: skip
    event_id, decision = manual.queue(tx, wish, call.office.new_id, call.now)
    if decision.message is not None:
        conversations.done(tx, number, call.key.actor, call.now)
    return queued(tx, call, event_id, [decision])


def _place(text: str) -> tuple[int, int, int] | None:
    if not text:
        return None
    found = PLACE.fullmatch(text)
    if found is None:
        raise BadCursor(text)
    return int(found[1]), int(found[2]), int(found[3])


def _number(call: Call) -> tuple[int, str]:
    said = call.names["conversation_id"]
    if said.isascii() and said.isdecimal() and len(said) <= ONES_OWN:
        with call.store.read() as tx:
            number = conversations.number_of(tx, int(said))
        if number:
            return int(said), number
    raise Problem(Trouble.NOT_FOUND, "There is no such conversation.")


def _row(call: Call, row: Row) -> ConversationRow:
    return ConversationRow(
        id=row["id"], number=call.number(row["number"]), last_at=at(row["last_at"]), needs=row["needs"],
        text=call.text(row["text"]), intent=row["intent"], rule=row["rule"],
    )  # fmt: skip


def _ours(call: Call, row: Row) -> Line:
    return _line(
        call, row, by="us", at=at(row["submitted_at"] or row["created_at"]), message_id=row["id"], state=row["state"],
        intent="", needs="",
    )  # fmt: skip


def _theirs(call: Call, row: Row) -> Line:
    return _line(
        call, row, by="them", at=at(row["at"]), message_id=row["message_id"], state="", intent=row["intent"],
        needs=row["needs"],
    )  # fmt: skip


def _line(call: Call, row: Row, **own: Any) -> Line:
    return Line(text=call.text(row["text"]), rule=row["rule"], **own)


ID = {"conversation_id": "The number of the conversation."}
ROUTES = (
    Route(
        path="/conversations", view=list_conversations, needs=Permission.READ, takes=ConversationsAsked,
        gives=ConversationPage,
    ),
    Route(
        path="/conversations/{conversation_id}", view=get_conversation, needs=Permission.READ, gives=ConversationOut,
        names=ID, tagged=True,
    ),
    Route(
        method="POST", path="/conversations/{conversation_id}/answer", view=answer_conversation,
        needs=Permission.SEND, takes=AnswerIn, gives=Queued, status=201, way="creates", kinds=NOT_TEST, names=ID,
        troubles=(Trouble.NOT_SENT, Trouble.NOT_LISTED), wakes=True, example={"text": "Your parcel is with us."},
    ),
    Route(
        method="POST", path="/conversations/{conversation_id}/done", view=close_conversation, needs=Permission.SEND,
        gives=Looked, way="creates", kinds=LIVE, names=ID,
    ),
)  # fmt: skip
