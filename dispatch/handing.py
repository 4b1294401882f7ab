"""A text on its way: the call to the gateway, and its answer on the way to the disk.

Nobody has to wait in between. A gateway that holds its own connection is told and answers later (`begin`), others keep
a thread for as long as they talk; what they said is queued for the writer, which tells when it is on the disk.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from typing import TYPE_CHECKING

from audit import steering as desk
from audit.store import Tx, at_once
from model.sending import ErrorClass, Outcome, Result

if TYPE_CHECKING:
    from dispatch.worker import Handover, Worker

log = logging.getLogger("tidings.dispatch")


def began(handover: Handover, done: Callable[[Result], None]) -> bool:
    """Start a call that answers by `done`, on a thread of the gateway's; False where the gateway is one to wait for."""
    try:
        return handover.gateway.begin(handover.submission, lambda read: done(_heard(handover, read)))
    except Exception as error:  # noqa: BLE001 - a defect of one gateway must not stop the others
        done(_defect(handover, error))
        return True


def asked(handover: Handover) -> Result:
    """Call the gateway once and wait for what it says."""
    return _heard(handover, lambda: handover.gateway.submit(handover.submission))


def _heard(handover: Handover, read: Callable[[], Result]) -> Result:
    try:
        return read()
    except Exception as error:  # noqa: BLE001 - a defect of one gateway must not stop the others
        return _defect(handover, error)


def _defect(handover: Handover, error: Exception) -> Result:
    """Say of a gateway that failed in itself that nobody knows what it did; the others go on."""
    log.error("gateway failed", exc_info=error, extra={"gateway": handover.gateway.name})
    text = f"{type(error).__name__} in the gateway"
    return Result(outcome=Outcome.UNKNOWN, error=ErrorClass.UNKNOWN, code="defect", text=text)


def written(worker: Worker, handover: Handover, result: Result, now: datetime) -> Future[None]:
    """Queue what a gateway said; the future is done when it is on the disk. Raises StoreDown."""
    worker.health.note(handover.gateway.name, result, now)
    return stored(worker, handover, result, now)


def stored(worker: Worker, handover: Handover, result: Result, now: datetime) -> Future[None]:
    """Queue it, for the first time or once more after the store could not take it. Raises StoreDown."""
    name = handover.gateway.name
    state, next_at = worker.verdict(handover, result, now)
    condition = worker.health.condition(name, now)

    def write(tx: Tx) -> None:
        worker.record(tx, handover, result, state, next_at, now)
        if condition != worker.shown.get(name):
            desk.note_condition(tx, condition)

    def tell(future: Future[None]) -> None:
        if future.exception() is None:
            worker.shown[name] = condition
            log.info("attempt", extra={
                "id": handover.submission.message_id, "gateway": name, "outcome": result.outcome.value,
                "error": result.error.code, "code": result.code,
            })  # fmt: skip

    future = worker.store.submit(at_once(write))
    future.add_done_callback(tell)
    return future
