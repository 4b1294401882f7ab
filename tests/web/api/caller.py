"""A whole service without threads, a clock that the test moves, and programs that call its API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from werkzeug.test import Client, TestResponse

import app
from audit import keys
from audit.keys import KeyWish, Kind
from audit.store import Store
from model.access import Permission
from settings import Settings

MORNING = datetime(2026, 11, 23, 9, 58, 14, tzinfo=UTC)
PHONE = "+447700900123"
PEPPER = "a pepper that only the tests know"
COLLEAGUE = "+447700900555"
RULES = """\
version: 1
defaults: {region: DE, locale: en, tz: Europe/Berlin}
rules:
  - id: order-confirmed
    event: order.created
    when: [total > 100]
    to: [phone]
    text: "Hi {{ name }}, order {{ number }} is confirmed."
  - id: appointment-reminder
    event: [appointment.booked, appointment.rescheduled]
    key: "{{ appointment_id }}"
    schedule: {at: starts_at, offset: -24h, if_past: skip}
    to: [customer.phone]
    text: "Reminder: your appointment {{ starts_at|day }}."
  - id: code
    event: verification.requested
    to: [phone]
    redact: [code]
    text: "Your code is {{ code }}."
"""
ORDER = {"number": "A7", "name": "Zoë", "total": 149.9, "phone": PHONE}


@dataclass
class Service:
    """The house with its API; `now` is what its clock shows."""

    folder: Path
    rules: str = RULES
    settings: Mapping[str, Any] = field(default_factory=dict)
    now: datetime = MORNING
    made: app.Tidings = field(init=False)
    count: int = 0

    def __post_init__(self) -> None:
        (self.folder / "rules.yaml").write_text(self.rules, "utf-8")
        given = {
            "mode": "live",
            "allow": [COLLEAGUE],
            "public_url": "https://texts.example",
            "database": f"sqlite:///{self.folder}/tidings.db",
            "rules": str(self.folder / "rules.yaml"),
            "gateways": {"main": {"kind": "console", "show": False}},
            "routes": {"order": ["main"]},
            "verifications": {"pepper": PEPPER, "home": ["DE", "GB"]},
            "sources": {"shop": {"connector": "generic", "verify": "none", "id": "id", "type": "type"}},
            **self.settings,
        }
        _lay_store(self.folder / "tidings.db")
        self.made = app.build(Settings.model_validate(given), lambda: self.now, seed=1)

    def close(self) -> None:
        self.made.store.close()

    def program(self, *scopes: Permission, kind: Kind = "live", name: str = "") -> Program:
        """Give a program a key; without scopes, one that may do everything."""
        self.count += 1
        wish = KeyWish(
            name=name or f"program {self.count}", kind=kind, scopes=frozenset(scopes or Permission), actor="Kim"
        )
        _, secret = self.made.store.write(lambda tx: keys.create(tx, wish, self.now))
        return Program(self, secret)

    def works(self) -> None:
        """Let the worker do what is due."""
        self.made.worker.plan_due(self.now)
        self.made.worker.send_due(self.now)

    def passes(self, **length: float) -> None:
        self.now += timedelta(**length)
        self.works()

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        with self.made.store.read() as tx:
            return [dict(row) for row in tx.execute(sql, values)]

    def journal(self) -> Iterable[tuple[str, str]]:
        """What was done with keys: reason and actor."""
        rows = self.rows("select reason, actor from journal where actor like 'key:%' order by id")
        return [(row["reason"], row["actor"]) for row in rows]


@cache
def _blank_store() -> bytes:
    """Every migration costs a disk flush: they are done once, and each test begins with a copy."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "blank.db"
        Store(path).close()
        return path.read_bytes()


def _lay_store(path: Path) -> None:
    if not path.exists():
        path.write_bytes(_blank_store())


@dataclass
class Program:
    """Somebody who calls the API with one key."""

    service: Service
    secret: str

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.call("GET", path, None, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        return self.call("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        return self.call("PUT", path, body, **headers)

    def delete(self, path: str, **headers: str) -> TestResponse:
        return self.call("DELETE", path, None, **headers)

    def call(self, method: str, path: str, body: Any, **headers: str) -> TestResponse:
        """Make one request; header names are written with _ for -."""
        given = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        return Client(self.service.made.wsgi).open(
            f"/api/v1{path}", method=method, data=raw, headers=given,
            content_type=given.pop("Content-Type", "application/json") if raw is not None else None,
        )  # fmt: skip

    def event(self, **changes: Any) -> dict[str, Any]:
        """Post an order and let it be planned; return the answer."""
        body = {"id": "evt-1", "type": "order.created", "key": "A7", "data": ORDER, **changes}
        answer = self.post("/events", body)
        assert answer.status_code == 202, answer.text
        self.service.works()
        found: dict[str, Any] = answer.get_json()
        return found
