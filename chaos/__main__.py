"""The command: `python -m chaos --minutes 3`, `python -m chaos --only kill-service --seed 4711`."""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from chaos.books import Balance
from chaos.episodes import EPISODES, LONG, Episode
from chaos.ground import SqliteFile
from chaos.ring import Interrupted, NotHere, ring
from chaos.showing import show

OVERHEAD = 7.0
"""Seconds an episode takes beside its fault: starts, repeats, coming to rest."""

ENOUGH = 10.0
"""Minutes that leave room for the long ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One episode that was played, or could not be: `skipped` says why."""

    name: str
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
@click.option("--json", "as_json", is_flag=True, help="Write the figures as JSON.")
def main(minutes: float, seed: int | None, names: tuple[str, ...], *, as_json: bool) -> None:
    """Play, and end with 1 when a promise broke."""
    seed = seed or random.SystemRandom().randrange(1, 10**6)
    short = (name for name in EPISODES if name not in LONG or minutes >= ENOUGH)
    chosen = {name: EPISODES[name] for name in names or short}
    seconds = max(2.0, minutes * 60 / len(chosen) - OVERHEAD)
    ended = []
    for name, episode in chosen.items():
        one = play(name, episode, seed, seconds)
        ended.append(one)
        if not as_json:
            click.echo(f"{'BROKEN' if one.is_broken else 'skipped' if one.skipped else 'kept':8} {name}", err=True)
    click.echo(json.dumps({"seed": seed, "episodes": [asdict(one) for one in ended]}) if as_json else show(ended, seed))
    sys.exit(1 if any(one.is_broken for one in ended) else 0)


def play(name: str, episode: Episode, seed: int, seconds: float) -> Ended:
    """Play one episode in a folder that is gone afterwards."""
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="tidings-chaos-", ignore_cleanup_errors=True) as folder,
        ring(Path(folder), random.Random(f"{seed} {name}"), seconds, SqliteFile) as made,
    ):
        try:
            found = episode(made)
        except NotHere as error:
            return Ended(name=name, skipped=str(error))
        except (Interrupted, TimeoutError, RuntimeError) as error:
            found = Balance(broken=[str(error)])
        return Ended(
            name=name, seconds=round(time.monotonic() - began, 1), faults=made.faults, balance=found,
            notes=tuple(made.notes),
        )  # fmt: skip


if __name__ == "__main__":
    main()
