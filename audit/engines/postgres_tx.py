"""A transaction of PostgreSQL that takes the SQL of `audit/` as it is and gives rows as SQLite does.

Each text is translated once: `?` and `:name` become `$1`, the hints in comments become what they hint at, and the two
words of full-text search become PostgreSQL's. Whatever else differs is in the schema (migrations/postgres/): the
functions SQLite has and PostgreSQL has not.

Long because each difference between two databases is a line of translation, and all are in one place.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import adapt, errors, raw_cursor

from audit.engines import words
from audit.engines.base import Again, Lost, Mistake, NotUnique, Shared, StoreDown, Values

JOURNAL_LOCK = 1 << 56
"""Above any row of the journal: the advisory locks under which transactions say from which row on they may write."""
SETTLED = f"""
select (select case when is_called then last_value else 0 end from journal_id_seq) as newest, (
    select min(((classid::bigint << 32) | objid::bigint) - {JOURNAL_LOCK}) from pg_locks
    where locktype = 'advisory' and objsubid = 1 and classid::bigint >> 24 = 1 and pid <> pg_backend_pid()
    and database = (select oid from pg_database where datname = current_database())) as held
"""  # noqa: S608 - our own words
NUMBERED = {"journal": "id", "finder": "rowid", "rule_versions": "id"}
"""Tables whose new number somebody asks for after an insert."""

WORDS = {
    "cross join": "join",  # SQLite's way to say in which order to walk; here the statistics know
    "as real)": "as double precision)",  # the same word is half as wide here
    "as integer)": "as bigint)",
}
PARTS = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/|\"[^\"]*\"|::|:[a-z_][a-z0-9_]*|\?", re.DOTALL)
HINT = re.compile(r"/\*\s*(for [a-z ]+?|materialized)\s*\*/")
LOCK_HINT = re.compile(r"/\*\s*for [a-z ]+?\s*\*/")
MATCH = re.compile(r"\bmatch\s+(:\w+|\?)")
INSERT = re.compile(r"\s*insert\s+into\s+(\w+)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL text in PostgreSQL's words. `names` says which value goes where, None for values in their order."""

    sql: str
    names: tuple[str, ...] | None
    count: int
    changes: Mapping[Any, Callable[[str], str]]

    def values(self, given: Values) -> Sequence[Any]:
        """Put the values in the order of the text."""
        if self.names is not None:
            if not isinstance(given, Mapping):
                raise Mistake("Named parameters want names.")
            found = [given[name] for name in self.names]
        else:
            found = [] if isinstance(given, Mapping) else list(given)  # a text may use none of the names it is given
            if len(found) != self.count:
                raise Mistake(f"The statement wants {self.count} values and was given {len(found)}.")
        for place, change in self.changes.items():
            found[place] = change(found[place])
        return found


@functools.lru_cache(maxsize=4096)
def translated(sql: str, *, writes: bool = True) -> Statement:
    """Write a statement in PostgreSQL's words. A transaction that only reads locks nothing."""
    sql = sql if writes else LOCK_HINT.sub("", sql)
    sql = HINT.sub(r"\1", sql)
    for ours, theirs in WORDS.items():
        sql = sql.replace(ours, theirs)
    searched = {found[1].lstrip(":") for found in MATCH.finditer(sql)}
    numbered = _Numbered()
    sql = PARTS.sub(numbered, MATCH.sub(r"@@ cast(\1 as tsquery)", sql))
    names = tuple(numbered.names)
    changes = {place: words.query for place, name in enumerate(names) if name in searched}
    into = INSERT.match(sql)
    if into and into[1] in NUMBERED and "returning" not in sql.lower():
        sql = f"{sql.rstrip()} returning {NUMBERED[into[1]]}"
    if into and into[1] == "finder":
        changes[0] = words.vector
    return Statement(sql, names or None, numbered.count, changes)


class _Numbered:
    """Gives each parameter its number; a name has the same one wherever it stands."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self.count = 0

    def __call__(self, found: re.Match[str]) -> str:
        text = found[0]
        if text == "?":
            self.count += 1
            return f"${self.count}"
        if text[0] != ":" or text == "::":
            return text
        return f"${self.names.setdefault(text[1:], len(self.names) + 1)}"


class ServerRow:
    """A row that behaves as sqlite3.Row does."""

    __slots__ = ("_places", "_values")

    def __init__(self, places: dict[str, int], values: Sequence[Any]) -> None:
        self._places, self._values = places, values

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            try:
                return self._values[self._places[key]]
            except KeyError:
                raise IndexError(f"No item with that key: {key}") from None
        return self._values[key]

    def keys(self) -> list[str]:
        """Return the names of the columns."""
        return list(self._places)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ServerRow):
            return self._values == other._values and self._places == other._places
        return NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self._values))

    def __repr__(self) -> str:
        return f"<row {', '.join(self._places)}>"  # no values: rows name people, and this may end in a log


@functools.lru_cache(maxsize=1024)
def _places(names: tuple[str, ...]) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        places.setdefault(name, place)  # of two columns with one name, SQLite gives the first
    return places


def rows(cursor: Any) -> Callable[[Sequence[Any]], ServerRow]:
    """Make rows of a result: psycopg's row factory."""
    if cursor.description is None:
        return lambda values: ServerRow({}, values)
    places = _places(tuple(column.name for column in cursor.description))
    return lambda values: ServerRow(places, values)


