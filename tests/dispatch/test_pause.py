"""Pauses: what is paused waits, leaves in its old order, expires as usual, and keeps nobody else waiting."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit import holding, steering
from audit.sentences import sentence
from audit.store import Tx
from audit.trace import of_event
from model.steering import Pause, Scope
from tests.fakes.stores import only_sqlite
from tests.fakes.world import PHONE, World

RULES = """
version: 1
defaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore}
rules:
  - id: order
    event: order.created
    to: [phone]
    text: "Order {{ number }} is confirmed."
    dedupe: {key: "{{ event.key }}"}
    throttle: {max: 10000, per: 1h, key: recipient, then: drop}
  - id: code
    event: verification.requested
    to: [phone]
    text: "{{ code }} is your code."
    priority: otp
    redact: [code]
  - id: news
    event: custom.news
    to: [phone]
    ttl: 1h
    text: "News {{ number }}."
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path, RULES) as world:
        yield world


def pause(world: World, scope: Scope = "all", name: str = "", *spared: str) -> bool:
    wish = Pause(scope=scope, name=name, spared=frozenset(spared), reason="wrong text", actor="Kim", since=world.now)
    return world.store.write(lambda tx: steering.pause(tx, wish))


def resume(world: World, scope: Scope = "all", name: str = "") -> None:
    assert world.store.write(lambda tx: steering.resume(tx, scope, name, "Kim", world.now))
    while world.worker.steer_due(world.now):
        pass


def test_a_pause_of_everything_spares_codes_and_a_resume_sends_in_the_old_order(world: World) -> None:
    pause(world, "all", "", "otp")
    for number in range(3):
        world.order(f"A{number}")
        world.wait(seconds=1)
    world.hears("verification.requested", {"phone": PHONE, "code": "493027"})
    world.step()
    assert world.phone.inbox == ["493027 is your code."]
    assert world.worker.next_due(world.now) is None

    resume(world)
    world.step()

    assert [text[6:8] for text in world.phone.inbox[1:]] == ["A0", "A1", "A2"]
    assert {row["attempts"] for row in world.rows("select attempts from messages")} == {1}
    assert world.journal("operator") == [("operator", "paused"), ("operator", "resumed")]
    assert world.faults() == []


def test_a_paused_rule_waits_and_says_why_while_others_leave(world: World) -> None:
    pause(world, "rule", "order")
    world.order("A1")
    world.hears("custom.news", {"phone": PHONE, "number": 1})
    world.step()
    event_id = world.rows("select id from events order by id")[0]["id"]
    trace = of_event(world.store, event_id)

    assert (world.phone.inbox, world.states) == (["News 1."], ["queued", "accepted"])
    assert trace is not None
    assert sentence(trace).endswith("waits: the rule order is paused")


def test_a_pause_survives_a_restart(tmp_path: Path) -> None:
    with World(tmp_path, RULES) as world:
        pause(world)
        world.order("A1")
        world.step()
    with World(tmp_path, RULES) as world:
        world.wait(minutes=1)
        world.order("A2")
        world.step()
        assert world.phone.got == []
        resume(world)
        world.step()
        assert len(world.phone.got) == 2


def test_what_waits_longer_than_it_lives_expires_during_the_pause(world: World) -> None:
    pause(world)
    world.hears("custom.news", {"phone": PHONE, "number": 1})
    world.step()
    world.wait(minutes=59)
    world.worker.steer_due(world.now)
    assert world.states == ["queued"]

    world.wait(minutes=1)
    world.worker.steer_due(world.now)
    assert (world.states, world.message()["reason"]) == (["expired"], "expired")


def test_what_is_being_handed_over_when_the_pause_comes_does_not_leave_twice(world: World) -> None:
    from tests.dispatch.test_route_stories import DOWN

    world.worker.routes = ("main",)
    world.phone.script = [DOWN]
    world.order("A1")
    world.plan()
    (handover,) = world.worker.claim_due(world.now, 1)
    pause(world, "rule", "order")
    world.worker.hand_over(handover, lambda: world.now)
    world.wait(minutes=10)
    world.step()
    assert (len(world.phone.got), world.states, world.message()["held"]) == (1, ["queued"], "rule:order")

    resume(world, "rule", "order")
    world.step()
    assert (len(world.phone.got), world.states) == (2, ["accepted"])


