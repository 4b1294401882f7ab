"""Microsoft 365 calendars (Outlook) by Microsoft Graph: a delta poll, and notifications that make it come at once.

Long because of the delta, entries of a series looked up, and subscriptions that are renewed.
Facts: microsoftgraph/nodejs-webhooks-sample and learn.microsoft.com "Get incremental changes to events in a calendar
view", "Change notifications", read 2026-11. A notification names an entry and says created, updated or deleted; what it
was before, a move for instance, only the poll can tell. Of a series the delta holds the times alone: those are looked
up. Not confirmed: that an entry moved out of the window is listed as removed, hence the question behind each of those.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from connectors.base import AskFailed, Http, Option, Page
from connectors.kit import ask, microsoft
from connectors.kit.calendars import (
    EVENT_TYPES,
    FIELDS,
    NO_PHONE,
    OPTIONS,
    Entry,
    Memory,
    Pace,
    blank,
    phone_in,
    shaped,
    stamp,
)
from connectors.kit.microsoft import Notified, notifications
from model.event import Answer, Event, Incoming
from wire import reading
from wire.http import Call, Reply
from wire.ics import WINDOWS_ZONES, zone_named

log = logging.getLogger("tidings.connectors")
SIZE, MAX_PAGES = 25, 200
QUIET = timedelta(minutes=1)
LIFE, RENEW_BEFORE, TRY_AGAIN = timedelta(hours=68), timedelta(hours=24), timedelta(hours=1)  # at most 4230 minutes
MAX_DAYS = 730
PREFER = f'outlook.timezone="UTC", outlook.body-content-type="text", odata.maxpagesize={SIZE}'


class MicrosoftGraph(Notified):
    """The calendar of one mailbox in Microsoft 365."""

    name = "microsoft_graph"
    title = "Microsoft 365 Calendar"
    category = "calendar"
    docs_url = "https://learn.microsoft.com/graph/delta-query-events"
    event_types: ClassVar[Mapping[str, str]] = EVENT_TYPES
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = dict.fromkeys(EVENT_TYPES, FIELDS)
    options: ClassVar[Mapping[str, Option]] = {
        **OPTIONS,
        **microsoft.OPTIONS,
        "mailbox": Option(text="Whose calendar it is: the mailbox's address or id.", default=""),
        "days_ahead": Option(text=f"How far ahead is looked, in days, at most {MAX_DAYS}.", default=180),
        "notification_url": Option(text="The address of this source: a subscription is made and renewed.", default=""),
        "client_state": Option(text="For that: the secret of this source.", default="", secret=True),
        "api_url": Option(text="Where Microsoft Graph is.", default="https://graph.microsoft.com"),
    }
    asks: ClassVar[Sequence[str]] = ("api_url", "login_url")
    setup: ClassVar[Sequence[str]] = (
        "Register an application in Microsoft Entra with the application permission Calendars.Read, and a secret.",
        "Let an administrator consent, and limit the application to the mailbox by an application access policy.",
        "Set `tenant`, `client_id`, `client_secret` and `mailbox`.",
        "Set `notification_url` to the address of this source and `client_state` to its secret, to be told at once.",
    )
    limits: ClassVar[Sequence[str]] = (
        NO_PHONE,
        "Without notifications, or where web and poller are separate processes, the calendar is asked every minute.",
        "A deleted appointment is told with its time and nothing else; what was scheduled for it is dropped.",
        "Graph drops notifications when many answers take longer than 10 s; the poll makes up for it.",
        "Microsoft Bookings has numbers of its own in its appointments, which are not read.",
    )
    poll_every: ClassVar[str] = "10s"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        days = self.settings["days_ahead"]
        if not isinstance(days, int) or not 2 <= days <= MAX_DAYS:
            raise ValueError(f"Setting days_ahead: {days!r} is not a number of days up to {MAX_DAYS}.")
        self._session = microsoft.session(self, "https://graph.microsoft.com/.default")
        self._pace = Pace(QUIET)
        self._lost = threading.Event()
        self._renew_at: datetime | None = None

    def parse(self, incoming: Incoming) -> list[Event]:
        """A notification gives no event; after one the calendar is asked at the next occasion."""
        for item in notifications(incoming):
            if reading.text(item, "lifecycleEvent"):  # about to end, ended, or something was lost
                self._lost.set()
            self._pace.hurry()
        return []

    def answer(self, events: Sequence[Event]) -> Answer:
        """Say that it was taken in."""
        return Answer(status=202)

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the entry, with the title and text that one of a series has from its series."""
        entry = self._entry(self._get(http, self._place(event.lookup)))
        times = {name: event.data[name] for name in ("starts_at", "previous_starts_at", "series_id", "appointment_id")}
        return replace(event, data={**entry.data, **times}, lookup="")

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the entry again; one that was cancelled is gone."""
        entry = self._entry(self._get(http, self._place(event.key)))
        if entry.is_cancelled:
            raise AskFailed("The appointment was cancelled in Outlook.", gone=True)
        return replace(event, data={**entry.data, "previous_starts_at": event.data["previous_starts_at"]})

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read what changed since the last time, when something was notified or it was quiet for a while."""
        ask.needs(self.settings, *microsoft.NEEDED, "mailbox")
        if not self._pace.is_due(now):
            return Page(events=(), cursor=cursor)
        memory, events = Memory.of(cursor, now), list[Event]()
        found = self._delta(http, str(cursor["link"])) if cursor else None
        if found is not None:
            events = self._news(memory, self._entries(found, memory, http), now)
        until = reading.moment(cursor.get("until"))
        link, is_more = _link(found)
        is_near = until is None or until - now < timedelta(days=self.settings["days_ahead"]) / 2
        if not is_more and (not link or is_near):
            until = now + timedelta(days=self.settings["days_ahead"])
            entries, link = self._everything(http, memory, now, until)
            events += self._news(memory, entries, now) if cursor else []
            memory.learn(entries)
        if not cursor or is_more:
            self._pace.go_on()
        mark = self._keep_subscribed(cursor.get("subscription"), http, now)
        stand = {"link": link, "more": is_more, "until": stamp(until or now), "subscription": mark}
        return Page(events=events, cursor={**memory.written(now), **stand}, more=is_more)

    def _news(self, memory: Memory, entries: Sequence[Entry], now: datetime) -> list[Event]:
        """Return what is new; an entry without a title of its own is looked up."""
        told = memory.news(entries, self.name, now)
        thin = {entry.key for entry in entries if entry.series and not entry.is_cancelled and not entry.data["service"]}
        return [replace(event, lookup=event.key) if event.key in thin else event for event in told]

    def _everything(self, http: Http, memory: Memory, now: datetime, until: datetime) -> tuple[list[Entry], str]:
        """Read all that is to come, and where changes are told from now on."""
        where = f"{self._base}/calendarView/delta?startDateTime={stamp(now)}&endDateTime={stamp(until)}"
        entries: list[Entry] = []
        for _ in range(MAX_PAGES):
            found = self._delta(http, where)
            if found is None:
                break
            entries += self._entries(found, memory, http)
            where, is_more = _link(found)
            if where and not is_more:
                return entries, where
            if not where:
                break
        raise AskFailed("Microsoft Graph gave no delta link.")

    def _delta(self, http: Http, url: str) -> dict[str, Any] | None:
        """Return a page of the delta; None when the link is spent."""
        reply = self._send(http, Call(method="GET", url=url), fine=(200, 410))
        return None if reply.status == 410 else _object(reply)

    def _entries(self, found: Mapping[str, Any], memory: Memory, http: Http) -> list[Entry]:
        entries = []
        for item in reading.items(found, "value"):
            key = reading.text(item, "id")
            if key and isinstance(item.get("@removed"), dict):
                entries += [self._removed(key, memory, http)] if key in memory.starts else []
            elif key and reading.text(item, "type") != "seriesMaster":
                entries.append(self._entry(item))
        return entries

    def _removed(self, key: str, memory: Memory, http: Http) -> Entry:
        """Ask what became of an entry that left the window: deleted, or moved far away."""
        reply = self._send(http, Call(method="GET", url=self._place(key)), fine=(200, 404))
        if reply.status == 200:
            return replace(self._entry(_object(reply)), key=key)
        at = reading.moment(memory.starts[key])
        return Entry(key=key, starts_at=at, data=blank(key, at), is_cancelled=True)

    def _entry(self, item: Mapping[str, Any]) -> Entry:
        starts_at, ends_at = (_moment(item, name) for name in ("start", "end"))
        title, place = reading.text(item, "subject"), reading.text(item, "location.displayName")
        text = reading.first_text(item, "body.content", "bodyPreview")
        host = reading.text(item, "organizer.emailAddress.address").lower()
        guest = next((one for one in reading.items(item, "attendees") if _is_guest(one, host)), None)
        is_cancelled = reading.flag(item, "isCancelled")
        key, series = reading.text(item, "id"), reading.text(item, "seriesMasterId")
        return Entry(
            key=key,
            starts_at=starts_at,
            is_cancelled=is_cancelled,
            series=series,
            created=reading.moment(item.get("createdDateTime")),
            changed=reading.moment(item.get("lastModifiedDateTime")),
            version=reading.text(item, "lastModifiedDateTime"),
            raw=dict(item),
            data=shaped(
                appointment_id=key,
                series_id=series,
                status="cancelled" if is_cancelled else _status(reading.text(item, "showAs")),
                starts_at=reading.iso(starts_at),
                ends_at=reading.iso(ends_at),
                all_day=reading.flag(item, "isAllDay"),
                service=title,
                location=place,
                organizer=reading.first_text(item, "organizer.emailAddress.name", "organizer.emailAddress.address"),
                status_url=reading.text(item, "webLink"),
                customer={
                    "name": reading.text(guest, "emailAddress.name"),
                    "email": reading.text(guest, "emailAddress.address"),
                    "phone": phone_in(self.settings["phone_labels"], title, place, text),
                    "tz": _iana(reading.text(item, "originalStartTimeZone")),
                },
            ),
        )

    def _keep_subscribed(self, mark: Any, http: Http, now: datetime) -> dict[str, str]:
        """Renew the subscription before it ends, or make one; the poll goes on without."""
        known = {"id": reading.text(mark, "id"), "ends": reading.text(mark, "ends")}
        url, ends = str(self.settings["notification_url"]), reading.moment(known["ends"])
        is_good = ends and ends - now > RENEW_BEFORE
        if not url or (not self._lost.is_set() and (is_good or (self._renew_at and now < self._renew_at))):
            return known
        self._lost.clear()
        self._renew_at, life = now + TRY_AGAIN, {"expirationDateTime": stamp(now + LIFE)}
        api = f"{self._api}/subscriptions"
        try:
            ask.needs(self.settings, "client_state")
            if known["id"]:
                place = f"{api}/{ask.part(known['id'])}"
                renewed = self._send(http, Call(method="PATCH", url=place, json=life), fine=(200, 404))
                if renewed.status == 200:
                    return {**known, "ends": life["expirationDateTime"]}
            state, mailbox = str(self.settings["client_state"]), ask.part(str(self.settings["mailbox"]))
            wanted = {"changeType": "created,updated,deleted", "resource": f"users/{mailbox}/events"}
            where = {"notificationUrl": url, "lifecycleNotificationUrl": url, "clientState": state}
            made = self._send(http, Call(method="POST", url=api, json={**wanted, **where, **life}), fine=(200, 201))
            return {"id": reading.text(_object(made), "id"), "ends": life["expirationDateTime"]}
        except AskFailed as failure:
            log.warning("subscription not renewed", extra={"connector": self.name, "detail": str(failure)})
            return known

    @property
    def _api(self) -> str:
        return f"{self.address('api_url')}/v1.0"

    @property
    def _base(self) -> str:
        return f"{self._api}/users/{ask.part(str(self.settings['mailbox']))}"

    def _place(self, key: str) -> str:
        return f"{self._base}/events/{ask.part(key)}"

    def _get(self, http: Http, url: str) -> dict[str, Any]:
        return _object(self._send(http, Call(method="GET", url=url)))

    def _send(self, http: Http, call: Call, *, fine: Sequence[int] = (200,)) -> Reply:
        ask.needs(self.settings, *microsoft.NEEDED, "mailbox")
        asked = replace(call, headers={"Prefer": PREFER})
        return ask.send(self._session.over(http), asked, "Microsoft Graph", fine=fine)


