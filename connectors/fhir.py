"""FHIR servers (R4, R4B, R5): appointments booked, moved and cancelled, by search; a subscription hastens it.

Facts: HL7/fhir (Appointment, Patient, Subscription, R5 backport) and nazrulworld/fhir.resources, read 2026-11. A
notification, be it empty (R4), a resource or a bundle, only says that something changed; what, the search tells.
What an appointment is about is health data, and no text needs it: reason, description and kind of service are neither
read nor kept. Not confirmed: that every server includes the patient when asked; where it does not, it is looked up.
Long because of three versions of the standard, three forms of notice, and people in four places of a record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote, urljoin, urlsplit

from connectors.base import AskFailed, Connector, Http, Option, Page
from connectors.kit import ask
from connectors.kit.calendars import BOOKED, CANCELLED, COMES, MOVED, Entry, Memory, Pace, shaped, stamp, told
from model.event import Event, Incoming
from wire import reading
from wire.http import Call
from wire.oauth import Session
from wire.signatures import Token

SIZE, MAX_PAGES = 50, 60
OVERLAP, QUIET = timedelta(minutes=2), timedelta(minutes=1)
NO_SHOW = "custom.appointment.no_show"
STANDS = {"booked", "arrived", "checked-in", "fulfilled"}  # proposed, pending and waitlist are no appointments yet
OVER = {"cancelled", "entered-in-error", "noshow"}
WAYS = {"sms", "phone"}

FIELDS = {
    "appointment_id": ("text", "The appointment's id, the same however often it is moved."),
    "status": ("text", "booked, arrived, checked-in, fulfilled, noshow, cancelled or entered-in-error."),
    "starts_at": ("time", "When it begins."),
    "ends_at": ("time", "When it ends."),
    "previous_starts_at": ("time", "When it would have begun before the move."),
    "location": ("text", "The place's name."),
    "organizer": ("text", "Who the appointment is with."),
    "customer.id": ("text", "The patient, such as Patient/17."),
    "customer.name": ("text", "The patient's name."),
    "customer.first_name": ("text", "The first given name."),
    "customer.email": ("text", "Mail address."),
    "customer.phone": ("phone", "The patient's mobile, or else the first phone that is not out of date."),
    "customer.locale": ("text", "The language the patient prefers."),
}
PERSON = ("id", "name", "first_name", "email", "phone", "locale")
NOT_OURS = ("series_id", "all_day", "status_url", "service")


class Fhir(Connector):
    """One FHIR server."""

    name = "fhir"
    title = "FHIR (health care)"
    category = "booking"
    docs_url = "https://hl7.org/fhir/appointment.html"
    scheme = Token(kind="bearer")
    event_types: ClassVar[Mapping[str, str]] = {
        BOOKED: "an Appointment with status booked",
        MOVED: "an Appointment that begins at another time",
        CANCELLED: "an Appointment with status cancelled or entered-in-error",
        COMES: "an Appointment booked before the first poll that now comes into view",
        NO_SHOW: "an Appointment with status noshow",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = dict.fromkeys(event_types, FIELDS)
    options: ClassVar[Mapping[str, Option]] = {
        "url": Option(text="The server's base address, such as https://fhir.acme.example/r4.", default=""),
        "token": Option(text="A bearer token, where the server gives a lasting one.", default="", secret=True),
        "token_url": Option(text="Or: where tokens are given.", default=""),
        "client_id": Option(text="For that: the application's id.", default=""),
        "client_secret": Option(text="For that: its secret.", default="", secret=True),
        "scope": Option(text="For that: what is asked for.", default="system/Appointment.read system/Patient.read"),
        "search": Option(text="More search parameters, such as {actor = 'Location/7'}.", default={}),
    }
    setup: ClassVar[Sequence[str]] = (
        "Register an application that may read Appointment and Patient; set `url`, and `token` or `token_url`.",
        "To be told at once make a Subscription with criteria Appointment?, channel rest-hook, without a payload.",
        "Its endpoint is the address of this source, its header Authorization: Bearer and the secret of this source.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Without a subscription, or where web and poller are separate processes, the server is asked every minute.",
        "Reason, description and kind of service are left out on purpose: a text on a phone is read by others.",
        "Choose no payload: a resource in a notification is not needed and would be kept with the request.",
        "Servers that want a signed JWT to sign in (SMART backend services) are not supported.",
        "The number is the patient's own, also of a child; one who has died gets no text.",
    )
    poll_every: ClassVar[str] = "10s"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        if not isinstance(self.settings["search"], Mapping):
            raise ValueError('Setting search: write a table, such as {actor = "Location/7"}.')
        self._session = Session.of(self.settings)
        self._pace = Pace(QUIET)

    @property
    def hosts(self) -> Sequence[str]:
        """The server, and where its tokens are given."""
        found = (urlsplit(str(self.settings[name])).hostname or "" for name in ("url", "token_url"))
        return tuple(host for host in found if host)

    def parse(self, incoming: Incoming) -> list[Event]:
        """A notification gives no event; after one the server is asked at the next occasion."""
        if incoming.body.strip():
            kind = reading.required(reading.json_object(incoming.body), "resourceType")
            if kind not in {"Bundle", "Appointment"}:
                return []
        self._pace.hurry()
        return []

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the patient."""
        patient = self._get(http, self._place(event.lookup))
        return replace(event, data={**event.data, "customer": _person(patient, event.lookup, None)}, lookup="")

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the appointment again; one that was cancelled is gone."""
        entry = _entry(self._get(http, self._place(f"Appointment/{event.key}")), {})
        if entry.is_cancelled:
            raise AskFailed(f"The appointment is {entry.data['status']} by now.", gone=True)
        kept = {name: event.data[name] for name in ("previous_starts_at", "customer")}
        return replace(event, data={**entry.data, **kept})

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read what changed since the last time, when something was notified or it was quiet for a while."""
        if not self._pace.is_due(now):
            return Page(events=(), cursor=cursor)
        memory, last = Memory.of(cursor, now), reading.moment(cursor.get("last"))
        since = {"_lastUpdated": f"ge{stamp(last - OVERLAP)}", "_sort": "_lastUpdated"} if last else {}
        events: list[Event] = []
        for found in self._pages(http, since or {"date": f"ge{stamp(now)}"}):
            patients = _patients(found)
            entries = [_entry(one, patients) for one in _resources(found, "Appointment") if reading.text(one, "id")]
            last = max([moment for moment in (last, *(entry.changed for entry in entries)) if moment], default=None)
            if cursor:
                events += self._news(memory, entries, now)
            else:
                memory.learn(entry for entry in entries if entry.data["status"] in STANDS)
        if not cursor:
            self._pace.go_on()
        return Page(events=events, cursor={**memory.written(now), "last": stamp(last or now)})

    def _news(self, memory: Memory, entries: Sequence[Entry], now: datetime) -> Iterator[Event]:
        """Yield what is new; where the patient was not included, it is looked up."""
        for entry in entries:
            status = entry.data["status"]
            missed = status == "noshow" and memory.starts.pop(entry.key, "")
            if missed:
                found: Iterable[Event] = [told(entry, NO_SHOW, self.name, now, None)]
            else:
                found = memory.news([entry], self.name, now) if status in STANDS | OVER else ()
            for event in found:
                thin = "" if event.data["customer"]["name"] else str(event.data["customer"]["id"])
                yield replace(event, native_type="Appointment", test=_is_test(entry.raw), lookup=thin)

    def _pages(self, http: Http, params: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        wanted = {str(name): str(value) for name, value in self.settings["search"].items()}
        query = {**wanted, **params, "_count": str(SIZE), "_include": "Appointment:patient"}
        place = self._place("Appointment")
        for _ in range(MAX_PAGES):
            found = self._get(http, place, query)
            if reading.text(found, "resourceType") != "Bundle":
                raise AskFailed("The FHIR server's answer is no Bundle.")
            yield found
            links = [one for one in reading.items(found, "link") if reading.text(one, "relation") == "next"]
            following = reading.text(links[0], "url") if links else ""
            if not following:
                return
            place, query = urljoin(place, following), {}
        raise AskFailed("The FHIR server lists too many appointments.")

    def _place(self, path: str) -> str:
        return f"{self.address('url')}/{quote(path, errors='replace')}"

    def _get(self, http: Http, url: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        ask.needs(self.settings, "url")
        token, headers = str(self.settings["token"]), {"Accept": "application/fhir+json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        signed = self._session.over(http) if self.settings["token_url"] and not token else http
        call = Call(method="GET", url=url, params=params or {}, headers=headers)
        return ask.for_object(signed, call, "The FHIR server")


def _resources(bundle: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    found = (reading.dig(entry, "resource") for entry in reading.items(bundle, "entry"))
    return [one for one in found if isinstance(one, dict) and reading.text(one, "resourceType") == kind]


def _patients(bundle: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"Patient/{reading.text(one, 'id')}": one for one in _resources(bundle, "Patient")}


def _entry(appointment: Mapping[str, Any], patients: Mapping[str, Any]) -> Entry:
    starts_at, ends_at = (reading.moment(appointment.get(name)) for name in ("start", "end"))
    key, status = reading.text(appointment, "id"), reading.text(appointment, "status")
    actors = [reading.dig(one, "actor") for one in reading.items(appointment, "participant")]
    patient = _first(actors, "Patient")
    reference = _reference(patient)
    data = shaped(
        appointment_id=key,
        status=status,
        starts_at=reading.iso(starts_at),
        ends_at=reading.iso(ends_at),
        location=reading.text(_first(actors, "Location"), "display"),
        organizer=reading.text(_first(actors, "Practitioner"), "display"),
    )
    kept = {name: value for name, value in data.items() if name not in NOT_OURS}
    return Entry(
        key=key,
        starts_at=starts_at,
        is_cancelled=status in OVER,
        created=reading.moment(appointment.get("created"), zone=UTC),
        changed=reading.moment(reading.dig(appointment, "meta.lastUpdated")),
        version=reading.first_text(appointment, "meta.versionId", "meta.lastUpdated"),
        raw={name: appointment[name] for name in ("id", "meta", "status", "start", "end") if name in appointment},
        data={**kept, "customer": _person(patients.get(reference, {}), reference, starts_at)},
    )


def _person(patient: Mapping[str, Any], reference: str, at: datetime | None) -> dict[str, str]:
    names = reading.items(patient, "name")
    name = next((one for one in names if reading.text(one, "use") in {"official", "usual"}), names[0] if names else {})
    first = reading.text(name, "given.0")
    whole = reading.text(name, "text") or f"{first} {reading.text(name, 'family')}".strip()
    has_died = reading.flag(patient, "deceasedBoolean") or bool(reading.text(patient, "deceasedDateTime"))
    spoken = reading.items(patient, "communication")
    language = next((one for one in spoken if reading.flag(one, "preferred")), spoken[0] if spoken else {})
    found = {
        "id": reference,
        "name": whole,
        "first_name": first or whole.partition(" ")[0],
        "email": "" if has_died else _way(patient, {"email"}, at),
        "phone": "" if has_died else _way(patient, WAYS, at),
        "locale": reading.text(language, "language.coding.0.code"),
    }
    return {field: found[field] for field in PERSON}


def _way(patient: Mapping[str, Any], systems: set[str], at: datetime | None) -> str:
    """Return the best way to reach a patient: mobile before others, then by rank; none that is out of date."""

    def order(one: Any) -> tuple[bool, int]:
        rank = reading.text(one, "rank")
        is_mobile = reading.text(one, "use") == "mobile" or reading.text(one, "system") == "sms"
        return not is_mobile, int(rank) if rank.isdecimal() and len(rank) < 6 else 99_999

    def is_open(one: Any) -> bool:
        until = reading.moment(f"{reading.text(one, 'period.end')[:10]}T23:59:59Z")
        return reading.text(one, "use") != "old" and (until is None or at is None or until >= at)

    ways = [one for one in reading.items(patient, "telecom") if reading.text(one, "system") in systems and is_open(one)]
    return next((value for one in sorted(ways, key=order) if (value := reading.text(one, "value"))), "")


def _first(actors: Sequence[Any], kind: str) -> Any:
    return next((one for one in actors if _reference(one).startswith(f"{kind}/")), None)


def _reference(actor: Any) -> str:
    """Return a reference as Kind/id, also where it is written with the server's address."""
    return "/".join(reading.text(actor, "reference").split("/_history")[0].split("/")[-2:])


def _is_test(appointment: Mapping[str, Any]) -> bool:
    labels = reading.items(appointment, "meta.security") + reading.items(appointment, "meta.tag")
    return any(reading.text(one, "code") == "HTEST" for one in labels)


CONNECTOR = Fhir
