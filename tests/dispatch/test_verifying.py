"""Codes: sent once, good once, for a while and for a few tries; and nothing anywhere that holds them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch import codes
from dispatch.verifying import Verifier
from model.verification import Asked, Policy, Rate, Stage
from tests.fakes.world import World
from tests.scale import runs

PEPPER = "a-pepper-for-tests-only"
RULES = """
version: 1
defaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore}
rules:
  - id: code
    event: verification.requested
    to: [phone]
    priority: otp
    ttl: 5m
    text: "{{ code }} is your code.{% if autofill %}\\n\\n{{ autofill }}{% endif %}"
"""
HOME = Policy(home=frozenset({"DE", "GB"}))
NUMBER = "+491713920031"


class Desk:
    """A verifier in a world: what people are sent can be read off their phones."""

    def __init__(self, world: World, policy: Policy = HOME) -> None:
        self.world = world
        self.verifier = Verifier(
            store=world.store, book=lambda: world.worker.book, policy=policy, pepper=PEPPER, new_id=world.ids,
            on_queued=lambda: None,
        )  # fmt: skip

    def asks(self, number: str = NUMBER, **more: str) -> str:
        seen = self.verifier.start(Asked(number=number, **more), self.world.now)
        self.world.step()
        return seen.id

    @property
    def code(self) -> str:
        found = re.search(r"\d{6}", self.world.phone.inbox[-1])
        assert found is not None
        return found[0]

    def enters(self, verification_id: str, code: str) -> bool:
        return self.verifier.check(verification_id, code, self.world.now)

    def stage(self, verification_id: str) -> Stage | None:
        return self.verifier.status(verification_id, self.world.now)

    def refusals(self) -> list[str]:
        return [row["refused"] for row in self.world.rows("select refused from verifications order by id")]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with World(tmp_path, RULES) as world:
        yield Desk(world)


def test_the_code_that_was_sent_is_right_once(desk: Desk) -> None:
    verification = desk.asks()

    assert desk.stage(verification) is Stage.PENDING
    assert desk.enters(verification, desk.code)
    assert desk.stage(verification) is Stage.APPROVED
    assert not desk.enters(verification, desk.code)


@pytest.mark.parametrize("typed", [" {0:.3}{1} ", "{0:.3} {1}", "{0:.3}-{1}"])
def test_spaces_and_dashes_do_not_count(desk: Desk, typed: str) -> None:
    verification = desk.asks()

    assert desk.enters(verification, typed.format(desk.code, desk.code[3:]))


@pytest.mark.parametrize("typed", ["", "000000", "12345", "1234567", "x" * 5000, "\udcff", "'; drop table", "١٢٣٤٥٦"])
def test_anything_else_is_wrong(desk: Desk, typed: str) -> None:
    verification = desk.asks()

    assert not desk.enters(verification, typed)


def test_after_five_wrong_codes_the_right_one_is_wrong_too(desk: Desk) -> None:
    verification = desk.asks()
    for _ in range(5):
        desk.enters(verification, "not it")

    assert not desk.enters(verification, desk.code)
    assert desk.stage(verification) is Stage.FAILED


def test_ten_minutes_later_it_is_too_late(desk: Desk) -> None:
    verification = desk.asks()

    desk.world.wait(minutes=10)

    assert not desk.enters(verification, desk.code)
    assert desk.stage(verification) is Stage.EXPIRED
    assert desk.verifier.tidy(desk.world.now) == 1
    assert desk.stage(verification) is Stage.EXPIRED


def test_asking_again_at_once_sends_nothing_and_later_the_same_code(desk: Desk) -> None:
    first = desk.asks()
    again = desk.asks()
    assert (first, len(desk.world.phone.inbox)) == (again, 1)

    desk.world.wait(seconds=31)
    later = desk.asks()

    assert later == first
    assert len(set(desk.world.phone.inbox)) == 1
    assert len(desk.world.phone.inbox) == 2
    assert desk.enters(first, desk.code)


def test_two_purposes_have_two_codes(desk: Desk) -> None:
    sign_in, payment = desk.asks(purpose="sign-in"), desk.asks(purpose="payment")

    assert sign_in != payment
    assert not desk.enters(sign_in, desk.code)
    assert desk.enters(payment, desk.code)


@pytest.mark.parametrize("number", ["", "hello", "+1 900 555 0100", "+12025550123", "+49 30 23125001"])
def test_a_number_without_a_code_looks_the_same_from_outside(desk: Desk, number: str) -> None:
    usual = desk.verifier.start(Asked(number=NUMBER), desk.world.now)
    seen = desk.verifier.start(Asked(number=number), desk.world.now)

    assert (seen.expires_at, seen.resend_at) == (usual.expires_at, usual.resend_at)
    assert len(seen.id) == len(usual.id)
    assert not desk.enters(seen.id, codes.code_of(PEPPER, seen.id, 6))
    assert desk.stage(seen.id) is Stage.REFUSED
    assert not desk.enters("v000000000000", "123456")


def test_parallel_checks_use_up_five_tries_and_no_more(desk: Desk) -> None:
    verification, right = desk.asks(), desk.code
    wrong = [f"{n:06d}" for n in range(runs(200, 2_000)) if f"{n:06d}" != right]
    hits: list[bool] = []

    def guess(part: list[str]) -> None:
        hits.extend(desk.enters(verification, code) for code in part)

    threads = [threading.Thread(target=guess, args=(wrong[start::8],)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not any(hits)
    assert not desk.enters(verification, right)
    assert desk.stage(verification) is Stage.FAILED


def test_the_last_line_lets_phones_fill_the_code_in(desk: Desk) -> None:
    desk.asks(domain="shop.example")

    assert desk.world.phone.inbox[-1].splitlines()[-1] == f"@shop.example #{desk.code}"


def test_no_byte_of_the_database_holds_the_code(desk: Desk) -> None:
    verification = desk.asks(domain="shop.example")
    code = desk.code
    desk.enters(verification, "111111")
    desk.enters(verification, code)
    desk.world.store.checkpoint()

    found = b"".join(path.read_bytes() for path in desk.world.folder.glob("world.db*"))
    assert code.encode() not in found
    assert b"****** is your code." in found
    assert desk.world.faults() == []


def test_a_code_for_one_number_cannot_be_learned_from_another(desk: Desk) -> None:
    first, second = desk.asks(), desk.asks("+491713920032")

    assert codes.code_of(PEPPER, first, 6) != codes.code_of("another pepper", first, 6)
    assert not desk.enters(first, codes.code_of(PEPPER, second, 6))


STEP = st.sampled_from(["ask", "right", "wrong", "wait a little", "wait long"])


@settings(max_examples=runs(15, 150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=25))
def test_whatever_people_do_a_code_is_good_at_most_once_and_for_five_tries(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    with World(tmp_path_factory.mktemp("verifying"), RULES) as world:
        desk = Desk(world, replace(HOME, per_number=Rate(most=99, within=timedelta(hours=1))))
        approved, tries = set[str](), 0
        verification = desk.asks()
        for step in steps:
            if step == "ask":
                fresh = desk.asks()
                verification, tries = fresh, tries if fresh == verification else 0
            elif step.startswith("wait"):
                world.wait(seconds=40 if step == "wait a little" else 700)
            else:
                code = codes.code_of(PEPPER, verification, 6) if step == "right" else "wrong"
                tries += 1
                if desk.enters(verification, code):
                    assert step == "right"
                    assert verification not in approved
                    assert tries <= 5
                    approved.add(verification)


AREAS = (
    201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 229, 231, 234,
    239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 272, 276, 281, 301, 302, 303, 304, 305, 307, 308,
    309, 310, 312, 313,
)  # fmt: skip
PUMPED = [f"+1{area}55501{tail:02d}" for area in AREAS for tail in range(100)]
"""5,000 numbers that are 50 times a hundred neighbours: the last four digits are left off a prefix."""


def test_pumping_stops_at_a_bound_and_the_evidence_is_kept(tmp_path: Path) -> None:
    with World(tmp_path, RULES) as world:
        desk = Desk(world, replace(HOME, home=frozenset({"US"}), price={"": 10_000}, spend=5_000_000))
        for place, number in enumerate(PUMPED[: runs(300, 5_000)]):
            desk.verifier.start(Asked(number=number, origin=f"203.0.113.{place % 250}"), world.now)
            world.wait(seconds=2)

        sent = world.rows("select count(*) as n, count(distinct prefix) as prefixes from verification_sends")[0]
        spent = world.rows("select sum(cost) as n from verification_sends")[0]["n"]
        assert sent["n"] <= 30 * sent["prefixes"]
        assert spent <= 5_000_000
        assert "not_entered" in desk.refusals() or "per_prefix" in desk.refusals()
        evidence = world.rows("select evidence from verifications where refused <> '' limit 1")[0]["evidence"]
        assert re.fullmatch(r"\d+ (of \d+ )?codes to its neighbours .+", evidence)


def test_a_burst_at_home_whose_codes_are_entered_passes(tmp_path: Path) -> None:
    with World(tmp_path, RULES) as world:
        desk = Desk(world)
        for place in range(100):
            verification = desk.asks(f"+4917139200{place:02d}", origin=f"198.51.100.{place}")
            if desk.refusals()[-1] == "":
                assert desk.enters(verification, desk.code)
            world.wait(minutes=3)

        assert desk.refusals() == [""] * 100


@pytest.mark.parametrize(
    ("policy", "refused"),
    [
        (Policy(home=frozenset({"GB"})), "country"),
        (Policy(home=frozenset({"GB"}), countries=frozenset({"DE"}), abroad=Rate(most=1, within=timedelta(hours=24))),
         "per_country"),
        (replace(HOME, per_origin=Rate(most=1, within=timedelta(hours=1))), "per_origin"),
        (replace(HOME, price={"": 80_000}, spend=150_000), "money"),
    ],
)  # fmt: skip
def test_each_limit_refuses_by_name(tmp_path: Path, policy: Policy, refused: str) -> None:
    with World(tmp_path, RULES) as world:
        desk = Desk(world, policy)
        desk.asks("+491713920031", origin="198.51.100.1")
        desk.asks("+491713920032", origin="198.51.100.1")

        assert desk.refusals()[-1] == refused


def test_one_number_gets_only_so_many(desk: Desk) -> None:
    for _ in range(6):
        desk.asks()
        desk.world.wait(minutes=11)

    assert desk.refusals() == ["", "", "", "", "", "per_number"]


def test_without_a_rule_nothing_is_sent_and_the_record_says_so(desk: Desk) -> None:
    desk.world.rules(RULES.replace("verification.requested", "order.created"))

    verification = desk.asks()

    assert desk.stage(verification) is Stage.REFUSED
    assert desk.refusals() == ["no_text"]
    assert desk.world.reasons == ["no_rule"]
