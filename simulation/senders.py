"""A shop that tells of its records: signed and polled, doubled, late, out of order, again where nobody answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from audit import intake
from model.event import Event, Incoming
from model.reasons import Gone, Unreachable
from simulation.disk import rows
from simulation.house import SECRET

if TYPE_CHECKING:
    from simulation.world import World

PHONES = ("+491713920011", "+491713920012", "+491713920013", "+12025550123", "+447700900145")
KINDS = ("order.created", "order.paid", "shipment.updated", "appointment.booked", "invoice.issued", "ticket.created")
FOLLOWS = {
    "order.created": ("order.paid", "shipment.updated"),
    "shipment.updated": ("shipment.updated",),
    "appointment.booked": ("appointment.rescheduled", "appointment.cancelled", "appointment.cancelled"),
    "appointment.rescheduled": ("appointment.cancelled", "appointment.rescheduled"),
    "invoice.issued": ("invoice.paid",),
}


@dataclass(slots=True)
class Letter:
    """A webhook that is on its way, or is sent again."""

    id: str
    kind: str
    at: datetime
    data: Mapping[str, Any]
    test: bool = False
    broken: bool = False

    def body(self) -> bytes:
        """Write it as the shop does."""
        told = {"type": self.kind, "timestamp": self.at.isoformat(), "data": self.data, "test": self.test}
        return json.dumps(told).encode()[: 40 if self.broken else None]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question whether a record is still as it was, the answer, and the journal's newest row then."""

    key: str
    at: datetime
    said: str
    row: int


class Shop:
    """What the shop knows: its records as they are now, what it has to tell, what was answered with 2xx."""

    def __init__(self, world: World) -> None:
        self._world, self._numbers = world, 0
        self.records: dict[str, dict[str, Any]] = {}
        self.kinds: dict[str, str] = {}
        self.unsent: list[Letter] = []
        self.answered: list[Letter] = []
        self.polled: list[str] = []
        self.asked: list[Asked] = []
        self.talks = True

    def something_happens(self) -> None:
        """A new record, or the next thing that happens to an old one; its letter waits to be sent."""
        dice = self._world.dice
        open_ = [key for key, kind in self.kinds.items() if kind in FOLLOWS]
        key, kind = (dice.choice(open_), "") if open_ and dice.random() < 0.5 else ("", dice.choice(KINDS))
        if key:
            kind = dice.choice(FOLLOWS[self.kinds[key]])
        else:
            self._numbers += 1
            key = f"r{self._numbers}"
        self.kinds[key] = kind
        self.unsent.append(self._letter(key, kind))

    def _letter(self, key: str, kind: str) -> Letter:
        dice, now = self._world.dice, self._world.now
        age = dice.choice((0, 0, 0, 0, 1, 30, 600, 7200, 86400 * 3))  # late, and back-fill of days ago
        at = now - timedelta(seconds=age)
        record = self.records.setdefault(key, {"id": key, "phone": dice.choice(PHONES)})
        record |= {"total": dice.choice((5, 20, 90)), "status": "out", "amount_due": 9}
        if kind == "shipment.updated":
            record["status"] = dice.choice(("out", "done"))
        if kind.startswith("appointment"):
            starts = at + timedelta(hours=dice.choice((3, 20, 26, 30, 50)), minutes=dice.randrange(60))
            record["starts_at"] = starts.replace(second=0, microsecond=0).isoformat()
        if kind.startswith("invoice"):
            record["due_date"] = (at + timedelta(days=2)).date().isoformat()
            record["amount_due"] = 0 if kind == "invoice.paid" else 9
        if self._world.one_in(40):
            record["phone"] = dice.choice((None, "call me", *PHONES))
        self._numbers += 1
        return Letter(
            f"d{self._numbers}", kind, at, dict(record), test=self._world.one_in(25), broken=self._world.one_in(50)
        )

    def sends(self, letter: Letter) -> None:
        """Post one letter at the door. Without a 2xx it is sent again."""
        world = self._world
        request = Incoming(
            source="shop", headers={"webhook-id": letter.id, "content-type": "application/json"}, body=letter.body(),
            received_at=world.now,
        )  # fmt: skip
        source = world.house.sources["shop"]
        answer = world.house.door.receive(source.connector.sign(request, SECRET, world.now))
        world.tell(f"the shop posts {letter.kind} {letter.id} about {letter.data['id']}: {answer.status}")
        world.count("webhooks")
        if 200 <= answer.status < 300:
            self.unsent = [one for one in self.unsent if one is not letter]
            self.answered.append(letter)

    def forges(self) -> None:
        """Post something that is not genuine."""
        world = self._world
        request = Incoming(
            source="shop", headers={"webhook-id": "forged"}, body=b'{"type": "order.created"}', received_at=world.now
        )
        wrong = world.house.sources["shop"].connector.sign(request, SECRET, world.now)
        answer = world.house.door.receive(replace(wrong, body=b'{"type": "order.paid"}'))
        world.tell(f"somebody posts a forged webhook: {answer.status}")

    def is_polled(self, letter: Letter) -> None:
        """Let a poll find what a webhook tells, too, under an id of its own."""
        world, key = self._world, f"poll/{letter.id}"
        event = Event(
            source="shop", type=letter.kind, native_type=letter.kind, id=key, key=letter.data["id"],
            occurred_at=letter.at, data=letter.data, test=letter.test,
        )  # fmt: skip
        incoming = Incoming(source="shop", received_at=world.now)
        world.house.store.write(lambda tx: intake.accept(tx, incoming, [event], world.house.ids))
        world.tell(f"a poll finds {letter.kind} {letter.id} about {letter.data['id']}")
        self.polled.append(key)

    def ask(self, event: Event) -> Event:
        """Answer the question whether it is still true, as the record stands now."""
        world, key = self._world, str(event.data.get("id"))
        due = self.records[key]["amount_due"]
        said = "no answer" if not self.talks else "gone" if world.one_in(12) else "open" if due else "paid"
        newest = rows(world.house.store, "select coalesce(max(id), 0) as id from journal")[0]["id"]
        self.asked.append(Asked(key, world.now, said, newest))
        world.tell(f"   the shop is asked about {key}: {said}")
        if said == "no answer":
            raise Unreachable(said)
        if said == "gone":
            raise Gone("no such record")
        return replace(event, data={**event.data, "amount_due": due})
