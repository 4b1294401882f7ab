"""`python -m bench`: measure, and print beside the budgets."""

from __future__ import annotations

import importlib
import json
import os
import platform
import sqlite3
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from bench import cpu
from bench.figures import Figure
from bench.peers.table import side_by_side

MEASUREMENTS = ("cpu", "webhooks", "latency", "throughput", "smpp", "planning", "starting", "installing")
LONG = ("reminders", "big", "peers")
"""What takes minutes, and is measured where it is asked for."""

FULL = 3.0
"""How much longer the others run in a full measurement."""

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
OTHERS_BEGIN, OTHERS_END = "<!-- peers -->", "<!-- end of peers -->"


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*MEASUREMENTS, *LONG]))
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures to this file.")
@click.option("--markdown", type=click.Path(path_type=Path), help="Put the table into this page.")
@click.option("--profile", is_flag=True, help="Print which functions take the processor's time, and nothing else.")
@click.option("--full", is_flag=True, help="Everything, in longer runs.")
@click.option("--twice", is_flag=True, help="Measure again, and note how far the second run is from the first.")
@click.option("--scale", default=1.0, show_default=True, help="Longer (2) or shorter (0.2) runs.")
def main(
    names: tuple[str, ...],
    json_path: Path | None,
    markdown: Path | None,
    scale: float,
    *,
    profile: bool,
    full: bool,
    twice: bool,
) -> None:
    """Measure everything, or the NAMES given. Nothing here fails because of a figure."""
    if profile:
        cpu.profile(scale)
        return
    here = machine()
    wanted = names or (*MEASUREMENTS, *(LONG if full else ()))
    figures = _measured(wanted, scale * (FULL if full else 1))
    if twice:
        again = {(figure.who, figure.what): figure.value for figure in _measured(wanted, scale * (FULL if full else 1))}
        figures = [_compared(figure, again.get((figure.who, figure.what))) for figure in figures]
    Console().print(_table(figures))
    print(here)
    if json_path:
        held = [{**asdict(figure), "holds": figure.holds} for figure in figures]
        json_path.write_text(json.dumps({"machine": here, "figures": held}, indent=2) + "\n", "utf-8")
    if markdown:
        _renew(markdown, figures, here)


def _renew(path: Path, figures: Sequence[Figure], here: str) -> None:
    """Put our figures, and those of others beside us, into their places of a page; what was not measured stays."""
    page = path.read_text("utf-8") if path.exists() else f"{BEGIN}\n{END}\n{OTHERS_BEGIN}\n{OTHERS_END}\n"
    ours, others = [one for one in figures if not one.who], [one for one in figures if one.who]
    if ours:
        page = _between(page, BEGIN, END, _markdown(ours, here))
    if others:
        page = _between(page, OTHERS_BEGIN, OTHERS_END, side_by_side(others, here))
    path.write_text(page, "utf-8")


def _between(page: str, begin: str, end: str, text: str) -> str:
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n{text}{end}{rest.partition(end)[2]}"


def _measured(names: Sequence[str], scale: float) -> list[Figure]:
    console, figures = Console(stderr=True), list[Figure]()
    for name in names:
        with console.status(f"measuring {name} ..."):
            figures += importlib.import_module(f"bench.{name}").measure(scale)
    return figures


def _compared(figure: Figure, again: float | None) -> Figure:
    if not again or not figure.value:
        return figure
    return replace(figure, note=f"again x {again / figure.value:.2f}{', ' if figure.note else ''}{figure.note}")


def machine() -> str:
    """Say where this was measured."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "unknown"
    )
    memory = next((int(line.split()[1]) // 1_048_576 for line in _lines("/proc/meminfo")), 0)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({model}), {memory} GB, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}; "
        f"load generator and provider on the same machine; others kept it {_busy():.0f} % busy just before"
    )


def _busy() -> float:
    """Return the share of the machine in use during one second: figures of a busy machine mean little."""
    first = [int(word) for word in _lines("/proc/stat")[0].split()[1:9]]
    time.sleep(1)
    second = [int(word) for word in _lines("/proc/stat")[0].split()[1:9]]
    spent = [after - before for before, after in zip(first, second, strict=True)]
    return 100 * (1 - (spent[3] + spent[4]) / max(1, sum(spent)))


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _verdict(figure: Figure) -> str:
    return {True: "held", False: "missed", None: ""}[figure.holds]


def _table(figures: list[Figure]) -> Table:
    table = Table("what", "measured", "budget", "", "note")
    for figure in figures:
        colour = {"held": "green", "missed": "red"}.get(_verdict(figure), "white")
        verdict = f"[{colour}]{_verdict(figure)}[/{colour}]"
        what = f"{figure.who}: {figure.what}" if figure.who else figure.what
        table.add_row(what, figure.shown, figure.budget_shown, verdict, figure.note)
    return table


def _markdown(figures: list[Figure], here: str) -> str:
    rows = [
        f"| {figure.what} | {figure.shown} | {figure.budget_shown} | {_verdict(figure)} | {figure.note} |"
        for figure in figures
    ]
    head = ["| what | measured | budget | | note |", "|---|---|---|---|---|"]
    return "\n".join([here + ".", "", *head, *rows]) + "\n"


if __name__ == "__main__":
    main(prog_name="python -m bench")
    sys.exit(0)
