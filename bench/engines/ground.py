"""The ground an engine is measured on: its server, its nodes, the provider; what they cost, and how each is killed."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from audit.store import Store
from bench.engines.node import confirmed
from bench.engines.servers import Start, server
from bench.engines.spending import cpu, descendants, memory
from bench.engines.step import place
from bench.places import Provider, provider
from tests.fakes.service import ROOT, until

SETTLES = 10.0
"""Seconds without a message at the provider after which no more are expected."""

IDLE = 0.2
ONE_NODE = ("sqlite", "rabbit-books")
"""Whose outcomes are in one file: one process writes it, as the service does."""

TOGETHER = 32
"""Calls to the provider at once, over all nodes."""


@dataclass(slots=True)
class Ground:
    """One engine on empty files. `folder` has the place of its server and the book of what was confirmed."""

    engine: str
    folder: Path
    provider: Provider
    start: Start
    others: frozenset[int]
    patience: float
    nodes: list[Node] = field(default_factory=list)
    _server: ExitStack = field(default_factory=ExitStack)

    @property
    def is_embedded(self) -> bool:
        """Whether publishing and sending are one process, and the engine is in it."""
        return self.engine == "sqlite"

    def begin(self) -> None:
        """Start the engine's server, if it has one, and say where it is."""
        fresh = self.folder / "place.new"
        fresh.write_text(self.start(self._server), "utf-8")
        fresh.replace(self.folder / "place")

    def kill_server(self) -> None:
        """End it as a power cut would; the files stay."""
        self._server.close()

    def node(self, *words: str) -> Node:
        """Start a node; it waits for `go`."""
        made = Node(self.engine, self.folder, words)
        self.nodes.append(made)
        return made

    def sender(self, *more: str) -> Node:
        """Start a node that sends."""
        return self.node("--send", self.provider.url, "--together", str(TOGETHER // self._count), *more)

    def senders(self, *more: str) -> list[Node]:
        """Start all that send: two, or one where the outcomes are in a file."""
        return [self.sender(*more) for _ in range(self._count)]

    @property
    def _count(self) -> int:
        return 1 if self.engine in ONE_NODE else 2

    def close(self) -> None:
        """End everything."""
        for node in self.nodes:
            node.kill()
        self._server.close()

    def server_pids(self) -> list[int]:
        """Return the processes of the engine's server."""
        return sorted(descendants(os.getpid()) - {node.pid for node in self.nodes} - self.others)

    def spent(self) -> tuple[float, float]:
        """Return the processor's seconds so far of the server and of the nodes."""
        return sum(map(cpu, self.server_pids())), sum(node.spent() for node in self.nodes)

    def memory(self) -> tuple[float, float]:
        """Return the megabytes of the server and of the nodes."""
        return sum(map(memory, self.server_pids())), sum(memory(node.pid) for node in self.nodes)

    def taken(self) -> list[tuple[str, float]]:
        """Return the ids at the provider, with the time of each."""
        return self.provider.taken()

    def settled(self, count: int) -> list[tuple[str, float]]:
        """Wait until the provider has so many different ones, or nothing came for `patience` seconds."""
        found, still = self.provider.counts()["taken"], time.monotonic()
        while time.monotonic() - still < self.patience:
            time.sleep(IDLE)
            now = self.provider.counts()["taken"]
            if now >= count and len({message_id for message_id, _ in self.taken()}) >= count:
                break
            if now != found:
                found, still = now, time.monotonic()
        time.sleep(IDLE)  # a double would come now
        return self.taken()

    def unknown(self) -> set[str]:
        """Return what the engine lists as unknown."""
        if self.engine == "rabbit-books":
            with closing(sqlite3.connect(self.folder / "books.db")) as books:
                return {row[0] for row in books.execute("select id from outcomes where state = 'unknown'")}
        if self.engine.startswith("rabbit"):
            return set()
        with closing(Store(place(self.folder))) as store:
            return _unknown(store)


class Node:
    """A process of bench/engines/node.py."""

    def __init__(self, engine: str, folder: Path, words: tuple[str, ...]) -> None:
        command = [sys.executable, "-m", "bench.engines.node", engine, str(folder), *words]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self._process.pid
        self._read("up")

    def spent(self) -> float:
        """Return the processor's seconds it took so far."""
        return cpu(self.pid)

    def go(self) -> Node:
        """Let it begin."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return self

    def published(self) -> None:
        """Wait until all it had to publish is confirmed."""
        self._read("published")

    def kill(self) -> None:
        """End it at once (kill -9)."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _read(self, word: str) -> None:
        assert self._process.stdout is not None
        said = self._process.stdout.readline().strip()
        if said != word:
            raise RuntimeError(f"a node said {said!r} instead of {word!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What became of the confirmed messages. `unknown` are listed by the engine, `had` of them are at the provider."""

    confirmed: int
    lost: int
    doubled: int
    unknown: int
    had: int


def balance(ground: Ground, taken: list[tuple[str, float]]) -> Balance:
    """Compare what was confirmed with what the provider got."""
    times = Counter(message_id for message_id, _ in taken)
    promised, unknown = confirmed(ground.folder), ground.unknown()
    return Balance(
        confirmed=len(promised), lost=len(promised.keys() - times.keys() - unknown),
        doubled=sum(count > 1 for count in times.values()), unknown=len(unknown), had=len(unknown & times.keys()),
    )  # fmt: skip


def _unknown(store: Store) -> set[str]:
    """Wait until no claim is open any more: those of a node that died end with their lease. Then return the unknown."""

    def ids(state: str) -> set[str]:
        with store.read() as tx:
            return {row["id"] for row in tx.execute("select id from messages where state = ?", (state,))}

    until(lambda: not ids("submitting"), lambda: f"claims stay open: {ids('submitting')}", SETTLES)
    return ids("unknown")


@contextmanager
def ground(engine: str, delay: float = 0.0, patience: float = SETTLES) -> Iterator[Ground]:
    """Start an engine on empty files, and a provider that takes `delay` seconds."""
    with TemporaryDirectory(prefix="tidings-engines-") as name, provider(delay) as there:
        folder = Path(name)
        with server(engine, folder) as start:
            made = Ground(engine, folder, there, start, frozenset(descendants(os.getpid())), patience)
            try:
                made.begin()
                yield made
            finally:
                made.close()
