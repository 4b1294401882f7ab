"""A harness that cannot fail proves nothing: each promise that is broken on purpose is told."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner

from audit import conservation
from chaos.__main__ import GROUNDS, Ended, main
from chaos.books import Allowed, Balance, Record, balance, out_of_order
from chaos.episodes import EPISODES
from chaos.ground import PostgresServer, SqliteFile
from chaos.kills import _tear
from chaos.showing import show
from chaos.soak import Sample, judged
from tests.fakes.counting import Counting, Taken
from tests.fakes.stores import connected, only_sqlite
from tests.fakes.world import PHONE, World
from tests.peers.postgres import needs_postgres

pytestmark = only_sqlite
SAMPLE = Sample(minute=1, events=1, megabytes=100, files=50, threads=30, database_megabytes=5, log_megabytes=4, p50=3,
                p99=20)  # fmt: skip


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """One order that became one text, which was handed over."""
    with World(tmp_path) as world:
        world.order("A7", id="tick-7")
        world.step()
    return Record(SqliteFile(tmp_path, "world.db"))


@pytest.fixture
def provider(record: Record) -> Counting:
    counted = Counting()
    counted.take(PHONE, next(iter(record.texts)))
    return counted


def test_books_that_agree_break_nothing(record: Record, provider: Counting) -> None:
    found = balance(record, [provider], {"tick-7"})

    assert (found.broken, found.events, found.taken, found.lost, found.doubled) == ([], 1, 1, 0, 0)


def test_an_event_that_was_promised_and_is_gone_is_told(record: Record, provider: Counting) -> None:
    found = balance(record, [provider], {"tick-7", "tick-8"})

    assert found.broken == ["accepted and lost: 1, such as tick-8"]
    assert balance(record, [provider], {"tick-7", "tick-8"}, Allowed(lost=frozenset({"tick-8"}))).broken == []


def test_a_phone_that_got_a_text_twice_is_told(record: Record, provider: Counting) -> None:
    other = Counting()
    other.take(PHONE, next(iter(record.texts)))

    assert balance(record, [provider, other], set()).broken[0].startswith("sent twice: 1")


def test_a_text_that_no_phone_got_is_told(record: Record) -> None:
    assert balance(record, [Counting()], set()).broken[0].startswith("on record as sent, and no phone got it: 1")


def test_a_text_nobody_wrote_down_is_told(record: Record, provider: Counting) -> None:
    provider.take(PHONE, "Hello from nowhere")

    assert balance(record, [provider], set()).broken == ["sent, and not on record: 1, such as Hello from nowhere"]


def test_a_text_that_left_although_the_record_says_it_did_not_is_told(record: Record, provider: Counting) -> None:
    with closing(sqlite3.connect(record.ground.path)) as file:  # type: ignore[attr-defined]
        file.execute("update messages set state = 'cancelled'")
        file.commit()

    assert balance(record, [provider], set()).broken[0].startswith("sent, and on record as not sent: 1")


def test_an_older_step_after_a_newer_one_is_told() -> None:
    told = [Taken(sid="", to="", body=f"Record r1 step {step}", at=at) for at, step in enumerate((1, 3, 2))]

    assert out_of_order(told) == ["record r1: 2 after 3"]


def test_what_grows_for_an_hour_is_told() -> None:
    steady = [SAMPLE] * 40
    growing = [replace(SAMPLE, megabytes=100 + number, files=50 + number) for number in range(40)]

    assert judged(steady) == []
    assert judged(growing) == ["megabytes grew from 114.5 to 134.5", "files grew from 64.5 to 84.5"]


def test_a_torn_log_costs_its_tail_and_nothing_before(tmp_path: Path) -> None:
    path = tmp_path / "torn.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("pragma journal_mode = wal")
        file.execute("create table t (n)")
        file.execute("pragma wal_checkpoint(truncate)")
        for number in range(40):
            file.execute("insert into t values (?)", (number,))
        for ending in ("", "-wal"):
            (tmp_path / f"copy.db{ending}").write_bytes(Path(f"{path}{ending}").read_bytes())

    assert _tear(tmp_path / "copy.db-wal", 3)

    with closing(sqlite3.connect(tmp_path / "copy.db")) as file:
        kept = [row[0] for row in file.execute("select n from t")]
    assert kept == list(range(36))


def test_what_is_played_where_is_known() -> None:
    assert GROUNDS["sqlite"][1] | GROUNDS["postgres"][1] == set(EPISODES)
    assert "kill-postgres" not in GROUNDS["sqlite"][1]
    assert "torn-log" not in GROUNDS["postgres"][1]


def test_an_episode_that_an_engine_cannot_show_is_refused_in_a_sentence() -> None:
    said = CliRunner().invoke(main, ["--on", "sqlite", "--only", "kill-postgres"])

    assert (said.exit_code, "kill-postgres cannot be shown on sqlite." in said.output) == (2, True)


def test_each_engine_has_a_table_of_its_own() -> None:
    told = show([Ended(name="kill-service", on="sqlite", skipped="no disk"), Ended(name="kill-service", on="postgres",
                balance=Balance(events=3, taken=3), faults=1, seconds=9.5)], 7)  # fmt: skip

    assert told.index("On SQLite:") < told.index("On PostgreSQL:")
    assert "| kill-service | 1 | 3 | 3 | 0 | 0 | 0 | 9.5 | kept |" in told
    assert "kill-service on SQLite: skipped, no disk" in told


@needs_postgres()
def test_a_server_that_is_killed_comes_back_with_all_it_said_it_had() -> None:
    with TemporaryDirectory() as folder:  # not tmp_path: the server runs as a user of its own, who may not look there
        Path(folder).chmod(0o755)
        _is_killed_and_comes_back(PostgresServer(Path(folder)))


def _is_killed_and_comes_back(ground: PostgresServer) -> None:
    try:
        with closing(connected(ground.server.root)) as server:
            server.execute("create table t (n int); insert into t values (1)")
        ground.server.kill()
        ground.server.start()
        assert ground.rows("select n from t") == [(1,)]
    finally:
        ground.close()


def test_the_sums_are_looked_up_and_not_searched_for_row_by_row(record: Record) -> None:
    with closing(record.ground.store()) as store, store.read() as tx:
        for name, sql in conservation.CHECKS.items():
            steps = [row["detail"] for row in tx.execute(f"explain query plan {sql}")]
            nested = steps[steps.index("CORRELATED SCALAR SUBQUERY 2") :] if "CORRELATED" in str(steps) else []
            assert not [step for step in nested if step.startswith("SCAN journal")], name
