"""One history: which steps, in which order, by the dice of its seed; and its end, when all that is open is settled.

The steps are drawn before anything happens, and each has dice of its own. So a step can be left out without changing
what the others draw, which is how a long story of a failure becomes a short one (`story.shorten`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

from audit.conservation import unfinished
from simulation import people
from simulation.disk import Crash
from simulation.steps import ALWAYS, AT_TIMES, MEANWHILE, Step
from simulation.world import Place, World

ROUNDS = 60
"""Rounds after which everything must have come to its end."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of a history: a number for its dice, and what happens. A shorter plan leaves some out."""

    seed: int
    steps: tuple[tuple[int, Step], ...]


def draw(seed: int) -> Plan:
    """Throw the dice for the steps of a seed."""
    dice = random.Random(~seed)  # noqa: S311 - a story, not a secret
    table = [*ALWAYS, *(one for some in AT_TIMES if dice.random() < 0.4 for one in some)]
    weights, steps = [weight for weight, _ in table], [step for _, step in table]
    return Plan(seed, tuple(enumerate(dice.choices(steps, weights, k=dice.randrange(20, 61)))))


def play(plan: Plan, place: Place) -> World:
    """Let a history happen, from its first step until nothing is open any more. The world is not closed yet."""
    world = World(plan.seed, place)
    world.others = MEANWHILE
    world.tell(f"mode {world.mode.name}, gateways {', '.join(world.routes)}")
    for number, step in plan.steps:
        world.dice.seed(plan.seed * 1_000 + number)
        _take(world, step)
    world.dice.seed(plan.seed * 1_000 + 999)
    finish(world)
    return world


def _take(world: World, step: Step) -> None:
    """Take one step. Whatever it meets, the next one finds a service that runs."""
    world.wait(world.dice.choice((0.02, 0.3, 1.1, 2.5)))
    world.count("steps")
    try:
        world.guarded(lambda: step(world), None)
    except Crash as crash:
        world.die(crash)


def finish(world: World) -> None:
    """Make everything well again and let the time pass until nothing is open: what is left waiting then is lost."""
    world.tell("--- no more faults; everything that is open comes to its end")
    world.faults.crash_in = world.faults.full_for = 0
    world.shop.talks = True
    for carrier in world.carriers.values():
        carrier.kind_now = "kind"
    for _ in range(6):
        people.resume(world)
    people.unpin(world)
    for _ in range(ROUNDS):
        _round(world)
        if not _is_open(world):
            break
        _pass_on(world)
    world.house.sealing.step(world.now)


def _round(world: World) -> None:
    house = world.house
    for letter in list(world.shop.unsent):
        world.shop.sends(letter)
    while house.pool:
        house.worker.hand_over(house.pool.pop(), world.clock)
    house.campaigns.step(world.now)
    house.replaying.step(world.now)
    house.replying.answer_due(world.now)
    while house.worker.plan_due(world.now):
        pass
    house.worker.steer_due(world.now)
    house.worker.recheck_due(world.now)
    while house.worker.send_due(world.now):
        pass
    for carrier in world.carriers.values():
        for notice in list(carrier.notices):
            carrier.says(notice)
    house.worker.settle(world.now)


def _is_open(world: World) -> bool:
    found = unfinished(world.house.store, world.now)
    return bool(found.busy or found.next_due or world.shop.unsent)


def _pass_on(world: World) -> None:
    """Let time pass until the next thing is due, at least a little."""
    due = unfinished(world.house.store, world.now).next_due
    world.now = max(world.now + timedelta(seconds=70), due or world.now)
