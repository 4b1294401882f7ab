"""What the figures of /metrics say about the queue."""

from __future__ import annotations

from audit import gauges
from audit.store import COMMIT_SPANS
from tests.fakes.world import World


def oldest(world: World) -> dict[str, float]:
    with world.store.read() as tx:
        return {lane: age for lane, age in gauges.read(tx, world.now).oldest_waiting if age}


def test_the_oldest_text_that_is_due_and_not_held_is_told_until_it_left(world: World) -> None:
    assert oldest(world) == {}

    world.order("A7")
    world.plan()
    world.wait(seconds=40)
    world.order("A8")
    world.plan()
    world.wait(seconds=5)
    assert oldest(world) == {"normal": 45.0}

    world.step()
    world.wait(seconds=30)
    assert oldest(world) == {}


def test_commits_are_counted_in_spans_that_grow() -> None:
    assert list(COMMIT_SPANS) == sorted(set(COMMIT_SPANS))
