"""A text that is held up (a gateway that fails, a pause, a stop of the service) does not leave at night instead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from model.sending import ErrorClass, Outcome, Result
from tests.fakes.world import World

RULES = """
version: 1
defaults: {region: DE, tz: Europe/Berlin, ttl: 24h}
rules:
  - id: order
    event: order.created
    to: [phone]
    quiet_hours: {from: "21:00", to: "08:00", tz: recipient, then: THEN}
    text: "Order {{ number }} is confirmed."
"""
LATER = Result(outcome=Outcome.RETRY, error=ErrorClass.RETRY, code="500", text="busy")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path, RULES.replace("THEN", "defer")) as made:
        made.wait_until("2026-11-23T20:59:40+01:00")
        yield made


def at_night_both_gateways_are_busy(world: World) -> None:
    """The text leaves in time, nobody takes it, and the next try falls into the night."""
    world.phone.script, world.other.script = [LATER, LATER], [LATER, LATER]
    world.order("A1")
    world.step()
    world.wait(minutes=2)
    world.step()


def test_a_retry_that_falls_into_the_night_waits_for_the_morning(world: World) -> None:
    at_night_both_gateways_are_busy(world)
    before = len(world.phone.inbox)

    world.wait_until("2026-11-24T03:00:00+01:00")
    world.step()
    assert len(world.phone.inbox) == before
    world.wait_until("2026-11-24T08:00:01+01:00")
    world.phone.script = world.other.script = []
    world.step()

    assert world.states == ["accepted"]
    assert ("released", "quiet hours") in world.journal("released")
    assert world.faults() == []


def test_a_service_that_was_down_does_not_wake_people_up(world: World) -> None:
    world.order("A1")
    world.plan()

    world.wait_until("2026-11-23T23:30:00+01:00")
    world.step()
    assert world.phone.inbox == []
    world.wait_until("2026-11-24T08:00:01+01:00")
    world.step()

    assert world.phone.inbox == ["Order A1 is confirmed."]


def test_a_text_that_only_waits_a_moment_is_not_late(world: World) -> None:
    world.order("A1")
    world.plan()
    world.wait(seconds=1)

    world.step()

    assert world.phone.inbox == ["Order A1 is confirmed."]


def test_where_the_rule_drops_texts_of_the_night_a_late_one_ends(tmp_path: Path) -> None:
    with World(tmp_path, RULES.replace("THEN", "drop")) as world:
        world.wait_until("2026-11-23T20:59:40+01:00")
        world.order("A1")
        world.plan()

        world.wait(minutes=5)
        world.step()

        assert world.states == ["cancelled"]
        assert world.message()["reason"] == "quiet_hours"
        assert world.phone.inbox == []


def test_a_text_whose_time_runs_out_before_the_morning_expires(tmp_path: Path) -> None:
    with World(tmp_path, RULES.replace("THEN", "defer").replace("24h", "2h")) as world:
        world.wait_until("2026-11-23T20:59:40+01:00")
        world.order("A1")
        world.plan()

        world.wait(minutes=5)
        world.step()
        world.wait(hours=2)
        world.step()

        assert world.states == ["expired"]
        assert world.phone.inbox == []


def test_a_late_text_whose_rule_is_gone_waits_for_the_morning_as_well(world: World) -> None:
    world.order("A1")
    world.plan()
    world.rules(RULES.replace("id: order", "id: other").replace("THEN", "defer"))

    world.wait(minutes=5)
    world.step()
    assert world.phone.inbox == []
    world.wait_until("2026-11-24T08:00:01+01:00")
    world.step()

    assert world.phone.inbox == ["Order A1 is confirmed."]
