"""When a text leaves: its schedule, and the hours in which a person may be texted. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from dispatch import hours
from dispatch.hours import Limit
from dispatch.opening import OpenHours
from dispatch.recipient import zones_of
from model.message import Recipient
from model.reasons import Because
from rules.book import Quiet, Rule, Schedule
from rules.render import read_time
from rules.windows import Window, windows_for
from wire.reading import dig

NIGHT = hours.QuietHours(start=time(21), end=time(8))
"""When a text waits whose rule is gone, and with it the hours it kept."""

NOBODY_SAID = "UTC"
"""The zone of a rule when neither it nor the defaults name one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """When a text leaves, and in words why then.

    `meant` is the moment its schedule names, however late it is; `latest` the last one at which it makes sense.
    """

    at: datetime
    note: str = ""
    meant: datetime | None = None
    latest: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """The recipient's zone, the zone in which a time without one is read, and whose that is."""

    zone: str
    naive: str
    whose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotDue:
    """There is no time at which it may leave."""

    because: Because
    note: str


def zone_of(rule: Rule, data: Mapping[str, Any], recipient: Recipient | None = None) -> tuple[str, str]:
    """Return the recipient's zone for writing times, and where we know it from.

    Evidence in order: a zone in the record, the only zone of the number, the rule's own zone.
    """
    named = _zone_in_record(rule, data)
    if named:
        return named, rule.zone
    zones = zones_of(recipient.number) if recipient else ()
    if len(zones) == 1:
        return zones[0], "the number"
    return (rule.zone if hours.zone_or_none(rule.zone) else rule.default_zone), "the rules"


def naive_zone(rule: Rule, data: Mapping[str, Any], source: str, zone: str) -> tuple[str, str]:
    """Return the zone in which a time without one is read, and whose it is. `zone` is the recipient's.

    In order: what the rules file says of the source, a zone in the record, the rule's, the recipient's.
    """
    if source:
        return source, "the source's"
    named = _zone_in_record(rule, data)
    if named:
        return named, "the record's"
    own = rule.zone if hours.zone_or_none(rule.zone) else rule.default_zone
    return (own, "the rule's") if own != NOBODY_SAID else (zone, "the recipient's")


def limits_of(rule: Rule, data: Mapping[str, Any], recipient: Recipient) -> tuple[Limit, ...]:
    """Return the hours in which this person must not be texted: the rule's, and those of the law."""
    home = (named,) if (named := _zone_in_record(rule, data)) else zones_of(recipient.number)
    found = []
    if rule.quiet is not None:
        zones = home if rule.quiet.zone == "recipient" else (rule.quiet.zone,)
        found.append(Limit(zones=zones, hours=_quiet(rule.quiet), shown=_shown(_span_of(rule.quiet), zones)))
    if rule.legal_hours == "always" or (rule.legal_hours == "consent" and rule.consent):
        for window in windows_for(recipient.number, recipient.region):
            said = f"the closed hours of {window.name} (open {window.shown})"
            found.append(Limit(zones=home, hours=_law(window), shown=_shown(said, home)))
    return tuple(found)


def night_of(recipient: Recipient) -> tuple[Limit, ...]:
    """Return the hours in which nobody wants a text that no rule speaks for any more."""
    zones = zones_of(recipient.number)
    return (Limit(zones=zones, hours=NIGHT, shown=_shown("21:00-08:00", zones)),)


@lru_cache(maxsize=1024)
def _quiet(quiet: Quiet) -> hours.QuietHours:
    return hours.QuietHours(start=time.fromisoformat(quiet.start), end=time.fromisoformat(quiet.end))


@lru_cache(maxsize=1024)
def _law(window: Window) -> OpenHours:
    return OpenHours(week=window.week, holidays=window.holidays)


def _span_of(quiet: Quiet) -> str:
    return f"{quiet.start}-{quiet.end}"


def _shown(said: str, zones: tuple[str, ...]) -> str:
    return f"{said} in {', '.join(zones[:3]) or 'an unknown zone'}"


def _zone_in_record(rule: Rule, data: Mapping[str, Any]) -> str:
    value = dig(data, rule.zone)
    return value if isinstance(value, str) and hours.zone_or_none(value) else ""


