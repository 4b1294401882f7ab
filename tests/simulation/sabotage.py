"""Faulty parts, one fault each: what the simulator has to find when it is put in the place of the good one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from audit import attempts, claims, journal
from audit.claims import Claimed
from audit.rows import message_of, ms
from audit.sealing import Sealing
from audit.store import StoreDown, Tx
from dispatch.settling import LEASE
from dispatch.verifying import Verifier
from dispatch.worker import Handover, Worker
from inbound.hooks import Door
from inbound.receipts import ReceiptDoor
from model.event import Answer, Incoming
from model.message import Message, State
from model.reasons import Because, Refused
from model.sending import Outcome, Result
from model.verification import Asked, Seen
from simulation.disk import Disk

T = TypeVar("T")


class Doubles(Worker):
    """Hands each text over twice."""

    def hand_over(self, handover: Handover, clock: Callable[[], datetime]) -> Result:
        handover.gateway.submit(handover.submission)
        return super().hand_over(handover, clock)


class Forgets(Worker):
    """Plans without remembering what was texted."""

    def _plan_one(self, tx: Tx, book: Any, moment: Any) -> None:
        super()._plan_one(tx, book, moment)
        tx.execute("delete from dedupe where ref like 'm%'")


class GoesBack(Worker):
    """Settles what is settled already."""

    def settle(self, now: datetime) -> int:
        self.store.write(lambda tx: tx.execute("update messages set state = 'sent' where state = 'delivered'").rowcount)
        return super().settle(now)


class HearsNoStop(Worker):
    """Looks for no opt-out right before a text leaves."""

    def _route(self, tx: Tx, claimed: Claimed, now: datetime) -> Handover | None:
        tx.execute("update consent set status = 'was out' where status = 'out'")
        try:
            return super()._route(tx, claimed, now)
        finally:
            tx.execute("update consent set status = 'out' where status = 'was out'")


class KnowsNoNight(Worker):
    """Lets a text that was held up leave at any hour."""

    def _is_open(self, tx: Tx, claimed: Claimed, now: datetime) -> bool:
        return True


class TriesAgain(Worker):
    """Takes an unclear outcome for a no."""

    def verdict(self, handover: Handover, result: Result, now: datetime) -> tuple[State, datetime | None]:
        return (State.QUEUED, now) if result.outcome is Outcome.UNKNOWN else super().verdict(handover, result, now)


class KnowsNoPause(Worker):
    """Claims whatever is due."""

    def _claim(self, tx: Tx, now: datetime, limit: int) -> list[Handover]:
        found = [self._route(tx, one, now) for one in claims.claim_next(tx, now, LEASE, limit)]
        return [one for one in found if one is not None]


class KnowsNoMode(Worker):
    """Takes every gateway for allowed."""

    def order_of(self, message: Message) -> list[str]:
        return [name for name in self.routes if name in self.gateways]


class MissesTheNewest(Worker):
    """Lets a text leave again whose record has moved on (what the simulator found on its first day)."""

    def overtaken(self, tx: Tx, message: Message, now: datetime) -> Because | None:
        return None


class DropsEarlyReceipts(Worker):
    """Does not look for receipts that were quicker than the answer."""

    def record(self, tx: Tx, handover: Handover, result: Result, state: State, next_at: Any, now: datetime) -> None:
        attempts.record_result(tx, handover.claimed, handover.gateway.name, result, state, next_at, now)


class AsksNobody(Worker):
    """Takes it for true without asking the source."""

    def recheck_due(self, now: datetime, limit: int = 20) -> int:
        with self.store.read() as tx:
            due = [message_of(row) for row in claims.needing_recheck(tx, now, limit)]

        def write(tx: Tx) -> None:
            for message in due:
                claims.rechecked(tx, message, "go", "", now, now)

        self.store.write(write)
        return len(due)


class TakesTestsForReal(Worker):
    """Overlooks the mark of a test."""

    def _plan_one(self, tx: Tx, book: Any, moment: Any) -> None:
        tx.execute("update events set test = 0 where id = ?", (moment.event_id,))
        super()._plan_one(tx, book, moment)


class SaysYesTooSoon(Door):
    """Answers 200 when the event could not be stored."""

    def _keep(self, incoming: Incoming, found: Any, error: str) -> int:
        try:
            return super()._keep(incoming, found, error)
        except Refused:
            return 0


class LosesReplies(ReceiptDoor):
    """Answers 200 to a text from a phone that could not be stored."""

    def reply(self, incoming: Incoming, token: str) -> Answer:
        super().reply(incoming, token)
        return Answer()


class WritesCodesDown(Verifier):
    """Notes the code it sends."""

    def start(self, asked: Asked, now: datetime) -> Seen:
        seen = super().start(asked, now)
        self.store.write(lambda tx: journal.note(tx, ms(now), "operator", detail=self.recipe.code(seen.id)))
        return seen


class ChangesTheRecord(Sealing):
    """Changes a row that is under a seal."""

    def step(self, now: datetime) -> int:
        made = super().step(now)
        self.store.write(lambda tx: tx.execute("update journal set detail = 'nothing' where id = 2").rowcount)
        return made


class Lies(Disk):
    """Says that a job is committed, and at times it is not."""

    count = 0

    def write(self, job: Callable[[Tx], T]) -> T:
        Lies.count += 1
        if Lies.count % 40:
            return super().write(job)
        kept: list[T] = []

        def undone(tx: Tx) -> None:
            kept.append(job(tx))
            raise StoreDown

        try:
            super().write(undone)
        except StoreDown:
            if not kept:
                raise
        return kept[0]
