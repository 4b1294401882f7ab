"""Asking the sources once more about what is due, where a rule wants it: what they say decides what becomes of it."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from audit import claims, events, links, messages
from audit.rows import message_of
from audit.store import Row, StoreDown, Tx
from dispatch.joining import join
from dispatch.recheck import Drop, Go, Later, recheck
from model.event import Event
from model.message import Message, State
from model.reasons import Because

if TYPE_CHECKING:
    from dispatch.worker import Worker

log = logging.getLogger("tidings.dispatch")
AFTER_A_DEFECT = timedelta(minutes=1)


def recheck_due(worker: Worker, now: datetime, limit: int) -> int:
    """Ask the sources of due messages whose rule wants it; return how many were asked about."""
    with worker.store.read() as tx:
        due = claims.needing_recheck(tx, now, limit)
    for row in due:
        _row(worker, row, now)
    return len(due)


def _row(worker: Worker, row: Row, now: datetime) -> None:
    try:
        message = message_of(row)
    except Exception:  # noqa: BLE001 - a row that cannot be read would come first again and again
        worker.store.write(lambda tx: claims.spoiled(tx, row["id"], now))
        return
    try:
        _one(worker, message, now)
    except StoreDown:
        raise
    except Exception:  # it is asked about again, until its time to live ends it
        log.exception("recheck failed", extra={"id": message.id})
        later = now + AFTER_A_DEFECT
        worker.store.write(lambda tx: claims.rechecked(tx, message, "later", "a defect", later, now))


def _one(worker: Worker, message: Message, now: datetime) -> None:
    with worker.store.read() as tx:
        event = events.get(tx, message.event_id, with_raw=worker.book.uses_raw)
        codes = links.codes_of(tx, message.id)
    found: Go | Later | Drop = Drop("the event is no longer kept")
    if event is not None:
        found = recheck(worker.book, message, event, lambda asked: _ask(worker, asked), now, codes)

    def write(tx: Tx) -> None:
        if message.expires_at <= now:
            messages.end(tx, message.id, State.EXPIRED, Because.EXPIRED, now)
        elif isinstance(found, Drop):
            claims.rechecked(tx, message, "drop", found.why, now, now)
            messages.end(tx, message.id, State.CANCELLED, Because.RECHECK_FAILED, now)
        else:
            if found.message is not message and (isinstance(found, Later) or _differs(found.message, message)):
                messages.rewrite(tx, found.message, "recheck", now)
            if isinstance(found, Later):
                claims.rechecked(tx, message, "later", found.why, found.until, now)
            else:
                claims.rechecked(tx, message, "go", "", now, now)

    worker.store.write(write)


def _ask(worker: Worker, event: Event) -> Event:
    """Ask the source again; what it does not know, its contacts still do."""
    fresh = worker.ask(event)
    with worker.store.read() as tx:
        return join(tx, fresh, worker.joins).event


def _differs(new: Message, old: Message) -> bool:
    return (new.text, new.recipient.number) != (old.text, old.recipient.number)
