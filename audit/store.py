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

    def __init__(self, path: Path | str, *, busy_ms: int = BUSY_MS) -> None:
        self.path, self._busy_ms = Path(path), busy_ms
        self._local = threading.local()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._gate, self._stopped = threading.Lock(), False
        try:
            writer = self._connect()
            migrate(writer)
        except sqlite3.Error as error:
            raise StoreDown(f"{self.path}: {error}") from error
        self._thread = threading.Thread(target=self._run, args=(writer,), name="store-writer", daemon=True)
        self._thread.start()

    def write(self, job: Callable[[Tx], T]) -> T:
        """Run `job` in a transaction and return its result once it is committed. Raises StoreDown."""
        done = threading.Lock()  # a Future would do, at the price of a condition and three more locks per webhook
        done.acquire()
        ours = _Job(job, done.release)
        self._put(ours)
        done.acquire()
        if ours.error is not None:
            raise ours.error
        result: T = ours.result
        return result

    def submit(self, job: Callable[[Tx], T]) -> Future[T]:
        """Queue `job`; the future is done after its commit."""
        future: Future[T] = Future()
        ours = _Job(job, lambda: _tell(future, ours))
        self._put(ours)
        return future

    def _put(self, job: _Job) -> None:
        with self._gate:  # nothing may be queued behind the end, where nobody would answer it
            if self._stopped:
                raise StoreDown("the store is closed")
            self._jobs.put(job)

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """Give this thread's reading connection: a consistent view for as long as the block runs."""
        try:
            connection = self._reader()
            if connection.in_transaction:  # a block within a block sees what the outer one sees
                yield connection
                return
            try:
                connection.execute("begin")
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("rollback")
        except sqlite3.OperationalError as error:
            raise StoreDown(str(error)) from error

    def checkpoint(self) -> None:
        """Bring everything into the file itself and empty the write-ahead log. Raises StoreDown."""
        self.submit(_CHECKPOINT).result()

    def close(self) -> None:
        """Commit what is queued and stop. Readers of other threads end with their threads."""
        with self._gate:
            if not self._stopped:
                self._stopped = True
                self._jobs.put(None)
        self._thread.join()
        mine: sqlite3.Connection | None = self._local.__dict__.pop("connection", None)
        if mine is not None:
            mine.close()

    def _reader(self) -> sqlite3.Connection:
        """Return this thread's own connection; it is closed when the thread ends, for nobody else refers to it."""
        if self._stopped:
            raise StoreDown("the store is closed")
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            connection.execute("pragma query_only = on")
            self._local.connection = connection
        return connection

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
            "temp_store = memory",
            "secure_delete = on",  # what was erased or is past its time must be gone from the file, too
        ):
            connection.execute(f"pragma {pragma}")
        return connection

    def _run(self, connection: sqlite3.Connection) -> None:
        is_open = True
        while is_open:
            batch, is_open = self._gather()
            alone = [job for job in batch if job.run is _CHECKPOINT]
            if len(alone) < len(batch):
                _commit(connection, [job for job in batch if job.run is not _CHECKPOINT])
            for job in alone:
                _CHECKPOINT(connection)
                job.done()
        connection.execute("pragma wal_checkpoint(passive)")  # so that the file alone is complete, also for a copy
        connection.close()

    def _gather(self) -> tuple[list[_Job], bool]:
        """Wait for a job and take whatever else has come; False once the store is to close."""
        batch: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            batch.append(job)
            if len(batch) == MAX_BATCH:
                return batch, True
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False


def _CHECKPOINT(connection: Tx) -> None:  # noqa: N802 - a marker as much as a job
    """Run outside of a transaction; readers that are under way are waited for, up to the busy timeout."""
    connection.execute("pragma wal_checkpoint(truncate)").fetchall()


class _Job:
    """What to run, what came of it, and whom to tell after the commit."""

    __slots__ = ("done", "error", "result", "run")

    def __init__(self, run: Callable[[Tx], Any], done: Callable[[], None]) -> None:
        self.run, self.done = run, done
        self.result: Any = None
        self.error: Exception | None = None


def _tell(future: Future[Any], job: _Job) -> None:
    if job.error is None:
        future.set_result(job.result)
    else:
        future.set_exception(job.error)


def _commit(connection: sqlite3.Connection, batch: list[_Job]) -> None:
    """Run a batch in one transaction; when one job fails, run each in its own."""
    try:
        connection.execute("begin immediate")
    except sqlite3.Error as error:  # locked: waiting again for each job would keep the last one waiting for minutes
        _fail(batch, StoreDown(str(error)))
        return
    try:
        for job in batch:
            job.result = job.run(connection)
        connection.execute("commit")
    except Exception as error:  # noqa: BLE001 - whatever a job raises belongs to that job's caller
        if connection.in_transaction:
            connection.execute("rollback")
        if len(batch) == 1:
            _fail(batch, StoreDown(str(error)) if _is_down(error) else error)
            return
        for job in batch:
            _commit(connection, [job])
        return
    for job in batch:
        job.done()


def _fail(batch: list[_Job], error: Exception) -> None:
    for job in batch:
        job.error = error
        job.done()


def _is_down(error: Exception) -> bool:
    """Tell trouble of the store itself from a mistake in what it was asked."""
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(
        error, sqlite3.IntegrityError | sqlite3.ProgrammingError
    )


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
