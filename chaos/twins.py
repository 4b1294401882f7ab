"""Two services at once over one database: claiming side by side, taking over from one that stands still."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from chaos.books import Balance
from chaos.ground import SqliteFile
from chaos.ring import Interrupted, Ring
from tests.fakes.service import Service


def claiming(ring: Ring) -> Balance:
    """Two whole services and a worker claim from one database, and come and go."""
    first, second, third = ring.service, ring.add(), ring.add("--role", "worker")
    for service in (first, second, third):
        service.start()
    ring.crowd.start()
    for _ in ring.lasts():
        ring.wait(0.3)
        victim = ring.dice.choice((second, third))
        victim.kill()
        ring.faults += 1
        victim.start()
    return ring.close()


def standing_still(ring: Ring) -> Balance:
    """A service stands still in the middle of its calls; another takes over; then the first goes on, with late results.

    The other one's start takes over at once what the first has claimed: nobody waits a minute for the lease to end.
    """
    for provider in ring.providers:
        provider.delay = 0.2
    first, second = ring.add("--role", "worker"), ring.add("--role", "worker")
    web = ring.add("--role", "web")
    ring.lead(web)
    for service in (web, first):
        service.start()
    ring.crowd.start()
    for _ in ring.lasts():
        ring.wait(0.3)
        with stopped(first):
            ring.faults += 1
            _started(ring, second)
            ring.wait(0.5)
        ring.wait(0.5)
        first.term()
        first, second = second, first
    for provider in ring.providers:
        provider.delay = 0.0
    return ring.close()


def lease(ring: Ring) -> Balance:
    """As above, but the other one runs all the time, and the lease has to end: a minute and more."""
    for provider in ring.providers:
        provider.delay = 0.2
    worker, other, web = ring.add("--role", "worker"), ring.add("--role", "worker"), ring.add("--role", "web")
    ring.lead(web)
    for service in (web, worker, other):
        service.start()
    ring.crowd.start()
    ring.wait(1.0)
    with stopped(worker):
        ring.faults += 1
        time.sleep(1.0)
        ring.crowd.pause()
        time.sleep(70.0)
    ring.crowd.start()
    ring.wait(0.5)
    for provider in ring.providers:
        provider.delay = 0.0
    return ring.close()


def _started(ring: Ring, service: Service) -> None:
    """Start a service as a supervisor does: again, where it ended with a sentence.

    On a server the one that stands still may have the database to itself, for 15 seconds at most; a start waits for 5.
    """
    tries = 1 if isinstance(ring.ground, SqliteFile) else 5
    for left in reversed(range(tries)):
        try:
            service.start()
        except RuntimeError:
            if not left:
                raise
            ring.notes.append("a start while another process stood still with the database in its hands was repeated")
        else:
            return


@contextmanager
def stopped(service: Service) -> Iterator[None]:
    """Let all processes of a service stand still for the length of a `with` block."""
    group = service.process.pid if service.process else 0
    if not group:
        raise Interrupted("the service is gone before it could be stopped")
    os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(group, signal.SIGCONT)
