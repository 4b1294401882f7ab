"""A long steady load: does anything grow that should not? `python -m chaos.soak --minutes 60`."""

from __future__ import annotations

import http.client
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from chaos.books import Balance
from chaos.flood import memory, slowest
from chaos.ground import SqliteFile
from chaos.ring import Ring, ring
from tests.fakes.service import Feeder, tick

SAMPLES = 60
ENOUGH = 20.0
"""Minutes from which growth is judged: before, caches fill and threads are made."""

THREADS = 4
ALLOWED = {"megabytes": (0.05, 8.0), "files": (0.05, 10), "threads": (0.05, 8), "log_megabytes": (0.5, 16.0),
           "p99": (1.0, 100.0)}  # fmt: skip
"""What may grow from the second quarter to the last: by this share, or by this much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look. Times in milliseconds, sizes in megabytes; `log_megabytes` is the write-ahead log."""

    minute: float
    events: int
    megabytes: float
    files: int
    threads: int
    database_megabytes: float
    log_megabytes: float
    p50: float
    p99: float


class Steady:
    """Posts at a steady pace from a few threads and keeps the times since the last look."""

    def __init__(self, port: int, per_second: float) -> None:
        self.accepted: set[int] = set()
        self._port, self._pace = port, per_second / THREADS
        self._took: list[float] = []
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._post, args=(n,), daemon=True) for n in range(THREADS)]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        for thread in self._threads:
            thread.join(20)

    def taken(self) -> list[float]:
        """Return how long each webhook took since the last call, in seconds."""
        with self._lock:
            took, self._took = self._took, []
        return took

    def _post(self, first: int) -> None:

        wire = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        began, number = time.monotonic(), 0
        while not self._stop.wait(max(0.0, began + number / self._pace - time.monotonic())):
            ours = first + number * THREADS
            number += 1
            start = time.monotonic()
            try:
                wire.request("POST", "/hooks/ticks", *tick(ours))
                answer = wire.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                wire.close()
                continue
            if answer.status == 200:
                with self._lock:
                    self._took.append(time.monotonic() - start)
                    self.accepted.add(ours)
        wire.close()


def look(made: Ring, began: float, steady: Steady) -> Sample:
    """Take one sample."""
    took, sizes = steady.taken(), [file.stat().st_size / 1e6 if file.exists() else 0 for file in _files(made)]
    files = threads = 0
    for pid in made.service.pids():
        with suppress(OSError):
            files += len([*Path(f"/proc/{pid}/fd").iterdir()])
            threads += len([*Path(f"/proc/{pid}/task").iterdir()])
    return Sample(
        minute=round((time.monotonic() - began) / 60, 2), events=len(steady.accepted),
        megabytes=round(memory(made), 1), files=files, threads=threads, database_megabytes=round(sizes[0], 1),
        log_megabytes=round(sizes[1], 1), p50=round(slowest(took, 0.5), 1), p99=round(slowest(took, 0.01), 1),
    )  # fmt: skip


def _files(made: Ring) -> Sequence[Path]:
    return made.ground.files if isinstance(made.ground, SqliteFile) else ()


def judged(samples: Sequence[Sample]) -> list[str]:
    """Return what grew: the middle of the last quarter beside the middle of the second."""
    quarter = len(samples) // 4
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    grown = []
    for name, (share, much) in ALLOWED.items():
        before, after = (statistics.median(getattr(one, name) for one in part) for part in (early, late))
        if after > before * (1 + share) and after > before + much:
            grown.append(f"{name} grew from {before:g} to {after:g}")
    return grown


def capacity(made: Ring, seconds: float = 8.0) -> float:
    """Return how many events a second are accepted and sent when senders do not wait."""
    feeder = Feeder(made.service.port, THREADS, first=5_000_000)
    taken, began = len(made.providers[0].taken), time.monotonic()
    feeder.start()
    time.sleep(seconds)
    feeder.stop()
    made.crowd.owe(feeder.accepted)
    return (len(made.providers[0].taken) - taken) / (time.monotonic() - began)


def soak(made: Ring, minutes: float, per_second: float) -> tuple[list[Sample], Balance]:
    """Load the service for so long, look now and then, and close the books."""
    made.service.start()
    per_second = per_second or capacity(made) / 2
    steady, began = Steady(made.service.port, per_second), time.monotonic()
    steady.start()
    samples, every = [], max(1.0, minutes * 60 / SAMPLES)
    while time.monotonic() - began < minutes * 60:
        time.sleep(every)
        samples.append(look(made, began, steady))
    steady.stop()
    made.crowd.owe(steady.accepted)
    made.notes.append(f"{per_second:.0f} events a second")
    found = made.close()
    (found.broken if minutes >= ENOUGH else made.notes).extend(judged(samples))
    return samples, found


@click.command(help="Load the service steadily and see whether memory, files, threads or times grow.")
@click.option("--minutes", default=60.0, show_default=True)
@click.option("--per-second", default=0.0, help="Events a second; without it, half of what this machine can do.")
@click.option("--json", "as_json", is_flag=True, help="Write every sample as JSON.")
def main(minutes: float, per_second: float, *, as_json: bool) -> None:
    """Soak, and end with 1 when something grew or a promise broke."""
    with (
        tempfile.TemporaryDirectory(prefix="tidings-soak-", ignore_cleanup_errors=True) as folder,
        ring(Path(folder), random.Random(1), minutes * 60, SqliteFile) as made,
    ):
        samples, found = soak(made, minutes, per_second)
        said = [*made.notes]
    if as_json:
        click.echo(json.dumps({"samples": [asdict(one) for one in samples], "balance": asdict(found)}))
    else:
        sums = (f"events {found.events:,}, texts {found.taken:,}, lost {found.lost}, taken twice {found.doubled}, "
                f"unknown {found.unknown}")  # fmt: skip
        click.echo("\n".join([*table(samples), "", *said, *(f"BROKEN  {line}" for line in found.broken), sums]))
    sys.exit(1 if found.broken else 0)


def table(samples: Sequence[Sample]) -> list[str]:
    """Write about a dozen of the samples as a table."""
    names = [*Sample.__slots__]
    some = samples[:: max(1, len(samples) // 12)]
    rows = ["| " + " | ".join(str(getattr(one, name)) for name in names) + " |" for one in some]
    return ["| " + " | ".join(name.replace("_", " ") for name in names) + " |", "|" + " --- |" * len(names), *rows]


if __name__ == "__main__":
    main()
