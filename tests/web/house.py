"""A small business for tests and screenshots: real store, rules, plan and worker, and a phone that never rings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from audit import intake, receipts
from audit.messages import get
from audit.refusals import Refusals
from audit.store import Store
from connectors.bigcommerce import BigCommerce
from connectors.shopify import Shopify
from dispatch.campaigning import Campaigns
from dispatch.prices import read
from dispatch.roads import Roads
from dispatch.route import Mode
from dispatch.worker import Worker
from gateways.base import Gateway
from gateways.console import Console
from inbound.sources import Source
from model.event import Event, Incoming
from model.ids import Ids
from model.message import State
from model.sending import Receipt, Reply
from model.verification import Policy
from rules.load import load
from tests.fakes.stores import open_store
from web.app import build
from web.desk import Desk, Running, Setting
from wire.http import Client

MORNING = datetime(2026, 11, 23, 9, 58, 14, tzinfo=UTC)
RULES = """\
version: 1
defaults:
  region: DE
  locale: en
  tz: Europe/Berlin
  throttle: {max: 500, per: 24h, key: recipient, then: drop}
rules:
  - id: order-confirmed
    event: order.created
    when:
      - total > 100
      - status in ['paid', 'authorized']
    to: [customer.phone, shipping_address.phone]
    locale: customer.locale
    text:
      en: "Hi {{ customer.first_name }}, order {{ number }} for {{ total|money(currency) }} is confirmed."
      de: "Hallo {{ customer.first_name }}, Bestellung {{ number }} über {{ total|money(currency) }} ist bestätigt."
  - id: out-for-delivery
    event: shipment.updated
    to: [recipient.phone]
    quiet_hours: {from: "21:00", to: "08:00", tz: recipient, then: defer}
    text: "Your parcel {{ tracking_number }} arrives today."
  - id: appointment-reminder
    event: [appointment.booked, appointment.rescheduled]
    key: "{{ appointment_id }}"
    schedule: {at: starts_at, offset: -24h, if_past: skip}
    cancel_on: [appointment.cancelled]
    to: [customer.phone]
    text: "Reminder: your appointment {{ starts_at|day }} at {{ starts_at|time }}."
  - id: code
    event: verification.requested
    to: [phone]
    redact: [code]
    text: "Your code is {{ code }}."
  - id: spring-news
    campaign:
      audience: {from: lists/guests.csv}
      start: now
      rate: 10/s
      approve: 1
      variants: {plain: 50, friendly: 50}
      caps: {day: 500}
      stop_on: {spent: 250 EUR}
    to: [phone]
    consent: marketing
    locale: locale
    quiet_hours: ignore
    ttl: 48h
    text:
      plain:
        en: "Our spring menu starts on Friday. Reply STOP to opt out."
        de: "Unsere Frühlingskarte gilt ab Freitag. Abmelden: Antwort STOP."
      friendly:
        en: "{{ first_name }}, the first asparagus is here: our spring menu starts on Friday. Reply STOP to opt out."
        de: "{{ first_name }}, der erste Spargel ist da: die Frühlingskarte gilt ab Freitag. Abmelden: Antwort STOP."
