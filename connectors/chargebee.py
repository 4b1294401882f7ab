"""Chargebee: invoices, payments, subscriptions and customers, pushed or polled.

Facts: chargebee/chargebee-python (event, invoice, customer) and its TypeScript twin (list of events), read 2026-10.
Chargebee signs nothing: its webhooks carry the user name and password set beside the address, as Basic credentials.
Events come in parallel and out of order; `version` is the record's own resource_version.
Long because of five kinds of record with their states and fields, by webhook and poll.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from connectors.base import AskFailed, Connector, Http, Option, Page
from connectors.kit import ask, batches, naming, stamps
from model.event import Event, Incoming
from wire import reading
from wire.http import Call
from wire.signatures import Token

OVERLAP = timedelta(minutes=5)

# event_type, or event_type/status of the invoice: invoice_updated is told for everything that touches one.
TYPES = {
    "invoice_generated": "invoice.issued",
    "invoice_updated/paid": "invoice.paid",
    "invoice_updated/voided": "invoice.voided",
    "payment_succeeded": "payment.succeeded",
    "payment_failed": "payment.failed",
    "payment_refunded": "payment.refunded",
    "subscription_created": "subscription.created",
    "subscription_changed": "subscription.updated",
    "subscription_trial_end_reminder": "subscription.trial_ending",
    "subscription_cancelled": "subscription.cancelled",
    "card_expiring": "custom.card.expiring",
    "customer_created": "contact.created",
    "customer_changed": "contact.updated",
    "customer_deleted": "contact.deleted",
}

# what makes a text about an event wrong: the status by now of its invoice or subscription
OVERTAKEN = {
    "invoice.issued": {"paid", "voided"},
    "payment.failed": {"paid", "voided"},
    "subscription.created": {"cancelled"},
    "subscription.updated": {"cancelled"},
    "subscription.trial_ending": {"cancelled"},
}

PERSON_FIELDS = {
    "country": ("text", "The customer's country, ISO 3166 code."),
    "customer.id": ("text", "The customer's id in Chargebee."),
    "customer.name": ("text", "The customer's full name, or the company's."),
    "customer.first_name": ("text", "The customer's first name."),
    "customer.email": ("text", "The customer's mail address."),
    "customer.phone": ("phone", "The customer's number, else that of the billing address."),
    "customer.locale": ("text", "The customer's language."),
}
INVOICE_FIELDS = {
    "id": ("text", "The record's id in Chargebee."),
    "number": ("text", "The invoice's number; in Chargebee that is its id."),
    "status": ("text", "Chargebee's own word for the state."),
    "total": ("money", "The amount in major units; of a payment or refund what was moved this time."),
    "amount_due": ("money", "What is still to be paid of the invoice."),
    "currency": ("text", "ISO 4217 code."),
    "due_date": ("time", "When the invoice is due."),
    "next_attempt_at": ("time", "When Chargebee tries to charge again, if it does."),
    "subscription_id": ("text", "The subscription it bills."),
    **PERSON_FIELDS,
}
PAYMENT_FIELDS = {
    **INVOICE_FIELDS,
    "invoice_id": ("text", "The invoice it pays."),
    "method": ("text", "card, direct_debit, bank_transfer and others."),
    "reason": ("text", "The gateway's code for why it failed."),
    "reason_text": ("text", "The same in a sentence."),
}
SUBSCRIPTION_FIELDS = {
    "id": ("text", "The subscription's id."),
    "status": ("text", "future, in_trial, active, non_renewing, paused or cancelled."),
    "plan": ("text", "The id of the plan."),
    "trial_ends_at": ("time", "When the free trial ends."),
    "next_billed_at": ("time", "When it is billed again."),
    "ends_at": ("time", "When it ended or will end, if it was cancelled."),
    **PERSON_FIELDS,
}
CARD_FIELDS = {
    "id": ("text", "The id of the card (payment source)."),
    "last4": ("text", "The last four digits of the card."),
    "expires": ("text", "Month and year in which the card expires, as 2026-12."),
    **PERSON_FIELDS,
}
CONTACT_FIELDS = {"id": ("text", "The customer's id."), **PERSON_FIELDS}
# area of our type -> the record in content that it is about, and its fields
AREAS = {
    "invoice": ("invoice", INVOICE_FIELDS),
    "payment": ("transaction", PAYMENT_FIELDS),
    "subscription": ("subscription", SUBSCRIPTION_FIELDS),
    "card": ("card", CARD_FIELDS),
    "contact": ("customer", CONTACT_FIELDS),
}


class Chargebee(Connector):
    """One Chargebee site."""

    name = "chargebee"
    title = "Chargebee"
    category = "billing"
    docs_url = "https://apidocs.chargebee.com/docs/api/events"
    scheme = Token(kind="basic")
    event_types: ClassVar[Mapping[str, str]] = naming.natives(TYPES, " with status ")
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        event_type: AREAS[naming.area(event_type)][1] for event_type in TYPES.values()
    }
    options: ClassVar[Mapping[str, Option]] = {
        "api_url": Option(text="Poll, recheck: the site's address, such as https://acme.chargebee.com.", default=""),
        "api_key": Option(text="Poll, recheck: a read-only API key of the site.", default="", secret=True),
        "test_mode": Option(text="True for a test site (acme-test): its events are never texted.", default=False),
    }
    asks: ClassVar[Sequence[str]] = ("api_url",)
    setup: ClassVar[Sequence[str]] = (
        "In Chargebee open Settings > Configure Chargebee > Webhooks and add the address of this source.",
        "Switch on basic authentication there and choose a user name and a long password.",
        "Put user:password, as one text, into the environment variable of this source.",
        "Of invoice_updated and payment_succeeded let only one lead to a text: both tell of the same payment.",
        "To poll as well set `api_url` and a read-only `api_key`.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Chargebee does not sign: whoever knows user name and password can send; keep the address on https.",
        "Events come out of order: compare `event.version` where that matters.",
        "Chargebee tries up to seven times in two days; the poll repairs longer gaps.",
        "The page on which an invoice can be paid is not in the event.",
    )
    poll_every: ClassVar[str] = "5m"

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; types that no text is written for give none."""
        return self._events(reading.json_object(incoming.body), incoming)

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the invoice or subscription again; one that was paid, voided or cancelled since is gone."""
        area = event.type.partition(".")[0]
        name = {"invoice": "invoice", "payment": "invoice", "subscription": "subscription"}.get(area, "")
        record_id = reading.text(event.data, "id" if area == "subscription" else "number")
        if not name or not record_id:
            return event
        found = self._get(http, {}, f"{name}s/{ask.part(record_id)}")
        status = reading.text(found, f"{name}.status")
        if status in OVERTAKEN.get(event.type, set()):
            raise AskFailed(f"In Chargebee the {name} is {status} by now.", gone=True)
        # of a payment its invoice says what is still due; what happened to it stays as it was told
        fresh = _data(found, area, reading.dig(found, name) if area == name else {})
        return replace(event, data=ask.kept(fresh, event.data))

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read on from the cursor, oldest first; events keep the ids they have as webhooks.

        The last minutes are always read again. `offset` is Chargebee's own word for the next page.
        """
        incoming = Incoming(source=self.name, received_at=now)
        feed = batches.Feed(at=_occurred, read=lambda one: self._events(one, incoming), mark="offset")
        if not cursor:
            return feed.baseline(_listed(self._get(http, {"sort_by[desc]": "occurred_at"})), int(now.timestamp()))
        since = max(int(cursor["floor"]), int(cursor["created"]) - int(OVERLAP.total_seconds()))
        params = {"occurred_at[after]": str(since - 1), "sort_by[asc]": "occurred_at"}
        page = self._get(http, {**params, "offset": str(cursor.get("offset", ""))})
        return feed.page(cursor, _listed(page), reading.text(page, "next_offset"))

    def _events(self, body: dict[str, Any], incoming: Incoming) -> list[Event]:
        event_id, native = reading.required(body, "id"), reading.required(body, "event_type")
        content = reading.dig(body, "content")
        status = reading.text(content, "invoice.status")
        event_type = TYPES.get(native) or TYPES.get(f"{native}/{status}", "")
        if not event_type:
            return []
        area = naming.area(event_type)
        record = _record(content, area)
        data = _data(content, area, record)
        return [
            Event(
                source=incoming.source,
                type=event_type,
                native_type=native,
                id=event_id,
                key=reading.required(record, "reference_transaction_id", "id", "payment_source_id", "customer_id"),
                occurred_at=reading.moment(reading.dig(body, "occurred_at")) or incoming.received_at,
                version=reading.first_text(record, "resource_version") or reading.text(body, "occurred_at"),
                data=data,
                test=reading.flag(self.settings, "test_mode"),
            )
        ]

    def _get(self, http: Http, params: Mapping[str, str], path: str = "events") -> dict[str, Any]:
        ask.needs(self.settings, "api_url", "api_key")
        limit = {"limit": "50"} if path == "events" else {}
        call = Call(
            method="GET",
            url=f"{self.address('api_url')}/api/v2/{path}",
            params={**limit, **{name: value for name, value in params.items() if value}},
            auth=(str(self.settings["api_key"]), ""),
        )
        return ask.for_object(http, call, "Chargebee")


