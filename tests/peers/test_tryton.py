"""Our poller against a real Tryton: a text for each step a sale takes, none for what was there before."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import connectors
from inbound.polling import Polling
from inbound.sources import Source
from tests.fakes.service import free_port
from tests.fakes.world import World
from tests.peers.processes import PEERS, needs, process
from tests.peers.tryton_erp import PASSWORD, Erp

TRYTON = PEERS / "tryton"
EMPTY = TRYTON / "db" / "erp.sqlite"
pytestmark = [needs(TRYTON / "bin" / "trytond", EMPTY), pytest.mark.timeout(240)]
RULES = """
version: 1
defaults: {region: DE, locale: en, tz: Europe/Berlin, quiet_hours: ignore}
rules:
  - {id: quoted, event: custom.quotation.sent, to: [customer.phone], text: "Offer {{ number }}: {{ total }}."}
  - {id: ordered, event: order.created, to: [customer.phone], text: "Order {{ number }} is confirmed."}
  - {id: packed, event: shipment.created, to: [recipient.phone], text: "Order {{ order_number }} is packed."}
  - {id: shipped, event: shipment.updated, to: [recipient.phone], text: "Order {{ order_number }} is on its way."}
  - {id: fulfilled, event: order.fulfilled, to: [customer.phone], text: "All of order {{ number }} left us."}
  - {id: billed, event: invoice.issued, to: [customer.phone], text: "Invoice {{ number }}: {{ amount_due }} due."}
"""


@pytest.fixture
def erp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erp]:
    folder, port = tmp_path_factory.mktemp("tryton"), free_port()
    shutil.copy(EMPTY, folder / "erp.sqlite")
    lines = ["[database]", "uri = sqlite://", f"path = {folder}", "[web]", f"listen = 127.0.0.1:{port}"]
    (folder / "trytond.conf").write_text("\n".join([*lines, "[session]", "authentications = password"]) + "\n", "utf-8")
    words: list[str | Path] = [TRYTON / "bin" / "trytond", "-c", folder / "trytond.conf", "-d", "erp"]
    with process(words, folder, port=port):
        made = Erp(f"http://127.0.0.1:{port}")
        made.login()
        made.set_up()
        yield made


class Polled:
    """The world of stories with a real ERP behind it, asked whenever the test says so."""

    def __init__(self, world: World, erp: Erp) -> None:
        settings = {"url": erp.address, "database": erp.database, "login": "admin", "password": PASSWORD}
        self.world, self.source = world, Source(name="erp", connector=connectors.load("tryton")(settings))
        self.polling = Polling(store=world.store, new_id=world.ids, on_accepted=lambda: None)

    def hears(self) -> list[str]:
        """Poll, and return the texts that left since the last time."""
        before, self.world.now = len(self.world.phone.inbox), datetime.now(UTC)
        self.polling.poll(self.source, self.world.now)
        self.world.step()
        return sorted(self.world.phone.inbox[before:])


def test_each_step_of_a_sale_is_texted_once_and_the_baseline_is_not(world: World, erp: Erp) -> None:
    world.rules(RULES)
    polled = Polled(world, erp)
    zoe = erp.party("Zoë Kern", "+49 171 3920012")
    old = erp.sale(zoe)
    erp.press("sale.sale", "quote", old)
    baseline = polled.hears()

    sale = erp.sale(zoe)
    drafted = polled.hears()
    erp.press("sale.sale", "quote", sale)
    number = erp.read("sale.sale", sale, "number")["number"]
    quoted = polled.hears()
    erp.press("sale.sale", "confirm", sale)
    confirmed = polled.hears()
    erp.press("sale.sale", "process", sale)
    processed = polled.hears()
    found = erp.read("sale.sale", sale, "shipments", "invoices")
    parcel, bill = found["shipments"][0], found["invoices"][0]
    for button in ("assign_force", "pick", "pack"):
        erp.press("stock.shipment.out", button, parcel)
    packed = polled.hears()
    erp.press("stock.shipment.out", "do", parcel)
    shipped = polled.hears()
    erp.write("account.invoice", bill, invoice_date=None)
    erp.press("account.invoice", "post", bill)
    billed = polled.hears()

    assert (baseline, drafted, processed) == ([], [], [])
    assert quoted == [f"Offer {number}: 480.00."]
    assert confirmed == [f"Order {number} is confirmed."]
    assert packed == [f"Order {number} is packed."]
    assert shipped == [f"All of order {number} left us.", f"Order {number} is on its way."]
    assert len(billed) == 1
    assert billed[0].endswith(": 480.00 due.")
    assert polled.hears() == []
    assert world.faults() == []


def test_a_new_phone_is_no_news_and_the_next_text_goes_to_it(world: World, erp: Erp) -> None:
    world.rules(RULES)
    polled = Polled(world, erp)
    zoe = erp.party("Zoë Kern", "+49 171 3920012")
    sale = erp.sale(zoe)
    erp.press("sale.sale", "quote", sale)
    polled.hears()
    mobile = erp.read("party.party", zoe, "contact_mechanisms")["contact_mechanisms"][0]
    erp.write("party.contact_mechanism", mobile, value="+49 171 3920013")
    changed = polled.hears()
    erp.press("sale.sale", "confirm", sale)

    assert changed == []
    assert len(polled.hears()) == 1
    assert world.message()["number"] == "+491713920013"
