"""What the nodes work with: a server that can be killed and comes back, a provider that counts, workers, and events.

Long because it starts and ends a server, a provider and workers, feeds them, and holds their books against each other.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from audit import conservation, intake
from audit.store import Store, at_once
from bench.nodes.net import HUB, Network
from model.event import Event, Incoming
from model.ids import Ids
from tests.fakes.counting import SETTINGS
from tests.fakes.service import ROOT, Service, in_group, until
from tests.peers.postgres import BIN, USER, as_user
from tests.peers.processes import end

PORT = 5432
URL = f"postgresql://{USER}@{HUB}:{PORT}/postgres"
FEED = 250
"""Events in one transaction."""


@dataclass(slots=True)
class Server:
    """PostgreSQL in the hub, with all its flushes."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Make its files."""
        shutil.chown(self.folder, USER, USER)
        made: list[str | Path] = [
            *as_user(),
            BIN / "initdb",
            "-D",
            self.folder / "data",
            "-A",
            "trust",
            "-U",
            USER,
            "--locale=C.UTF-8",
        ]
        subprocess.run(made, check=True, capture_output=True, cwd=self.folder)
        with (self.folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {HUB}/24 trust\n")

    def start(self) -> None:
        """Start it, the first time or after a kill, and wait until it answers."""
        options = [f"listen_addresses={HUB}", "unix_socket_directories=", "max_connections=200"]
        words: list[str | Path] = [*as_user(), BIN / "postgres", "-D", self.folder / "data", "-p", str(PORT)]
        for option in options:
            words += ["-c", option]
        with (self.folder / "postgres.log").open("ab") as log:
            self.process = subprocess.Popen(words, cwd=self.folder, stdout=log, stderr=log, start_new_session=True)
        until(self._answers, lambda: (self.folder / "postgres.log").read_text()[-2000:], 60)

    def kill(self) -> None:
        """End it and all its processes as a power cut would."""
        if self.process is not None:
            end(self.process)
        self.process = None

    def cpu_seconds(self) -> float:
        """Return the processor's time of all its processes that still run."""
        return _seconds(_family(self.process.pid)) if self.process is not None else 0.0

    def _answers(self) -> bool:
        import psycopg

        if self.process is not None and self.process.poll() is not None:
            raise RuntimeError((self.folder / "postgres.log").read_text()[-2000:])
        with suppress(psycopg.OperationalError), psycopg.connect(URL, connect_timeout=2):
            return True
        return False


@dataclass(slots=True)
class Provider:
    """The counting provider in the hub."""

    process: subprocess.Popen[str]
    url: str

    @classmethod
    def start(cls, delay: float) -> Provider:
        """Start one that answers after `delay` seconds."""
        words = [sys.executable, "-m", "tests.fakes.counting", "--delay", str(delay), "--host", HUB]
        process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert process.stdout is not None
        return cls(process, f"http://{HUB}:{int(process.stdout.readline())}")

    def taken(self) -> list[tuple[str, float]]:
        """Return every text with the wall clock of its arrival."""
        with closing(HTTPConnection(self.url.removeprefix("http://"), timeout=60)) as connection:
            connection.request("GET", "/taken")
            return [(text, at) for text, at in json.loads(connection.getresponse().read())]

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@dataclass(slots=True)
class Node:
    """A worker in a network of its own."""

    number: int
    service: Service
    network: Network
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; whether it is up shows in what it does."""
        self.service.write()
        words: list[str | Path] = [
            sys.executable,
            "-m",
            "cli",
            "--config",
            self.service.folder / "tidings.toml",
            "serve",
        ]
        with (self.service.folder / "service.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.network.inside(self.network.node(self.number), [*words, "--role", "worker"]),
                cwd=self.service.folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def stop(self) -> None:
        """End it, politely if it listens."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(3)
            end(self.process)
        self.process = None

    def cpu_seconds(self) -> float:
        return _seconds(in_group(self.process.pid)) if self.process is not None else 0.0


@dataclass(slots=True)
class Ground:
    """Server, provider and nodes of one measurement. `gateway` is what is set for the provider besides its address."""

    folder: Path
    network: Network
    delay: float = 0.1
    senders: int = 8
    gateway: Mapping[str, Any] = field(default_factory=dict)
    server: Server = field(init=False)
    provider: Provider = field(init=False)
    nodes: list[Node] = field(default_factory=list)
    fed: int = 0

    def __post_init__(self) -> None:
        (self.folder / "server").mkdir()
        self.server, self.provider = Server(self.folder / "server"), Provider.start(self.delay)
        self.server.make()
        self.server.start()
        Store(URL).close()

    def add(self, count: int) -> None:
        """Start so many nodes more, and wait until each works with the database."""
        for _ in range(count):
            number = len(self.nodes) + 1
            service = Service(self.folder / f"node{number}", settings={
                "mode": "live", "routes": {"order": ["counted"]}, "database": URL,
                "limits": {"sender_threads": self.senders},
            }, gateways={"counted": {**SETTINGS, "base_url": self.provider.url, **self.gateway}})  # fmt: skip
            service.folder.mkdir()
            self.nodes.append(Node(number, service, self.network))
            self.nodes[-1].start()
        until(lambda: self._there() == len(self.nodes), lambda: self.nodes[-1].service.log[-2000:], 60)

    def feed(self, count: int) -> None:
        """Let so many events have come in; each becomes one text."""
        ids, now = Ids(lambda: datetime.now(UTC), node=999), datetime.now(UTC)
        with closing(Store(URL)) as store:
            for first in range(self.fed, self.fed + count, FEED):
                numbers = range(first, min(first + FEED, self.fed + count))
                incoming = Incoming(source="ticks", received_at=now)
                store.write(at_once(partial(_accept, incoming=incoming, numbers=numbers, ids=ids)))
            store.announce()
            time.sleep(0.05)
        self.fed += count

    def wait(self, patience: float, *, clear: bool = True) -> None:
        """Wait until every text has left, and (`clear`) its fate is known."""
        unclear = ", 'unknown'" if clear else ""
        sql = f"""select (select count(*) from events where state = 'received') + (
            select count(*) from messages where state in ('queued', 'submitting'{unclear}))"""  # noqa: S608 - our words
        until(lambda: self.rows(sql)[0][0] == 0, lambda: f"still there: {self.states()}", patience)

    def states(self) -> dict[str, int]:
        """How many texts are in each state."""
        return dict(self.rows("select state, count(*) from messages group by state"))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the database past the store."""
        import psycopg

        with psycopg.connect(URL, connect_timeout=5) as connection:
            return connection.execute(sql.encode()).fetchall()

    def books(self) -> dict[str, int]:
        """Hold the provider's count against what came in: nothing lost, nothing twice, what is unknown is listed."""
        counts = Counter(text for text, _ in self.provider.taken())
        unknown = self.states().get("unknown", 0)
        with closing(Store(URL)) as store:
            faults = conservation.report(store).faults
        lost = self.fed - len(counts) - unknown
        return {
            "events": self.fed, "taken": len(counts), "doubled": sum(count > 1 for count in counts.values()),
            "unknown": unknown, "lost": max(lost, 0), "faults": len(faults),
        }  # fmt: skip

    def close(self) -> None:
        """End everything."""
        for node in self.nodes:
            node.stop()
        self.provider.stop()
        self.server.kill()

    def _there(self) -> int:
        sql = "select count(distinct client_addr) from pg_stat_activity where application_name = 'tidings'"
        return int(self.rows(f"{sql} and client_addr <> '{HUB}'")[0][0])


@contextmanager
def ground(network: Network, **more: Any) -> Iterator[Ground]:
    """Make a place to measure in; nothing of it stays."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="tidings-nodes-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)  # the server runs as a user of its own
        made = Ground(folder, network, **more)
        stack.callback(made.close)
        yield made


def _accept(tx: Any, incoming: Incoming, numbers: range, ids: Ids) -> None:
    facts = [
        Event(source="ticks", type="custom.tick", native_type="tick", id=f"tick-{number}", key=f"tick-{number}",
              occurred_at=incoming.received_at, data={"number": number, "phone": f"+49171{number:07d}"})
        for number in numbers
    ]  # fmt: skip
    intake.accept(tx, incoming, facts, ids)


def _family(pid: int) -> list[int]:
    """Return a process and its children."""
    found = [pid]
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                if int((entry / "stat").read_text().rpartition(") ")[2].split()[1]) == pid:
                    found.append(int(entry.name))
    return found


def _seconds(pids: Iterable[int]) -> float:
    """Return the processor's time of processes, and of their children that ended."""
    ticks = 0
    for pid in pids:
        with suppress(OSError):
            words = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
            ticks += sum(int(word) for word in words[11:15])  # utime, stime, cutime, cstime: proc(5)
    return ticks / os.sysconf("SC_CLK_TCK")
