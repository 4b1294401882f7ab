"""How much a gateway may be given holds for all processes together."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from datetime import timedelta
from itertools import accumulate
from pathlib import Path

import pytest

from audit.store import Store, StoreDown
from dispatch.rates import Bucket, Rates
from dispatch.shared_rates import SharedRates
from dispatch.worker import Worker
from model.ids import Ids
from model.message import Lane
from tests.fakes.stores import only_postgres, open_store
from tests.fakes.world import NOON, Phone, World
from tests.scale import runs

pytestmark = only_postgres
NODES, RATE = 3, 40.0
NODE = itertools.count()  # each worker makes ids of its own
Took = tuple[float, int]
"""At which second, and how many segments."""


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[SharedRates]]:
    stores = [open_store(tmp_path / "rates.db") for _ in range(NODES)]
    try:
        yield [SharedRates(store, {"main": RATE}) for store in stores]
    finally:
        for store in stores:
            store.close()


@pytest.mark.parametrize("seed", range(runs(3, 20)))
def test_all_nodes_together_keep_to_the_rate_in_any_stretch_of_time(nodes: list[SharedRates], seed: int) -> None:
    dice, took = random.Random(seed), list[Took]()
    seconds = 0.0
    while seconds < 6:
        seconds += dice.expovariate(150)
        took += _asked(dice.choice(nodes), dice, seconds)

    _keeps_to_the_rate(took)
    assert sum(segments for _, segments in took) > 0.8 * RATE * 5, "and what is allowed is made use of"


def test_a_node_that_dies_takes_its_share_along_for_a_quarter_of_a_second(nodes: list[SharedRates]) -> None:
    _fill(nodes[0])
    nodes[0].expected[True] = 40
    while nodes[0].take("main", "", 1, Lane.HIGH, NOON + timedelta(seconds=5)) is None:
        break  # it drew ten and handed over one
    left = [nodes[1].take("main", "", 1, Lane.HIGH, NOON + timedelta(seconds=5)) for _ in range(40)].count(None)
    later = [nodes[1].take("main", "", 1, Lane.HIGH, NOON + timedelta(seconds=5.25)) for _ in range(40)].count(None)

    assert (left, later) == (20, 10)


def test_urgent_texts_find_their_share_however_many_nodes_send_in_bulk(nodes: list[SharedRates]) -> None:
    now = NOON + timedelta(seconds=5)
    _fill(nodes[0])
    for node in nodes:
        node.expected[False] = 1000
        while node.take("main", "", 1, Lane.BULK, now) is None:
            pass

    assert [node.take("main", "", 1, Lane.OTP, now) for node in nodes * 3][:8] == [None] * 8


def test_each_sender_number_has_an_allowance_of_its_own(nodes: list[SharedRates]) -> None:
    _fill(nodes[0])
    for node in nodes:
        node.per_sender = {"main": 1.0}
        assert node.take("main", "+12025550100", 1, Lane.HIGH, NOON) is not None, "unknown ones begin empty"
    later = NOON + timedelta(seconds=2)

    assert [node.take("main", "+12025550100", 1, Lane.HIGH, later) is None for node in nodes].count(True) == 1
    assert nodes[0].take("main", "+12025550101", 1, Lane.HIGH, later) is not None


def test_a_text_larger_than_the_rate_still_leaves(nodes: list[SharedRates]) -> None:
    nodes[0].per_second = nodes[1].per_second = {"main": 1.0}
    first = nodes[0].take("main", "", 4, Lane.NORMAL, NOON)

    assert first == NOON + timedelta(seconds=4)
    assert nodes[1].take("main", "", 4, Lane.NORMAL, first) is None
    assert nodes[0].take("main", "", 1, Lane.NORMAL, first) == first + timedelta(seconds=4)


def test_a_clock_that_was_set_back_stops_nobody_for_long(nodes: list[SharedRates]) -> None:
    _fill(nodes[0])
    nodes[0].take("main", "", 1, Lane.HIGH, NOON + timedelta(hours=2))

    waits = nodes[1].take("main", "", 1, Lane.HIGH, NOON)
    assert waits is None or waits < NOON + timedelta(hours=3)
    assert nodes[1].take("main", "", 1, Lane.HIGH, NOON + timedelta(seconds=1)) is None


def test_a_database_that_is_away_hands_nothing_over(nodes: list[SharedRates]) -> None:
    nodes[0].store.close()

    with pytest.raises(StoreDown):
        SharedRates(Store("postgresql://127.0.0.1:1/none", busy_ms=100), {"main": RATE})


def test_two_workers_hand_over_no_more_than_the_rate(tmp_path: Path) -> None:
    with World(tmp_path) as world, World(tmp_path, store=open_store(tmp_path / "world.db")) as other:
        phones = Phone("main"), Phone("main")
        for number in range(80):
            world.order(f"A{number}")
        world.plan()
        workers = [_worker(one, phone) for one, phone in zip((world, other), phones, strict=True)]
        took = list[Took]()
        for tick in range(200):
            now, before = NOON + timedelta(milliseconds=20 * tick), len(phones[0].got) + len(phones[1].got)
            workers[tick % 2].send_due(now, 8)
            took.append((tick / 50, len(phones[0].got) + len(phones[1].got) - before))

    _keeps_to_the_rate(took, 10.0)
    assert 25 <= sum(count for _, count in took) <= 45
    assert min(len(phone.got) for phone in phones) > 5, "both have their part in it"


def _worker(world: World, phone: Phone) -> Worker:
    return Worker(
        store=world.store, book=world.worker.book, gateways={"main": phone}, mode=world.worker.mode, routes=("main",),
        new_id=Ids(lambda: NOON, node=next(NODE)), limits=SharedRates(world.store, {"main": 10.0}),
    )  # fmt: skip


def _asked(node: SharedRates, dice: random.Random, seconds: float) -> list[Took]:
    """Let a node ask for a few texts at once, as a claim does."""
    lane, sizes = (
        dice.choice([Lane.OTP, Lane.NORMAL, Lane.BULK]),
        [dice.randint(1, 3) for _ in range(dice.randint(1, 8))],
    )
    node.expected.clear()
    node.expected[lane.rank < Lane.NORMAL.rank] = sum(sizes)
    now = NOON + timedelta(seconds=seconds + dice.choice([0.0, 0.0, 0.004]))  # clocks are a little apart
    return [(seconds, size) for size in sizes if node.take("main", "", size, lane, now) is None]


def _keeps_to_the_rate(took: list[Took], rate: float = RATE) -> None:
    """See that no stretch of time holds more than one process would hand over: its rate, and a second's worth."""
    sums = [0, *accumulate(segments for _, segments in took)]
    for first, (began, _) in enumerate(took):
        for last in range(first, len(took)):
            held = sums[last + 1] - sums[first]
            assert held <= rate * (took[last][0] - began) + rate + 1, (began, took[last][0], held)


def _fill(node: SharedRates) -> None:
    """Let the allowance be known, so that it grows."""
    node.take("main", "", 1, Lane.HIGH, NOON)


def test_a_long_text_leaves_by_a_gateway_that_keeps_a_share_back() -> None:
    assert Bucket(5).take(5, Lane.NORMAL, NOON) is None
    assert Rates.of({"a": 6}).take("a", "", 6, Lane.BULK, NOON) is None