def due(schedule: Schedule | None, data: Mapping[str, Any], clocks: Clocks, now: datetime) -> Due | NotDue:
    """Return when a step leaves. A value that is no time is NotDue(no_time)."""
    if schedule is None:
        return Due(at=now)
    raw = dig(data, schedule.at)
    value = read_time(raw) if raw else None
    if value is None or isinstance(value, time):
        return NotDue(
            because=Because.NO_TIME, note=f"missing: {schedule.at}" if not raw else f"{schedule.at} is {raw!r:.40}"
        )
    try:
        wanted, anchor, note = _wanted(schedule, value, clocks)
        latest = _latest(schedule, anchor)
    except (OverflowError, ValueError):
        return NotDue(because=Because.NO_TIME, note=f"{schedule.at} is {raw!r:.40}, outside of all calendars")
    found = Due(at=wanted, note=note, meant=wanted, latest=latest)
    return found if wanted >= now else _late(schedule, now, found)


def _latest(schedule: Schedule, anchor: datetime) -> datetime | None:
    """Return the last sensible moment: what the rule says, else, for a text before something, that something."""
    if schedule.not_after is not None:
        return anchor + schedule.not_after
    return anchor if schedule.offset < timedelta() else None


def _wanted(schedule: Schedule, value: date | datetime, clocks: Clocks) -> tuple[datetime, datetime, str]:
    zone = clocks.zone
    note = f"{schedule.at} {_words(schedule)}".strip()
    if isinstance(value, datetime):
        if value.tzinfo is None:
            anchor = hours.at_local(value.date(), value.time(), clocks.naive)
            note += f"; it names no zone, read in {clocks.naive} ({clocks.whose})"
        else:
            anchor = value.astimezone(UTC)
    else:
        anchor = hours.at_local(value, time(0), zone)
    moved = hours.shift(anchor, schedule.offset_days or schedule.offset, zone)
    if schedule.time:
        day = hours.local(moved, zone).date()
        moved = hours.at_local(day, time.fromisoformat(schedule.time), zone)
    return moved, anchor, note


def _late(schedule: Schedule, now: datetime, due: Due) -> Due | NotDue:
    passed = f"{due.note}: that was {_span(now - due.at)} ago"
    if schedule.if_past == "skip" or (due.latest is not None and now > due.latest):
        return NotDue(because=Because.LATE, note=passed)
    if schedule.if_past == "nearest" and due.latest is not None:
        return replace(due, at=due.latest, note=f"{passed}; leaves at the latest allowed moment")
    return replace(due, at=now, note=f"{passed}; leaves at once")


def allowed(limits: Sequence[Limit], then: str, when: datetime, floor: datetime) -> Due | NotDue:
    """Move a time out of the hours that are closed. `floor` is the earliest possible moment (now)."""
    closed = [limit for limit in limits if hours.is_closed(when, [limit])]
    if not closed:
        return Due(at=when, note=f"outside {_joined(limits)}")
    shown = _joined(closed)
    if then == "drop":
        return NotDue(because=Because.QUIET_HOURS, note=f"inside {shown}")
    if then == "earlier":
        before = hours.last_free(when, limits)
        if before is not None and before >= floor:
            return Due(at=before, note=f"pulled forward out of {shown}")
        if before is not None and not hours.is_closed(floor, limits):
            return Due(at=floor, note=f"pulled forward out of {shown}")
    opens = hours.next_free(when, limits)
    if opens is None:
        return NotDue(because=Because.QUIET_HOURS, note=f"never open within 8 days: {_joined(limits)}")
    return Due(at=opens, note=f"waits for the end of {shown}")


def _joined(limits: Sequence[Limit]) -> str:
    return " and ".join(limit.shown for limit in limits)


def _words(schedule: Schedule) -> str:
    amount = abs(schedule.offset)
    parts = f"{'minus' if schedule.offset < timedelta() else 'plus'} {_span(amount)}" if amount else ""
    return f"{parts} at {schedule.time}".strip() if schedule.time else parts


def _span(value: timedelta) -> str:
    minutes, seconds = divmod(int(value.total_seconds()), 60)
    hours_, minutes = divmod(minutes, 60)
    days, hours_ = divmod(hours_, 24)
    parts = ((days, "d"), (hours_, "h"), (minutes, "min"), (seconds, "s"))
    shown = [f"{count} {unit}" for count, unit in parts if count][:2]
    return " ".join(shown) or "0 s"
