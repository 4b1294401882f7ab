"""Quiet hours and wall-clock arithmetic, right on both nights when the clock changes.

A night's quiet hours are one unbroken stretch of time: from the first moment the wall clock shows `start` to the
last moment it shows `end`. A wall time the clock jumps over stands for the moment right after the jump. So a text
never slips out in an hour that comes twice, and no night loses its quiet to an hour that does not come at all.

Long because each question about the wall clock has an answer for both of those nights.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_HORIZON = timedelta(days=8)
_GRAIN = timedelta(seconds=1)
_DAY = timedelta(days=1)
_UNITS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_DURATION = re.compile(r"([+-]?)((?:[0-9]{1,9}[wdhms])+)")
_PIECE = re.compile(r"([0-9]+)([wdhms])")
_LONGEST_NAME = 64
_LONGEST = timedelta(days=3660)


Stretch = tuple[datetime, datetime]
"""From the first moment to the first that does not belong to it any more."""


class Hours(Protocol):
    """Hours in which a person is left alone, by the clock of one zone."""

    def stretch(self, moment: datetime, zone: str) -> Stretch | None:
        """Return the unbroken stretch of such hours that a moment lies in, None when it lies in none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """Hours in which nobody wants a text, by the recipient's own clock, and what becomes of one that is due then.

    `days` (0 = Monday) are the days on which a quiet stretch begins; one over midnight belongs to the day it began.
    Equal `start` and `end` mean never.
    """

    start: time
    end: time
    then: Literal["defer", "earlier", "drop"] = "defer"
    days: frozenset[int] | None = None

    def stretch(self, moment: datetime, zone: str) -> Stretch | None:
        """See Hours. It may have begun the evening before."""
        today = local(moment, zone).date()
        for day in (today, today - _DAY, today + _DAY):  # tomorrow's, where the clock was turned back over midnight
            if self.days is None or day.weekday() in self.days:
                window = _window(day, self.start, self.end, zone)
                if window[0] <= moment < window[1]:
                    return window
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Hours that must not be in any of the zones a person may be in. `shown` names them in the trace."""

    zones: tuple[str, ...]
    hours: Hours
    shown: str = ""


def is_closed(at: datetime, limits: Sequence[Limit]) -> bool:
    """Tell whether a limit forbids this moment.

    Without one known zone it always does: better late than at three in the morning.
    """
    moment = _utc(at)
    return any(not _known(limit.zones) or _stretches(moment, [limit]) for limit in limits)


def next_free(at: datetime, limits: Sequence[Limit]) -> datetime | None:
    """Return the first moment, `at` or later, that no limit forbids; None within 8 days means never."""
    moment = _utc(at)
    last = moment + _HORIZON
    while _can_tell(limits) and moment <= last:
        found = _stretches(moment, limits)
        if not found:
            return moment
        moment = max(end for _, end in found)
    return None


def last_free(at: datetime, limits: Sequence[Limit]) -> datetime | None:
    """Return the last moment, `at` or before, that no limit forbids, to the second; None means never."""
    moment = _utc(at)
    first = moment - _HORIZON
    while _can_tell(limits) and moment >= first:
        found = _stretches(moment, limits)
        if not found:
            return moment
        moment = min(start for start, _ in found) - _GRAIN
    return None


def is_quiet(at: datetime, zones: Sequence[str], quiet: Hours) -> bool:
    """Tell whether it is quiet at this moment in any of the zones the person may be in."""
    return is_closed(at, [Limit(zones=tuple(zones), hours=quiet)])


def next_open(at: datetime, zones: Sequence[str], quiet: Hours) -> datetime | None:
    """Return the first moment, `at` or later, that is quiet in none of the zones; None within 8 days means never."""
    return next_free(at, [Limit(zones=tuple(zones), hours=quiet)])


def last_open(at: datetime, zones: Sequence[str], quiet: Hours) -> datetime | None:
    """Return the last moment, `at` or before, that is quiet in none of the zones, to the second; None means never."""
    return last_free(at, [Limit(zones=tuple(zones), hours=quiet)])


def local(at: datetime, zone: str) -> datetime:
    """Return the moment as the wall clock of a zone shows it."""
    return _utc(at).astimezone(_zone(zone))


def at_local(day: date, clock: time, zone: str) -> datetime:
    """Return the moment the wall clock of a zone shows `clock` on `day`.

    Of two such moments the first; if the clock jumps over it, the moment right after the jump.
    """
    early, late = _readings(day, clock, zone)
    return early if early <= late else _after_jump(late, early, _zone(zone))


def shift(at: datetime, offset: timedelta | int, zone: str) -> datetime:
    """Move a moment by a duration, or by whole days that keep the wall time ("10:00, three days before").

    An int counts days, as `parse_offset` returns them for "3d" and "1w"; "24h" is a duration and moves by 24 hours
    even when the clock changes in between.
    """
    if isinstance(offset, timedelta):
        return _utc(at) + offset
    wall = local(at, zone)
    return at_local(wall.date() + timedelta(days=offset), wall.time(), zone) if offset else _utc(at)


def parse_duration(text: str) -> timedelta:
    """Read "24h", "-3d", "15m", "90s", "1h30m", "2w"; a ValueError says in a sentence what is wrong."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError(_what_is_wrong(text))
    pieces = _PIECE.findall(found[2])
    units = [unit for _, unit in pieces]
    if sorted(set(units), key="wdhms".index) != units:
        raise ValueError(f"{text.strip()!r}: name each unit once, the largest first, as in 1h30m.")
    total = sum((int(count) * _UNITS[unit] for count, unit in pieces if int(count) <= _LONGEST // _UNITS[unit]), _ZERO)
    if total > _LONGEST or any(int(count) > _LONGEST // _UNITS[unit] for count, unit in pieces):
        raise ValueError(f"{text.strip()!r} is longer than ten years.")
    return -total if found[1] == "-" else total


def parse_offset(text: str) -> timedelta | int:
    """Read an offset for `shift`: days and weeks as an int of days, anything with hours or less as a duration."""
    duration = parse_duration(text)
    return duration if set(text) & set("hms") else duration // _DAY


@lru_cache(maxsize=1024)
def zone_or_none(name: str) -> ZoneInfo | None:
    """Return the time zone of this name, or None for names that are none (also `../x`, folders, junk)."""
    try:
        return ZoneInfo(name) if len(name) <= _LONGEST_NAME else None
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        return None


_ZERO = timedelta()


def _known(zones: Sequence[str]) -> list[str]:
    return [zone for zone in zones if zone_or_none(zone) is not None]


def _zone(name: str) -> ZoneInfo:
    zone = zone_or_none(name)
    if zone is None:
        raise ValueError(f"{name!r} is not a time zone; write it like Europe/Berlin.")
    return zone


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("a moment without a time zone cannot be compared")
    return at.astimezone(UTC)


def _can_tell(limits: Sequence[Limit]) -> bool:
    return all(_known(limit.zones) for limit in limits)


def _stretches(moment: datetime, limits: Sequence[Limit]) -> list[Stretch]:
    """Return every forbidden stretch a moment lies in."""
    found = (limit.hours.stretch(moment, zone) for limit in limits for zone in _known(limit.zones))
    return [stretch for stretch in found if stretch is not None]


@lru_cache(maxsize=16384)
def _window(day: date, start: time, end: time, zone: str) -> tuple[datetime, datetime]:
    """Return the quiet stretch that begins on a day; empty when start and end are equal."""
    begins = at_local(day, start, zone)
    if start == end:
        return begins, begins
    last = day if start < end else day + _DAY
    return begins, max(_readings(last, end, zone)) if _comes(last, end, zone) else at_local(last, end, zone)


def _readings(day: date, clock: time, zone: str) -> tuple[datetime, datetime]:
    """Return a wall time read with the offset before and after a change of the clock; equal on any other day."""
    wall = datetime.combine(day, clock, tzinfo=_zone(zone))
    return wall.replace(fold=0).astimezone(UTC), wall.replace(fold=1).astimezone(UTC)


def _comes(day: date, clock: time, zone: str) -> bool:
    """Tell whether the wall clock shows this time at all: a time jumped over reads backwards."""
    early, late = _readings(day, clock, zone)
    return early <= late


def _after_jump(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first moment with the offset of `after`, to the second, by halving."""
    offset = after.astimezone(zone).utcoffset()
    before = before.replace(microsecond=0)
    low, high = 0, int((after - before) / _GRAIN) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if (before + middle * _GRAIN).astimezone(zone).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return before + high * _GRAIN


def _what_is_wrong(text: str) -> str:
    shown = repr(text.strip()[:40])
    if re.fullmatch(r"\s*[+-]?[0-9]+\s*", text):
        return f"{shown} has no unit; write {text.strip()}s, {text.strip()}m, {text.strip()}h or {text.strip()}d."
    if re.search(r"[0-9][.,][0-9]", text):
        return f"{shown}: write whole numbers, as in 1h30m."
    return f"{shown} is not a duration; write a number and s, m, h, d or w, as in 15m, 24h, -3d or 1h30m."