def test_a_paused_gateway_gets_nothing_and_texts_that_may_go_elsewhere_do(world: World) -> None:
    pause(world, "gateway", "main")
    world.order("A1")
    world.step()
    assert (world.phone.inbox, len(world.other.got)) == ([], 1)

    world.worker.routes = ("main",)
    world.order("A2")
    world.step()
    assert world.states == ["accepted", "queued"]
    resume(world, "gateway", "main")
    world.step()
    assert world.phone.inbox == ["Order A2 is confirmed."]


def test_a_second_pause_of_the_same_changes_nothing(world: World) -> None:
    assert pause(world, "rule", "order")
    assert not pause(world, "rule", "order", "otp")


def test_of_two_pauses_the_last_one_to_end_lets_go(world: World) -> None:
    pause(world)
    world.order("A1")
    world.step()
    pause(world, "rule", "order")
    resume(world)
    world.step()
    assert world.phone.got == []

    resume(world, "rule", "order")
    world.step()
    assert len(world.phone.got) == 1


@only_sqlite
def test_thousands_of_paused_texts_are_set_aside_once_and_keep_nobody_waiting(world: World) -> None:
    world.order("A1")
    world.plan()
    world.store.write(lambda tx: _copy(tx, 5000))
    pause(world, "rule", "order")
    world.hears("custom.news", {"phone": PHONE, "number": 1})
    world.plan()
    began = time.perf_counter()

    while not world.phone.got:
        world.worker.send_due(world.now, 16)

    assert world.phone.inbox == ["News 1."]
    assert time.perf_counter() - began < 2
    while world.worker.send_due(world.now, 16) or world.worker.next_due(world.now):
        pass
    changes = world.store.write(lambda tx: tx.total_changes)  # type: ignore[attr-defined]  # the file's own count
    for _ in range(100):
        world.worker.send_due(world.now, 16)
    assert world.store.write(lambda tx: tx.total_changes) == changes  # type: ignore[attr-defined]
    with world.store.read() as tx:
        assert holding.marks(tx) == ["rule:order"]


def _copy(tx: Tx, count: int) -> None:
    row = dict(tx.execute("select * from messages").fetchone())
    rows = [{**row, "id": f"m0copy{number:06}"} for number in range(count)]
    names = ", ".join(row)
    tx.executemany(f"insert into messages ({names}) values ({', '.join(':' + name for name in row)})", rows)  # noqa: S608


@only_sqlite
@pytest.mark.parametrize("queries", ["claim", "next_due", "recheck", "marks", "free", "expired", "give_up"])
def test_every_look_into_the_queue_uses_an_index_of_open_messages(world: World, queries: str) -> None:
    from audit import claims, coverage

    asked: dict[str, tuple[str, dict[str, int | str]]] = {
        "claim": (claims.CLAIM, {"lease": 1, "now": 1, "lane": 2, "fresh": 0, "limit": 5}),
        "next_due": (claims.NEXT_DUE, {"now": 1, "fresh": 0, "lane": 2, "soon": 1}),
        "recheck": (claims.TO_RECHECK, {"now": 1, "lane": 2, "fresh": 0, "limit": 5}),
        "marks": (holding.NEXT_MARK.replace("?", ":mark"), {"mark": ""}),
        "free": (holding.FREE.replace("?", ":n"), {"n": 5}),
        "expired": (holding.EXPIRED.replace("?", ":n"), {"n": 5}),
        "give_up": (coverage.GIVE_UP, {"gateway": "main", "lane": 0, "before": 1, "limit": 5}),
    }
    sql, values = asked[queries]
    with world.store.read() as tx:
        plan = [row["detail"] for row in tx.execute(f"explain query plan {sql}", values)]

    wanted = {**dict.fromkeys(("claim", "next_due", "recheck"), "messages_queue"), "give_up": "messages_open_receipt"}
    assert any(f"INDEX {wanted.get(queries, 'messages_held')}" in step for step in plan), plan
