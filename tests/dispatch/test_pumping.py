"""Who pumps is stopped at a bound, and a crowd at home gets its codes meanwhile."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from audit import verification_limits
from dispatch.verifying import Verifier, neighbours
from model.verification import Asked, Policy, Rate, Ruling, Stage
from tests.dispatch.test_verifying import PEPPER, RULES
from tests.fakes.world import NOON, World
from tests.scale import runs

AREAS = (
    201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 229, 231, 234,
    239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 272, 276, 281, 301, 302, 303, 304, 305, 307, 308,
    309, 310, 312, 313,
)  # fmt: skip
PRICE, SPEND, ABROAD = 10_000, 15_000_000, 5_000_000
POLICY = Policy(
    home=frozenset({"DE", "GB"}), countries=frozenset({"US"}), price={"": PRICE}, spend=SPEND, spend_abroad=ABROAD,
    abroad=Rate(most=1_000, within=timedelta(hours=24)), per_prefix=Rate(most=runs(3, 30), within=timedelta(hours=1)),
)  # fmt: skip
CROWD = [f"+447700900{tail:03d}" for tail in range(1000)] + [f"+4917139200{tail:02d}" for tail in range(100)]
"""Every number of two ranges for fiction: 1,000 British neighbours, a hundred German ones."""


def pumped(prefixes: int, count: int) -> Iterator[str]:
    """Numbers of so many neighbourhoods in turn; there are a hundred numbers for fiction in each."""
    each = [[f"+1{area}55501{tail:02d}" for tail in range(100)] for area in AREAS[:prefixes]]
    return itertools.islice(itertools.cycle(itertools.chain.from_iterable(zip(*each, strict=True))), count)


class Office:
    """A verifier whose codes are read by the rightful owners only."""

    def __init__(self, world: World, policy: Policy = POLICY) -> None:
        self.world = world
        self.verifier = Verifier(
            store=world.store, book=lambda: world.worker.book, policy=policy, pepper=PEPPER, new_id=world.ids,
            on_queued=lambda: None,
        )  # fmt: skip

    def asks(self, number: str, origin: str = "") -> str:
        return self.verifier.start(Asked(number=number, origin=origin), self.world.now).id

    def enters(self, verification_id: str) -> bool:
        code = self.verifier.recipe.code(verification_id)
        return self.verifier.check(verification_id, code, self.world.now)

    def stage(self, verification_id: str) -> Stage:
        found = self.verifier.status(verification_id, self.world.now)
        assert found is not None
        return found.stage

    def spent(self, country: str) -> int:
        rows = self.world.rows("select country, sum(cost) as n from verification_sends group by country")
        return sum(int(row["n"]) for row in rows if row["country"] == country)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with World(tmp_path, RULES) as world:
        yield Office(world)


@pytest.mark.parametrize(("prefixes", "count"), [(20, runs(110, 5_000)), *([(50, 5_000)] if runs(0, 1) else [])])
def test_pumping_stops_at_its_bound_while_a_crowd_at_home_gets_its_codes(
    office: Office, prefixes: int, count: int
) -> None:
    crowd, got = iter(CROWD), 0
    for place, number in enumerate(pumped(prefixes, count)):
        office.asks(number, f"203.0.113.{place % 250}")
        if place % 5 == 0:
            verification = office.asks(next(crowd), f"198.51.100.{place % 200}")
            office.world.wait(seconds=10)
            got += office.enters(verification)
        office.world.wait(seconds=1)

    assert got == count // 5
    hours = 1 + (office.world.now - NOON) // timedelta(hours=1)
    assert office.spent("US") <= min(POLICY.per_prefix.most * prefixes * hours * PRICE, ABROAD)
    assert office.spent("US") + office.spent("GB") + office.spent("DE") <= SPEND


def test_within_the_hour_neighbours_who_enter_no_codes_get_no_more_and_it_shows_why(office: Office) -> None:
    asked = runs(120, 500)
    for number in pumped(20, asked):
        office.asks(number)
        office.world.wait(seconds=6)

    sent = office.spent("US") // PRICE
    shown = neighbours(office.world.store, POLICY, office.world.now)
    assert sent < asked * 0.9
    assert {one.prefix[-3:] for one in shown} == {"555"}
    closed = [one for one in shown if not one.is_open]
    assert closed
    assert all(re.search(r"\d+ (of \d+ )?codes to its neighbours .+\.", one.why) for one in closed)
    assert all((one.entered, one.share) == (0, 0.0) and one.sent >= min(POLICY.sample, 3) for one in closed)


def test_a_thousand_neighbours_who_enter_their_codes_pass_within_the_hour(office: Office) -> None:
    people = CROWD[: runs(40, 1_000)]
    for place, number in enumerate(people):
        verification = office.asks(number, f"198.51.100.{place % 200}")
        office.world.wait(seconds=2)
        assert office.enters(verification), (place, office.verifier.status(verification, office.world.now))

    shown = neighbours(office.world.store, POLICY, office.world.now)
    assert [(one.country, one.sent, one.entered, one.is_open) for one in shown] == [
        ("GB", len(people), len(people), True)
    ]


def test_codes_that_nobody_enters_count_and_entered_ones_do_not(office: Office) -> None:
    limited = Office(office.world, replace(POLICY, per_prefix=Rate(most=3, within=timedelta(hours=1))))
    entered = [limited.asks(number) for number in CROWD[:2]]
    assert all(limited.enters(one) for one in entered)

    stages = [limited.stage(limited.asks(number)) for number in CROWD[2:6]]

    assert stages == [Stage.PENDING, Stage.PENDING, Stage.PENDING, Stage.REFUSED]


def test_an_operator_lets_neighbours_pass_keeps_them_out_and_takes_it_back(office: Office) -> None:
    world, prefix = office.world, CROWD[0][:-4]
    limited = Office(world, replace(POLICY, per_prefix=Rate(most=1, within=timedelta(hours=1))))

    def rule(ruling: Ruling) -> None:
        until = world.now + timedelta(hours=1)
        world.store.write(lambda tx: verification_limits.rule(tx, prefix, ruling, until, "", "Kim", world.now))

    stages = [limited.stage(limited.asks(number)) for number in CROWD[:2]]
    rule(Ruling.ALLOW)
    stages.append(limited.stage(limited.asks(CROWD[2])))
    rule(Ruling.BLOCK)
    stages.append(limited.stage(limited.asks(CROWD[3])))
    assert world.store.write(lambda tx: verification_limits.release(tx, prefix, "Kim", world.now))
    assert not world.store.write(lambda tx: verification_limits.release(tx, prefix, "Kim", world.now))
    stages.append(limited.stage(limited.asks(CROWD[4])))
    rule(Ruling.ALLOW)
    world.wait(hours=1, seconds=1)  # a ruling ends by itself; so does what an hour counts
    stages += [limited.stage(limited.asks(number)) for number in CROWD[5:7]]

    pending, refused = Stage.PENDING, Stage.REFUSED
    assert stages == [pending, refused, pending, refused, refused, pending, refused]
    reasons = [
        row["refused"] for row in world.rows("select refused from verifications where refused <> '' order by id")
    ]
    assert reasons == ["per_prefix", "blocked", "per_prefix", "per_prefix"]
    actors = {
        (row["reason"], row["actor"]) for row in world.rows("select reason, actor from journal where actor <> ''")
    }
    assert actors == {("codes ruled", "Kim"), ("codes released", "Kim")}


def test_who_keeps_guessing_one_number_gets_no_more_codes_for_it(office: Office) -> None:
    guarded = Office(office.world, replace(POLICY, wrong=Rate(most=10, within=timedelta(hours=24))))
    for _ in range(2):
        verification = guarded.asks(CROWD[0])
        for _ in range(5):
            guarded.verifier.check(verification, "not it", office.world.now)
        office.world.wait(minutes=11)

    assert guarded.stage(guarded.asks(CROWD[0])) is Stage.REFUSED
    assert (
        office.world.rows("select refused from verifications order by id desc limit 1")[0]["refused"] == "wrong_codes"
    )
    office.world.wait(hours=24)
    assert guarded.stage(guarded.asks(CROWD[0])) is Stage.PENDING
