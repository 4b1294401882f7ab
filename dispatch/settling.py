"""What is left to do about messages that have left, or that wait for an operator: the worker's slow steps."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from audit import attempts, coverage, holding, messages
from audit import steering as desk
from audit.claims import Claimed
from audit.rows import at
from audit.store import StoreDown, Tx
from dispatch.content import HIDDEN
from dispatch.route import Road
from model.message import Lane, Message, State
from model.reasons import Because
from model.sending import Outcome
from model.steering import is_held

if TYPE_CHECKING:
    from dispatch.worker import Worker

log = logging.getLogger("tidings.dispatch")
LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 12


def settle(worker: Worker, now: datetime) -> int:
    """Resolve unknown outcomes: by the provider's own dedupe, by asking, or as the rule says; give up on receipts."""
    worker.store.write(lambda tx: attempts.recover(tx, now, lease=LEASE))
    settled = worker.store.write(lambda tx: _fall_back(worker, tx, now))
    settled += worker.store.write(lambda tx: _without_receipt(worker, tx, now))
    for row in worker.store.write(lambda tx: attempts.unknown_due(tx, now, LEASE)):
        try:
            settled += _settle_one(worker, row, now)
        except StoreDown:
            raise
        except Exception:  # one that cannot be settled is looked at again; the others are settled now
            log.exception("not settled", extra={"id": row.message.id})
    return settled


def _fall_back(worker: Worker, tx: Tx, now: datetime) -> int:
    """Send what got no receipt in the rule's time by the next gateway: for codes, late is as bad as lost."""
    waiting = attempts.without_receipt(tx, now)
    for claimed in waiting:
        still = claimed.message.expires_at > now and _may_repeat(worker, tx, claimed.message, now)
        attempts.fall_back(tx, claimed, now, again=still and worker.others(claimed))
    return len(waiting)


def _without_receipt(worker: Worker, tx: Tx, now: datetime) -> int:
    """Stop waiting for receipts that should have come. A late one still counts."""
    reporting = [name for name, gateway in worker.gateways.items() if gateway.capabilities.receipts != "none"]
    before = {lane: now - within for lane, within in worker.receipt_within.items()}
    return sum(coverage.give_up(tx, name, lane, before[lane], now) for name in reporting for lane in Lane)


def _settle_one(worker: Worker, row: Claimed, now: datetime) -> bool:
    from dispatch.worker import Handover  # noqa: PLC0415 - the worker imports us

    gateway, message = worker.gateways.get(row.row["gateway"]), row.message
    if gateway is None:
        return False
    if gateway.capabilities.idempotent and row.attempt < MAX_ATTEMPTS and message.expires_at > now:
        return worker.store.write(lambda tx: _again(worker, tx, message, gateway.name, now))
    if gateway.capabilities.lookup:
        submission = worker.submission(row, Road(gateway.name), row.row["sent_to"], now)
        found = gateway.resolve(submission, at(row.row["submitted_at"]))
        if found is not None and found.outcome is Outcome.ACCEPTED:
            handover = Handover(claimed=row, gateway=gateway, submission=submission)
            worker.store.write(lambda tx: worker.record(tx, handover, found, State.ACCEPTED, None, now))
            return True
    if message.on_unknown == "retry" and row.attempt < 2 and message.expires_at > now:
        return worker.store.write(lambda tx: _again(worker, tx, message, "", now))
    return False


def _again(worker: Worker, tx: Tx, message: Message, gateway: str, now: datetime) -> bool:
    """Let an unclear text leave again, unless its record has moved on: then it stays as unclear as it is."""
    return _may_repeat(worker, tx, message, now) and attempts.requeue_unknown(tx, message.id, gateway, now)


def _may_repeat(worker: Worker, tx: Tx, message: Message, now: datetime) -> bool:
    """Tell whether a text still has its words (a code is wiped once it has left) and its record has not moved on."""
    return HIDDEN not in message.text and worker.overtaken(tx, message, now) is None


def let_go(worker: Worker, now: datetime) -> int:
    """Let go what waits for a pause or pin that is over, and end what waited longer than it lives."""
    with worker.store.read() as tx:
        waiting = holding.marks(tx)
        worker.steering = desk.current(tx, now)
        if not waiting:
            return 0
    return worker.store.write(lambda tx: sum(_let_go_one(worker, tx, mark, now) for mark in waiting))


def _let_go_one(worker: Worker, tx: Tx, mark: str, now: datetime) -> int:
    if not is_held(mark, worker.steering):
        return holding.free(tx, mark)
    late = holding.expired(tx, mark, now)
    for message_id in late:
        messages.end(tx, message_id, State.EXPIRED, Because.EXPIRED, now)
    return len(late)
