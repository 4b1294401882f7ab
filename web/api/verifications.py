"""/verifications: a code is sent to a phone, and entered. Numbers without a code are answered as if they had one."""

from __future__ import annotations

from datetime import datetime
from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from audit import verifications
from audit.store import Row, Tx
from dispatch.verifying import Verifier
from model.access import Permission
from model.verification import Asked, Seen, Stage, Standing
from web.api.problems import Problem, Trouble
from web.api.route import NOT_TEAM, Call, Done, Job, Route, found
from web.api.shapes import Given, Taken, Word

HOST = r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$"
MISSING = "There is no such verification."


def _address(value: str) -> str:
    try:
        return str(ip_address(value)) if value else ""
    except ValueError:
        raise ValueError("must be an IP address such as 203.0.113.7") from None


Address = Annotated[
    str, AfterValidator(_address), WithJsonSchema({"anyOf": [{"const": ""}, {"format": "ipv4"}, {"format": "ipv6"}],
                                                   "type": "string"})
]  # fmt: skip


class Visitor(Taken):
    """Who asks for it."""

    ip: Address = Field(
        default="", description="The address your visitor came from; codes are limited by it.", examples=["203.0.113.7"]
    )


class VerificationIn(Visitor):
    """Whose phone is to be proved."""

    to: Annotated[Word, Field(min_length=1)] = Field(
        description="The phone number, with +, or as written in `region`.", examples=["+447700900123"]
    )
    region: str = Field(default="", pattern="^([A-Z]{2})?$", description="The country of a number without +.")
    purpose: Annotated[Word, Field(max_length=64)] = Field(
        default="", description="What it is for, such as sign-in; each purpose has a code of its own."
    )
    locale: str = Field(
        default="", pattern="^([a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3})?$", description="The language of the text."
    )
    domain: str = Field(
        default="", max_length=253, pattern=f"^$|{HOST}",
        description="The host of your page: phones that see it fill the code in by themselves.",
        examples=["login.shop.example"],
    )  # fmt: skip


class Entered(Taken):
    """What somebody typed."""

    code: Annotated[str, Field(min_length=1, max_length=100)] = Field(
        description="As it was typed: case, spaces and dashes do not count, and digits may be of any script."
    )


class Started(Given):
    """A code is on its way, for all that anybody is told. Before `resend_at` nothing is sent again."""

    id: str
    state: str
    expires_at: datetime
    resend_at: datetime


class Verdict(Given):
    """Whether it was the right code, and how many more may be tried."""

    id: str
    approved: bool
    state: str
    tries_left: int


class Closed(Given):
    """A verification whose code is wrong from now on."""

    id: str
    state: str


class VerificationOut(Given):
    """How a verification stands, for you and not for your visitor: `refusal` says why no code was sent."""

    id: str
    state: str
    number: str
    country: str
    purpose: str
    tries: int
    created_at: datetime
    expires_at: datetime
    sent_at: datetime | None
    settled_at: datetime | None
    refusal: str
    evidence: str
    simulated: bool


def start_verification(call: Call, given: VerificationIn) -> Job:
    """Send a code to a phone, or once more the one that is still good. Every number is answered the same."""
    verifier = _verifier(call)
    asked = Asked(
        number=given.to, region=given.region or call.office.desk.region, purpose=given.purpose, locale=given.locale,
        origin=given.ip, domain=given.domain, actor=call.key.actor, simulated=call.is_test,
    )  # fmt: skip
    return lambda tx: _started(tx, call, verifier.begin(tx, asked, call.now), "code asked by API")


def resend_verification(call: Call, given: Visitor) -> Job:
    """Send the same code once more; before `resend_at` nothing is sent, and the code stays good."""
    return lambda tx: _again(tx, call, given)


def check_verification(call: Call, given: Entered) -> Job:
    """Check what somebody typed. Right once, in time, within the tries; each check is a try."""
    return lambda tx: _checked(tx, call, given.code)


def cancel_verification(call: Call, _: Taken) -> Job:
    """End a verification: its code is wrong from now on, and a text that has not left stays."""
    return lambda tx: _cancelled(tx, call)


def get_verification(call: Call, _: Taken) -> VerificationOut:
    """Read how a verification stands, and why no code was sent. Never show it to your visitor."""
    with call.store.read() as tx:
        row = _row(tx, call)
    return _out(call, verifications.standing(row, call.now))


