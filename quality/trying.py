"""Try mutants, one on each processor: fork this process, put the changed file in the place of the real one, and run the
tests that reach it.

The process that forks has imported what others wrote (pytest, Flask, phonenumbers ...) and nothing of ours, so that a
fork costs milliseconds and each mutant is imported as a new process would, constants and defaults included.
"""

from __future__ import annotations

import importlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from itertools import islice
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from quality.lines import QUIETLY, ROOT, Timed
from quality.mutants import Mutant

FIRST = 2.0
"""Seconds of tests of the first round: a few short ones from few files, which kill most mutants."""

ENOUGH = 12.0
"""Seconds of tests asked in all; what survives those is a survivor, so a score is too low rather than too high."""

PROCESSOR = 45
"""Seconds of processor until a mutant runs on for ever: what is asked takes about a third."""

PATIENCE = 240.0
"""Seconds until a mutant hangs; a single test has TEST of them."""

TEST = 60

PRINT = "import sys; sys.path.insert(0, '.'); import app, cli, tests.fakes.world; print(*sys.modules)"


class Fate(Enum):
    """What became of a mutant."""

    KILLED = "killed"
    OUT_OF_TIME = "out of time"
    SURVIVED = "survived"
    UNREACHED = "no test reaches it"


def warm_up() -> None:
    """Import what others wrote and our tests use."""
    said = subprocess.run([sys.executable, "-c", PRINT], cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own words
    ours = {path.stem for path in ROOT.iterdir()}
    for name in said.split():
        if name.partition(".")[0] not in ours:
            with suppress(Exception):
                importlib.import_module(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A mutant in a process of its own; `child` is 0 where no test reaches it."""

    mutant: Mutant
    child: int = 0
    until: float = 0.0

    def fate(self) -> Fate | None:
        """Say what became of it, or None as long as its tests run; those of what hangs are ended."""
        if not self.child:
            return Fate.UNREACHED
        done, status = os.waitpid(self.child, os.WNOHANG)
        if done:
            return _fate(status)
        if time.monotonic() < self.until:
            return None
        with suppress(ProcessLookupError):
            os.killpg(self.child, 9)
        os.waitpid(self.child, 0)
        return Fate.OUT_OF_TIME


def tried(asked: Iterable[tuple[Mutant, Sequence[Timed]]]) -> Iterator[tuple[Mutant, Fate]]:
    """Say what the tests make of each mutant, in the order they end: one runs on each processor."""
    waiting, most = iter(asked), len(os.sched_getaffinity(0))
    running = [_begun(*one) for one in islice(waiting, most)]
    while running:
        seen = [(trial, trial.fate()) for trial in running]
        running = [trial for trial, fate in seen if fate is None]
        yield from ((trial.mutant, fate) for trial, fate in seen if fate)
        running += [_begun(*one) for one in islice(waiting, most - len(running))]
        time.sleep(0.01)


def _begun(mutant: Mutant, tests: Sequence[Timed]) -> Trial:
    if not tests:
        return Trial(mutant=mutant)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _be_the_child(mutant, rounds(mutant, tests))
    return Trial(mutant=mutant, child=child, until=time.monotonic() + PATIENCE)


def rounds(mutant: Mutant, tests: Sequence[Timed]) -> list[list[Timed]]:
    """Return two rounds of tests: some of the file's own and the shortest of all; then those of its package, its own
    elsewhere, and more.
    """
    package, _, module = mutant.file.removesuffix(".py").rpartition("/")
    short = sorted(tests, key=lambda one: (one.seconds, one.name))
    folder = f"tests/{package}/"
    near = list(_in_turn([one for one in short if one.file.startswith(folder)]))
    own = sorted((one for one in short if module in one.file), key=lambda one: not one.file.startswith(folder))
    mixed = list(_in_turn(short))
    first = _within(FIRST, [*own[:6], *near[:6], *mixed[:6]])
    nearest = [one for one in own if one.file.startswith(folder)]
    return [first, [one for one in _within(ENOUGH, [*nearest, *near, *own, *mixed]) if one not in first]]


def _in_turn(tests: Sequence[Timed]) -> Iterator[Timed]:
    """Yield the tests by turns from each file."""
    files: dict[str, list[Timed]] = {}
    for one in tests:
        files.setdefault(one.file, []).append(one)
    while files:
        for name in list(files):
            yield files[name].pop(0)
            if not files[name]:
                del files[name]


def _within(seconds: float, tests: Sequence[Timed]) -> list[Timed]:
    found: dict[str, Timed] = {}
    left = seconds
    for one in tests:
        if one.name not in found and (one.seconds <= left or not found):
            found[one.name] = one
            left -= one.seconds
    return list(found.values())


def _fate(status: int) -> Fate:
    if os.WIFSIGNALED(status):
        return Fate.OUT_OF_TIME
    return Fate.KILLED if os.WEXITSTATUS(status) else Fate.SURVIVED


def _be_the_child(mutant: Mutant, asked: Sequence[Sequence[Timed]]) -> None:
    code = 1
    place = tempfile.mkdtemp(prefix="mutant-")
    try:
        _go_quiet(place)
        sys.meta_path.insert(0, _Changed(mutant))
        code = _run(asked, place)
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os._exit(code)


def _go_quiet(place: str) -> None:
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR, PROCESSOR))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for one in (0, 1, 2):
        os.dup2(nowhere, one)
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = place
    tempfile.tempdir = os.environ["TMPDIR"] = place
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))


def _run(asked: Sequence[Sequence[Timed]], place: str) -> int:
    """Return 0 when all tests pass."""
    for number, tests in enumerate(asked):
        if not tests:
            continue
        files = sorted({one.file for one in tests})
        code = pytest.main([*QUIETLY, "-x", f"--timeout={TEST}", f"--basetemp={place}/{number}", *files],
                           plugins=[_Only({one.name for one in tests})])  # fmt: skip
        if code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            return 1
    return 0


class _Only:
    """A pytest plugin: run the tests that were asked for."""

    def __init__(self, names: Collection[str]) -> None:
        self.names = names

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [one for one in items if one.nodeid in self.names]


class _Changed(MetaPathFinder):
    """Imports the changed file."""

    def __init__(self, mutant: Mutant) -> None:
        self.name = mutant.file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        self.path = ROOT / mutant.file
        self.code = mutant.code

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """Answer for this file alone."""
        if fullname != self.name:
            return None
        return spec_from_file_location(fullname, self.path, loader=_Loader(fullname, self.path, self.code))


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: Path, changed: str) -> None:
        super().__init__(name, str(path))
        self.changed = changed

    def get_code(self, fullname: str) -> CodeType:
        """Compile the changed text and keep nothing of it on disk."""
        return compile(self.changed, self.path, "exec", dont_inherit=True)
