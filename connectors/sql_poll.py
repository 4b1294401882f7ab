"""Any database that SQLAlchemy speaks: a table or a query of yours is read at intervals, and never written to.

Facts: docs.sqlalchemy.org 2.0 (text, transactions, dialects) and the databases' own pages on read-only transactions and
statement limits (PostgreSQL 15, MySQL 8.0, MariaDB 10.11, SQLite 3.40), read 2026-11; run against SQLite and
PostgreSQL. Not confirmed by a run: MySQL, MariaDB, Oracle, SQL Server.
Long because each database is kept from writing and from running long in a way of its own.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime
from datetime import time as time_
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from connectors.base import AskFailed, Http, Option, Page
from connectors.kit import audiences, mapping, records
from connectors.kit.records import RecordSource
from connectors.kit.scan import Listing, Window
from model.event import Incoming
from wire.process import masked

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Select

SIZE = 200
MOMENT = "\x1f"  # marks a stamp that the database knows as a time, and not as text
NAME = re.compile(r"[A-Za-z_][\w$]*")
WRITTEN = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(\.\d+)?(.*)")
CONNECT = {"postgresql": {"connect_timeout": 10}, "mysql": {"connect_timeout": 10}, "mariadb": {"connect_timeout": 10}}
GUARDS = {
    "postgresql": ("set transaction read only", "set local statement_timeout = {ms}"),
    "mysql": ("set session transaction read only", "set session max_execution_time = {ms}"),
    "mariadb": ("set session transaction read only", "set session max_statement_time = {s}"),
    "oracle": ("set transaction read only",),
    "mssql": ("set lock_timeout {ms}",),
    "sqlite": ("pragma query_only = on",),
}
"""What a transaction begins with, by dialect: it reads only, and no statement runs longer than the setting says."""
OPTIONS = {
    "url": Option(
        text="SQLAlchemy address of the database, such as postgresql+psycopg://reader:...@db.example/shop.",
        required=True,
        secret=True,
    ),
    "table": Option(text="Table or view to read, such as orders or shop.orders.", default=""),
    "query": Option(text="Instead of a table: one SELECT without an order, such as a join with people.", default=""),
    "updated": Option(
        text="Column of the time, or of the growing number, at which a row last changed.", required=True
    ),
    "overlap": Option(text="How far the next poll reaches back, for rows that are committed late.", default="5m"),
    "timeout": Option(text="How long a statement may run.", default="30s"),
    **records.OPTIONS,
}  # fmt: skip


class Row(dict[str, Any]):
    """A row as a record, and where it stands in the order: its stamp and key, as they go back to the database."""

    __slots__ = ("place",)
    place: list[Any]


class SqlPoll(RecordSource):
    """Rows of a database."""

    name = "sql_poll"
    title = "Polled SQL database"
    docs_url = "https://docs.sqlalchemy.org/en/20/core/engines.html"
    library = "sqlalchemy"
    extra = "sql"
    options: ClassVar[Mapping[str, Option]] = OPTIONS
    audience_query: ClassVar[str] = "SQL, one SELECT: SELECT name, mobile, lang FROM customers WHERE wants_news = 1"
    kinds: ClassVar[Mapping[str, Any]] = dict.fromkeys(("overlap", "timeout"), str | int)
    times: ClassVar[Sequence[str]] = ("updated",)
    setup: ClassVar[Sequence[str]] = (
        "Install the extra `sql` and the driver of your database, such as psycopg or PyMySQL.",
        "Make a user who may only read what is needed, and put `url` into the environment: it holds the password.",
        "Set `table` or `query`, `key`, `updated`, `status` and `types`, and `poll_every`. Index (updated, key).",
        "The first poll is the baseline and tells nothing; change a row and wait for the second.",
    )
    limits: ClassVar[Sequence[str]] = (
        "A row must get a new `updated` whenever its status changes, by a trigger where the program forgets it.",
        "Rows committed later than `overlap` after their stamp are missed. A counter as `updated` has no overlap.",
        "SQL Server and others know no read-only transaction: there the user's rights alone prevent writing.",
        "Deleted rows are not told.",
        records.UNREMEMBERED,
    )

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        given = self.settings
        self._overlap = mapping.span("overlap", given["overlap"])
        self._limit = mapping.span("timeout", given["timeout"])
        if "://" not in given["url"]:
            raise ValueError("Setting url: expected an address such as postgresql+psycopg://reader@db.example/shop.")
        if bool(given["table"]) == bool(given["query"]):
            raise ValueError("Setting table: set either table or query.")
        if given["table"] and not all(NAME.fullmatch(part) for part in given["table"].split(".")):
            raise ValueError(f"Setting table: {given['table']!r} is not a name such as orders or shop.orders.")
        self._keys: list[str] = given["key"] if isinstance(given["key"], list) else [given["key"]]
        self._engine: Engine | None = None

    def close(self) -> None:
        """Let go of the database."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read the rows that changed and tell what is new; one poll is one transaction that is rolled back."""
        incoming, found = Incoming(source=self.name, received_at=now), self.records
        with self._open() as connection:
            listing = Listing(
                read=lambda window: self._rows(connection, window),
                identity=found.identity,
                changed=lambda row: row.place[0],  # type: ignore[attr-defined]  # all come from _rows
                created=found.made,
                standing=found.standing,
                news=lambda sight: found.told(incoming, sight),
                back=self._back,
                start="",
            )
            try:
                return records.follow(listing, cursor, dated=bool(self.settings["created"]))
            except TypeError:
                raise AskFailed(f"Column {self.settings['updated']} holds texts and numbers.", permanent=True) from None

    def audience(self, query: str, http: Http) -> Iterator[Mapping[str, Any]]:
        """Yield the rows of a SELECT, in a transaction that reads only and is rolled back."""
        from sqlalchemy import text  # noqa: PLC0415 - as below

        wanted = text(audiences.single_select(query).replace(":", "\\:"))
        with self._open() as connection, connection.execution_options(stream_results=True).execute(wanted) as result:
            while rows := result.mappings().fetchmany(SIZE):
                yield from ({str(name): _plain(value) for name, value in row.items()} for row in rows)
                self._give_time(connection)  # what others do with the rows is not the statement's time

    def _open(self) -> AbstractContextManager[Connection]:
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - an extra, and 200 ms

        @contextmanager
        def opened() -> Iterator[Connection]:
            try:
                with self._at().connect() as connection:
                    self._guard(connection)
                    yield connection
                    connection.rollback()
            except (SQLAlchemyError, ImportError) as error:
                raise AskFailed(self._said(error), permanent=isinstance(error, ImportError)) from None

        return opened()

    def _said(self, error: Exception) -> str:
        """Return what went wrong without the statement, its values and the password."""
        said = str(getattr(error, "orig", None) or error).strip().splitlines()
        hidden = re.findall(r":([^:@/]+)@", self.settings["url"])
        return masked(f"{type(error).__name__}: {said[0] if said else ''}", hidden)[:300]

    def _at(self) -> Engine:
        from sqlalchemy import create_engine, make_url  # noqa: PLC0415 - as above
        from sqlalchemy.pool import NullPool  # noqa: PLC0415

        if self._engine is None:
            url = make_url(self.settings["url"])
            dialect, file = url.get_backend_name(), url.database
            if dialect == "sqlite" and file and file != ":memory:" and not Path(file.removeprefix("file:")).exists():
                raise AskFailed("There is no such database file.")
            self._engine = create_engine(
                url, poolclass=NullPool, hide_parameters=True, connect_args=dict(CONNECT.get(dialect, {}))
            )
        return self._engine

    def _guard(self, connection: Connection) -> None:
        dialect: Any = connection.dialect
        name = "mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name
        seconds = self._limit.total_seconds()
        for statement in GUARDS.get(name, ()):
            connection.exec_driver_sql(statement.format(ms=int(seconds * 1000), s=seconds))
        self._give_time(connection)

    def _give_time(self, connection: Connection) -> None:
        if connection.dialect.name == "sqlite":  # it has no limit of its own, but asks now and then whether to go on
            last: Any = time.monotonic() + self._limit.total_seconds()
            driver: Any = connection.connection.driver_connection
            driver.set_progress_handler(lambda: time.monotonic() > last, 100_000)

    def _rows(self, connection: Connection, window: Window) -> tuple[list[dict[str, Any]], str]:
        """Read one page, by change and key; the place of the next is the key of the last row."""
        statement = self._statement(window).limit(SIZE)
        with connection.execution_options(stream_results=True).execute(statement) as result:
            found = [self._row(row) for row in result.mappings()]
        return list[dict[str, Any]](found), json.dumps(found[-1].place) if len(found) == SIZE else ""

    def _row(self, values: Mapping[Any, Any]) -> Row:
        row = Row({str(name): _plain(value) for name, value in values.items()})
        row.place = [_stamp(values.get(name)) for name in [self.settings["updated"], *self._keys]]
        return row

    def _statement(self, window: Window) -> Select[Any]:
        from sqlalchemy import and_, column, or_, select  # noqa: PLC0415 - as above

        names = [self.settings["updated"], *self._keys]
        order: list[Any] = [column(name) for name in names]
        statement = select(*self._wanted()).select_from(self._from()).where(order[0].is_not(None))
        is_baseline = window.since is None
        if not is_baseline:
            statement = statement.where(order[0] >= _bound(window.since))
        if window.place:
            last = [_bound(value) for value in json.loads(window.place)]
            steps = [
                and_(
                    *(order[before] == last[before] for before in range(index)),
                    order[index] < value if is_baseline else order[index] > value,
                )
                for index, value in enumerate(last)
            ]
            statement = statement.where(or_(*steps))
        return statement.order_by(*(one.desc() if is_baseline else one.asc() for one in order))

    def _from(self) -> Any:
        from sqlalchemy import table, text  # noqa: PLC0415 - as above

        if query := self.settings["query"].strip().rstrip(";").replace(":", "\\:"):
            return text(f"({query}) records")
        schema, _, name = self.settings["table"].rpartition(".")
        return table(name, schema=schema or None)

    def _wanted(self) -> list[Any]:
        """Name the columns that settings name, all where no fields are named: nobody's table is copied for nothing."""
        from sqlalchemy import column, literal_column  # noqa: PLC0415 - as above

        if not self.settings["fields"]:
            return [literal_column("*")]
        used = [self.settings["updated"], *self._keys, *self.settings["id"], *self.settings["fields"].values()]
        used += [self.settings[name].lstrip("!") for name in ("status", "created", "time", "test")]
        return [column(name) for name in dict.fromkeys(path.partition(".")[0] for path in used if path)]

    def _back(self, stamp: Any) -> Any:
        """Reach back by the overlap, in the form in which the column is written."""
        if not isinstance(stamp, str):
            unit = 1000 if stamp > 10**11 else 1 if stamp > 10**9 else 0
            return stamp - int(self._overlap.total_seconds()) * unit
        marked, written = stamp.startswith(MOMENT), stamp.removeprefix(MOMENT)
        found = WRITTEN.fullmatch(written)
        if not found:
            return stamp
        earlier = (datetime.fromisoformat(found[1]).replace(tzinfo=UTC) - self._overlap).strftime(
            f"%Y-%m-%d{found[1][10]}%H:%M:%S"
        )
        return f"{MOMENT if marked else ''}{earlier}{found[2] or ''}{found[3]}"


def _bound(value: Any) -> Any:
    """Return a stamp or key as the driver takes it."""
    if not isinstance(value, str) or not value.startswith(MOMENT):
        return value
    written = value.removeprefix(MOMENT)
    return date.fromisoformat(written) if len(written) == 10 else datetime.fromisoformat(written)


def _stamp(value: Any) -> Any:
    """Return a value of the order as the cursor keeps it; times get a mark, for texts may look like them."""
    if isinstance(value, int | float):
        return value
    if isinstance(value, Decimal):
        return int(value)
    return f"{MOMENT if isinstance(value, date) else ''}{_plain(value)}"


def _plain(value: Any) -> Any:
    """Return a value of a row as JSON can hold it."""
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat(timespec="microseconds")
    if isinstance(value, date | time_):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, bytes | memoryview):
        return ""
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


CONNECTOR = SqlPoll
