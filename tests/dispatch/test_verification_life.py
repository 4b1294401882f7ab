"""Whatever people do in whatever order, a verification lives as a model of twenty lines says."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from dispatch.verifying import Verifier
from model.verification import Asked, Policy, Rate, Stage
from tests.dispatch.test_verifying import PEPPER, RULES
from tests.fakes.world import World
from tests.scale import runs

GOOD, PREMIUM = "+491713920031", "+1 900 555 0100"
pytestmark = pytest.mark.timeout(300)
POLICY = Policy(home=frozenset({"DE"}), per_number=Rate(most=999, within=timedelta(hours=1)),
                wrong=Rate(most=999, within=timedelta(hours=1)), sample=999,
                per_prefix=Rate(most=999, within=timedelta(hours=1)))  # fmt: skip


@dataclass
class Expected:
    """What a verification ought to be; `sends` counts its texts."""

    number: str
    expires: datetime
    asked: datetime
    tries: int = 0
    ended: Stage | None = None
    sends: int = 0

    def stage(self, now: datetime) -> Stage:
        if self.ended is not None:
            return self.ended
        if self.tries >= POLICY.tries:
            return Stage.FAILED
        return Stage.EXPIRED if now >= self.expires else Stage.PENDING


class Lives(RuleBasedStateMachine):
    """People ask, enter, ask again, give up, and time passes, in any order."""

    known = Bundle("known")

    @initialize()
    def opens(self) -> None:
        self.open = ExitStack()
        folder = self.open.enter_context(TemporaryDirectory())
        self.world = self.open.enter_context(World(Path(folder), RULES))
        self.model: dict[str, Expected] = {}
        self.verifier = Verifier(
            store=self.world.store, book=lambda: self.world.worker.book, policy=POLICY, pepper=PEPPER,
            new_id=self.world.ids, on_queued=lambda: None,
        )  # fmt: skip

    def teardown(self) -> None:
        if hasattr(self, "open"):
            self.open.close()

    @rule(target=known, number=st.sampled_from([GOOD, PREMIUM]))
    def starts(self, number: str) -> str:
        now = self.world.now
        seen = self.verifier.start(Asked(number=number), now)
        held = [one for one in self.model.values() if one.number == number and one.stage(now) is Stage.PENDING]
        expected = self.model.setdefault(seen.id, Expected(number, now + POLICY.lifetime, now - POLICY.cooldown))
        # What is still good is found again; two are, where the clock went back to before the first one's end.
        assert not held or any(one is expected for one in held)
        self._asked(expected)
        assert (seen.expires_at, seen.resend_at) == (expected.expires, expected.asked + POLICY.cooldown)
        return seen.id

    @rule(verification=known)
    def asks_again(self, verification: str) -> None:
        expected, now = self.model[verification], self.world.now
        pending = expected.stage(now) is Stage.PENDING
        seen = self.world.store.write(lambda tx: self.verifier.again(tx, verification, "", now))
        assert (seen is not None) is pending
        if seen is not None:
            self._asked(expected)
            assert seen.resend_at == expected.asked + POLICY.cooldown

    @rule(verification=known, right=st.booleans())
    def enters(self, verification: str, right: bool) -> None:
        expected, now = self.model[verification], self.world.now
        typed = self.verifier.recipe.code(verification) if right else "not it"
        pending = expected.stage(now) is Stage.PENDING
        found: Any = self.world.store.write(lambda tx: self.verifier.judge(tx, verification, typed, now))
        expected.tries += pending
        assert found.right is (pending and right and expected.number == GOOD)
        if found.right:
            expected.ended = Stage.APPROVED
        stage = expected.stage(now)
        assert (found.stage, found.tries_left) == (
            stage,
            POLICY.tries - expected.tries if stage is Stage.PENDING else 0,
        )

    @rule(verification=known)
    def gives_up(self, verification: str) -> None:
        expected, now = self.model[verification], self.world.now
        pending = expected.stage(now) is Stage.PENDING
        assert self.world.store.write(lambda tx: self.verifier.cancel(tx, verification, "Kim", now)) is pending
        if pending:
            expected.ended = Stage.CANCELLED

    @rule(seconds=st.sampled_from([0, 1, 29, 31, 200, 599, 700]))
    def passes(self, seconds: int) -> None:
        self.world.wait(seconds=seconds)

    @rule()
    def tidies(self) -> None:
        self.verifier.tidy(self.world.now)

    @rule(back=st.sampled_from([1, 90]))
    def a_clock_is_set_back(self, back: int) -> None:
        self.world.wait(seconds=-back)

    @invariant()
    def stands_as_expected(self) -> None:
        if not hasattr(self, "model"):
            return
        texts = [row["verification_id"] for row in self.world.rows("select verification_id from verification_sends")]
        for verification, expected in self.model.items():
            found = self.verifier.status(verification, self.world.now)
            assert found is not None
            if expected.number == GOOD:
                assert self._tidied(found.stage, expected), verification
            else:
                assert found.stage in {Stage.REFUSED, Stage.CANCELLED}
            assert texts.count(verification) == expected.sends

    def _tidied(self, stage: Stage, expected: Expected) -> bool:
        """What was written down as expired stays so, also when the clock is set back."""
        if stage is Stage.EXPIRED and expected.ended is None and expected.tries < POLICY.tries:
            expected.ended = Stage.EXPIRED if self.world.now < expected.expires else None
            return True
        return stage is expected.stage(self.world.now)

    def _asked(self, expected: Expected) -> None:
        if self.world.now >= expected.asked + POLICY.cooldown:
            expected.asked = self.world.now
            expected.sends += expected.number == GOOD


TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=runs(3, 40), stateful_step_count=runs(15, 40), deadline=None,
    suppress_health_check=list(HealthCheck), derandomize=not runs(0, 1),
)  # fmt: skip
