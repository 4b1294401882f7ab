"""Gateways that fail rest, are probed, and come back; nobody waits longer than needed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from dispatch.health import FIRST_REST, Health
from dispatch.rates import Bucket, Rates
from model.message import Lane
from model.sending import ErrorClass, Outcome, Result
from tests.fakes.world import World

NOW = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
OK = Result(outcome=Outcome.ACCEPTED)
DOWN = Result(outcome=Outcome.RETRY, error=ErrorClass.RETRY, code="503")
BAD_NUMBER = Result(outcome=Outcome.REJECTED, error=ErrorClass.PERMANENT)
NO_CREDIT = Result(outcome=Outcome.REJECTED, error=ErrorClass.ROUTE_STOP)
SLOWER = Result(outcome=Outcome.RETRY, error=ErrorClass.THROTTLE, retry_after=timedelta(seconds=40))


@pytest.mark.parametrize(
    ("answers", "rests"),
    [
        ([OK, DOWN, OK, DOWN, OK], 0),
        ([DOWN, DOWN], 0),
        ([DOWN, DOWN, DOWN], 10),
        ([OK, DOWN, DOWN, OK, DOWN, DOWN], 10),
        ([BAD_NUMBER] * 50, 0),
        ([NO_CREDIT], 60),
        ([SLOWER], 40),
        ([DOWN, DOWN, DOWN, OK], 0),
    ],
)
def test_how_answers_rest_a_gateway(answers: list[Result], rests: int) -> None:
    health = Health()
    for answer in answers:
        health.note("a", answer, NOW)

    until = health.resting(NOW).get("a", NOW)
    assert (until - NOW).total_seconds() == rests


def test_after_a_rest_one_message_probes_and_a_failure_doubles_the_rest() -> None:
    health = Health()
    for _ in range(3):
        health.note("a", DOWN, NOW)
    later = NOW + FIRST_REST
    assert "a" not in health.resting(later)

    health.taken("a", later)
    assert "a" in health.resting(later)
    health.note("a", DOWN, later)
    assert health.resting(later)["a"] == later + 2 * FIRST_REST

    health.note("a", OK, later + 2 * FIRST_REST)
    assert health.resting(later + 2 * FIRST_REST) == {}


def test_a_pinned_gateway_is_left_out_until_it_is_unpinned() -> None:
    health = Health(pinned={"a": "maintenance"})
    health.note("a", OK, NOW)

    assert set(health.resting(NOW)) == {"a"}


def test_half_an_hour_without_the_first_gateway_delays_nobody_by_ten_seconds(world: World) -> None:
    """GOV.UK Notify's rules, simulated on the same outage, deliver 27.2 % later than 10 s."""
    dice = random.Random(1)
    late = sent = 0
    for second in range(0, 1800, 2):
        world.phone.script = [DOWN] * 5
        before = len(world.other.got)
        began = world.now
        world.order(f"A{second}", phone=f"+49171392{dice.randrange(1000, 9999)}")
        world.step()
        sent += len(world.other.got) - before
        late += (world.now - began) > timedelta(seconds=10)
        world.wait(seconds=2)

    assert (sent, late) == (900, 0)
    assert len(world.phone.got) < 60
    assert world.faults() == []


def test_a_gateway_gets_no_more_segments_per_second_than_it_may_have() -> None:
    rates, taken = Rates.of({"a": 10}), 0
    for tick in range(1000):
        taken += rates.take("a", 2, Lane.HIGH, NOW + timedelta(milliseconds=10 * tick)) is None

    assert 49 <= taken <= 56


def test_bulk_leaves_a_share_for_codes() -> None:
    bucket = Bucket(10)
    while bucket.take(1, Lane.BULK, NOW) is None:
        pass

    assert [bucket.take(1, Lane.OTP, NOW) for _ in range(3)][:2] == [None, None]


def test_a_text_larger_than_the_rate_still_leaves() -> None:
    bucket = Bucket(1)

    assert bucket.take(4, Lane.NORMAL, NOW) is None
    wait = bucket.take(4, Lane.NORMAL, NOW)
    assert wait is not None
    assert bucket.take(4, Lane.NORMAL, wait) is None
