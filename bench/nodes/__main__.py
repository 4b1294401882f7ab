"""`python -m bench.nodes`: 1, 2 and 3 workers; one rate for all; a node cut off and healed; the server killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import click

from bench.nodes.ground import Ground, ground
from bench.nodes.net import Network, missing, network
from tests.fakes.service import ROOT, until
from tests.peers import postgres

MEASURES = ("scale", "rate", "cut", "kill")
NODES = 3
RATE = 30.0
CUT_SECONDS = 75.0
"""Longer than a lease: what a node that is cut off had in hand is the others' by then."""


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(MEASURES))
@click.option("--seconds", default=15.0, show_default=True, help="How long each stretch of load is.")
@click.option("--json", "path", type=click.Path(path_type=Path), help="Write the figures to this file.")
@click.option("--mark", hidden=True, default="", help="The network this process runs in.")
def main(names: tuple[str, ...], seconds: float, path: Path | None, mark: str) -> None:
    """Measure NAMES, or everything. Skips, and says why, where namespaces or PostgreSQL are missing."""
    if lacks := [*missing(), *postgres.missing()]:
        click.echo(f"Skipped: {'; '.join(lacks)}")
        return
    signal.signal(signal.SIGTERM, _ended)  # so that networks and processes go with us
    if not mark:
        sys.exit(_from_inside())
    figures = {name: _measure(name, Network(mark), seconds) for name in names or MEASURES}
    if path:
        path.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


def _measure(name: str, there: Network, seconds: float) -> dict[str, object]:
    found = {"scale": scale, "rate": rate, "cut": cut, "kill": kill}[name](there, seconds)
    click.echo(f"{name}: {json.dumps(found)}")
    return found


def scale(there: Network, seconds: float) -> dict[str, object]:
    """Texts per second with 1, 2 and 3 workers of 8 senders each, to a provider that takes 100 ms."""
    found: dict[str, object] = {}
    with ground(there) as made:
        for workers in range(1, NODES + 1):
            made.add(1)
            before, began = made.fed, made.server.cpu_seconds() + sum(node.cpu_seconds() for node in made.nodes)
            server = made.server.cpu_seconds()
            made.feed(int(workers * made.senders / made.delay * seconds))
            made.wait(seconds * 20)
            count = made.fed - before
            moments = sorted(at for _, at in made.provider.taken())[before:]
            ended = made.server.cpu_seconds() + sum(node.cpu_seconds() for node in made.nodes)
            found[str(workers)] = {
                "per_second": round(_middle(moments), 1),
                "cpu_ms_each": round((ended - began) / count * 1000, 2),
                "server_cpu_ms_each": round((made.server.cpu_seconds() - server) / count * 1000, 2),
            }
        found["books"] = made.books()
    return found


def rate(there: Network, seconds: float) -> dict[str, object]:
    """What three workers hand over together where the gateway may have 30 texts a second."""
    with ground(there, delay=0.02, gateway={"per_second": RATE}) as made:
        made.add(NODES)
        made.feed(int(RATE * seconds))
        made.wait(seconds * 6)
        moments = sorted(at for _, at in made.provider.taken())
        most = max(sum(1 for at in moments if began <= at < began + 1) for began in moments)
        return {"allowed": RATE, "per_second": round(_middle(moments), 1), "most_in_a_second": most, **made.books()}


def cut(there: Network, seconds: float) -> dict[str, object]:
    """A node is cut off under load and comes back: who sends meanwhile, and what became of what it had in hand."""
    with ground(there) as made:
        made.add(NODES)
        made.feed(int(NODES * made.senders / made.delay * seconds))
        until(lambda: len(made.provider.taken()) > made.senders * 10, lambda: "nothing leaves", 60)
        there.cut(NODES)
        at = time.time()
        made.wait(seconds * 20 + 150, clear=False)
        until(lambda: _open(made) == 0, lambda: f"still there: {made.states()}", 120)
        settled = time.time() - at
        time.sleep(max(0.0, CUT_SECONDS - settled))
        there.heal(NODES)
        healed = time.time()
        before = len(made.provider.taken())
        made.feed(600)
        made.wait(60)
        moments = sorted(moment for _, moment in made.provider.taken())
        after = [moment for moment in moments if at <= moment < at + 5]
        return {
            "longest_pause_of_the_others": round(max(b - a for a, b in pairwise(after)), 2),
            "all_known_after": round(settled, 1), "after_healing": len(moments) - before,
            "took_part_again_after": _took_part(made, healed), **made.books(),
        }  # fmt: skip


def kill(there: Network, seconds: float) -> dict[str, object]:
    """The server is killed under load and started again two seconds later."""
    with ground(there) as made:
        made.add(NODES)
        made.feed(int(NODES * made.senders / made.delay * seconds))
        pauses = []
        for _ in range(3):
            before = len(made.provider.taken())
            until(lambda: len(made.provider.taken()) > before + 100, lambda: "nothing leaves", 60)  # noqa: B023
            made.server.kill()
            killed = time.time()
            time.sleep(2)
            made.server.start()
            until(lambda: any(at > killed + 2 for _, at in made.provider.taken()), lambda: "nothing leaves", 60)  # noqa: B023
            pauses.append(round(min(at for _, at in made.provider.taken() if at > killed + 2) - killed, 2))
        made.wait(seconds * 20 + 200)
        return {"kills": len(pauses), "until_the_next_text": pauses, **made.books()}


def _open(made: Ground) -> int:
    sql = "select count(*) from messages where state in ('queued', 'submitting', 'unknown')"
    return int(made.rows(sql)[0][0])


def _took_part(made: Ground, healed: float) -> bool:
    """Tell whether the node that was cut off works with the database again."""
    found = made.rows(
        f"select count(*) from pg_stat_activity where client_addr = '10.77.0.{NODES}' "  # noqa: S608 - our own words
        f"and backend_start > to_timestamp({healed})"
    )
    return bool(found[0][0])


def _middle(moments: Sequence[float]) -> float:
    """Return the pace of the middle, without beginning and end."""
    middle = moments[len(moments) // 10 : len(moments) * 9 // 10]
    return (len(middle) - 1) / (middle[-1] - middle[0])


def _from_inside() -> int:
    """Run the same command in the hub of networks made for it."""
    with network(NODES) as made:
        words = [sys.executable, "-m", "bench.nodes", *sys.argv[1:], "--mark", made.mark]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        running = subprocess.Popen(made.inside(made.hub, words), env=environment)
        try:
            return running.wait()
        finally:
            running.terminate()  # it ends what it started
            running.wait(30)


def _ended(*_: object) -> NoReturn:
    sys.exit(143)


if __name__ == "__main__":
    main()
