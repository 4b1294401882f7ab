"""What calendars have in common: one shape of an appointment, whose phone it is, and what is new about it.

A calendar tells how its entries stand, not what happened to them. So the cursor remembers when each coming entry
begins: one that is not remembered was booked, one that begins at another time was moved, one that is gone was
cancelled. Only times are remembered, never a person. What begins in the past is nobody's news.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import Option
from model.event import Event
from wire import reading

REMEMBERED = 5_000
STAMP = "%Y-%m-%dT%H:%M:%SZ"
SLACK = timedelta(days=1)
LABELS = ("phone", "mobile", "cell", "tel", "sms", "telefon", "handy", "mobil", "téléphone", "portable", "teléfono")
NUMBER = r"\+?[0-9(][0-9()\s./-]{5,24}[0-9]"
ABROAD = re.compile(r"(?<![0-9+])\+[1-9][0-9()\s./-]{6,22}[0-9]")
BREAK, TAG = re.compile(r"<(?:br|/?p|/?div|/?li|/?tr)\b[^<>]{0,200}>", re.IGNORECASE), re.compile(r"<[^<>]{0,500}>")

BOOKED, MOVED, CANCELLED = "appointment.booked", "appointment.rescheduled", "appointment.cancelled"
COMES = "custom.appointment.upcoming"
EVENT_TYPES: Mapping[str, str] = {
    BOOKED: "a coming appointment that was not there before; of a series the first one",
    MOVED: "an appointment that begins at another time",
    CANCELLED: "a coming appointment that was cancelled or is gone",
    COMES: "a further appointment of a series, or one made before the first poll that now comes into view",
}
FIELDS: Mapping[str, tuple[str, str]] = {
    "appointment_id": ("text", "The appointment's id, the same however often it is moved."),
    "series_id": ("text", "The series it belongs to, where it repeats."),
    "status": ("text", "confirmed, tentative or cancelled."),
    "starts_at": ("time", "When it begins."),
    "ends_at": ("time", "When it ends."),
    "previous_starts_at": ("time", "When it would have begun before the move."),
    "all_day": ("bool", "It takes a whole day; starts_at is then midnight."),
    "service": ("text", "The entry's title."),
    "location": ("text", "Where it is."),
    "organizer": ("text", "Whose appointment it is."),
    "status_url": ("text", "The entry's page."),
    "customer.name": ("text", "The first guest's name."),
    "customer.first_name": ("text", "The first word of it."),
    "customer.email": ("text", "The first guest's mail address."),
    "customer.phone": ("phone", "The guest's number, or the one found in the entry: see the option phone_labels."),
    "customer.tz": ("text", "The calendar's time zone, IANA name."),
}
OPTIONS: Mapping[str, Option] = {
    "phone_labels": Option(
        text="Words before a number in a line of its own in the description or place, such as Phone: 020 ...",
        default=LABELS,
    ),
}
NO_PHONE = "Calendars have no field for a phone: write it into title or place as +..., or in a line Phone: ... below."


@dataclass(slots=True)
class Pace:
    """When to ask: at the next occasion after a push, otherwise when it was `quiet` for long enough, failure or not.

    A push reaches the connector of its own process only; where another one polls, quiet is what counts.
    """

    quiet: timedelta
    _pushed: threading.Event = field(default_factory=threading.Event)
    _rest_until: datetime | None = None

    def hurry(self) -> None:
        """Note that something was pushed."""
        self._pushed.set()

    def is_due(self, now: datetime) -> bool:
        """Tell whether to ask now; if so the rest until the next time begins."""
        if not self._pushed.is_set() and self._rest_until is not None and now < self._rest_until:
            return False
        self._pushed.clear()
        self._rest_until = now + self.quiet
        return True

    def go_on(self) -> None:
        """Take no rest: there is more, or the baseline was just set."""
        self._rest_until = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An appointment as it stands in a calendar; `key` names it however often it is moved."""

    key: str
    starts_at: datetime | None
    data: Mapping[str, Any]
    is_cancelled: bool = False
    series: str = ""
    created: datetime | None = None
    changed: datetime | None = None
    version: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Memory:
    """When each coming entry begins, and since when we look: the part of a cursor that calendars share."""

    since: datetime
    starts: dict[str, str] = field(default_factory=dict)
    series: dict[str, str] = field(default_factory=dict)  # until when appointments of it are known
    missing: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, cursor: Mapping[str, Any], now: datetime) -> Memory:
        """Read it from a cursor, {} at first."""
        since = reading.moment(cursor.get("since")) or now
        starts, series = (dict(cursor.get(name, {})) for name in ("starts", "series"))
        return cls(since=since, starts=starts, series=series, missing=set(cursor.get("missing", ())))

    def written(self, now: datetime) -> dict[str, Any]:
        """Write what is still to come, as a cursor holds it."""
        starts, series = _coming(self.starts, now), _coming(self.series, now)
        missing = sorted(self.missing & set(starts))
        return {"since": stamp(self.since), "starts": starts, "series": series, "missing": missing}

    def learn(self, entries: Iterable[Entry]) -> None:
        """Take entries for known: the baseline."""
        for entry in entries:
            if entry.starts_at is not None and not entry.is_cancelled:
                self._keep(entry, entry.starts_at)

    def news(self, entries: Iterable[Entry], source: str, now: datetime) -> Iterator[Event]:
        """Yield what is new about entries, and remember it."""
        for entry in entries:
            before = reading.moment(self.starts.get(entry.key))
            self.missing.discard(entry.key)
            if entry.is_cancelled or entry.starts_at is None:
                self.starts.pop(entry.key, None)
                if entry.is_cancelled and before is not None and before > now:
                    yield told(entry, CANCELLED, source, now, before)
                continue
            event_type = self._what(entry, entry.starts_at, before, now)
            self._keep(entry, entry.starts_at)
            if event_type:
                yield told(entry, event_type, source, now, before)

    def gone(self, present: Iterable[Entry], source: str, now: datetime) -> Iterator[Event]:
        """Yield a cancellation for every coming entry that a whole listing has left out twice in a row.

        Once may be a listing cut short on the server's side. An entry that became a series is not gone.
        """
        entries = list(present)
        there = {entry.key for entry in entries} | {entry.series for entry in entries}
        left_out = {key for key, at in self.starts.items() if key not in there and at > stamp(now)}
        for key in sorted(left_out & self.missing):
            at = reading.moment(self.starts.pop(key))
            yield told(Entry(key=key, starts_at=at, data=blank(key, at), is_cancelled=True), CANCELLED, source, now, at)
        self.missing = left_out - self.missing

    def _what(self, entry: Entry, starts_at: datetime, before: datetime | None, now: datetime) -> str:
        if before is not None:
            return MOVED if stamp(before) != stamp(starts_at) and max(before, starts_at) > now else ""
        if starts_at <= now:
            return ""
        is_new = entry.created is None or entry.created >= self.since - SLACK
        return BOOKED if is_new and entry.series not in self.series else COMES

    def _keep(self, entry: Entry, starts_at: datetime) -> None:
        self.starts.pop(entry.key, None)
        self.starts[entry.key] = stamp(starts_at)
        if entry.series:
            self.series[entry.series] = max(self.series.get(entry.series, ""), stamp(starts_at))


