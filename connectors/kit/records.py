"""Records that change, read again and again: from lists, tables, files and taps, described by settings alone.

A record is told when it is new and when its status is another one than before: never because something in it changed.
What was there at the first reading is the baseline and tells nothing, or every old customer would get a text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

from connectors.base import Option, Page, PolledOnly
from connectors.kit import mapping
from connectors.kit.mapping import IGNORE
from connectors.kit.scan import REMEMBERED, Listing, Sight, scan
from model.event import EVENT_TYPES, Event, Incoming
from model.reasons import Refused
from wire import reading

NEW, GONE = "new", "deleted"
EARLIEST_YEAR = 2001  # numbers below a thousand million are counters, not seconds
OPTIONS = {
    "key": Option(text="Path of the record's id, or a list of paths that are its id together.", required=True),
    "status": Option(text="Path of the field whose change is told; without one only new records are.", default=""),
    "new": Option(
        text="Our type for a record that is new, such as order.created; empty: a new record tells its status alone.",
        default="",
    ),
    "created": Option(
        text="Path of the time, or of the growing number, at which a record was made. It tells a new record from an"
        " old one that is not remembered.",
        default="",
    ),
    "id": Option(
        text="List of paths that name an event together with its status, such as [number, changed_at]; without it"
        " each status of a record is told once.",
        default=(),
    ),
    **mapping.OPTIONS,
    "types": Option(
        text="Table of the values of status and our types; * stands for any other value, the type ignore drops it.",
        default={},
    ),
    "data": Option(text="Path of the object carried along; empty: the whole record.", default=""),
}
KINDS: Mapping[str, Any] = {"key": str | list, "id": list | tuple, "types": dict, "fields": dict}
UNREMEMBERED = (
    f"How the {REMEMBERED:,} newest records stand is remembered. In a longer list set created, or a record that is not"
    " remembered tells nothing when it is seen again."
)

FORGOTTEN = UNREMEMBERED.replace(f"{REMEMBERED:,}", f"{5 * REMEMBERED:,}")


class Records:
    """What the settings of a source make of its records. `times` are paths of a time, tried after the setting's."""

    def __init__(self, settings: Mapping[str, Any], *times: str) -> None:
        self._settings = settings
        self.map = mapping.read(settings, *(path for path in times if path))
        if settings["new"]:
            mapping.check_type("new", settings["new"])
        elif not settings["status"] and not settings.get("deleted"):
            raise ValueError(
                "Setting status: name the field whose change is told, or set new, or nothing is ever told."
            )

    def identity(self, record: Mapping[str, Any]) -> str:
        """Return the record's id, "" where it has none."""
        paths = self._settings["key"]
        try:
            return mapping.name_of(record, paths)
        except Refused:
            return ""

    def standing(self, record: Mapping[str, Any]) -> str:
        """Return the status, which makes two sights of a record the same or not."""
        return reading.text(record, self._settings["status"]) if self._settings["status"] else ""

    def made(self, record: Mapping[str, Any]) -> int:
        """Return when a record was made, as it sorts."""
        return self.stamp(record, self._settings["created"]) if self._settings["created"] else 0

    def stamp(self, record: Mapping[str, Any], path: str) -> int:
        """Return the time at a path in milliseconds, a number as it is, 0 where there is neither."""
        value = reading.dig(record, path)
        if (number := reading.decimal(value)) is not None:
            return int(number)
        found = reading.moment(value, zone=self.map.zone) or reading.moment(f"{value}+00:00")
        return int(found.timestamp() * 1000) if found else 0

    def told(self, incoming: Incoming, sight: Sight) -> Iterator[Event]:
        """Yield what is new about a record."""
        record, status = sight.record, self.standing(sight.record)
        if sight.is_new and self._settings["new"]:
            yield self._event(incoming, record, self._settings["new"], NEW)
        ours = self.map.type_of(status) if status and status != sight.before else IGNORE
        if ours and ours != IGNORE:
            yield self._event(incoming, record, ours, status, is_status=True)

    def gone(self, incoming: Incoming, record: dict[str, Any], ours: str) -> Event:
        """Return the event that a deleted record is."""
        mapping.name_of(record, self._settings["key"])
        return self._event(incoming, record, ours, GONE)

    def alone(self, incoming: Incoming, record: Any) -> list[Event]:
        """Return what a record tells on its own, as if seen for the first time. Refuses one without its id."""
        if not isinstance(record, dict):
            reading.bad_shape(f"Expected a record, found {reading.kind(record)}.")
        mapping.name_of(record, self._settings["key"])
        return list(self.told(incoming, Sight(record=record, before=None, is_new=True)))

    def _event(
        self, incoming: Incoming, record: Mapping[str, Any], ours: str, native: str, *, is_status: bool = False
    ) -> Event:
        key = self.identity(record)
        named = "/".join(quote(reading.text(record, path), safe="") for path in self._settings["id"])
        when = self._moments(record, self._settings["created"] if native == NEW and not is_status else "")
        return Event(
            source=incoming.source,
            type=ours,
            native_type=native,
            id=f"{named or key}/status/{quote(native, safe='')}" if is_status else f"{key}/{native}",
            key=key,
            occurred_at=next(when, incoming.received_at),
            data=self.map.data_of(record),
            raw=reading.clean(dict(record)),
            test=self.map.is_test(record),
        )

    def _moments(self, record: Mapping[str, Any], created: str) -> Iterator[datetime]:
        for path in [created, *self.map.times] if created else self.map.times:
            found = mapping.moment(reading.dig(record, path), self.map.zone)
            if found and found.year >= EARLIEST_YEAR:
                yield found


