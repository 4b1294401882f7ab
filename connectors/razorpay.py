"""Razorpay: payments, invoices, payment links and refunds.

Facts: razorpay/razorpay-python (signature, customers) and razorpay.com/docs "Webhooks", read 2026-10.
What names a delivery is a header, not in the body; a proxy that drops it must not make every payment new again, so
declared fields stand in for it. One payment is told by several events (payment.captured, order.paid, invoice.paid,
payment_link.paid): each has a type of its own here, and order.paid is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from connectors.base import AskFailed, Connector, Http, Option
from connectors.kit import ask, naming
from model.event import Event, Incoming
from wire import reading
from wire.http import Call
from wire.signatures import Hmac

EVENT_ID = "x-razorpay-event-id"

# native -> (ours, the record in payload that it is about). payment.authorized is no money yet.
TYPES = {
    "payment.captured": ("payment.succeeded", "payment"),
    "payment.failed": ("payment.failed", "payment"),
    "refund.processed": ("payment.refunded", "refund"),
    "invoice.paid": ("invoice.paid", "invoice"),
    "invoice.expired": ("custom.invoice.expired", "invoice"),
    "payment_link.paid": ("custom.payment_link.paid", "payment_link"),
    "subscription.halted": ("custom.subscription.halted", "subscription"),
}

# our type -> where to ask again, the field that names it, and the statuses that make a text wrong
CHECKED = {
    "payment.failed": ("orders", "order_id", {"paid"}),
    "custom.invoice.expired": ("invoices", "id", {"paid", "cancelled"}),
    "custom.subscription.halted": ("subscriptions", "id", {"active", "authenticated", "cancelled", "completed"}),
}

PERSON_FIELDS = {
    "customer.id": ("text", "The customer's id in Razorpay."),
    "customer.name": ("text", "The customer's full name, where Razorpay knows it."),
    "customer.email": ("text", "The customer's mail address."),
    "customer.phone": ("phone", "The customer's number (contact)."),
}
MONEY_FIELDS = {
    "id": ("text", "The record's id in Razorpay."),
    "number": ("text", "The number the customer knows: of the invoice, or your reference."),
    "status": ("text", "Razorpay's own word for the state."),
    "total": ("money", "The amount in major units."),
    "currency": ("text", "ISO 4217 code."),
    "description": ("text", "What it is for, in your words."),
    "account": ("text", "The Razorpay account it happened in."),
    **PERSON_FIELDS,
}
PAYMENT_FIELDS = {
    **MONEY_FIELDS,
    "order_id": ("text", "Razorpay's id of the order it pays."),
    "invoice_id": ("text", "The invoice it pays."),
    "payment_id": ("text", "The payment; for a refund the one that was paid back."),
    "method": ("text", "card, upi, netbanking or wallet."),
    "reason": ("text", "Razorpay's code for why it failed."),
    "reason_text": ("text", "The same in a sentence."),
}
INVOICE_FIELDS = {
    **MONEY_FIELDS,
    "amount_due": ("money", "What is still to be paid."),
    "due_date": ("time", "Until when it can be paid."),
    "pay_url": ("text", "Razorpay's page on which it can be paid."),
    "subscription_id": ("text", "The subscription it bills."),
}
SUBSCRIPTION_FIELDS = {
    "id": ("text", "The subscription's id."),
    "status": ("text", "halted: all tries to charge it have failed."),
    "plan": ("text", "The plan's id."),
    "pay_url": ("text", "Razorpay's page on which the card can be changed."),
    "ends_at": ("time", "When it ends by itself."),
    "account": ("text", "The Razorpay account it happened in."),
    **PERSON_FIELDS,
}
FIELDS = {
    "payment": PAYMENT_FIELDS,
    "refund": PAYMENT_FIELDS,
    "invoice": INVOICE_FIELDS,
    "payment_link": INVOICE_FIELDS,
    "subscription": SUBSCRIPTION_FIELDS,
}


class Razorpay(Connector):
    """Razorpay accounts."""

    name = "razorpay"
    title = "Razorpay"
    category = "billing"
    docs_url = "https://razorpay.com/docs/webhooks/"
    scheme = Hmac(header="x-razorpay-signature")
    event_types: ClassVar[Mapping[str, str]] = {normal: native for native, (normal, _) in TYPES.items()}
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        normal: FIELDS[record] for normal, record in TYPES.values()
    }
    options: ClassVar[Mapping[str, Option]] = {
        "key_id": Option(
            text="Key id (rzp_live_...), to look up the customer of a subscription, and to recheck.", default=""
        ),
        "key_secret": Option(text="The key's secret; it is not the webhook secret.", default="", secret=True),
        "api_url": Option(text="Where Razorpay's API is.", default="https://api.razorpay.com"),
        "test_mode": Option(text="True for a webhook made in Razorpay's test mode.", default=False),
    }
    asks: ClassVar[Sequence[str]] = ("api_url",)
    setup: ClassVar[Sequence[str]] = (
        "In the Razorpay dashboard open Account & Settings > Webhooks and add the address of this source and a secret.",
        "Put the same secret into the environment variable of this source; it is not the API secret.",
        "Choose the events you have rules for; of payment.captured, invoice.paid and payment_link.paid text about one.",
        "For a webhook of test mode make a source of its own, with `test_mode` true: the bodies do not tell.",
    )
    limits: ClassVar[Sequence[str]] = (
        "When you change the secret keep the old one as a second: events from before are still signed with it.",
        "Razorpay tries for 24 hours and then disables the webhook.",
        "Subscriptions carry no phone: without `key_id` and `key_secret` they lead to no text.",
    )

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; types that no text is written for give none."""
        body = reading.json_object(incoming.body)
        native, created = reading.required(body, "event"), reading.text(body, "created_at")
        if native not in TYPES:
            return []
        event_type, name = TYPES[native]
        record = reading.dig(body, f"payload.{name}.entity")
        record_id = reading.required(record, "id")
        data = _facts(name, record, body)
        is_thin = name == "subscription" and not data["customer"]["phone"]
        return [
            Event(
                source=incoming.source,
                type=event_type,
                native_type=native,
                id=reading.text(incoming.header(EVENT_ID)) or naming.digest(native, record_id, created),
                key=reading.first_text(record, "payment_id", "id") if name == "refund" else record_id,
                occurred_at=reading.moment(reading.dig(body, "created_at")) or incoming.received_at,
                version=created,
                data=data,
                test=reading.flag(self.settings, "test_mode"),
                lookup=data["customer"]["id"] if is_thin else "",
            )
        ]

    def refresh(self, event: Event, http: Http) -> Event:
        """Ask again for what a text asks to be paid; what was paid or called off since is gone."""
        place, field, settled = CHECKED.get(event.type, ("", "id", set[str]()))
        record_id = reading.text(event.data, field)
        if not place or not record_id:
            return event
        status = reading.text(self._get(http, f"{place}/{ask.part(record_id)}"), "status")
        if status in settled:
            raise AskFailed(f"In Razorpay it is {status} by now.", gone=True)
        return event

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the customer of a subscription."""
        found = self._get(http, f"customers/{ask.part(event.lookup)}")
        return replace(event, data={**event.data, "customer": _person(found, event.lookup)}, lookup="")

    def _get(self, http: Http, path: str) -> dict[str, Any]:
        ask.needs(self.settings, "key_id", "key_secret")
        keys = str(self.settings["key_id"]), str(self.settings["key_secret"])
        return ask.for_object(
            http, Call(method="GET", url=f"{self.address('api_url')}/v1/{path}", auth=keys), "Razorpay"
        )


def _facts(name: str, record: Any, body: dict[str, Any]) -> dict[str, Any]:
    """Read whichever of the record's fields it has; a refund or link comes with the payment it belongs to."""
    payment = reading.dig(body, "payload.payment.entity")
    currency = reading.text(record, "currency").upper()
    due = reading.dig(record, "amount_due")
    if due is None and reading.text(record, "status") == "paid":
        due = 0
    about = payment if name == "refund" else record
    facts = {
        "id": reading.text(record, "id"),
        "number": reading.first_text(record, "invoice_number", "receipt", "reference_id", "notes.order_number"),
        "status": reading.text(record, "status"),
        "total": reading.minor_amount(reading.dig(record, "amount"), currency),
        "amount_due": reading.minor_amount(due, currency),
        "currency": currency,
        "description": reading.text(about, "description"),
        "due_date": reading.iso(reading.moment(reading.dig(record, "expire_by") or None)),  # 0 is never
        "pay_url": reading.text(record, "short_url"),
        "subscription_id": reading.text(record, "subscription_id"),
        "plan": reading.text(record, "plan_id"),
        "ends_at": reading.iso(reading.moment(reading.dig(record, "end_at"))),
        "order_id": reading.text(about, "order_id"),
        "invoice_id": reading.text(about, "invoice_id"),
        "payment_id": reading.text(record, "payment_id") if name == "refund" else reading.text(payment, "id"),
        "method": reading.text(about, "method"),
        "reason": reading.first_text(record, "error_reason", "error_code"),
        "reason_text": reading.text(record, "error_description"),
        "account": reading.text(body, "account_id"),
    }
    known = {field: value for field, value in facts.items() if field in FIELDS[name]}
    return {**known, "customer": _customer(record, payment)}


def _customer(record: Any, payment: Any) -> dict[str, str]:
    """Read the person from the record itself, else from the payment beside it."""
    found = _person(record, reading.text(record, "customer_id"))
    beside = _person(payment, reading.text(payment, "customer_id"))
    return {field: value or beside[field] for field, value in found.items()}


def _person(record: Any, customer_id: str) -> dict[str, str]:
    """Payments call the phone contact; invoices have customer_details, payment links a customer."""
    before = ("customer_details.", "customer.", "")
    return {
        "id": customer_id,
        "name": reading.first_text(record, *(f"{place}name" for place in before)),
        "email": reading.first_text(record, *(f"{place}email" for place in before)),
        "phone": reading.first_text(record, *(f"{place}contact" for place in before)),
    }


CONNECTOR = Razorpay
