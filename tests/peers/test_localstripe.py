"""localstripe, an imitation of Stripe by others: its signed webhooks at our door, its API for what they leave out.

It knows no invoice.paid, by which Stripe tells of a subscription's payments, so none of those is told here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.service import Service, free_port, running, until
from tests.peers.processes import PEERS, needs, process
from wire.http import Call, Client

LOCALSTRIPE = PEERS / "localstripe" / "bin" / "localstripe"
pytestmark = [needs(LOCALSTRIPE), pytest.mark.timeout(120)]
SECRET, KEY = "whsec_localstripe_is_not_stripe", "sk_test_localstripe"
RULES = """\
version: 1
defaults: {region: DE, locale: en, tz: Europe/Berlin, quiet_hours: ignore}
rules:
  - {id: begun, event: subscription.created, to: [customer.phone], text: "It begins.", test_events: true}
  - {id: hello, event: contact.created, to: [customer.phone], text: "Hello.", test_events: true}
"""


class Stripe:
    """localstripe, asked with forms as Stripe is."""

    def __init__(self, address: str) -> None:
        self.address = address

    def post(self, path: str, **said: str) -> dict[str, Any]:
        reply = Client().send(Call(method="POST", url=self.address + path, form=said, auth=(KEY, "")))
        assert reply.status < 300, reply.text
        found = reply.json()
        return found if isinstance(found, dict) else {}


@pytest.fixture
def stripe(tmp_path: Path) -> Iterator[Stripe]:
    port = free_port()
    words: list[str | Path] = [LOCALSTRIPE, "--port", str(port), "--from-scratch"]
    with process(words, tmp_path, port=port):
        yield Stripe(f"http://127.0.0.1:{port}")


@pytest.fixture
def service(tmp_path: Path, stripe: Stripe) -> Iterator[Service]:
    folder = tmp_path / "service"
    folder.mkdir()
    source = {"connector": "stripe", "secret": SECRET, "api_key": KEY, "api_url": stripe.address}
    with running(Service(folder, sources={"billing": source}, rules=RULES)) as made:
        hook = {"url": f"{made.address}/hooks/billing", "secret": SECRET}
        stripe.post("/_config/webhooks/tidings", **hook)
        yield made


def rows(service: Service, sql: str) -> list[Any]:
    with closing(sqlite3.connect(service.database)) as file:
        return file.execute(sql).fetchall()


def subscribe(stripe: Stripe, phone: str) -> None:
    """Let a customer buy something each month; localstripe then tells what Stripe would."""
    customer = stripe.post("/v1/customers", email="zoe@example.example", phone=phone, name="Zoe Kern")["id"]
    card = {"card[number]": "4242424242424242", "card[exp_month]": "12", "card[exp_year]": "2030", "card[cvc]": "123"}
    method = stripe.post("/v1/payment_methods", type="card", **card)["id"]
    stripe.post(f"/v1/payment_methods/{method}/attach", customer=customer)
    stripe.post(f"/v1/customers/{customer}", **{"invoice_settings[default_payment_method]": method})
    plan = stripe.post("/v1/plans", amount="1990", currency="eur", interval="month", **{"product[name]": "Tables"})[
        "id"
    ]
    stripe.post("/v1/subscriptions", customer=customer, **{"items[0][plan]": plan})


def test_signed_webhooks_are_taken_and_the_phone_is_asked_for(service: Service, stripe: Stripe) -> None:
    subscribe(stripe, "+491713920012")

    def texts() -> list[str]:
        return sorted(text for (text,) in rows(service, "select text from messages where number = '+491713920012'"))

    events = "select type, state, error from events"
    until(lambda: len(texts()) == 2, lambda: f"{texts()} {rows(service, events)}", 30)
    assert texts() == ["Hello.", "It begins."]
    until(
        lambda: not rows(service, "select 1 from events where state <> 'planned'"), lambda: str(rows(service, events))
    )
    kinds = {kind for (kind,) in rows(service, "select type from events")}
    assert {"contact.created", "contact.updated", "subscription.created"} <= kinds
    assert rows(service, "select * from last_refused") == []
    assert rows(service, "select count(*) from events where state = 'unreadable'") == [(0,)]


def test_a_webhook_with_another_secret_is_refused_and_explained(service: Service, stripe: Stripe) -> None:
    stripe.post("/_config/webhooks/tidings", url=f"{service.address}/hooks/billing", secret="whsec_somebody_elses")
    stripe.post("/v1/customers", email="zoe@example.example", phone="+491713920012")

    until(lambda: bool(rows(service, "select 1 from last_refused")), lambda: "nothing was refused", 20)
    ((reason, findings),) = rows(service, "select reason, findings from last_refused")
    assert reason == "bad_signature"
    assert "another secret" in json.loads(findings)[1]
    assert rows(service, "select count(*) from events") == [(0,)]
