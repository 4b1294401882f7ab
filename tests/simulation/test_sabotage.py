"""A simulator that cannot fail proves nothing: with one faulty part in the service, it says which promise broke."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple

import pytest

from simulation.house import Parts
from simulation.running import place
from simulation.story import tell_seed
from tests.simulation import sabotage

WITHIN = 400
"""Seeds in which each fault must show; most show in the first ten."""

FAULTS = {
    "nothing is sent twice": [Parts(worker=sabotage.Forgets), Parts(worker=sabotage.TriesAgain)],
    "sums hold": [Parts(worker=sabotage.Doubles)],
    "states go forward": [Parts(worker=sabotage.GoesBack)],
    "the right person": [Parts(worker=sabotage.HearsNoStop), Parts(worker=sabotage.TakesTestsForReal)],
    "the right hour": [Parts(worker=sabotage.KnowsNoNight), Parts(worker=sabotage.KnowsNoPause)],
    "nothing about a record that is over": [Parts(worker=sabotage.MissesTheNewest)],
    "the mode holds": [Parts(worker=sabotage.KnowsNoMode)],
    "delivered means delivered": [Parts(worker=sabotage.DropsEarlyReceipts)],
    "the source was asked": [Parts(worker=sabotage.AsksNobody)],
    "nothing accepted is lost": [Parts(door=sabotage.SaysYesTooSoon), Parts(disk=sabotage.Lies)],
    "texts from phones are kept": [Parts(receipt_door=sabotage.LosesReplies)],
    "no code is kept": [Parts(verifier=sabotage.WritesCodesDown)],
    "audit verify holds": [Parts(sealing=sabotage.ChangesTheRecord)],
}


def cases() -> Iterator[tuple[str, Parts]]:
    yield from ((promise, parts) for promise, some in FAULTS.items() for parts in some)


def name_of(value: object) -> str:
    if not isinstance(value, Parts):
        return str(value)
    return next(str(part.__name__) for part in astuple(value) if part.__module__ == sabotage.__name__)


@pytest.mark.parametrize(("promise", "parts"), list(cases()), ids=name_of)
def test_the_simulator_finds_a_faulty_part(promise: str, parts: Parts) -> None:
    with place(parts) as where:
        for seed in range(1, WITHIN + 1):
            if any(fault.promise == promise for fault in tell_seed(seed, where).faults):
                print(f"found with seed {seed}")  # noqa: T201 - shown with -rP
                return

    pytest.fail(f"{WITHIN} histories did not show it")
