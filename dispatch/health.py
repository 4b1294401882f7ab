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
FAULTS = {ErrorClass.RETRY, ErrorClass.UNKNOWN, ErrorClass.ROUTE_STOP}


@dataclass(slots=True)
class Gauge:
    """What is known about one gateway. `rests_until` is None while it works; `why` is its last trouble, for people.

    `since` is when it last began to rest, or to work again.
    """

    rests_until: datetime | None = None
    broken: bool = False
    probing: bool = False
    rest: timedelta = FIRST_REST
    why: str = ""
    since: datetime | None = None
    seen: deque[tuple[datetime, bool]] = field(default_factory=lambda: deque(maxlen=200))

    def is_awake(self, now: datetime) -> bool:
        """Tell whether a message may go there now; after a breakdown only one at a time may, as a probe."""
        return self.rests_until is None or (now >= self.rests_until and not self.probing)


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
        if gauge.rests_until is not None and now >= gauge.rests_until:
            gauge.probing = gauge.broken

    def note(self, gateway: str, result: Result, now: datetime) -> None:
        """Learn from an answer."""
        gauge = self.of(gateway)
        rested = gauge.rests_until is not None
        fault = result.outcome is not Outcome.ACCEPTED and result.error in FAULTS
        gauge.probing = False
        gauge.seen.append((now, fault))
        if result.error is ErrorClass.THROTTLE:
            gauge.rests_until = now + max(THROTTLED, result.retry_after or timedelta())
            gauge.why, gauge.broken = "it asked us to slow down", False
        elif not fault:
            gauge.rests_until, gauge.rest, gauge.broken = None, FIRST_REST, False
        elif result.error is ErrorClass.ROUTE_STOP:
            self._rest(gauge, max(STOPPED, gauge.rest), now, result.text or "account or sign-in trouble")
        elif gauge.rests_until is not None or _too_many(gauge, now):
            self._rest(gauge, max(gauge.rest, result.retry_after or timedelta()), now, result.text or result.code)
        if gauge.since is None or rested != (gauge.rests_until is not None):
            gauge.since = now

    def _rest(self, gauge: Gauge, rest: timedelta, now: datetime, why: str) -> None:
        gauge.rests_until, gauge.why, gauge.broken = now + rest, why, True
        gauge.rest = min(rest * 2, LONGEST_REST)


def _too_many(gauge: Gauge, now: datetime) -> bool:
    recent = [fault for at, fault in gauge.seen if now - at <= WINDOW]
    in_a_row = len(recent) >= IN_A_ROW and all(recent[-IN_A_ROW:])
    return in_a_row or (len(recent) >= MINIMUM and sum(recent) / len(recent) >= SHARE)
