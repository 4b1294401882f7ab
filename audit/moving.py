"""From the file of one machine to a server: every table is copied, counted and compared, or nothing is.

All of it is one transaction of the server, so that a move that was broken off leaves the target as empty as it was.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.backup import in_use
from audit.engines import words
from audit.store import Store

Progress = Callable[[str, int, int], object]
SIZE = 1 << 256
TABLES = """
select table_name, column_name, is_identity from information_schema.columns
where table_schema = current_schema() and table_name not in ('migrations', 'writers') and table_name in (
    select tablename from pg_tables where schemaname = current_schema())
order by table_name, ordinal_position
"""
ENDS = {
    "outbox": "select coalesce((select seq from sqlite_sequence where name = 'outbox'), 0)",
    "journal": "select max(coalesce((select max(id) from journal), 0), coalesce((select max(last) from seals), 0))",
}
"""Numbers that must not be used again although their rows are gone."""


class CannotMove(Exception):  # noqa: N818 - names what happened
    """Nothing was moved; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A table that arrived whole. `mended` texts held the character 0, which a server cannot keep."""

    table: str
    rows: int
    mended: int = 0


@dataclass(slots=True)
class _Sum:
    """A digest of rows that does not depend on their order: two servers sort texts in different ways."""

    rows: int = 0
    total: int = 0
    mended: int = 0

    def add(self, row: Sequence[Any]) -> None:
        said = repr([bytes(one) if isinstance(one, memoryview | bytearray) else one for one in row])
        self.total = (self.total + int.from_bytes(hashlib.sha256(said.encode("utf-8", "replace")).digest())) % SIZE
        self.rows += 1


def move(source: Path, target: str, progress: Progress = lambda *_: None) -> list[Moved]:
    """Copy a database file into an empty database of a server. Raises CannotMove, StoreDown.

    `progress` is told (table, rows done, rows in all). Nothing may have the file open.
    """
    if not source.exists():
        raise CannotMove(f"There is no database {source}.")
    if in_use(source):
        raise CannotMove(f"{source} is in use: stop the service first.")
    Store(source).close()  # its schema is that of today, or the columns would not fit
    Store(target).close()
    from audit.engines.postgres import Postgres  # noqa: PLC0415 - an extra

    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as file:
        connection = Postgres(target, 60_000).connect()
        try:
            with connection.transaction():
                return _all(file, connection, progress)
        finally:
            connection.close()


def _all(file: sqlite3.Connection, server: Any, progress: Progress) -> list[Moved]:
    tables: dict[str, list[str]] = {}
    counted: dict[str, str] = {}
    for name, column, is_identity in (tuple(row) for row in server.execute(TABLES).fetchall()):
        tables.setdefault(name, []).append(column)
        if is_identity == "YES":
            counted[name] = column
    full = [name for name in tables if server.execute(f"select 1 from {name} limit 1").fetchone()]  # noqa: S608 - our own words
    if full:
        raise CannotMove(f"The target is not empty ({', '.join(full[:3])} ...); make a new database for it.")
    for name in tables:
        server.execute(f"alter table {name} disable trigger user")
    # People come before what belongs to them.
    order = sorted(tables, key=lambda name: (name in {"sessions", "recovery_codes"}, name))
    moved = [_taken(file, server, name, tables[name], progress) for name in order]
    for name in tables:
        server.execute(f"alter table {name} enable trigger user")
    for name, column in counted.items():
        _count_on(file, server, name, column)
    return moved


def _taken(file: sqlite3.Connection, server: Any, name: str, columns: list[str], progress: Progress) -> Moved:
    import psycopg  # noqa: PLC0415 - an extra

    try:
        return _one(file, server, name, columns, progress)
    except psycopg.Error as error:
        raise CannotMove(f"{name} holds what the server does not take: {str(error).strip()}") from error


def _one(file: sqlite3.Connection, server: Any, name: str, columns: list[str], progress: Progress) -> Moved:
    total = int(file.execute(f"select count(*) from {name}").fetchone()[0])  # noqa: S608 - our own tables, here and below
    sent, listed = _Sum(), ", ".join(columns)
    with server.cursor().copy(f"copy {name} ({listed}) from stdin".encode()) as copy:
        for row in _rows(file, name, columns, sent):
            copy.write_row(row)
            if sent.rows % 5_000 == 0:
                progress(name, sent.rows, total)
    progress(name, sent.rows, total)
    there = _Sum()
    seen = [f"'' as {one}" if (name, one) == ("finder", "words") else one for one in columns]
    reader = server.cursor()
    for row in reader.stream(f"select {', '.join(seen)} from {name}".encode()):  # noqa: S608 - our own words
        there.add(list(row))
    if (there.rows, there.total) != (sent.rows, sent.total):
        raise CannotMove(f"{name} did not arrive as it left ({sent.rows:,} rows sent, {there.rows:,} found).")
    return Moved(table=name, rows=sent.rows, mended=sent.mended)


def _rows(file: sqlite3.Connection, name: str, columns: list[str], sent: _Sum) -> Iterator[list[Any]]:
    for found in file.execute(f"select {', '.join(columns)} from {name}"):  # noqa: S608 - our own words
        row = list(found)
        for place, value in enumerate(row):
            if isinstance(value, str) and "\0" in value:
                row[place] = value.replace("\0", "\ufffd")
                sent.mended += 1
        if name == "finder":
            place = columns.index("words")
            sent.add([*row[:place], "", *row[place + 1 :]])
            row[place] = words.vector(row[place])
        else:
            sent.add(row)
        yield row


def _count_on(file: sqlite3.Connection, server: Any, name: str, column: str) -> None:
    """Let the numbers of a table go on behind those that were used."""
    newest = int(file.execute(ENDS.get(name, f"select coalesce(max({column}), 0) from {name}")).fetchone()[0])  # noqa: S608 - our own words
    if newest:
        server.execute(f"select setval(pg_get_serial_sequence('{name}', '{column}'), $1)", [newest])
