"""Square: payments, invoices and bookings.

Long because of payments, invoices and bookings with their fields, and look-ups of customers and places.
Facts: square/square-python-sdk (signature, objects) and developer.squareup.com/docs "Webhooks", read 2026-10.
Square signs the address as it was registered, together with the body: one slash more and nothing is genuine.
Payments and bookings name the customer only, who is looked up, and for bookings the place with its time zone too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from connectors.base import AskFailed, Connector, Hook, Http, Option
from connectors.kit import ask, naming
from connectors.kit.hooks import RestHooks
from model.event import Event, Incoming
from wire import reading
from wire.http import Call
from wire.signatures import Hmac

ASKED, PAID = "computed_amount_money.amount", "total_completed_amount_money.amount"
LONGEST = 100_000  # minutes; a longer booking is nonsense that no date can hold

# topic and, after "/", the record's status: the most exact row wins, a topic without a row for the status gives none.
# Square says that a booking changed, not what: with ACCEPTED it moved, was edited, or was accepted just now.
TYPES = {
    "payment.updated/COMPLETED": "payment.succeeded",
    "payment.updated/FAILED": "payment.failed",
    "invoice.published": "invoice.issued",
    "invoice.payment_made": "custom.invoice.partly_paid",
    "invoice.payment_made/PAID": "invoice.paid",
    "invoice.scheduled_charge_failed": "payment.failed",
    "invoice.canceled": "invoice.voided",
    "booking.created/ACCEPTED": "appointment.booked",
    "booking.created/PENDING": "custom.appointment.requested",
    "booking.updated/ACCEPTED": "appointment.rescheduled",
    "booking.updated/CANCELLED_BY_CUSTOMER": "appointment.cancelled",
    "booking.updated/CANCELLED_BY_SELLER": "appointment.cancelled",
    "booking.updated/DECLINED": "appointment.cancelled",
    "booking.updated/NO_SHOW": "custom.appointment.no_show",
}
TOPICS = frozenset(native.partition("/")[0] for native in TYPES)

# what makes a text about an event wrong: the record's status by now
OFF = {"CANCELLED_BY_CUSTOMER", "CANCELLED_BY_SELLER", "DECLINED", "NO_SHOW"}
SETTLED = {"PAID", "CANCELED", "REFUNDED", "PARTIALLY_REFUNDED"}
OVERTAKEN = {
    **dict.fromkeys(("appointment.booked", "appointment.rescheduled", "custom.appointment.requested"), OFF),
    **dict.fromkeys(("invoice.issued", "custom.invoice.partly_paid", "payment.failed"), SETTLED),
}

PERSON_FIELDS = {
    "customer.id": ("text", "The customer's id in Square."),
    "customer.name": ("text", "The customer's full name."),
    "customer.first_name": ("text", "The customer's first name."),
    "customer.email": ("text", "The customer's mail address."),
    "customer.phone": ("phone", "The customer's number: from the invoice, else looked up."),
    "country": ("text", "The customer's country, ISO 3166 code (looked up)."),
}
MONEY_FIELDS = {
    "id": ("text", "The payment's or invoice's id."),
    "number": ("text", "The number the customer knows: of the invoice or the receipt."),
    "status": ("text", "Square's own word for the state."),
    "total": ("money", "The amount in major units."),
    "amount_due": ("money", "What is still to be paid of an invoice."),
    "currency": ("text", "ISO 4217 code."),
    "due_date": ("date", "The day on which the next part of an invoice is due."),
    "pay_url": ("text", "Square's page of the invoice."),
    "receipt_url": ("text", "Square's page of the receipt."),
    "order_id": ("text", "The order it belongs to."),
    "reason": ("text", "Square's code for why a payment failed."),
    "location_id": ("text", "The seller's place."),
    **PERSON_FIELDS,
}
APPOINTMENT_FIELDS = {
    "appointment_id": ("text", "The booking's id, the same however often it is moved."),
    "status": ("text", "PENDING, ACCEPTED, CANCELLED_BY_CUSTOMER, CANCELLED_BY_SELLER, DECLINED or NO_SHOW."),
    "starts_at": ("time", "When it begins."),
    "ends_at": ("time", "When it ends."),
    "note": ("text", "What the customer wrote when booking."),
    "location_id": ("text", "The seller's place."),
    "location": ("text", "The place's address (looked up)."),
    "organizer": ("text", "The place's name (looked up)."),
    "customer.tz": ("text", "The place's time zone, IANA name (looked up)."),
    **PERSON_FIELDS,
}


class Square(Connector):
    """Square sellers."""

    name = "square"
    title = "Square"
    category = "billing"
    docs_url = "https://developer.squareup.com/docs/webhooks/overview"
    scheme = Hmac(header="x-square-hmacsha256-signature", signed="{url}{body}", encoding="base64")
    event_types: ClassVar[Mapping[str, str]] = naming.natives(TYPES, " with status ")
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        normal: APPOINTMENT_FIELDS if native.startswith("booking.") else MONEY_FIELDS
        for native, normal in TYPES.items()
    }
    options: ClassVar[Mapping[str, Option]] = {
        "notification_url": Option(
            text="The address exactly as registered at Square, where it is not public_url/hooks/<source>.", default=""
        ),
        "access_token": Option(
            text="Access token that may read customers, locations, and to recheck bookings and invoices.",
            default="",
            secret=True,
        ),
        "api_url": Option(text="Where Square's API is.", default="https://connect.squareup.com"),
        "api_version": Option(text="The Square-Version to ask for; empty takes the application's own.", default=""),
        "test_mode": Option(text="True for a subscription of Square's sandbox.", default=False),
    }
    asks: ClassVar[Sequence[str]] = ("api_url",)
    setup: ClassVar[Sequence[str]] = (
        "In the Square Developer Console open Webhooks > Subscriptions and add the address of this source.",
        "Copy the subscription's signature key into the environment variable of this source.",
        "Choose the topics you have rules for; an invoice that is paid is told by invoice.* and by payment.updated.",
        "If Square knows another address than the service does (proxy, query), set `notification_url` to that.",
        "Payments and bookings carry no phone: set `access_token` so that the customer can be looked up.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Square does not say what changed in a booking: each change of an accepted one is appointment.rescheduled.",
        "So let such a rule dedupe by appointment_id and starts_at.",
        "Bookings name the service by an id only, so `service` is not known.",
        "A payment without a customer profile (most card sales at a till) leads to no text.",
        "After three weeks without a 2xx Square disables the subscription.",
    )

    def verify(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Check the HMAC over the registered address and the body."""
        super().verify(self._as_registered(incoming), secrets, now)

    def sign(self, incoming: Incoming, secret: str, now: datetime) -> Incoming:
        """Sign for the registered address."""
        signed = super().sign(self._as_registered(incoming), secret, now)
        return replace(incoming, headers=signed.headers)

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; topics and statuses that no text is written for give none."""
        body = reading.json_object(incoming.body)
        event_id, topic = reading.required(body, "event_id"), reading.required(body, "type")
        area = topic.partition(".")[0]
        record = reading.dig(body, f"data.object.{area}")
        event_type = TYPES.get(f"{topic}/{reading.text(record, 'status')}") or TYPES.get(topic, "")
        if topic in TOPICS and not isinstance(record, dict):
            reading.bad_shape("The record the event is about is missing.")
        if not event_type or _is_refund_of_an_old_payment(record):
            return []
        record_id = reading.required(record, "id")
        data = _appointment(record) if area == "booking" else _money(record)
        is_thin = area == "booking" or not data["customer"]["phone"]
        created = reading.text(body, "created_at")
        return [
            Event(
                source=incoming.source,
                type=event_type,
                native_type=topic,
                id=event_id,
                key=record_id,
                occurred_at=reading.moment(created) or incoming.received_at,
                version=reading.first_text(record, "version") or created,
                data=data,
                test=incoming.header("square-environment").lower() == "sandbox"
                or reading.flag(self.settings, "test_mode"),
                lookup=data["customer"]["id"] if is_thin else "",
            )
        ]

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the customer and, for a booking, the place with its time zone."""
        found = self._get(http, f"/v2/customers/{ask.part(event.lookup)}").get("customer")
        person, known = _person(found, event.lookup), event.data["customer"]
        customer = {name: known.get(name) or value for name, value in person.items()}
        data = {**event.data, "country": reading.text(found, "address.country")}
        if not event.data.get("appointment_id") or not event.data["location_id"]:
            return replace(event, data={**data, "customer": customer}, lookup="")
        place = self._get(http, f"/v2/locations/{ask.part(event.data['location_id'])}").get("location")
        address = (reading.text(place, f"address.{line}") for line in ("address_line_1", "postal_code", "locality"))
        data |= {
            "location": ", ".join(filter(None, address)),
            "organizer": reading.first_text(place, "business_name", "name"),
            "customer": {**customer, "tz": reading.text(place, "timezone")},
        }
        return replace(event, data=data, lookup="")

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the booking or invoice again; one that was called off or paid since is gone."""
        area = event.native_type.partition(".")[0]
        if area not in {"booking", "invoice"}:  # a payment that was made or refused stays so
            return event
        record = self._get(http, f"/v2/{area}s/{ask.part(event.key)}").get(area)
        status = reading.text(record, "status")
        if status in OVERTAKEN.get(event.type, set()):
            raise AskFailed(f"In Square it is {status} by now.", gone=True)
        fresh = _appointment(record) if area == "booking" else _money(record)
        return replace(event, data=ask.kept(fresh, event.data))

    def _as_registered(self, incoming: Incoming) -> Incoming:
        return replace(incoming, url=str(self.settings["notification_url"]) or incoming.url)

    def subscriptions(self) -> RestHooks:
        """The application's subscriptions; Square makes the signature key of each. Raises AskFailed."""
        ask.needs(self.settings, "access_token")
        headers = {"Authorization": f"Bearer {self.settings['access_token']}"}
        return RestHooks(
            system="Square",
            topics=sorted(TOPICS),
            at_once=True,
            base=self.address("api_url"),
            place="/v2/webhooks/subscriptions",
            listed="subscriptions",
            made="subscription",
            query="?include_disabled=true&limit=100",
            secret="subscription.signature_key",  # noqa: S106 - the name of a field
            headers=headers,
            hook=lambda one: Hook(
                id=reading.text(one, "id"),
                address=reading.text(one, "notification_url"),
                topics=[str(topic) for topic in reading.items(one, "event_types")],
                is_on=reading.flag(one, "enabled"),
            ),
            new=lambda wish: {
                "subscription": {"name": "Tidings", "notification_url": wish.address, "event_types": list(wish.topics)}
            },
            revive=lambda _: ("PUT", {"subscription": {"enabled": True}}),
        )

    def _get(self, http: Http, path: str) -> dict[str, Any]:
        ask.needs(self.settings, "access_token")
        version = str(self.settings["api_version"])
        call = Call(
            method="GET",
            url=self.address("api_url") + path,
            headers={
                "Authorization": f"Bearer {self.settings['access_token']}",
                **({"Square-Version": version} if version else {}),
            },
        )
        return ask.for_object(http, call, "Square")


