"""Where an episode keeps its record: a file of SQLite. Another engine is another ground with the same three words."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from audit.store import Store


class Ground(Protocol):
    """What the harness has to know of an engine."""

    @property
    def address(self) -> str:
        """Return what the settings' `database` says."""

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask past the service, as an outsider who may only read."""

    def store(self) -> Store:
        """Open the store, as the commands do."""


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
