"""The only loop: plan what came in, hand over what is due, settle what is unclear.

Each step is a function of the time it is given; threads (dispatch/driver.py) only call them again and again, tests
and the demo call them by hand. A claim and its attempt are on disk before a gateway is called, the result after it.

Long because it holds each step from an event to a hand-over; what follows a hand-over stands apart (handing, settling).
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from audit import attempts, claims, events, holding, messages, plans, receipts
from audit import steering as desk
from audit.claims import Claimed
from audit.facts import StoredFacts
from audit.store import Store, StoreDown, Tx, at_once, nested
from dispatch import handing, leaving, rechecking, settling
from dispatch.draft import Moment
from dispatch.health import Health
from dispatch.joining import Join, explained, join_and_keep, learn
from dispatch.plan import plan
from dispatch.rates import Limits, Rates
from dispatch.recheck import Ask
from dispatch.roads import Roads
from dispatch.route import CONSOLE, Mode, Road, Wait, choose, may_retry, retry_at
from dispatch.settling import LEASE, MAX_ATTEMPTS
from gateways.base import Gateway
from model.event import Event
from model.links import new_code
from model.message import Lane, Message, State
from model.reasons import Because, Unreachable
from model.sending import ErrorClass, Outcome, Result, Submission
from model.steering import Condition, Steering, gateway_mark
from rules.book import Book

log = logging.getLogger("tidings.dispatch")
PLAN_BATCH = 25
UNKNOWN_GRACE = timedelta(minutes=10)
LOOKUP_AFTER = timedelta(seconds=30)
FAR = datetime.max.replace(tzinfo=UTC)
ELSEWHERE = timedelta(seconds=10)


def nobody_to_ask(event: Event) -> Event:
    """Stand in where no source can be asked."""
    raise Unreachable(f"{event.source} cannot be asked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """A message on its way to a gateway: claimed, routed, and both written down.

    `begin_by` is when it must be under way: a call has to end before the lease does, or others may repeat it meanwhile.
    """

    claimed: Claimed
    gateway: Gateway
    submission: Submission
    begin_by: datetime = FAR


@dataclass(slots=True)
class Worker:
    """Everything the steps need. `book` is swapped as a whole when the rules change (`follow`).

    `reveal` puts codes into the texts that carry them, which the store never sees. `routes` carries what neither a
    rule's own list nor a row of `roads` speaks for. `receipt_within` is how long a provider has for its receipt, by
    lane.
    """

    store: Store
    book: Book
    gateways: Mapping[str, Gateway]
    new_id: Callable[[str], str]
    mode: Mode = field(default_factory=Mode)
    routes: Sequence[str] = (CONSOLE,)
    roads: Roads = field(default_factory=Roads)
    receipt_url: Callable[[str, str], str] = "{}{}".format
    dice: Callable[[], float] = random.random
    health: Health = field(default_factory=Health)
    limits: Limits = field(default_factory=Rates)
    steering: Steering = field(default_factory=Steering)
    receipt_within: Mapping[Lane, timedelta] = field(default_factory=lambda: dict.fromkeys(Lane, timedelta(hours=72)))
    ask: Ask = nobody_to_ask
    reveal: Callable[[str], str] = str
    joins: Mapping[str, Join] = field(default_factory=dict)
    shown: dict[str, Condition] = field(default_factory=dict)

    def follow(self, book: Book) -> None:
        """Plan by these rules from now on."""
        self.book = book

    def plan_due(self, now: datetime, limit: int = PLAN_BATCH) -> int:
        """Plan up to `limit` waiting events; return how many were taken."""
        with self.store.read() as tx:
            waiting = plans.waiting(tx, now, limit)
        if waiting:
            self.store.write(at_once(lambda tx: self._plan_all(tx, plans.take(tx, waiting), now)))
        return len(waiting)

    def _plan_all(self, tx: Tx, waiting: Sequence[str], now: datetime) -> None:
        """Plan all in one go: the full-text index writes to the disk at the end of each savepoint, so there is one."""
        book = self.book
        moments = [Moment(event_id=one, now=now, new_id=lambda: self.new_id("m"), new_code=new_code) for one in waiting]
        try:
            with nested(tx):
                for moment in moments:
                    self._plan_one(tx, book, moment)
        except StoreDown:
            raise
        except Exception:  # noqa: BLE001 - one event that breaks the plan must not stop the others: each by itself
            for moment in moments:
                self._plan_alone(tx, book, moment)

    def _plan_alone(self, tx: Tx, book: Book, moment: Moment) -> None:
        try:
            with nested(tx):
                self._plan_one(tx, book, moment)
        except StoreDown:
            raise
        except Exception as error:
            log.exception("planning failed", extra={"event": moment.event_id})
            plans.mark_failed(tx, moment.event_id, f"{type(error).__name__}: {error}", moment.now)

    def _plan_one(self, tx: Tx, book: Book, moment: Moment) -> None:
        event = events.get(tx, moment.event_id, with_raw=book.uses_raw)
        if event is not None:
            joined = join_and_keep(tx, moment.event_id, event, self.joins)
            made = plan(book, joined.event, StoredFacts(tx, moment.now), moment)
            plans.save_plan(tx, joined.event, explained(made, joined), moment.now)
            learn(tx, event, self.joins, moment.now)

    def send_due(self, now: datetime, limit: int = 50) -> int:
        """Claim what is due, hand it over and write the results, one after the other; return how many."""
        handovers = self.claim_due(now, limit)
        for handover in handovers:
            self.hand_over(handover, lambda: now)
        return len(handovers)

    def claim_due(self, now: datetime, limit: int) -> list[Handover]:
        """Claim and route up to `limit` messages in one transaction, each attempt written down."""
        if limit <= 0 or self._is_cut_off(now):
            return []
        with self.store.read() as tx:
            due = claims.next_due(tx, now)
        if due is None or due > now:
            return []
        return self.store.write(at_once(lambda tx: self._claim(tx, now, limit)))

    def _is_cut_off(self, now: datetime) -> bool:
        """Tell whether no gateway works for us, where other workers may be better off: we leave them the texts."""
        if self.store.is_alone or not (ours := set(self.gateways) - {CONSOLE}):
            return False
        return ours <= set(self.health.resting(now))

    def _claim(self, tx: Tx, now: datetime, limit: int) -> list[Handover]:
        self.steering = desk.current(tx, now)
        handovers, ours = [], claims.claim_next(tx, now, LEASE, limit, steering=self.steering)
        self.limits.expect([claimed.message for claimed in ours])
        for claimed in ours:
            try:
                with nested(tx):
                    handover = self._route(tx, claimed, now)
            except StoreDown:
                raise
            except Exception:  # noqa: BLE001 - one message that breaks the routing must not stop the others
                claims.spoiled(tx, claimed.message.id, now)
            else:
                handovers += [handover] if handover else []
        return handovers

    def _route(self, tx: Tx, claimed: Claimed, now: datetime) -> Handover | None:
        """Find the road of a claimed message and write the attempt down; None when it does not leave now."""
        message = claimed.message
        number, _ = self.mode.send_to(message.recipient.number)
        if leaving.is_stopped(StoredFacts(tx, now), message, number, now):
            messages.end(tx, message.id, State.CANCELLED, Because.OPTED_OUT, now)
            return None
        if claimed.attempt > 1 and (why := self.overtaken(tx, message, now)):
            messages.end(tx, message.id, State.CANCELLED, why, now)
            return None
        if leaving.is_late(message, now) and not self._is_open(tx, claimed, now):
            return None
        wanted = self.order_of(message)
        order = self.steering.steer(wanted, message.lane)
        if not order:
            holding.hold(tx, message.id, gateway_mark(message.lane, wanted))
            return None
        road = self._road(order, claimed, now)
        if isinstance(road, Wait):
            # What rests for us need not rest for other workers: they may look at it sooner.
            until = road.until if self.store.is_alone else min(road.until, now + ELSEWHERE)
            claims.release(tx, claimed, until, now, "")
            return None
        attempts.begin_attempt(tx, claimed, road.gateway, number, now)
        gateway = self.gateways[road.gateway]
        submission = self.submission(claimed, road, number, now)
        return Handover(claimed=claimed, gateway=gateway, submission=submission, begin_by=now + LEASE / 2)

    def overtaken(self, tx: Tx, message: Message, now: datetime) -> Because | None:
        """Return why the record of a text that was on its way has moved on without it, None where it has not."""
        event = events.get(tx, message.event_id) if message.key or message.supersede else None
        return leaving.overtaken(StoredFacts(tx, now), message, event.occurred_at) if event else None

    def _is_open(self, tx: Tx, claimed: Claimed, now: datetime) -> bool:
        """See that a late message does not leave in the night it was kept out of; it waits for the next open hour."""
        message, rule = claimed.message, self.book.get(claimed.message.rule)
        event = events.get(tx, message.event_id)
        opens = leaving.opens_at(rule, event.data if event else {}, message, now)
        if opens is None:
            messages.end(tx, message.id, State.CANCELLED, Because.QUIET_HOURS, now)
        elif opens > now:
            claims.release(tx, claimed, min(opens, message.expires_at), now, "quiet hours")
        return opens is not None and opens <= now

    def _road(self, order: list[str], claimed: Claimed, now: datetime) -> Road | Wait:
        """Choose a gateway that is awake and within its rate."""
        message = claimed.message
        resting = self.health.resting(now)
        while True:
            road = choose(order, claimed.tried, resting, now)
            if isinstance(road, Wait):
                return road
            free_at = self.limits.take(road.gateway, message.sender, message.segments, message.lane, now)
            if free_at is None:
                self.health.taken(road.gateway, now)
                return road
            resting = {**resting, road.gateway: free_at}

    def order_of(self, message: Message) -> list[str]:
        """Return the gateways a message may use, in order: the rule's, where they exist, else the table's."""
        number, real = self.mode.send_to(message.recipient.number)
        if not real:
            return [CONSOLE]
        for names in (message.gateways, self.roads.way(message, number).gateways, self.routes):
            if found := [name for name in names if name in self.gateways]:
                return found
        return [CONSOLE]

    def others(self, claimed: Claimed, *gone: str) -> bool:
        """Tell whether a gateway is left that was not tried and that no operator has closed."""
        order = self.steering.steer(self.order_of(claimed.message), claimed.message.lane)
        return any(name not in {*claimed.tried, *gone} for name in order)

    def submission(self, claimed: Claimed, road: Road, number: str, now: datetime) -> Submission:
        """Build what a gateway is given: the text, and where its receipt goes."""
        message = claimed.message
        return Submission(
            message_id=message.id,
            to=number,
            text=self.reveal(message.text),
            sender=message.sender,
            encoding=message.encoding,
            segments=message.segments,
            validity=max(message.expires_at - now, timedelta(seconds=1)),
            receipt_url=self.receipt_url(road.gateway, message.id),
            attempt=claimed.attempt,
        )

    def hand_over(self, handover: Handover, clock: Callable[[], datetime]) -> Result:
        """Call the gateway once and write what it said."""
        result = handing.asked(handover)
        handing.written(self, handover, result, clock()).result()
        return result

    def record(
        self, tx: Tx, handover: Handover, result: Result, state: State, next_at: datetime | None, now: datetime
    ) -> None:
        """Write what a gateway said, and the receipts that were quicker."""
        name = handover.gateway.name
        attempts.record_result(tx, handover.claimed, name, result, state, next_at, now)
        receipts.match_waiting(tx, name, result, now)
        if result.error is ErrorClass.OPT_OUT:
            receipts.opt_out(tx, handover.claimed.message.recipient.number, "", f"{name} refusal", now)

    def verdict(self, handover: Handover, result: Result, now: datetime) -> tuple[State, datetime | None]:
        """Decide what a result makes of the message, and when to try again."""
        if result.outcome is Outcome.ACCEPTED:
            return State.ACCEPTED, None
        claimed, message = handover.claimed, handover.claimed.message
        if result.outcome is Outcome.UNKNOWN:
            return State.UNKNOWN, self._unknown_until(handover, now)
        others = self.others(claimed, handover.gateway.name)
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
        """Resolve what is unclear: unknown outcomes where that is safe, and receipts that did not come."""
        return settling.settle(self, now)

    def steer_due(self, now: datetime) -> int:
        """Let go what waits for a pause or pin that is over; end what waited too long. Return how many."""
        return settling.let_go(self, now)

    def next_due(self, now: datetime) -> datetime | None:
        """Return when the next waiting message is due."""
        with self.store.read() as tx:
            return claims.next_due(tx, now)

    def recheck_due(self, now: datetime, limit: int = 20) -> int:
        """Ask the sources of due messages whose rule wants it; return how many were asked about."""
        return rechecking.recheck_due(self, now, limit)
