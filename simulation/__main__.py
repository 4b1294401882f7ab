"""The command: `python -m simulation --seeds 1000`, `python -m simulation --seed 4711`."""

from __future__ import annotations

import json
import os
import sys
import time

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from simulation.running import Report, place, run_all
from simulation.story import shorten, tell_seed

MOST_SHOWN = 5


@click.command(help="Let many short histories of the service happen and hold each against what is promised.")
@click.option("--seeds", default=1000, show_default=True, help="How many histories.")
@click.option("--first", default=1, show_default=True, help="The seed to begin with.")
@click.option("--processes", default=os.cpu_count() or 1, show_default=True, help="How many at once.")
@click.option("--seed", type=int, help="Tell the story of one seed.")
@click.option("--full", is_flag=True, help="With --seed: do not make the story of a failure shorter.")
@click.option("--json", "as_json", is_flag=True, help="Write the figures as JSON.")
def main(seeds: int, first: int, processes: int, seed: int | None, *, full: bool, as_json: bool) -> None:
    """Run, and end with 1 when a promise broke."""
    if seed is not None:
        sys.exit(_tell(seed, full=full))
    began = time.monotonic()
    report = _run(first, seeds, processes)
    seconds = time.monotonic() - began
    _show(report, seconds, as_json=as_json)
    sys.exit(1 if report.broken else 0)


def _tell(seed: int, *, full: bool) -> int:
    with place() as where:
        told = tell_seed(seed, where)
        click.echo((told if full or not told.faults else shorten(told, where)).text())
    return 1 if told.faults else 0


def _run(first: int, seeds: int, processes: int) -> Report:
    report = Report()
    columns = TextColumn("histories"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=seeds)
        for part in run_all(first, seeds, processes):
            report.add(part)
            progress.advance(task, part.histories)
    return report


def _show(report: Report, seconds: float, *, as_json: bool) -> None:
    if as_json:
        figures = {"histories": report.histories, "seconds": round(seconds, 1), "processor": round(report.seconds, 1),
                   "counts": dict(report.counts), "broken": report.broken}  # fmt: skip
        click.echo(json.dumps(figures, sort_keys=True))
        return
    pace = f"{report.histories / max(seconds, 0.001):.0f}/s, {report.histories / max(report.seconds, 0.001):.0f}"
    click.echo(f"{report.histories:,} histories in {seconds:.1f} s: {pace} in a second of one processor")
    for what, count in sorted(report.counts.items()):
        click.echo(f"  {count:>11,} {what}")
    for seed in sorted(report.broken)[:MOST_SHOWN]:
        click.echo(f"\nSeed {seed}: {report.broken[seed][0]}")
        click.echo(f"Its story: make simulate SEED={seed}")
    if report.broken:
        click.echo(f"\nBroken: {len(report.broken)} of {report.histories:,}: {sorted(report.broken)[:100]}")
    else:
        click.echo("All promises hold.")


if __name__ == "__main__":
    main()
