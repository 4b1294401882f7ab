"""Consumers: what comes over a bus is stored before it is acknowledged, and a bus that fails is tried again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from audit import cursors
from connectors.base import Accept, AskFailed
from connectors.kit.bus import OPTIONS, Bus
from inbound.consuming import PAUSES, Consuming
from inbound.hooks import Door
from inbound.sources import Source
from model.event import Event, Incoming
from model.ids import Ids
from tests.fakes.stores import open_store

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Belt(Bus):
    """A bus in memory: it hands over what lies on it, and notes what was acknowledged and what was stored by then."""

    name = title = "belt"
    options = OPTIONS

    def __init__(self, stored: Callable[[], int]) -> None:
        super().__init__({"key": "key"})
        self.stored = stored
        self.lies: list[bytes | Exception] = []
        self.acknowledged: list[tuple[bytes, int]] = []
        self.emptied = threading.Event()

    def parse(self, incoming: Incoming) -> list[Event]:
        if b"defect" in incoming.body:
            raise KeyError("id")
        return super().parse(incoming)

    def consume(self, accept: Accept, stop: threading.Event) -> None:
        while self.lies:
            message = self.lies[0]
            if isinstance(message, Exception):
                self.lies.pop(0)
                raise message
            accept(message, {"content-type": "application/json"})
            self.acknowledged.append((message, self.stored()))
            self.lies.pop(0)
        self.emptied.set()
        stop.wait(5)


class Yard:
    """A store, a belt and what consumes from it."""

    def __init__(self, folder: Path) -> None:
        self.store = open_store(folder / "tidings.db")
        self.belt = Belt(self.count)
        self.source = Source(name="yard", connector=self.belt, max_body=1000)
        self.planned: list[None] = []
        door = Door(
            sources={}, store=self.store, new_id=Ids(lambda: NOW, node=1), clock=lambda: NOW,
            on_accepted=lambda: self.planned.append(None),
        )  # fmt: skip
        self.consuming = Consuming(door=door, store=self.store, clock=lambda: NOW, pauses=(0.001,))

    def count(self) -> int:
        return len(self.rows())

    def rows(self) -> list[Any]:
        with self.store.read() as tx:
            return tx.execute("select state, transport_id, error from events order by id").fetchall()

    def trouble(self) -> str:
        with self.store.read() as tx:
            return "".join(row["error"] for row in cursors.listing(tx))

    def run(self, *messages: bytes | Exception) -> None:
        self.belt.lies += messages
        self.consuming.start({"yard": self.source})
        assert self.belt.emptied.wait(5)
        self.consuming.stop()


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    made = Yard(tmp_path)
    yield made
    made.consuming.stop()
    made.store.close()


def test_a_message_is_acknowledged_after_it_is_on_disk(yard: Yard) -> None:
    yard.run(b'{"id": "m1", "type": "order.paid"}', b'{"id": "m2", "type": "order.paid"}')

    assert [stored for _, stored in yard.belt.acknowledged] == [1, 2]
    assert [row["state"] for row in yard.rows()] == ["received", "received"]
    assert len(yard.planned) == 2


def test_a_message_that_comes_again_after_a_crash_is_one_event(yard: Yard) -> None:
    yard.run(b'{"id": "m1", "type": "order.paid"}', AskFailed("gone"), b'{"id": "m1", "type": "order.paid"}')

    assert [row["transport_id"] for row in yard.rows()] == ["m1"]


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (b"\xff\xfe", "The body is not JSON: UnicodeDecodeError."),
        (b'{"type": "order.paid"}', "Field id is missing."),
        (b'{"type": "a defect of ours"}', "KeyError in the connector belt"),
        (b'{"id": "' + b"x" * 1000 + b'"}', "A message of 1010 bytes, and max_body is 1000"),
    ],
)
def test_a_poisonous_message_is_kept_and_does_not_hold_up_the_others(yard: Yard, message: bytes, sentence: str) -> None:
    yard.run(message, b'{"id": "m2", "type": "order.paid"}')

    assert [(row["state"], row["error"]) for row in yard.rows()] == [("unreadable", sentence), ("received", "")]


def test_a_bus_that_fails_is_tried_again_and_its_trouble_is_shown_until_something_comes(yard: Yard) -> None:
    yard.run(AskFailed("AMQP: no route"), RuntimeError("a defect"), AskFailed("AMQP: no route"))
    assert yard.trouble() == "AMQP: no route"


def test_a_bus_that_stays_away_is_called_soon_then_more_rarely_and_at_least_once_a_minute() -> None:
    assert list(PAUSES) == sorted(PAUSES)
    assert (PAUSES[0] <= 1, PAUSES[-1] <= 60) == (True, True)


def test_the_trouble_is_over_with_the_next_message(yard: Yard) -> None:
    yard.run(AskFailed("AMQP: no route"), b'{"id": "m1", "type": "order.paid"}')

    assert yard.trouble() == ""


def test_nothing_is_acknowledged_while_the_store_is_down(yard: Yard) -> None:
    yard.store.close()
    yard.belt.lies.append(b'{"id": "m1", "type": "order.paid"}')

    yard.consuming.start({"yard": yard.source})
    yard.belt.emptied.wait(0.1)
    yard.consuming.stop()

    assert yard.belt.acknowledged == []
    assert len(yard.belt.lies) == 1


def test_sources_that_wait_at_no_bus_get_no_thread(yard: Yard) -> None:
    from connectors.http_poll import HttpPoll

    polled = HttpPoll({"url": "https://erp.example/x", "key": "id", "status": "state"})
    yard.consuming.start({"erp": Source(name="erp", connector=polled)})

    assert not [thread for thread in threading.enumerate() if thread.name == "consume erp"]
