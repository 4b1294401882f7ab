"""A failure for people: the story of its seed, made as short as it can be while the same promise still breaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from simulation.history import Plan, draw, play
from simulation.promises import Broken, broken
from simulation.steps import Step
from simulation.world import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one history came to: its story, what broke, what it counted."""

    seed: int
    steps: int
    lines: Sequence[str]
    faults: Sequence[Broken]
    counts: dict[str, int]

    def text(self) -> str:
        """Write it down: a line for each step, then what broke."""
        said = [f"Seed {self.seed}, {self.steps} steps", *self.lines]
        said += [f"BROKEN  {fault}" for fault in self.faults] or ["All promises hold."]
        return "\n".join(said)


def tell(plan: Plan, place: Place) -> Told:
    """Let a history happen and judge it."""
    world = play(plan, place)
    try:
        return Told(seed=plan.seed, steps=len(plan.steps), lines=world.story, faults=broken(world), counts=world.counts)
    finally:
        world.end()


def tell_seed(seed: int, place: Place) -> Told:
    """Let the history of a seed happen and judge it."""
    return tell(draw(seed), place)


def shorten(told: Told, place: Place) -> Told:
    """Leave out what can be left out: halves first, then ever smaller pieces, while the same promise breaks."""
    promise, plan = told.faults[0].promise, draw(told.seed)
    size = len(plan.steps) // 2
    while size:
        plan, best = _without(plan, size, promise, place)
        told = best or told
        size //= 2
    return told


def _without(plan: Plan, size: int, promise: str, place: Place) -> tuple[Plan, Told | None]:
    """Try to leave out each piece of a size once."""
    best: Told | None = None
    at = 0
    while at < len(plan.steps):
        shorter = replace(plan, steps=(*plan.steps[:at], *plan.steps[at + size :]))
        tried = tell(shorter, place)
        if any(fault.promise == promise for fault in tried.faults):
            plan, best = shorter, tried
        else:
            at += size
    return plan, best


def named(steps: Sequence[tuple[int, Step]]) -> Iterator[str]:
    """Name the steps of a plan, for those who look for what a seed draws."""
    yield from (f"{number} {getattr(step, '__name__', 'step').strip('_')}" for number, step in steps)
