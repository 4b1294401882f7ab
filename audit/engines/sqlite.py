"""One SQLite file: the engine of one machine, and the one that needs nothing to be installed."""

from __future__ import annotations

import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from audit.engines.base import StoreDown, Tx

if TYPE_CHECKING:
    import sqlite_utils

MIGRATIONS = Path(__file__).parent.parent / "migrations"
T = TypeVar("T")
LONGEST_LOG = 8_388_608
"""Bytes of the write-ahead log that stay when it begins anew: one long look would else leave it big for ever."""

PATIENCE = 1.0
"""Seconds that a stop waits for those who still read."""

CLOSED = "the store is closed"
GLANCE = 0.005
"""Seconds between two looks whether they are done."""


class SqliteWriter:
    """The one connection that writes."""

    __slots__ = ("tx",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.tx = connection

    def begin(self, *, beside: bool, single: bool) -> None:
        """Take the file's one lock for writers. Raises StoreDown."""
        try:
            self.tx.execute("begin immediate")
        except sqlite3.Error as error:
            raise StoreDown(str(error)) from error

    def commit(self) -> None:
        """Bring the transaction to disk."""
        self.tx.execute("commit")

    def rollback(self) -> None:
        """Undo the transaction, if there is one."""
        if self.tx.in_transaction:
            self.tx.execute("rollback")

    def close(self) -> None:
        """Close the file."""
        self.tx.execute("pragma wal_checkpoint(passive)")  # so that the file alone is complete, also for a copy
        self.tx.close()


class _Reader:
    """A thread's connection, closed when the thread ends; whoever closes the file knows of it and does not hold it."""

    __slots__ = ("__weakref__", "connection")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def __del__(self) -> None:
        self.connection.close()  # left alone it waits, with its 2 MB, for a collector of cycles: its statements hold it


class Sqlite:
    """One file in WAL mode; every thread that reads has a connection of its own."""

    name, writers, alone = "sqlite", 1, True

    def __init__(self, path: Path, busy_ms: int) -> None:
        self.path, self._busy_ms = path, busy_ms
        self._local, self._gate, self._closed = threading.local(), threading.Lock(), False
        self._readers = weakref.WeakSet[_Reader]()

    def open(self) -> Sequence[SqliteWriter]:
        """Open the file, make it where there is none, and bring its schema up to date. Raises StoreDown."""
        try:
            connection = self._connect()
            migrate(connection)
        except sqlite3.Error as error:
            raise StoreDown(f"{self.path}: {error}") from error
        return [SqliteWriter(connection)]

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """Give this thread's reading connection."""
        try:
            connection = self._reader()
            if not self._begins(connection):  # a block within a block sees what the outer one sees
                yield connection
                return
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("rollback")
        except sqlite3.OperationalError as error:
            raise StoreDown(str(error)) from error

    def tidy(self, writer: Any) -> None:
        """Bring everything into the file itself and empty the write-ahead log; readers are waited for."""
        writer.tx.execute("pragma wal_checkpoint(truncate)").fetchall()

    def named(self, error: Exception) -> Exception:
        """Tell trouble of the store itself from a mistake in what it was asked."""
        is_mistake = isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError)
        return StoreDown(str(error)) if isinstance(error, sqlite3.DatabaseError) and not is_mistake else error

    def time(self) -> datetime:
        """Refuse: a file has no clock of its own."""
        raise StoreDown("A file has no clock; go by the machine's.")

    def node(self) -> int | None:
        """Leave the number to chance: few processes ever share a file."""
        return None

    def aside(self, job: Callable[[Tx], T]) -> T:
        """Refuse: nothing is written beside the one writer."""
        raise StoreDown("A file has one writer; nothing is written beside it.")

    def announce(self) -> None:
        """Tell nobody."""

    def listen(self, heard: Callable[[], None]) -> None:
        """Hear nothing."""

    @contextmanager
    def leader(self, name: str) -> Iterator[bool]:
        """Be the only one: nobody else works with the file."""
        yield True

    def close(self) -> None:
        """Close every thread's connection. With the last one SQLite takes away the log that stands beside the file."""
        with self._gate:
            self._closed = True
            readers = [*self._readers]
            self._readers.clear()
        until = time.monotonic() + PATIENCE
        for reader in readers:
            with suppress(sqlite3.ProgrammingError):  # its own thread was quicker
                while reader.connection.in_transaction and time.monotonic() < until:
                    time.sleep(GLANCE)
                if not reader.connection.in_transaction:
                    reader.connection.close()

    def _reader(self) -> sqlite3.Connection:
        """Return this thread's own connection; it is closed when the thread ends."""
        if self._closed:
            raise StoreDown(CLOSED)
        reader: _Reader | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = _Reader(self._connect())
            reader.connection.execute("pragma query_only = on")
            with self._gate:  # whoever closes the file sees this one, or nobody needs it
                self._readers.add(reader)
            self._local.reader = reader
        return reader.connection

    def _begins(self, connection: sqlite3.Connection) -> bool:
        """Begin to look; False where this thread is looking already. Raises StoreDown where the file is being closed.

        Whoever closes it says so first and then looks who has begun: either he sees us, or we see him.
        """
        try:
            if connection.in_transaction:
                return False
            connection.execute("begin")
        except sqlite3.ProgrammingError:
            raise StoreDown(CLOSED) from None
        if self._closed:
            connection.close()
            raise StoreDown(CLOSED)
        return True

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path,
            isolation_level=None,
            check_same_thread=False,
            timeout=self._busy_ms / 1000,
            cached_statements=256,
        )
        connection.row_factory = sqlite3.Row
        for pragma in (
            "journal_mode = wal",
            "synchronous = full",
            "foreign_keys = on",
            f"journal_size_limit = {LONGEST_LOG}",
            "temp_store = memory",  # what is sorted holds numbers and texts; a file in /tmp would outlive their erasure
            "secure_delete = on",  # what was erased or is past its time must be gone from the file, too
        ):
            connection.execute(f"pragma {pragma}")
        return connection


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date: every file in migrations/ runs once, in order of its number."""
    files = sorted(MIGRATIONS.glob("*.sql"))
    if {path.stem for path in files} <= _applied(connection):
        return
    import sqlite_utils  # noqa: PLC0415 - 3 MB that nearly every start can do without
    from sqlite_utils.migrations import Migrations  # noqa: PLC0415

    steps = Migrations("tidings")
    for path in files:
        steps(name=path.stem)(_step(path.read_text("utf-8")))
    steps.apply(sqlite_utils.Database(connection))


def _applied(connection: sqlite3.Connection) -> set[str]:
    """Return the migrations that are done, by the library's own table; none where it is not there yet."""
    try:
        rows = connection.execute("select name from _sqlite_migrations where migration_set = 'tidings'").fetchall()
    except sqlite3.OperationalError:
        return set()
    return {row[0] for row in rows}


def _step(script: str) -> Callable[[sqlite_utils.Database], None]:
    def step(db: sqlite_utils.Database) -> None:
        for statement in _statements(script):
            db.conn.execute(statement)

    step.__name__ = "step"
    return step


def _statements(script: str) -> Iterator[str]:
    """Split a script without `executescript`, which would commit a half-done migration."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
