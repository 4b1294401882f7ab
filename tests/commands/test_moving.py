"""The move from a file to a server: all of it and proved, or nothing and a sentence."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit import seals, search
from audit.moving import CannotMove, move
from audit.store import Store
from cli import main
from tests.fakes.stores import connected, only_postgres, place
from tests.fakes.world import NOON, World


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with texts, receipts, a search index and seals."""
    folder = tmp_path / "old"
    folder.mkdir()
    with World(folder, store=Store(folder / "tidings.db")) as world:
        for number in range(5):
            world.order(f"Zoë-{number}")
        world.step()
        world.store.write(lambda tx: seals.seal(tx, "", NOON))
    return folder / "tidings.db"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from", "sqlite:///x.db"], "goes from sqlite:///FILE"),
        (["--to", "postgresql://db.example/x"], "goes from sqlite:///FILE"),
        (["--from", "x.db", "--to", "postgresql://db.example/x"], "goes from sqlite:///FILE"),
        (["--from", "sqlite:///nowhere.db", "--to", "postgresql://db.example/x"], "no database nowhere.db"),
    ],
)
def test_a_move_without_two_ends_is_explained(words: list[str], said: str) -> None:
    found = _run(*words)

    assert found.exit_code in {1, 2}
    assert said in found.output


@only_postgres
def test_everything_arrives_and_the_seals_hold_there(file: Path, tmp_path: Path) -> None:
    url = str(place(tmp_path / "new"))

    found = _run("--from", f"sqlite:///{file}", "--to", url)

    assert found.exit_code == 0, found.output
    assert "messages" in found.output
    assert "1 seals over" in found.output
    with closing(Store(url)) as store:
        assert len(search.events_with_words(store, "zoe", 9)) == 5
        store.write(lambda tx: tx.execute("insert into unmatched (gateway, provider_id, state, raw_status, error_code, "
                                          "at) values ('g', 'p', 'sent', '', '', 1)"))  # fmt: skip
        journal = store.write(lambda tx: tx.execute("insert into journal (at, kind) values (1, 'operator')").lastrowid)
        assert journal == _count(file, "journal") + 1, "numbers go on where they were"


@only_postgres
def test_a_target_that_is_not_empty_is_left_as_it_is(file: Path, tmp_path: Path) -> None:
    url = str(place(tmp_path / "new"))
    move(file, url)

    with pytest.raises(CannotMove, match="not empty"):
        move(file, url)

    with closing(connected(url)) as server:
        assert server.execute("select count(*) from messages").fetchone()[0] == 5


@only_postgres
def test_a_move_that_breaks_leaves_nothing_behind(file: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("update messages set segments = 'many'")
        connection.commit()
    url = str(place(tmp_path / "new"))

    found = _run("--from", f"sqlite:///{file}", "--to", url)

    assert found.exit_code == 1
    assert "messages" in found.output
    with closing(connected(url)) as server:
        assert server.execute("select count(*) from bodies").fetchone()[0] == 0


@only_postgres
def test_a_file_in_use_is_not_moved(file: Path, tmp_path: Path) -> None:
    url = str(place(tmp_path / "new"))

    with closing(Store(file)), pytest.raises(CannotMove, match="in use"):
        move(file, url)


@only_postgres
def test_a_character_that_a_server_cannot_keep_is_mended_and_said(file: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("update events set error = 'a' || char(0) || 'b' where id = (select min(id) from events)")
        connection.commit()

    moved = move(file, str(place(tmp_path / "new")))

    assert [one.mended for one in moved if one.table == "events"] == [1]


def _run(*words: str) -> Result:
    return CliRunner().invoke(main, ["db", "migrate", *words])


def _count(file: Path, table: str) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute(f"select count(*) from {table}").fetchone()[0])  # noqa: S608
