"""Where a measurement runs: a fresh installation, and a provider in a process of its own."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.fakes.counting import SETTINGS
from tests.fakes.counting_smsc import SETTINGS as SMPP
from tests.fakes.service import ROOT, Service, running


@contextmanager
def installation(**more: Any) -> Iterator[Service]:
    """Run a service in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tidings-bench-") as folder, running(Service(Path(folder), **more)) as made:
        yield made


def stored(service: Service) -> int:
    """Count the events in the store."""
    with closing(sqlite3.connect(f"file:{service.database}?mode=ro", uri=True)) as connection:
        found: int = connection.execute("select count(*) from events").fetchone()[0]
        return found


def cpu_seconds(service: Service) -> float:
    """Return the processor's time that all processes of a service took so far."""
    ticks = 0
    for pid in service.pids():
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        ticks += int(words[11]) + int(words[12])  # utime and stime, proc(5)
    return ticks / os.sysconf("SC_CLK_TCK")


def live_through(url: str, **limits: int) -> Mapping[str, Any]:
    """Return what makes a service send through the counting provider."""
    settings = {"mode": "live", "routes": {"order": ["counted"]}, "limits": limits}
    return {"settings": settings, "gateways": {"counted": {**SETTINGS, "base_url": url}}}


def live_over_smpp(port: int, **limits: int) -> Mapping[str, Any]:
    """Return what makes a service send through the counting SMSC, with a window as wide as its senders."""
    settings = {"mode": "live", "routes": {"order": ["counted"]}, "limits": limits}
    window = {"window": limits.get("sender_threads", 10)}
    return {"settings": settings, "gateways": {"counted": {**SMPP, **window, "port": port}}}


class Provider:
    """The counting provider as a process: its work does not share our interpreter."""

    def __init__(self, delay: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.counting", "--delay", str(delay)],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self._port = int(self._process.stdout.readline())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def counts(self) -> dict[str, int]:
        """Return how many texts were taken, and how many of them twice."""
        found: dict[str, int] = self._ask("/counts")
        return found

    def taken(self) -> list[tuple[str, float]]:
        """Return every text with the wall clock of its arrival."""
        return [(text, at) for text, at in self._ask("/taken")]

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _ask(self, path: str) -> Any:
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=30)) as connection:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())


@contextmanager
def provider(delay: float = 0.0) -> Iterator[Provider]:
    """Run a provider that answers after `delay` seconds."""
    made = Provider(delay)
    try:
        yield made
    finally:
        made.stop()


class Smsc:
    """The counting SMSC as a process of its own."""

    def __init__(self, delay: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.counting_smsc", "--delay", str(delay)],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.port, self._asking_port = (int(word) for word in self._process.stdout.readline().split())

    def counts(self) -> dict[str, Any]:
        """Return when each text was taken, how many were taken twice, and how many receipts were answered."""
        with socket.create_connection(("127.0.0.1", self._asking_port), 30) as asked:
            return dict(json.loads(b"".join(iter(lambda: asked.recv(65_536), b""))))

    def taken(self) -> list[tuple[str, float]]:
        """Return every text with the wall clock of its arrival."""
        said = self.counts()
        return list(zip(said["texts"], said["taken"], strict=True))

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextmanager
def smsc(delay: float = 0.0) -> Iterator[Smsc]:
    """Run an SMSC that answers after `delay` seconds."""
    made = Smsc(delay)
    try:
        yield made
    finally:
        made.stop()
