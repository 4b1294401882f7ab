"""The embedded store: one SQLite file, one writer thread, as many readers as there are threads.

All changes go through one thread that commits whatever has gathered since its last commit, so that thirty senders
share one disk flush. A job that fails is undone alone: its batch is rolled back and every job runs again by itself.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlite_utils
from sqlite_utils.migrations import Migrations

T = TypeVar("T")
Tx = sqlite3.Connection
Row = sqlite3.Row
MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_MS = 5_000
MAX_BATCH = 400


class StoreDown(Exception):  # noqa: N818 - names the state
    """The store cannot take anything now (disk full, locked, read-only, stopped). Nothing was lost or half done."""


class Store:
    """One open database. `write` returns after the commit is on disk."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._local = threading.local()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._readers: list[sqlite3.Connection] = []
        writer = self._connect()
        migrate(writer)
        self._thread = threading.Thread(target=self._run, args=(writer,), name="store-writer", daemon=True)
        self._thread.start()

    def write(self, job: Callable[[Tx], T]) -> T:
        """Run `job` in a transaction and return its result once it is committed. Raises StoreDown."""
        return self.submit(job).result()

    def submit(self, job: Callable[[Tx], T]) -> Future[T]:
        """Queue `job`; the future is done after its commit."""
        if self._stopped.is_set():
            raise StoreDown("the store is closed")
        future: Future[T] = Future()
        self._jobs.put(_Job(job, future))
        return future

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """Give this thread's reading connection: a consistent view for as long as the block runs."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            connection.execute("pragma query_only = on")
            self._local.connection = connection
            self._readers.append(connection)
        try:
            connection.execute("begin")
            yield connection
        except sqlite3.OperationalError as error:
            raise StoreDown(str(error)) from error
        finally:
            if connection.in_transaction:
                connection.execute("rollback")

    def close(self) -> None:
        """Commit what is queued and stop."""
        if not self._stopped.is_set():
            self._stopped.set()
            self._jobs.put(None)
            self._thread.join()
            for connection in self._readers:
                connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000, cached_statements=256
        )
        connection.row_factory = sqlite3.Row
        for pragma in (
            "journal_mode = wal",
            "synchronous = full",
            "foreign_keys = on",
            "temp_store = memory",
            "secure_delete = fast",
        ):
            connection.execute(f"pragma {pragma}")
        return connection

    def _run(self, connection: sqlite3.Connection) -> None:
        job = self._jobs.get()
        while job is not None:
            batch = [job]
            job = None
            while len(batch) < MAX_BATCH:
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    self._jobs.put(None)
                    break
                batch.append(job)
            _commit(connection, batch)
            job = self._jobs.get()
        connection.close()


class _Job:
    __slots__ = ("error", "future", "result", "run")

    def __init__(self, run: Callable[[Tx], Any], future: Future[Any]) -> None:
        self.run, self.future = run, future
        self.result: Any = None


def _commit(connection: sqlite3.Connection, batch: list[_Job]) -> None:
    """Run a batch in one transaction; when one job fails, run each in its own."""
    try:
        connection.execute("begin immediate")
        for job in batch:
            job.result = job.run(connection)
        connection.execute("commit")
    except Exception as error:  # noqa: BLE001 - whatever a job raises belongs to that job's caller
        if connection.in_transaction:
            connection.execute("rollback")
        if len(batch) > 1:
            for job in batch:
                _commit(connection, [job])
        else:
            down = isinstance(error, sqlite3.OperationalError | sqlite3.DatabaseError)
            down = down and not isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError)
            batch[0].future.set_exception(StoreDown(str(error)) if down else error)
        return
    for job in batch:
        job.future.set_result(job.result)


@contextmanager
def nested(tx: Tx) -> Iterator[None]:
    """Undo only what the block did when it raises; trouble of the store itself (full, locked) is StoreDown."""
    tx.execute("savepoint nested")
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreDown(str(error)) from error
    except Exception:
        tx.execute("rollback to nested")
        tx.execute("release nested")
        raise
    tx.execute("release nested")


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date: every file in migrations/ runs once, in order of its number."""
    steps = Migrations("tidings")
    for path in sorted(MIGRATIONS.glob("*.sql")):
        steps(name=path.stem)(_step(path.read_text("utf-8")))
    steps.apply(sqlite_utils.Database(connection))


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
