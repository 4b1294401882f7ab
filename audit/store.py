"""The store: functions that run in a transaction, over one SQLite file or a PostgreSQL server.

Whoever writes hands over a job and waits. A writing thread commits whatever has gathered since its last commit, so
that thirty senders share one disk flush. A job that fails is undone alone: its batch is rolled back and every job runs
again by itself; so a job may run more than once, and only what the last run did is kept. SQLite has one such thread.

PostgreSQL has several, in any number of processes, and still a job may read and then write as if it were alone: it has
the database to itself while it runs. Only the jobs that carry the traffic are marked `at_once` and run beside each
other; audit/engines/postgres.py says for each why that is safe.

Long because the writing loop, the jobs it gathers and what becomes of a failure are one promise.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from audit.engines.base import Again, Engine, InDoubt, Row, Shared, StoreDown, Tx, Writer
from audit.engines.sqlite import Sqlite
from wire.histogram import Histogram

__all__ = ["Row", "Store", "StoreDown", "Tx", "at_once", "lock", "nested", "settled"]

T = TypeVar("T")
BUSY_MS = 5_000
MAX_BATCH = 400
COMMIT_SPANS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Seconds that a batch may take, told apart for the metrics."""
TRIES = 10
"""How often a job runs that others stand in the way of."""


class at_once(Generic[T]):  # noqa: N801 - reads as a word where a job is handed over
    """A job that may run at once with others of its kind: it locks what it decides about."""

    __slots__ = ("run",)

    def __init__(self, run: Callable[[Tx], T]) -> None:
        self.run = run

    def __call__(self, tx: Tx) -> T:
        """Run it."""
        return self.run(tx)


