"""Two engines, one store: every migration has its twin, and the tables of both have the same columns."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from audit.engines import sqlite, words
from tests.fakes.stores import connected, only_postgres, open_store, place

SQUASHED = 14
"""Up to this one, the migrations of SQLite are one file for PostgreSQL."""
FOLDER = sqlite.MIGRATIONS / "postgres"
HIDDEN = {("replies", "rowid"), ("finder", "rowid")}
"""What SQLite numbers by itself."""


def test_every_migration_of_sqlite_has_its_twin_for_postgresql() -> None:
    ours = {path.name for path in sqlite.MIGRATIONS.glob("*.sql") if int(path.name[:4]) > SQUASHED}
    theirs = {path.name for path in FOLDER.glob("*.sql") if int(path.name[:4]) > SQUASHED}

    assert ours == theirs, "write audit/migrations/postgres/<the same name>.sql, or the one of SQLite"


@only_postgres
def test_both_engines_have_the_same_tables_and_columns(tmp_path: Path) -> None:
    open_store(tmp_path / "store.db").close()

    assert _of_server(str(place(tmp_path / "store.db"))) - HIDDEN == _of_file(tmp_path / "file.db")


@only_postgres
def test_both_engines_have_the_same_indexes(tmp_path: Path) -> None:
    open_store(tmp_path / "store.db").close()
    with closing(connected(str(place(tmp_path / "store.db")))) as server:
        rows = server.execute(
            "select indexname from pg_indexes where schemaname = 'public' "
            "and indexname not in (select conname from pg_constraint)"
        ).fetchall()
    theirs = {row[0] for row in rows} - {"finder_words"}

    with closing(_file(tmp_path / "file.db")) as file:
        ours = {
            row[0]
            for row in file.execute(
                "select name from sqlite_master where type = 'index' and sql is not null and name not like '%sqlite%'"
            )
        }

    assert theirs == ours


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ('"anna"', "(('anna'))"),
        ('"Zoë"* "a7"', "(('zoe':*) & ('a7'))"),
        ('"+49 171 3920012" OR "0171 3920012"', "(('49' <-> '171' <-> '3920012')) | (('0171' <-> '3920012'))"),
        ('"..."', ""),
    ],
)
def test_a_query_says_the_same_to_both_engines(query: str, wanted: str) -> None:
    assert words.query(query) == wanted


def test_words_are_split_and_folded_as_the_file_does_it() -> None:
    assert words.vector("Zoë's order #A7-b, 12.50 €") == "'zoe':1 's':2 'order':3 'a7':4 'b':5 '12':6 '50':7"


def _file(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    sqlite.migrate(connection)
    return connection


def _of_file(path: Path) -> set[tuple[str, str]]:
    with closing(_file(path)) as file:
        tables = [row[0] for row in file.execute("select name from sqlite_master where type in ('table', 'view')")]
        kept = [name for name in tables if not name.startswith(("_sqlite", "sqlite_", "finder_"))]
        return {(name, row["name"]) for name in kept for row in file.execute(f"pragma table_info({name})")}


def _of_server(url: str) -> set[tuple[str, str]]:
    with closing(connected(url)) as server:
        rows = server.execute(
            "select table_name, column_name from information_schema.columns "
            "where table_schema = 'public' and table_name not in ('migrations', 'writers')"
        ).fetchall()
    return {(row[0], row[1]) for row in rows}
