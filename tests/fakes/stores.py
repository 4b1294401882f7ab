"""The store a test works with: a file in its folder, or with `make test-postgres` a database of a server.

Databases of the server are made once for each process that runs tests, and emptied between them: that takes
milliseconds, making one from a template a tenth of a second.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from audit.store import BUSY_MS, Store

SERVER = os.environ.get("TIDINGS_TEST_POSTGRES", "")
"""The address of a server without a database at its end, "" for tests on SQLite."""

EMPTY = """
do $$ declare one record; has boolean; begin
    for one in select tablename from pg_tables where schemaname = 'public' and tablename <> 'migrations' loop
        execute format('select exists (select 1 from %I)', one.tablename) into has;
        if has then execute format('truncate %I restart identity cascade', one.tablename); end if;
    end loop;
    for one in select sequencename from pg_sequences where schemaname = 'public' and last_value is not null loop
        execute format('alter sequence %I restart', one.sequencename);
    end loop;
end $$
"""

only_sqlite = pytest.mark.skipif(bool(SERVER), reason="about the file of SQLite")
only_postgres = pytest.mark.skipif(not SERVER, reason="needs a server: make test-postgres")

_made: list[str] = []
_used: dict[Path, str] = {}


def open_store(path: Path, *, busy_ms: int = BUSY_MS) -> Store:
    """Open the store that goes by this path."""
    return Store(place(path), busy_ms=busy_ms)


def place(path: Path) -> Path | str:
    """Return where the store of a path is: the path itself, or the database that stands for it in this test."""
    if not SERVER:
        if path.parent.is_dir() and not path.exists():
            path.write_bytes(_blank())  # making the schema takes longer than most tests
        return path
    if path not in _used:
        _used[path] = _database(len(_used))
    return _used[path]


@cache
def _blank() -> bytes:
    """Return an empty database with the whole schema."""
    with tempfile.TemporaryDirectory() as folder:
        Store(Path(folder) / "blank.db").close()
        return (Path(folder) / "blank.db").read_bytes()


def address(path: Path) -> str:
    """Return what the settings' `database` would say."""
    found = place(path)
    return found if isinstance(found, str) else f"sqlite:///{found}"


@contextmanager
def cleared() -> Iterator[None]:
    """Empty the databases that came into use meanwhile; those of a module's own fixtures stay for its other tests."""
    before = set(_used)
    try:
        yield
    finally:
        for url in [_used.pop(path) for path in list(_used) if path not in before]:
            with connected(url) as connection:
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity "
                    "where datname = current_database() and pid <> pg_backend_pid()"
                )
                connection.execute(EMPTY)


def connected(url: str) -> Any:
    """Connect past the store, as an outsider."""
    import psycopg

    return psycopg.connect(url, autocommit=True)


def edited(path: Path, *statements: str) -> None:
    """Change what a store holds behind its back."""
    where = place(path)
    with closing(connected(where) if isinstance(where, str) else sqlite3.connect(path, isolation_level=None)) as other:
        for statement in statements:
            other.execute(statement)


def held(path: Path) -> bytes:
    """Return all that a store holds, for tests that look for what it must not hold; call after `checkpoint`."""
    where = place(path)
    if not isinstance(where, str):
        return path.read_bytes()
    with closing(connected(where)) as server:
        tables = [row[0] for row in server.execute("select tablename from pg_tables where schemaname = 'public'")]
        rows = [server.execute(f"select cast(one as text) from {name} one").fetchall() for name in tables]  # noqa: S608 - ours
        return "\n".join(row[0] for table in rows for row in table).encode()


def _database(number: int) -> str:
    name = f"tidings_{os.environ.get('PYTEST_XDIST_WORKER', 'one')}_{number}"
    url = f"{SERVER}/{name}"
    if number == len(_made):
        with connected(f"{SERVER}/postgres") as connection:
            connection.execute(f"drop database if exists {name} with (force)")
            connection.execute(f"create database {name}")
        _made.append(url)
    return url
