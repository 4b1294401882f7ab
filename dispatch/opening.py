"""Opening hours of a week with its holidays, as the law sets them for marketing texts. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from dispatch.hours import Stretch, at_local, local

_DAY = timedelta(days=1)
_REACH = 9
"""Days we look for an open one, before and after: longer than any row of Sundays and holidays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenHours:
    """When a person may be texted: opening and closing time per day, Monday first, None where a day is closed.

    `holidays` are closed as well: "12-25" for a day of the year, "easter+1" for one that moves with Easter.
    """

    week: tuple[tuple[time, time] | None, ...]
    holidays: frozenset[str] = frozenset()

    def stretch(self, moment: datetime, zone: str) -> Stretch | None:
        """Return the closed stretch a moment lies in; None while it is open."""
        today = local(moment, zone).date()
        begins, ends = moment - _REACH * _DAY, moment + _REACH * _DAY
        for opens, closes in self._around(today, zone):
            if opens <= moment < closes:
                return None
            if closes <= moment:
                begins = max(begins, closes)
            else:
                ends = min(ends, opens)
        return begins, ends

    def _around(self, today: date, zone: str) -> Iterator[Stretch]:
        for days in range(-_REACH, _REACH + 1):
            day = today + days * _DAY
            hours = self.week[day.weekday()]
            if hours is not None and not self._is_holiday(day):
                yield _open(day, hours, zone)

    def _is_holiday(self, day: date) -> bool:
        if not self.holidays:
            return False
        return f"{day:%m-%d}" in self.holidays or f"easter{(day - easter(day.year)).days:+d}" in self.holidays


@lru_cache(maxsize=16384)
def _open(day: date, hours: tuple[time, time], zone: str) -> Stretch:
    return at_local(day, hours[0], zone), at_local(day, hours[1], zone)


@lru_cache(maxsize=1024)
def easter(year: int) -> date:
    """Return Easter Sunday of the Gregorian calendar (the algorithm of Meeus, Jones and Butcher)."""
    century, rest = divmod(year, 100)
    skipped, leap = divmod(century, 4)
    moon = (19 * (year % 19) + century - skipped - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    sunday = (32 + 2 * leap + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (year % 19 + 11 * moon + 22 * sunday) // 451
    month, day = divmod(moon + sunday - 7 * late + 114, 31)
    return date(year, month, day + 1)
