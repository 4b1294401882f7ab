"""The service level: which share of texts was handed over within ten seconds of being due, day by day.

docs/service-level.md has the definition. Nothing here names a person, a rule, a source or a provider.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from audit.rows import LANES, at, ms
from audit.store import Row, Store
from audit.tallies import IN_TIME

DAYS = 90
MOST = 100_000
"""Counting what waits stops here."""

COUNTED = """
select day, lane, in_time, late, never, refused from punctuality where day >= ? and day < ? order by day, lane
"""
WAITING = """
select count(*) as n from (
    select 1 from messages where state = 'queued' and lane = ? and next_at < ? and due_at < ? limit ?) as overdue
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What became of the texts that were due on a day (UTC).

    `never` were due and given up without any provider taking them; `refused` were turned down by a provider, which
    says nothing about time, so they count neither way.
    """

    day: date | None
    in_time: int = 0
    late: int = 0
    never: int = 0
    refused: int = 0

    @property
    def due(self) -> int:
        """The texts that count."""
        return self.in_time + self.late + self.never

    @property
    def share(self) -> float | None:
        """The share handed over in time, None where nothing was due."""
        return self.in_time / self.due if self.due else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevel:
    """The last days, oldest first and none left out, their sum, the sum by lane, and what waits beyond its time now."""

    days: Sequence[Day]
    total: Day
    lanes: Sequence[tuple[str, Day]]
    overdue: int


def of(store: Store, now: datetime, days: int = DAYS) -> ServiceLevel:
    """Return the service level of the last `days` days, today included. What waits too long counts as late today."""
    tomorrow = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    first, before = tomorrow - timedelta(days=days), ms(now - IN_TIME)
    with store.read() as tx:
        rows = tx.execute(COUNTED, (ms(first), ms(tomorrow))).fetchall()
        waits = {rank: tx.execute(WAITING, (rank, before, before, MOST)).fetchone()["n"] for rank in LANES}
    overdue = sum(waits.values())
    found = [
        _sum((row for row in rows if at(row["day"]) == start), start.date())
        for start in (first + timedelta(days=number) for number in range(days))
    ]
    found[-1] = _later(found[-1], overdue)
    return ServiceLevel(
        days=found, total=_later(_sum(rows), overdue), overdue=overdue,
        lanes=[
            (lane.code, _later(_sum(row for row in rows if row["lane"] == rank), waits[rank]))
            for rank, lane in LANES.items()
        ],
    )  # fmt: skip


def _sum(rows: Iterable[Row], day: date | None = None) -> Day:
    several = list(rows)
    return Day(day=day, **{name: sum(row[name] for row in several) for name in ("in_time", "late", "never", "refused")})


def _later(day: Day, more: int) -> Day:
    return Day(day=day.day, in_time=day.in_time, late=day.late + more, never=day.never, refused=day.refused)
