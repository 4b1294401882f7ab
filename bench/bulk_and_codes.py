"""A bulk campaign runs while codes are asked for, and is killed three times: nobody twice, nobody missed, codes first.

`python -m bench.bulk_and_codes [--messages 50000]`. A code's time runs from the beginning of the request that was
answered with 2xx to the moment the provider had its text; what a kill costs who asks just then is told apart.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

import click

from bench.figures import percentile
from bench.places import Provider, provider
from tests.fakes.bulk import CODES, RULES, Asker, begin, bulk_number, kill_and_start, left
from tests.fakes.counting import SETTINGS
from tests.fakes.service import Service, running


@click.command()
@click.option("--messages", default=50_000, show_default=True, help="People on the campaign's list.")
@click.option("--per-minute", default=200.0, show_default=True, help="Codes asked for.")
@click.option("--kills", default=3, show_default=True, help="How often the service is killed.")
@click.option("--delay", default=0.05, show_default=True, help="Seconds the provider takes for an answer.")
@click.option("--patience", default=1800, show_default=True, help="Seconds to wait for the end.")
def main(messages: int, per_minute: float, kills: int, delay: float, patience: int) -> None:
    """Run it and print the figures."""
    with tempfile.TemporaryDirectory(prefix="tidings-bench-") as folder, provider(delay) as there:
        service = Service(
            Path(folder), settings={"mode": "live", "routes": {"order": ["counted"]}}, sources=CODES, rules=RULES,
            gateways={"counted": {**SETTINGS, "base_url": there.url}},
        )  # fmt: skip
        begin(service, messages)
        asker, began = Asker(service.port, per_minute), time.monotonic()
        downs: list[tuple[float, float]] = []
        with running(service):
            asker.start()
            for kill in range(1, kills + 1):
                _kill(service, there, messages * kill // (kills + 1), downs, patience)
            _settle(service, began + patience)
            took = time.monotonic() - began
            asker.stop()
            _settle(service, time.monotonic() + 60)
            service.term()
        _tell(there, asker, messages, took, downs, _states(service.database))


def _kill(service: Service, there: Provider, count: int, downs: list[tuple[float, float]], patience: float) -> None:
    down = time.time()

    def reached() -> bool:
        nonlocal down
        down = time.time()
        time.sleep(0.2)  # to ask the provider costs it, too
        return there.counts()["taken"] > count

    kill_and_start(service, reached, patience)
    downs.append((down, time.time()))


def _settle(service: Service, deadline: float) -> None:
    while left(service) and time.monotonic() < deadline:
        time.sleep(0.5)


def _tell(
    there: Provider, asker: Asker, messages: int, took: float, downs: list[tuple[float, float]], states: dict[str, int]
) -> None:
    taken = dict(there.taken())
    counts = there.counts()
    bulk = {f"Sale {n}. STOP to leave" for n in range(messages)}
    waits = {code: taken[code] - one.accepted for code, one in asker.codes.items() if code in taken}
    calm = [wait for code, wait in waits.items() if not _is_hit(asker.codes[code].first, taken[code], downs)]
    print(f"bulk: {len(bulk & taken.keys()):,} of {messages:,} taken in {took:.0f} s, {messages / took:,.0f}/s")
    print(f"texts taken twice: {counts['doubled']}; people missed: {len(bulk - taken.keys())}")
    print(f"codes: {len(waits):,} of {len(asker.codes):,} taken; kills: {len(downs)}")
    for name, some in (("all codes", list(waits.values())), ("codes outside of kills", calm)):
        if some:
            shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
            print(f"{name}: {', '.join(f'{word} {percentile(some, share):.3f} s' for word, share in shares.items())}")
    print(f"down: {', '.join(f'{end - start:.1f} s' for start, end in downs)}")
    print(f"states: {states}; {len({bulk_number(n) for n in range(messages)}):,} phones")


def _is_hit(asked: float, taken: float, downs: list[tuple[float, float]]) -> bool:
    return any(asked < end and taken > start for start, end in downs)


def _states(database: Path) -> dict[str, int]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return {state: int(n) for state, n in connection.execute("select state, count(*) from messages group by 1")}


if __name__ == "__main__":
    main(prog_name="python -m bench.bulk_and_codes")
