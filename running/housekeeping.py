"""What is done every so often beside planning and sending. Never reminders: those are rows with a due time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from audit import caps, figures, idempotency, kept, links, minutes, sessions, sign_ins, source_hours, steps, tallies
from audit.retention import purge
from audit.store import Tx
from running import roles

if TYPE_CHECKING:
    from app import Tidings

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to do `every` so often, for the first time `first` after the start (one interval when not said)."""

    name: str
    every: timedelta
    do: Callable[[datetime], object]
    first: timedelta | None = None


def jobs(service: Tidings) -> Iterator[Job]:
    """List what is to be done; roles.py says by which processes."""
    store = service.store
    yield from _moving(service)
    yield Job("rules", SECOND, lambda _: service.rules.look())
    yield Job("clicks", SECOND, lambda _: service.clicks.flush(store))
    yield Job("tallies", 10 * SECOND, partial(tallies.refresh, store))
    yield Job("figures", MINUTE, partial(figures.refresh, store))
    yield Job("minutes", MINUTE, partial(minutes.refresh, store))
    yield Job("hours of sources", MINUTE, partial(source_hours.refresh, store))
    yield Job("refusals", MINUTE, partial(service.refusals.flush, store))
    yield Job("seals", MINUTE, service.sealing.step)
    yield Job("links", 10 * MINUTE, partial(links.expire, store))
    yield Job("incomplete texts", 10 * MINUTE, service.inbox.give_up)
    yield Job("tellings", 10 * MINUTE, service.tellers.teller.prune)
    yield Job("prune", 10 * MINUTE, partial(_prune, service))
    yield Job("retention", 24 * HOUR, partial(purge, store, service.settings.kept_for), first=10 * MINUTE)
    if service.traces is not None:
        yield Job("traces", SECOND, partial(steps.tell, store, send=service.traces))
    yield from _asking(service)


def _moving(service: Tidings) -> Iterator[Job]:
    """List what moves texts on."""
    yield Job("lookups", SECOND, service.lookups.look_up_due)
    yield Job("replies", SECOND, service.replying.answer_due)
    yield Job("write backs", SECOND, service.replying.write_due)
    yield Job("rechecks", SECOND, service.worker.recheck_due)
    yield Job("campaigns", SECOND, service.campaigns.step)
    yield Job("accounts", SECOND, service.accounts.step)
    yield Job("replays", SECOND, service.replaying.step)
    if service.verifier is not None:
        yield Job("verifications", MINUTE, service.verifier.tidy)


def _asking(service: Tidings) -> Iterator[Job]:
    """List what asks sources."""
    if any(source.subscribe for source in service.sources.values()):
        yield Job("subscriptions", HOUR, service.subscribing.look_after_all, first=20 * SECOND)
    for source in service.sources.values():
        if source.poll_every and hasattr(source.connector, "poll"):
            yield Job(f"poll {source.name}", source.poll_every, partial(service.polling.poll, source), first=SECOND)


def start(service: Tidings) -> Any:
    """Start doing what this process has to do; return what can be shut down."""
    from apscheduler.schedulers.background import BackgroundScheduler  # noqa: PLC0415 - 80 ms that the first webhook need not wait for

    threads = BackgroundScheduler(
        timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    scheduler = roles.Turns(threads, service.store, service.role)
    for job in jobs(service):
        first = {} if job.first is None else {"next_run_time": datetime.now(UTC) + job.first}
        scheduler.add_job(
            partial(_do, job, service), "interval", seconds=job.every.total_seconds(), id=job.name, **first
        )
    scheduler.start()
    return scheduler


def _do(job: Job, service: Tidings) -> object:
    return job.do(service.clock())


def _prune(service: Tidings, now: datetime) -> None:
    lengths = service.settings.entrance.lengths
    service.store.write(partial(_prune_all, lengths=lengths, now=now))


def _prune_all(tx: Tx, lengths: sessions.Lengths, now: datetime) -> None:
    kept.prune(tx, now)
    caps.prune(tx, now)
    idempotency.prune(tx, now)
    sign_ins.prune(tx, now)
    sessions.prune(tx, lengths, now)
