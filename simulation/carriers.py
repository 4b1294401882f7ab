"""Providers: every outcome of a submit, every order of receipts, and their own count of what they took.

While a text is being handed over the rest of the world goes on: other steps of the history happen inside the call, and
the process may die there. `taken` is what phones really get; nothing the service writes or forgets changes it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from gateways.base import Capabilities, Gateway, of_class
from model.event import Incoming
from model.message import State
from model.sending import ErrorClass, Outcome, Receipt, Reply, Result, Submission
from simulation.disk import Crash
from simulation.house import TOKEN
from wire.http import Client

if TYPE_CHECKING:
    from simulation.world import World

CAPABLE = {
    "console": Capabilities(receipts="none"),
    "main": Capabilities(),
    "backup": Capabilities(lookup=True, per_message_callback=True),
    "twin": Capabilities(idempotent=True, client_reference=True),
}
REFUSALS = (
    ErrorClass.PERMANENT, ErrorClass.OPT_OUT, ErrorClass.CONTENT, ErrorClass.SENDER_CONFIG, ErrorClass.COUNTRY_CONFIG,
    ErrorClass.ROUTE_STOP,
)  # fmt: skip
COURSES: tuple[tuple[str, ...], ...] = (
    ("sent", "delivered"), ("sent", "delivered"), ("delivered",), ("delivered", "sent"),
    ("sent", "sent", "delivered", "delivered"), ("delivered", "undelivered"), ("undelivered", "delivered"),
    ("sent", "expired", "delivered"), ("sent", "undelivered"), ("rejected",), ("sent",), (),
)  # fmt: skip
"""Receipts in the order in which they come: as they should, swapped, doubled, contradictory, or none."""


@dataclass(frozen=True, slots=True)
class Call:
    """One submit that reached a provider. `took` tells whether a phone gets it because of this call."""

    submission: Submission
    at: datetime
    took: bool


@dataclass(slots=True)
class Notice:
    """A receipt or a reply that a provider has to deliver until it is answered with 2xx."""

    kind: str
    body: dict[str, Any]
    message_id: str = ""
    answered: int = 0


class Carrier(Gateway):
    """One provider and the gateway that talks to it."""

    kind = "simulated"
    title = "Simulated"

    def __init__(self, world: World, name: str) -> None:
        super().__init__(name, {}, Client())
        self.capabilities = CAPABLE[name]
        self._world, self._has = world, dict[str, str]()
        self.calls: list[Call] = []
        self.notices: list[Notice] = []
        self.told: list[Notice] = []
        self.kind_now = "as usual"
        """How it behaves at present: as usual, broken, kind."""

    @property
    def taken(self) -> list[Call]:
        """What phones get from here."""
        return [call for call in self.calls if call.took]

    def submit(self, submission: Submission) -> Result:
        """Take a text or not, answer or not; meanwhile the world goes on."""
        world = self._world
        what = "accepted" if self.kind_now == "kind" or self.name == "console" else self._outcome()
        took = what in {"accepted", "hang, taken", "defect, taken", "dies, taken"}
        provider_id = self._take(submission, took=took)
        shown = submission.text if submission.text.startswith("[") else f"a text of {len(submission.text)} characters"
        world.tell(f"{self.name} gets {submission.message_id} {shown} for {submission.to}: {what}")
        world.count(f"submits, {what}")
        if self.kind_now != "kind":
            world.wait(world.dice.choice((0.05, 0.05, 0.3, 4.0, 29.0)))
            world.meanwhile()
        if what.startswith("dies"):
            world.faults.crash_after = False
            raise Crash
        return self._answer(what, provider_id)

    def _outcome(self) -> str:
        dice = self._world.dice
        if self.kind_now == "broken":
            return dice.choice(("retry", "retry", "hang", "hang, taken", "ROUTE_STOP"))
        if dice.random() < 0.55:
            return "accepted"
        return dice.choice(
            ("hang", "hang, taken", "defect", "defect, taken", "retry", "retry", "throttle", "dies", "dies, taken",
             *(refusal.name for refusal in REFUSALS))
        )  # fmt: skip

    def _take(self, submission: Submission, *, took: bool) -> str:
        """Count a call. A provider that knows our id again takes it once, whatever it is asked."""
        world, known = self._world, self._has.get(submission.message_id, "")
        is_new = took and not (known and self.capabilities.idempotent)
        self.calls.append(Call(submission, world.now, is_new))
        world.watch(self.name, submission.to)
        if not took:
            return ""
        if not is_new:
            return known
        provider_id = f"{self.name}{len(self.calls)}"
        self._has[submission.message_id] = provider_id
        course = ("delivered",) if self.kind_now == "kind" else world.dice.choice(COURSES)
        for state in course if self.name != "console" else ():
            body = {"id": provider_id, "state": state, "error": "" if state in {"sent", "delivered"} else "30"}
            self.notices.append(Notice("receipt", body, submission.message_id))
        return provider_id

    def _answer(self, what: str, provider_id: str) -> Result:
        if what == "accepted":
            return Result(outcome=Outcome.ACCEPTED, provider_id=provider_id)
        if what.startswith("defect"):
            raise RuntimeError("a defect in the gateway")
        if what.startswith("hang"):
            return Result(outcome=Outcome.UNKNOWN, error=ErrorClass.UNKNOWN, code="unclear", text="no answer")
        if what == "retry":
            return of_class(ErrorClass.RETRY, "503", "busy")
        if what == "throttle":
            after = timedelta(seconds=self._world.dice.choice((1, 20, 90)))
            return Result(outcome=Outcome.RETRY, error=ErrorClass.THROTTLE, code="429", retry_after=after)
        return of_class(ErrorClass[what], "21", "no")

    def resolve(self, submission: Submission, submitted_at: datetime) -> Result | None:
        """Say whether a text is here, at times only later."""
        provider_id = self._has.get(submission.message_id)
        shown = "yes" if provider_id else "no"
        if self.kind_now != "kind" and self._world.one_in(3):
            provider_id, shown = None, "no answer"
        self._world.tell(f"   {self.name} is asked whether it has {submission.message_id}: {shown}")
        return Result(outcome=Outcome.ACCEPTED, provider_id=provider_id) if provider_id else None

    def says(self, notice: Notice) -> None:
        """Deliver a receipt or a reply; what is not answered with 2xx comes again, and some of the rest, too."""
        world = self._world
        query = {"m": notice.message_id} if self.capabilities.per_message_callback and notice.message_id else {}
        incoming = Incoming(source=self.name, query=query, body=json.dumps(notice.body).encode(), received_at=world.now)
        door = world.house.receipt_door
        answer = (door.receipt if notice.kind == "receipt" else door.reply)(incoming, TOKEN)
        said = notice.body.get("state") or f"{notice.body['text']!r} from {notice.body['from']}"
        world.tell(f"{self.name} reports {notice.kind} {said} {notice.body['id']}: {answer.status}")
        world.count("receipts" if notice.kind == "receipt" else "replies")
        if answer.status < 300:
            notice.answered += 1
            if notice.kind == "reply":
                world.confirmed(notice.body["from"], notice.body["text"])
            if notice in self.notices:
                self.notices.remove(notice)
                self.told.append(notice)

    def parse_receipt(self, incoming: Incoming) -> list[Receipt]:
        """See Gateway."""
        found = json.loads(incoming.body)
        state = next(one for one in State if one.code == found["state"])
        return [Receipt(state=state, provider_id=found["id"], raw_status=found["state"], error_code=found["error"])]

    def parse_reply(self, incoming: Incoming) -> list[Reply]:
        """See Gateway."""
        found = json.loads(incoming.body)
        return [Reply(id=found["id"], number=found["from"], to="+4930231250", text=found["text"])]
