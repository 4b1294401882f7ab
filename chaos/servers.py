"""What a database server does to those who use it: it is killed under them, and has no place left for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chaos.books import Balance
from chaos.ground import PostgresServer
from chaos.ring import NotHere, Ring

AWAY = (0.0, 0.5, 2.0)
"""Seconds between a kill and the next start: a supervisor's quick one, a slow one."""

PLACES = 60
"""`max_connections`: two processes need up to 46 at most, and a few when they rest."""

CUT = """
select pg_terminate_backend(pid) from pg_stat_activity
where application_name = 'tidings' and datname = current_database()
"""


def killed(ring: Ring) -> Balance:
    """kill -9 of the server with all its processes, again and again, under a web process and two workers."""
    ground = _server(ring)
    web = ring.add("--role", "web")
    for service in (web, ring.add("--role", "worker"), ring.add()):
        service.start()
    ring.crowd.start()
    slowest = 0.0
    for _ in ring.lasts():
        ring.wait(0.5)
        ground.server.kill()
        ring.faults += 1
        time.sleep(ring.dice.choice(AWAY))
        ground.server.start()
        slowest = max(slowest, _until_accepted(ring))
    ring.notes.append(f"an event was accepted at most {slowest:.1f} s after the server was back")
    return ring.close()


def exhausted(ring: Ring) -> Balance:
    """Others take every place the server has, and ours are cut: whoever comes hears 503 until there is room again."""
    ground = _server(ring)
    ground.again(options={"max_connections": str(PLACES)})
    web, worker = ring.add("--role", "web"), ring.add("--role", "worker")
    for service in (web, worker):
        service.start()
    ring.crowd.start()
    slowest, refused = 0.0, ring.crowd.refused
    for _ in ring.lasts():
        ring.wait(0.5)
        with _crowded(ground):
            ground.rows(CUT)
            ring.faults += 1
            ring.wait(6.0)  # longer than anybody waits for a server
        slowest = max(slowest, _until_accepted(ring))
    ring.notes.append(
        f"{ring.crowd.refused - refused} answers were no 2xx meanwhile; an event was accepted at most {slowest:.1f} s "
        "after there was room"
    )
    return ring.close()


def _server(ring: Ring) -> PostgresServer:
    if not isinstance(ring.ground, PostgresServer):
        raise NotHere("a file has no server")
    return ring.ground


def _until_accepted(ring: Ring) -> float:
    began = time.monotonic()
    ring.crowd.post_one()
    return time.monotonic() - began


@contextmanager
def _crowded(ground: PostgresServer) -> Iterator[None]:
    """Take every place that is or becomes free, for the length of a `with` block."""
    full, stop, held = threading.Event(), threading.Event(), list[Any]()
    thread = threading.Thread(target=_take_all, args=(ground.address, held, full, stop), daemon=True)
    thread.start()
    try:
        full.wait(20)
        yield
    finally:
        stop.set()
        thread.join(20)
        for connection in held:
            connection.close()


def _take_all(address: str, held: list[Any], full: threading.Event, stop: threading.Event) -> None:
    import psycopg  # noqa: PLC0415 - an extra

    while not stop.is_set():
        try:
            held.append(psycopg.connect(address, application_name="others"))
        except psycopg.OperationalError:
            full.set()
            stop.wait(0.002)
