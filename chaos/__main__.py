"""The command: `python -m chaos --minutes 3`, `python -m chaos --on postgres --only kill-service --seed 4711`."""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from chaos.books import Balance
from chaos.episodes import EPISODES, LONG, ON_SERVER, SERVER_ONLY
from chaos.ground import PostgresServer, SqliteFile
from chaos.ring import Interrupted, MakeGround, NotHere, ring
from chaos.showing import show
from tests.peers import postgres

OVERHEAD = 7.0
"""Seconds an episode takes beside its fault: starts, repeats, coming to rest."""

ENOUGH = 10.0
"""Minutes that leave room for the long ones."""

GROUNDS: Mapping[str, tuple[MakeGround, frozenset[str]]] = {
    "sqlite": (SqliteFile, frozenset(EPISODES) - SERVER_ONLY),
    "postgres": (PostgresServer, ON_SERVER),
}
"""Each engine, and what is played on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One episode that was played, or could not be: `skipped` says why."""

    name: str
    on: str
    seconds: float = 0.0
    faults: int = 0
    balance: Balance | None = None
    skipped: str = ""
    notes: tuple[str, ...] = ()

    @property
    def is_broken(self) -> bool:
        """Whether a promise was not kept."""
        return self.balance is not None and bool(self.balance.broken)


@click.command(help="Break the running service in every way there is, and count at the provider what came of it.")
@click.option("--minutes", default=3.0, show_default=True, help="About how long all episodes take together.")
@click.option("--seed", type=int, help="Repeat the random moments of a run.")
@click.option("--only", "names", multiple=True, type=click.Choice([*EPISODES]), help="Play only this one.")
@click.option("--on", "engines", multiple=True, type=click.Choice([*GROUNDS]), help="Play on this engine only.")
@click.option("--json", "as_json", is_flag=True, help="Write the figures as JSON.")
def main(minutes: float, seed: int | None, names: tuple[str, ...], engines: tuple[str, ...], *, as_json: bool) -> None:
    """Play, and end with 1 when a promise broke."""
    seed = seed or random.SystemRandom().randrange(1, 10**6)
    chosen = [*_chosen(_here(engines), names, minutes)]
    if not chosen and engines and names:
        raise click.UsageError(f"{', '.join(names)} cannot be shown on {', '.join(engines)}.")
    seconds = max(2.0, minutes * 60 / max(1, len(chosen)) - OVERHEAD)
    ended = []
    for engine, name in chosen:
        one = play(engine, name, seed, seconds)
        ended.append(one)
        if not as_json:
            how = "BROKEN" if one.is_broken else "skipped" if one.skipped else "kept"
            click.echo(f"{how:8} {name} on {engine}", err=True)
    click.echo(json.dumps({"seed": seed, "episodes": [asdict(one) for one in ended]}) if as_json else show(ended, seed))
    sys.exit(1 if any(one.is_broken for one in ended) else 0)


def _here(engines: Sequence[str]) -> list[str]:
    """Return the engines this machine has, of those that are wanted; say which one it has not."""
    wanted = [engine for engine in GROUNDS if engine in engines or not engines]
    if "postgres" in wanted and (lacks := postgres.missing()):
        click.echo(f"skipped: PostgreSQL is not installed: {', '.join(lacks)}", err=True)
        wanted.remove("postgres")
    return wanted


def _chosen(engines: Sequence[str], names: Sequence[str], minutes: float) -> Iterator[tuple[str, str]]:
    """Say what to play: everything that is short, or what was named, wherever it can be shown."""
    for engine in engines:
        for name in EPISODES:
            wanted = name in names if names else name not in LONG or minutes >= ENOUGH
            if wanted and name in GROUNDS[engine][1]:
                yield engine, name


def play(engine: str, name: str, seed: int, seconds: float) -> Ended:
    """Play one episode in a folder that is gone afterwards."""
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="tidings-chaos-", ignore_cleanup_errors=True) as folder,
        ring(Path(folder), random.Random(f"{seed} {name}"), seconds, GROUNDS[engine][0]) as made,
    ):
        try:
            found = EPISODES[name](made)
        except NotHere as error:
            return Ended(name=name, on=engine, skipped=str(error))
        except (Interrupted, TimeoutError, RuntimeError) as error:
            found = Balance(broken=[str(error)])
        return Ended(
            name=name, on=engine, seconds=round(time.monotonic() - began, 1), faults=made.faults, balance=found,
            notes=tuple(made.notes),
        )  # fmt: skip


if __name__ == "__main__":
    main()
