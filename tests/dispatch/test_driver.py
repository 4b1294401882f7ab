"""The service's own threads: texts leave, their results are written, and a stop leaves nothing half done."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

import gateways
from audit import attempts
from certify.smsc import smsc, stays_silent
from dispatch.driver import Driver
from dispatch.settling import LEASE
from model.message import State
from model.sending import ErrorClass, Outcome, Result, Submission
from tests.fakes.service import until
from tests.fakes.stores import only_sqlite, open_store
from tests.fakes.world import Phone, World

Done = Callable[[Callable[[], Result]], None]
TAKEN = Result(outcome=Outcome.ACCEPTED, provider_id="late-1")


@dataclass(slots=True)
class Answering(Phone):
    """A provider that is told, and answers when the test says."""

    told: list[Done] = field(default_factory=list)

    def begin(self, submission: Submission, done: Done) -> bool:
        self.got.append(submission)
        self.told.append(done)
        if submission.text.startswith("Order BROKEN"):
            raise ValueError("a defect of the gateway")
        return True


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path) as world:
        yield world


@pytest.fixture
def driver(world: World) -> Iterator[Driver]:
    made = Driver(world.worker, lambda: world.now, senders=4)
    yield made
    made.stop(0.1)


def by(world: World, gateway: Phone) -> None:
    world.worker.gateways = {**world.worker.gateways, "main": gateway}


def test_what_waited_for_too_long_after_its_claim_is_not_handed_over_but_claimed_anew(
    world: World, driver: Driver
) -> None:
    world.order("A1")
    world.plan()
    (handover,) = world.worker.claim_due(world.now, 1)
    world.now = handover.begin_by  # the machine stood still
    driver._take_free()
    driver._hand_over(handover)

    assert (world.phone.got, world.states) == ([], ["queued"])
    world.step()
    assert (len(world.phone.got), world.states) == (1, ["accepted"])


def test_what_others_took_over_meanwhile_is_left_to_them(world: World, driver: Driver) -> None:
    world.order("A1")
    world.plan()
    (late,) = world.worker.claim_due(world.now, 1)
    world.now += LEASE + timedelta(seconds=1)
    world.store.write(lambda tx: attempts.recover(tx, world.now))
    world.store.write(lambda tx: attempts.requeue_unknown(tx, late.claimed.message.id, "", world.now))
    (other,) = world.worker.claim_due(world.now, 1)
    driver._hand_over(late)
    refused = Result(outcome=Outcome.REJECTED, error=ErrorClass.RETRY)
    world.store.write(lambda tx: world.worker.record(tx, late, refused, State.QUEUED, world.now, world.now))

    assert (world.phone.got, world.states) == ([], ["submitting"]), "its answer does not make the text leave once more"
    world.worker.hand_over(other, lambda: world.now)
    assert world.states == ["accepted"]


@only_sqlite
def test_an_answer_that_cannot_be_written_now_is_written_later_and_stays_known(tmp_path: Path) -> None:
    gateway = Answering()
    with World(tmp_path, store=open_store(tmp_path / "world.db", busy_ms=20)) as world:
        driver = Driver(world.worker, lambda: world.now, senders=4)
        by(world, gateway)
        world.order("A7")
        driver.start()
        driver.wake()
        until(lambda: bool(gateway.told), lambda: "nothing was handed over")

        with closing(sqlite3.connect(world.store.path, isolation_level=None)) as somebody:
            somebody.execute("begin immediate")
            gateway.told[0](lambda: TAKEN)
            time.sleep(0.2)
            somebody.execute("rollback")

        until(lambda: world.states == ["accepted"], lambda: str(world.states))
        driver.stop(0.1)

        assert world.states == ["accepted"]


def test_more_texts_than_senders_all_leave(world: World, driver: Driver) -> None:
    for number in range(20):
        world.order(f"A{number}", phone=f"+4917139200{number:02d}")

    driver.start()
    driver.wake()

    until(lambda: world.states == ["accepted"] * 20, lambda: f"{world.states}", 10)
    assert len(world.phone.inbox) == 20


def test_who_answers_later_keeps_no_thread_and_a_stop_waits_for_the_answer(world: World, driver: Driver) -> None:
    gateway = Answering()
    by(world, gateway)
    world.order("A7")
    driver.start()
    driver.wake()
    until(lambda: len(gateway.told) == 1, lambda: "the gateway was not told", 10)
    assert world.states == ["submitting"]
    assert not [thread for thread in driver._pool._threads if thread.is_alive()]

    gateway.told[0](lambda: TAKEN)
    driver.stop(5)

    assert world.states == ["accepted"]
    assert world.faults() == []


def test_a_stop_does_not_wait_for_ever(world: World, driver: Driver) -> None:
    gateway = Answering()
    by(world, gateway)
    world.order("A7")
    driver.start()
    driver.wake()
    until(lambda: len(gateway.told) == 1, lambda: "the gateway was not told", 10)

    began = time.monotonic()
    driver.stop(0.2)

    assert time.monotonic() - began < 2
    assert world.states == ["submitting"]


@pytest.mark.parametrize("where", ["before it was told", "in its answer"])
def test_a_gateway_with_a_defect_leaves_the_text_unclear_and_its_place_free(
    world: World, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    gateway, driver = Answering(), Driver(world.worker, lambda: world.now, senders=1)
    by(world, gateway)
    world.order("BROKEN" if where == "before it was told" else "A6")
    world.order("A7")
    driver.start()
    driver.wake()

    if where == "in its answer":
        until(lambda: len(gateway.told) == 1, lambda: "the gateway was not told", 10)
        gateway.told[0](lambda: dict[str, Result]()["nothing"])
    until(lambda: len(gateway.told) == 2, lambda: "the second text did not leave", 10)
    gateway.told[1](lambda: TAKEN)
    driver.stop(5)

    assert world.states == ["unknown", "accepted"]
    assert "gateway failed" in caplog.messages


def test_texts_over_smpp_leave_without_waiting_for_each_other(world: World, driver: Driver) -> None:
    with smsc() as peer:
        given = {"host": "127.0.0.1", "port": peer.port, "system_id": "us", "password": "secret", "from": "Example"}
        by(world, gateways.build("smpp", "main", given))  # type: ignore[arg-type]  # any gateway may stand there
        for number in range(12):
            world.order(f"A{number}", phone=f"+4917139200{number:02d}")

        driver.start()
        driver.wake()
        until(lambda: world.states == ["accepted"] * 12, lambda: f"{world.states}", 10)
        driver.stop(5)
        world.worker.gateways["main"].close()

    assert world.faults() == []


def test_a_connection_that_is_closed_with_texts_on_their_way_leaves_them_unclear(world: World, driver: Driver) -> None:
    with smsc() as peer:
        given = {"host": "127.0.0.1", "port": peer.port, "system_id": "us", "password": "secret", "from": "Example"}
        made = gateways.build("smpp", "main", given)
        by(world, made)  # type: ignore[arg-type]  # any gateway may stand there
        peer.plays(stays_silent)
        world.order("A7")
        driver.start()
        driver.wake()
        assert peer.waits(lambda: peer.seen)
        made.close()
        driver.stop(5)

    assert world.states == ["unknown"]
