"""A PostgreSQL server (14 or newer): the engine of several processes on several machines.

Each process writes by a few connections (`WRITERS`), each with the store's gather-and-commit loop, and reads by others
(readers.py).
Nothing is taken from `synchronous_commit`: what `write` returned is on the server's disk, and on a standby's where the
server is set up so. A commit whose answer was lost is looked up by its number on a new connection (table `writers`), so
that a job is neither lost nor done twice when the server restarts under it.

**Who may write at once.** Every transaction that writes takes the database's turn (an advisory lock) as its first act.
A plain job takes it alone, so that code written for one writer is right as it is (people, keys, campaigns, idempotency,
verification tries, sign-in failures, seals, erasing, retention ...). A job marked `at_once` shares it with others of
its kind. These carry the traffic, and this is why each is safe beside the others (each statement of theirs sees what
is committed by then):

- the door (`intake.accept`): `insert ... on conflict ... where` takes the dedupe key and waits for whoever has it;
- planning (`worker.plan_due`): events are taken `for update skip locked` while they still wait (`plans.take`); what
  a plan asks about the past (`facts.StoredFacts`: dedupe, throttle, batch, record, allowance of a person) is locked by
  its key before it is read, to the end of the transaction that writes the message; a cancellation locks its record;
- claims (`claims.claim_next`, `webhooks.claim`): one `update` of rows taken `for update skip locked`;
- results and receipts (`attempts.record_result`, `receipts.record`): both lock the provider's id, so that the later one
  sees the earlier one, and read the state they decide about `for update`; the parts of one text are under its lock;
- tellings: the outbox is taken out by a count that must fit, a told one touches its own row and sets its webhook's.

In a batch nobody waits longer than `IMPATIENT` for a lock, because the batch holds locks itself: it is undone and run
in smaller pieces, down to single jobs, which wait. What the server still finds to be a deadlock is run again.

Numbers of the journal are drawn before the commit and appear in any order; who remembers up to where it was read asks
`settled` (postgres_tx.py).

Long because one store: the pool, whose turn it is, batches, and what a lost commit became.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict

from audit.engines.base import Again, InDoubt, StoreDown, Tx
from audit.engines.news import News
from audit.engines.postgres_tx import JOURNAL_LOCK, ServerTx, lock_number, named, prepared
from audit.engines.readers import Readers

log = logging.getLogger("tidings.audit")
T = TypeVar("T")
MIGRATIONS = Path(__file__).parent.parent / "migrations" / "postgres"
WRITERS = 4
READERS = 16
"""Connections of one process at most; a page that finds none free waits."""
REST = 0.05
"""Seconds between tries to reach a server."""

IMPATIENT = "30ms"
GONE = "; ".join((
    "set tcp_keepalives_idle = 10", "set tcp_keepalives_interval = 5", "set tcp_keepalives_count = 3",
    "set tcp_user_timeout = 15000",
))  # fmt: skip
"""How soon the server gives up a process that is cut off (25 seconds). Until then its transactions keep their locks,
the turn among them, and every plain job waits; left to itself a server would wait for two hours."""

STANDSTILL = "15s"
"""How long a process that is there but stands still may keep the turn."""

TURN = lock_number("turn")
BEGIN = f"""
begin; select pg_advisory_xact_lock{{}}({TURN}),
    pg_advisory_xact_lock_shared({JOURNAL_LOCK} + case when is_called then last_value else 0 end),
    pg_current_xact_id()::text from journal_id_seq;
update writers set number = %d where id = %d{{}}
"""  # noqa: S608 - our own words
BEGINS = {
    (beside, single): BEGIN.format(
        "_shared" if beside else "", "" if single else f"; set local lock_timeout = '{IMPATIENT}'"
    )
    for beside in (True, False)
    for single in (True, False)
}
FATE = """
select case when $1::xid8 < pg_snapshot_xmax(pg_current_snapshot()) then pg_xact_status($1::xid8) end,
    (select number from writers where id = $2)