def _started(tx: Tx, call: Call, seen: Seen, did: str) -> Done:
    call.note(tx, did, detail=seen.id)
    answer = Started(id=seen.id, state=Stage.PENDING.code, expires_at=seen.expires_at, resend_at=seen.resend_at)
    return Done(answer=answer, location=f"{call.office.address}/api/v1/verifications/{seen.id}")


def _again(tx: Tx, call: Call, given: Visitor) -> Done:
    row = _row(tx, call)
    seen = _verifier(call).again(tx, row["id"], given.ip, call.now)
    if seen is None:
        raise _too_late(call, row)
    return _started(tx, call, seen, "code asked again by API")


def _checked(tx: Tx, call: Call, typed: str) -> Done:
    verification_id = _row(tx, call)["id"]
    checked = found(_verifier(call).judge(tx, verification_id, typed, call.now), MISSING)
    if checked.right:
        call.note(tx, "code entered", detail=verification_id)
    answer = Verdict(
        id=verification_id, approved=checked.right, state=checked.stage.code, tries_left=checked.tries_left
    )  # fmt: skip
    return Done(answer=answer)


def _cancelled(tx: Tx, call: Call) -> Done:
    row = _row(tx, call)
    if not _verifier(call).cancel(tx, row["id"], call.key.actor, call.now):
        raise _too_late(call, row)
    call.note(tx, "verification cancelled", detail=row["id"])
    return Done(answer=Closed(id=row["id"], state=Stage.CANCELLED.code))


def _row(tx: Tx, call: Call) -> Row:
    """Return the verification that the address names, simulated ones to test keys only. Raises Problem."""
    _verifier(call)
    row = verifications.get(tx, call.names["verification_id"])
    return found(row if row is not None and bool(row["simulated"]) is call.is_test else None, MISSING)


def _verifier(call: Call) -> Verifier:
    if call.office.verifier is None:
        raise Problem(Trouble.NO_CODES)
    return call.office.verifier


def _too_late(call: Call, row: Row) -> Problem:
    stage = _verifier(call).stage_of(row, call.now)
    return Problem(Trouble.TOO_LATE, stage.text, state=stage.code)


def _out(call: Call, one: Standing) -> VerificationOut:
    return VerificationOut(
        id=one.id, state=one.stage.code, number=call.number(one.number), country=one.country, purpose=one.purpose,
        tries=one.tries, created_at=one.created_at, expires_at=one.expires_at, sent_at=one.sent_at,
        settled_at=one.settled_at, refusal=one.refusal.code if one.refusal else "", evidence=call.text(one.evidence),
        simulated=one.simulated,
    )  # fmt: skip


ID = {"verification_id": "The id that the start answered with."}
CODES = (Trouble.NO_CODES,)
ROUTES = (
    Route(
        method="POST", path="/verifications", view=start_verification, needs=Permission.SEND, takes=VerificationIn,
        gives=Started, status=201, way="creates", kinds=NOT_TEAM, troubles=CODES, wakes=True,
        example={"to": "+447700900123", "purpose": "sign-in", "ip": "203.0.113.7", "domain": "login.shop.example"},
    ),
    Route(
        path="/verifications/{verification_id}", view=get_verification, needs=Permission.READ, gives=VerificationOut,
        kinds=NOT_TEAM, names=ID, troubles=CODES,
    ),
    Route(
        method="POST", path="/verifications/{verification_id}/check", view=check_verification, needs=Permission.SEND,
        takes=Entered, gives=Verdict, way="creates", kinds=NOT_TEAM, names=ID, troubles=CODES,
    ),
    Route(
        method="POST", path="/verifications/{verification_id}/resend", view=resend_verification, needs=Permission.SEND,
        takes=Visitor, gives=Started, way="creates", kinds=NOT_TEAM, names=ID, wakes=True,
        troubles=(*CODES, Trouble.TOO_LATE),
    ),
    Route(
        method="POST", path="/verifications/{verification_id}/cancel", view=cancel_verification,
        needs=Permission.SEND, gives=Closed, way="creates", kinds=NOT_TEAM, names=ID,
        troubles=(*CODES, Trouble.TOO_LATE),
    ),
)  # fmt: skip
