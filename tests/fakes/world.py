"""A service without threads, for stories: the real doors, plan, store and worker; a phone and a clock of our own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from audit import receipts
from audit.conservation import report
from audit.rows import at
from audit.store import Store
from connectors.generic import Generic
from dispatch.route import Mode
from dispatch.worker import Worker
from gateways.base import Capabilities, Gateway
from inbound.hooks import Door
from inbound.sources import Source
from model.event import Answer, Event, Incoming
from model.ids import Ids
from model.message import State
from model.sending import Outcome, Receipt, Result, Submission
from rules.load import load
from tests.fakes.stores import open_store
from wire.http import Client

NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
SECRET = "whsec_c3RvcmllcyBhcmUgdG9sZCB3aXRoIHRoaXMga2V5Lg=="
PHONE = "+491713920012"
RULES = """
version: 1
defaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore}
rules:
  - id: order
    event: order.created
    to: [phone]
    text: "Order {{ number }} is confirmed."
    dedupe: {key: "{{ event.key }}"}
"""


@dataclass(slots=True)
class Phone(Gateway):
    """A provider that answers as the test says and keeps what it was given. Without a script it accepts."""

    name: str = "main"
    script: list[Result | Exception] = field(default_factory=list)
    got: list[Submission] = field(default_factory=list)
    lookups: dict[str, Result] = field(default_factory=dict)
    capabilities: Capabilities = field(default_factory=Capabilities)
    http: Client = field(default_factory=Client)
    settings: dict[str, Any] = field(default_factory=dict)

    def submit(self, submission: Submission) -> Result:
        self.got.append(submission)
        answer = self.script.pop(0) if self.script else None
        if isinstance(answer, Exception):
            raise answer
        return answer or Result(outcome=Outcome.ACCEPTED, provider_id=f"{self.name}-{len(self.got)}")

    def resolve(self, submission: Submission, submitted_at: datetime) -> Result | None:
        return self.lookups.get(submission.message_id)

    @property
    def inbox(self) -> list[str]:
        return [submission.text for submission in self.got]


class World:
    """Everything a story needs. Time stands still until the test moves it."""

    def __init__(self, folder: Path, rules: str = RULES, store: Store | None = None) -> None:
        self.folder, self.now = folder, NOON
        self.store = store or open_store(folder / "world.db")
        self.ids = Ids(lambda: self.now)
        self.phone, self.other = Phone(), Phone("backup")
        self.worker = Worker(
            store=self.store,
            book=self.book(rules),
            gateways={"console": Phone("console"), "main": self.phone, "backup": self.other},
            new_id=self.ids,
            mode=Mode(name="live"),
            routes=("main", "backup"),
            dice=lambda: 0.5,
        )
        self.woken = 0
        self.sources = {
            "shop": Source(name="shop", connector=Generic({"verify": "standard_webhooks"}), secrets=[SECRET])
        }
        self.door = Door(
            sources=self.sources, store=self.store, new_id=self.ids, clock=lambda: self.now, on_accepted=self._wake
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.store.close()

    def _wake(self) -> None:
        self.woken += 1

    def book(self, rules: str) -> Any:
        path = self.folder / "rules.yaml"
        path.write_text(rules, encoding="utf-8")
        return load(path)

    def rules(self, text: str) -> None:
        self.worker.book = self.book(text)

    def hears(self, event_type: str, data: Mapping[str, Any], *, id: str = "", at: datetime | None = None) -> Answer:  # noqa: A002
        """Let the shop post an event, signed; it is planned at the next `plan`."""
        body = {"type": event_type, "timestamp": (at or self.now).isoformat(), "data": data}
        raw = json.dumps(body).encode()
        request = Incoming(
            source="shop", headers={"webhook-id": id or f"msg_{self.ids('x')}", "content-type": "application/json"},
            body=raw, received_at=self.now,
        )  # fmt: skip
        return self.door.receive(self.sources["shop"].connector.sign(request, SECRET, self.now))

    def order(self, order_id: str, *, id: str = "", **data: Any) -> Answer:  # noqa: A002
        return self.hears("order.created", {"id": order_id, "number": order_id, "phone": PHONE, **data}, id=id)

    def tells(self, event: Event) -> None:
        """Put an event past the door, as a poll does."""
        from audit import intake

        incoming = Incoming(source=event.source, received_at=self.now)
        self.store.write(lambda tx: intake.accept(tx, incoming, [event], self.ids))

    def plan(self) -> None:
        while self.worker.plan_due(self.now):
            pass

    def step(self) -> None:
        """Plan what came in, then hand over what is due."""
        self.plan()
        while self.worker.send_due(self.now):
            pass

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)

    def wait_until(self, text: str) -> None:
        self.now = datetime.fromisoformat(text)

    def receipt(self, receipt: Receipt, gateway: str = "main") -> str:
        return self.store.write(lambda tx: receipts.record(tx, gateway, receipt, self.now))

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with self.store.read() as tx:
            return [dict(row) for row in tx.execute(sql)]

    @property
    def states(self) -> list[str]:
        return [row["state"] for row in self.rows("select state from messages order by id")]

    @property
    def reasons(self) -> list[str]:
        return [row["reason"] for row in self.rows("select reason from journal where kind = 'decision' order by id")]

    @property
    def pending(self) -> list[str]:
        """When each waiting text will leave, in Berlin's time."""
        rows = self.rows("select due_at from messages where state = 'queued' order by due_at")
        return [at(row["due_at"]).isoformat() for row in rows]

    def message(self) -> dict[str, Any]:
        return self.rows("select * from messages order by id desc limit 1")[0]

    def faults(self) -> list[str]:
        return report(self.store).faults

    def journal(self, *kinds: str) -> list[tuple[str, str]]:
        rows: Iterable[dict[str, Any]] = self.rows("select kind, reason from journal order by id")
        return [(row["kind"], row["reason"]) for row in rows if not kinds or row["kind"] in kinds]


def delivered(provider_id: str = "main-1", **more: Any) -> Receipt:
    return Receipt(state=State.DELIVERED, provider_id=provider_id, raw_status="delivered", **more)


def words(texts: Sequence[str]) -> str:
    return " | ".join(texts)