def _is_refund_of_an_old_payment(record: Any) -> bool:
    """A payment that is paid back stays COMPLETED and is reported again: no second "thank you" for that."""
    return bool(reading.decimal(reading.dig(record, "refunded_money.amount")))


def _money(record: Any) -> dict[str, Any]:
    """Read a payment or an invoice; what an invoice asks for is the sum of its payment requests."""
    asked = reading.items(record, "payment_requests")
    currency = reading.first_text(
        record, "amount_money.currency", "payment_requests.0.computed_amount_money.currency"
    ).upper()
    total, paid = _sum(asked, ASKED), _sum(asked, PAID)
    charged = reading.dig(record, "total_money.amount") or reading.dig(record, "amount_money.amount")
    due = next((one for one in asked if _sum([one], ASKED) > _sum([one], PAID)), None)
    return {
        "id": reading.text(record, "id"),
        "number": reading.first_text(record, "invoice_number", "receipt_number"),
        "status": reading.text(record, "status"),
        "total": reading.minor_amount(str(total) if asked else charged, currency),
        "amount_due": reading.minor_amount(str(total - paid), currency) if asked else None,
        "currency": currency,
        "due_date": reading.text(due, "due_date") or None,
        "pay_url": reading.text(record, "public_url"),
        "receipt_url": reading.text(record, "receipt_url"),
        "order_id": reading.text(record, "order_id"),
        "reason": reading.text(record, "card_details.errors.0.code"),
        "location_id": reading.text(record, "location_id"),
        "country": "",
        "customer": _person(reading.dig(record, "primary_recipient") or record, ""),
    }


