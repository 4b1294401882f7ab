"""SimplyBook.me: appointments booked, moved and cancelled; callbacks, and a poll that knows what a change was.

Facts: activepieces/activepieces simplybookme (callbacks, JSON-RPC, REST v2), read 2026-11. A callback holds an id and
create, change, cancel or notify. A change may be a move or an edit: it makes the poll come at once, which compares.
Not confirmed on a live account: the signature of callbacks (header and key), hence the token in the address; that
`filter[upcoming_only]` leaves cancelled bookings out; the field names of a booking beyond start, client and service.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from connectors.base import AskFailed, Connector, Http, Option, Page
from connectors.kit import ask
from connectors.kit.calendars import BOOKED, CANCELLED, COMES, EVENT_TYPES, MOVED, Entry, Memory, Pace, shaped, told
from model.event import Event, Incoming
from wire import reading
from wire.http import Call, Reply
from wire.ics import zone_named
from wire.signatures import Token

SIZE, MAX_PAGES = 100, 30
QUIET = timedelta(minutes=5)
PUSHED = {"create": BOOKED, "cancel": CANCELLED}
EXPIRED = 419

FIELDS = {
    "appointment_id": ("text", "The booking's id, the same however often it is moved."),
    "code": ("text", "The code the client knows it by."),
    "status": ("text", "confirmed, confirmed_pending, pending or canceled."),
    "starts_at": ("time", "When it begins."),
    "ends_at": ("time", "When it ends."),
    "previous_starts_at": ("time", "When it would have begun before the move."),
    "service": ("text", "The service's name."),
    "location": ("text", "The location's name."),
    "organizer": ("text", "Who the appointment is with."),
    "customer.id": ("text", "The client's id."),
    "customer.name": ("text", "The client's name."),
    "customer.first_name": ("text", "The first word of it."),
    "customer.email": ("text", "Mail address."),
    "customer.phone": ("phone", "The client's number."),
    "customer.tz": ("text", "The company's time zone, IANA name."),
}
NOT_OURS = ("series_id", "all_day", "status_url")


class SimplyBook(Connector):
    """One SimplyBook.me company."""

    name = "simplybook"
    title = "SimplyBook.me"
    category = "booking"
    docs_url = "https://simplybook.me/en/api/developer-api"
    scheme = Token(query="token")
    event_types: ClassVar[Mapping[str, str]] = {
        BOOKED: "create, or a booking the poll finds new",
        MOVED: "a booking that begins at another time (poll, at once after change)",
        CANCELLED: "cancel, or a booking the poll finds cancelled",
        COMES: EVENT_TYPES[COMES],
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = dict.fromkeys(event_types, FIELDS)
    options: ClassVar[Mapping[str, Option]] = {
        "company": Option(text="The company's login: acme of acme.simplybook.me.", default=""),
        "login": Option(text="The login of a user who may read bookings.", default=""),
        "password": Option(text="That user's password.", default="", secret=True),
        "time_zone": Option(text="The company's time zone: times are written without one.", default=""),
        "api_url": Option(text="Where the API (REST v2) is.", default="https://user-api-v2.simplybook.me"),
    }
    asks: ClassVar[Sequence[str]] = ("api_url",)
    setup: ClassVar[Sequence[str]] = (
        "In SimplyBook.me enable the custom feature API and open its settings.",
        "Callback URL: the address of this source, then ?token= and its secret. Tick create, change and cancel.",
        "Set `company`, `login`, `password` (a user of its own, without two-factor sign-in) and `time_zone`.",
        "Make the phone a required field of clients.",
    )
    provider_texts: ClassVar[str] = "SimplyBook.me sends reminders of its own by text."
    limits: ClassVar[Sequence[str]] = (
        "A callback holds an id only: without `login` and `password` no event leads to a text.",
        "The token in the address is the only proof of a callback that is checked.",
        "A move is told by the poll: within seconds of a callback, or five minutes where web and poller are apart.",
        "A booking that waits for approval is told as booked, with status pending.",
    )
    poll_every: ClassVar[str] = "10s"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        name = str(self.settings["time_zone"])
        self._zone = zone_named(name)
        if name and self._zone is None:
            raise ValueError(f"Setting time_zone: {name!r} is not a zone such as Europe/Berlin.")
        self._token = ""
        self._pace = Pace(QUIET)

    def parse(self, incoming: Incoming) -> list[Event]:
        """One callback is one event; a change hastens the poll, and reminders of SimplyBook's own give none."""
        is_form = incoming.header("content-type").startswith("application/x-www-form-urlencoded")
        body: Mapping[str, Any] = reading.form(incoming.body) if is_form else reading.json_object(incoming.body)
        kind, key = reading.required(body, "notification_type"), reading.required(body, "booking_id")
        company = reading.text(body, "company")
        if company and self.settings["company"] and company != self.settings["company"]:
            return []
        if kind == "change":
            self._pace.hurry()
        if kind not in PUSHED:
            return []
        at = reading.moment(reading.dig(body, "webhook_timestamp"))
        bare = Entry(key=key, starts_at=None, changed=at, data=_shaped(appointment_id=key))
        event = told(bare, PUSHED[kind], incoming.source, incoming.received_at, None)
        return [replace(event, native_type=kind, lookup=key)]

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the booking: everything but its id is there."""
        return replace(event, data=self._entry(self._booking(http, event.lookup)).data, lookup="")

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the booking again; one that was cancelled is gone."""
        entry = self._entry(self._booking(http, event.key))
        if entry.is_cancelled:
            raise AskFailed("The booking was cancelled in SimplyBook.me.", gone=True)
        return replace(event, data={**entry.data, "previous_starts_at": event.data["previous_starts_at"]})

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read all bookings to come, when a change was told or it was quiet for a while, and compare."""
        if not self._pace.is_due(now):
            return Page(events=(), cursor=cursor)
        memory, entries = Memory.of(cursor, now), self._upcoming(http)
        events: list[Event] = []
        if cursor:
            events = list(memory.news(entries, self.name, now))
            events += [self._gone(event, http) for event in memory.gone(entries, self.name, now)]
        else:
            memory.learn(entries)
        if not cursor or memory.missing:
            self._pace.go_on()
        return Page(events=[_named(event) for event in events], cursor=memory.written(now))

    def _gone(self, event: Event, http: Http) -> Event:
        """Return the cancellation of a booking that is listed no more with what is still known of it."""
        try:
            return replace(event, data=self._entry(self._booking(http, event.key)).data)
        except AskFailed as failure:
            if not failure.gone:
                raise
            return replace(event, data=_shaped(appointment_id=event.key, starts_at=event.data["starts_at"]))

    def _upcoming(self, http: Http) -> list[Entry]:
        ask.needs(self.settings, "time_zone")
        entries: list[Entry] = []
        for number in range(1, MAX_PAGES + 1):
            params = {"filter[upcoming_only]": "1", "on_page": str(SIZE), "page": str(number)}
            found = self._get(http, "bookings", params)
            listed = found.get("data")
            if not isinstance(listed, list):
                raise AskFailed("SimplyBook.me's list of bookings cannot be read.")
            entries += [self._entry(one) for one in listed if reading.text(one, "id")]
            if number >= (reading.decimal(reading.dig(found, "metadata.pages_count")) or 0):
                return entries
        raise AskFailed("SimplyBook.me lists too many bookings.")

    def _entry(self, booking: Mapping[str, Any]) -> Entry:
        starts_at, ends_at = (self._moment(booking, name) for name in ("start_datetime", "end_datetime"))
        key, status = reading.text(booking, "id"), reading.text(booking, "status")
        recorded = self._moment(booking, "record_date")
        return Entry(
            key=key,
            starts_at=starts_at,
            is_cancelled=status in {"canceled", "cancelled"},
            created=recorded,
            version=reading.text(booking, "record_date"),
            raw=dict(booking),
            data=_shaped(
                appointment_id=key,
                code=reading.text(booking, "code"),
                status=status,
                starts_at=reading.iso(starts_at),
                ends_at=reading.iso(ends_at),
                service=reading.text(booking, "service.name"),
                location=reading.text(booking, "location.name"),
                organizer=reading.text(booking, "provider.name"),
                customer={
                    "id": reading.first_text(booking, "client.id", "client_id"),
                    "name": reading.text(booking, "client.name"),
                    "email": reading.text(booking, "client.email"),
                    "phone": reading.text(booking, "client.phone"),
                    "tz": str(self.settings["time_zone"]),
                },
            ),
        )

    def _moment(self, booking: Mapping[str, Any], name: str) -> datetime | None:
        return reading.moment(booking.get(name), zone=self._zone)

    def _booking(self, http: Http, key: str) -> dict[str, Any]:
        return self._get(http, f"bookings/{ask.part(key)}", {})

    def _get(self, http: Http, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """Ask with the session's token, and once again with a new one when it has expired."""
        ask.needs(self.settings, "company", "login", "password")
        reply = self._send(http, path, params)
        if reply.status in {401, EXPIRED}:
            self._token = ""
            reply = self._send(http, path, params)
        found = reply.json()
        if reply.status != 200 or not isinstance(found, dict):
            raise AskFailed(f"SimplyBook.me answered {reply.status}.")
        return found

    def _send(self, http: Http, path: str, params: Mapping[str, str]) -> Reply:
        api, company = f"{self.address('api_url')}/admin", str(self.settings["company"])
        if not self._token:
            who = {"company": company, "login": str(self.settings["login"]), "password": str(self.settings["password"])}
            signed = ask.for_object(http, Call(method="POST", url=f"{api}/auth", json=who), "SimplyBook.me")
            self._token = reading.text(signed, "token")
            if not self._token:
                raise AskFailed("SimplyBook.me gave no token.")
        headers = {"X-Company-Login": company, "X-Token": self._token}
        call = Call(method="GET", url=f"{api}/{path}", params=params, headers=headers)
        return ask.send(http, call, "SimplyBook.me", fine=(200, 401, EXPIRED))


def _shaped(*, code: str = "", customer: Mapping[str, str] | None = None, **known: Any) -> dict[str, Any]:
    data = shaped(customer={"id": "", "name": "", **(customer or {})}, **known)
    return {"code": code, **{name: value for name, value in data.items() if name not in NOT_OURS}}


def _named(event: Event) -> Event:
    return replace(event, native_type="booking")


CONNECTOR = SimplyBook
