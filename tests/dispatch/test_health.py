"""Gateways that fail rest, are probed, and come back; nobody waits longer than needed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from dispatch.health import FIRST_REST, Health
from dispatch.rates import Bucket, Rates
from dispatch.roads import Roads, Sign
from model.message import Lane
from model.sending import ErrorClass, Outcome, Result
from tests.fakes.world import World
from tests.scale import runs

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
    assert health.resting(later) == {"a": later + timedelta(seconds=1)}
    health.note("a", DOWN, later)
    assert health.resting(later)["a"] == later + 2 * FIRST_REST

    health.note("a", OK, later + 2 * FIRST_REST)
    assert health.resting(later + 2 * FIRST_REST) == {}


ROADS = {
    "the plain order": Roads(),
    "weights": Roads(signs=(Sign(weights={"main": 80.0, "backup": 20.0}),)),
    "countries": Roads(
        signs=(
            Sign(country=frozenset({"DE"}), use=("main", "backup")),
            Sign(country=frozenset({"US"}), weights={"main": 99.0, "backup": 1.0}),
        )
    ),
}


@pytest.mark.parametrize("name", ROADS)
def test_half_an_hour_without_the_first_gateway_delays_nobody_by_ten_seconds(world: World, name: str) -> None:
    """GOV.UK Notify's rules, simulated on the same outage, deliver 27.2 % later than 10 s."""
    dice = random.Random(1)
    late = sent = 0
    world.worker.roads = ROADS[name]
    orders = runs(300, 900) if name == "the plain order" else runs(150, 900)
    for second in range(0, 2 * orders, 2):
        world.phone.script = [DOWN] * 5
        before = len(world.other.got)
        began = world.now
        area = f"+1{dice.choice([202, 212, 415, 907])}55501" if second % 4 else "+49171392"
        world.order(f"A{second}", phone=f"{area}{dice.randrange(10, 99)}{'' if second % 4 else '10'}")
        world.step()
        sent += len(world.other.got) - before
        late += (world.now - began) > timedelta(seconds=10)
        world.wait(seconds=2)

    assert (sent, late) == (orders, 0)
    assert len(world.phone.got) < 60
    assert world.faults() == []


def test_a_gateway_gets_no_more_segments_per_second_than_it_may_have() -> None:
    rates, taken = Rates.of({"a": 10}), 0
    for tick in range(1000):
        taken += rates.take("a", "", 2, Lane.HIGH, NOW + timedelta(milliseconds=10 * tick)) is None

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


def test_each_sender_number_has_a_rate_of_its_own_within_the_gateways() -> None:
    rates = Rates.of({"a": 10}, {"a": 1})

    def taken(sender: str, segments: int, milliseconds: int = 0) -> bool:
        return rates.take("a", sender, segments, Lane.HIGH, NOW + timedelta(milliseconds=milliseconds)) is None

    assert [taken("+12025550100", 1), taken("+12025550100", 1), taken("+12025550101", 1)] == [True, False, True]
    assert [taken("+12025550100", 1, 500), taken("+12025550100", 1, 1000)] == [False, True]
    assert [taken(f"+120255501{n:02}", 1, 1000) for n in range(10, 30)].count(True) == 9


def test_a_refusal_of_one_bucket_costs_the_other_nothing() -> None:
    rates = Rates.of({"a": 10}, {"a": 1})
    for _ in range(50):
        rates.take("a", "busy", 1, Lane.HIGH, NOW)

    assert sum(rates.take("a", f"s{n}", 1, Lane.HIGH, NOW) is None for n in range(20)) == 9


def test_people_see_how_a_gateway_does() -> None:
    health = Health()
    for _ in range(3):
        health.note("a", DOWN, NOW)
    seen = health.condition("a", NOW)
    assert (seen.state, seen.since, seen.until, seen.error) == ("resting", NOW, NOW + FIRST_REST, "503")

    later = NOW + FIRST_REST
    health.taken("a", later)
    health.note("a", OK, later)
    seen = health.condition("a", later)
    assert (seen.state, seen.since, seen.until, seen.error) == ("working", later, None, "503")
