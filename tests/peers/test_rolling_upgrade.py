"""Two versions side by side on one PostgreSQL, under load: new nodes start and migrate, old ones go one by one."""

from __future__ import annotations

import http.client
import io
import os
import subprocess
import sys
import tarfile
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from audit.engines.postgres import MIGRATIONS
from chaos.books import Record, balance
from chaos.ground import PostgresServer
from chaos.ring import complaints
from tests.fakes.counting import SETTINGS, Counting, counting
from tests.fakes.service import ROOT, Service, tick, until
from tests.peers.postgres import needs_postgres

pytestmark = needs_postgres()
NEWEST = max(MIGRATIONS.glob("*.sql"))
STRETCH = 3.0
"""Seconds of load between two steps of the upgrade."""

WAITS = 10.0
"""Seconds that a sender may have to go on trying; a migration waits for those who write, and they for it."""


@pytest.fixture
def version_before(tmp_path: Path) -> Path:
    """The newest version whose schema lacks the newest migration: what stands beside this one in an upgrade."""
    added = _git("log", "--diff-filter=A", "--format=%H", "-1", "--", str(NEWEST.relative_to(ROOT)))
    commit = (
        _git("rev-parse", "--verify", "--quiet", f"{added.decode().strip()}^" if added else "HEAD").decode().strip()
    )
    if not commit:
        pytest.skip("there is no history to take the version before from")
    folder = tmp_path / "before"
    with tarfile.open(fileobj=io.BytesIO(_git("archive", commit))) as files:
        files.extractall(folder, filter="data")
    assert not (folder / NEWEST.relative_to(ROOT)).exists()
    _give_it_what_it_needs(folder)
    return folder


def _give_it_what_it_needs(folder: Path) -> None:
    """Install beside it what it asks for otherwise than this version, such as a package we have given up."""
    missing = sorted(_asked(folder) - _asked(ROOT))
    if not missing:
        return
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(folder)]
    done = subprocess.run([*pip, *missing], check=False, capture_output=True, text=True, timeout=120)
    if done.returncode:
        pytest.skip(f"what the version before depends on cannot be installed here: {', '.join(missing)}")


def _asked(folder: Path) -> set[str]:
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {*project["dependencies"], *project["optional-dependencies"]["postgres"]}


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[PostgresServer]:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)  # the server runs as a user of its own
    made = PostgresServer(tmp_path)
    try:
        yield made
    finally:
        made.close()


def test_an_upgrade_node_by_node_loses_and_doubles_nothing(
    version_before: Path, ground: PostgresServer, tmp_path: Path
) -> None:
    with counting(0.05) as provider:
        nodes = {
            name: _node(tmp_path / name, role, ground, provider, version_before if name.startswith("old") else ROOT)
            for name, role in (("old-web", "web"), ("old-worker", "worker"), ("web", "web"), ("worker", "worker"))
        }
        try:
            with senders([nodes["old-web"].port, nodes["web"].port]) as shop:
                nodes["old-web"].start(), nodes["old-worker"].start()
                _load(shop)
                assert NEWEST.stem not in _migrations(ground), "the old ones work with the schema of their own"

                nodes["web"].start(), nodes["worker"].start()
                assert NEWEST.stem in _migrations(ground)
                _load(shop)
                for name in ("old-web", "old-worker"):
                    assert nodes[name].is_up(), "the old ones work with the new schema, too"
                    nodes[name].term()
                    _load(shop)
            record = Record(ground)
            until(lambda: record.is_settled, lambda: f"still waiting: {record.states}", 30)
        finally:
            for node in nodes.values():
                node.term()
    found = balance(record, [provider], {f"tick-{number}" for number in shop.accepted})

    assert found.broken == []
    assert (found.lost, found.doubled, found.unknown) == (0, 0, 0)
    assert found.taken == found.events == len(shop.accepted) > 100
    assert shop.longest < WAITS
    assert {name: [*complaints(node), *_broken(node)] for name, node in nodes.items()} == {name: [] for name in nodes}
    for words in (["db", "check"], ["audit", "verify"]):
        _command(nodes["web"], words)


class Shop:
    """Posts one event after the other, each at the nodes in turn until one says 2xx, and every seventh twice."""

    def __init__(self, ports: list[int]) -> None:
        self.accepted: set[int] = set()
        self.longest = 0.0
        self.stop = threading.Event()
        self._ports, self._numbers = ports, iter(range(1_000_000))
        self.threads = [threading.Thread(target=self._post_all, daemon=True) for _ in range(3)]

    def _post_all(self) -> None:
        while not self.stop.is_set():
            number, began = next(self._numbers), time.monotonic()
            for turn in range(2 if number % 7 == 0 else 1):
                while not self._post(number, self._ports[(number + turn) % len(self._ports)]):
                    turn += 1  # noqa: PLW2901 - the next node
                    time.sleep(0.02)
            self.accepted.add(number)
            self.longest = max(self.longest, time.monotonic() - began)
            time.sleep(0.02)

    def _post(self, number: int, port: int) -> bool:
        with suppress(OSError, http.client.HTTPException):
            wire = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            try:
                wire.request("POST", "/hooks/ticks", *tick(number))
                return 200 <= wire.getresponse().status < 300
            finally:
                wire.close()
        return False


@contextmanager
def senders(ports: list[int]) -> Iterator[Shop]:
    """Let a shop post at these nodes; at the end of the block everything it began to post was taken."""
    shop = Shop(ports)
    try:
        yield shop
    finally:
        shop.stop.set()
        for thread in shop.threads:
            if thread.is_alive():
                thread.join(20)


def _load(shop: Shop) -> None:
    """Let so much time pass under load, and see that events are taken."""
    for thread in shop.threads:
        if not thread.is_alive() and not shop.accepted:
            thread.start()
    before = len(shop.accepted)
    time.sleep(STRETCH)
    assert len(shop.accepted) > before


def _node(folder: Path, role: str, ground: PostgresServer, provider: Counting, version: Path) -> Service:
    folder.mkdir()
    return Service(
        folder, settings={"mode": "live", "database": ground.address, "routes": {"order": ["counted"]}},
        gateways={"counted": {**SETTINGS, "base_url": provider.url}}, words=("--role", role),
        environment={"PYTHONPATH": str(version)},
    )  # fmt: skip


def _migrations(ground: PostgresServer) -> set[str]:
    return {row[0] for row in ground.rows("select name from migrations")}


def _broken(node: Service) -> list[str]:
    """Return the lines in which a node says that the database is not as it knows it."""
    return [line[:300] for line in node.log.splitlines() if "does not exist" in line or "null value in column" in line]


def _command(node: Service, words: list[str]) -> None:
    """Run a command of this version beside the service."""
    done = subprocess.run(
        [sys.executable, "-m", "cli", "--config", str(node.folder / "tidings.toml"), *words], cwd=node.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def _git(*words: str) -> bytes:
    """Ask for the history; nothing where there is none."""
    with suppress(FileNotFoundError):
        return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, check=False).stdout
    return b""
