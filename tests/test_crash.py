"""Promises 1 to 3 under kill -9: whatever moment the power fails, nothing accepted is lost and nothing is sent twice.

`CRASHES=200 pytest tests/test_crash.py` is the long run, three in four over HTTP and one over SMPP; the suite does a
few rounds. docs/reliability.md has the figures of one.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from audit import conservation
from audit.store import Store
from tests.fakes.counting import SETTINGS, Counting, counting
from tests.fakes.counting_smsc import SETTINGS as SMPP
from tests.fakes.counting_smsc import counting_smsc
from tests.fakes.service import Feeder, Service, running, tick, until

ROUNDS = int(os.environ.get("CRASHES", "4"))
SEED = int(os.environ.get("CRASH_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
ANSWER_DELAY = 0.01
"""So that at any moment some texts are on their way: the provider has them, we do not know."""

OVER_SMPP = max(1, ROUNDS // 4)
LEFT = {"accepted", "unknown"}
pytestmark = pytest.mark.timeout(60 + 10 * ROUNDS)


@pytest.fixture
def provider() -> Iterator[Counting]:
    with counting(ANSWER_DELAY) as provider:
        yield provider


@pytest.fixture
def service(tmp_path: Path, provider: Counting) -> Service:
    settings = {"mode": "live", "routes": {"order": ["counted"]}}
    return Service(tmp_path, settings=settings, gateways={"counted": {**SETTINGS, "base_url": provider.url}})


def test_kill_9_at_random_moments_loses_nothing_and_sends_nothing_twice(service: Service, provider: Counting) -> None:
    count = _crash(service, ROUNDS - OVER_SMPP)
    with running(service):
        until(lambda: _settled(service.database), lambda: f"waiting: {_states(service.database)}", 30)
        if ROUNDS >= 40:  # whatever is unclear is asked about: what the provider has must be known in the end
            until(lambda: _taken(provider) <= _accepted(service.database), lambda: f"{_states(service.database)}", 300)
        service.term()

    _check(service, provider, set(range(count)), f"seed {SEED}")
    _account("HTTP", ROUNDS - OVER_SMPP, service, len(provider.taken), len(provider.doubled))


def test_kill_9_with_an_smsc_sends_nothing_twice_and_lists_what_is_unknown(tmp_path: Path) -> None:
    with counting_smsc(ANSWER_DELAY) as smsc:
        settings = {"mode": "live", "routes": {"order": ["counted"]}}
        service = Service(tmp_path, settings=settings, gateways={"counted": {**SMPP, "port": smsc.port}})

        count = _crash(service, OVER_SMPP)
        with running(service):  # receipts that were not answered come again
            until(lambda: _settled(service.database), lambda: f"waiting: {_states(service.database)}", 30)
            until(lambda: "accepted" not in _states(service.database), lambda: f"{_states(service.database)}", 30)
            service.term()
        states, when = _messages(service.database), f"seed {SEED}"

        assert set(range(count)) - _accepted_ids(service.database) == set(), f"accepted and lost, {when}"
        assert smsc.doubled == [], f"sent twice, {when}"
        assert set(states.values()) <= {"delivered", "unknown"}, when
        assert {text for text, state in states.items() if state == "delivered"} - smsc.texts == set(), when
        assert smsc.texts - set(states) == set(), f"sent and not on record, {when}"
        assert _faults(service) == [], when
        _account("SMPP", OVER_SMPP, service, len(smsc.taken), len(smsc.doubled))


def _crash(service: Service, rounds: int) -> int:
    """Feed a service and kill it at random moments, then send again what was not answered; return how many events."""
    accepted, dice, first = set[int](), random.Random(SEED), 0
    for _ in range(rounds):
        with running(service):
            feeder = Feeder(service.port, first=first)
            feeder.start()
            time.sleep(dice.uniform(0.05, 1.2))  # the random moment
            service.kill()
            feeder.stop()
        accepted |= feeder.accepted
        first = feeder.posted
    with running(service):
        # What got no answer, and a part of what did, is sent again, as every sender does.
        repeated = [n for n in range(first) if n not in accepted or n % 7 == 0]
        statuses = {service.post("ticks", *tick(number))[0] for number in repeated}
        service.term()

    assert accepted, "the feeder was never answered"
    assert statuses == {200}
    return first


def _account(over: str, rounds: int, service: Service, taken: int, doubled: int) -> None:
    """Write the figures of a run, where somebody asks for them."""
    if path := os.environ.get("CRASH_FIGURES"):
        figures = {"over": over, "kills": rounds, "seed": SEED, "events": len(_accepted_ids(service.database)),
                   "taken": taken, "doubled": doubled, "states": _states(service.database)}  # fmt: skip
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(figures) + "\n")


def _faults(service: Service) -> list[str]:
    with closing(Store(service.database)) as store:
        return conservation.report(store).faults


def test_a_stop_under_load_is_quick_and_leaves_nothing_unclear(service: Service, provider: Counting) -> None:
    with running(service):
        feeder = Feeder(service.port)
        feeder.start()
        until(lambda: len(provider.taken) > 100, lambda: "nothing was sent")

        seconds = service.term()
        feeder.stop()

    states = _states(service.database)
    assert seconds < 10
    assert set(states) <= {"accepted", "queued"}, states
    assert _accepted_ids(service.database) >= feeder.accepted
    assert provider.doubled == []
    with running(service):  # what waited leaves now
        until(lambda: _settled(service.database), lambda: f"waiting: {_states(service.database)}")
        assert service.term() < 10
    _check(service, provider, feeder.accepted, "after a clean stop")
    assert set(_states(service.database)) == {"accepted"}


def test_a_stop_while_the_provider_is_slow_waits_for_its_answers(tmp_path: Path) -> None:
    with counting(delay=1.5) as provider:
        service = Service(
            tmp_path,
            settings={"mode": "live", "routes": {"order": ["slow"]}},
            gateways={"slow": {**SETTINGS, "base_url": provider.url}},
        )
        with running(service):
            for number in range(5):
                service.post("ticks", *tick(number))
            until(lambda: len(provider.taken) == 5, lambda: "nothing was sent")

            seconds = service.term()

    assert seconds < 10
    assert _states(service.database) == {"accepted": 5}
    assert "exception" not in service.log.lower()


def test_senders_that_never_finish_cannot_spoil_a_stop(tmp_path: Path) -> None:
    """The server waits for them and is killed in the end; by then nothing is on its way any more."""
    with counting(delay=1.0) as provider, ExitStack() as wires:
        service = Service(
            tmp_path,
            settings={"mode": "live", "routes": {"order": ["slow"]}},
            gateways={"slow": {**SETTINGS, "base_url": provider.url}},
        )
        with running(service):
            for number in range(250):  # sixteen a second leave
                service.post("ticks", *tick(number))
            for _ in range(3):
                wire = wires.enter_context(socket.create_connection(("127.0.0.1", service.port)))
                wire.sendall(b"POST /hooks/ticks HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
            until(lambda: len(provider.taken) > 16, lambda: "nothing was sent")

            seconds = service.term()

    states = _states(service.database)
    assert seconds < 10
    assert set(states) == {"accepted", "queued"}
    assert states["accepted"] == len(provider.taken)


def test_the_worker_does_not_outlive_its_server(service: Service) -> None:
    with running(service):
        assert service.process is not None
        service.process.send_signal(signal.SIGKILL)  # the parent alone, as the kernel does when memory is short

        until(lambda: not [pid for pid in service.pids() if service.process and pid != service.process.pid],
              lambda: f"still serving: {service.pids()}")  # fmt: skip


def _check(service: Service, provider: Counting, promised: set[int], when: str) -> None:
    """Hold the store against what was accepted and what the provider took."""
    with closing(Store(service.database)) as store:
        report = conservation.report(store)
    states = _messages(service.database)
    taken = _taken(provider)

    assert report.faults == [], when
    assert promised - _accepted_ids(service.database) == set(), f"accepted and lost, {when}"
    assert provider.doubled == [], f"sent twice, {when}"
    assert report.decided == report.events == len(states), when
    assert set(states.values()) <= LEFT, f"{report.messages}, {when}"
    assert {text for text, state in states.items() if state == "accepted"} - taken == set(), f"never sent, {when}"
    assert taken - set(states) == set(), f"sent and not on record, {when}"


def _rows(database: Path, sql: str) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        return connection.execute(sql).fetchall()


def _states(database: Path) -> dict[str, int]:
    return {state: int(count) for state, count in _rows(database, "select state, count(*) from messages group by 1")}


def _messages(database: Path) -> dict[str, str]:
    return dict(_rows(database, "select text, state from messages"))


def _taken(provider: Counting) -> set[str]:
    return {body for _, body in provider.times}


def _accepted(database: Path) -> set[str]:
    return {text for text, state in _messages(database).items() if state == "accepted"}


def _accepted_ids(database: Path) -> set[int]:
    rows = _rows(database, "select transport_id, state from events")
    return {int(transport_id.removeprefix("tick-")) for transport_id, _ in rows}


def _settled(database: Path) -> bool:
    waiting = _rows(
        database,
        "select state, id from events where state = 'received' "
        "union all select state, id from messages where state in ('queued', 'submitting')",
    )
    return not waiting
