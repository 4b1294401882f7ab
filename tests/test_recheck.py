"""Right before a text leaves, the source is asked once more: still true, same time, same number?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from model.event import Event
from model.reasons import Gone, Unreachable
from tests.fakes.world import PHONE, World

RULES = """
version: 1
defaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore}
rules:
  - id: reminder
    event: invoice.issued
    key: "{{ id }}"
    when: [amount_due > 0]
    schedule: {at: due_date, time: "10:00", if_past: skip}
    to: [phone]
    text: "Invoice {{ number }} for {{ name }} is due today."
    recheck: {still: [amount_due > 0], if_unreachable: CHOICE}
"""
INVOICE = {"id": 1, "number": "LW-1", "name": "Hanna", "amount_due": "49.90", "due_date": "2026-11-25", "phone": PHONE}


def world_of(world: World, answer: dict[str, Any] | Exception, choice: str = "hold") -> World:
    world.rules(RULES.replace("CHOICE", choice))
    world.worker.ask = asking(answer)
    world.hears("invoice.issued", INVOICE)
    world.plan()
    assert world.pending == ["2026-11-25T09:00:00+00:00"]
    world.wait_until("2026-11-25T09:00:05+00:00")
    run(world)
    return world


def asking(answer: dict[str, Any] | Exception) -> Callable[[Event], Event]:
    def ask(event: Event) -> Event:
        if isinstance(answer, Exception):
            raise answer
        return replace(event, data={**event.data, **answer})

    return ask


def run(world: World) -> None:
    world.worker.recheck_due(world.now)
    world.step()


def test_what_is_still_true_leaves(world: World) -> None:
    assert world_of(world, {}).phone.inbox == ["Invoice LW-1 for Hanna is due today."]


def test_a_new_name_is_written_and_a_new_number_is_used(world: World) -> None:
    world_of(world, {"name": "Hanna Vogt", "phone": "+491713920099"})

    assert [(s.to, s.text) for s in world.phone.got] == [("+491713920099", "Invoice LW-1 for Hanna Vogt is due today.")]


@pytest.mark.parametrize("answer", [{"amount_due": "0.00"}, Gone("there is no such invoice"), {"amount_due": None}])
def test_what_was_paid_or_deleted_does_not_leave(world: World, answer: dict[str, Any] | Exception) -> None:
    world_of(world, answer)

    assert (world.phone.inbox, world.states) == ([], ["cancelled"])
    assert ("ended", "recheck_failed") in world.journal("ended")
    assert world.faults() == []


def test_what_moved_waits_for_its_new_time(world: World) -> None:
    world_of(world, {"due_date": "2026-11-27"})
    assert world.phone.inbox == []

    world.wait_until("2026-11-27T09:00:05+00:00")
    run(world)

    assert len(world.phone.inbox) == 1


@pytest.mark.parametrize(("choice", "sent", "state"), [("send", 1, "accepted"), ("skip", 0, "cancelled")])
def test_a_source_that_does_not_answer_is_handled_as_the_rule_says(
    world: World, choice: str, sent: int, state: str
) -> None:
    world_of(world, Unreachable("down"), choice)

    assert (len(world.phone.inbox), world.states) == (sent, [state])


def test_hold_waits_for_the_source_until_the_time_to_live(world: World) -> None:
    world_of(world, Unreachable("down"))
    assert (world.phone.inbox, world.states) == ([], ["queued"])

    world.worker.ask = asking({})
    world.wait(minutes=6)
    run(world)
    assert len(world.phone.inbox) == 1


def test_hold_ends_when_the_text_would_be_too_late(world: World) -> None:
    world_of(world, Unreachable("down"))
    for _ in range(30):
        world.now += timedelta(hours=1)
        run(world)

    assert (world.phone.inbox, world.states) == ([], ["expired"])
