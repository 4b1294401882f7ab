"""Codes: sent once, good once, for a while and for a few tries; and nothing anywhere that holds them."""

from __future__ import annotations

import hmac
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from dispatch.codes import Recipe
from dispatch.verifying import Verifier
from model.verification import Asked, Checked, Policy, Rate, Seen, Stage
from tests.fakes.stores import only_sqlite
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
        world.worker.reveal = self.verifier.reveal

    def asks(self, number: str = NUMBER, **more: Any) -> str:
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
        found = self.verifier.status(verification_id, self.world.now)
        return found.stage if found else None

    def looks(self, verification_id: str, typed: str = "not it") -> Checked:
        found = self.world.store.write(lambda tx: self.verifier.judge(tx, verification_id, typed, self.world.now))
        assert found is not None
        return found

    def again(self, verification_id: str) -> Seen | None:
        seen = self.world.store.write(lambda tx: self.verifier.again(tx, verification_id, "", self.world.now))
        self.world.step()
        return seen

    def cancels(self, verification_id: str) -> bool:
        return self.world.store.write(lambda tx: self.verifier.cancel(tx, verification_id, "Kim", self.world.now))

    def code_of(self, verification_id: str) -> str:
        return self.verifier.recipe.code(verification_id)

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
    assert not desk.enters(seen.id, desk.code_of(seen.id))
    assert desk.stage(seen.id) is Stage.REFUSED
    assert not desk.enters("v000000000000", "123456")


def test_parallel_checks_use_up_five_tries_and_no_more(desk: Desk) -> None:
    verification, right = desk.asks(), desk.code
    wrong = [f"{n:06d}" for n in range(runs(200, 10_000)) if f"{n:06d}" != right]
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


@only_sqlite
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

    assert desk.code_of(first) != Recipe(pepper="another pepper").code(first)
    assert not desk.enters(first, desk.code_of(second))


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


OUTSIDE = ["+1 900 555 0100", "+12025550123", "+49 30 23125001", "hello", ""]


@pytest.mark.parametrize("number", OUTSIDE)
def test_from_first_to_last_step_a_number_without_a_code_behaves_like_one_with_a_code(desk: Desk, number: str) -> None:
    def life(number: str) -> list[object]:
        begun, found = desk.world.now, list[object]()
        seen = desk.verifier.start(Asked(number=number), desk.world.now)
        found += [seen.resend_at - begun, desk.verifier.start(Asked(number=number), desk.world.now) == seen]
        desk.world.wait(seconds=31)
        again = desk.again(seen.id)
        assert again is not None
        found += [again.id == seen.id, again.resend_at - begun, again.expires_at - begun]
        found += [desk.looks(seen.id) for _ in range(6)]
        found += [desk.again(seen.id), desk.cancels(seen.id)]
        found += [desk.verifier.start(Asked(number=number), desk.world.now).id == seen.id]
        other = desk.verifier.start(Asked(number=number, purpose="payment"), desk.world.now)
        found += [desk.looks(other.id), desk.cancels(other.id), desk.looks(other.id), desk.cancels(other.id)]
        third = desk.verifier.start(Asked(number=number, purpose="third"), desk.world.now)
        desk.world.wait(minutes=11)
        return [*found, desk.looks(third.id), desk.again(third.id)]

    assert life(number) == life(NUMBER)


def test_every_check_is_one_job_for_the_store_and_makes_the_same_comparisons(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs, compared, same = [0], [0], hmac.compare_digest

    class Counting:
        """The store of the world, with its jobs counted."""

        def write(self, job: Any) -> Any:
            jobs[0] += 1
            return desk.world.store.write(job)

    def comparing(one: Any, other: Any) -> bool:
        compared[0] += 1
        return same(one, other)

    good, bad = desk.asks(), desk.asks("+1 900 555 0100")
    desk.verifier = replace(desk.verifier, store=cast("Any", Counting()))
    monkeypatch.setattr(hmac, "compare_digest", comparing)
    costs = set()
    for verification, typed in (
        (good, "wrong"),
        (good, ""),
        (good, desk.code),
        (good, desk.code),
        (bad, "1"),
        ("v", ""),
    ):
        before = (jobs[0], compared[0])
        desk.enters(verification, typed)
        costs.add((jobs[0] - before[0], compared[0] - before[1]))

    assert costs == {(1, 2)}


def test_a_cancelled_verification_takes_its_text_along(desk: Desk) -> None:
    verification = desk.verifier.start(Asked(number=NUMBER), desk.world.now).id

    assert desk.cancels(verification)
    desk.world.step()

    assert desk.world.phone.inbox == []
    assert desk.world.states == ["cancelled"]
    assert not desk.enters(verification, desk.code_of(verification))
    assert desk.stage(verification) is Stage.CANCELLED


def test_a_code_without_a_receipt_leaves_by_the_next_gateway_until_it_was_entered(desk: Desk) -> None:
    world = desk.world
    world.rules(RULES + "    gateway: {try: [main, backup], next_after: 15s}\n")
    slow, quick = desk.asks(), desk.asks("+491713920032")
    assert desk.enters(quick, desk.code_of(quick))

    world.wait(seconds=16)
    world.worker.settle(world.now)
    world.step()

    assert [text.to for text in world.other.got] == [NUMBER]
    assert world.other.inbox == world.phone.inbox[:1]
    assert desk.enters(slow, desk.code_of(slow))


def test_codes_of_words_are_sent_and_entered(tmp_path: Path) -> None:
    with World(tmp_path, RULES) as world:
        desk = Desk(world, replace(HOME, words=2))
        verification = desk.asks(domain="shop.example")
        code = desk.code_of(verification)

        first, *_, last = world.phone.inbox[0].splitlines()
        assert first == f"{code} is your code."
        assert last == f"@shop.example #{code}"
        assert desk.enters(verification, code.replace("-", " ").title())
        world.store.checkpoint()
        kept = b"".join(path.read_bytes() for path in world.folder.glob("world.db*"))
        assert code.encode() not in kept


def test_a_simulated_verification_sends_nothing_and_counts_towards_nothing(desk: Desk) -> None:
    seen = desk.verifier.start(Asked(number=NUMBER, simulated=True), desk.world.now)
    desk.world.step()

    assert desk.world.phone.inbox == []
    assert not desk.enters(seen.id, desk.code_of(seen.id))
    assert desk.enters(seen.id, "000000")
    assert desk.world.rows("select * from verification_sends") == []
    assert desk.world.rows("select * from verification_totals") == []
    real = desk.asks()
    assert real != seen.id
    assert not desk.enters(real, "000000")
