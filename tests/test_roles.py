"""Several processes over one database: each does what its role says, and nothing is done by two."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import app
import settings as settings_file
from audit.store import Store
from model.event import Incoming
from model.reasons import ConfigError
from running import roles
from settings import Settings
from tests.fakes.stores import address, only_postgres, open_store

JOBS = ("rules", "refusals", "lookups", "campaigns", "seals", "figures", "poll shop")
RULES = """
version: 1
defaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore}
rules:
  - {id: order, event: order.created, to: [phone], text: "Order {{ number }} is confirmed."}
"""


class Calendar:
    """A scheduler that keeps what it was given."""

    def __init__(self) -> None:
        self.jobs: dict[str, Callable[[], object]] = {}

    def add_job(self, job: Callable[[], object], *trigger: Any, id: str, **more: Any) -> None:  # noqa: A002
        self.jobs[id] = job


@pytest.mark.parametrize(
    ("role", "kept"),
    [
        ("all", JOBS),
        ("web", ("rules", "refusals")),
        ("worker", ("rules", "refusals", "lookups", "campaigns")),
        ("poller", ("rules", "refusals", "seals", "figures", "poll shop")),
    ],
)
def test_each_role_has_its_jobs(role: str, kept: tuple[str, ...], tmp_path: Path) -> None:
    calendar = Calendar()
    with closing(open_store(tmp_path / "t.db")) as store:
        turns = roles.Turns(calendar, store, role)
        for job in JOBS:
            turns.add_job(list, "interval", id=job, seconds=1)

    assert tuple(calendar.jobs) == kept


@only_postgres
def test_a_job_is_done_by_one_process_at_a_time(tmp_path: Path) -> None:
    done: list[str] = []
    with closing(open_store(tmp_path / "t.db")) as one, closing(open_store(tmp_path / "t.db")) as other:
        here, there = Calendar(), Calendar()

        def long() -> None:
            done.append("here")
            there.jobs["seals"]()

        roles.Turns(there, other, "all").add_job(lambda: done.append("there"), id="seals")
        roles.Turns(here, one, "all").add_job(long, id="seals")

        here.jobs["seals"]()
        there.jobs["seals"]()

    assert done == ["here", "there"], "what began while the other was at it did nothing"


@only_postgres
def test_what_a_web_process_takes_a_worker_sends(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES, "utf-8")
    source = {"connector": "generic", "verify": "none"}
    given = Settings.model_validate(
        {"database": address(tmp_path / "t.db"), "rules": str(rules), "sources": {"shop": source}}
    )
    web, worker = app.build(given, role="web"), app.build(given, role="worker")
    try:
        web.start()
        worker.start()
        body = b'{"type": "order.created", "id": "1", "data": {"id": "A1", "number": "A1", "phone": "+491713920012"}}'
        for number in range(3):
            began = time.monotonic()
            request = Incoming(
                source="shop", headers={"content-type": "application/json"},
                body=body.replace(b"1", str(number).encode(), 1).replace(b"A1", f"A{number}".encode()),
                received_at=datetime.now(UTC),
            )  # fmt: skip
            assert web.wsgi.door.receive(request).status == 200
            _until(web.store, number + 1)
        assert time.monotonic() - began < 5
    finally:
        web.stop()
        worker.stop()


@only_postgres
def test_every_process_has_a_number_of_its_own(tmp_path: Path) -> None:
    with closing(open_store(tmp_path / "t.db")) as one, closing(open_store(tmp_path / "t.db")) as other:
        assert one.node() != other.node()


def test_processes_go_by_the_clock_of_the_database() -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)

    class Late:
        def time(self) -> datetime:
            return now + timedelta(seconds=90)

    clock = roles.SharedClock(lambda: now, Late())  # type: ignore[arg-type]

    assert clock() == now + timedelta(seconds=90)


def test_the_password_of_a_server_is_a_secret_of_its_own() -> None:
    given = Settings(database="postgresql://tidings@db.example:5433/sms?sslmode=require", database_password="p@ss/word")

    assert given.place == "postgresql://tidings:p%40ss%2Fword@db.example:5433/sms?sslmode=require"


def test_a_server_without_the_library_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    file = tmp_path / "tidings.toml"
    file.write_text('database = "postgresql://db.example/sms"\n', "utf-8")

    with pytest.raises(ConfigError, match=r"pip install 'tidings\[postgres\]'"):
        settings_file.load(file, {})


def _accepted(store: Store) -> int:
    with store.read() as tx:
        return int(tx.execute("select count(*) as n from messages where state = 'accepted'").fetchone()["n"])


def _until(store: Store, accepted: int) -> None:
    end = time.monotonic() + 10
    while _accepted(store) < accepted:
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)
