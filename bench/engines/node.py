"""A node: a process that publishes, sends or both. `python -m bench.engines.node ENGINE FOLDER ...`."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from bench.engines.step import Carrier, Provider, id_of

ENGINES = ("sqlite", "postgres", "rabbit", "rabbit-quorum", "rabbit-books", "rabbit-lanes", "rabbit-careless")
PUBLISHERS = 16
"""Messages that are published at once, each waiting for its own confirmation."""


def carrier(engine: str, folder: Path) -> Carrier:
    """Open an engine."""
    if engine in {"sqlite", "postgres"}:
        from bench.engines.table import Table

        return Table(folder)
    from bench.engines import bus

    arguments = {"rabbit-quorum": bus.QUORUM, "rabbit-lanes": bus.PRIORITIES}.get(engine, {})
    books = bus.Books(folder / "books.db") if engine == "rabbit-books" else None
    return bus.Bus(folder, arguments, books, careless=engine == "rabbit-careless")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a node publishes: so many from a number on, `rate` a second or (0) as fast as they are confirmed.

    `start` is when the first is due, for a node that goes on after it was killed; from `urgent` on they are urgent.
    """

    count: int
    first: int = 0
    rate: float = 0.0
    start: float = 0.0
    urgent: int = sys.maxsize

    @property
    def words(self) -> tuple[str, str]:
        """Return it as words of the command."""
        return "--publish", json.dumps(asdict(self))

    def planned(self, done: Collection[str]) -> list[tuple[int, float]]:
        """Return what is not done yet, with when each is due (0 for at once)."""
        began = self.start or time.time()
        numbers = range(self.first, self.first + self.count)
        dues = (began + (number - self.first) / self.rate if self.rate else 0.0 for number in numbers)
        return [one for one in zip(numbers, dues, strict=True) if id_of(one[0]) not in done]


@click.command()
@click.argument("engine", type=click.Choice(ENGINES))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--publish", help="A load, in JSON.")
@click.option("--send", help="The provider's address.")
@click.option("--together", default=16, help="Calls at once.")
def main(engine: str, folder: Path, publish: str | None, send: str | None, together: int) -> None:
    """Run until killed, from the first line on that comes in."""
    carried = carrier(engine, folder)
    _say("up")
    sys.stdin.readline()
    if send:
        threading.Thread(target=carried.send, args=(Provider(send), together), daemon=True).start()
    if publish:
        _publish(carried, folder, Load(**json.loads(publish)))
        _say("published")
    sys.stdin.read()  # whoever started us kills us, or ends
    os._exit(0)


def _publish(carried: Carrier, folder: Path, load: Load) -> None:
    """Publish each number when it is due, and write down when it was confirmed."""
    book = os.open(folder / "confirmed", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def one(number: int, due: float) -> None:
        time.sleep(max(0.0, due - time.time()))
        began = due or time.time()
        carried.publish(id_of(number), is_urgent=number >= load.urgent)
        os.write(book, f"{id_of(number)} {began} {time.time()}\n".encode())

    with ThreadPoolExecutor(PUBLISHERS) as pool:
        for done in [pool.submit(one, *planned) for planned in load.planned(confirmed(folder))]:
            done.result()


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def confirmed(folder: Path) -> dict[str, tuple[float, float]]:
    """Return what was confirmed so far: when it was to be published, and when the engine confirmed it."""
    path = folder / "confirmed"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    rows = [line.split() for line in lines]
    return {message_id: (float(began), float(ended)) for message_id, began, ended in rows}


if __name__ == "__main__":
    main()
