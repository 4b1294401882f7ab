"""The comparison of engines counts rightly: a consumer that acks too early loses, one that acks after the call doubles.

Both with RabbitMQ; what the message table does in the same place stands in tests/test_crash.py and in chaos/.
"""

from __future__ import annotations

import pytest

from bench.engines import kills
from bench.engines.node import ENGINES, Load
from bench.engines.step import id_of
from tests.peers.processes import needs
from tests.peers.rabbit import EPMD, RABBIT

BURST = 2_000
"""Messages a second: more than the provider takes, so that a consumer that dies holds some."""

SHORT, PATIENCE = 0.15, 3.0


@needs(EPMD, RABBIT)
def test_a_consumer_that_acks_before_the_call_is_seen_to_lose() -> None:
    pytest.importorskip("pika", reason="install the extra: pip install -e .[amqp]")
    for _ in range(6):  # a kill may hit the moment between two calls
        found = kills.killed("rabbit-careless", "worker", SHORT, BURST, PATIENCE).balance
        if found.lost:
            break
    assert found.confirmed == int(kills.RATE * kills.SECONDS * SHORT)
    assert found.lost > 0
    assert found.unknown == 0  # and nobody is told


@needs(EPMD, RABBIT)
def test_a_consumer_that_acks_after_the_call_is_seen_to_double_and_not_to_lose() -> None:
    pytest.importorskip("pika", reason="install the extra: pip install -e .[amqp]")
    found = kills.killed("rabbit", "worker", SHORT, BURST, PATIENCE).balance
    assert (found.lost, found.doubled > 0) == (0, True)


def test_a_node_that_was_killed_goes_on_with_what_was_not_confirmed() -> None:
    load = Load(count=4, first=7, rate=2, start=100.0)
    assert load.planned({id_of(7), id_of(9)}) == [(8, 100.5), (10, 101.5)]
    assert "rabbit-careless" in ENGINES  # the sabotage is a variant of the harness, not a copy of it
