"""iCalendar feeds (.ics): the appointments of any calendar that publishes its address, by poll.

Facts: RFC 5545 and RFC 7986, and what webhookdb/webhookdb and collective/icalendar found in real feeds, read 2026-11. A
feed is read as a whole each time, unless the server says that nothing changed (ETag, Last-Modified). An appointment is
named by its UID, one of a series by its UID and the time it was to begin.
Long because of series, zones and exceptions, as calendars write them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from connectors.base import AskFailed, Http, Option, Page, PolledOnly
from connectors.kit import ask
from connectors.kit.calendars import EVENT_TYPES, FIELDS, NO_PHONE, OPTIONS, Entry, Memory, phone_in, shaped, stamp
from model.event import Event
from model.reasons import Refused
from wire import ics, reading
from wire.http import Call
from wire.ics import Feed, Item, Property

TAGS = {"If-None-Match": "etag", "If-Modified-Since": "last-modified"}
LONGEST_TAG = 200
READ_ANYWAY = timedelta(hours=12)  # in a feed that does not change, appointments of a series still come nearer
MAX_REPEATS = 5_000
MAX_DAYS = 400
PHONE_FIELDS = ("X-PHONE", "X-CUSTOMER-PHONE")


class ICalendar(PolledOnly):
    """One published calendar."""

    name = "icalendar"
    title = "iCalendar feed"
    category = "calendar"
    docs_url = "https://www.rfc-editor.org/rfc/rfc5545"
    event_types: ClassVar[Mapping[str, str]] = EVENT_TYPES
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = dict.fromkeys(EVENT_TYPES, FIELDS)
    options: ClassVar[Mapping[str, Option]] = {
        **OPTIONS,
        "url": Option(text="The feed's address; webcal:// is read as https://.", default="", secret=True),
        "user": Option(text="User name, where the feed asks for one.", default=""),
        "password": Option(text="Its password.", default="", secret=True),
        "time_zone": Option(text="Zone of times that name none, or one that is not known.", default=""),
        "phone_properties": Option(text="Properties of an entry that hold a number, best first.", default=PHONE_FIELDS),
        "days_ahead": Option(text=f"How far a series is followed, in days, at most {MAX_DAYS}.", default=60),
    }
    setup: ClassVar[Sequence[str]] = (
        "In the calendar look for the secret or private address in iCal format and set it as `url`.",
        "Set `time_zone`, such as Europe/Berlin, if the calendar writes times without a zone.",
        "Write each customer's number into the entry: see the option phone_labels.",
    )
    limits: ClassVar[Sequence[str]] = (
        NO_PHONE,
        "What is in the feed at the first poll is taken as known and gives no event.",
        "An entry that vanishes is told as cancelled at the second poll without it, with its time and nothing else.",
        "Publishers renew feeds seldom, some every few hours: an appointment made for today may come too late.",
        "A feed larger than 1 MB is not read. RANGE=THISANDFUTURE changes the one appointment only.",
    )
    poll_every: ClassVar[str] = "5m"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        name = str(self.settings["time_zone"])
        self._zone = ics.zone_named(name) if name else None
        if name and self._zone is None:
            raise ValueError(f"Setting time_zone: {name!r} is not a zone such as Europe/Berlin.")
        days = self.settings["days_ahead"]
        if not isinstance(days, int) or not 1 <= days <= MAX_DAYS:
            raise ValueError(f"Setting days_ahead: {days!r} is not a number of days up to {MAX_DAYS}.")

    @property
    def hosts(self) -> Sequence[str]:
        """Where the feed is."""
        return (urlsplit(self._url).hostname or "",)

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read the feed and tell what is new since the last time."""
        ask.needs(self.settings, "url")
        reply = ask.send(http, self._call(cursor, now), "The calendar", fine=(200, 304) if cursor else (200,))
        if reply.status == 304:
            return Page(events=(), cursor=cursor)
        try:
            entries = sorted(self._entries(ics.feed(reply.body), now), key=lambda entry: stamp(entry.starts_at or now))
        except Refused as refusal:
            raise AskFailed("The calendar's answer is no iCalendar feed.") from refusal
        memory, events = Memory.of(cursor, now), list[Event]()
        if cursor:
            events = [*memory.news(entries, self.name, now), *memory.gone(entries, self.name, now)]
        else:
            memory.learn(entries)
        tags = {head: reading.text(reply.headers.get(name)) for head, name in TAGS.items()}
        # what is missing is looked for once more, so the next answer must not be "nothing changed"
        known = {} if memory.missing else {head: tag for head, tag in tags.items() if 0 < len(tag) < LONGEST_TAG}
        return Page(events=events, cursor={**memory.written(now), "tags": known, "read_at": stamp(now)})

    def _call(self, cursor: Mapping[str, Any], now: datetime) -> Call:
        read_at, user = reading.moment(cursor.get("read_at")), str(self.settings["user"])
        is_fresh = read_at is not None and now - read_at < READ_ANYWAY
        return Call(
            method="GET",
            url=self._url,
            headers={"Accept": "text/calendar", **(cursor["tags"] if is_fresh else {})},
            auth=(user, str(self.settings["password"])) if user else None,
        )

    def _entries(self, feed: Feed, now: datetime) -> Iterator[Entry]:
        """Yield the appointments of a feed: single ones, and of a series those up to `days_ahead`."""
        zone = self._zone or ics.zone_named(feed.about.text("X-WR-TIMEZONE"))
        masters, changed = _newest(feed, zone)
        made = _Making(connector=self, feed=feed, zone=zone)
        for uid, item in masters.items():
            if not item.first("RRULE") and not item.first("RDATE"):
                yield made.entry(item, uid)
                continue
            for at in made.days(item, now - timedelta(days=1), now + timedelta(days=self.settings["days_ahead"])):
                if (uid, _day(at)) not in changed:
                    yield made.entry(item, f"{uid}/{_day(at)}", series=uid, at=at)
        for (uid, day), item in changed.items():
            yield made.entry(item, f"{uid}/{day}", series=uid)

    @property
    def _url(self) -> str:
        url = str(self.settings["url"])
        return f"https://{url.removeprefix('webcal://')}" if url.startswith("webcal://") else url


