"""Many short histories of the whole service: no promise breaks, and a seed is one story for ever."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from simulation.__main__ import main
from simulation.house import Parts
from simulation.running import place, run
from simulation.story import shorten, tell_seed
from tests.scale import runs
from tests.simulation import sabotage

ROOT = Path(__file__).resolve().parents[2]
SEEDS = runs(120, 2_000)


@pytest.mark.timeout(600)
def test_no_history_breaks_a_promise() -> None:
    with place() as where:
        report = run(range(1, SEEDS + 1), where)

    assert report.broken == {}
    assert report.histories == SEEDS
    for what in ("crashes", "store down", "submits, hang, taken", "submits, dies, taken", "receipts", "replies"):
        assert report.counts[what] > SEEDS / 100, what


def test_the_same_seed_is_the_same_story_in_another_process_and_after_other_histories() -> None:
    seeds = [3, 17, 98]
    with place() as where:
        once = [tell_seed(seed, where).text() for seed in seeds]
        again = [tell_seed(seed, where).text() for seed in reversed(seeds)]
    told = subprocess.run(
        [sys.executable, "-m", "simulation", "--seed", "17"],
        cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "5"}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert once == again[::-1]
    assert told.stdout.rstrip("\n") == once[1], told.stderr


def test_a_failure_is_told_step_by_step_in_a_short_story() -> None:
    with place(Parts(worker=sabotage.Doubles)) as where:
        told = tell_seed(1, where)
        short = shorten(told, where)

    lines = short.text().splitlines()
    assert len(short.lines) < len(told.lines)
    assert lines[0].startswith("Seed 1, ")
    assert any(" gets m" in line for line in lines)
    assert lines[-1].startswith("BROKEN  sums hold: ")
    assert lines[-1].endswith("twice in one attempt")


def test_the_command_ends_with_zero_and_says_what_it_did() -> None:
    done = CliRunner().invoke(main, ["--seeds", "5", "--first", "300", "--processes", "1"])

    assert done.exit_code == 0, done.output
    assert "5 histories in" in done.output
    assert "All promises hold." in done.output