"""
ERASED_FROM = (
    "messages, replies, conversations, verifications, verification_sends, list_rows, reply_parts, contacts, "
    "write_backs, tellings, outbox, traces, finder, bodies, events, consent, consent_history"
)
DEFAULTS = {
    "application_name": "tidings", "connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5,
    "keepalives_count": 3, "tcp_user_timeout": 15_000, "client_encoding": "utf8",
}  # fmt: skip


class Postgres:
    """One database of a server."""

    name, writers, alone = "postgresql", WRITERS, False

    def __init__(self, url: str, busy_ms: int) -> None:
        self._wanted = {**DEFAULTS, **_read(url)}
        self.busy = busy_ms / 1000
        self._local = threading.local()
        self._readers = Readers(self.connect, READERS, self.busy, self._shown())
        self._news, self._leading, self._beside = News(self.connect), _Leading(self.connect), _Beside(self.connect)

    def open(self) -> Sequence[ServerWriter]:
        """Connect and bring the schema up to date. Raises StoreDown."""
        try:
            with self.connect() as connection:
                migrate(connection)
        except psycopg.Error as error:
            raise StoreDown(f"{self._shown()}: {str(error).strip()}") from error
        return [ServerWriter(self) for _ in range(self.writers)]

    def connect(self) -> psycopg.Connection[Any]:
        """Open a connection. Raises psycopg.Error."""
        connection: psycopg.Connection[Any] = psycopg.connect(**self._wanted, autocommit=True)
        self._configure(connection)
        return connection

    def _configure(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(
            f"set synchronous_commit = on; set lock_timeout = '{int(self.busy * 1000)}ms'; set timezone = 'UTC'; "
            f"set idle_in_transaction_session_timeout = '10min'; {GONE}"
        )
        prepared(connection)

    def _shown(self) -> str:
        """Name the database without its password."""
        return f"postgresql://{self._wanted.get('host', '')}/{self._wanted.get('dbname', '')}"

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """Give a transaction that only reads; a block within a block sees what the outer one sees."""
        outer: ServerTx | None = getattr(self._local, "tx", None)
        if outer is not None:
            yield outer
            return
        reader = self._readers.take()
        self._local.tx = ServerTx(reader.connection, writes=False)
        try:
            yield self._local.tx
        finally:
            self._local.tx = None
            with suppress(psycopg.Error):
                reader.connection.execute("rollback")
            self._readers.give_back(reader)

    def tidy(self, writer: Any) -> None:
        """Let the server free what erased rows took; copies in its log and in backups are beyond us."""
        with self.connect() as connection:
            connection.execute(f"vacuum {ERASED_FROM}")

    def named(self, error: Exception) -> Exception:
        """Tell trouble of the store itself from a mistake in what it was asked."""
        if isinstance(error, psycopg.Error):
            error = named(error)
        return error

    def time(self) -> datetime:
        """Return the server's time."""
        with self.read() as tx:
            stamp = tx.execute("select extract(epoch from clock_timestamp())::float8").fetchone()[0]
        return datetime.fromtimestamp(stamp, tz=UTC)

    def node(self) -> int:
        """Return a number that no other process of the last thousand has: it goes into the ids that are made there."""
        with self.connect() as connection:
            row = connection.execute("select nextval('nodes') % 1000").fetchone()
        return int(row[0]) if row else 0

    def aside(self, job: Callable[[Tx], T]) -> T:
        """Run `job` on a connection of its own, without the database's turn. Raises StoreDown."""
        return self._beside.run(job)

    def announce(self) -> None:
        """Tell other processes that there is something to do."""
        self._news.announce()

    def listen(self, heard: Callable[[], None]) -> None:
        """Call `heard` when a process announced something."""
        self._news.listen(heard)

    @contextmanager
    def leader(self, name: str) -> Iterator[bool]:
        """Hold a lock of the session for as long as the block runs; False when another process holds it."""
        took = self._leading.take(name)
        try:
            yield took
        finally:
            if took:
                self._leading.give_back(name)

    def close(self) -> None:
        """Close what readers, leaders and listeners hold."""
        self._news.close()
        self._leading.close()
        self._beside.close()
        self._readers.close()


