"""The silence alarm: a source that sends nothing in hours in which it always sent something.

A hook that its sender switched off makes no noise. So the time since a source's last event is laid beside the same
hours of the four weeks before that event: where each of them brought events, and this time none came, a person should
look. Sources too young or too seldom to tell are left alone: better no alarm than one nobody believes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit import source_hours
from audit.rows import at
from audit.source_hours import HOUR, hour_of
from audit.store import Tx

WEEK = timedelta(days=7)
WEEKS = 4
FEWEST_WEEKS = 2
"""With less of a past nothing is usual."""

FEWEST = 5
"""Events that each earlier week must have brought in the same hours. Where that is so by chance alone, no event at
all has a chance of less than one in a hundred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A source that fell quiet: its last event, and how many the same hours of earlier weeks brought, newest first."""

    source: str
    since: datetime
    usual: tuple[int, ...]

    @property
    def words(self) -> str:
        """What is usual, in words."""
        low, high = min(self.usual), max(self.usual)
        return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def judge(
    source: str, last: datetime, first: datetime, now: datetime, count: Callable[[datetime, datetime], int]
) -> Silence | None:
    """Tell whether silence since `last` is unusual. `count` counts the events between two whole hours. Pure.

    Only the first week of a silence is compared, so that the weeks before it are never silent themselves.
    """
    start = hour_of(last) + HOUR
    end = min(hour_of(now), start + WEEK)
    if end <= start:
        return None
    weeks = [number for number in range(1, WEEKS + 1) if start - number * WEEK >= first]
    usual = tuple(count(start - number * WEEK, end - number * WEEK) for number in weeks)
    if len(usual) < FEWEST_WEEKS or min(usual) < FEWEST:
        return None
    return Silence(source=source, since=last, usual=usual)


def of(tx: Tx, source: str, now: datetime) -> Silence | None:
    """Judge one source by what is counted of it."""
    last, first = source_hours.last_event(tx, source), source_hours.first_hour(tx, source)
    if last is None or first is None:
        return None
    return judge(
        source, at(last["received_at"]), first, now,
        lambda since, until: source_hours.count_between(tx, source, since, until),
    )  # fmt: skip


def silent(tx: Tx, sources: Iterable[str], now: datetime) -> list[Silence]:
    """Return the sources that fell quiet, the longest silence first."""
    found = [one for source in sources if (one := of(tx, source, now)) is not None]
    return sorted(found, key=lambda one: one.since)
