"""What must not grow in a service that runs for weeks: memory, the write-ahead log, and what a stop leaves behind."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from audit import figures
from audit.engines import sqlite
from audit.rows import ms
from audit.store import Store, StoreDown, Tx
from tests.fakes.service import until
from tests.fakes.stores import only_sqlite, open_store

DAY = datetime(2026, 11, 23, tzinfo=UTC)
TEXTS = 240
PIECE = 100
TEXT = (
    "insert into messages (id, event_id, source, event_type, rule, rule_hash, step, key, number, number_field, "
    "country, warning, text, locale, encoding, segments, sender, lane, gateways, category, campaign, supersede, "
    "throttle_key, redact, on_unknown, recheck, state, reason, created_at, due_at, expires_at, next_at, gateway) "
    "values (:id, '', 'shop', '', :rule, '', '', '', '', '', 'DE', '', '', '', '', 1, '', 2, '', '', '', '', '', '', "
    "'', '', 'queued', '', :at, :at, :at, :at, '')"
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(tmp_path / "flat.db")) as opened:
        yield opened


def a_day(tx: Tx) -> None:
    """Write a day of texts, the first third of them at one moment."""
    for number in range(TEXTS):
        at = ms(DAY) + max(0, number - TEXTS // 3) * 1000
        tx.execute(TEXT, {"id": f"m{number}", "rule": ("order", "visit")[number % 2], "at": at})
        tx.execute(
            "insert into journal (at, kind, rule, reason) values (?, 'decision', 'order', ?)",
            (at, ("opted_out", "when[1]")[number % 2]),
        )


def counted(store: Store) -> Counter[tuple[str, str]]:
    with store.read() as tx:
        rows = tx.execute("select rule, measure, label, amount from figures where measure in ('created', 'skipped')")
        return Counter({(row["rule"], row["label"]): row["amount"] for row in rows})


@pytest.mark.parametrize("most", [PIECE, 10_000])
def test_a_day_counted_in_pieces_is_the_day_counted_at_once(store: Store, most: int) -> None:
    store.write(a_day)

    figures.recount(store, DAY, most)

    half = TEXTS // 2
    assert counted(store) == {
        ("order", ""): half, ("visit", ""): half, ("order", "opted_out"): half, ("order", "when"): half,
    }  # fmt: skip


@only_sqlite
def test_a_long_day_is_never_looked_at_in_one_go(store: Store) -> None:
    store.write(a_day)
    with store.read() as tx:
        looks = statements(tx)

    figures.recount(store, DAY, PIECE)

    assert looks.count("begin") >= 2 * TEXTS / PIECE
    assert all(piece.count("with kinds") <= 1 for piece in " ".join(looks).split("begin"))


def test_a_day_of_which_a_part_was_purged_keeps_its_figures(store: Store) -> None:
    store.write(a_day)
    figures.recount(store, DAY)
    before = counted(store)

    def purged(tx: Tx) -> None:
        tx.execute("delete from messages where rule = 'order'")
        tx.execute(
            "insert into seals (number, first, last, rows, at, previous, digest, marks, purged_at) "
            "values (1, 1, 1, 1, 0, '', '', ?, 1)",
            (b"",),
        )
        tx.execute("update seals set at = ?", (ms(DAY) + 1,))

    store.write(purged)
    figures.recount(store, DAY)

    assert counted(store) == before


@only_sqlite
def test_the_log_that_a_long_look_made_big_is_small_again_after_it(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "flat.db-wal"
    piece = bytes(2_000_000).hex()
    with looking(store):
        for number in range(4):
            store.write(remembered(str(number), piece))
        assert log.stat().st_size > 1.5 * sqlite.LONGEST_LOG

    for number in range(4):
        store.write(remembered(str(number), ""))

    assert log.stat().st_size <= sqlite.LONGEST_LOG


@only_sqlite
def test_a_stop_leaves_one_file_whoever_has_read(tmp_path: Path) -> None:
    store = Store(tmp_path / "one.db")
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(looked(store))
        store.write(remembered("one", ""))
        with store.read() as tx:
            tx.execute("select 1 from settings").fetchall()

        store.close()

        assert [path.name for path in tmp_path.iterdir()] == ["one.db"]


@only_sqlite
def test_a_stop_lets_a_look_end_and_no_new_one_begin(tmp_path: Path) -> None:
    store = Store(tmp_path / "one.db")
    store.write(remembered("one", ""))
    with looking(store) as end:
        stop = threading.Thread(target=store.close)
        stop.start()
        until(lambda: refuses(store), lambda: "one may still begin to look")
        assert stop.is_alive(), "it waits for who looks"
        end()
        stop.join(10)

    assert [path.name for path in tmp_path.iterdir()] == ["one.db"]


@only_sqlite
def test_a_thread_that_ends_takes_its_connection_along_at_once(store: Store, tmp_path: Path) -> None:
    store.write(remembered("one", ""))
    before = open_files(tmp_path)

    for _ in range(5):
        with looked(store):
            pass

    assert open_files(tmp_path) <= before + 1


def refuses(store: Store) -> bool:
    try:
        with store.engine.read():
            return False
    except StoreDown:
        return True


def statements(tx: Tx) -> list[str]:
    """Keep what this thread's connection is asked from now on."""
    said: list[str] = []
    tx.set_trace_callback(said.append)  # type: ignore[attr-defined]
    return said


def remembered(name: str, value: str) -> Callable[[Tx], Any]:
    sql = "insert into settings (name, value, at) values (?, ?, 0) on conflict (name) do update set value = ?"
    return lambda tx: tx.execute(sql, (name, value, value))


def open_files(folder: Path) -> int:
    found = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found += entry.readlink().is_relative_to(folder)
        except OSError:
            continue
    return found


@contextmanager
def looking(store: Store) -> Iterator[Callable[[], None]]:
    """Look at the store, from another thread, for the length of the block or until told to end."""
    begun, done = threading.Event(), threading.Event()

    def look() -> None:
        with store.read() as tx:
            tx.execute("select 1 from settings").fetchall()
            begun.set()
            done.wait(10)

    thread = threading.Thread(target=look)
    thread.start()
    begun.wait(10)
    try:
        yield done.set
    finally:
        done.set()
        thread.join(10)


@contextmanager
def looked(store: Store) -> Iterator[None]:
    """Have another thread that looked at the store and lives on for the length of the block."""
    seen, done = threading.Event(), threading.Event()

    def look() -> None:
        with store.read() as tx:
            tx.execute("select 1 from settings").fetchall()
        seen.set()
        done.wait(10)

    thread = threading.Thread(target=look)
    thread.start()
    seen.wait(10)
    try:
        yield
    finally:
        done.set()
        thread.join(10)
