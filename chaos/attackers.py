"""Clients that mean harm: each goes on in threads of its own until it is told to stop."""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote

from tests.fakes.service import tick

TRICKLE = 2.0
"""Seconds between two bytes of a slow client."""

KEYS = 20_000


class Attack:
    """Runs one attack; `count` is how many requests or connections it made."""

    def __init__(self, port: int, how: Callable[[Attack], None], threads: int = 2) -> None:
        self.port, self.count = port, 0
        self.stopped = threading.Event()
        self._threads = [threading.Thread(target=how, args=(self,), daemon=True) for _ in range(threads)]

    def __enter__(self) -> Attack:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        for thread in self._threads:
            thread.join(20)

    def posts(self, requests: Iterator[bytes]) -> None:
        """Send requests one after the other over connections that are kept, whatever comes back."""
        wire: socket.socket | None = None
        for request in requests:
            if self.stopped.is_set():
                break
            try:
                wire = wire or socket.create_connection(("127.0.0.1", self.port), timeout=10)
                wire.sendall(request)
                if not wire.recv(65_536):
                    raise ConnectionError("hung up")
            except OSError:
                if wire is not None:
                    wire.close()
                wire = None
                time.sleep(0.005)
            self.count += 1
        if wire is not None:
            wire.close()


def slow(beginning: bytes, connections: int) -> Callable[[Attack], None]:
    """Open many connections, send a beginning over each and then a byte now and then; what was cut is opened again."""

    def attack(self: Attack) -> None:
        wires: list[socket.socket] = []
        while not self.stopped.is_set():
            while len(wires) < connections and not self.stopped.is_set():
                with contextlib.suppress(OSError):
                    wire = socket.create_connection(("127.0.0.1", self.port), timeout=5)
                    wires.append(wire)
                    wire.sendall(beginning)
                    self.count += 1
            self.stopped.wait(TRICKLE)
            wires = [wire for wire in wires if _still_takes(wire)]
        for wire in wires:
            wire.close()

    return attack


def _still_takes(wire: socket.socket) -> bool:
    try:
        wire.sendall(b"a")
    except OSError:
        wire.close()
        return False
    return True


def request(body: bytes, headers: Mapping[str, str], path: str = "/hooks/ticks") -> bytes:
    """Write one POST."""
    lines = [f"POST {path} HTTP/1.1", "host: x", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items())]).encode() + b"\r\n\r\n" + body


def forgeries(self: Attack) -> None:
    """Post well-formed events with signatures that are wrong."""
    made = []
    for number in range(200):
        body, headers = tick(600_000 + number, 500)
        made.append(request(body, {**headers, "x-signature": f"{number:064x}"}))
    self.posts(itertools.cycle(made))


def huge_headers(self: Attack) -> None:
    """Post headers of hundreds of kilobytes, one long or thousands of short ones."""
    body, headers = tick(650_000)
    long = request(body, {**headers, "x-long": "a" * 400_000, "x-signature": "0"})
    many = request(body, {**{f"x-{n}": "a" * 20 for n in range(5_000)}, "x-signature": "0"})
    self.posts(itertools.cycle([long, many]))


def many_keys(self: Attack) -> None:
    """Post bodies of thousands of keys: JSON and forms, with the numbers that Python's integers hash alike."""
    alike = [str(n * (2**61 - 1)) for n in range(1, KEYS)]
    as_json = json.dumps(dict.fromkeys(alike, 0)).encode()[:900_000]
    nested = b'{"a":' * 50_000
    form = "&".join(f"{quote(key)}=1" for key in alike).encode()[:900_000]
    number = b'{"id": ' + b"9" * 800_000 + b"}"
    bodies = (as_json, nested, form, number)
    paths = ("/hooks/ticks", "/receipts/p0/nobody", "/api/v1/messages")
    types = ("application/json", "application/x-www-form-urlencoded")
    made = [request(body, {"content-type": kind, "x-signature": "0"}, path)
            for body, path, kind in itertools.product(bodies, paths, types)]  # fmt: skip
    self.posts(itertools.cycle(made))


def many_connections(self: Attack) -> None:
    """Open connections as quickly as the machine can, say nothing or nonsense, and go."""
    dice = random.Random(1)
    while not self.stopped.is_set():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5) as wire:
            if dice.random() < 0.5:
                wire.sendall(dice.randbytes(200))
            self.count += 1
        time.sleep(0.001)
