"""How well does each gateway do? A breaker per gateway, opened by its failures and closed by a probe that works.

A refusal of one message (bad number, opt-out, content) is a healthy answer. Throttling rests a gateway as long as it
asks. Failures open the breaker: alone in a row, or as a share of a short window with a small minimum, because most
senders have ten messages a minute and not ten thousand. Pure: time is an argument.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from model.sending import ErrorClass, Outcome, Result
from model.steering import Condition

WINDOW = timedelta(seconds=60)
IN_A_ROW = 3
MINIMUM, SHARE = 6, 0.5
FIRST_REST, LONGEST_REST = timedelta(seconds=10), timedelta(minutes=5)
THROTTLED = timedelta(seconds=5)
STOPPED = timedelta(seconds=60)
PROBE = timedelta(seconds=60)
"""How long one message is waited for that was taken to a gateway to find out whether it works again."""
SET_BACK = timedelta(seconds=5)
"""By how much a rest may seem to begin later than now: the threads that look and that write read the clock apart."""
FAULTS = {ErrorClass.RETRY, ErrorClass.UNKNOWN, ErrorClass.ROUTE_STOP}


@dataclass(slots=True)
class Gauge:
    """What is known about one gateway. `rests_until` is None while it works; `why` is its last trouble, for people.

    `since` is when it last began to rest, or to work again; `rested` is when its rest was last set, `probing` when a
    message was taken there to find out whether it works again.
    """

    rests_until: datetime | None = None
    broken: bool = False
    probing: datetime | None = None
    rest: timedelta = FIRST_REST
    why: str = ""
    since: datetime | None = None
    rested: datetime | None = None
    seen: deque[tuple[datetime, bool]] = field(default_factory=lambda: deque(maxlen=200))

    def is_awake(self, now: datetime) -> bool:
        """Tell whether a message may go there now; after a breakdown only one at a time may, as a probe."""
        return self.rests_until is None or (self.has_rested(now) and not self._is_probed(now))

    def has_rested(self, now: datetime) -> bool:
        """Tell whether a rest is over; one that began later than now is from before the clock was set back."""
        over = self.rests_until is None or now >= self.rests_until
        return over or (self.rested is not None and now < self.rested - SET_BACK)

    def _is_probed(self, now: datetime) -> bool:
        """Tell whether a probe is on its way. One whose claim was lost with a full disk never brings an answer."""
        return self.probing is not None and abs(now - self.probing) < PROBE


@dataclass(slots=True)
class Health:
    """All gateways. Pins and pauses are no matter of health: see model/steering.py."""

    gauges: dict[str, Gauge] = field(default_factory=dict)

    def of(self, gateway: str) -> Gauge:
        """Return the gauge of a gateway."""
        return self.gauges.setdefault(gateway, Gauge())

    def resting(self, now: datetime) -> dict[str, datetime]:
        """Return the gateways that must not be used now, and until when."""
        return {
            name: max(gauge.rests_until or now, now + timedelta(seconds=1))
            for name, gauge in self.gauges.items()
            if not gauge.is_awake(now)
        }

    def condition(self, gateway: str, now: datetime) -> Condition:
        """Say how a gateway does, for people."""
        gauge = self.of(gateway)
        return Condition(
            gateway=gateway,
            state="resting" if gauge.rests_until else "working",
            since=gauge.since or now,
            until=gauge.rests_until,
            error=gauge.why,
        )

    def taken(self, gateway: str, now: datetime) -> None:
        """Note that a message is on its way to a gateway; the first after a rest is its probe."""
        gauge = self.of(gateway)
        if gauge.rests_until is not None and gauge.has_rested(now):
            gauge.probing = now if gauge.broken else None

    def note(self, gateway: str, result: Result, now: datetime) -> None:
        """Learn from an answer."""
        gauge = self.of(gateway)
        rested = gauge.rests_until is not None
        fault = result.outcome is not Outcome.ACCEPTED and result.error in FAULTS
        gauge.probing = None
        gauge.seen.append((now, fault))
        if result.error is ErrorClass.THROTTLE:
            gauge.rests_until = now + max(THROTTLED, result.retry_after or timedelta())
            gauge.why, gauge.broken, gauge.rested = "it asked us to slow down", False, now
        elif not fault:
            gauge.rests_until, gauge.rest, gauge.broken = None, FIRST_REST, False
        elif result.error is ErrorClass.ROUTE_STOP:
            self._rest(gauge, max(STOPPED, gauge.rest), now, result.text or "account or sign-in trouble")
        elif gauge.rests_until is not None or _too_many(gauge, now):
            self._rest(gauge, max(gauge.rest, result.retry_after or timedelta()), now, result.text or result.code)
        if gauge.since is None or rested != (gauge.rests_until is not None):
            gauge.since = now

    def _rest(self, gauge: Gauge, rest: timedelta, now: datetime, why: str) -> None:
        gauge.rests_until, gauge.why, gauge.broken, gauge.rested = now + rest, why, True, now
        gauge.rest = min(rest * 2, LONGEST_REST)


def _too_many(gauge: Gauge, now: datetime) -> bool:
    recent = [fault for at, fault in gauge.seen if now - at <= WINDOW]
    in_a_row = len(recent) >= IN_A_ROW and all(recent[-IN_A_ROW:])
    return in_a_row or (len(recent) >= MINIMUM and sum(recent) / len(recent) >= SHARE)
