"""/consent: who wants to be texted and who does not, with the proof of each change."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from audit import consent
from audit.consent import Consent
from audit.rows import at
from audit.store import Row, Tx
from dispatch.wish_lists import BadRow, number_of
from model.access import Permission
from web.api.problems import Problem, Trouble
from web.api.route import NOT_TEST, Call, Done, Job, Route
from web.api.shapes import Given, Moment, Taken, Word

CHANNEL = "api"
Said = Annotated[str, Field(max_length=1_000)]


class WishIn(Taken):
    """What a person said about being texted, and how that is known."""

    status: Literal["in", "out"] = Field(description="Whether they want to be texted.")
    category: Word = Field(default="", description="Which texts; without it, all.")
    source: Annotated[Word, Field(min_length=1)] = Field(description="Where they said it: a form, a list, a call.")
    wording: Said = Field(default="", description="What they read or said; kept as proof.")
    at: Moment | None = Field(default=None, description="When they said it; without it, now.")


class WishRow(WishIn):
    """One row of a list of wishes."""

    number: Annotated[Word, Field(min_length=1)] = Field(description="The phone number.")


class WishList(Taken):
    """Up to 500 wishes. Rows that cannot be written down are left out and told."""

    region: str = Field(default="", pattern="^([A-Z]{2})?$", description="The country of numbers without +.")
    rows: Annotated[list[WishRow], Field(min_length=1, max_length=500)]


class Wish(Given):
    """One wish as it holds, with its proof."""

    category: str
    status: str
    source: str
    wording: str
    channel: str
    actor: str
    at: datetime


class Change(Wish):
    """One change of a wish; `noted_at` is when it was written down."""

    noted_at: datetime


class Wishes(Given):
    """What one phone's owner wishes. Without any wish, only texts about their own business may be sent."""

    number: str
    wishes: list[Wish]


class Changes(Given):
    """Every change of one phone's wishes, newest first."""

    number: str
    changes: list[Change]


class Written(Given):
    """A wish that is written down. `holds` is false where a newer one is known."""

    holds: bool


class LeftOut(Given):
    """A row that was not written down; the first is 0."""

    row: int
    why: str


class Imported(Given):
    """How many wishes were written down, and the rows that were not."""

    written: int
    left_out: list[LeftOut]


def get_consent(call: Call, _: Taken) -> Wishes:
    """Read what one phone's owner wishes."""
    number = _number(call)
    with call.store.read() as tx:
        rows = consent.of(tx, number)
    return Wishes(number=call.number(number), wishes=[Wish(**_plain(call, row)) for row in rows])


def get_history(call: Call, _: Taken) -> Changes:
    """Read every change of one phone's wishes, newest first."""
    number = _number(call)
    with call.store.read() as tx:
        rows = consent.history(tx, number)
    changes = [Change(**{**_plain(call, row), "noted_at": at(row["noted_at"])}) for row in rows]
    return Changes(number=call.number(number), changes=changes)


def put_consent(call: Call, given: WishIn) -> Job:
    """Write down that a person opted in or out."""
    number = _number(call)
    said = _said(call, given, number)
    return lambda tx: Done(
        answer=Written(holds=consent.record(tx, said, call.now))
    )  # fmt: skip


def import_consent(call: Call, given: WishList) -> Job:
    """Write down a list of wishes. What is wrong is told by row; the others are written down."""
    region = given.region or call.office.desk.region
    wishes: list[Consent] = []
    left_out: list[LeftOut] = []
    for index, row in enumerate(given.rows):
        try:
            wishes.append(_said(call, row, number_of(row.number, region)))
        except BadRow as error:
            left_out.append(LeftOut(row=index, why=str(error)))
        except Problem as problem:
            left_out.append(LeftOut(row=index, why=problem.detail))
    return lambda tx: _imported(tx, call, wishes, left_out)


def _imported(tx: Tx, call: Call, wishes: list[Consent], left_out: list[LeftOut]) -> Done:
    for said in wishes:
        consent.record(tx, said, call.now)
    return Done(answer=Imported(written=len(wishes), left_out=left_out))


def _said(call: Call, given: WishIn, number: str) -> Consent:
    if given.at is not None and given.at > call.now:
        why = "It lies in the future."
        raise Problem(Trouble.INVALID, why, errors=[{"field": "at", "message": why}])
    return Consent(
        number=number, category=given.category, status=given.status, source=given.source, wording=given.wording,
        channel=CHANNEL, actor=call.key.actor, at=given.at or call.now,
    )  # fmt: skip


def _number(call: Call) -> str:
    try:
        return number_of(call.names["number"], call.office.desk.region)
    except BadRow as error:
        raise Problem(Trouble.NOT_FOUND, f"That is no phone number: {error}.") from None


def _plain(call: Call, row: Row) -> dict[str, Any]:
    found = {name: row[name] for name in ("category", "status", "source", "wording", "channel", "actor")}
    return {**found, "wording": call.text(row["wording"]), "at": at(row["at"])}


NUMBER = {"number": "The phone number with +, such as +447700900123."}
ROUTES = (
    Route(path="/consent/{number}", view=get_consent, needs=Permission.READ, gives=Wishes, names=NUMBER, tagged=True),
    Route(
        path="/consent/{number}/history", view=get_history, needs=Permission.READ, gives=Changes, names=NUMBER,
        tagged=True,
    ),
    Route(
        method="PUT", path="/consent/{number}", view=put_consent, needs=Permission.CONSENT, takes=WishIn,
        gives=Written, way="creates", kinds=NOT_TEST, names=NUMBER,
        example={"status": "in", "category": "offers", "source": "checkout", "wording": "Text me about offers."},
    ),
    Route(
        method="POST", path="/consent/import", view=import_consent, needs=Permission.CONSENT, takes=WishList,
        gives=Imported, way="creates", kinds=NOT_TEST,
        example={"rows": [{"number": "+447700900123", "status": "out", "source": "old system"}]},
    ),
)  # fmt: skip
