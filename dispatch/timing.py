"""When a text leaves: its schedule, and the hours in which a person may be texted. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast

from dispatch import hours
from dispatch.recipient import zones_of
from model.message import Recipient
from model.reasons import Because
from rules.book import Quiet, Rule, Schedule
from rules.render import read_time
from wire.reading import dig


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """When a text leaves, and in words why then."""

    at: datetime
    note: str = ""
    field: str = ""


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


def quiet_zones(rule: Rule, data: Mapping[str, Any], recipient: Recipient) -> tuple[tuple[str, ...], str]:
    """Return the zones in which it must not be quiet, and where we know them from."""
    quiet = rule.quiet
    if quiet and quiet.zone != "recipient":
        return (quiet.zone,), "the rule"
    named = _zone_in_record(rule, data)
    if named:
        return (named,), rule.zone
    return zones_of(recipient.number), "the number"


def _zone_in_record(rule: Rule, data: Mapping[str, Any]) -> str:
    value = dig(data, rule.zone)
    return value if isinstance(value, str) and hours.zone_or_none(value) else ""


def due(schedule: Schedule | None, data: Mapping[str, Any], zone: str, now: datetime) -> Due | NotDue:
    """Return when a step leaves. A value that is no time is NotDue(no_time)."""
    if schedule is None:
        return Due(at=now)
    raw = dig(data, schedule.at)
    value = read_time(raw) if raw else None
    if value is None or isinstance(value, time):
        return NotDue(
            because=Because.NO_TIME, note=f"missing: {schedule.at}" if not raw else f"{schedule.at} is {raw!r:.40}"
        )
    wanted, anchor, note = _wanted(schedule, value, zone)
    latest = anchor + schedule.not_after if schedule.not_after is not None else None
    if wanted >= now:
        return Due(at=wanted, note=note, field=schedule.at)
    return _late(schedule, now, wanted, latest, note)


def _wanted(schedule: Schedule, value: date | datetime, zone: str) -> tuple[datetime, datetime, str]:
    note = f"{schedule.at} {_words(schedule)}".strip()
    if isinstance(value, datetime):
        if value.tzinfo is None:
            anchor = hours.at_local(value.date(), value.time(), zone)
            note += f"; it names no zone, read in {zone}"
        else:
            anchor = value.astimezone(UTC)
    else:
        anchor = hours.at_local(value, time(0), zone)
    moved = hours.shift(anchor, schedule.offset_days or schedule.offset, zone)
    if schedule.time:
        day = hours.local(moved, zone).date()
        moved = hours.at_local(day, time.fromisoformat(schedule.time), zone)
    return moved, anchor, note


def _late(schedule: Schedule, now: datetime, wanted: datetime, latest: datetime | None, note: str) -> Due | NotDue:
    passed = f"{note}: that was {_span(now - wanted)} ago"
    if schedule.if_past == "skip" or (latest is not None and now > latest):
        return NotDue(because=Because.LATE, note=passed)
    if schedule.if_past == "nearest" and latest is not None:
        return Due(at=latest, note=f"{passed}; leaves at the latest allowed moment", field=schedule.at)
    return Due(at=now, note=f"{passed}; leaves at once", field=schedule.at)


def allowed(quiet: Quiet, zones: tuple[str, ...], when: datetime, floor: datetime) -> Due | NotDue:
    """Move a time out of the quiet hours. `floor` is the earliest possible moment (now)."""
    window = hours.QuietHours(
        start=time.fromisoformat(quiet.start), end=time.fromisoformat(quiet.end), then=cast("Any", quiet.then)
    )
    shown = f"{quiet.start}-{quiet.end} in {', '.join(zones[:3]) or 'an unknown zone'}"
    if not hours.is_quiet(when, zones, window):
        return Due(at=when, note=f"outside {shown}")
    if quiet.then == "drop":
        return NotDue(because=Because.QUIET_HOURS, note=f"inside {shown}")
    if quiet.then == "earlier":
        before = hours.last_open(when, zones, window)
        if before is not None and before >= floor:
            return Due(at=before, note=f"pulled forward out of {shown}")
        if before is not None and not hours.is_quiet(floor, zones, window):
            return Due(at=floor, note=f"pulled forward out of {shown}")
    opens = hours.next_open(when, zones, window)
    if opens is None:
        return NotDue(because=Because.QUIET_HOURS, note=f"never open within 8 days: {shown}")
    return Due(at=opens, note=f"waits for the end of {shown}")


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


def with_zones(recipient: Recipient, zones: tuple[str, ...]) -> Recipient:
    """Note on the recipient which zones were considered."""
    return replace(recipient, zones=zones)
