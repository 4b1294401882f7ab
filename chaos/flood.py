"""Genuine webhooks beside those who mean harm: how many are accepted, and how quickly."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from chaos import attackers
from chaos.attackers import Attack
from chaos.books import Balance
from chaos.ring import Interrupted, Ring
from tests.fakes.service import tick

CLIENTS = 1_000
PACE = 40.0
"""Genuine webhooks a second, each over a connection of its own, as most senders do it."""

PATIENCE = 5.0
"""Seconds after which a genuine sender gives up, as the least patient of them do (docs/connectors.md)."""

HEAD = b"POST /hooks/ticks HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nx-signature: 0\r\n"


@dataclass(slots=True)
class Genuine:
    """A sender at a steady pace. It starts each webhook on time, whether the one before was answered or not."""

    port: int
    first: int = 0
    accepted: set[int] = field(default_factory=set)
    failed: int = 0
    took: list[float] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    def post_for(self, seconds: float) -> None:
        """Post for so long, and wait for the answers."""
        began = time.monotonic()
        for number in range(int(seconds * PACE)):
            time.sleep(max(0.0, began + number / PACE - time.monotonic()))
            thread = threading.Thread(target=self._post, args=(self.first + number,), daemon=True)
            thread.start()
            self._threads.append(thread)
        for thread in self._threads:
            thread.join(PATIENCE + 1)

    def _post(self, number: int) -> None:
        began = time.monotonic()
        with (
            suppress(OSError, http.client.HTTPException),
            closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as wire,
        ):
            wire.request("POST", "/hooks/ticks", *tick(number))
            if wire.getresponse().status == 200:
                self.accepted.add(number)
                self.took.append(time.monotonic() - began)
                return
        self.failed += 1


def slowest(took: Sequence[float], share: float) -> float:
    """Return how long, in milliseconds, all but this share took at most."""
    return sorted(took)[int(len(took) * (1 - share)) - 1] * 1000 if took else 0.0


def beside(how: Callable[[Attack], None], threads: int = 2) -> Callable[[Ring], Balance]:
    """Make an episode: genuine webhooks alone, then beside the attack; all of them have to be accepted."""

    def episode(ring: Ring) -> Balance:
        ring.service.start()
        port = ring.service.port
        alone, during = Genuine(port), Genuine(port, first=100_000)
        alone.post_for(max(1.0, ring.seconds / 4))
        with Attack(port, how, threads) as attack:
            time.sleep(1.0)
            during.post_for(ring.seconds)
            ring.faults = attack.count
        if not ring.service.pids():
            raise Interrupted("the service died of it")
        ring.crowd.owe(alone.accepted | during.accepted)
        ring.notes.append(
            f"genuine {len(during.accepted)} of {len(during.accepted) + during.failed} accepted, "
            f"p50 {slowest(during.took, 0.5):.0f} ms, p99 {slowest(during.took, 0.01):.0f} ms; "
            f"alone p50 {slowest(alone.took, 0.5):.0f} ms, p99 {slowest(alone.took, 0.01):.0f} ms; "
            f"{memory(ring):.0f} MB"
        )
        found = ring.close()
        if during.failed:
            found.broken.append(f"genuine webhooks shut out: {during.failed}")
        return found

    return episode


def memory(ring: Ring) -> float:
    """Return what the processes of the service hold in memory, in megabytes."""
    total = 0
    for pid in ring.service.pids():
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return total / 1024


slow_headers = beside(attackers.slow(HEAD[:-20], CLIENTS), threads=1)
slow_bodies = beside(attackers.slow(HEAD + b"content-length: 900000\r\n\r\n{", CLIENTS), threads=1)
forgeries = beside(attackers.forgeries, threads=3)
huge_headers = beside(attackers.huge_headers)
many_keys = beside(attackers.many_keys)
many_connections = beside(attackers.many_connections, threads=3)