class ServerCursor:
    """What came of a statement, as sqlite3.Cursor shows it."""

    __slots__ = ("_cursor",)

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        return int(self._cursor.rowcount)

    @property
    def lastrowid(self) -> int | None:
        """The number the new row got."""
        row = self._cursor.fetchone() if self._cursor.description else None
        return int(row[0]) if row is not None else None

    def fetchone(self) -> Any:
        """Return the next row, None when there is none."""
        return self._cursor.fetchone() if self._cursor.description else None

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        found: list[Any] = self._cursor.fetchall() if self._cursor.description else []
        return found

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())


class ServerTx(Shared):
    """A transaction on one connection. `writes` is False in one that only reads."""

    __slots__ = ("_held", "connection", "writes")

    def __init__(self, connection: psycopg.Connection[Any], *, writes: bool) -> None:
        self.connection, self.writes = connection, writes
        self._held: set[str] = set()

    def execute(self, sql: str, parameters: Values = (), /) -> ServerCursor:
        """Run one statement."""
        statement = translated(sql, writes=self.writes)
        values = statement.values(parameters) if parameters or statement.names or statement.count else None
        return ServerCursor(self._run(statement.sql, values))

    def executemany(self, sql: str, parameters: Iterable[Values], /) -> ServerCursor:
        """Run one statement for each set of values, all of them on the wire at once."""
        statement = translated(sql)
        sets = [statement.values(each) for each in parameters]
        cursor = self.connection.cursor()
        if sets:
            with _named():
                cursor.executemany(statement.sql.encode(), sets)
        return ServerCursor(cursor) if sets else ServerCursor(_Nothing)

    def lock(self, *key: str) -> None:
        """Wait until no other transaction holds this key, and hold it to the end."""
        name = "\0".join(key)
        if self.writes and name not in self._held:
            self._run("select pg_advisory_xact_lock($1)", [lock_number(name)])
            self._held.add(name)

    def settled(self) -> int:
        """Return the newest row of the journal before which none can appear any more.

        Every transaction that writes says with a lock behind which row all of its own rows will be (`begun`). A row
        up to the lowest of these, or up to the newest number drawn where nobody writes, is there or never will be.
        """
        found = self._run(SETTLED, None).fetchone()
        return int(found["newest"] if found["held"] is None else min(found["newest"], found["held"]))

    def begun(self) -> None:
        """Forget the locks of the transaction before."""
        self._held.clear()

    def _run(self, sql: str, values: Sequence[Any] | None) -> Any:
        with _named():
            try:
                return self.connection.execute(sql.encode(), values)
            except psycopg.DataError:
                if not values or not any(isinstance(one, str) and "\0" in one for one in values):
                    raise
                # Refused before it was sent: a text of PostgreSQL cannot hold the character 0, SQLite's can.
                return self.connection.execute(sql.encode(), [_without_zero(one) for one in values])


def lock_number(name: str) -> int:
    """Return the number of an advisory lock; never one of the journal's."""
    return int.from_bytes(words.digest(name), "big", signed=True) | (1 << 62)


class _Nothing:
    """The result of running a statement for no values at all."""

    rowcount, description = 0, None


def _without_zero(value: Any) -> Any:
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


class _named:  # noqa: N801 - reads as a word in a with statement
    """Give the server's errors the names the rest of Tidings knows."""

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, psycopg.Error):
            raise named(error) from error


def named(error: psycopg.Error) -> Exception:
    """Return the error under the name that the rest of Tidings knows."""
    if isinstance(error, errors.DeadlockDetected | errors.SerializationFailure):
        return Again(str(error))
    if isinstance(error, psycopg.IntegrityError):
        return NotUnique(str(error))
    if isinstance(error, errors.IdleInTransactionSessionTimeout):
        return Lost(_line(error))
    if (
        isinstance(error, psycopg.OperationalError)
        and (error.sqlstate or "08")[:2] in {"08", "57"}
        and not isinstance(error, errors.QueryCanceled)
    ):
        return Lost(_line(error))
    if isinstance(error, psycopg.OperationalError | errors.ReadOnlySqlTransaction):
        return StoreDown(_line(error))
    return error


def _line(error: psycopg.Error) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


class _BoolAsInt(adapt.Dumper):
    """Truth is 0 or 1 in the columns, as SQLite keeps it."""

    oid = 21  # int2

    def dump(self, obj: Any) -> bytes:
        return b"1" if obj else b"0"


class _WholeNumber(adapt.Loader):
    """`sum` of bigint is numeric: a whole number here as well."""

    def load(self, data: Any) -> int | float:
        text = bytes(data).decode()
        return float(text) if "." in text or "N" in text else int(text)


def prepared(connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """Make a new connection speak as this module expects."""
    connection.cursor_factory = raw_cursor.RawCursor
    connection.row_factory = rows
    connection.prepare_threshold = 2
    connection.adapters.register_dumper(bool, _BoolAsInt)
    connection.adapters.register_loader("numeric", _WholeNumber)
    return connection
