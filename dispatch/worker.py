"""The only loop: plan what came in, hand over what is due, settle what is unclear.

Each step is a function of the time it is given; threads (dispatch/driver.py) only call them again and again, tests
and the demo call them by hand. A claim and its attempt are on disk before a gateway is called, the result after it.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from audit import events, messages, receipts
from audit.facts import StoredFacts
from audit.messages import Claimed
from audit.rows import at
from audit.store import Store, StoreDown, Tx, nested
from dispatch.health import Health
from dispatch.plan import Moment, plan
from dispatch.rates import Rates
from dispatch.recheck import Ask, Drop, Later, recheck
from dispatch.route import CONSOLE, Mode, Road, Wait, choose, may_retry, retry_at
from gateways.base import Gateway
from model.event import Event
from model.message import Message, State
from model.reasons import Because, Unreachable
from model.sending import ErrorClass, Outcome, Result, Submission
from rules.book import Book

log = logging.getLogger("tidings.dispatch")
PLAN_BATCH = 25
LEASE = timedelta(seconds=60)
UNKNOWN_GRACE = timedelta(minutes=10)
LOOKUP_AFTER = timedelta(seconds=30)
MAX_ATTEMPTS = 12


def nobody_to_ask(event: Event) -> Event:
    """Stand in where no source can be asked."""
    raise Unreachable(f"{event.source} cannot be asked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """A message on its way to a gateway: claimed, routed, and both written down."""

    claimed: Claimed
    gateway: Gateway
    submission: Submission


@dataclass(slots=True)
class Worker:
    """Everything the steps need. `book` is swapped as a whole when the rules change."""

    store: Store
    book: Book
    gateways: Mapping[str, Gateway]
    new_id: Callable[[str], str]
    mode: Mode = field(default_factory=Mode)
    routes: Sequence[str] = (CONSOLE,)
    receipt_url: Callable[[str, str], str] = "{}{}".format
    dice: Callable[[], float] = random.random
    health: Health = field(default_factory=Health)
    limits: Rates = field(default_factory=Rates)
    paused: bool = False
    ask: Ask = nobody_to_ask

    def plan_due(self, now: datetime, limit: int = PLAN_BATCH) -> int:
        """Plan up to `limit` waiting events; return how many were taken."""
        with self.store.read() as tx:
            waiting = events.waiting(tx, now, limit)
        if waiting:
            self.store.write(lambda tx: self._plan_all(tx, waiting, now))
        return len(waiting)

    def _plan_all(self, tx: Tx, waiting: Iterable[str], now: datetime) -> None:
        book = self.book
        for event_id in waiting:
            moment = Moment(event_id=event_id, now=now, new_id=lambda: self.new_id("m"))
            try:
                with nested(tx):
                    self._plan_one(tx, book, moment)
            except StoreDown:
                raise
            except Exception as error:  # one event that breaks the plan must not stop the others
                log.exception("planning failed", extra={"event": event_id})
                events.mark_failed(tx, event_id, f"{type(error).__name__}: {error}", now)

    def _plan_one(self, tx: Tx, book: Book, moment: Moment) -> None:
        event = events.get(tx, moment.event_id, with_raw=book.uses_raw)
        if event is not None:
            made = plan(book, event, StoredFacts(tx, moment.now), moment)
            events.save_plan(tx, event, made, moment.now)

    def send_due(self, now: datetime, limit: int = 50) -> int:
        """Claim what is due, hand it over and write the results, one after the other; return how many."""
        handovers = self.claim_due(now, limit)
        for handover in handovers:
            self.hand_over(handover, lambda: now)
        return len(handovers)

    def claim_due(self, now: datetime, limit: int) -> list[Handover]:
        """Claim and route up to `limit` messages in one transaction, each attempt written down."""
        if self.paused or limit <= 0:
            return []
        with self.store.read() as tx:
            due = messages.next_due(tx, now)
        if due is None or due > now:
            return []
        return self.store.write(lambda tx: self._claim(tx, now, limit))

    def _claim(self, tx: Tx, now: datetime, limit: int) -> list[Handover]:
        handovers = []
        for claimed in messages.claim_next(tx, now, LEASE, limit):
            if StoredFacts(tx, now).opted_out(claimed.message.recipient.number, claimed.message.category):
                messages.end(tx, claimed.message.id, State.CANCELLED, Because.OPTED_OUT, now)
                continue
            number, real = self.mode.send_to(claimed.message.recipient.number)
            order = self.order_of(claimed) if real else [CONSOLE]
            road = self._road(order, claimed, now)
            if isinstance(road, Wait):
                messages.release(tx, claimed, road.until, now, "")
                continue
            messages.begin_attempt(tx, claimed, road.gateway, number, now)
            gateway = self.gateways[road.gateway]
            handovers.append(
                Handover(claimed=claimed, gateway=gateway, submission=self._submission(claimed, road, number, now))
            )
        return handovers

    def _road(self, order: list[str], claimed: Claimed, now: datetime) -> Road | Wait:
        """Choose a gateway that is awake and within its rate."""
        message = claimed.message
        resting = self.health.resting(now)
        while True:
            road = choose(order, claimed.tried, resting, now)
            if isinstance(road, Wait):
                return road
            free_at = self.limits.take(road.gateway, message.segments, message.lane, now)
            if free_at is None:
                self.health.taken(road.gateway, now)
                return road
            resting = {**resting, road.gateway: free_at}

    def order_of(self, claimed: Claimed) -> list[str]:
        """Return the gateways a message may use, in order: the rule's, where they exist, else the configured ones."""
        named = [name for name in claimed.message.gateways if name in self.gateways]
        return named or [name for name in self.routes if name in self.gateways] or [CONSOLE]

    def _submission(self, claimed: Claimed, road: Road, number: str, now: datetime) -> Submission:
        message = claimed.message
        return Submission(
            message_id=message.id,
            to=number,
            text=message.text,
            sender=message.sender,
            encoding=message.encoding,
            segments=message.segments,
            validity=max(message.expires_at - now, timedelta(seconds=1)),
            receipt_url=self.receipt_url(road.gateway, message.id),
            attempt=claimed.attempt,
        )

    def hand_over(self, handover: Handover, clock: Callable[[], datetime]) -> Result:
        """Call the gateway once and write what it said."""
        try:
            result = handover.gateway.submit(handover.submission)
        except Exception as error:
            log.exception("gateway failed", extra={"gateway": handover.gateway.name})
            text = f"{type(error).__name__} in the gateway"
            result = Result(outcome=Outcome.UNKNOWN, error=ErrorClass.UNKNOWN, code="defect", text=text)
        now = clock()
        self.health.note(handover.gateway.name, result, now)
        state, next_at = self._verdict(handover, result, now)
        self.store.write(lambda tx: self._record(tx, handover, result, state, next_at, now))
        log.info(
            "attempt",
            extra={
                "id": handover.submission.message_id, "gateway": handover.gateway.name,
                "outcome": result.outcome.value, "error": result.error.code, "code": result.code,
            },
        )  # fmt: skip
        return result

    def _record(
        self, tx: Tx, handover: Handover, result: Result, state: State, next_at: datetime | None, now: datetime
    ) -> None:
        name = handover.gateway.name
        messages.record_result(tx, handover.claimed, name, result, state, next_at, now)
        receipts.match_waiting(tx, name, result.provider_id, now)
        if result.error is ErrorClass.OPT_OUT:
            receipts.opt_out(tx, handover.claimed.message.recipient.number, "", f"{name} refusal", now)

    def _verdict(self, handover: Handover, result: Result, now: datetime) -> tuple[State, datetime | None]:
        """Decide what a result makes of the message, and when to try again."""
        if result.outcome is Outcome.ACCEPTED:
            return State.ACCEPTED, None
        claimed, message = handover.claimed, handover.claimed.message
        if result.outcome is Outcome.UNKNOWN:
            return State.UNKNOWN, self._unknown_until(handover, now)
        tried = {*claimed.tried, handover.gateway.name}
        others = (
            any(name not in tried for name in self.order_of(claimed)) and self.mode.send_to(message.recipient.number)[1]
        )
        if not may_retry(result, others=others):
            return State.REJECTED, None
        again = retry_at(message, claimed.attempt, result, others=others, now=now, jitter=self.dice())
        if again >= message.expires_at or claimed.attempt >= MAX_ATTEMPTS:
            return State.EXPIRED if again >= message.expires_at else State.FAILED, None
        return State.QUEUED, again

    def _unknown_until(self, handover: Handover, now: datetime) -> datetime:
        """Return when an unclear outcome is looked at again; at once where a repeat is recognised by the provider."""
        capabilities = handover.gateway.capabilities
        if capabilities.idempotent:
            return now + timedelta(seconds=2)
        return now + (LOOKUP_AFTER if capabilities.lookup else UNKNOWN_GRACE)

    def settle(self, now: datetime) -> int:
        """Resolve unknown outcomes where that is safe: by the provider's own dedupe, by asking, or as the rule says."""
        self.store.write(lambda tx: messages.recover(tx, now))
        settled = self.store.write(lambda tx: self._fall_back(tx, now))
        for row in self.store.write(lambda tx: messages.unknown_due(tx, now, LEASE)):
            settled += self._settle_one(row, now)
        return settled

    def _fall_back(self, tx: Tx, now: datetime) -> int:
        """Send what got no receipt in the rule's time by the next gateway: for codes, late is as bad as lost."""
        waiting = messages.without_receipt(tx, now)
        for claimed in waiting:
            left = any(name not in claimed.tried for name in self.order_of(claimed))
            messages.fall_back(tx, claimed, now, again=left and claimed.message.expires_at > now)
        return len(waiting)

    def _settle_one(self, row: Claimed, now: datetime) -> bool:
        gateway = self.gateways.get(row.row["gateway"])
        message = row.message
        if gateway is None:
            return False
        if gateway.capabilities.idempotent and row.attempt < MAX_ATTEMPTS and message.expires_at > now:
            return self.store.write(lambda tx: messages.requeue_unknown(tx, message.id, gateway.name, now))
        if gateway.capabilities.lookup:
            submission = self._submission(row, Road(gateway.name), row.row["sent_to"], now)
            found = gateway.resolve(submission, at(row.row["submitted_at"]))
            if found is not None and found.outcome is Outcome.ACCEPTED:
                handover = Handover(claimed=row, gateway=gateway, submission=submission)
                self.store.write(lambda tx: self._record(tx, handover, found, State.ACCEPTED, None, now))
                return True
        if message.on_unknown == "retry" and row.attempt < 2 and message.expires_at > now:
            return self.store.write(lambda tx: messages.requeue_unknown(tx, message.id, "", now))
        return False

    def next_due(self, now: datetime) -> datetime | None:
        """Return when the next waiting message is due."""
        with self.store.read() as tx:
            return messages.next_due(tx, now)

    def recheck_due(self, now: datetime, limit: int = 20) -> int:
        """Ask the sources of due messages whose rule wants it; return how many were asked about."""
        with self.store.read() as tx:
            due = messages.needing_recheck(tx, now, limit)
        for message in due:
            self._recheck(message, now)
        return len(due)

    def _recheck(self, message: Message, now: datetime) -> None:
        with self.store.read() as tx:
            event = events.get(tx, message.event_id, with_raw=self.book.uses_raw)
        found = recheck(self.book, message, event, self.ask, now) if event else Drop("the event is no longer kept")

        def write(tx: Tx) -> None:
            if message.expires_at <= now:
                messages.end(tx, message.id, State.EXPIRED, Because.EXPIRED, now)
            elif isinstance(found, Drop):
                messages.rechecked(tx, message, "drop", found.why, now, now)
                messages.end(tx, message.id, State.CANCELLED, Because.RECHECK_FAILED, now)
            else:
                if found.message is not message and (isinstance(found, Later) or _differs(found.message, message)):
                    messages.rewrite(tx, found.message, "recheck", now)
                if isinstance(found, Later):
                    messages.rechecked(tx, message, "later", found.why, found.until, now)
                else:
                    messages.rechecked(tx, message, "go", "", now, now)

        self.store.write(write)


def _differs(new: Message, old: Message) -> bool:
    return (new.text, new.recipient.number) != (old.text, old.recipient.number)
