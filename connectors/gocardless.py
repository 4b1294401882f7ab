"""GoCardless: payments by direct debit, mandates and subscriptions, pushed in batches or polled.

Facts: gocardless/gocardless-pro-python (signature, events, links) and its list of events, read 2026-10. The actions
of refunds and subscriptions are not confirmed there, hence the option `types`.
Events are thin: the amount is on the payment, the phone on the customer behind the payment's mandate.
Long because the phone is two look-ups behind the event, for payments, mandates and subscriptions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from connectors.base import AskFailed, Connector, Http, Option, Page
from connectors.kit import ask, batches, naming
from model.event import Event, Incoming, is_event_type
from wire import reading
from wire.http import Call
from wire.signatures import Hmac

OVERLAP = timedelta(minutes=5)
PAGES = 20
LIST = {"limit": "100"}

# resource_type/action. payments/paid_out is left out: that money goes from GoCardless to you.
TYPES = {
    "payments/confirmed": "payment.succeeded",
    "payments/failed": "payment.failed",
    "payments/charged_back": "custom.payment.disputed",
    "payments/cancelled": "custom.payment.cancelled",
    "payments/customer_approval_denied": "payment.failed",
    "refunds/paid": "payment.refunded",
    "mandates/cancelled": "custom.mandate.cancelled",
    "mandates/failed": "custom.mandate.failed",
    "subscriptions/created": "subscription.created",
    "subscriptions/cancelled": "subscription.cancelled",
}
# resource_type -> the name of its link, and where the next record on the way to the customer is
NEXT = {
    "refunds": ("payment", "payments"),
    "payments": ("mandate", "mandates"),
    "subscriptions": ("mandate", "mandates"),
    "mandates": ("customer", "customers"),
}
LINKS = {"payments": "payment", "refunds": "refund", "mandates": "mandate", "subscriptions": "subscription"}
# what makes a text about an event wrong: the record's status by now
OVERTAKEN = {
    "payment.failed": {"confirmed", "paid_out", "cancelled"},
    "subscription.created": {"cancelled", "finished", "customer_approval_denied"},
    "custom.mandate.cancelled": {"active", "submitted", "pending_submission"},
    "custom.mandate.failed": {"active", "submitted", "pending_submission"},
}
NUMBERS = ("resource_metadata.order_number", "resource_metadata.invoice_number", "resource_metadata.reference")

FACT_FIELDS = {
    "id": ("text", "The id of the payment, refund, mandate or subscription."),
    "number": ("text", "order_number, invoice_number or reference of the record's metadata."),
    "status": ("text", "What happened to it, GoCardless's word (action)."),
    "total": ("money", "The amount in major units (looked up)."),
    "currency": ("text", "ISO 4217 code (looked up)."),
    "due_date": ("date", "The day on which the bank is asked for the money (looked up)."),
    "description": ("text", "What it is for, in your words (looked up)."),
    "reason": ("text", "GoCardless's code for the cause, such as insufficient_funds."),
    "reason_text": ("text", "The same in a sentence."),
    "by": ("text", "Who made it happen: bank, gocardless, api, customer or payer."),
    "will_retry": ("bool", "Whether GoCardless tries a failed payment again by itself."),
    "mandate_id": ("text", "The mandate it runs on (looked up)."),
    "country": ("text", "The customer's country, ISO 3166 code (looked up)."),
    "customer.id": ("text", "The customer's id in GoCardless (looked up)."),
    "customer.name": ("text", "The customer's full name, or the company's (looked up)."),
    "customer.first_name": ("text", "The customer's first name (looked up)."),
    "customer.email": ("text", "The customer's mail address (looked up)."),
    "customer.phone": ("phone", "The customer's number, often a landline (looked up)."),
    "customer.locale": ("text", "The customer's language (looked up)."),
}


class GoCardless(Connector):
    """GoCardless accounts."""

    name = "gocardless"
    title = "GoCardless"
    category = "billing"
    docs_url = "https://developer.gocardless.com/api-reference/#appendix-webhooks"
    scheme = Hmac(header="webhook-signature")
    event_types: ClassVar[Mapping[str, str]] = naming.natives(TYPES)
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = dict.fromkeys(event_types, FACT_FIELDS)
    options: ClassVar[Mapping[str, Option]] = {
        "access_token": Option(text="Read-only access token, to look up and to poll.", default="", secret=True),
        "api_url": Option(text="Where GoCardless's API is.", default="https://api.gocardless.com"),
        "api_version": Option(text="The GoCardless-Version to ask for.", default="2015-07-06"),
        "types": Option(text="Table of more or other types: resource_type/action -> ours, empty for none.", default={}),
        "test_mode": Option(text="True for a webhook of GoCardless's sandbox.", default=False),
    }
    asks: ClassVar[Sequence[str]] = ("api_url",)
    setup: ClassVar[Sequence[str]] = (
        "In the GoCardless dashboard open Developers > Create > Webhook endpoint and add the address of this source.",
        "Copy the webhook's secret into the environment variable of this source.",
        "Events carry neither amount nor phone: make a read-only access token, `access_token`.",
        "For the sandbox: a source of its own, `test_mode` true and `api_url` https://api-sandbox.gocardless.com.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Without `access_token` no event leads to a text.",
        "Customers often give a landline: let the rule check `customer.phone`.",
        "The signature has no time in it; a repeated delivery is recognised by the ids of its events.",
    )
    poll_every: ClassVar[str] = "10m"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        more = self.settings["types"]
        if not isinstance(more, Mapping) or any(value and not is_event_type(str(value)) for value in more.values()):
            raise ValueError("Setting types: expected a table of resource_type/action and an event type.")
        self._types = {**TYPES, **{str(native): str(normal) for native, normal in more.items()}}

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery holds up to hundreds of events; one that cannot be read does not hold up the others."""
        body = reading.json_object(incoming.body)
        listed = reading.dig(body, "events")
        if not isinstance(listed, list):
            reading.bad_shape("The list of events is missing.")
        return batches.all_of(listed, lambda one: self._event(one, incoming))

    def lookup(self, event: Event, http: Http) -> Event:
        """Follow the links from the record to the customer: refund, payment, mandate, customer."""
        kind, _, record_id = event.lookup.partition("/")
        record = self._record(http, kind, record_id)
        data = {**event.data, **_told(record)}
        while kind in NEXT:
            link, following = NEXT[kind]
            shortcut = reading.text(record, "links.customer")
            record_id = shortcut or reading.text(record, f"links.{link}")
            kind = "customers" if shortcut else following
            if not record_id:
                raise AskFailed(f"The record names no {link} in GoCardless.", permanent=True)
            record = self._record(http, kind, record_id)
            if not data["total"]:  # a refund is looked up for its own amount, the rest is on its payment
                data |= {name: value for name, value in _told(record).items() if value}
        country = reading.text(record, "country_code")
        return replace(event, data={**data, "country": country, "customer": _person(record)}, lookup="")

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the record again; a failure that was made good since is gone, and so is what was cancelled."""
        kind = event.native_type.partition("/")[0]
        if kind not in NEXT:
            return event
        record = self._record(http, kind, event.key)
        status = reading.text(record, "status")
        if status in OVERTAKEN.get(event.type, set()):
            raise AskFailed(f"In GoCardless it is {status} by now.", gone=True)
        return replace(event, data=ask.kept(_told(record), event.data))

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Page back from the newest event to the cursor; events keep the ids they have in webhooks.

        The last minutes are always read again. After PAGES pages the place is held in `before` for the next call.
        """
        incoming = Incoming(source=self.name, received_at=now)
        feed = batches.Feed(at=_created, read=lambda one: self._event(one, incoming))
        if not cursor:
            return feed.baseline(reading.items(self._get(http, "/events", LIST), "events"), _written(now))
        done, before = str(cursor["created"]), str(cursor.get("before", ""))
        since = max(_at(cursor["floor"], now), _at(done, now) - OVERLAP)
        found: list[Any] = []
        for _ in range(PAGES):
            params = {**LIST, "created_at[gte]": reading.iso(since) or "", "after": before}
            page = self._get(http, "/events", params)
            found += reading.items(page, "events")
            before = reading.text(page, "meta.cursors.after")
            if not before:
                break
        return feed.page(cursor, found, before)

    def _event(self, one: Any, incoming: Incoming) -> list[Event]:
        event_id, kind = reading.required(one, "id"), reading.required(one, "resource_type")
        action = reading.text(one, "action")
        event_type = self._types.get(f"{kind}/{action}", "")
        if not event_type:
            return []
        record_id = reading.required(one, f"links.{LINKS.get(kind, kind.removesuffix('s'))}")
        return [
            Event(
                source=incoming.source,
                type=event_type,
                native_type=f"{kind}/{action}",
                id=event_id,
                key=record_id,
                occurred_at=reading.moment(reading.dig(one, "created_at")) or incoming.received_at,
                version=reading.text(one, "created_at"),
                data={
                    **dict.fromkeys(("description", "mandate_id", "country", "currency"), ""),
                    "id": record_id,
                    "number": reading.first_text(one, *NUMBERS),
                    "status": action,
                    "total": None,
                    "due_date": None,
                    "reason": reading.text(one, "details.cause"),
                    "reason_text": reading.text(one, "details.description"),
                    "by": reading.text(one, "details.origin"),
                    "will_retry": reading.flag(one, "details.will_attempt_retry"),
                    "customer": _person({}),
                },
                raw=one,
                test=reading.flag(self.settings, "test_mode"),
                lookup=f"{kind}/{record_id}" if kind in NEXT else "",
            )
        ]

    def _record(self, http: Http, kind: str, record_id: str) -> dict[str, Any]:
        found = self._get(http, f"/{kind}/{ask.part(record_id)}").get(kind)
        return found if isinstance(found, dict) else {}

    def _get(self, http: Http, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        ask.needs(self.settings, "access_token")
        call = Call(
            method="GET",
            url=self.address("api_url") + path,
            headers={
                "Authorization": f"Bearer {self.settings['access_token']}",
                "GoCardless-Version": str(self.settings["api_version"]),
            },
            params={name: value for name, value in (params or {}).items() if value},
        )
        return ask.for_object(http, call, "GoCardless")


def _told(record: Mapping[str, Any]) -> dict[str, Any]:
    """Read what a payment, refund, subscription or mandate says about the money."""
    currency = reading.text(record, "currency").upper()
    return {
        "total": reading.minor_amount(reading.dig(record, "amount"), currency),
        "currency": currency,
        "due_date": reading.first_text(record, "charge_date", "start_date") or None,
        "description": reading.first_text(record, "description", "name"),
        "mandate_id": reading.text(record, "links.mandate"),
    }


def _person(customer: Mapping[str, Any]) -> dict[str, str]:
    first, last = reading.text(customer, "given_name"), reading.text(customer, "family_name")
    return {
        "id": reading.text(customer, "id"),
        "name": f"{first} {last}".strip() or reading.text(customer, "company_name"),
        "first_name": first,
        "email": reading.text(customer, "email"),
        "phone": reading.text(customer, "phone_number"),
        "locale": reading.text(customer, "language"),
    }


def _created(one: Any) -> str:
    moment = reading.moment(reading.dig(one, "created_at"))
    return _written(moment) if moment else ""


def _written(moment: datetime) -> str:
    """Write a moment so that texts compare as the moments do: always with its fraction."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _at(written: Any, now: datetime) -> datetime:
    return reading.moment(written) or now


CONNECTOR = GoCardless