def told(entry: Entry, event_type: str, source: str, now: datetime, before: datetime | None) -> Event:
    """Return the event. A move is named by where it leads and how the entry stands, the others by what they are."""
    is_move, at = event_type == MOVED, stamp(entry.starts_at) if entry.starts_at else ""
    word = event_type.rpartition(".")[2]
    return Event(
        source=source,
        type=event_type,
        native_type="event",
        id=f"{entry.key}/{word}" + (f"/{at}/{entry.version}" if is_move else ""),
        key=entry.key,
        occurred_at=entry.changed or now,
        version=entry.version,
        data={**entry.data, "previous_starts_at": reading.iso(before) if is_move else None},
        raw=entry.raw or None,
    )


def blank(key: str, starts_at: datetime | None) -> dict[str, Any]:
    """Return the data of an entry of which nothing is left but its time."""
    return shaped(appointment_id=key, starts_at=reading.iso(starts_at), status="cancelled")


def shaped(*, customer: Mapping[str, str] | None = None, **known: Any) -> dict[str, Any]:
    """Return data with every common field in it."""
    empty: dict[str, Any] = {name: "" for name in FIELDS if "." not in name}
    empty |= {"starts_at": None, "ends_at": None, "previous_starts_at": None, "all_day": False}
    person = {name.partition(".")[2]: "" for name in FIELDS if name.startswith("customer.")} | dict(customer or {})
    return {**empty, **known, "customer": {**person, "first_name": person["name"].partition(" ")[0]}}


def phone_in(labels: Sequence[Any], title: str, place: str, description: str) -> str:
    """Find the number in an entry: after a label in a line of its own, or written as +... in title or place.

    A number anywhere in the description is not taken: it may be the dial-in of a conference.
    """
    words = "|".join(re.escape(str(label)) for label in labels)
    line = re.compile(rf"\s*(?:{words})[^:=0-9+\n]{{0,20}}[:=]\s*({NUMBER})\s*", re.IGNORECASE)
    for written in TAG.sub("", BREAK.sub("\n", f"{place}\n{description}")).splitlines() if words else ():
        if found := line.fullmatch(written):
            return found[1]
    whole = re.fullmatch(rf"\s*(?:tel:)?({NUMBER})\s*", place)
    abroad = ABROAD.search(title) or ABROAD.search(place)
    return whole[1] if whole else abroad[0] if abroad else ""


def stamp(moment: datetime) -> str:
    """Write a moment to the second; such texts compare like times."""
    return max(moment, datetime(1970, 1, 1, tzinfo=UTC)).astimezone(UTC).strftime(STAMP)


def _coming(known: Mapping[str, str], now: datetime) -> dict[str, str]:
    """Return the nearest of what is still to come."""
    coming = sorted((at, key) for key, at in known.items() if at >= stamp(now - SLACK))
    return {key: at for at, key in coming[:REMEMBERED]}
