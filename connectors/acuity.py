"""Acuity Scheduling (Squarespace): appointments booked, moved and called off.

Facts: developers.acuityscheduling.com "Webhooks" and "Get appointment", read 2026-11.
A webhook is a form with an id and nothing else, so every event is looked up. It has no time and no event id either: an
appointment is booked once and cancelled once, but moved often, so a move is named by the minute it was told in.
`changed` comes along with each of the others and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from connectors.base import AskFailed, Connector, Http, Option
from connectors.kit import ask, naming
from model.event import Event, Incoming
from wire import reading
from wire.http import Call
from wire.signatures import Hmac

LONGEST = 100_000  # minutes; a longer appointment is nonsense that no date can hold

# Webhooks made with the API write appointment.scheduled, those of the account's settings scheduled.
TYPES = {
    "scheduled": "appointment.booked",
    "rescheduled": "appointment.rescheduled",
    "canceled": "appointment.cancelled",
}

APPOINTMENT_FIELDS = {
    "appointment_id": ("text", "The appointment's id, the same however often it is moved."),
    "status": ("text", "booked or canceled (looked up)."),
    "starts_at": ("time", "When it begins (looked up)."),
    "ends_at": ("time", "When it ends (looked up)."),
    "service": ("text", "The appointment type's name (looked up)."),
    "location": ("text", "Address or video link (looked up)."),
    "organizer": ("text", "The calendar's name: who the appointment is with (looked up)."),
    "status_url": ("text", "The page to see, move or cancel it (looked up)."),
    "price": ("money", "Its price in major units, in the account's currency (looked up)."),
    "calendar_id": ("text", "The calendar's id."),
    "service_id": ("text", "The appointment type's id."),
    "customer.name": ("text", "The client's full name (looked up)."),
    "customer.first_name": ("text", "The client's first name (looked up)."),
    "customer.phone": ("phone", "The client's number; empty where the form did not ask for it (looked up)."),
    "customer.email": ("text", "The client's mail address (looked up)."),
    "customer.tz": ("text", "The client's time zone, IANA name (looked up)."),
}


class Acuity(Connector):
    """One Acuity Scheduling account."""

    name = "acuity"
    title = "Acuity Scheduling"
    category = "booking"
    docs_url = "https://developers.acuityscheduling.com/docs/webhooks"
    scheme = Hmac(header="x-acuity-signature", encoding="base64")
    sender_headers: ClassVar[Mapping[str, str]] = {"content-type": "application/x-www-form-urlencoded"}
    event_types: ClassVar[Mapping[str, str]] = {normal: native for native, normal in TYPES.items()}
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = dict.fromkeys(event_types, APPOINTMENT_FIELDS)
    options: ClassVar[Mapping[str, Option]] = {
        "user_id": Option(text="The account's user id, a number, to look appointments up.", default=""),
        "api_key": Option(text="The account's API key; the same that signs.", default="", secret=True),
        "api_url": Option(text="Where Acuity's API is.", default="https://acuityscheduling.com/api/v1"),
    }
    asks: ClassVar[Sequence[str]] = ("api_url",)
    setup: ClassVar[Sequence[str]] = (
        "In Acuity open Integrations > API and note the user id and the API key.",
        "Put the API key into the environment variable of this source (it signs) and into `api_key`, with `user_id`.",
        "Under Integrations > Webhooks enter the address of this source for scheduled, rescheduled and canceled.",
        "Make the phone a required field of the booking form.",
    )
    provider_texts: ClassVar[str] = "Acuity sends reminders of its own by text."
    limits: ClassVar[Sequence[str]] = (
        "A webhook holds an id only: without `user_id` and `api_key` no event leads to a text.",
        "A move is not told by its old time, and one sent twice counts as two: dedupe by appointment_id and starts_at.",
        "Acuity allows 10 look-ups a second.",
    )

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; other actions give none."""
        form = reading.form(incoming.body)
        action, appointment_id = (reading.text(form.get(name)) for name in ("action", "id"))
        if not action or not appointment_id:
            reading.bad_shape("Field action or id is missing.")
        native = action.removeprefix("appointment.")
        if native not in TYPES:
            return []
        told = incoming.received_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M") if native == "rescheduled" else ""
        return [
            Event(
                source=incoming.source,
                type=TYPES[native],
                native_type=action,
                id=naming.digest(appointment_id, native, told),
                key=appointment_id,
                occurred_at=incoming.received_at,
                data={
                    **_facts({}),
                    "appointment_id": appointment_id,
                    "calendar_id": reading.text(form.get("calendarID")),
                    "service_id": reading.text(form.get("appointmentTypeID")),
                },
                lookup=appointment_id,
            )
        ]

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the appointment: everything but its id is there."""
        found = self._appointment(event.lookup, http)
        return replace(event, data={**event.data, **_facts(found)}, lookup="")

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the appointment again; one that was cancelled is gone."""
        found = self._appointment(event.key, http)
        if reading.flag(found, "canceled"):
            raise AskFailed("The appointment was cancelled in Acuity.", gone=True)
        return replace(event, data={**event.data, **_facts(found)})

    def _appointment(self, appointment_id: str, http: Http) -> dict[str, Any]:
        ask.needs(self.settings, "user_id", "api_key")
        call = Call(
            method="GET",
            url=f"{self.address('api_url')}/appointments/{ask.part(appointment_id)}",
            auth=(str(self.settings["user_id"]), str(self.settings["api_key"])),
        )
        return ask.for_object(http, call, "Acuity")


def _facts(found: Mapping[str, Any]) -> dict[str, Any]:
    """Read an appointment. `datetime` has its offset; `date`, `time` and `endTime` are for eyes only."""
    starts_at = reading.moment(reading.dig(found, "datetime"))
    first, last = reading.text(found, "firstName"), reading.text(found, "lastName")
    return {
        "status": ("canceled" if reading.flag(found, "canceled") else "booked") if found else "",
        "starts_at": reading.iso(starts_at),
        "ends_at": _end(starts_at, reading.dig(found, "duration")),
        "service": reading.text(found, "type"),
        "location": reading.text(found, "location"),
        "organizer": reading.text(found, "calendar"),
        "status_url": reading.text(found, "confirmationPage"),
        "price": reading.amount(reading.dig(found, "price")),
        "customer": {
            "name": f"{first} {last}".strip(),
            "first_name": first,
            "phone": reading.text(found, "phone"),
            "email": reading.text(found, "email"),
            "tz": reading.text(found, "timezone"),
        },
    }


def _end(starts_at: datetime | None, duration: Any) -> str | None:
    minutes = reading.decimal(duration)
    if starts_at is None or starts_at.year > 9000 or minutes is None or not 0 < minutes < LONGEST:
        return None
    return reading.iso(starts_at + timedelta(minutes=int(minutes)))


CONNECTOR = Acuity
