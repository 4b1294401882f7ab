"""Senders as fragile as the real ones, at a real service: with the poll beside the webhook no event is lost."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.fakes.answering import Answer, Asked, answering
from tests.fakes.senders import MINUTE, SECRET, SENDERS, BusinessCentral, HubSpot, Pipedrive, Sender, WooCommerce
from tests.fakes.service import Service, free_port, running, until

pytestmark = pytest.mark.timeout(120)
RULES = """\
version: 1
defaults: {region: DE, locale: en, tz: Europe/Berlin, quiet_hours: ignore}
rules:
  - {id: order, event: order.created, to: [phone, customer.phone], text: "Order {{ event.key }}."}
  - {id: hello, event: contact.created, to: [customer.phone, customer.mobile], text: "Hello {{ event.key }}."}
"""


class Town:
    """All senders and the service they talk to."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.senders = {kind.connector: kind(f"http://127.0.0.1:{port}/hooks/{kind.connector}") for kind in SENDERS}
        self.service = Service(folder, rules=RULES, port=port)
        self.number = 0

    def answer(self, asked: Asked) -> Answer:
        found = (sender.answers(asked) for sender in self.senders.values())
        return next((one for one in found if one is not None), (404, {}))

    def at(self, address: str) -> None:
        self.service.sources = {
            name: {"connector": name, "secret": SECRET, "poll_every": "1s", **sender.settings(address)}
            for name, sender in self.senders.items()
        }

    def happen(self, times: int) -> None:
        """Let something happen in every system, and time pass for what they try again."""
        for _ in range(times):
            self.number += 1
            for sender in self.senders.values():
                sender.happens(self.number)
                sender.try_again()

    def texts(self, name: str) -> list[int]:
        with closing(sqlite3.connect(self.service.database)) as file:
            sql = "select count(*) from messages where source = ? group by text order by text"
            return [count for (count,) in file.execute(sql, (name,))]

    def sender(self, kind: type[Sender]) -> Sender:
        return self.senders[kind.connector]

    def settle(self) -> None:
        """Wait until every customer of every system has a text."""

        def all_told() -> bool:
            for sender in self.senders.values():
                sender.try_again()
            return all(len(self.texts(name)) >= len(one.records) for name, one in self.senders.items())

        until(all_told, lambda: str({name: len(self.texts(name)) for name in self.senders}), 40)

    def polled(self) -> bool:
        with closing(sqlite3.connect(self.service.database)) as file:
            found = file.execute("select count(*) from cursors where error = '' and cursor <> '{}'").fetchone()[0]
            return bool(found == len(self.senders))


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path)
    with answering(made.answer) as system:
        made.at(system.address)
        with running(made.service):
            until(made.polled, lambda: made.service.log[-2000:], 20)
            yield made


def test_whatever_the_senders_do_everybody_is_told_once_also_when_we_were_away_for_a_minute(town: Town) -> None:
    town.happen(6)
    town.settle()
    town.service.kill()
    for _ in range(12):
        town.happen(1)
        time.sleep(MINUTE / 12)
    shop, crm, erp = (town.senders[kind.connector] for kind in (WooCommerce, Pipedrive, BusinessCentral))
    assert isinstance(shop, WooCommerce)
    assert isinstance(crm, Pipedrive)
    assert isinstance(erp, BusinessCentral)
    state = (shop.is_disabled, crm.banned_until > time.monotonic(), erp.is_deleted)
    town.service.start()
    town.happen(3)
    town.settle()

    assert state == (True, True, False)
    for name, sender in town.senders.items():
        assert town.texts(name) == [1] * len(sender.records), name
        assert set(sender.statuses) <= {0, 200, 202}, name
        assert sender.slowest < 1.0, f"{name}: Odoo hangs up after a second"
    assert not town.sender(HubSpot).waiting


def test_deliveries_that_bear_the_same_id_are_told_apart(town: Town) -> None:
    shop = town.senders["woocommerce"]
    for number in range(100, 108):
        shop.happens(number)

    until(lambda: len(town.texts("woocommerce")) == 8, lambda: str(town.texts("woocommerce")))
    assert town.texts("woocommerce") == [1] * 8
