"""Connections that read: how they wait for a server that is away, without a server."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

psycopg = pytest.importorskip("psycopg")

from audit.engines.base import StoreDown  # noqa: E402 - psycopg is an extra
from audit.engines.readers import KNOCK, Readers  # noqa: E402

PATIENCE = 0.5


def test_of_many_who_wait_for_a_server_one_knocks_for_all() -> None:
    knocks = []

    def refused() -> Any:
        knocks.append(time.monotonic())
        raise psycopg.OperationalError("connection refused\nIs the server running?")

    readers = Readers(refused, 8, PATIENCE, "postgresql://db.example/tidings")

    def read(_: int) -> str:
        with pytest.raises(StoreDown) as down:
            readers.take()
        return str(down.value)

    with ThreadPoolExecutor(12) as pool:
        said = set(pool.map(read, range(12)))

    assert 2 <= len(knocks) <= 8 + PATIENCE / KNOCK + 1, "all at once when it goes away, then one at a time"
    assert "postgresql://db.example/tidings cannot be reached: connection refused" in said


def test_a_server_that_stays_away_fails_who_comes_then_at_once() -> None:
    def refused() -> Any:
        raise psycopg.OperationalError("connection refused")

    readers = Readers(refused, 8, PATIENCE, "the database")
    with pytest.raises(StoreDown):
        readers.take()
    began = time.monotonic()

    with pytest.raises(StoreDown):
        readers.take()

    assert time.monotonic() - began < PATIENCE / 2


def test_who_comes_while_another_one_hangs_at_the_door_waits_no_longer_than_agreed() -> None:
    go = threading.Event()

    def hangs() -> Any:
        if known.is_set():
            go.wait(10)
        raise psycopg.OperationalError("timeout")

    known = threading.Event()
    readers = Readers(hangs, 8, PATIENCE, "the database")
    with pytest.raises(StoreDown):
        readers.take()
    known.set()
    time.sleep(KNOCK)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(readers.take)
        time.sleep(0.05)
        began = time.monotonic()
        with pytest.raises(StoreDown):
            readers.take()
        waited = time.monotonic() - began
        go.set()
        with pytest.raises(StoreDown):
            first.result(5)

    assert waited < 2 * PATIENCE
