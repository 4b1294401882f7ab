"""The embedded store: what `write` returned is on disk, one bad job hurts nobody, and trouble has one name."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from audit.engines.base import Mistake, NotUnique
from audit.engines.sqlite import MIGRATIONS, migrate
from audit.store import Store, StoreDown, Tx, nested
from tests.fakes.service import ROOT, until
from tests.fakes.stores import SERVER, connected, only_sqlite, open_store, place

HURRY = 100
"""Milliseconds until a locked database is given up, in tests."""

WRITE_FOR_EVER = """
import itertools, sys
from audit.store import Store
store = Store(sys.argv[1])
for number in itertools.count():
    store.write(lambda tx: tx.execute("insert into settings values (?, 0, 0)", (f"{number:06d}",)))
    print(f"{number:06d}", flush=True)
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "store.db", busy_ms=HURRY)
    try:
        yield store
    finally:
        store.close()


def test_what_a_write_returned_is_seen_by_everybody_at_once(store: Store, tmp_path: Path) -> None:
    store.write(_remember("one"))

    with closing(_outsider(tmp_path / "store.db")) as outsider:
        assert _names(outsider) == ["one"]


def test_many_writers_each_get_their_own_result_after_their_own_commit(store: Store, tmp_path: Path) -> None:
    def write(number: int) -> bool:
        mine = f"{number:04d}"
        assert store.write(lambda tx: (_remember(mine)(tx), mine)[1]) == mine
        with store.read() as tx:
            return bool(tx.execute("select 1 from settings where name = ?", (mine,)).fetchone())

    with ThreadPoolExecutor(32) as pool:
        seen = list(pool.map(write, range(600)))

    assert all(seen)
    with closing(_outsider(tmp_path / "store.db")) as outsider:
        assert _names(outsider) == [f"{number:04d}" for number in range(600)]


@only_sqlite
def test_what_gathers_during_a_commit_shares_the_next_one_in_order(store: Store) -> None:
    begun, go = threading.Event(), threading.Event()
    commits: list[int] = []

    def hold(tx: Tx) -> None:
        begun.set()
        go.wait(10)

    first = store.submit(hold)
    begun.wait(10)
    waiting = [store.submit(_count_commits(commits, number)) for number in range(50)]
    go.set()

    assert first.result(10) is None
    assert [future.result(10) for future in waiting] == list(range(50))
    assert len(set(commits)) == 1, "fifty jobs that waited together were committed together"


def test_a_job_that_fails_is_undone_alone(store: Store) -> None:
    begun, go = threading.Event(), threading.Event()

    def hold(tx: Tx) -> None:
        begun.set()
        go.wait(10)

    def fail(tx: Tx) -> None:
        _remember("half done")(tx)
        raise ValueError("a mistake in the job")

    store.submit(hold)
    begun.wait(10)
    before, bad, after = store.submit(_remember("before")), store.submit(fail), store.submit(_remember("after"))
    go.set()

    with pytest.raises(ValueError, match="a mistake"):
        bad.result(10)
    assert before.result(10) is after.result(10) is None
    with store.read() as tx:
        assert _names(tx) == ["after", "before"]


def test_a_mistake_in_sql_is_told_apart_from_a_store_that_is_down(store: Store) -> None:
    store.write(_remember("one"))

    with pytest.raises((sqlite3.IntegrityError, NotUnique)):
        store.write(lambda tx: tx.execute("insert into settings (name, value, at) values ('one', '', 0)"))
    with pytest.raises((sqlite3.ProgrammingError, Mistake)):
        store.write(lambda tx: tx.execute("insert into settings values (?, 0, 0)", (1, 2)))


@only_sqlite
def test_a_locked_database_fails_all_who_wait_at_once_and_recovers(store: Store, tmp_path: Path) -> None:
    with closing(_outsider(tmp_path / "store.db")) as outsider:
        outsider.execute("begin immediate")
        began = time.monotonic()
        waiting = [store.submit(_remember(f"{number}")) for number in range(40)]
        for future in waiting:
            with pytest.raises(StoreDown, match="locked"):
                future.result(10)
        took = time.monotonic() - began
        outsider.execute("rollback")

    store.write(_remember("after"))
    assert took < 40 * HURRY / 1000, "not one busy timeout after the other"
    with store.read() as tx:
        assert _names(tx) == ["after"]


@only_sqlite
def test_a_full_disk_loses_nothing_that_was_promised_and_recovers(store: Store) -> None:
    store.write(_remember("promised"))
    store.write(_pages(10))

    with pytest.raises(StoreDown, match="full"):
        store.write(lambda tx: tx.execute("insert into settings values ('big', zeroblob(1000000), 0)"))
    with store.read() as tx:
        assert _names(tx) == ["promised"]
    store.write(_pages(1_000_000))
    store.write(_remember("again"))

    with store.read() as tx:
        assert _names(tx) == ["again", "promised"]


