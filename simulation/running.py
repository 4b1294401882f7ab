"""Many seeds in several processes, each with files of its own in memory; what broke comes back as text."""

from __future__ import annotations

import logging
import multiprocessing
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from simulation.disk import Shelf
from simulation.house import GOOD, Parts
from simulation.story import tell_seed
from simulation.world import Place

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
TOGETHER = 25
"""Histories after which a process tells how far it is."""


@dataclass(slots=True)
class Report:
    """What some histories came to: how many, what they counted, and for each seed that broke a promise what it was.

    `seconds` is the time of a processor they took, which says more than a clock where others work on it, too.
    """

    histories: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    broken: dict[int, list[str]] = field(default_factory=dict)

    def add(self, other: Report) -> None:
        """Take in another report."""
        self.histories += other.histories
        self.seconds += other.seconds
        self.counts.update(other.counts)
        self.broken.update(other.broken)


@contextmanager
def in_memory() -> Iterator[Path]:
    """Make a folder, in memory where the system has a place for that; nothing of it stays."""
    folder = Path(tempfile.mkdtemp(prefix="tidings-simulation-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def place(parts: Parts = GOOD) -> Iterator[Place]:
    """Make a place for histories and take it away again."""
    with in_memory() as folder, quietly_in(folder):
        yield Place(shelf=Shelf(folder), parts=parts)


@contextmanager
def quietly_in(folder: Path) -> Iterator[None]:
    """Let what is written for a moment be written in a folder, and log nothing: defects are part of the story."""
    (folder / "tmp").mkdir()
    before, tempfile.tempdir = tempfile.tempdir, str(folder / "tmp")  # publishing lays rules out there
    quiet = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(quiet)
        tempfile.tempdir = before


def run(seeds: Sequence[int], where: Place) -> Report:
    """Let the histories of some seeds happen. A defect that ends one is a broken promise, too."""
    report, began = Report(), time.process_time()
    for seed in seeds:
        report.histories += 1
        try:
            told = tell_seed(seed, where)
        except Exception:  # noqa: BLE001 - whatever it is, the other seeds go on
            report.broken[seed] = [f"it ended by a defect: {traceback.format_exc(limit=-4)}"]
            continue
        report.counts.update(told.counts)
        if told.faults:
            report.broken[seed] = [str(fault) for fault in told.faults]
    report.seconds = time.process_time() - began
    return report


def run_all(first: int, count: int, processes: int) -> Iterator[Report]:
    """Run `count` seeds from `first` on; yields a report for each little batch, in the order in which they end."""
    batches = [range(at, min(at + TOGETHER, first + count)) for at in range(first, first + count, TOGETHER)]
    if processes == 1:
        with place() as where:
            yield from (run(batch, where) for batch in batches)
        return
    with in_memory() as folder, multiprocessing.get_context("forkserver").Pool(processes, _begin, (folder,)) as pool:
        yield from pool.imap_unordered(_batch, batches)


_HERE: list[Place] = []
_QUIET = ExitStack()


def _begin(folder: Path) -> None:
    """Make this process's place, below a folder that the first process takes away: pool processes are just ended."""
    mine = Path(tempfile.mkdtemp(dir=folder))
    _QUIET.enter_context(quietly_in(mine))  # as long as this process lives
    _HERE[:] = [Place(shelf=Shelf(mine), parts=GOOD)]


def _batch(seeds: Sequence[int]) -> Report:
    return run(seeds, _HERE[0])
