"""Cal.com: appointments booked, moved and called off.

Facts: calcom/cal.com sendPayload.ts, handleNewBooking.ts, handleCancelBooking.ts and getICalUID.ts, API v2
"Get a booking", read 2026-11.
Each move gives the booking a new `uid` (`rescheduleUid` holds the one before) and a new `bookingId`. What stays the
same is `iCalUID`, "<first uid>@<host>" or the calendar's own, so that names the appointment. Where it is missing, the
uid before the move stands in: then a second move is no longer tied to the first booking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from connectors.base import AskFailed, Connector, Http, Option
from connectors.kit import ask, naming
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from wire import reading
from wire.http import Call
from wire.signatures import Hmac

UNSIGNED = "no-secret-provided"

# BOOKING_REQUESTED waits for a yes (BOOKING_CREATED follows), BOOKING_PAYMENT_INITIATED for BOOKING_PAID.
TYPES = {
    "BOOKING_CREATED": "appointment.booked",
    "BOOKING_RESCHEDULED": "appointment.rescheduled",
    "BOOKING_CANCELLED": "appointment.cancelled",
    "BOOKING_REJECTED": "appointment.cancelled",
    "BOOKING_PAID": "payment.succeeded",
}
# The number given for text reminders first, the attendee's profile last.
PHONES = (
    "smsReminderNumber",
    "responses.attendeePhoneNumber.value",
    "responses.smsReminderNumber.value",
    "attendees.0.phoneNumber",
)

APPOINTMENT_FIELDS = {
    "appointment_id": ("text", "The same for an appointment however often it is moved."),
    "booking_uid": ("text", "Cal.com's uid of this booking, new after each move."),
    "previous_id": ("text", "The uid before the move."),
    "starts_at": ("time", "When it begins."),
    "ends_at": ("time", "When it ends."),
    "previous_starts_at": ("time", "When it would have begun before the move."),
    "service": ("text", "The event type's title."),
    "location": ("text", "Address, phone or video link."),
    "organizer": ("text", "Who the appointment is with."),
    "status_url": ("text", "The page to see, move or cancel it."),
    "cancel_reason": ("text", "Why it was cancelled or not accepted, in the words of who did it."),
    "price": ("money", "Its price in major units."),
    "currency": ("text", "ISO 4217 code of the price."),
    "customer.name": ("text", "The attendee's full name."),
    "customer.first_name": ("text", "The attendee's first name."),
    "customer.phone": ("phone", "The best number there is."),
    "customer.mobile": ("phone", "The number given for text reminders."),
    "customer.email": ("text", "The attendee's mail address."),
    "customer.locale": ("text", "The language the attendee booked in."),
    "customer.tz": ("text", "The attendee's time zone, IANA name."),
}


class CalCom(Connector):
    """Cal.com, hosted or your own."""

    name = "calcom"
    title = "Cal.com"
    category = "booking"
    docs_url = "https://cal.com/docs/developing/guides/automation/webhooks"
    scheme = Hmac(header="x-cal-signature-256")
    event_types: ClassVar[Mapping[str, str]] = {
        "appointment.booked": "BOOKING_CREATED",
        "appointment.rescheduled": "BOOKING_RESCHEDULED",
        "appointment.cancelled": "BOOKING_CANCELLED, BOOKING_REJECTED",
        "payment.succeeded": "BOOKING_PAID",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = dict.fromkeys(event_types, APPOINTMENT_FIELDS)
    options: ClassVar[Mapping[str, Option]] = {
        "phones": Option(text="Where to look for the attendee's number, best first.", default=PHONES),
        "api_key": Option(text="API key (cal_...), to ask again before a text leaves.", default="", secret=True),
        "api_url": Option(text="Where Cal.com's API is.", default="https://api.cal.com"),
        "api_version": Option(text="The cal-api-version to ask for.", default="2024-08-13"),
    }
    asks: ClassVar[Sequence[str]] = ("api_url",)
    setup: ClassVar[Sequence[str]] = (
        "In Cal.com open Settings > Developer > Webhooks and add the address of this source.",
        "Enter a secret: without one Cal.com signs nothing and every delivery is refused.",
        "Choose the triggers Booking Created, Rescheduled, Cancelled, Rejected and Paid; keep the payload as it is.",
        "Add a phone question to the event type, or the workflow's text reminder number, so that there is a number.",
    )
    provider_texts: ClassVar[str] = "Cal.com's workflows send text reminders of their own."
    limits: ClassVar[Sequence[str]] = (
        "Cal.com sends once and does not try again.",
        "Custom payload templates change the whole body and are refused unless they keep the field names.",
        "If Cal.com's own workflows text the attendee too, switch one of the two off.",
    )

    def verify(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Check the HMAC. Cal.com writes fixed words into the header when its webhook has no secret."""
        if incoming.header(self.scheme.header) == UNSIGNED:
            raise Refused(Reason.NO_SIGNATURE, "The webhook in Cal.com has no secret; enter one there.")
        super().verify(incoming, secrets, now)

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; triggers without a text to send give none."""
        body = reading.json_object(incoming.body)
        trigger = reading.required(body, "triggerEvent")
        if trigger not in TYPES:
            return []
        nested = reading.dig(body, "payload")
        booking = nested if isinstance(nested, dict) else body  # a JSON template may have no envelope
        uid, created = reading.required(booking, "uid"), reading.text(body, "createdAt")
        data = self._data(booking, uid)
        return [
            Event(
                source=incoming.source,
                type=TYPES[trigger],
                native_type=trigger,
                id=naming.digest(uid, trigger, created),
                key=data["appointment_id"],
                occurred_at=reading.moment(created) or incoming.received_at,
                version=created,
                data=data,
            )
        ]

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the booking again; one that was cancelled, rejected or moved away is gone.

        Cal.com writes a booking otherwise there than in a webhook, so only what may have changed is taken over.
        """
        if event.type == "appointment.cancelled":
            return event
        ask.needs(self.settings, "api_key")
        uid = ask.part(reading.text(event.data, "booking_uid"))
        headers = {
            "Authorization": f"Bearer {self.settings['api_key']}",
            "cal-api-version": str(self.settings["api_version"]),
        }
        url = f"{self.address('api_url')}/v2/bookings/{uid}"
        found = ask.for_object(http, Call(method="GET", url=url, headers=headers), "Cal.com").get("data")
        status = reading.text(found, "status")
        if status in {"cancelled", "rejected"} or reading.text(found, "rescheduledToUid"):
            raise AskFailed("The appointment was cancelled or moved in Cal.com.", gone=True)
        place = reading.first_text(found, "meetingUrl", "location")
        fresh = {
            "starts_at": _time(found, "start"),
            "ends_at": _time(found, "end"),
            "service": reading.text(found, "title"),
            "location": "" if place.startswith("integrations:") else place,
        }
        return replace(event, data=ask.kept(fresh, event.data))

    def _data(self, booking: dict[str, Any], uid: str) -> dict[str, Any]:
        previous = reading.text(booking, "rescheduleUid")
        shop = reading.text(booking, "bookerUrl").rstrip("/")
        place = reading.text(booking, "location")
        currency = reading.text(booking, "currency").upper()
        return {
            "appointment_id": reading.text(booking, "iCalUID").partition("@")[0] or previous or uid,
            "booking_uid": uid,
            "previous_id": previous,
            "starts_at": _time(booking, "startTime"),
            "ends_at": _time(booking, "endTime"),
            "previous_starts_at": _time(booking, "rescheduleStartTime"),
            "service": reading.first_text(booking, "eventTitle", "title", "type"),
            "location": reading.text(booking, "metadata.videoCallUrl") if place.startswith("integrations:") else place,
            "organizer": reading.text(booking, "organizer.name"),
            "status_url": reading.text(booking, "platformBookingUrl") or (f"{shop}/booking/{uid}" if shop else ""),
            "cancel_reason": reading.first_text(booking, "cancellationReason", "rejectionReason"),
            "price": reading.minor_amount(reading.dig(booking, "price"), currency),
            "currency": currency,
            "customer": self._customer(booking),
        }

    def _customer(self, booking: dict[str, Any]) -> dict[str, str]:
        name = reading.first_text(booking, "attendees.0.name", "responses.name.value")
        first = reading.first_text(booking, "attendees.0.firstName", "responses.name.value.firstName")
        return {
            "name": name,
            "first_name": first or name.partition(" ")[0],
            "phone": reading.first_text(booking, *self.settings["phones"]),
            "mobile": reading.text(booking, "smsReminderNumber"),
            "email": reading.first_text(booking, "attendees.0.email", "responses.email.value"),
            "locale": reading.text(booking, "attendees.0.language.locale"),
            "tz": reading.text(booking, "attendees.0.timeZone"),
        }


def _time(booking: Any, path: str) -> str | None:
    return reading.iso(reading.moment(reading.dig(booking, path)))


CONNECTOR = CalCom