@only_sqlite
def test_a_full_disk_inside_a_nested_block_is_trouble_of_the_store(store: Store) -> None:
    def job(tx: Tx) -> None:
        _remember("undone")(tx)
        with nested(tx):
            tx.execute("insert into settings values ('big', zeroblob(1000000), 0)")

    store.write(_pages(10))

    with pytest.raises(StoreDown):
        store.write(job)
    with store.read() as tx:
        assert _names(tx) == []


def test_a_nested_block_undoes_only_itself(store: Store) -> None:
    def job(tx: Tx) -> None:
        _remember("outer")(tx)
        with suppress(KeyError), nested(tx):
            _remember("inner")(tx)
            raise KeyError

    store.write(job)

    with store.read() as tx:
        assert _names(tx) == ["outer"]


@only_sqlite
def test_a_file_that_is_no_database_is_a_store_that_is_down(tmp_path: Path) -> None:
    (tmp_path / "junk.db").write_bytes(b"this is not a database, whatever its name says" * 100)

    with pytest.raises(StoreDown, match="not a database"):
        open_store(tmp_path / "junk.db")
    with pytest.raises(StoreDown, match="unable to open"):
        open_store(tmp_path / "missing" / "store.db")


@only_sqlite
def test_closing_commits_what_is_queued(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store.db")
    waiting = [store.submit(_remember(f"{number:03d}")) for number in range(300)]

    store.close()

    assert all(future.done() and future.exception() is None for future in waiting)
    shutil.copy(tmp_path / "store.db", tmp_path / "copy.db")  # the file alone: nothing is left in the log beside it
    with closing(_outsider(tmp_path / "copy.db")) as outsider:
        assert len(_names(outsider)) == 300


def test_a_closed_store_says_so_and_can_be_closed_again(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store.db")
    store.close()
    store.close()

    with pytest.raises(StoreDown, match="closed"):
        store.write(_remember("late"))
    with pytest.raises(StoreDown, match="closed"), store.read():
        pass


def test_no_writer_is_left_waiting_for_ever_when_the_store_closes_under_it(tmp_path: Path) -> None:
    for round_ in range(20):
        store, kept, ended = open_store(tmp_path / f"{round_}.db"), set[str](), threading.Barrier(9)

        def write(name: str, store: Store = store, kept: set[str] = kept, ended: threading.Barrier = ended) -> None:
            number = 0
            ended.wait(10)
            while True:
                try:
                    store.write(_remember(f"{name}{number}"))
                except StoreDown:
                    return
                kept.add(f"{name}{number}")
                number += 1

        threads = [threading.Thread(target=write, args=(name,), daemon=True) for name in "abcdefgh"]
        for thread in threads:
            thread.start()
        ended.wait(10)
        store.close()
        for thread in threads:
            thread.join(10)

        assert not any(thread.is_alive() for thread in threads)
        with closing(_outsider(tmp_path / f"{round_}.db")) as outsider:
            assert set(_names(outsider)) == kept


def test_readers_see_one_moment_while_others_write(store: Store) -> None:
    def move(tx: Tx) -> None:
        tx.execute("update settings set at = at - 1 where name = 'from'")
        tx.execute("update settings set at = at + 1 where name = 'to'")

    store.write(lambda tx: tx.execute("insert into settings values ('from', '', 1000), ('to', '', 0)"))
    stop = threading.Event()

    def read() -> set[int]:
        sums = set()
        while not stop.is_set():
            with store.read() as tx:
                pair = [int(tx.execute("select at from settings where name = ?", (n,)).fetchone()[0])
                        for n in ("from", "to")]  # fmt: skip
                again = int(tx.execute("select at from settings where name = 'from'").fetchone()[0])
                assert again == pair[0]
            sums.add(sum(pair))
        return sums

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        for _ in range(300):
            store.write(move)
        stop.set()

        assert [reader.result(10) for reader in readers] == [{1000}] * 3


def test_a_read_within_a_read_shares_its_moment(store: Store) -> None:
    with store.read() as outer:
        assert _names(outer) == []
        store.write(_remember("meanwhile"))
        with store.read() as inner:
            assert _names(inner) == []
        assert _names(outer) == []

    with store.read() as tx:
        assert _names(tx) == ["meanwhile"]


def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(StoreDown, match=r"read-?only"), store.read() as tx:
        _remember("no")(tx)


@only_sqlite
def test_connections_of_ended_threads_are_closed(store: Store, tmp_path: Path) -> None:
    def read() -> None:
        with store.read() as tx:
            _names(tx)

    read()
    before = _open_logs(tmp_path / "store.db")
    for _ in range(20):
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
    gc.collect()

    assert _open_logs(tmp_path / "store.db") <= before


@only_sqlite
def test_the_writer_flushes_every_commit(store: Store) -> None:
    def ask(tx: Tx) -> dict[str, object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return {name: tx.execute(f"pragma {name}").fetchone()[0] for name in names}

    found = store.write(ask)

    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": HURRY}


def test_a_process_killed_after_a_write_returned_has_kept_it(tmp_path: Path) -> None:
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", WRITE_FOR_EVER, place(tmp_path / "store.db")],
            stdout=said,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    try:
        until(lambda: (tmp_path / "said").stat().st_size > 700, lambda: "nothing was written")
    finally:
        process.kill()
        process.wait()

    promised = (tmp_path / "said").read_text().split("\n")[:-1]
    with closing(open_store(tmp_path / "store.db")) as store, store.read() as tx:
        assert set(promised) <= set(_names(tx))


@only_sqlite
def test_migrations_run_once_however_often_the_file_is_opened(tmp_path: Path) -> None:
    def schema() -> list[tuple[str, str]]:
        with closing(_outsider(tmp_path / "store.db")) as outsider:
            migrate(outsider)
            rows: list[tuple[str, str]] = outsider.execute(
                "select name, sql from sqlite_master order by name"
            ).fetchall()
            return rows

    first = schema()
    second = schema()

    with closing(_outsider(tmp_path / "store.db")) as outsider:
        table = next(name for name, _ in first if "migration" in name)
        applied = [row[0] for row in outsider.execute(f"select name from {table} order by name")]  # noqa: S608
    assert first == second
    assert applied == sorted(path.stem for path in MIGRATIONS.glob("*.sql"))


@only_sqlite
def test_a_store_of_an_older_version_keeps_its_rows_when_it_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import audit.engines.sqlite

    older = tmp_path / "older"
    older.mkdir()
    shutil.copy(MIGRATIONS / "0001_start.sql", older)
    monkeypatch.setattr(audit.engines.sqlite, "MIGRATIONS", older)
    with closing(Store(tmp_path / "store.db")) as store:
        store.write(_remember("kept"))
    shutil.copy(MIGRATIONS / "0001_start.sql", older / "0001_start.sql")
    (older / "0002_more.sql").write_text("create table more (id integer primary key);\n")

    with closing(Store(tmp_path / "store.db")) as store, store.read() as tx:
        assert _names(tx) == ["kept"]
        assert tx.execute("select count(*) from more").fetchone()[0] == 0


@only_sqlite
def test_a_migration_that_breaks_leaves_nothing_half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import audit.engines.sqlite

    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "0001_start.sql").write_text("create table settings (name text);\ncreate tabel wrong (id);\n")
    monkeypatch.setattr(audit.engines.sqlite, "MIGRATIONS", broken)

    with pytest.raises(StoreDown, match="syntax"):
        Store(tmp_path / "store.db")

    with closing(_outsider(tmp_path / "store.db")) as outsider:
        assert "settings" not in {row[0] for row in outsider.execute("select name from sqlite_master")}


def _remember(name: str) -> Callable[[Tx], None]:
    def job(tx: Tx) -> None:
        tx.execute("insert into settings (name, value, at) values (?, '', 0)", (name,))

    return job


def _count_commits(commits: list[int], number: int) -> Callable[[Tx], int]:
    """Note in which transaction a job ran: the writer's count of changes when it began."""

    def job(tx: Tx) -> int:
        tx.execute("create temp table if not exists mark (id integer primary key)")
        if number == 0:
            tx.execute("insert into mark default values")
        commits.append(tx.execute("select count(*) from mark").fetchone()[0])
        _remember(f"{number}")(tx)
        return number

    return job


def _pages(more: int) -> Callable[[Tx], None]:
    """Let the database grow by so many pages and no further, as on a disk that is almost full."""

    def job(tx: Tx) -> None:
        tx.execute(f"pragma max_page_count = {tx.execute('pragma page_count').fetchone()[0] + more}")

    return job


def _names(tx: Tx) -> list[str]:
    return [row[0] for row in tx.execute("select name from settings order by name")]


def _outsider(path: Path) -> Any:
    return connected(str(place(path))) if SERVER else sqlite3.connect(path, isolation_level=None, timeout=5)


def _open_logs(path: Path) -> int:
    """Count connections by their write-ahead log: the file itself SQLite keeps open for the next connection."""
    return sum(1 for entry in Path("/proc/self/fd").iterdir() if _target(entry) == f"{path}-wal")


def _target(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:
        return ""
