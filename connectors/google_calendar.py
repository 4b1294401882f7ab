"""Google Calendar: appointments booked, moved and cancelled, by poll; a push makes the poll come at once.

Facts: developers.google.com "Push notifications", "Synchronize resources efficiently", "Events: list" and "Using OAuth
2.0 for server to server applications", read 2026-11. A push has no body and says only that something changed; what, a
list with the last sync token tells (410: the token is spent, everything is read again).
Not confirmed: that the first list may be bounded by timeMin and still gives a sync token, as Google's example does.
Long because of a token that can be spent, a channel that is renewed, and entries of a series.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from connectors.base import AskFailed, Connector, Http, Option, Page
from connectors.kit import ask
from connectors.kit.calendars import (
    EVENT_TYPES,
    FIELDS,
    NO_PHONE,
    OPTIONS,
    Entry,
    Memory,
    Pace,
    phone_in,
    shaped,
    stamp,
)
from model.event import Event, Incoming
from wire import jwt, reading
from wire.http import Call, Reply
from wire.ics import zone_named
from wire.oauth import Session
from wire.signatures import Token

log = logging.getLogger("tidings.connectors")
SCOPE = "https://www.googleapis.com/auth/calendar.readonly"
SIZE, MAX_PAGES = 250, 40
QUIET = timedelta(minutes=1)
CHANNEL_LIFE, RENEW_BEFORE, TRY_AGAIN = timedelta(days=7), timedelta(days=1), timedelta(hours=1)
KINDS = {"", "default", "fromGmail"}  # the others are birthdays, focus time, holidays and places of work


class GoogleCalendar(Connector):
    """One Google calendar."""

    name = "google_calendar"
    title = "Google Calendar"
    category = "calendar"
    docs_url = "https://developers.google.com/workspace/calendar/api/guides/push"
    scheme = Token(header="x-goog-channel-token")
    event_types: ClassVar[Mapping[str, str]] = EVENT_TYPES
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = dict.fromkeys(EVENT_TYPES, FIELDS)
    options: ClassVar[Mapping[str, Option]] = {
        **OPTIONS,
        "calendar_id": Option(text="The calendar's id; it looks like a mail address.", default="primary"),
        "client_email": Option(text="A service account's mail address.", default=""),
        "private_key": Option(text="Its private key (PEM).", default="", secret=True),
        "subject": Option(text="Whose calendar it is, where the account acts for a whole domain.", default=""),
        "client_id": Option(text="Instead of a service account: an OAuth client's id.", default=""),
        "client_secret": Option(text="Its secret.", default="", secret=True),
        "refresh_token": Option(text="A refresh token of the calendar's owner.", default="", secret=True),
        "notification_url": Option(text="The address of this source: a channel is made and renewed.", default=""),
        "channel_token": Option(text="For that: the secret of this source.", default="", secret=True),
        "api_url": Option(text="Where the API is.", default="https://www.googleapis.com"),
        "token_url": Option(text="Where tokens are given.", default="https://oauth2.googleapis.com/token"),
    }
    asks: ClassVar[Sequence[str]] = ("api_url", "token_url")
    setup: ClassVar[Sequence[str]] = (
        "In Google Cloud switch the Calendar API on, make a service account and a key for it.",
        "Share the calendar with the account's mail address; set `calendar_id`, `client_email` and `private_key`.",
        "For pushes set `notification_url` to the address of this source and `channel_token` to its secret.",
        "Write each customer's number into the entry: see the option phone_labels.",
    )
    limits: ClassVar[Sequence[str]] = (
        NO_PHONE,
        "Without pushes, or where web and poller are processes of their own, the calendar is asked every minute.",
        "A series that moves as a whole gets new ids: the old appointments are cancelled, the new ones come up.",
        "A deleted appointment may come without its title and number; what was scheduled for it is dropped.",
        "An appointment cancelled and made again in the same entry is told as booked once.",
    )
    poll_every: ClassVar[str] = "10s"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        key = str(self.settings["private_key"])
        self._key = jwt.private_key(key) if key else None
        if key and self._key is None:
            raise ValueError("Setting private_key: this is no RSA key in PEM form.")
        self.clock: Callable[[], float] = time.time  # a signed request for a token says when it was made
        self._bearer = ask.Bearer("Google", self._token_request)
        self._session = Session.of(self.settings)
        self._pace = Pace(QUIET)
        self._watch_at: datetime | None = None

    def parse(self, incoming: Incoming) -> list[Event]:
        """A push gives no event; after one the calendar is asked at the next occasion. `sync` only says hello."""
        state = incoming.header("x-goog-resource-state")
        if not state:
            reading.bad_shape("Header X-Goog-Resource-State is missing.")
        if state != "sync":
            self._pace.hurry()
        return []

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the entry again; one that was cancelled is gone."""
        found = self._get(http, f"/{ask.part(event.key)}", {})
        entry = self._entry(found)
        if entry.is_cancelled:
            raise AskFailed("The appointment was cancelled in Google Calendar.", gone=True)
        return replace(event, data={**entry.data, "previous_starts_at": event.data["previous_starts_at"]})

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read what changed since the last sync token, when something was pushed or it was quiet for a while."""
        if not self._pace.is_due(now):
            return Page(events=(), cursor=cursor)
        memory = Memory.of(cursor, now)
        found = self._changes(cursor, http) if cursor else None
        if found is None:
            entries, token = self._everything(http, now)
            events = list(memory.news(entries, self.name, now)) if cursor else []
            memory.learn(entries)
            page = ""
        else:
            events = list(memory.news(self._entries(found), self.name, now))
            token = reading.text(found.get("nextSyncToken")) or str(cursor["sync"])
            page = reading.text(found.get("nextPageToken"))
        if not cursor or page:
            self._pace.go_on()
        ends = self._keep_watching(reading.text(cursor.get("channel_ends")), http, now)
        stand = {**memory.written(now), "sync": token, "page": page, "channel_ends": ends}
        return Page(events=events, cursor=stand, more=bool(page))

    def _changes(self, cursor: Mapping[str, Any], http: Http) -> dict[str, Any] | None:
        """Return a page of changes; None when the sync token is spent."""
        params = {"syncToken": str(cursor["sync"])}
        if cursor.get("page"):
            params["pageToken"] = str(cursor["page"])
        call = self._call("GET", "", {**params, "singleEvents": "true", "maxResults": str(SIZE)})
        reply = self._send(http, call, fine=(200, 410))
        if reply.status == 410:
            return None
        return _object_of(reply)

    def _everything(self, http: Http, now: datetime) -> tuple[list[Entry], str]:
        """Read all that is to come, and the token from which on changes are told."""
        params = {"timeMin": stamp(now), "showDeleted": "true", "singleEvents": "true", "maxResults": str(SIZE)}
        entries: list[Entry] = []
        for _ in range(MAX_PAGES):
            found = self._get(http, "", params)
            entries += self._entries(found)
            params["pageToken"] = reading.text(found.get("nextPageToken"))
            if token := reading.text(found.get("nextSyncToken")):
                return entries, token
            if not params["pageToken"]:
                break
        raise AskFailed("Google gave no sync token.")

    def _entries(self, found: Mapping[str, Any]) -> Iterator[Entry]:
        for item in reading.items(found, "items"):
            if reading.text(item, "id") and reading.text(item, "eventType") in KINDS:
                yield self._entry(item)

    def _entry(self, item: Mapping[str, Any]) -> Entry:
        zone = reading.text(item, "start.timeZone")
        day = reading.text(item, "start.date")
        starts_at, ends_at = (_moment(item, name, zone) for name in ("start", "end"))
        title, place = reading.text(item, "summary"), reading.text(item, "location")
        guests = [one for one in reading.items(item, "attendees") if not reading.flag(one, "organizer")]
        guest = next((one for one in guests if not reading.flag(one, "resource")), None)
        key, series = reading.text(item, "id"), reading.text(item, "recurringEventId")
        description = reading.text(item, "description")
        return Entry(
            key=key,
            starts_at=starts_at,
            is_cancelled=reading.text(item, "status") == "cancelled",
            series=series,
            created=reading.moment(reading.dig(item, "created")),
            changed=reading.moment(reading.dig(item, "updated")),
            version=reading.text(item, "updated"),
            raw=dict(item),
            data=shaped(
                appointment_id=key,
                series_id=series,
                status=reading.text(item, "status"),
                starts_at=reading.iso(starts_at),
                ends_at=reading.iso(ends_at),
                all_day=bool(day),
                service=title,
                location=place,
                organizer=reading.first_text(item, "organizer.displayName", "organizer.email"),
                status_url=reading.text(item, "htmlLink"),
                customer={
                    "name": reading.text(guest, "displayName"),
                    "email": reading.text(guest, "email"),
                    "phone": phone_in(self.settings["phone_labels"], title, place, description),
                    "tz": zone,
                },
            ),
        )

    def _keep_watching(self, ends: str, http: Http, now: datetime) -> str:
        """Make a new channel before the old one ends; the poll goes on without."""
        until = reading.moment(ends)
        url, token = str(self.settings["notification_url"]), str(self.settings["channel_token"])
        if not url or (until and until - now > RENEW_BEFORE) or (self._watch_at and now < self._watch_at):
            return ends
        self._watch_at = now + TRY_AGAIN
        channel = hashlib.sha256(f"{url} {stamp(now)}".encode()).hexdigest()[:32]
        life = str(int(CHANNEL_LIFE.total_seconds()))
        body = {"id": channel, "type": "web_hook", "address": url, "token": token, "params": {"ttl": life}}
        try:
            ask.needs(self.settings, "channel_token")
            found = self._object(http, self._call("POST", "/watch", {}, body))
        except AskFailed as failure:
            log.warning("channel not renewed", extra={"connector": self.name, "detail": str(failure)})
            return ends
        return reading.iso(reading.moment(found.get("expiration"), milliseconds=True)) or ""

    def _get(self, http: Http, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        return self._object(http, self._call("GET", path, params))

    def _object(self, http: Http, call: Call) -> dict[str, Any]:
        return _object_of(self._send(http, call))

    def _send(self, http: Http, call: Call, *, fine: Sequence[int] = (200,)) -> Reply:
        """Send one request as the service account, or as who granted the refresh token."""
        if self._key:
            return self._bearer.send(http, call, fine=fine)
        ask.needs(self.settings, "client_id", "client_secret", "refresh_token")
        return ask.send(self._session.over(http), call, "Google", fine=fine)

    def _call(self, method: str, path: str, params: Mapping[str, str], body: Any = None) -> Call:
        calendar = quote(str(self.settings["calendar_id"]), safe="")
        url = f"{self.address('api_url')}/calendar/v3/calendars/{calendar}/events{path}"
        return Call(method=method, url=url, params={name: one for name, one in params.items() if one}, json=body)

    def _token_request(self) -> Call:
        """Build the call for a token: who we are is said in a JWT signed with the account's key."""
        url, seconds, account = str(self.settings["token_url"]), int(self.clock()), str(self.settings["client_email"])
        claims = {"iss": account, "scope": SCOPE, "aud": url, "iat": seconds, "exp": seconds + 3600}
        if self.settings["subject"]:
            claims["sub"] = str(self.settings["subject"])
        if self._key is None:
            raise AskFailed("No private_key set for this source.", permanent=True)
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        return Call(method="POST", url=url, form={"grant_type": grant, "assertion": jwt.sign_rs256(claims, self._key)})


def _object_of(reply: Reply) -> dict[str, Any]:
    found = reply.json()
    if not isinstance(found, dict):
        raise AskFailed("Google's answer cannot be read.")
    return found


def _moment(item: Mapping[str, Any], name: str, zone: str) -> datetime | None:
    """Return the time of an entry; a whole day begins at its midnight, without a zone in UTC."""
    written = reading.first_text(item, f"{name}.dateTime", f"{name}.date")
    return reading.moment(written, zone=zone_named(zone) or zone_named("Etc/UTC"))


CONNECTOR = GoogleCalendar
