"""Jobs and a database that is away: it is said once, said once more when it is back, and everything goes on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC
from typing import Any

import pytest
from apscheduler.schedulers.background import BackgroundScheduler

from audit.store import Store, StoreDown
from running import roles
from tests.fakes.service import until
from tests.fakes.stores import only_postgres
from tests.peers.postgres import primary

GONE, BACK = "database cannot be used, jobs wait for it", "database can be used again, jobs go on"


class Calendar:
    """A scheduler that runs a job when it is told to, and leaves what it raises to whoever told it."""

    def __init__(self) -> None:
        self.jobs: dict[str, Callable[[], object]] = {}

    def add_job(self, job: Callable[[], object], *trigger: Any, id: str, **more: Any) -> None:  # noqa: A002
        self.jobs[id] = job

    def shutdown(self, *, wait: bool) -> None:
        """End."""


class Server:
    """A store that can be away."""

    away = False

    @contextmanager
    def leader(self, name: str) -> Iterator[bool]:
        if self.away:
            raise StoreDown("connection refused")
        yield True


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def done() -> list[str]:
    return []


@pytest.fixture
def calendar(server: Server, done: list[str]) -> Calendar:
    made = Calendar()
    turns = roles.Turns(made, server, "all")  # type: ignore[arg-type]
    for name in ("seals", "figures", "lookups"):
        turns.add_job(lambda name=name: done.append(name), id=name)  # type: ignore[misc]
    made.jobs["end"] = lambda: turns.shutdown(wait=False)
    return made


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_an_outage_is_two_sentences_however_many_jobs_meet_it(
    server: Server, calendar: Calendar, done: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    for server.away in (False, True, True, False, False):
        for name in ("seals", "figures", "lookups"):
            calendar.jobs[name]()

    assert said(caplog) == [GONE, BACK]
    assert done == ["seals", "figures", "lookups"] * 3
    assert [record.exc_info for record in caplog.records] == [None, None]


def test_the_next_outage_is_said_again(server: Server, calendar: Calendar, caplog: pytest.LogCaptureFixture) -> None:
    for server.away in (True, False, True, False):
        calendar.jobs["seals"]()

    assert said(caplog) == [GONE, BACK] * 2


def test_a_job_that_waited_through_the_end_of_an_outage_makes_no_new_one(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    calendar = Calendar()

    def late() -> None:
        server.away = False
        calendar.jobs["seals"]()
        raise StoreDown("it took too long")

    turns = roles.Turns(calendar, server, "all")  # type: ignore[arg-type]
    turns.add_job(list, id="seals")
    turns.add_job(late, id="rules")
    server.away = True
    calendar.jobs["seals"]()
    calendar.jobs["rules"]()

    assert said(caplog) == [GONE, BACK]


def test_a_job_that_a_stop_cuts_short_is_no_outage(
    server: Server, calendar: Calendar, caplog: pytest.LogCaptureFixture
) -> None:
    calendar.jobs["end"]()
    server.away = True
    calendar.jobs["seals"]()

    assert said(caplog) == []


def test_a_mistake_of_a_job_is_not_taken_for_an_outage(server: Server) -> None:
    calendar = Calendar()
    roles.Turns(calendar, server, "all").add_job(lambda: 1 / 0, id="seals")  # type: ignore[arg-type]

    with pytest.raises(ZeroDivisionError):
        calendar.jobs["seals"]()


@only_postgres
def test_jobs_go_on_when_a_server_that_was_killed_is_back(caplog: pytest.LogCaptureFixture) -> None:
    done: list[float] = []
    with primary() as server, closing(Store(server.address)) as store:
        scheduler = BackgroundScheduler(timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None})
        logging.getLogger("apscheduler").setLevel(logging.WARNING)
        turns = roles.Turns(scheduler, store, "poller")
        for name in ("seals", "figures", "hours of sources"):
            turns.add_job(lambda: done.append(time.monotonic()), "interval", id=name, seconds=0.1)
        turns.start()
        try:
            until(lambda: len(done) > 3, lambda: "no job was done")
            server.kill()
            until(lambda: GONE in said(caplog), lambda: f"nothing was said: {said(caplog)}")
            server.start()
            back = time.monotonic()
            until(lambda: BACK in said(caplog) and done[-1] > back, lambda: f"they do not go on: {said(caplog)}")
        finally:
            with suppress(StoreDown):
                turns.shutdown(wait=True)

    assert [line for line in said(caplog) if line in {GONE, BACK}] == [GONE, BACK]
    # A slow start of the server may keep a job past its next time, which the scheduler says. No job may break.
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
