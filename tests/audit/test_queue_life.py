"""The queue, whatever happens in whatever order: nobody else gets what is claimed, and no state goes where it may not.

Two workers on two stores of one database (of one file there is one), against a model that fits on a page.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from audit import attempts, claims, messages, steering
from audit.store import Store, Tx, at_once
from dispatch.settling import LEASE
from dispatch.worker import Handover, Worker
from model.ids import Ids
from model.message import State
from model.reasons import Because
from model.sending import ErrorClass, Outcome, Result
from model.steering import Pause
from tests.fakes.stores import SERVER, cleared, open_store
from tests.fakes.world import NOON, RULES, Phone, World
from tests.scale import runs

TTL = timedelta(hours=2)
LONG = RULES.replace("text:", "ttl: 2h\n    text:", 1)
PAUSE = Pause(scope="all", reason="stock-taking", actor="Kim", since=NOON)
ENDED = {"accepted", "rejected", "failed", "expired", "cancelled"}


@dataclass(slots=True)
class Text:
    """What the model knows of a message: its state, who has it and until when, and how often it was handed over."""

    state: str = "queued"
    due: datetime = NOON
    expires: datetime = NOON + TTL
    claim: int = 0
    lease: datetime = NOON
    taken: int = 0
    risked: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """A claim in the hands of a worker, that may come back to it at any time."""

    id: str
    handover: Handover
    claim: int


class QueueLife(RuleBasedStateMachine):
    """Steps of two workers, an operator and the clock."""

    held = Bundle("held")

    @initialize()
    def begin(self) -> None:
        self.stack = ExitStack()
        self.stack.enter_context(cleared())
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.world = self.stack.enter_context(World(folder, LONG))
        stores = [self.world.store]
        if SERVER:
            stores.append(open_store(folder / "world.db"))
            self.stack.callback(stores[1].close)
        self.workers = [_worker(self.world, store, number) for number, store in enumerate(stores)]
        self.texts: dict[str, Text] = {}
        self.paused, self.count = False, 0

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()

    @rule()
    def an_event_comes(self) -> None:
        self.world.order(f"A{self.count}")
        self.count += 1
        self.world.plan()
        known = set(self.texts)
        for row in self.world.rows("select id from messages"):
            if row["id"] not in known:
                self.texts[row["id"]] = Text(due=self.world.now, expires=self.world.now + TTL)

    @rule(target=held, who=st.integers(0, 1))
    def a_worker_claims(self, who: int) -> Held | None:
        now, worker = self.world.now, self.workers[who % len(self.workers)]
        found, looks = worker.claim_due(now, 1), len(self.texts)
        while not found and looks:  # a look may meet what is past its time instead, and ends it
            found, looks = worker.claim_due(now, 1), looks - 1
        self._learn_of_expiry()
        if not found:
            assert not self._due(), "what is due is found"
            return None
        message = found[0].claimed.message.id
        text = self.texts[message]
        assert (text.state, self.paused) == ("queued", False), "nobody else has it, and nothing leaves in a pause"
        assert text.due <= now < text.expires
        text.state, text.claim, text.lease = "submitting", text.claim + 1, now + LEASE
        return Held(message, found[0], text.claim)

    @rule(one=consumes(held), how=st.sampled_from(["accepted", "rejected", "retry", "unknown"]))
    def its_gateway_answers(self, one: Held | None, how: str) -> None:
        if one is None:
            return
        text, again = self.texts[one.id], self.world.now + timedelta(seconds=30)
        self._record(one, how, again)
        if how == "accepted":
            text.taken += 1
            text.state = "accepted" if text.state not in ENDED else text.state
        elif one.claim == text.claim and text.state in {"submitting", "unknown"}:
            text.state = {"rejected": "rejected", "retry": "queued", "unknown": "unknown"}[how]
            text.due = again if how == "retry" else text.due

    @rule(one=consumes(held))
    def a_claim_is_given_back(self, one: Held | None) -> None:
        if one is None:
            return
        text, now = self.texts[one.id], self.world.now
        given = self.world.store.write(lambda tx: claims.unused(tx, one.handover.claimed, now))
        assert given == (text.state == "submitting" and text.claim == one.claim)
        if given:
            text.state, text.due = "queued", now

    @rule(minutes=st.sampled_from([0, 1, 2, 60, 180]))
    def time_passes(self, minutes: int) -> None:
        self.world.now += timedelta(minutes=minutes, seconds=1)

    @rule()
    def leases_end(self) -> None:
        now = self.world.now
        ended = {one for one, text in self.texts.items() if text.state == "submitting" and text.lease < now}
        assert set(self.world.store.write(lambda tx: attempts.recover(tx, now))) == ended
        for one in ended:
            self.texts[one].state = "unknown"

    @rule(data=st.data())
    def an_operator_risks_it_again(self, data: st.DataObject) -> None:
        unclear = sorted(one for one, text in self.texts.items() if text.state == "unknown")
        if unclear:
            chosen, now = data.draw(st.sampled_from(unclear)), self.world.now
            assert self.world.store.write(lambda tx: attempts.requeue_unknown(tx, chosen, "", now))
            text = self.texts[chosen]
            text.state, text.due, text.risked = "queued", now, text.risked + 1

    @rule(data=st.data())
    def a_text_is_cancelled(self, data: st.DataObject) -> None:
        if self.texts:
            chosen, now = data.draw(st.sampled_from(sorted(self.texts))), self.world.now
            text = self.texts[chosen]
            done = self.world.store.write(
                lambda tx: text.state == "queued" and messages.end(tx, chosen, State.CANCELLED, Because.OPTED_OUT, now)
            )
            assert done == (text.state == "queued")
            text.state = "cancelled" if done else text.state

    @rule()
    def all_is_paused(self) -> None:
        self.world.store.write(lambda tx: steering.pause(tx, PAUSE))
        self.paused = True

    @rule()
    def it_goes_on(self) -> None:
        self.world.store.write(lambda tx: steering.resume(tx, "all", "", "Kim", self.world.now))
        while self.world.worker.steer_due(self.world.now):
            pass
        self.paused = False
        self._learn_of_expiry()

    @invariant()
    def the_record_says_what_the_model_says(self) -> None:
        if hasattr(self, "texts"):
            states = {row["id"]: row["state"] for row in self.world.rows("select id, state from messages")}
            assert states == {one: text.state for one, text in self.texts.items()}
            assert all(text.taken <= 1 + text.risked for text in self.texts.values()), (
                "twice only at an operator's risk"
            )

    def _record(self, one: Held, how: str, again: datetime) -> None:
        result, state, next_at = {
            "accepted": (Result(outcome=Outcome.ACCEPTED, provider_id=f"p{one.id}{one.claim}"), State.ACCEPTED, None),
            "rejected": (Result(outcome=Outcome.REJECTED, error=ErrorClass.PERMANENT), State.REJECTED, None),
            "retry": (Result(outcome=Outcome.REJECTED, error=ErrorClass.RETRY), State.QUEUED, again),
            "unknown": (Result(outcome=Outcome.UNKNOWN, error=ErrorClass.UNKNOWN), State.UNKNOWN, again),
        }[how]

        def write(tx: Tx) -> None:
            attempts.record_result(tx, one.handover.claimed, "main", result, state, next_at, self.world.now)

        self.world.store.write(at_once(write))

    def _due(self) -> list[str]:
        now = self.world.now
        waiting = [one for one, text in self.texts.items() if text.state == "queued" and text.due <= now < text.expires]
        return [] if self.paused else waiting

    def _learn_of_expiry(self) -> None:
        """What is past its time ends when somebody comes upon it, and then only."""
        for row in self.world.rows("select id from messages where state = 'expired'"):
            text = self.texts[row["id"]]
            assert text.state in {"queued", "expired"}
            assert text.expires <= self.world.now
            text.state = "expired"


def _worker(world: World, store: Store, number: int) -> Worker:
    return Worker(
        store=store, book=world.worker.book, gateways={"main": Phone("main")}, mode=world.worker.mode,
        new_id=Ids(lambda: world.now, node=number), routes=("main",), dice=lambda: 0.5,
    )  # fmt: skip


def test_the_queue_lives_as_its_model() -> None:
    run_state_machine_as_test(
        QueueLife,
        settings=settings(
            max_examples=runs(8, 300), stateful_step_count=runs(25, 60), deadline=None, derandomize=False,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
