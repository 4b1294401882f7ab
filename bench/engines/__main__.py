"""`python -m bench.engines`: the same send step on each engine, side by side."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.table import Table

from bench.__main__ import machine
from bench.engines import kills, running, waiting
from bench.engines.servers import is_here
from bench.figures import number

ALL = ("sqlite", "postgres", "rabbit", "rabbit-quorum", "rabbit-books")
WORDS: Mapping[str, str] = {
    "sqlite": "table, SQLite", "postgres": "table, PostgreSQL", "rabbit": "RabbitMQ",
    "rabbit-quorum": "RabbitMQ, quorum queue", "rabbit-books": "RabbitMQ and outcomes in SQLite",
    "rabbit-lanes": "RabbitMQ, priorities",
}  # fmt: skip
Found = Mapping[str, float]
Case = tuple[str, Sequence[str], Callable[[str, float], Found]]
CASES: Sequence[Case] = (
    ("instant provider", ALL, lambda engine, scale: asdict(running.speed(engine, scale))),
    ("provider of 100 ms", ALL, lambda engine, scale: asdict(running.speed(engine, scale, running.DELAY))),
    ("100 a second", ALL, lambda engine, scale: asdict(running.latency(engine, scale))),
    ("kill -9 of a worker", ("postgres", "rabbit", "rabbit-quorum", "rabbit-books"),
     lambda engine, scale: kills.killed(engine, "worker", scale).shown()),
    ("kill -9 of the engine", ALL, lambda engine, scale: kills.killed(engine, "server", scale).shown()),
    ("among those that wait", ("sqlite", "postgres", "rabbit"), waiting.among_many),
    ("due among those of tomorrow", ("sqlite", "postgres", "rabbit"), waiting.due_soon),
    ("urgent behind a backlog", ("sqlite", "postgres", "rabbit", "rabbit-lanes"), waiting.urgent),
)  # fmt: skip
NAMES = [name for name, _, _ in CASES]


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures to this file.")
@click.option("--engine", "only", multiple=True, type=click.Choice(list(WORDS)), help="Only these engines.")
@click.option("--rounds", default=1, show_default=True, help="Measure so often, one engine after the other.")
@click.option("--scale", default=1.0, show_default=True, help="Longer (2) or shorter (0.2) runs.")
def main(names: tuple[str, ...], json_path: Path | None, only: tuple[str, ...], rounds: int, scale: float) -> None:
    """Measure every case, or the NAMES given; figures of several rounds are shown as medians (kills: as sums)."""
    for engine in WORDS:
        if not is_here(engine):
            click.echo(f"left out: {WORDS[engine]} (make peers installs RabbitMQ, apt-get postgresql)", err=True)
    here, console, figures = machine(), Console(), dict[str, dict[str, Found]]()
    for name, engines, run in CASES:
        if not names or name in names:
            wanted = [engine for engine in engines if (not only or engine in only) and is_here(engine)]
            figures[name] = dict(_measured(name, wanted, run, rounds, scale))
            console.print(_table(name, figures[name]))
            if json_path:
                shown = {"machine": here, "rounds": rounds, "figures": figures}
                json_path.write_text(json.dumps(shown, indent=2) + "\n", "utf-8")
    print(here)


def _measured(
    name: str, engines: Sequence[str], run: Callable[[str, float], Found], rounds: int, scale: float
) -> Iterator[tuple[str, Found]]:
    """Measure in turns, so that an hour of a busy machine falls on all."""
    found: dict[str, list[Found]] = {engine: [] for engine in engines}
    for _ in range(rounds):
        for engine in engines:
            found[engine].append(run(engine, scale))
    for engine, each in found.items():
        yield engine, {what: _together(name, what, [one[what] for one in each]) for what in (each[0] if each else {})}


def _together(name: str, what: str, values: Sequence[float]) -> float:
    """Sum what a kill did, and take the median of the rest."""
    return sum(values) if name.startswith("kill") and what not in {"silence", "last"} else median(values)


def _table(name: str, rows: Mapping[str, Found]) -> Table:
    columns = list(dict.fromkeys(what for found in rows.values() for what in found))
    table = Table("engine", *columns, title=name)
    for engine, found in rows.items():
        table.add_row(WORDS[engine], *(_shown(found.get(what)) for what in columns))
    return table


def _shown(value: float | None) -> str:
    if value is None:
        return ""
    return "never" if math.isinf(value) else number(value)


if __name__ == "__main__":
    main(prog_name="python -m bench.engines")
    sys.exit(0)
