"""`python -m bench.pages PATH`: every page of the console and every list of the API over a big database.

Each address is asked some times in a row by one signed-in visitor, in this process, past the HTTP server: what is
measured is the work of a page, with what it needs in the page cache of the machine. Where others are on the machine,
the time of the processor says more than the clock.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench import walk
from bench.figures import Figure, median, percentile
from bench.walk import API, LIST, PAGE, House, Stop

ROUNDS = 20
BUDGETS = {LIST: 20.0, API: 20.0, PAGE: 100.0}
"""Milliseconds at p95 (DESIGN, section 7): a list with one filter, the API, any other page."""

MOST_BYTES = 150_000
EXPORTED = 20_000
"""Rows of an export that are read to see how fast it goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """What one address took, in milliseconds (`cpu`: of the processor, the median), and how much it gave."""

    stop: Stop
    status: int
    first: float
    p50: float
    p95: float
    cpu: float
    size: int

    @property
    def holds(self) -> bool:
        """Whether it is there, quick and small enough."""
        return self.status < 400 and self.p95 <= BUDGETS[self.stop.kind] and self.size <= MOST_BYTES


@click.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--rounds", default=ROUNDS, show_default=True, help="How often each address is asked.")
@click.option("--only", default="", help="Only addresses whose name holds this.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures to this file.")
def main(path: Path, rounds: int, only: str, json_path: Path | None) -> None:
    """Measure every page over the database at PATH. Nothing here fails because of a figure."""
    with tempfile.TemporaryDirectory(prefix="tidings-bench-") as folder, walk.opened(path, Path(folder)) as house:
        found = [stop for stop in walk.stops(house) if only in stop.name]
        timed = [timed_at(house, stop, rounds) for stop in track(found, console=Console(stderr=True))]
        sent = list(exports(house)) if not only else []
    Console().print(_table(timed))
    for figure in sent:
        print(f"{figure.what}: {figure.shown}")
    if json_path:
        rows = [{"name": one.stop.name, "path": one.stop.path, "p50": one.p50, "p95": one.p95, "cpu": one.cpu,
                 "bytes": one.size, "holds": one.holds} for one in timed]  # fmt: skip
        json_path.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")


def measure(path: Path, rounds: int = ROUNDS) -> list[Figure]:
    """Sum the walk up: per kind of address the slowest p95, the median and the largest page."""
    with tempfile.TemporaryDirectory(prefix="tidings-bench-") as folder, walk.opened(path, Path(folder)) as house:
        timed = [timed_at(house, stop, rounds) for stop in walk.stops(house)]
        sent = list(exports(house))
    return [figure for kind in BUDGETS for figure in _summed([one for one in timed if one.stop.kind == kind])] + sent


def timed_at(house: House, stop: Stop, rounds: int) -> Timed:
    """Ask for one address again and again."""
    took, worked, status, size = [], [], 0, 0
    for _ in range(rounds + 1):
        began, working = time.perf_counter(), time.process_time()
        status, size = house.get(stop)
        took.append((time.perf_counter() - began) * 1000)
        worked.append((time.process_time() - working) * 1000)
    return Timed(
        stop=stop, status=status, first=took[0], p50=median(took[1:]), p95=percentile(took[1:], 0.95),
        cpu=median(worked[1:]), size=size,
    )  # fmt: skip


def exports(house: House) -> Iterator[Figure]:
    """Begin every export, and see when the first bytes come and how fast the rows follow."""
    for name in ("audit", "events", "messages"):
        for query in ("", "?source=shop" if name != "messages" else "?rule=order-confirmed"):
            began = time.perf_counter()
            with closing(house.browser.get(f"/console/{name}.csv{query}", buffered=False)) as answer:
                lines = answer.iter_encoded()
                next(lines)
                first = (time.perf_counter() - began) * 1000
                rows = sum(1 for _, _ in zip(range(EXPORTED), lines, strict=False))
            rate = rows / (time.perf_counter() - began)
            yield Figure(what=f"export of {name}{query}: first bytes", value=first, unit="ms", budget=100)
            yield Figure(what=f"export of {name}{query}: rows", value=rate, unit="/s")


def _summed(timed: Sequence[Timed]) -> list[Figure]:
    slowest, largest = max(timed, key=lambda one: one.p95), max(timed, key=lambda one: one.size)
    what = {LIST: "lists of the console, each filter", API: "lists of the API", PAGE: "other pages"}[timed[0].stop.kind]
    return [
        Figure(what=f"{what}: median of p50", value=median([one.p50 for one in timed]), unit="ms"),
        Figure(what=f"{what}: slowest p95", value=slowest.p95, unit="ms", budget=BUDGETS[slowest.stop.kind],
               note=f"{slowest.stop.name}; {len(timed)} addresses, {sum(one.holds for one in timed)} hold"),
        Figure(what=f"{what}: largest", value=largest.size / 1000, unit="kB", budget=MOST_BYTES / 1000,
               note=largest.stop.name),
    ]  # fmt: skip


def _table(timed: Sequence[Timed]) -> Table:
    table = Table("address", "first ms", "p50 ms", "p95 ms", "cpu ms", "budget", "kB", "")
    for one in timed:
        verdict = "" if one.holds else "[red]missed[/red]" if one.status < 400 else f"[red]{one.status}[/red]"
        table.add_row(
            one.stop.name, f"{one.first:.1f}", f"{one.p50:.1f}", f"{one.p95:.1f}", f"{one.cpu:.1f}",
            f"{BUDGETS[one.stop.kind]:.0f}", f"{one.size / 1000:.0f}", verdict,
        )  # fmt: skip
    return table


if __name__ == "__main__":
    main(prog_name="python -m bench.pages")
