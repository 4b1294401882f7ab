"""After a STOP nothing leaves, whichever way a text was on: each path of the code is walked to the last step before."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from audit import events, steering
from dispatch.campaigning import Campaigns
from dispatch.manual import Wish, queue, send
from dispatch.replying import Automatic
from dispatch.route import Mode
from dispatch.verifying import Verifier
from gateways.base import Capabilities
from model.sending import ErrorClass, Outcome, Result
from model.steering import Pause
from model.verification import Asked, Policy
from tests.fakes.talking import OURS, Talk
from tests.fakes.world import PHONE, World

RULES = """
version: 1
defaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore, on_unknown: retry}
rules:
  - id: order
    event: order.created
    to: [phone]
    text: "Order {{ number }} is confirmed."
  - id: code
    event: verification.requested
    to: [phone]
    priority: otp
    gateway: {try: [main, backup], next_after: 15s}
    text: "Your code is {{ code }}."
  - id: tickets
    event: ticket.updated
    to: [phone]
    batch: {key: "{{ phone }}", wait: 10m}
    text: "{{ count }} news."
  - id: dunning
    event: invoice.issued
    key: "{{ id }}"
    to: [phone]
    sequence:
      - {id: first, text: "Your invoice {{ id }}."}
      - {id: second, schedule: {at: due, offset: 1d, if_past: skip}, text: "Invoice {{ id }} is due."}
    recheck: {still: ["id is not none"]}
  - id: sale
    campaign: {audience: {from: lists/news.csv}, start: 2026-11-23T12:00:00+01:00, rate: 10/s}
    to: [phone]
    priority: bulk
    text: "20% off until Sunday. Text STOP to leave."
"""
LATER = Result(outcome=Outcome.RETRY, error=ErrorClass.THROTTLE, code="429", retry_after=timedelta(seconds=30))
NOBODY_KNOWS = Result(outcome=Outcome.UNKNOWN, error=ErrorClass.UNKNOWN, code="unclear")
STEPS = 12


def rule(world: World) -> None:
    world.order("A1")


def planned(world: World) -> None:
    world.order("A1")
    world.plan()


def manual(world: World) -> None:
    send(world.store, Wish(to=PHONE, text="Your key is ready.", actor="Kim"), world.ids, world.now)


def retry(world: World) -> None:
    world.phone.script, world.other.script = [LATER] * 3, [LATER] * 3
    world.order("A1")
    world.step()


def unknown_repeated_by_the_rule(world: World) -> None:
    world.phone.script = [NOBODY_KNOWS]
    world.order("A1")
    world.step()


def unknown_repeated_to_the_same_provider(world: World) -> None:
    world.phone.capabilities = Capabilities(idempotent=True)
    unknown_repeated_by_the_rule(world)


def next_gateway_without_a_receipt(world: World) -> None:
    world.hears("verification.requested", {"id": "V1", "phone": PHONE, "code": "123456"})
    world.step()


def replay(world: World) -> None:
    world.phone.script = [Result(outcome=Outcome.REJECTED, error=ErrorClass.PERMANENT, code="21211")]
    world.order("A1")
    world.step()
    event_id = world.rows("select id from events")[0]["id"]
    world.store.write(lambda tx: tx.execute("delete from dedupe"))
    world.store.write(lambda tx: events.replay(tx, event_id, "Kim", world.now))


def batch(world: World) -> None:
    world.hears("ticket.updated", {"id": "T1", "phone": PHONE})
    world.plan()


def recheck(world: World) -> None:
    world.worker.ask = lambda event: replace(event, data=event.data)
    world.hears("invoice.issued", {"id": "I1", "phone": PHONE, "due": "2026-11-23T13:00:00+01:00"})
    world.plan()
    world.worker.recheck_due(world.now)


def after_a_pause(world: World) -> None:
    pause = Pause(scope="all", reason="stock-taking", actor="Kim", since=world.now)
    world.store.write(lambda tx: steering.pause(tx, pause))
    world.order("A1")
    world.step()
    world.store.write(lambda tx: steering.resume(tx, "all", "", "Kim", world.now))


def campaign(world: World) -> None:
    office = Campaigns(store=world.store, book=lambda: world.worker.book, new_id=world.ids)
    file = io.BytesIO(f"phone\n{PHONE}\n".encode())
    found = office.prepare("sale", office.read_list(file, "news.csv", "sale", "Kim", world.now), "Kim", world.now)
    office.approve(found, "Lee", world.now)
    office.start(found, "Kim", world.now)
    office.step(world.now)


def api(world: World) -> None:
    wish = Wish(to=PHONE, text="Your key is ready.", actor="key:shop")
    world.store.write(lambda tx: queue(tx, wish, world.ids, world.now))


def verification(world: World) -> None:
    Verifier(
        store=world.store, book=lambda: world.worker.book, policy=Policy(home=frozenset({"DE"})), pepper="p" * 32,
        new_id=world.ids, on_queued=lambda: None,
    ).start(Asked(number=PHONE), world.now)  # fmt: skip


PATHS: list[Callable[[World], None]] = [
    rule, planned, manual, retry, unknown_repeated_by_the_rule, unknown_repeated_to_the_same_provider,
    next_gateway_without_a_receipt, replay, batch, recheck, after_a_pause, campaign, api, verification,
]  # fmt: skip


def go_on(world: World, hours: int = 30) -> None:
    """Let every step of the service run for a day and more."""
    for _ in range(STEPS):
        world.worker.steer_due(world.now)
        world.worker.recheck_due(world.now)
        world.step()
        world.worker.settle(world.now)
        world.wait(hours=hours / STEPS)


def handed_over(world: World) -> int:
    return len(world.phone.got) + len(world.other.got)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
@pytest.mark.parametrize("spelled", [PHONE, "491713920012", "0049 171 3920012", "0171 3920012"])
def test_nothing_leaves_after_a_stop(world: World, path: Callable[[World], None], spelled: str) -> None:
    world.rules(RULES)
    path(world)
    before = handed_over(world)

    Talk(world, Automatic()).hears("STOP", spelled, to=OURS)
    go_on(world)
    rule(world)
    manual(world)
    go_on(world)

    assert handed_over(world) == before
    assert set(world.states) <= {"cancelled", "rejected", "unknown", "accepted", "expired", "failed", "unconfirmed"}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
def test_each_of_these_paths_would_have_texted_without_the_stop(world: World, path: Callable[[World], None]) -> None:
    world.rules(RULES)
    path(world)
    before = handed_over(world)

    go_on(world, hours=2)

    assert handed_over(world) > before


def test_a_stop_of_the_phone_that_gets_redirected_texts_is_honoured(world: World) -> None:
    world.worker.mode = Mode(name="redirect", redirect_to="+447700900123")
    world.order("A1")
    world.step()
    assert world.phone.got[0].to == "+447700900123"

    Talk(world, Automatic()).says("STOP", "+447700900123")
    world.order("A2")
    world.step()

    assert len(world.phone.got) == 1
    assert world.states[-1] == "cancelled"


def test_only_the_confirmation_passes_and_only_by_its_name(world: World) -> None:
    talk = Talk(world)
    talk.says("STOP")
    named = Wish(to=PHONE, text="One more thing.", actor="Kim", rule="-help")

    assert send(world.store, named, world.ids, world.now).code == "opted_out"
    world.step()
    assert talk.inbox == ["You get no more texts from us."]
