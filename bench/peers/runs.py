"""What every program goes through: a load by wrk, and a kill -9 in the middle of another."""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.figures import Figure
from bench.load import Load
from bench.starting import pss
from tests.fakes.service import ROOT, until
from tests.peers.processes import answers, end

CONNECTIONS = 32
SECONDS = 6.0
PATIENCE = 60.0
"""How long texts may take to arrive after the load has ended, in seconds; what is later does not count in the rate."""

QUIET = 4.0
"""Nothing more is expected when nothing has arrived for so long, in seconds."""

KNOCKERS = 8
CRASH_AFTER = 3.0
STARTS_WITHIN = 40.0

Request = tuple[str, str, bytes | None, Mapping[str, str]]
"""Method, path, body and headers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One program under load: its name, its processes, and the texts that arrived at the stub behind it, with times."""

    who: str
    pids: Callable[[], Sequence[int]]
    arrived: Callable[[], Sequence[tuple[str, float]]]


def loaded(run: Run, load: Callable[[], Load], unit: str = "webhooks") -> list[Figure]:
    """Put a load on a program; tell what it accepts, what arrives, and what that takes."""
    began = cpu(run.pids())
    seen = load()
    memory = sum(pss(pid) for pid in run.pids()) / 1e6
    texts = settled(run.arrived, seen.answered - seen.errors)
    spent = (cpu(run.pids()) - began) / max(1, len(texts))
    note = f"{unit}, {seen.errors} errors" if seen.errors else unit
    return [
        Figure(who=run.who, what="accepted", value=seen.per_second, unit="/s", note=note),
        Figure(who=run.who, what="accepted: p50", value=seen.p50, unit="ms"),
        Figure(who=run.who, what="accepted: p99", value=seen.p99, unit="ms"),
        Figure(who=run.who, what="texts that arrive", value=_rate(texts), unit="/s"),
        Figure(who=run.who, what="CPU for each text", value=spent * 1e6, unit="us"),
        Figure(who=run.who, what="memory at the end of the load", value=memory, unit="MB"),
    ]


def crashed(
    run: Run, ask: Callable[[int], Request], port: int, restart: Callable[[], None], kept: Callable[[], set[str]] = set
) -> list[Figure]:
    """Kill a program in mid-load and start it again; count what it had accepted and neither sent nor `kept`.

    `ask` makes the request number n, whose text is "Tick n".
    """
    knocking = Knocking(port, ask)
    knocking.start()
    time.sleep(CRASH_AFTER)
    restart()  # the knocking goes on until the kill, and ends at the refused connections after it
    knocking.stop()
    accepted = {f"Tick {number}" for number in knocking.accepted}
    arrived = [text for text, _ in settled(run.arrived, len(accepted))]
    unsent = accepted - set(arrived)
    lost, doubled = unsent - kept(), len(arrived) - len(set(arrived))
    note = f"of {len(accepted):,}" + (f"; {len(unsent - lost):,} more on file, not sent" if unsent - lost else "")
    return [
        Figure(who=run.who, what="lost after kill -9", value=len(lost), unit="", note=note),
        Figure(who=run.who, what="sent twice after kill -9", value=doubled, unit=""),
    ]


def settled(arrived: Callable[[], Sequence[tuple[str, float]]], wanted: int) -> Sequence[tuple[str, float]]:
    """Wait until so many texts have arrived, or no more do."""
    deadline, before, moved = time.monotonic() + PATIENCE, -1, time.monotonic()
    while True:
        texts = arrived()
        if len(texts) != before:
            before, moved = len(texts), time.monotonic()
        now = time.monotonic()
        if len({text for text, _ in texts}) >= wanted or now > deadline or now - moved > QUIET:
            return texts
        time.sleep(0.5)


def _rate(texts: Sequence[tuple[str, float]]) -> float:
    moments = sorted(at for _, at in texts)
    middle = moments[len(moments) // 10 : len(moments) * 9 // 10]
    return (len(middle) - 1) / (middle[-1] - middle[0]) if len(middle) > 1 else 0.0


class Knocking:
    """Asks from several threads, each request once, and remembers which got a 2xx."""

    def __init__(self, port: int, ask: Callable[[int], Request]) -> None:
        self.accepted: set[int] = set()
        self._port, self._ask, self._next = port, ask, 0
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._knock, daemon=True) for _ in range(KNOCKERS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(15)

    def _knock(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        while not self._stop.is_set():
            with self._lock:
                number, self._next = self._next, self._next + 1
            method, path, body, headers = self._ask(number)
            try:
                connection.request(method, path, body, dict(headers))
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                self._stop.wait(0.05)
                continue
            if 200 <= answer.status < 300:
                self.accepted.add(number)
        connection.close()


class Program:
    """A program of others on free ports: started, killed and started again. `words` are its command lines, in order."""

    def __init__(self, folder: Path, words: Sequence[tuple[Sequence[str | Path], int]], **environment: str) -> None:
        self.folder, self._words, self._environment = folder, words, environment
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start each, and wait until its port answers."""
        for words, port in self._words:
            self._running.append(self._started(words))
            until(partial(answers, port), lambda: f"it did not come up, see {self.folder}", STARTS_WITHIN)

    def _started(self, words: Sequence[str | Path]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{Path(words[0]).name}.log").open("ab") as log:
            return subprocess.Popen(
                [str(word) for word in words], cwd=self.folder, env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """Kill -9 all of it."""
        while self._running:
            end(self._running.pop())

    def restart(self) -> None:
        self.kill()
        self.start()

    def pids(self) -> list[int]:
        return working_in(self.folder)


@contextlib.contextmanager
def started(program: Program) -> Iterator[Program]:
    """Run a program for the length of a `with` block."""
    try:
        program.start()
        yield program
    finally:
        program.kill()


@contextlib.contextmanager
def sink() -> Iterator[str]:
    """Run the place where peers tell of receipts; yield its address."""
    words = [sys.executable, "-m", "bench.peers.sink"]
    running = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE)
    assert running.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(running.stdout.readline())}/receipts"
    finally:
        running.kill()
        running.wait()
        running.stdout.close()


def working_in(folder: Path) -> list[int]:
    """Return the processes that were started in a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdecimal() and (entry / "cwd").readlink() == folder:
                found.append(int(entry.name))
    return found


def cpu(pids: Sequence[int]) -> float:
    """Return the processor's time these processes took so far, in seconds."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
            ticks += int(words[11]) + int(words[12])  # utime and stime, proc(5)
    return ticks / os.sysconf("SC_CLK_TCK")