def _listed(page: Any) -> list[Any]:
    return [reading.dig(row, "event") for row in reading.items(page, "list")]


def _record(content: Any, area: str) -> Any:
    """Return the record an event is about; a card may come as its payment source."""
    record = reading.dig(content, AREAS[area][0])
    if record is None and area == "card":
        record = reading.dig(content, "payment_source")
    if not isinstance(record, dict):
        reading.bad_shape(f"The {AREAS[area][0]} the event is about is missing.")
    return record


def _data(content: Any, area: str, record: Any) -> dict[str, Any]:
    """Read whichever of an area's fields the content has."""
    invoice = reading.dig(content, "invoice")
    currency = reading.first_text(record, "currency_code") or reading.text(invoice, "currency_code")
    total = reading.dig(record, "amount") if area == "payment" else reading.dig(record, "total")
    month, year = (reading.first_text(record, name, f"card.{name}") for name in ("expiry_month", "expiry_year"))
    facts = {
        "id": reading.first_text(record, "id", "payment_source_id", "customer_id"),
        "number": reading.text(invoice, "id"),
        "status": reading.text(record, "status"),
        "total": reading.minor_amount(total, currency),
        "amount_due": reading.minor_amount(reading.dig(invoice, "amount_due"), currency),
        "currency": currency.upper(),
        "due_date": _time(invoice, "due_date"),
        "next_attempt_at": _time(invoice, "next_retry_at"),
        "subscription_id": reading.first_text(content, "invoice.subscription_id", "subscription.id"),
        "invoice_id": reading.text(invoice, "id"),
        "method": reading.text(record, "payment_method"),
        "reason": reading.text(record, "error_code"),
        "reason_text": reading.text(record, "error_text"),
        "plan": reading.first_text(record, "plan_id", "subscription_items.0.item_price_id"),
        "trial_ends_at": _time(record, "trial_end"),
        "next_billed_at": _time(record, "next_billing_at"),
        "ends_at": _time(record, "cancelled_at"),
        "last4": reading.first_text(record, "last4", "card.last4"),
        "expires": f"{year}-{month:0>2}" if year and month else "",
        "country": reading.first_text(content, "customer.billing_address.country", "invoice.billing_address.country"),
        "customer": _customer(content),
    }
    known = AREAS[area][1]
    return {name: value for name, value in facts.items() if name in known or name == "customer"}


def _customer(content: Any) -> dict[str, str]:
    """Read the person from the customer, then from the billing addresses that travel along."""
    places = ("customer.", "customer.billing_address.", "invoice.billing_address.")

    def first(name: str) -> str:
        return reading.first_text(content, *(place + name for place in places))

    return {
        "id": reading.first_text(content, "customer.id", "invoice.customer_id"),
        "name": f"{first('first_name')} {first('last_name')}".strip() or first("company"),
        "first_name": first("first_name"),
        "email": first("email"),
        "phone": first("phone"),
        "locale": reading.text(content, "customer.locale"),
    }


def _time(record: Any, path: str) -> str | None:
    return reading.iso(reading.moment(reading.dig(record, path)))


def _occurred(body: Any) -> int:
    return stamps.seconds(reading.moment(reading.dig(body, "occurred_at")))


CONNECTOR = Chargebee
