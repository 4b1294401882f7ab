"""From `tidings serve` to the first accepted webhook, and what it takes of the memory when it idles."""

from __future__ import annotations

import contextlib
import http.client
import tempfile
import time
from functools import partial
from pathlib import Path

from bench.figures import Figure, median
from tests.fakes.service import Service, tick, until

TIMES = 5


def measure(scale: float) -> list[Figure]:
    """Start several times over the same database; measure memory when nothing has happened for a moment."""
    seconds, megabytes = [], 0.0
    with tempfile.TemporaryDirectory(prefix="tidings-bench-") as folder:
        service = Service(Path(folder))
        try:
            for number in range(max(2, int(TIMES * scale))):
                began = time.monotonic()
                service.start(wait=False)
                until(partial(_accepted, service, number), lambda: f"not accepted:\n{service.log}")
                seconds.append(time.monotonic() - began)
                time.sleep(1.5)  # idle is what is measured
                megabytes = sum(pss(pid) for pid in service.pids()) / 1e6
                service.term()
        finally:
            service.kill()
    return [
        Figure(what="start to first accepted webhook", value=median(seconds), unit="s", budget=1.1),
        Figure(what="idle memory, all processes", value=megabytes, unit="MB", budget=100, note="PSS"),
    ]


def _accepted(service: Service, number: int) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException):
        return service.post("ticks", *tick(number))[0] == 200
    return False


def pss(pid: int) -> int:
    """Return the proportional share of memory of a process, in bytes."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