def _link(found: Mapping[str, Any] | None) -> tuple[str, bool]:
    """Return where to go on, and whether that is the next page; links are longer than `reading` lets a text be."""
    for name, is_more in (("@odata.nextLink", True), ("@odata.deltaLink", False)):
        link = (found or {}).get(name)
        if isinstance(link, str) and link.isascii() and link.isprintable() and link:
            return link, is_more
    return "", False


def _object(reply: Reply) -> dict[str, Any]:
    found = reply.json()
    if not isinstance(found, dict):
        raise AskFailed("Microsoft Graph's answer cannot be read.")
    return found


def _moment(item: Mapping[str, Any], name: str) -> datetime | None:
    zone = zone_named(_iana(reading.text(item, f"{name}.timeZone")) or "Etc/UTC")
    return reading.moment(reading.text(item, f"{name}.dateTime"), zone=zone)


def _iana(zone: str) -> str:
    """Return the IANA name of a zone; Outlook has names of its own."""
    found = zone_named(WINDOWS_ZONES.get(zone, zone))
    return found.key if found else ""


def _is_guest(attendee: Any, host: str) -> bool:
    address = reading.text(attendee, "emailAddress.address").lower()
    return reading.text(attendee, "type") != "resource" and address != host


def _status(shown: str) -> str:
    return "tentative" if shown == "tentative" else "confirmed"


CONNECTOR = MicrosoftGraph
