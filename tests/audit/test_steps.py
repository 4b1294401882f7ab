"""The journal read on as steps of traces: each step once, wherever the reading stopped the last time."""

from __future__ import annotations

from audit.steps import between
from audit.store import settled
from tests.fakes.world import World


def test_two_stretches_of_the_journal_share_no_step_and_miss_none(world: World) -> None:
    world.order("A7")
    world.step()
    with world.store.read() as tx:
        newest = settled(tx)
    whole = list(between(world.store, 0, newest))

    cut = [[*between(world.store, 0, at), *between(world.store, at, newest)] for at in range(newest + 1)]

    assert len(whole) > 3
    assert cut == [whole] * (newest + 1)