@dataclass(frozen=True, slots=True, kw_only=True)
class _Making:
    """Makes entries of a feed's items, in the feed's zone."""

    connector: ICalendar
    feed: Feed
    zone: tzinfo | None

    def entry(self, item: Item, key: str, series: str = "", at: datetime | None = None) -> Entry:
        """Return the entry of an item; `at` is when this one of a series begins."""
        first = self.moment(item, "DTSTART")
        starts_at, status = at or first, item.text("STATUS").lower()
        lasts = self._length(item, first)
        ends_at = starts_at + lasts if starts_at and lasts is not None else None
        title, place = item.text("SUMMARY"), item.text("LOCATION")
        guest = _guest(item)
        settings = self.connector.settings
        phone = next((found for name in settings["phone_properties"] if (found := item.text(str(name).upper()))), "")
        written = phone_in(settings["phone_labels"], title, place, item.text("DESCRIPTION"))
        return Entry(
            key=key,
            starts_at=starts_at,
            is_cancelled=status == "cancelled",
            series=series,
            created=self.moment(item, "CREATED"),
            changed=self.moment(item, "LAST-MODIFIED") or self.moment(item, "DTSTAMP"),
            version=f"{_age(item)[0]}/{_age(item)[1]}",
            data=shaped(
                appointment_id=key,
                series_id=series,
                status=status or "confirmed",
                starts_at=reading.iso(starts_at),
                ends_at=reading.iso(ends_at),
                all_day=_is_day(item.first("DTSTART")),
                service=title,
                location=place,
                organizer=_name(item.first("ORGANIZER")),
                status_url=item.text("URL"),
                customer={
                    "name": _name(guest),
                    "email": _address(guest, "mailto:"),
                    "phone": phone or _address(guest, "tel:") or written,
                    "tz": str(self.zone or ""),
                },
            ),
        )

    def days(self, item: Item, since: datetime, until: datetime) -> list[datetime]:
        """Return when a series takes place between two moments."""
        first, rule = self.moment(item, "DTSTART"), item.first("RRULE")
        if first is None:
            return []
        left_out = {_day(at) for at in self._listed(item, "EXDATE")}
        found = ics.repeats(first, rule.value, until, MAX_REPEATS) if rule else [first]
        named = {_day(at): at for at in [*found, *self._listed(item, "RDATE")]}
        return [at for day, at in named.items() if day not in left_out and since <= at <= until]

    def moment(self, item: Item, name: str) -> datetime | None:
        """Return the time of a property."""
        return self.feed.moment(item.first(name), self.zone)

    def _listed(self, item: Item, name: str) -> list[datetime]:
        """Return the times of a property that may hold several, and stand several times."""
        single = (
            replace(found, value=value.partition("/")[0])
            for found in item.properties.get(name, ())
            for value in found.value.split(",")[:MAX_REPEATS]
        )
        return [at for one in single if (at := self.feed.moment(one, self.zone))]

    def _length(self, item: Item, first: datetime | None) -> timedelta | None:
        last = self.moment(item, "DTEND")
        if first and last:
            return last - first if last >= first else None
        return ics.length(item.text("DURATION"))


def _newest(feed: Feed, zone: tzinfo | None) -> tuple[dict[str, Item], dict[tuple[str, str], Item]]:
    """Return the newest version of every entry, and of every one of a series that differs from the others."""
    masters: dict[str, Item] = {}
    changed: dict[tuple[str, str], Item] = {}
    for item in sorted((item for item in feed.events if item.text("UID")), key=_age):
        one = feed.moment(item.first("RECURRENCE-ID"), zone)
        if one:
            changed[item.text("UID"), _day(one)] = item
        else:
            masters[item.text("UID")] = item
    return masters, changed


def _age(item: Item) -> tuple[int, str]:
    """Return what makes one of two versions of an item the newer one."""
    number = item.text("SEQUENCE")
    return int(number) if number.isdecimal() and len(number) < 10 else 0, item.text("LAST-MODIFIED")


def _guest(item: Item) -> Property | None:
    """Return the first who is invited and does not invite."""
    host = item.first("ORGANIZER")
    guests = item.properties.get("ATTENDEE", ())
    return next((one for one in guests if host is None or one.value.lower() != host.value.lower()), None)


def _name(person: Property | None) -> str:
    name = reading.text(person.params.get("CN", "")) if person else ""
    return "" if "@" in name else name  # calendars write the address where they know no name


def _address(person: Property | None, scheme: str) -> str:
    value = person.value.strip() if person else ""
    return reading.text(unquote(value[len(scheme) :])) if value.lower().startswith(scheme) else ""


def _is_day(found: Property | None) -> bool:
    return found is not None and len(found.value.strip()) == len("20261123")


def _day(at: datetime) -> str:
    """Name one of a series by its day: so it keeps its name when the series moves to another hour."""
    return at.strftime("%Y-%m-%d")


CONNECTOR = ICalendar