class _Beside:
    """A connection for what is written past all transactions, a job at a time; it is made anew when it breaks."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self._connect, self._gate = connect, threading.Lock()
        self._tx: ServerTx | None = None

    def run(self, job: Callable[[Tx], T]) -> T:
        """Run a job. Raises StoreDown."""
        with self._gate:
            try:
                if self._tx is None:
                    self._tx = ServerTx(self._connect(), writes=True)
                return job(self._tx)
            except StoreDown:
                self._drop()
                raise
            except psycopg.Error as error:
                self._drop()
                raise StoreDown(str(error).strip()) from error

    def close(self) -> None:
        """Close the connection."""
        with self._gate:
            self._drop()

    def _drop(self) -> None:
        if self._tx is not None:
            with suppress(psycopg.Error):
                self._tx.connection.close()
        self._tx = None


class _Leading:
    """The locks this process holds over work that is done by one at a time, on one connection for all of them.

    A connection that breaks gives its locks up on the server; until the block here ends, another process may do the
    same work. So the work itself has to bear that, and does: it is small steps, each a transaction of its own.
    """

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self._connect, self._gate = connect, threading.Lock()
        self._connection: psycopg.Connection[Any] | None = None
        self._held: set[str] = set()

    def take(self, name: str) -> bool:
        """Take a lock if nobody has it. Raises StoreDown."""
        with self._gate:
            if name in self._held or not self._ask("select pg_try_advisory_lock($1)", name):
                return False
            self._held.add(name)
            return True

    def give_back(self, name: str) -> None:
        """Give a lock back."""
        with self._gate, suppress(StoreDown):
            self._held.discard(name)
            self._ask("select pg_advisory_unlock($1)", name)

    def close(self) -> None:
        """Close the connection, and with it give all locks back."""
        with self._gate:
            self._drop()

    def _ask(self, sql: str, name: str) -> bool:
        try:
            if self._connection is None:
                self._connection = self._connect()
            row = self._connection.execute(sql.encode(), [lock_number(f"leader {name}")]).fetchone()
        except psycopg.Error as error:
            self._drop()
            raise StoreDown(str(error).strip()) from error
        return bool(row and row[0])

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
        self._connection = None


class ServerWriter:
    """One connection that writes. It is made anew when it breaks."""

    def __init__(self, engine: Postgres) -> None:
        self._engine = engine
        self._connection: psycopg.Connection[Any] | None = None
        self._tx: ServerTx | None = None
        self._id, self._number, self._transaction = 0, 0, ""
        self._away_since = 0.0

    @property
    def tx(self) -> ServerTx:
        """The transaction that was begun."""
        assert self._tx is not None  # noqa: S101 - `begin` came first
        return self._tx

    def begin(self, *, beside: bool, single: bool) -> None:
        """Begin, on a new connection where the old one broke. Raises StoreDown.

        A server that restarts is waited for as long as for a lock; one that stays away fails who comes then at once.
        """
        while True:
            try:
                self._begun(self._connected(), BEGINS[beside, single])
            except psycopg.errors.LockNotAvailable as error:
                self.rollback()
                raise StoreDown("Another transaction has the database to itself for too long.") from error
            except psycopg.OperationalError as error:
                self._drop()
                self._away_since = self._away_since or time.monotonic()
                if time.monotonic() - self._away_since >= self._engine.busy:
                    raise StoreDown(str(error).strip()) from error
                time.sleep(REST)
            else:
                self._away_since = 0.0
                return

    def _begun(self, connection: psycopg.Connection[Any], sql: str) -> None:
        self._number += 1
        cursor = connection.execute((sql % (self._number, self._id)).encode())
        cursor.nextset()
        row = cursor.fetchone()
        self._transaction = str(row[2]) if row else "0"
        cursor.nextset()
        if cursor.rowcount != 1:  # somebody tidied up: without the row nobody could say what became of a commit
            self._id = 0
            raise psycopg.OperationalError("The connection was forgotten.")
        self.tx.begun()

    def commit(self) -> None:
        """Commit; where the answer is lost, ask what became of it. Raises Again, InDoubt and what the server says."""
        assert self._connection is not None  # noqa: S101 - `begin` came first
        try:
            said = self._connection.execute("commit").statusmessage
        except psycopg.OperationalError as error:
            self._drop()
            self._look_up(error)
            return
        if said != "COMMIT":
            raise RuntimeError("A job went on after one of its statements had failed; nothing of it was kept.")

    def _look_up(self, trouble: Exception) -> None:
        """Find out on a new connection whether a commit was done."""
        until = time.monotonic() + 2 * self._engine.busy
        while time.monotonic() < until:
            with suppress(psycopg.OperationalError):
                found = self._fate()
                if found == "committed":
                    return
                if found == "aborted":
                    raise Again(str(trouble))
            time.sleep(0.05)
        raise InDoubt(f"The database went away during a commit: {str(trouble).strip()}")

    def _fate(self) -> str:
        with self._engine.connect() as connection:
            row = connection.execute(FATE.encode(), [self._transaction, self._id]).fetchone()
        if row is None or row[0] == "in progress":
            return ""
        return "committed" if row[1] == self._number else "aborted"

    def rollback(self) -> None:
        """Undo, or drop a connection that does not even do that."""
        if self._connection is not None:
            try:
                self._connection.execute("rollback")
            except psycopg.Error:
                self._drop()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None and self._id:
            with suppress(psycopg.Error):
                self._connection.execute("delete from writers where id = $1", [self._id])
        self._drop()

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            self._connection = self._engine.connect()
            self._connection.execute(f"set idle_in_transaction_session_timeout = '{STANDSTILL}'")
            if not self._id:
                row = self._connection.execute("insert into writers default values returning id").fetchone()
                self._id = int(row[0]) if row else 0
            self._tx = ServerTx(self._connection, writes=True)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
        self._connection = None


def migrate(connection: psycopg.Connection[Any]) -> None:
    """Bring the schema up to date: every file in migrations/postgres/ runs once, in order of its number.

    Two processes that start at once wait for each other.
    """
    number = lock_number("migrations")
    connection.execute("set lock_timeout = 0")
    connection.execute("select pg_advisory_lock($1)", [number])
    try:
        connection.execute(
            "create table if not exists migrations (name text primary key, "
            "at bigint not null default (extract(epoch from now()) * 1000)::bigint)"
        )
        done = {row[0] for row in connection.execute("select name from migrations").fetchall()}
        for path in sorted(MIGRATIONS.glob("*.sql")):
            if path.stem not in done:
                with connection.transaction():
                    connection.execute(path.read_text("utf-8").encode())
                    connection.execute("insert into migrations (name) values ($1)", [path.stem])
    finally:
        with suppress(psycopg.Error):
            connection.execute("select pg_advisory_unlock($1)", [number])


def _read(url: str) -> dict[str, Any]:
    """Read the address. Raises StoreDown."""
    try:
        return {name: value for name, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.ProgrammingError:  # its text holds the address, and that the password
        raise StoreDown("The address of the database cannot be read.") from None