"""
SOURCES = {
    "shop": Source(name="shop", connector=Shopify(), secrets=("test-secret",)),
    "store": Source(name="store", connector=BigCommerce(), secrets=("test-secret",), poll_every=timedelta(minutes=5)),
}
PRICES, _ = read("gateway,to,price,currency,since\nconsole,DE,0.075,EUR,\nconsole,GB,0.04,EUR,\n", "prices.csv")
CODES = Policy(home=frozenset({"DE"}), countries=frozenset({"DE", "GB"}))
SETTINGS = (Setting(part="Keeping", name="Texts", value="180 days"),)


@dataclass(slots=True)
class House:
    """Everything the pages show, and a clock that only moves when told to."""

    folder: Path
    rules: str = RULES
    mode: Mode = field(default_factory=Mode)
    now: datetime = MORNING
    notices: list[str] = field(default_factory=list)
    store: Store = field(init=False)
    worker: Worker = field(init=False)
    new_id: Ids = field(init=False)
    count: int = 0
    refusals: Refusals = field(default_factory=Refusals)

    def __post_init__(self) -> None:
        path = self.folder / "rules.yaml"
        path.write_text(self.rules, "utf-8")
        self.store = open_store(self.folder / "tidings.db")
        self.new_id = Ids(lambda: self.now)
        gateways: Mapping[str, Gateway] = {"console": Console("console", {"show": False}, Client())}
        self.worker = Worker(
            store=self.store, book=load(path), gateways=gateways, new_id=self.new_id, mode=self.mode, dice=lambda: 0.5
        )

    @property
    def desk(self) -> Desk:
        return Desk(
            store=self.store,
            book=lambda: self.worker.book,
            mode=lambda: self.mode,
            clock=lambda: self.now,
            rules_lines=lambda name: self.rules.splitlines() if name == "rules.yaml" else [],
            notices=lambda: self.notices,
            running=self.running,
            campaigns=self.campaigns,
            codes=CODES,
        )

    @property
    def campaigns(self) -> Campaigns:
        """What runs campaigns, with the prices of texts."""
        roads = Roads(order=("console",), prices=PRICES)
        return Campaigns(store=self.store, book=lambda: self.worker.book, new_id=self.new_id, roads=roads)

    @property
    def running(self) -> Running:
        """What the pages about sources and gateways are made of."""
        return Running(
            sources=SOURCES, gateways=self.worker.gateways, refusals=self.refusals, address="https://tidings.example",
            order_of=self.worker.order_of, per_second={"console": 10}, settings=SETTINGS,
            missing=("No seal key is set: whoever can write to the file can make the seals anew.",),
        )  # fmt: skip

    def app(self) -> Flask:
        return build(self.desk)

    def client(self) -> FlaskClient:
        return self.app().test_client()

    def passes(self, **length: float) -> None:
        """Let time go by, and let the worker do what is due."""
        self.now += timedelta(**length)
        self.works()

    def works(self) -> None:
        self.worker.plan_due(self.now)
        self.worker.send_due(self.now)

    def comes(self, kind: str, data: Mapping[str, Any], *, key: str = "", source: str = "shop", **more: Any) -> str:
        """Let an event in; return its id. It is not planned yet."""
        self.count += 1
        event = Event(
            source=source,
            type=kind,
            native_type=more.get("native", kind.replace(".", "/")),
            id=more.get("transport", f"{source}-{self.count}"),
            key=key or f"61204503912{self.count:02}",
            occurred_at=self.now - timedelta(seconds=2),
            data=data,
        )
        headers = {"content-type": "application/json", "x-shop-topic": kind, **more.get("headers", {})}
        body = more.get("body", json.dumps(dict(data)).encode())
        incoming = Incoming(
            source=source,
            url=f"https://tidings.example/hooks/{source}",
            headers=headers,
            body=body,
            received_at=self.now,
        )
        ids = self.store.write(lambda tx: intake.accept(tx, incoming, [event], self.new_id))
        return ids[0] if ids else ""

    def order(self, number: str = "1001", total: float = 149.9, **more: Any) -> str:
        """An order arrives and is planned; return the event's id."""
        customer = {
            "first_name": more.pop("name", "Anna"),
            "phone": more.pop("phone", "+49 171 3920012"),
            "locale": "en",
        }
        data = {"number": f"#{number}", "total": total, "currency": "EUR", "status": "paid", "customer": customer}
        data |= more.pop("set", {})
        event_id = self.comes("order.created", data, **more)
        self.works()
        return event_id

    def unreadable(self, body: bytes = b"{broken", source: str = "shop") -> str:
        incoming = Incoming(source=source, url="https://tidings.example/hooks/shop", body=body, received_at=self.now)
        return self.store.write(
            lambda tx: intake.accept_unreadable(tx, incoming, "The body is not JSON: JSONDecodeError.", self.new_id)
        )

    def text_of(self, event_id: str) -> str:
        """Return the id of the event's first text."""
        with self.store.read() as tx:
            row = tx.execute("select id from messages where event_id = ? order by id", (event_id,)).fetchone()
            return str(row["id"]) if row else ""

    def reports(self, event_id: str, state: State, error: str = "") -> None:
        """Let the provider say what became of the event's text."""
        message_id = self.text_of(event_id)
        with self.store.read() as tx:
            row = get(tx, message_id)
        assert row is not None
        receipt = Receipt(state=state, provider_id=row["provider_id"], raw_status=state.code, error_code=error)
        self.store.write(lambda tx: receipts.record(tx, "console", receipt, self.now))

    def delivered(self, number: str = "1001", **more: Any) -> str:
        event_id = self.order(number, **more)
        self.now += timedelta(seconds=1.4)
        self.reports(event_id, State.SENT)
        self.now += timedelta(seconds=1.8)
        self.reports(event_id, State.DELIVERED)
        return event_id

    def answers(self, number: str, text: str) -> None:
        self.count += 1
        reply = Reply(id=f"r{self.count}", number=number, to="+4930901820", text=text)
        self.store.write(lambda tx: receipts.record_reply(tx, "console", reply, "question", self.now))