class Store:
    """One open database: a path, or `postgresql://...`. `write` returns after the commit is on disk."""

    def __init__(self, place: Path | str, *, busy_ms: int = BUSY_MS) -> None:
        self.engine: Engine = _engine(place, busy_ms)
        self.commits = Histogram(COMMIT_SPANS)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._gate, self._stopped = threading.Lock(), False
        self._threads = [
            threading.Thread(target=self._run, args=(writer,), name="store-writer", daemon=True)
            for writer in self.engine.open()
        ]
        for thread in self._threads:
            thread.start()

    @property
    def path(self) -> Path:
        """The file of the embedded engine; a server has none."""
        if not isinstance(self.engine, Sqlite):
            raise TypeError("A database server has no file.")
        return self.engine.path

    @property
    def is_alone(self) -> bool:
        """Whether no other process works with these rows."""
        return self.engine.alone

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

    def read(self) -> AbstractContextManager[Tx]:
        """Give a transaction that reads: a consistent view for as long as the block runs. Raises StoreDown."""
        if self._stopped:
            raise StoreDown("the store is closed")
        return self.engine.read()

    @property
    def queued(self) -> int:
        """How many changes wait for the writer."""
        return self._jobs.qsize()

    def checkpoint(self) -> None:
        """See that what was removed is gone from the files as well, as far as the engine can. Raises StoreDown."""
        self.submit(_CHECKPOINT).result()

    def time(self) -> datetime:
        """Return what time it is on the database's server: several machines go by it. Raises StoreDown."""
        return self.engine.time()

    def node(self) -> int | None:
        """Return a number for ids that no other process has, None where any will do. Raises StoreDown."""
        return self.engine.node()

    def aside(self, job: Callable[[Tx], T]) -> T:
        """Run `job` now, also from within another one; each of its statements commits by itself. Raises StoreDown.

        Only for rows that no other kind of job touches, in a database that several processes share.
        """
        return self.engine.aside(job)

    def announce(self) -> None:
        """Tell the other processes that there is something to do; at worst they find it a second later."""
        self.engine.announce()

    def listen(self, heard: Callable[[], None]) -> None:
        """Call `heard` (in a thread of its own) when a process announced something."""
        self.engine.listen(heard)

    def leader(self, name: str) -> AbstractContextManager[bool]:
        """Try to be the only process that does something, for as long as the block runs. Raises StoreDown."""
        return self.engine.leader(name)

    def close(self) -> None:
        """Commit what is queued and stop. Readers of other threads end with their threads."""
        with self._gate:
            if not self._stopped:
                self._stopped = True
                for _ in self._threads:
                    self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        self.engine.close()

    def _run(self, writer: Writer) -> None:
        is_open = True
        while is_open:
            batch, is_open = self._gather()
            alone = [job for job in batch if job.run is _CHECKPOINT]
            if len(alone) < len(batch):
                began = time.perf_counter()
                self._by_kind(writer, [job for job in batch if job.run is not _CHECKPOINT])
                self.commits.note(time.perf_counter() - began)
            for job in alone:
                self._tidy(writer, job)
        writer.close()

    def _by_kind(self, writer: Writer, batch: list[_Job]) -> None:
        """Commit what may run beside others, then what may not."""
        if self.engine.alone:
            self._commit(writer, batch)
            return
        for kind in (True, False):
            if some := [job for job in batch if isinstance(job.run, at_once) is kind]:
                self._commit(writer, some, beside=kind)

    def _tidy(self, writer: Writer, job: _Job) -> None:
        try:
            self.engine.tidy(writer)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
            job.error = self.engine.named(error)
        job.done()

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

    def _commit(self, writer: Writer, batch: list[_Job], tries: int = TRIES, *, beside: bool = False) -> None:
        """Run a batch in one transaction; when one job fails, run each in its own."""
        try:
            writer.begin(beside=beside, single=len(batch) == 1)
        except StoreDown as error:  # locked: waiting again for each job would keep the last one waiting for minutes
            _fail(batch, error)
            return
        try:
            tx = writer.tx
            for job in batch:
                job.result = job.run(tx)
            writer.commit()
        except InDoubt as error:
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001 - whatever a job raises belongs to that job's caller
            writer.rollback()
            self._each(writer, batch, error, tries, beside=beside)
        else:
            for job in batch:
                job.done()

    def _each(self, writer: Writer, batch: list[_Job], error: Exception, tries: int, *, beside: bool) -> None:
        """Run the jobs of a batch that failed one by one; the one that fails alone gets the error."""
        if len(batch) > 1:
            # Where others stand in the way of one job, most of the rest can still go together.
            step = len(batch) // 2 if isinstance(error, StoreDown) else 1
            for start in range(0, len(batch), step):
                self._commit(writer, batch[start : start + step], beside=beside)
        elif isinstance(error, Again) and tries > 1:
            self._commit(writer, batch, tries - 1, beside=beside)
        else:
            _fail(batch, self.engine.named(error))


def _engine(place: Path | str, busy_ms: int) -> Engine:
    if isinstance(place, str) and place.startswith(("postgresql://", "postgres://")):
        from audit.engines.postgres import Postgres  # noqa: PLC0415 - an extra, and only who has a server needs it

        return Postgres(place, busy_ms)
    return Sqlite(Path(place), busy_ms)


def _CHECKPOINT(tx: Tx) -> None:  # noqa: N802 - a marker as much as a job
    """Mark a job that runs outside of a transaction."""


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


def _fail(batch: list[_Job], error: Exception) -> None:
    for job in batch:
        job.error = error
        job.done()


@contextmanager
def nested(tx: Tx) -> Iterator[None]:
    """Undo only what the block did when it raises; trouble of the store itself (full, locked) is StoreDown."""
    tx.execute("savepoint nested")
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreDown(str(error)) from error
    except StoreDown:  # nothing can be undone in part: all of it is
        raise
    except Exception:
        tx.execute("rollback to nested")
        tx.execute("release nested")
        raise
    tx.execute("release nested")


def lock(tx: Tx, *key: str) -> None:
    """Let nobody else decide about `key` until this transaction ends. One writer needs no lock."""
    if isinstance(tx, Shared):
        tx.lock(*key)


def settled(tx: Tx) -> int:
    """Return the newest row of the journal before which none can appear any more, 0 when it is empty.

    Several writers draw numbers at once and commit in any order. Who reads the journal up to a row and remembers
    where, must read no further than this.
    """
    if isinstance(tx, Shared):
        return tx.settled()
    return int(tx.execute("select max(id) as id from journal").fetchone()["id"] or 0)
