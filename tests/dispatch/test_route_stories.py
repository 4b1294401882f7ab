"""Routing told as stories: throttling keeps the order, a broken message blocks nobody, pins are followed at once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from audit import steering
from dispatch.roads import Roads, Sign
from dispatch.route import Mode
from gateways.base import Capabilities
from model.message import Lane, State
from model.sending import ErrorClass, Outcome, Result
from model.steering import Pin
from tests.dispatch.test_route import message
from tests.fakes.stores import only_sqlite
from tests.fakes.world import PHONE, Phone, World, delivered

SLOWER = Result(outcome=Outcome.RETRY, error=ErrorClass.THROTTLE, retry_after=timedelta(seconds=40))
DOWN = Result(outcome=Outcome.RETRY, error=ErrorClass.RETRY, code="503")
NOT_A_TIME = pytest.param("expires_at = 'never'", marks=only_sqlite)  # a server refuses it
TWO = """
version: 1
defaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore}
rules:
  - id: order
    event: order.created
    to: [phone]
    text: "Order {{ number }} is confirmed."
    dedupe: {key: "{{ event.key }}"}
  - id: own-road
    event: custom.own
    to: [phone]
    gateway: [backup]
    text: "Own {{ number }}."
"""


def pin(world: World, gateway: str, *, away: bool = False, hours: int = 2) -> None:
    wish = Pin(
        gateway=gateway, away=away, reason="prices went up", actor="Ines", since=world.now,
        until=world.now + timedelta(hours=hours),
    )  # fmt: skip
    world.store.write(lambda tx: steering.pin(tx, wish))


def test_a_throttled_gateway_rests_and_texts_to_one_phone_keep_their_order(world: World) -> None:
    world.worker.routes = ("main",)
    world.phone.script = [SLOWER]
    world.order("A1")
    world.plan()
    world.wait(seconds=1)
    world.order("A2")
    world.plan()
    assert world.worker.send_due(world.now, 1) == 1
    world.step()
    world.wait(seconds=39)
    world.step()
    assert world.phone.inbox == ["Order A1 is confirmed."]

    world.wait(seconds=1)
    world.step()

    assert [text[6:8] for text in world.phone.inbox] == ["A1", "A1", "A2"]


def test_with_another_gateway_a_throttled_text_leaves_at_once_and_first(world: World) -> None:
    world.phone.script = [SLOWER]
    world.order("A1")
    world.plan()
    world.wait(seconds=1)
    world.order("A2")
    world.plan()
    while world.worker.send_due(world.now, 1):
        pass

    assert [text[6:8] for text in world.other.inbox] == ["A1", "A2"]


def test_a_retry_keeps_the_drawn_order_and_never_repeats_a_failed_gateway(world: World) -> None:
    third = Phone("third")
    world.worker.gateways = {**world.worker.gateways, "third": third}
    world.worker.roads = Roads(signs=(Sign(weights={"main": 60.0, "backup": 30.0, "third": 10.0}),))
    for phone in (world.phone, world.other, third):
        phone.script = [DOWN] * 100
    for number in range(20):
        world.order(f"A{number}", phone=f"+1202555{100 + number:04}")
        for each in (world.phone, world.other, third):
            world.worker.health.gauges.clear()
            each.script = [DOWN] * 3
        world.step()

    journeys: dict[str, list[str]] = {}
    for row in world.rows("select message_id, gateway from journal where kind = 'attempt' order by id"):
        journeys.setdefault(row["message_id"], []).append(row["gateway"])
    for message_id, tried in journeys.items():
        drawn = world.worker.roads.way(message(id=message_id), "+12025550100").gateways
        assert tuple(tried[:3]) == drawn


def test_a_rules_own_list_is_stronger_than_the_table_and_a_pin(world: World) -> None:
    world.rules(TWO)
    world.worker.roads = Roads(signs=(Sign(country=frozenset({"DE"}), use=("main",)),))
    pin(world, "main")
    world.hears("custom.own", {"number": 7, "phone": PHONE})
    world.order("A1")
    world.step()

    assert (world.phone.inbox, world.other.inbox) == (["Order A1 is confirmed."], ["Own 7."])


def test_a_redirected_text_takes_the_road_of_the_phone_that_gets_it(world: World) -> None:
    world.worker.mode = Mode(name="redirect", redirect_to="+12025550123")
    world.worker.roads = Roads(signs=(Sign(country=frozenset({"US"}), use=("backup",)),))
    world.order("A1")
    world.step()

    assert [text.to for text in world.other.got] == ["+12025550123"]


def test_a_pin_is_followed_at_once_survives_a_restart_and_ends_by_itself(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        pin(world, "backup")
        world.order("A1")
        world.step()
        assert len(world.other.got) == 1
        now = world.now
    with World(tmp_path) as world:
        world.now = now + timedelta(minutes=1)
        world.order("A2")
        world.step()
        assert len(world.other.got) == 1
        world.wait(hours=2)
        world.order("A3")
        world.step()

        assert world.phone.inbox == ["Order A3 is confirmed."]
        assert ("operator", "pinned") in world.journal()


def test_a_pin_does_not_send_into_a_gateway_that_rests(world: World) -> None:
    pin(world, "backup")
    world.other.script = [DOWN] * 3
    for number in range(5):
        world.order(f"A{number}")
        world.step()

    assert (len(world.other.got), len(world.phone.got)) == (3, 5)


def test_texts_that_have_no_other_road_wait_for_the_end_of_a_pin_away(world: World) -> None:
    world.worker.routes = ("main",)
    pin(world, "main", away=True)
    world.order("A1")
    world.step()
    assert (world.message()["held"], world.worker.next_due(world.now)) == ("gateway:normal:main", None)

    world.wait(hours=2)
    world.worker.steer_due(world.now)
    world.step()

    assert world.phone.inbox == ["Order A1 is confirmed."]
    assert world.message()["attempts"] == 1


def test_how_a_gateway_does_is_on_record_for_other_processes(world: World) -> None:
    world.phone.script = [DOWN] * 3
    for number in range(4):
        world.order(f"A{number}")
        world.step()
    with world.store.read() as tx:
        found = steering.conditions(tx)

    assert (found["main"].state, found["main"].error, found["backup"].state) == ("resting", "503", "working")
    assert found["main"].until == world.now + timedelta(seconds=10)


@pytest.mark.parametrize("damage", ["due_at = 99999999999999999", "items = 'not json'", "recheck = '{'", NOT_A_TIME])
def test_a_message_that_cannot_be_read_blocks_nobody(world: World, damage: str) -> None:
    world.order("A1")
    world.plan()
    world.store.write(lambda tx: tx.execute(f"update messages set {damage}"))  # noqa: S608
    world.order("A2")
    world.step()
    world.worker.recheck_due(world.now)
    world.step()

    assert world.phone.inbox == ["Order A2 is confirmed."]
    assert world.states == ["failed", "accepted"]
    assert world.rows("select reason from messages order by id")[0]["reason"] == "broken"


def test_a_routing_that_breaks_on_one_message_carries_the_others(world: World) -> None:
    class Trap(Mode):
        def send_to(self, number: str) -> tuple[str, bool]:
            if number.endswith("13"):
                raise ZeroDivisionError
            return number, True

    world.order("A1", phone="+491713920013")
    world.order("A2")
    world.worker.mode = Trap()
    world.step()

    assert (world.states, world.phone.inbox) == (["failed", "accepted"], ["Order A2 is confirmed."])


def test_what_no_receipt_came_for_is_unconfirmed_and_a_late_receipt_still_counts(world: World) -> None:
    world.order("A1")
    world.step()
    world.wait(hours=71)
    world.worker.settle(world.now)
    assert world.states == ["accepted"]

    world.wait(hours=1)
    world.worker.settle(world.now)
    assert (world.states, world.journal("unconfirmed")) == (["unconfirmed"], [("unconfirmed", "unconfirmed")])

    world.receipt(delivered())
    assert world.states == ["delivered"]
    assert world.faults() == []


def test_codes_are_unconfirmed_sooner_and_gateways_without_receipts_never(world: World) -> None:
    world.worker.receipt_within = {**world.worker.receipt_within, Lane.OTP: timedelta(minutes=15)}
    world.other.capabilities = Capabilities(receipts="none")
    world.rules(TWO.replace('text: "Order', 'priority: otp\n    text: "Order'))
    world.order("A1")
    world.hears("custom.own", {"number": 7, "phone": PHONE})
    world.step()
    world.wait(minutes=15)
    world.worker.settle(world.now)
    assert world.states == ["unconfirmed", "accepted"]

    world.wait(days=30)
    world.worker.settle(world.now)
    assert world.states == ["unconfirmed", "accepted"]


def test_coverage_says_how_much_of_a_gateway_and_country_was_reported(world: World) -> None:
    from audit.coverage import coverage
    from dispatch.roads import country_of

    for number, phone in enumerate(["+12025550110", "+12025550111", "+14165550123", "+447700900123"]):
        world.order(f"A{number}", phone=phone)
        world.step()
    world.receipt(delivered("main-1"))
    world.receipt(delivered("main-4"))

    rows = coverage(world.store, world.now - timedelta(days=1), country_of)
    assert [(row.gateway, row.country, row.accepted, row.reported, row.share) for row in rows] == [
        ("main", "CA", 1, 0, 0.0),
        ("main", "GB", 1, 1, 1.0),
        ("main", "US", 2, 1, 0.5),
    ]
    assert State.DELIVERED.code in world.states
