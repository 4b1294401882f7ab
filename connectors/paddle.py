"""Paddle Billing: transactions, subscriptions and customers, pushed or polled.

Facts: PaddleHQ/paddle-python-sdk (signature, entities) and developer.paddle.com "List events", read 2026-10.
Paddle's customers have no phone: it comes from your own `custom_data`, or a rule finds it in another source.
transaction.paid is left out, as transaction.completed tells the same a moment later.
Long because of four kinds of record with their fields, a look-up of the customer, and a poll.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from connectors.base import AskFailed, Connector, Http, Option, Page
from connectors.kit import ask, batches, naming
from model.event import Event, Incoming
from wire import reading
from wire.http import Call
from wire.signatures import Hmac

OVERLAP = timedelta(minutes=5)
LIST = {"order_by": "id[ASC]", "per_page": "50"}

COMPLETED = "transaction.completed"
TYPES = {
    "transaction.billed": "invoice.issued",
    "transaction.past_due": "invoice.overdue",
    COMPLETED: "payment.succeeded",  # invoice.paid where the customer pays by invoice
    "transaction.payment_failed": "payment.failed",
    "subscription.created": "subscription.created",
    "subscription.activated": "subscription.updated",
    "subscription.trialing": "subscription.updated",
    "subscription.past_due": "subscription.updated",
    "subscription.canceled": "subscription.cancelled",
    "customer.created": "contact.created",
    "customer.updated": "contact.updated",
}
# what makes a text about an event wrong: the record's status by now
SETTLED = {"paid", "completed", "canceled"}
OVERTAKEN = {
    **dict.fromkeys(("invoice.issued", "invoice.overdue", "payment.failed"), SETTLED),
    "subscription.created": {"canceled"},
    "subscription.updated": {"canceled"},
}
# No record of Paddle has a phone; these are where shops put one.
PHONES = ("custom_data.phone", "custom_data.mobile", "custom_data.phone_number")

PERSON_FIELDS = {
    "customer.id": ("text", "The customer's id in Paddle."),
    "customer.name": ("text", "The customer's full name (looked up)."),
    "customer.email": ("text", "The customer's mail address (looked up)."),
    "customer.phone": ("phone", "The number from your custom_data: of the record, else of the customer (looked up)."),
    "customer.locale": ("text", "The customer's language (looked up)."),
}
MONEY_FIELDS = {
    "id": ("text", "The transaction's id in Paddle."),
    "number": ("text", "The invoice number; Paddle gives it late or not at all."),
    "status": ("text", "Paddle's own word for the state; ready when a payment failed."),
    "total": ("money", "The amount in major units, tax included."),
    "currency": ("text", "ISO 4217 code."),
    "due_date": ("time", "When it is due, where the customer pays by invoice."),
    "pay_url": ("text", "The page on which it can be paid."),
    "subscription_id": ("text", "The subscription it bills."),
    **PERSON_FIELDS,
}
INVOICE_FIELDS = {**MONEY_FIELDS, "amount_due": ("money", "What is still to be paid.")}
PAYMENT_FIELDS = {**MONEY_FIELDS, "reason": ("text", "Paddle's code for why the last try failed.")}
SUBSCRIPTION_FIELDS = {
    "id": ("text", "The subscription's id."),
    "status": ("text", "active, trialing, past_due, paused or canceled."),
    "plan": ("text", "The name of the first product in it."),
    "trial_ends_at": ("time", "When the free trial ends."),
    "ends_at": ("time", "When it ended or will end, if it was cancelled."),
    "next_billed_at": ("time", "When it is billed again."),
    "update_url": ("text", "Paddle's page on which the card can be changed."),
    **PERSON_FIELDS,
}
CONTACT_FIELDS = {"id": ("text", "The customer's id."), **PERSON_FIELDS}
FIELDS = {
    "invoice": INVOICE_FIELDS,
    "payment": PAYMENT_FIELDS,
    "subscription": SUBSCRIPTION_FIELDS,
    "contact": CONTACT_FIELDS,
}


class Paddle(Connector):
    """Paddle Billing accounts (not Paddle Classic)."""

    name = "paddle"
    title = "Paddle"
    category = "billing"
    docs_url = "https://developer.paddle.com/webhooks/overview"
    scheme = Hmac(
        header="paddle-signature", signed="{timestamp}:{body}", prefix="h1=", separator=";", timestamp_prefix="ts="
    )
    event_types: ClassVar[Mapping[str, str]] = {
        "invoice.paid": "transaction.completed, where the customer pays by invoice",
        **naming.natives(TYPES),
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        event_type: FIELDS[event_type.partition(".")[0]] for event_type in event_types
    }
    options: ClassVar[Mapping[str, Option]] = {
        "api_key": Option(
            text="API key that may read customers and events, and to recheck transactions.", default="", secret=True
        ),
        "api_url": Option(text="Where Paddle's API is.", default="https://api.paddle.com"),
        "phones": Option(text="Where in a record your own data hold the number, best first.", default=PHONES),
        "tolerance_seconds": Option(text="How far the clocks may differ; Paddle's libraries take 5.", default=5),
        "test_mode": Option(text="True for a notification destination of Paddle's sandbox.", default=False),
    }
    asks: ClassVar[Sequence[str]] = ("api_url",)
    setup: ClassVar[Sequence[str]] = (
        "In Paddle open Developer tools > Notifications and add the address of this source as a destination.",
        "Copy the destination's secret key into the environment variable of this source.",
        "Put the phone into custom_data of the transaction, subscription or customer; Paddle has no field for it.",
        "For names, languages and polling make an API key that reads customers and events: `api_key`.",
        "For the sandbox make a source of its own with `test_mode` true and `api_url` https://sandbox-api.paddle.com.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Paddle knows no phone: without custom_data rules find nobody to text.",
        "Deliveries are valid for 5 seconds by Paddle's own rule: keep this machine's clock right.",
        "Events can arrive out of order; compare `event.occurred_at`.",
    )
    poll_every: ClassVar[str] = "5m"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        if not isinstance(self.settings["tolerance_seconds"], int | float):
            raise ValueError("Setting tolerance_seconds: expected a number of seconds.")
        window = timedelta(seconds=self.settings["tolerance_seconds"])
        self.scheme = replace(Paddle.scheme, past=window, future=window)

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; types that no text is written for give none."""
        return self._events(reading.json_object(incoming.body), incoming)

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the customer: name, mail, language, and the phone where your own data hold one."""
        found = self._get(http, f"/customers/{ask.part(event.lookup)}").get("data")
        person, known = self._person(found, event.lookup), event.data["customer"]
        return replace(
            event,
            data={**event.data, "customer": {name: known[name] or value for name, value in person.items()}},
            lookup="",
        )

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the transaction or subscription again; one that was paid or cancelled since is gone."""
        kind = event.native_type.partition(".")[0]
        if kind == "customer":
            return event
        found = self._get(http, f"/{kind}s/{ask.part(event.key)}").get("data")
        status = reading.text(found, "status")
        if status in OVERTAKEN.get(event.type, set()):
            raise AskFailed(f"In Paddle it is {status} by now.", gone=True)
        return replace(event, data=ask.kept(self._data(event.type, found), event.data))

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read on from the event `after`; events keep the ids they have as webhooks.

        `after` follows five minutes behind, so that what shows up late between two others is still found.
        """
        if not cursor:
            newest = reading.items(self._get(http, "/events", {"order_by": "id[DESC]", "per_page": "5"}), "data")
            first = reading.text(newest[0], "event_id") if newest else ""
            return Page(events=(), cursor={"after": first})
        page = self._get(http, "/events", {**LIST, "after": str(cursor.get("page") or cursor["after"])})
        listed, after = reading.items(page, "data"), str(cursor["after"])
        for body in listed:
            happened = reading.moment(reading.dig(body, "occurred_at"))
            if happened and happened <= now - OVERLAP:
                after = reading.text(body, "event_id") or after
        incoming = Incoming(source=self.name, received_at=now)
        bodies = (body for body in listed if isinstance(body, dict))
        events, _ = batches.readable(
            bodies, lambda body: [replace(event, raw=body) for event in self._events(body, incoming)]
        )
        last = reading.text(listed[-1], "event_id") if listed and reading.flag(page, "meta.pagination.has_more") else ""
        return Page(events=events, cursor={"after": after, **({"page": last} if last else {})}, more=bool(last))

    def _events(self, body: dict[str, Any], incoming: Incoming) -> list[Event]:
        event_id, native = reading.required(body, "event_id"), reading.required(body, "event_type")
        if native not in TYPES:
            return []
        record = reading.dig(body, "data")
        record_id, by_invoice = reading.required(record, "id"), reading.text(record, "collection_mode") == "manual"
        event_type = "invoice.paid" if native == COMPLETED and by_invoice else TYPES[native]
        data = self._data(event_type, record)
        is_whole = event_type.startswith("contact.") or (data["customer"]["phone"] and not self.settings["api_key"])
        return [
            Event(
                source=incoming.source,
                type=event_type,
                native_type=native,
                id=event_id,
                key=record_id,
                occurred_at=reading.moment(reading.dig(body, "occurred_at")) or incoming.received_at,
                version=reading.text(body, "occurred_at"),
                data=data,
                test=reading.flag(self.settings, "test_mode"),
                lookup="" if is_whole else data["customer"]["id"],
            )
        ]

    def _data(self, event_type: str, record: Any) -> dict[str, Any]:
        """Read whichever of an area's fields the record has; money comes as text in minor units."""
        area, currency = event_type.partition(".")[0], reading.text(record, "currency_code").upper()
        change = "scheduled_change.effective_at" if reading.text(record, "scheduled_change.action") == "cancel" else ""
        totals = "details.totals"
        facts = {
            "id": reading.text(record, "id"),
            "number": reading.text(record, "invoice_number"),
            "status": reading.text(record, "status"),
            "total": reading.minor_amount(reading.dig(record, f"{totals}.grand_total"), currency),
            "amount_due": reading.minor_amount(reading.dig(record, f"{totals}.balance"), currency),
            "currency": currency,
            "due_date": _due(record),
            "pay_url": reading.text(record, "checkout.url"),
            "subscription_id": reading.text(record, "subscription_id"),
            "reason": reading.text(record, "payments.0.error_code"),  # newest first
            "plan": reading.first_text(record, "items.0.product.name", "items.0.price.name"),
            "trial_ends_at": _time(record, "items.0.trial_dates.ends_at"),
            "ends_at": _time(record, "canceled_at") or (_time(record, change) if change else None),
            "next_billed_at": _time(record, "next_billed_at"),
            "update_url": reading.text(record, "management_urls.update_payment_method"),
        }
        customer_id = reading.text(record, "id" if area == "contact" else "customer_id")
        known = {name: value for name, value in facts.items() if name in FIELDS[area]}
        return {**known, "customer": self._person(record if area == "contact" else _phone_only(record), customer_id)}

    def _person(self, record: Any, customer_id: str) -> dict[str, str]:
        return {
            "id": customer_id,
            "name": reading.text(record, "name"),
            "email": reading.text(record, "email"),
            "phone": reading.first_text(record, *self.settings["phones"]),
            "locale": reading.text(record, "locale"),
        }

    def _get(self, http: Http, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        ask.needs(self.settings, "api_key")
        call = Call(
            method="GET",
            url=self.address("api_url") + path,
            headers={"Authorization": f"Bearer {self.settings['api_key']}"},
            params={name: value for name, value in (params or {}).items() if value},
        )
        return ask.for_object(http, call, "Paddle")


def _phone_only(record: Any) -> dict[str, Any]:
    """A transaction's or subscription's own name is not a person's; only its custom_data can tell of one."""
    return {"custom_data": reading.dig(record, "custom_data")}


def _due(record: Any) -> str | None:
    """Billed on `billed_at`, due after the payment terms; Paddle writes the interval and not the day."""
    billed = reading.moment(reading.dig(record, "billed_at"))
    days = {"day": 1, "week": 7}.get(reading.text(record, "billing_details.payment_terms.interval"), 0)
    count = reading.decimal(reading.dig(record, "billing_details.payment_terms.frequency"))
    if not billed or not days or count is None or not 0 <= count <= 1000:
        return None
    return reading.iso(billed + timedelta(days=int(days * count)))


def _time(record: Any, path: str) -> str | None:
    return reading.iso(reading.moment(reading.dig(record, path)))


CONNECTOR = Paddle