def _appointment(booking: Any) -> dict[str, Any]:
    starts_at = reading.moment(reading.dig(booking, "start_at"))
    minutes = _sum(reading.items(booking, "appointment_segments"), "duration_minutes")
    is_known = starts_at is not None and starts_at.year < 9000 and 0 < minutes < LONGEST
    return {
        "appointment_id": reading.text(booking, "id"),
        "status": reading.text(booking, "status"),
        "starts_at": reading.iso(starts_at),
        "ends_at": reading.iso(starts_at + timedelta(minutes=int(minutes))) if starts_at and is_known else None,
        "note": reading.text(booking, "customer_note"),
        "location_id": reading.text(booking, "location_id"),
        "location": "",
        "organizer": "",
        "country": "",
        "customer": {**_person(booking, ""), "tz": ""},
    }


def _person(record: Any, customer_id: str) -> dict[str, str]:
    """Read a customer, an invoice's recipient, or the little a payment says about its buyer."""
    first, last = reading.text(record, "given_name"), reading.text(record, "family_name")
    return {
        "id": customer_id or reading.text(record, "customer_id"),
        "name": f"{first} {last}".strip() or reading.text(record, "company_name"),
        "first_name": first,
        "email": reading.first_text(record, "email_address", "buyer_email_address"),
        "phone": reading.text(record, "phone_number"),
    }


def _sum(records: Sequence[Any], path: str) -> Decimal:
    """Add up whole numbers; Square counts money in minor units and segments in minutes."""
    found = (reading.decimal(reading.dig(one, path)) for one in records)
    return sum((number for number in found if number is not None), Decimal())


CONNECTOR = Square
