"""Word between processes that there is something to do: NOTIFY, so that a worker need not wait for its next look.

It is a courtesy and no promise: every worker looks once a second anyway. Word goes out after the commit and at most
every few milliseconds, because a transaction that notifies would make all others wait for its commit.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg

log = logging.getLogger("tidings.audit")
CHANNEL = "tidings"
AT_MOST_EVERY = 0.01
"""Seconds between two words of one process."""
AFTER_TROUBLE = 1.0


class News:
    """What one process says and hears. Threads begin with the first word and the first listener."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self._connect = connect
        self._said, self._stop, self._gate = threading.Event(), threading.Event(), threading.Lock()
        self._threads: list[threading.Thread] = []
        self._speaks = False

    def announce(self) -> None:
        """Say soon that there is something to do."""
        self._said.set()
        if not self._speaks:
            with self._gate:
                if not self._speaks:
                    self._speaks = True
                    self._begin("store-announcer", self._speak)

    def listen(self, heard: Callable[[], None]) -> None:
        """Call `heard` whenever some process said so."""
        self._begin("store-listener", lambda connection: self._hear(connection, heard))

    def close(self) -> None:
        """End the threads."""
        self._stop.set()
        self._said.set()
        for thread in self._threads:
            thread.join(5)

    def _begin(self, name: str, work: Callable[[psycopg.Connection[Any]], None]) -> None:
        thread = threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self, work: Callable[[psycopg.Connection[Any]], None]) -> None:
        while not self._stop.is_set():
            with suppress(psycopg.Error), self._connect() as connection:
                work(connection)
            self._stop.wait(AFTER_TROUBLE)

    def _speak(self, connection: psycopg.Connection[Any]) -> None:
        while not self._stop.is_set():
            self._said.wait()
            self._said.clear()
            if not self._stop.is_set():
                connection.execute(f"notify {CHANNEL}")
                self._stop.wait(AT_MOST_EVERY)

    def _hear(self, connection: psycopg.Connection[Any], heard: Callable[[], None]) -> None:
        connection.execute(f"listen {CHANNEL}")
        while not self._stop.is_set():
            for _ in connection.notifies(timeout=0.5, stop_after=1):
                heard()
