"""Reading iCalendar feeds (RFC 5545): content lines, times in the zones they name, and the days of a series.

The lines are read here, because feeds break the standard in ways that matter less than the appointments in them: a
property that cannot be read is as good as missing. The days of a series are dateutil's work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from wire import reading

MAX_VALUE = 20_000
MAX_RULE = 500
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
TIME = re.compile(r"([0-9]{8})(?:T([0-9]{6})(Z?))?")
LENGTH = re.compile(
    r"\+?P(?:([0-9]{1,3})W)?(?:([0-9]{1,4})D)?(?:T(?:([0-9]{1,4})H)?(?:([0-9]{1,5})M)?(?:([0-9]{1,6})S)?)?"
)
RULE_PART = re.compile(r"([A-Z]+)=([^;=]+)", re.IGNORECASE)
FREQUENCIES = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}

# Outlook and Exchange name zones their own way; from Unicode CLDR windowsZones (territory 001), read 2026-11.
WINDOWS_ZONES = {
    "UTC": "Etc/UTC",
    "GMT Standard Time": "Europe/London",
    "Greenwich Standard Time": "Atlantic/Reykjavik",
    "W. Europe Standard Time": "Europe/Berlin",
    "Central Europe Standard Time": "Europe/Budapest",
    "Romance Standard Time": "Europe/Paris",
    "Central European Standard Time": "Europe/Warsaw",
    "E. Europe Standard Time": "Europe/Chisinau",
    "GTB Standard Time": "Europe/Bucharest",
    "FLE Standard Time": "Europe/Kyiv",
    "Turkey Standard Time": "Europe/Istanbul",
    "Russian Standard Time": "Europe/Moscow",
    "Israel Standard Time": "Asia/Jerusalem",
    "Egypt Standard Time": "Africa/Cairo",
    "South Africa Standard Time": "Africa/Johannesburg",
    "W. Central Africa Standard Time": "Africa/Lagos",
    "E. Africa Standard Time": "Africa/Nairobi",
    "Arab Standard Time": "Asia/Riyadh",
    "Arabian Standard Time": "Asia/Dubai",
    "Pakistan Standard Time": "Asia/Karachi",
    "India Standard Time": "Asia/Kolkata",
    "SE Asia Standard Time": "Asia/Bangkok",
    "Singapore Standard Time": "Asia/Singapore",
    "China Standard Time": "Asia/Shanghai",
    "Tokyo Standard Time": "Asia/Tokyo",
    "Korea Standard Time": "Asia/Seoul",
    "W. Australia Standard Time": "Australia/Perth",
    "Cen. Australia Standard Time": "Australia/Adelaide",
    "E. Australia Standard Time": "Australia/Brisbane",
    "AUS Eastern Standard Time": "Australia/Sydney",
    "New Zealand Standard Time": "Pacific/Auckland",
    "Newfoundland Standard Time": "America/St_Johns",
    "Atlantic Standard Time": "America/Halifax",
    "Eastern Standard Time": "America/New_York",
    "Central Standard Time": "America/Chicago",
    "Central America Standard Time": "America/Guatemala",
    "Central Standard Time (Mexico)": "America/Mexico_City",
    "Mountain Standard Time": "America/Denver",
    "US Mountain Standard Time": "America/Phoenix",
    "Pacific Standard Time": "America/Los_Angeles",
    "Alaskan Standard Time": "America/Anchorage",
    "Hawaiian Standard Time": "Pacific/Honolulu",
    "SA Pacific Standard Time": "America/Bogota",
    "E. South America Standard Time": "America/Sao_Paulo",
    "Argentina Standard Time": "America/Buenos_Aires",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One content line: its value as it is written, and its parameters."""

    value: str
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The value as people read it."""
        plain = re.sub(r"\\(.)", lambda match: "\n" if match[1] in "nN" else match[1], self.value)
        return reading.text(plain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A VEVENT: its properties by name, in the order they came."""

    properties: Mapping[str, Sequence[Property]]

    def first(self, name: str) -> Property | None:
        """Return the first property of a name."""
        return next(iter(self.properties.get(name, ())), None)

    def text(self, name: str) -> str:
        """Return the text of a property, "" where it is missing."""
        found = self.first(name)
        return found.text if found else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A calendar: what it says of itself, its events, and where its own names of zones are."""

    about: Item
    events: Sequence[Item]
    places: Mapping[str, str]

    def zone(self, name: str, other: tzinfo | None) -> tzinfo | None:
        """Return the zone a TZID stands for: an IANA name, one at its end, a Windows name, or what the feed says."""
        for known in (name, "/".join(name.split("/")[-2:]), WINDOWS_ZONES.get(name, ""), self.places.get(name, "")):
            if known and (found := zone_named(known)):
                return found
        return other

    def moment(self, found: Property | None, zone: tzinfo | None) -> datetime | None:
        """Return a time in its own zone, None where it has none and `zone` is none either."""
        match = TIME.fullmatch(found.value.strip()) if found else None
        if found is None or match is None:
            return None
        named = found.params.get("TZID", "")
        where = UTC if match[3] else self.zone(named, zone) if named else zone
        with suppress(ValueError, OverflowError):
            plain = datetime.strptime(match[1] + (match[2] or "000000"), "%Y%m%d%H%M%S")  # noqa: DTZ007 - zone follows
            moment = plain.replace(tzinfo=where) if where else None
            return moment if moment and moment.astimezone(UTC).year < 9000 else None
        return None


@lru_cache(maxsize=500)
def zone_named(name: str) -> ZoneInfo | None:
    """Return the zone of an IANA name, None where there is none."""
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        return None


def feed(body: bytes) -> Feed:
    """Read a feed. Raises Refused(BAD_SHAPE) unless it is whole: half a calendar would look like cancellations."""
    lines = list(_lines(body))
    names = [(name, prop.value.strip().upper()) for name, prop in lines]
    if ("BEGIN", "VCALENDAR") not in names or names[-1] != ("END", "VCALENDAR"):
        reading.bad_shape("This is no whole iCalendar.")
    about: dict[str, list[Property]] = {}
    events: list[Item] = []
    places: dict[str, str] = {}
    path: list[str] = []
    current: dict[str, list[Property]] = about
    for name, prop in lines:
        if name == "BEGIN":
            path.append(prop.value.strip().upper())
            current = {} if path[-1] in {"VEVENT", "VTIMEZONE"} else current
        elif name == "END":
            ended = path.pop() if path else ""
            if ended == "VEVENT":
                events.append(Item(properties=current))
            elif ended == "VTIMEZONE":
                zone = Item(properties=current)
                places[zone.text("TZID")] = zone.text("X-LIC-LOCATION")
        elif path and path[-1] in {"VCALENDAR", "VEVENT", "VTIMEZONE"}:
            (about if path[-1] == "VCALENDAR" else current).setdefault(name, []).append(prop)
    return Feed(about=Item(properties=about), events=events, places=places)


def length(written: str) -> timedelta | None:
    """Read a duration such as PT1H30M."""
    match = LENGTH.fullmatch(written.strip())
    if match is None or not any(match.groups()):
        return None
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def repeats(starts_at: datetime, rule: str, until: datetime, limit: int) -> list[datetime]:
    """Return when a series takes place up to `until`, in its own zone: at nine it stays nine when clocks change.

    A rule that cannot be read, or that repeats within a day, counts once.
    """
    parts = {name.upper(): value for name, value in RULE_PART.findall(rule[:MAX_RULE])}
    last, zone = until, starts_at.tzinfo
    ends = TIME.fullmatch(parts.pop("UNTIL", ""))
    if ends and zone:
        clock = ends[2] or "235959"
        with suppress(ValueError, OverflowError):
            end = datetime.strptime(ends[1] + clock, "%Y%m%d%H%M%S").replace(tzinfo=UTC if ends[3] else zone)
            last = min(last, end)
    count = parts.pop("COUNT", "")
    is_fit = parts.get("FREQ", "").upper() in FREQUENCIES and parts.get("INTERVAL", "1").lstrip("0").isdecimal()
    if not is_fit or starts_at < EARLIEST or last < starts_at:
        return [starts_at]
    parts["UNTIL"] = last.astimezone(zone).strftime("%Y%m%dT%H%M%S")
    number = min(int(count), limit) if count.isdecimal() and len(count) < 6 else limit
    try:
        days = rrulestr(
            ";".join(f"{name}={value}" for name, value in parts.items()), dtstart=starts_at.replace(tzinfo=None)
        )
        return [day.replace(tzinfo=zone) for day in islice(days, number)]
    except (ValueError, TypeError, OverflowError, IndexError):
        return [starts_at]


def _lines(body: bytes) -> Iterator[tuple[str, Property]]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("cp1252", "replace")
    for line in re.sub(r"\r?\n[ \t]", "", text).splitlines():
        head, colon, value = _split(line)
        if colon:
            name, *params = head
            pairs = (param.partition("=") for param in params)
            known = {key.strip().upper(): val.strip().strip('"') for key, _, val in pairs}
            yield name.strip().upper(), Property(value=value[:MAX_VALUE], params=known)


def _split(line: str) -> tuple[list[str], str, str]:
    """Split a content line at the first colon, and what is before it at semicolons, neither within quotes."""
    if '"' not in line.partition(":")[0]:
        head, colon, value = line.partition(":")
        return head.split(";"), colon, value
    match = re.match(r'((?:[^":]|"[^"]*")*):', line)
    if match is None:
        return [], "", ""
    return re.findall(r'(?:[^";]|"[^"]*")+', match[1]) or [""], ":", line[match.end() :]
