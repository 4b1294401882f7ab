"""One webhook, poll, reminder, campaign message, receipt and reply on their way through the real service, traced.

docs/architecture.md says which function takes which step; tests/test_walks.py holds it against what was called here.
"""

from __future__ import annotations

import io
import json
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from werkzeug.serving import make_server

import app
from audit import claims
from settings import GatewaySettings, Settings, SourceSettings
from tests.fakes.service import free_port, until

RULES = """
version: 1
defaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore}
rules:
  - {id: order, event: order.created, to: [phone], text: "Order {{ number }} is confirmed."}
  - id: visit
    event: appointment.booked
    to: [phone]
    text: "See you on {{ start | date }}."
    key: "{{ number }}"
    schedule: {at: start, offset: -24h, if_past: skip}
    cancel_on: [appointment.cancelled]
  - id: news
    campaign: {audience: {from: lists/news.csv}, start: now, approve: 1}
    to: [phone]
    text: "Hello {{ name }}. Reply STOP to end."
"""
STOPS = "+491713920088"
"""The console's phone that answers STOP (gateways/console.py)."""

PHONE = "+491713920080"


@dataclass(slots=True)
class Trace:
    """Which code was called, in order."""

    calls: list[CodeType] = field(default_factory=list)

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Take a call down, as Python's profiling wants it."""
        if event == "call":
            self.calls.append(frame.f_code)


class House:
    """The real service behind a real HTTP server, stepped by hand, with a clock that can be moved on."""

    def __init__(self, folder: Path) -> None:
        self.ahead = timedelta()
        self.trace = Trace()
        self.folder = folder
        (folder / "rules.yaml").write_text(RULES, "utf-8")
        (folder / "drop").mkdir()
        port = free_port()
        quiet = GatewaySettings.model_validate({"kind": "console", "show": False, "receipt_delay": 0.01})
        shop = {"connector": "generic", "verify": "none"}
        drop = {"connector": "files", "folder": str(folder / "drop"), "key": "number", "new": "order.created",
                "settled": "rename"}  # fmt: skip
        settings = Settings(
            port=port, database=f"sqlite:///{folder}/t.db", rules=str(folder / "rules.yaml"),
            gateways={"console": quiet},
            sources={name: SourceSettings.model_validate(one) for name, one in (("shop", shop), ("drop", drop))},
        )  # fmt: skip
        threading.setprofile(self._call)  # before the threads of the service begin
        self.service = app.build(settings, self.now, seed=1)
        self._server = make_server("127.0.0.1", port, self.service.wsgi, threaded=True)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.port = port

    def close(self) -> None:
        """End it."""
        threading.setprofile(None)
        self._server.shutdown()
        self._server.server_close()
        self.service.stop()

    def now(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC) + self.ahead

    @contextmanager
    def walk(self) -> Iterator[Trace]:
        """Write down what is called, by this thread and by all others."""
        self.trace = Trace()
        sys.setprofile(self._call)
        try:
            yield self.trace
        finally:
            sys.setprofile(None)

    def post(self, kind: str, number: str, data: dict[str, Any]) -> None:
        """Post an event at the hook as a shop would."""
        body = {"type": kind, "id": f"{kind}/{number}", "data": {"id": number, "number": number, **data}}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/hooks/shop", json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own server
            assert answer.status == 200

    def step(self) -> None:
        """Plan and hand over whatever is due."""
        worker = self.service.worker
        while worker.plan_due(self.now()) or worker.recheck_due(self.now()) or worker.send_due(self.now()):
            pass

    def count(self, sql: str) -> int:
        """Count rows."""
        with self.service.store.read() as tx:
            return int(tx.execute(sql).fetchone()[0])

    def _call(self, frame: FrameType, event: str, argument: object) -> None:
        self.trace(frame, event, argument)


def webhook(house: House) -> Trace:
    """Let a webhook become a text."""
    with house.walk() as trace:
        house.post("order.created", "W1", {"phone": PHONE})
        house.step()
    return trace


def poll(house: House) -> Trace:
    """Let a file that was dropped become a text."""
    source = house.service.sources["drop"]
    house.service.polling.poll(source, house.now())  # the first look sends nothing
    (house.folder / "drop" / "orders.csv").write_text(f"number,phone\nP1,{PHONE}\n", "utf-8")
    with house.walk() as trace:
        house.service.polling.poll(source, house.now())
        house.step()
    return trace


def reminder(house: House) -> Trace:
    """Let an appointment be reminded of a day before, and another one be cancelled."""
    start = (house.now() + timedelta(days=3)).isoformat()
    with house.walk() as trace:
        house.post("appointment.booked", "R1", {"phone": PHONE, "start": start})
        house.post("appointment.booked", "R2", {"phone": PHONE, "start": start})
        house.step()
        house.post("appointment.cancelled", "R2", {"phone": PHONE})
        house.step()
        house.ahead += timedelta(days=2, seconds=30)
        with house.service.store.read() as tx:
            assert claims.next_due(tx, house.now())
        house.step()
    assert house.count("select count(*) from messages where rule = 'visit' and state <> 'cancelled'") == 1
    return trace


def campaign(house: House) -> Trace:
    """Let a list be read and everybody on it be texted."""
    office, people = house.service.campaigns, io.BytesIO(f"phone,name\n{PHONE},Zoë\n".encode())
    with house.walk() as trace:
        listed = office.read_list(people, "news.csv", "news", "Olu", house.now())
        found = office.prepare("news", listed, "Olu", house.now())
        office.preview(found, house.now())
        office.approve(found, "Mara", house.now())
        office.start(found, "Mara", house.now())
        for _ in range(3):
            office.step(house.now())
            house.step()
            house.ahead += timedelta(seconds=2)
    assert house.count("select count(*) from messages where campaign <> ''") == 1
    return trace


def receipt_and_reply(house: House) -> Trace:
    """Let a phone say that a text is there, and answer STOP."""
    with house.walk() as trace:
        house.post("order.created", "S1", {"phone": STOPS})
        house.step()
        until(lambda: house.count("select count(*) from replies") == 1, lambda: "no reply came", 10)
        until(lambda: house.count("select count(*) from messages where state = 'delivered'") > 0, lambda: "none", 10)
        house.service.replying.answer_due(house.now())
    return trace


WALKS = {"webhook": webhook, "poll": poll, "reminder": reminder, "campaign": campaign, "receipt": receipt_and_reply}
