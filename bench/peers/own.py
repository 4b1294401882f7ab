"""Tidings, as the others are measured: by HTTP beside Node-RED, over SMPP beside Kannel and Jasmin."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

from bench.figures import Figure
from bench.load import post, write_events
from bench.peers.runs import CONNECTIONS, Run, crashed, loaded
from bench.places import installation, live_over_smpp, live_through, provider, smsc
from tests.fakes.service import Service, tick

NAMES = BY_HTTP, BY_SMPP = "Tidings", "Tidings, SMPP"
SENDERS = 64


def lacks() -> str:
    """Nothing: it is here."""
    return ""


def measure(seconds: float, delay: float) -> list[Figure]:
    """Measure both ways out, each with a load and a kill."""
    figures = []
    for kill in (False, True):
        with provider(delay) as there:
            figures += _measured(
                BY_HTTP, live_through(there.url, sender_threads=2 * SENDERS), there.taken, 0 if kill else seconds
            )
        with smsc() as carrier:
            figures += _measured(
                BY_SMPP, live_over_smpp(carrier.port, sender_threads=SENDERS), carrier.taken, 0 if kill else seconds
            )
    return figures


def _measured(
    who: str, settings: Mapping[str, Any], arrived: Callable[[], Sequence[tuple[str, float]]], seconds: float
) -> list[Figure]:
    """Put a load on an installation of its own; without `seconds`, kill it in one."""
    with installation(**settings) as service:
        run = Run(who=who, pids=service.pids, arrived=arrived)
        if seconds:
            events = write_events(service.folder / "events", 0, int(4_000 * seconds))
            return loaded(run, lambda: post(service.address, events, CONNECTIONS, seconds))

        def restart() -> None:
            service.kill()
            service.start()

        return crashed(
            run, lambda number: ("POST", "/hooks/ticks", *tick(number)), service.port, restart, lambda: _kept(service)
        )


def _kept(service: Service) -> set[str]:
    """Return the texts in the record, sent or not: what is unknown is listed there for a person."""
    with closing(sqlite3.connect(f"file:{service.database}?mode=ro", uri=True)) as connection:
        return {text for (text,) in connection.execute("select text from messages")}
