"""The store as the simulator needs it: the real transactions on a real file, without a thread, and with faults.

A crash happens at a commit: before it, and its transaction is gone, or after it, and nobody is told. What is found
afterwards is a copy of the file and its log as they lay at that moment, as after a kill -9. A full disk refuses a
beginning, a statement or a commit. Triggers of the simulator's own (watch.sql) write down beside the journal what a
table shows only for a moment: each move of a state, and what was known when an attempt began.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from audit import store
from audit.engines.sqlite import Sqlite, SqliteWriter, migrate
from audit.store import Store, Tx

T = TypeVar("T")
C = TypeVar("C", bound=sqlite3.Connection)
WATCH = Path(__file__).parent / "watch.sql"
TABLES = """
select name from sqlite_master where type = 'table' and name <> 'sim_purged' and name not like 'finder|_%' escape '|'
and name not like 'sqlite|_%' escape '|' and name not like '|_%' escape '|'
"""
PRAGMAS = ("journal_mode = wal", "synchronous = off", "foreign_keys = on", "temp_store = memory", "secure_delete = on")
"""Those of the real store but for `synchronous`: no power fails here, and a flush costs more than a history."""


class Crash(BaseException):
    """The process is gone, as after kill -9. No `except Exception` on the way may live on."""


@dataclass(slots=True)
class Faults:
    """What the next transactions meet. `crash_in` counts commits until the end, `full_for` what a full disk refuses."""

    crash_in: int = 0
    crash_after: bool = False
    full_for: int = 0
    full_at: Literal["begin immediate", "insert", "commit"] = "begin immediate"
    commits: int = 0

    def refuse(self, sql: str) -> None:
        """Raise what SQLite raises on a full disk, where it meets this statement."""
        if self.full_for and sql.lstrip().startswith(self.full_at):
            self.full_for -= 1
            raise sqlite3.OperationalError("database or disk is full")

    def is_last(self) -> bool:
        """Count a commit; tell whether the process dies at this one."""
        self.commits += 1
        if not self.crash_in:
            return False
        self.crash_in -= 1
        return not self.crash_in


class Wire(sqlite3.Connection):
    """The writer's connection: where crashes and full disks happen."""

    faults: Faults

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Run one statement, or what the faults have for it."""
        if self.faults.full_for:
            self.faults.refuse(sql)
        if sql != "commit":
            return super().execute(sql, parameters)
        if not self.faults.is_last():
            return super().execute(sql)
        if self.faults.crash_after:
            super().execute(sql)
        raise Crash


class File(Sqlite):
    """The engine of one file, with faults where it writes. Its connections outlive a process, to save their making."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, busy_ms=0)
        self.connection = opened(path, Wire)

    def open(self) -> Sequence[SqliteWriter]:
        """See Engine. The file is a copy of the template and has its schema."""
        return [SqliteWriter(self.connection)]

    def _connect(self) -> sqlite3.Connection:
        return opened(self.path, sqlite3.Connection)

    def wipe(self) -> None:
        """Make it empty again."""
        self.connection.faults = Faults()
        self.connection.execute("begin immediate")
        for table in self.connection.execute(TABLES).fetchall():
            self.connection.execute(f'delete from "{table["name"]}"')  # noqa: S608 - names of our own tables
        self.connection.execute("delete from sim_purged")
        self.connection.execute("commit")

    def as_it_lies(self, path: Path) -> File:
        """Copy the file and its log as they are: what a process finds that starts after a kill -9."""
        for end in ("", "-wal"):
            if (found := Path(f"{self.path}{end}")).exists():
                shutil.copyfile(found, f"{path}{end}")
        return File(path)

    def remove(self) -> None:
        """Close it for good and take it away."""
        self.connection.close()
        self.close()
        for end in ("", "-wal", "-shm"):
            Path(f"{self.path}{end}").unlink(missing_ok=True)


class Shelf:
    """Files for histories, in a folder in memory: what one is done with, the next one gets empty."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._spare, self._count = folder, list[File](), 0
        self._template = template(folder / "template.db")

    def take(self) -> File:
        """Return an empty file."""
        if self._spare:
            file = self._spare.pop()
            file.wipe()
            return file
        path = self.path()
        shutil.copyfile(self._template, path)
        return File(path)

    def path(self) -> Path:
        """Return a name that was not used."""
        self._count += 1
        return self.folder / f"{self._count}.db"

    def give_back(self, file: File) -> None:
        """Keep a file for the next history."""
        if self._spare:
            file.remove()
        else:
            self._spare.append(file)


class Disk(Store):
    """A store whose jobs run at once, each in its own transaction, on the caller's thread."""

    def __init__(self, file: File, faults: Faults) -> None:
        self.engine, self._file, self._stopped = file, file, False
        (self._writer,) = file.open()
        file.connection.faults = faults

    def write(self, job: Callable[[Tx], T]) -> T:
        """See Store. A Crash leaves this store for good."""
        ours = store._Job(job, lambda: None)
        self._commit(self._writer, [ours])
        if ours.error is not None:
            raise ours.error
        result: T = ours.result
        return result

    def submit(self, job: Callable[[Tx], T]) -> Future[T]:
        """See Store."""
        future: Future[T] = Future()
        try:
            future.set_result(self.write(job))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits
            future.set_exception(error)
        return future

    def checkpoint(self) -> None:
        """See Store."""
        self.engine.tidy(self._writer)

    def close(self) -> None:
        """End as a process does: what was not committed is gone."""
        self._stopped = True
        self._writer.rollback()


def opened(path: Path, kind: type[C]) -> C:
    """Open a file as the real engine does, without its flushes."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=512, factory=kind
    )
    connection.row_factory = sqlite3.Row
    for pragma in PRAGMAS:
        sqlite3.Connection.execute(connection, f"pragma {pragma}")
    return connection


def template(path: Path) -> Path:
    """Make an empty database with every migration and the simulator's triggers, to be copied for each history."""
    connection = opened(path, sqlite3.Connection)
    migrate(connection)
    connection.executescript(WATCH.read_text("utf-8"))
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()
    return path


def rows(disk: Store, sql: str, values: Iterable[Any] = ()) -> list[Any]:
    """Read with the simulator's own eyes, past the queries of the service."""
    with disk.read() as tx:
        return tx.execute(sql, tuple(values)).fetchall()