class RecordSource(PolledOnly):
    """A source of records. `kinds` says which settings are no texts, `times` which settings are paths of a time."""

    category: ClassVar[str] = "generic"
    event_types: ClassVar[Mapping[str, str]] = EVENT_TYPES
    options: ClassVar[Mapping[str, Option]] = OPTIONS
    kinds: ClassVar[Mapping[str, Any]] = {}
    times: ClassVar[Sequence[str]] = ()
    poll_every: ClassVar[str] = "5m"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        mapping.check_kinds(self.options, self.settings, {**KINDS, **self.kinds})
        self.records = Records(self.settings, *(str(self.settings[name]) for name in self.times))

    def parse(self, incoming: Incoming) -> list[Event]:
        """Read a record that was kept, or a list of them: what each tells on its own."""
        body = reading.json_body(incoming.body)
        found = body if isinstance(body, list) else [body]
        return [event for record in found for event in self.records.alone(incoming, record)]


@dataclass(slots=True)
class Memory:
    """How the records stood at the last reading, where no list can be asked by time of change.

    `floor` is when the newest record of the baseline was made. `is_whole`: no record was forgotten so far.
    """

    seen: dict[str, str]
    floor: int
    is_whole: bool
    most: int = 5 * REMEMBERED

    @classmethod
    def of(cls, cursor: Mapping[str, Any]) -> Memory:
        """Take up what the cursor holds."""
        return cls(dict(cursor.get("seen", {})), cursor.get("floor", 0), cursor.get("is_whole", True))

    def kept(self) -> dict[str, Any]:
        """Return what the cursor is to hold."""
        return {"seen": self.seen, "floor": self.floor, "is_whole": self.is_whole}

    def learn(self, records: Records, record: dict[str, Any]) -> None:
        """Remember a record of the baseline; it tells nothing."""
        self._remember(records.identity(record), records.standing(record))
        self.floor = max(self.floor, records.made(record))

    def meet(self, records: Records, record: dict[str, Any], *, dated: bool) -> Sight | None:
        """Remember a record; None where it stands as it did, or where nobody can say whether it is new."""
        key, standing = records.identity(record), records.standing(record)
        before = self.seen.pop(key, None)
        self._remember(key, standing)
        is_new = before is None and (records.made(record) >= self.floor if dated else self.is_whole)
        if standing == before or (before is None and not is_new):
            return None
        return Sight(record=record, before=before, is_new=is_new)

    def _remember(self, key: str, standing: str) -> None:
        self.seen[key] = standing
        if len(self.seen) > self.most:
            del self.seen[next(iter(self.seen))]
            self.is_whole = False


def follow(listing: Listing, cursor: Mapping[str, Any], *, dated: bool) -> Page:
    """Scan a list on from `cursor`.

    Where no field says when a record was made, one that is not remembered counts as new only as long as every record
    of the list could be remembered.
    """
    ends = [True]

    def read(window: Any) -> tuple[list[dict[str, Any]], str]:
        found, after = listing.read(window)
        ends.append(not after)
        return found, after

    inner, whole = cursor.get("list", {}), cursor.get("whole", True)
    asked = replace(listing, read=read)
    if not dated:
        asked = replace(
            asked,
            created=lambda _: inner["floor"],
            news=lambda sight: () if sight.is_new and not whole else listing.news(sight),
        )
    page = scan(asked, inner)
    fits = len(page.cursor["seen"]) < REMEMBERED and (ends[-1] or bool(cursor))
    return replace(page, cursor={"list": page.cursor, "whole": whole and fits})
