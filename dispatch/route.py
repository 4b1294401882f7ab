"""By which road? Choosing a gateway from the order of a message, what was tried, and who is resting. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dispatch.health import THROTTLED
from model.message import Lane, Message
from model.sending import ErrorClass, Outcome, Result

CONSOLE = "console"
PATIENT = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 3600))
HASTY = tuple(timedelta(seconds=s) for s in (1, 2, 5, 10, 20, 30))
ELSEWHERE = {ErrorClass.RETRY, ErrorClass.SENDER_CONFIG, ErrorClass.COUNTRY_CONFIG, ErrorClass.ROUTE_STOP}
"""Refusals that another gateway may not share."""


@dataclass(frozen=True, slots=True)
class Road:
    """Go now, by this gateway."""

    gateway: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Every gateway rests; the first is back at `until`."""

    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """Who may be reached at all. Anything but live keeps texts on this machine, except to the allow-list."""

    name: str = "sink"
    allowed: frozenset[str] = frozenset()
    redirect_to: str = ""

    def send_to(self, number: str) -> tuple[str, bool]:
        """Return the number to hand over, and whether a real gateway may have it."""
        if self.name == "redirect":
            return self.redirect_to, True
        return number, self.name == "live" or (self.name == "allowlist" and number in self.allowed)


def choose(order: Sequence[str], tried: Sequence[str], resting: Mapping[str, datetime], now: datetime) -> Road | Wait:
    """Take the first gateway that neither rests nor failed for this message; then any that does not rest.

    A retry goes back to the gateway that just failed only when there is no other.
    """
    awake = [name for name in order if resting.get(name, now) <= now]
    if not awake:
        return Wait(min(resting[name] for name in order))
    fresh = [name for name in awake if name not in tried]
    if fresh:
        return Road(fresh[0])
    others = [name for name in awake if name != tried[-1]]
    return Road((others or awake)[0])


def retry_at(message: Message, attempt: int, result: Result, *, others: bool, now: datetime, jitter: float) -> datetime:
    """Return when to try again: at once by another road, else later and later. `jitter` is between 0 and 1.

    What leaves by another road, or waits until a throttled gateway may be used again, keeps its place: whatever was
    due later for the same phone does not overtake it.
    """
    throttled = result.error is ErrorClass.THROTTLE
    if others and (throttled or result.error in ELSEWHERE):
        return min(message.due_at, now)
    if throttled:  # the gateway rests exactly as long: see dispatch/health.py
        return now + max(THROTTLED, result.retry_after or timedelta())
    schedule = HASTY if message.lane is Lane.OTP else PATIENT
    delay = schedule[min(attempt, len(schedule)) - 1] * (0.8 + 0.4 * jitter)
    return now + max(delay, result.retry_after or timedelta())


def may_retry(result: Result, *, others: bool) -> bool:
    """Tell whether a result leaves hope: a temporary no, or a no that another gateway may not share."""
    if result.outcome is Outcome.RETRY:
        return True
    return result.outcome is Outcome.REJECTED and (
        result.error is ErrorClass.ROUTE_STOP or (others and result.error in ELSEWHERE)
    )
