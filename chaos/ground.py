"""Where an episode keeps its record: a file of SQLite, or a PostgreSQL server of its own that can be killed."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from audit.store import Store
from tests.peers.postgres import Primary

QUIET = 3.0
"""Seconds after which a claim that is still open is a dead process's: providers answer in milliseconds by then."""

CLAIMS = "select id, attempts from messages where state = 'submitting'"


class Ground(Protocol):
    """What the harness has to know of an engine."""

    @property
    def address(self) -> str:
        """Return what the settings' `database` says."""

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask past the service, as an outsider who may only read."""

    def store(self) -> Store:
        """Open the store, as the commands do."""

    def hurry(self) -> None:
        """See that nobody has to wait for what processes claimed that are gone; call while senders rest."""

    def close(self) -> None:
        """Leave nothing behind."""


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """One file, in a folder that may be a file system of its own."""

    folder: Path
    name: str = "tidings.db"

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / self.name

    @property
    def files(self) -> Sequence[Path]:
        """The file and what stands beside it."""
        return [Path(f"{self.path}{ending}") for ending in ("", "-wal", "-shm")]

    @property
    def address(self) -> str:
        """Return what the settings' `database` says."""
        return f"sqlite:///{self.path}"

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask past the service."""
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=30)) as connection:
            return connection.execute(sql).fetchall()

    def store(self) -> Store:
        """Open the store."""
        return Store(self.path)

    def hurry(self) -> None:
        """Do nothing: a start takes up what the stop left."""

    def close(self) -> None:
        """Do nothing: the folder is somebody else's."""


@dataclass(slots=True)
class PostgresServer:
    """A server of an episode's own, which starts at once. Episodes kill it, slow it down or fill its places."""

    folder: Path
    server: Primary = field(init=False)
    _asked: Any = None

    def __post_init__(self) -> None:
        self.folder.chmod(0o755)  # the server runs as a user of its own
        self.server = Primary(self.folder / "server")
        self.server.make()

    @property
    def address(self) -> str:
        """Return what the settings' `database` says."""
        return self.server.address

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask past the service, on one connection that is made anew when the server was killed."""
        import psycopg  # noqa: PLC0415 - an extra

        for _ in range(2):
            if self._asked is None:
                self._asked = psycopg.connect(self.server.root, autocommit=True, connect_timeout=5)
            try:
                found: list[tuple[Any, ...]] = self._asked.execute(sql).fetchall()
            except psycopg.OperationalError:
                self._forget()
            else:
                return found
        raise TimeoutError("the server cannot be asked")

    def store(self) -> Store:
        """Open the store."""
        return Store(self.address)

    def hurry(self) -> None:
        """End the leases of dead processes now: `lease-ends` is the episode that waits for a minute."""
        before = set(self.rows(CLAIMS))
        if not before:
            return
        time.sleep(QUIET)
        for message, attempts in before & set(self.rows(CLAIMS)):
            self.rows(
                f"update messages set lease_until = 1 where id = '{message}' and attempts = {attempts} "  # noqa: S608 - ids of ours
                "and state = 'submitting' returning id"
            )

    def again(self, *, options: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None) -> None:
        """Start the server with other settings, before anybody uses it."""
        self._forget()
        self.server.kill()
        self.server.options, self.server.environment = options or {}, environment or {}
        self.server.start()

    def close(self) -> None:
        """End the server."""
        self._forget()
        self.server.kill()

    def _forget(self) -> None:
        if self._asked is not None:
            with suppress(Exception):
                self._asked.close()
            self._asked = None
