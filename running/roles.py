"""Who does what where several processes share a database: `tidings serve --role web | worker | poller | all`.

A web process takes webhooks, receipts and API calls and shows the console. A worker plans, sends, answers and tells.
A poller asks sources, reads buses and keeps house. Any number of each may run; work is claimed row by row, and what
must be done by one at a time is done by whoever holds its lock just then.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from audit.store import Store, StoreDown

log = logging.getLogger("tidings")
Role = Literal["all", "web", "worker", "poller"]
ROLES: tuple[Role, ...] = ("all", "web", "worker", "poller")
EVERY_PROCESS = frozenset({"rules", "refusals", "clicks"})
"""Jobs about what a process itself holds: its rules, what its door refused, who followed links through it."""
WORKERS = frozenset({
    "lookups", "replies", "write backs", "rechecks", "campaigns", "accounts", "verifications", "replays",
})  # fmt: skip
"""Jobs that move texts on; the others (polls, seals, figures, pruning ...) are the pollers'."""
LOOK_AT_CLOCK_EVERY = 60.0
"""Seconds after which the server is asked again what time it is."""


def works(role: str) -> bool:
    """Tell whether a process of this role plans and sends."""
    return role in {"all", "worker"}


def polls(role: str) -> bool:
    """Tell whether a process of this role asks sources."""
    return role in {"all", "poller"}


class Turns:
    """A scheduler that is given every job and keeps those of its role, each done by one process at a time."""

    def __init__(self, scheduler: Any, store: Store, role: str) -> None:
        self._scheduler, self._store, self._role = scheduler, store, role
        self._outage = Outage()

    def add_job(self, job: Callable[[], object], *trigger: Any, id: str, **more: Any) -> None:  # noqa: A002 - its word
        """Take a job in, if it is one of ours."""
        if id in EVERY_PROCESS:
            self._scheduler.add_job(partial(self._do, id, job), *trigger, id=id, name=id, **more)
        elif (works if id in WORKERS else polls)(self._role):
            self._scheduler.add_job(
                partial(self._do, id, partial(self._alone, id, job)), *trigger, id=id, name=id, **more
            )

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()

    def shutdown(self, *, wait: bool) -> None:
        """End. What is still at work finds the database closed, and that is no news."""
        self._outage.end()
        self._scheduler.shutdown(wait=wait)

    def _do(self, name: str, job: Callable[[], object]) -> None:
        """Do a job; what a database that is away keeps from being done, its next time does."""
        began = time.monotonic()
        try:
            job()
        except StoreDown as error:
            self._outage.met(name, began, error)
        else:
            self._outage.over(name)

    def _alone(self, name: str, job: Callable[[], object]) -> None:
        with self._store.leader(name) as is_ours:
            if is_ours:
                job()


class Outage:
    """Says once that the database is away, and once that it is back, whichever of the jobs meets it first."""

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._hit, self._back, self._ended = set[str](), 0.0, False

    def met(self, name: str, began: float, error: StoreDown) -> None:
        """Note that a job which `began` then (by the clock that never jumps) could not be done."""
        with self._gate:
            if self._ended or began < self._back:  # what waited through the end of an outage is no new one
                return
            is_first = not self._hit
            self._hit.add(name)
        if is_first:
            log.warning("database cannot be used, jobs wait for it", extra={"job": name, "detail": str(error)})

    def over(self, name: str) -> None:
        """Note that a job was done. Only one that could not be done before shows that the database is back."""
        with self._gate:
            if name not in self._hit:
                return
            self._hit.clear()
            self._back = time.monotonic()
        log.warning("database can be used again, jobs go on", extra={"job": name})

    def end(self) -> None:
        """Say no more."""
        self._ended = True


class SharedClock:
    """The clock of the database: a lease that one machine gives must end at the same time on every other.

    Between looks the machine's own clock carries it on; a database that does not answer leaves it as it was.
    """

    def __init__(self, clock: Callable[[], datetime], store: Store) -> None:
        self._clock, self._store = clock, store
        self._ahead, self._looked = self._look(), time.monotonic()

    def __call__(self) -> datetime:
        """Return the time."""
        if time.monotonic() - self._looked > LOOK_AT_CLOCK_EVERY:
            self._looked = time.monotonic()
            self._ahead = self._seen()
        return self._clock() + self._ahead

    def _look(self) -> timedelta:
        asked = self._clock()
        there = self._store.time()
        return there - (asked + (self._clock() - asked) / 2)

    def _seen(self) -> timedelta:
        try:
            return self._look()
        except StoreDown:
            return self._ahead
