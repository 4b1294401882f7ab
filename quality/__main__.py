"""The command behind `make mutate`: `python -m quality PACKAGE [--sample 80] [--seed 1] [--again]`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import click

from quality import equivalent, score
from quality.lines import KEPT, ROOT, Lines, known
from quality.mutants import Mutant, of_file
from quality.trying import Fate, tried, warm_up

ELSEWHERE = ("audit/engines/postgres", "audit/moving.py")
"""Files that only a PostgreSQL server runs, which `make test-postgres` starts: not in a sample of their package."""

ALIVE = {Fate.SURVIVED, Fate.UNREACHED}


@click.command(help=__doc__)
@click.argument("package")
@click.option("--sample", default=80, show_default=True, help="How many mutants, drawn by the seed; 0 for all.")
@click.option("--seed", default=1, show_default=True, help="Where the dice begin.")
@click.option("--again", is_flag=True, help="Only those that survived the last time.")
def main(package: str, sample: int, seed: int, *, again: bool) -> None:
    """Try the mutants, show the survivors, say the score; end with 1 where one survived."""
    warm_up()
    lines = known()
    kept = KEPT / f"{package.replace('/', '.')}-{sample}-{seed}.json"
    chosen = drawn(package, sample, seed)
    if again:
        before = set(json.loads(kept.read_text("utf-8")))
        chosen = [mutant for mutant in chosen if mutant.mark in before]
    excused = equivalent.known()
    wanted = [mutant for mutant in chosen if mutant.mark not in excused]
    _make_sure(wanted, lines)
    fates = list(_told(wanted, lines))
    survivors = [mutant for mutant, fate in fates if fate in ALIVE]
    kept.write_text(json.dumps([mutant.mark for mutant in survivors]), encoding="utf-8")
    _sum_up([fate for _, fate in fates], len(chosen) - len(wanted))
    sys.exit(1 if survivors else 0)


def drawn(package: str, sample: int, seed: int) -> list[Mutant]:
    """Return the mutants of a package or a file: a sample, the same for the same seed and code, or all."""
    every = [mutant for file in files(package) for mutant in of_file(ROOT, file)]
    shuffled = Random(seed).sample(every, len(every)) if sample else every  # noqa: S311 - dice
    found: list[Mutant] = []
    for mutant in shuffled:
        if mutant.is_code():
            found.append(mutant)
        if len(found) == sample:
            break
    return sorted(found, key=lambda one: (one.file, one.line, one.mark))


def files(package: str, root: Path = ROOT) -> list[str]:
    """Return the files of a package, or the one named."""
    place = root / package
    found = [place] if place.is_file() else sorted(place.rglob("*.py"))
    if not found:
        raise click.UsageError(f"{package} is neither a package nor a file of ours")
    names = [path.relative_to(root).as_posix() for path in found]
    return [name for name in names if name == package or not name.startswith(ELSEWHERE)]


def _make_sure(mutants: Sequence[Mutant], lines: Lines) -> None:
    """Try what is no change at all, with the tests of the first mutant and of the last: they have to pass."""
    same = [replace(mutant, new=mutant.old) for mutant in (*mutants[:1], *mutants[1:][-1:])]
    for mutant, fate in _tried(same, lines):
        if fate not in ALIVE:
            raise click.ClickException(f"The tests of {mutant.file}:{mutant.line} fail without any change.")


def _tried(mutants: Sequence[Mutant], lines: Lines) -> Iterator[tuple[Mutant, Fate]]:
    return tried((mutant, lines.running(mutant.file, mutant.line)) for mutant in mutants)


def _told(mutants: Sequence[Mutant], lines: Lines) -> Iterator[tuple[Mutant, Fate]]:
    for mutant, fate in _tried(mutants, lines):
        if fate in ALIVE:
            where = f" in {mutant.inside}" if mutant.inside else ""
            click.echo(f"{mutant.file}:{mutant.line}{where} ({fate.value}) {mutant.mark}")
            click.echo("\n".join(f"    {line}" for line in mutant.diff))
        yield mutant, fate


def _sum_up(fates: Sequence[Fate], excused: int) -> None:
    count = Counter(fates)
    alive = sum(count[fate] for fate in ALIVE)
    click.echo(f"{', '.join(f'{number} {fate.value}' for fate, number in count.items())}, {excused} equivalent")
    click.echo(score.told(len(fates) - alive, len(fates)))


if __name__ == "__main__":
    main()
