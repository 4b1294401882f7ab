"""Telling other systems: steps that turn the outbox into tellings and post what is due, signed, until it is taken.

The outbox row is written by the database with the change it tells of (audit/migrations/0005), a telling replaces it in
one transaction, and a telling ends only by a 2xx or after five days. A crash in between posts again with the same
webhook-id, by which the receiver knows it.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from audit import webhooks as book
from audit.rows import at
from audit.store import Row, Store, Tx, at_once
from audit.webhooks import Failure, TakenAlready, Telling
from dispatch.news import News, body_of, news_of
from dispatch.webhook import Webhook, client_of, post
from gateways.base import retry_after
from wire.http import Client, Reply

log = logging.getLogger("tidings.dispatch")
SCHEDULE = (
    *(timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30)),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24, 24, 24)),
)
"""How long after each failed try the next one comes: the example of the Standard Webhooks specification (read 2026-10),
and two days more, so that a long weekend is covered."""

JITTER = 0.2
LEASE = timedelta(minutes=10)
DISABLE_AFTER, ENOUGH = timedelta(days=5), 8
"""A webhook is disabled when it failed for so long and at least so often, without one success between."""

REST, LONGEST_REST = timedelta(seconds=5), timedelta(minutes=5)
GONE, TOO_MANY = 410, 429
BATCH = 500


class Run(Protocol):
    """How the groups of one round are worked off: one after the other, or by several threads."""

    def __call__(self, work: Callable[[Sequence[Telling]], None], groups: Iterable[Sequence[Telling]], /) -> None:
        """Call `work` once for each group and return when all are done."""


def in_turn(work: Callable[[Sequence[Telling]], None], groups: Iterable[Sequence[Telling]]) -> None:
    """Work off groups one after the other."""
    for group in groups:
        work(group)


@dataclass(slots=True)
class Teller:
    """Tells the configured webhooks. Threads (dispatch/tellers.py) and tests call its steps."""

    webhooks: Mapping[str, Webhook]
    store: Store
    new_id: Callable[[str], str]
    dice: Callable[[], float] = random.random
    _clients: dict[str, Client] = field(init=False)

    def __post_init__(self) -> None:
        self._clients = {name: client_of(webhook) for name, webhook in self.webhooks.items()}

    def prepare(self, now: datetime) -> None:
        """Let the database know who listens. Call it before the first step and after a stop."""
        listens = {name: sorted(webhook.events) for name, webhook in self.webhooks.items()}
        self.store.write(lambda tx: book.prepare(tx, listens, now))

    def tell_due(self, now: datetime, limit: int = BATCH) -> int:
        """Turn what happened into tellings; return how many outbox rows were read."""
        with self.store.read() as tx:
            rows = book.unread(tx, limit)
        if not rows:
            return 0
        found = [news for row in rows if (news := _read(row, now))]
        made = [
            self._telling(webhook, one) for one in found for webhook in self.webhooks.values() if webhook.wants(one)
        ]
        read = [row["id"] for row in rows]
        try:
            self.store.write(at_once(lambda tx: book.save(tx, read, made, now)))
        except TakenAlready:
            return 0
        return len(rows)

    def _telling(self, webhook: Webhook, news: News) -> Telling:
        return Telling(
            id=self.new_id("w"),
            webhook=webhook.name,
            sequence=news.sequence,
            type=news.type,
            ref=news.ref,
            body=body_of(news, numbers=webhook.numbers, texts=webhook.texts),
        )

    def deliver_due(self, now: datetime, limit: int = 50) -> int:
        """Post what is due to every webhook, one after the other; return how many tries that were."""
        return sum(self.deliver(name, lambda: now, limit) for name in self.webhooks)

    def deliver(self, name: str, clock: Callable[[], datetime], limit: int = 50, run: Run = in_turn) -> int:
        """Post what is due to one webhook; what concerns the same message goes in its order. Return how many."""
        now = clock()
        with self.store.read() as tx:
            if not book.is_due(tx, name, now):
                return 0
        claimed = self.store.write(at_once(lambda tx: book.claim(tx, name, now, LEASE, limit)))
        groups: dict[str, list[Telling]] = {}
        for telling in claimed:
            groups.setdefault(telling.ref, []).append(telling)
        down = threading.Event()

        def work(group: Sequence[Telling]) -> None:
            for telling in group:
                self._try(telling, clock, down)

        run(work, groups.values())
        return len(claimed)

    def _try(self, telling: Telling, clock: Callable[[], datetime], down: threading.Event) -> None:
        """Post one telling and write what came of it; once the webhook is down the rest of the round waits."""
        if down.is_set():
            self.store.write(lambda tx: book.release(tx, telling))
            return
        webhook, started = self.webhooks[telling.webhook], time.monotonic()
        answer = post(self._clients[telling.webhook], webhook, telling, clock())
        took, now = timedelta(seconds=time.monotonic() - started), clock()
        status = answer.status if isinstance(answer, Reply) else 0
        if 200 <= status < 300:
            self.store.write(at_once(lambda tx: book.told(tx, telling, status, now)))
        else:
            if _is_down(answer):
                down.set()
            self._failed(telling, answer, self._failure(telling, answer, took, now), now)
        log.info("told", extra={"webhook": telling.webhook, "id": telling.id, "status": status, "tries": telling.tries})

    def _failure(self, telling: Telling, answer: Reply | str, took: timedelta, now: datetime) -> Failure:
        wait = SCHEDULE[telling.tries - 1] if telling.tries <= len(SCHEDULE) else None
        if wait is not None:
            wait = max(wait * (1 + JITTER * (2 * self.dice() - 1)), _wished(answer))
        return Failure(
            status=answer.status if isinstance(answer, Reply) else 0,
            error="" if isinstance(answer, Reply) else answer,
            took=took,
            answer=answer.text if isinstance(answer, Reply) else "",
            next_at=now + wait if wait is not None else None,
        )

    def _failed(self, telling: Telling, answer: Reply | str, failure: Failure, now: datetime) -> None:
        def write(tx: Tx) -> bool:
            row = book.failed(tx, telling, failure, now)
            if row is None:  # the webhook was taken out of the settings meanwhile
                return False
            if _is_down(answer):
                book.rest(tx, telling.webhook, now + _rest(answer, row["failures"]))
            because = _hopeless(failure, row, now)
            return bool(because) and book.disable(tx, telling.webhook, because, "tidings", now)

        if self.store.write(write):
            log.error("webhook disabled", extra={"webhook": telling.webhook, "status": failure.status})

    def notices(self) -> list[str]:
        """Say which webhooks are disabled, for the people at the console."""
        if not self.webhooks:
            return []
        with self.store.read() as tx:
            rows = book.disabled(tx)
        return [
            f"The webhook {row['name']} is disabled: {row['disabled_because']} What it was to be told waits. "
            f"Enable it with: tidings webhooks enable {row['name']}"
            for row in rows
        ]

    def prune(self, now: datetime) -> int:
        """Drop what is older than it is kept."""
        return self.store.write(lambda tx: book.prune(tx, now))


def _read(row: Row, now: datetime) -> News | None:
    """Read a row; one that breaks us is logged and must not keep the others from being told."""
    try:
        return news_of(dict(row), now)
    except Exception:
        log.exception("outbox row unreadable", extra={"row": row["id"]})
        return None


def _is_down(answer: Reply | str) -> bool:
    """Tell a webhook that is down or overloaded from one that refuses this one telling."""
    return isinstance(answer, str) or answer.status == TOO_MANY or answer.status >= 500


def _wished(answer: Reply | str) -> timedelta:
    """Return how long the webhook asks to be left alone."""
    return (retry_after(answer) if isinstance(answer, Reply) else None) or timedelta()


def _rest(answer: Reply | str, failures: int) -> timedelta:
    return max(min(REST * (1 << min(failures - 1, 10)), LONGEST_REST), _wished(answer))


def _hopeless(failure: Failure, row: Row, now: datetime) -> str:
    """Say why a webhook is not to be called any more; "" when it is."""
    if failure.status == GONE:
        return "It answered 410 Gone."
    if row["failures"] < ENOUGH or now - at(row["failing_since"]) < DISABLE_AFTER:
        return ""
    return f"Nothing but failures for 5 days, at last: {failure.error or f'status {failure.status}'}."
