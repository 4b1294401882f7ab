"""A node: a process that publishes, sends or both. `python -m bench.engines.node ENGINE FOLDER ...`."""

from __future__ import annotations

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
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


@click.command()
@click.argument("engine", type=click.Choice(ENGINES))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--publish", default=0, help="How many messages.")
@click.option("--rate", default=0.0, help="So many a second, 0 for as fast as they are confirmed.")
@click.option("--start", default=0.0, help="When the first one is due, for a node that goes on after it was killed.")
@click.option("--urgent", default=-1, help="The number from which on they are urgent.")
@click.option("--first", default=0, help="The first number.")
@click.option("--send", default="", help="The provider's address.")
@click.option("--together", default=16, help="Calls at once.")
def main(
    engine: str, folder: Path, publish: int, rate: float, start: float, urgent: int, first: int, send: str,
    together: int,
) -> None:  # fmt: skip
    """Run until killed, or until everything is published where nothing is to be sent."""
    carried = carrier(engine, folder)
    sys.stdout.write("up\n")
    sys.stdout.flush()
    sys.stdin.readline()
    if send:
        threading.Thread(target=carried.send, args=(Provider(send), together), daemon=True).start()
    if publish:
        done = confirmed(folder)
        numbers = [number for number in range(first, first + publish) if id_of(number) not in done]
        began = start or time.time()
        dues = [began + (number - first) / rate if rate else 0.0 for number in numbers]
        _publish(carried, folder, list(zip(numbers, dues, strict=True)), urgent)
        sys.stdout.write("published\n")
        sys.stdout.flush()
    sys.stdin.read()  # whoever started us closes it, or kills us
    os._exit(0)


def _publish(carried: Carrier, folder: Path, plan: list[tuple[int, float]], urgent: int) -> None:
    """Publish each number when it is due, and write down when it was confirmed."""
    book = os.open(folder / "confirmed", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def one(number: int, due: float) -> None:
        time.sleep(max(0.0, due - time.time()))
        began = due or time.time()
        carried.publish(id_of(number), is_urgent=0 <= urgent <= number)
        os.write(book, f"{id_of(number)} {began} {time.time()}\n".encode())

    with ThreadPoolExecutor(PUBLISHERS) as pool:
        for done in [pool.submit(one, *planned) for planned in plan]:
            done.result()


def confirmed(folder: Path) -> dict[str, tuple[float, float]]:
    """Return what was confirmed so far: when it was to be published, and when the engine confirmed it."""
    path = folder / "confirmed"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    rows = [line.split() for line in lines]
    return {message_id: (float(began), float(ended)) for message_id, began, ended in rows}


if __name__ == "__main__":
    main()
