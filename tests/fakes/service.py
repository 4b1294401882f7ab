"""A real `tidings serve` process on a free port of this machine, for tests and the bench.

It runs in a session of its own, so that it and the worker the HTTP server forks can be ended together, by group id.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wire.signatures import Hmac

ROOT = Path(__file__).resolve().parents[2]
SECRET = "bench-and-test-only"
SCHEME = Hmac(header="x-signature")
PATIENCE = 15.0
RULES = """\
version: 1
defaults: {region: DE, locale: en, tz: Europe/Berlin}
rules:
  - id: every-tick
    event: custom.tick
    to: [phone]
    text: {en: "Tick {{ number }}"}
    dedupe: {key: "{{ event.key }}", for: 1d}
"""
SOURCES: Mapping[str, Mapping[str, Any]] = {
    "ticks": {
        "connector": "generic",
        "secret": SECRET,
        "verify": "hmac",
        "header": "x-signature",
        "key": "id",
        "types": {"tick": "custom.tick"},
    }
}


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def tick(number: int, size: int = 0) -> tuple[bytes, dict[str, str]]:
    """Return the signed body and headers of event `number`; every number is another event, text and phone."""
    import hashlib
    import hmac

    data = {"number": number, "phone": f"+49171{number:07d}", "note": "x" * size}
    body = json.dumps({"id": f"tick-{number}", "type": "tick", "data": data}).encode()
    proof = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return body, {"content-type": "application/json", "x-signature": proof}


@dataclass(slots=True)
class Service:
    """One installation in a folder of its own: settings, rules and database survive its processes.

    `words` follow `tidings serve` on its command line.
    """

    folder: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: SOURCES)
    gateways: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rules: str = RULES
    environment: Mapping[str, str] = field(default_factory=dict)
    words: Sequence[str] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> Path:
        return self.folder / "tidings.db"

    @property
    def rules_path(self) -> Path:
        return self.folder / "rules" / "rules.yaml"

    @property
    def log(self) -> str:
        """Everything the service said."""
        return (self.folder / "service.log").read_text("utf-8", "replace")

    def write(self) -> None:
        """Write tidings.toml and, the first time, the rules."""
        self.rules_path.parent.mkdir(parents=True, exist_ok=True)
        if not self.rules_path.exists():
            self.rules_path.write_text(self.rules, "utf-8")
        top = {
            "port": self.port,
            "database": f"sqlite:///{self.database}",
            "rules": str(self.rules_path),
            **self.settings,
        }
        lines = [f"{name} = {_toml(value)}" for name, value in top.items()]
        for kind, tables in (("sources", self.sources), ("gateways", self.gateways)):
            for name, table in tables.items():
                lines += ["", f"[{kind}.{name}]", *(f"{key} = {_toml(value)}" for key, value in table.items())]
        (self.folder / "tidings.toml").write_text("\n".join(lines) + "\n", "utf-8")

    def start(self, *, wait: bool = True) -> Service:
        """Start the process; return when it answers."""
        self.write()
        with (self.folder / "service.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli", "--config", str(self.folder / "tidings.toml"), "serve", *self.words],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if wait:
            until(self.is_up, lambda: f"the service did not come up:\n{self.log[-3000:]}")
        return self

    def is_up(self) -> bool:
        """Tell whether it answers; raises when it ended instead."""
        if self.process is not None and self.process.poll() is not None:
            raise RuntimeError(f"the service ended with {self.process.returncode}:\n{self.log[-3000:]}")
        try:
            return self.get("/healthz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def get(self, path: str) -> tuple[int, bytes]:
        """Ask for a page."""
        return self._request("GET", path, None, {})

    def post(self, source: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Post at a hook."""
        return self._request("POST", f"/hooks/{source}", body, headers)

    def _request(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read()

    def pids(self) -> list[int]:
        """Return the running processes of this service."""
        return [] if self.process is None else in_group(self.process.pid)

    def kill(self) -> None:
        """End it as a power cut would: kill -9 for the whole group."""
        self._end(signal.SIGKILL)

    def term(self, patience: float = PATIENCE) -> float:
        """Ask it to stop; return how many seconds it took until its last process was gone."""
        began = time.monotonic()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                until(lambda: not self.pids(), lambda: "still running", patience)
        took = time.monotonic() - began
        self._end(signal.SIGKILL)
        return took

    def _end(self, number: signal.Signals) -> None:
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)
        self.process.wait(PATIENCE)
        until(lambda: not self.pids(), lambda: f"processes are left: {self.pids()}")
        self.process = None


@contextlib.contextmanager
def running(service: Service) -> Iterator[Service]:
    """Start a service for the length of a `with` block; whatever happens, nothing of it stays."""
    try:
        yield service.start()
    finally:
        service.kill()


class Feeder:
    """Posts signed events from several threads, and remembers which got a 2xx. Each rests some seconds in between."""

    def __init__(self, port: int, threads: int = 4, first: int = 0, rest: float = 0.0) -> None:
        self._rest = rest
        self.accepted: set[int] = set()
        self.refused: list[int] = []
        self._port, self._next = port, first
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._feed, daemon=True) for _ in range(threads)]

    @property
    def posted(self) -> int:
        """How many numbers were used so far, accepted or not."""
        return self._next

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _take(self) -> int:
        with self._lock:
            number = self._next
            self._next += 1
            return number

    def _feed(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        while not self._stop.is_set():
            number = self._take()
            body, headers = tick(number)
            try:
                connection.request("POST", "/hooks/ticks", body, headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()  # it is opened again by itself
                self._stop.wait(0.02)
                continue
            (self.accepted.add if 200 <= answer.status < 300 else self.refused.append)(
                number if 200 <= answer.status < 300 else answer.status
            )
            if self._rest:
                self._stop.wait(self._rest)
        connection.close()


def in_group(group: int) -> list[int]:
    """Return the processes of a group that still run (zombies do not)."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            state, _, its_group = (entry / "stat").read_text().rpartition(") ")[2].split()[:3]
            if int(its_group) == group and state not in {"Z", "X"}:
                found.append(int(entry.name))
    return found


def until(holds: Callable[[], bool], complaint: Callable[[], str], patience: float = PATIENCE) -> None:
    """Poll until a condition holds. Raises TimeoutError with the complaint."""
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(complaint())
        time.sleep(0.01)


def _toml(value: Any) -> str:
    """Write a value; JSON's texts, numbers, lists and booleans are TOML's."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(child)}" for key, child in value.items()) + "}"
    return json.dumps(value)
