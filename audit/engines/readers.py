"""The connections of one process that read. They are back as soon as the server is.

psycopg's own pool rests for a second after the first try that failed, then for twice as long each time, and lets nobody
set that: readers came back five seconds after a server that had been started again. Here whoever wants to read
connects for himself where no connection is left over; while the server is away one of them knocks for all.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from audit.engines.base import StoreDown

LOOK = "begin isolation level repeatable read read only"
KNOCK = 0.2
"""Seconds between two tries of one process to reach a server that is away."""

GLANCE = 0.01
"""Seconds after which who waits to connect looks whether somebody gave a connection back."""

UNUSED = 600.0
"""Seconds after which a connection nobody needed is closed."""

LIFETIME = 3600.0
"""Seconds after which a connection is made anew: the server's side of one grows with all it has been asked."""


@dataclass(slots=True, kw_only=True)
class Reader:
    """A connection, since when it is there and when it was last given back, by the clock that never jumps."""

    connection: psycopg.Connection[Any]
    born: float
    used: float


class Readers:
    """At most `most` connections. Who finds none free, or the server away, waits for `patience` seconds at most."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]], most: int, patience: float, name: str) -> None:
        self._connect, self._patience, self._name = connect, patience, name
        self._places, self._gate, self._door = threading.Semaphore(most), threading.Lock(), threading.Lock()
        self._idle: deque[Reader] = deque()  # the last used one stands last
        self._closed = False
        self._away_since, self._knock_at, self._trouble = 0.0, 0.0, ""

    def take(self) -> Reader:
        """Give a connection with a transaction that was begun on it just now. Raises StoreDown."""
        until = time.monotonic() + self._patience
        if not self._places.acquire(timeout=self._patience):
            raise StoreDown(f"All connections to {self._name} that read are busy.")
        try:
            while True:
                if (found := self._begun(until)) is not None:
                    return found
        except BaseException:
            self._places.release()
            raise

    def give_back(self, reader: Reader) -> None:
        """Take a connection back, if it may be used again."""
        now, connection = time.monotonic(), reader.connection
        reader.used = now
        is_sound = connection.info.transaction_status == TransactionStatus.IDLE and now - reader.born < LIFETIME
        with self._gate:
            keep = is_sound and not self._closed
            if keep:
                self._idle.append(reader)
            too_long = self._idle.popleft() if self._idle and now - self._idle[0].used > UNUSED else None
        for one in ((None if keep else reader), too_long):
            _end(one)
        self._places.release()

    def close(self) -> None:
        """Close what nobody uses now; the others are closed when they come back."""
        self._closed = True
        self._forget()

    def _begun(self, until: float) -> Reader | None:
        """Begin on a connection that is left over or a new one; None where it turned out to be broken."""
        reader = self._left_over() or self._made(until)
        try:
            reader.connection.execute(LOOK)
        except psycopg.OperationalError:
            _end(reader)
            self._forget()  # they died with it, or would be found dead one by one
            return None
        self._away_since = 0.0
        return reader

    def _left_over(self) -> Reader | None:
        with self._gate:
            return self._idle.pop() if self._idle else None

    def _made(self, until: float) -> Reader:
        """Connect, one after the other while the server is away, or take what is given back meanwhile.

        Raises StoreDown when it is too late, at once where the server has been away for long.
        """
        while not self._closed:
            at_door = bool(self._away_since)  # while the server is there, nobody waits for another one's connecting
            if not at_door or self._door.acquire(timeout=GLANCE):
                try:
                    connection = self._knocked()
                finally:
                    if at_door:
                        self._door.release()
                if connection is not None:
                    now = time.monotonic()
                    return Reader(connection=connection, born=now, used=now)
            elif (found := self._left_over()) is not None:
                return found
            if time.monotonic() >= min(until, (self._away_since or until) + self._patience):
                raise StoreDown(f"{self._name} cannot be reached: {self._trouble or 'it does not answer'}")
            time.sleep(max(0.0, self._knock_at - time.monotonic()))
        raise StoreDown("the store is closed")

    def _knocked(self) -> psycopg.Connection[Any] | None:
        """Try once, unless somebody just did."""
        if time.monotonic() < self._knock_at:
            return None
        try:
            connection = self._connect()
        except psycopg.OperationalError as error:
            now = time.monotonic()
            self._away_since, self._knock_at = self._away_since or now, now + KNOCK
            self._trouble = str(error).strip().partition("\n")[0]
            return None
        self._knock_at = 0.0
        return connection

    def _forget(self) -> None:
        with self._gate:
            idle, self._idle = self._idle, deque()
        for reader in idle:
            _end(reader)


def _end(reader: Reader | None) -> None:
    if reader is not None:
        with suppress(psycopg.Error):
            reader.connection.close()
