"""Recurly: invoices, payments, subscriptions and accounts, by thin JSON webhooks, the look-up behind them, and a poll.

Facts: recurly/recurly-client-ruby (signature, records) and docs.recurly.com "Charge invoice notifications" and its
neighbours, read 2026-11. Not confirmed: the event names of payments, and which key names the record of a subscription.
What an invoice or a payment reached happens once, so such an event is named by it: webhook and poll name it alike.
Long because of thin webhooks: each of four kinds of record is looked up, and polled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qs

from connectors.base import AskFailed, Connector, Http, Option, Page
from connectors.kit import ask
from connectors.kit.scan import Listing, Sight, Window, scan
from connectors.kit.stamps import Stamps
from model.event import Event, Incoming
from wire import reading
from wire.http import Call
from wire.signatures import Hmac

OVERLAP = timedelta(minutes=5)
SIZE = 100
STAMP = Stamps()

# object_type.event_type -> ours
TYPES = {
    "charge_invoice.created": "invoice.issued",
    "charge_invoice.paid": "invoice.paid",
    "charge_invoice.past_due": "invoice.overdue",
    "charge_invoice.failed": "custom.invoice.failed",
    "payment.succeeded": "payment.succeeded",
    "payment.failed": "payment.failed",
    "payment.refunded": "payment.refunded",
    "subscription.created": "subscription.created",
    "subscription.updated": "subscription.updated",
    "subscription.canceled": "subscription.cancelled",
    "subscription.renewed": "custom.subscription.renewed",
    "subscription.expired": "custom.subscription.expired",
    "account.created": "contact.created",
    "account.updated": "contact.updated",
    "account.closed": "contact.deleted",
}
# object_type -> where its records are in the API, how one is named there, and the keys that name it in a webhook
PLACES = {
    "charge_invoice": ("invoices", "number-", ("invoice_number", "number")),
    "payment": ("transactions", "uuid-", ("uuid", "transaction_uuid")),
    "subscription": ("subscriptions", "uuid-", ("uuid", "subscription_uuid")),
    "account": ("accounts", "code-", ("account_code", "code")),
}
ONCE = frozenset({"charge_invoice", "payment"})
STATES = {"paid": "paid", "past_due": "past_due", "failed": "failed"}

PERSON_FIELDS = {
    "country": ("text", "The country of the account's address, ISO 3166 code (looked up)."),
    "customer.id": ("text", "Your own code of the account (looked up)."),
    "customer.name": ("text", "The full name, or the company's (looked up)."),
    "customer.first_name": ("text", "First name (looked up)."),
    "customer.email": ("text", "Mail address (looked up)."),
    "customer.phone": ("phone", "The account's number, else that of its billing information (looked up)."),
    "customer.locale": ("text", "The preferred language (looked up)."),
}
MONEY_FIELDS = {
    "id": ("text", "The invoice's number, or the payment's uuid."),
    "number": ("text", "The invoice's number."),
    "status": ("text", "Recurly's own word for the state (looked up)."),
    "total": ("money", "The amount in major units (looked up)."),
    "currency": ("text", "ISO 4217 code (looked up)."),
    **PERSON_FIELDS,
}
INVOICE_FIELDS = {
    **MONEY_FIELDS,
    "amount_due": ("money", "What is still to be paid (looked up)."),
    "due_date": ("time", "When it is due (looked up)."),
}
PAYMENT_FIELDS = {
    **MONEY_FIELDS,
    "method": ("text", "credit_card, paypal, bank_account_info and others (looked up)."),
    "reason": ("text", "The code for why it was declined (looked up)."),
    "reason_text": ("text", "The sentence Recurly has for the customer (looked up)."),
}
SUBSCRIPTION_FIELDS = {
    "id": ("text", "The subscription's uuid."),
    "status": ("text", "active, canceled, expired, failed, future or paused (looked up)."),
    "plan": ("text", "The plan's name (looked up)."),
    "trial_ends_at": ("time", "When the free trial ends (looked up)."),
    "next_billed_at": ("time", "When the current term ends and it is billed again (looked up)."),
    "ends_at": ("time", "When it ends, if it was cancelled (looked up)."),
    **PERSON_FIELDS,
}
CONTACT_FIELDS = {"id": ("text", "Your own code of the account."), **PERSON_FIELDS}
FIELDS = {"charge_invoice": INVOICE_FIELDS, "payment": PAYMENT_FIELDS, "subscription": SUBSCRIPTION_FIELDS,
          "account": CONTACT_FIELDS}  # fmt: skip


class Recurly(Connector):
    """One Recurly site."""

    name = "recurly"
    title = "Recurly"
    category = "billing"
    docs_url = "https://docs.recurly.com/recurly-subscriptions/docs/webhooks"
    scheme = Hmac(
        header="recurly-signature",
        signed="{timestamp}.{body}",
        separator=",",
        timestamp_first=True,
        milliseconds=True,
        past=timedelta(minutes=5),
        future=timedelta(minutes=5),
    )
    event_types: ClassVar[Mapping[str, str]] = {ours: native for native, ours in TYPES.items()}
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        ours: FIELDS[native.partition(".")[0]] for native, ours in TYPES.items()
    }
    options: ClassVar[Mapping[str, Option]] = {
        "api_key": Option(text="A private API key with read access, to look up and to poll.", default="", secret=True),
        "api_url": Option(text="Where Recurly's API is; https://v3.eu.recurly.com for sites in the EU.",
                          default="https://v3.recurly.com"),
        "api_version": Option(text="The API version to ask for.", default="v2021-02-25"),
        "test_mode": Option(text="True for a sandbox site: its events are never texted.", default=False),
    }  # fmt: skip
    asks: ClassVar[Sequence[str]] = ("api_url",)
    setup: ClassVar[Sequence[str]] = (
        "In Recurly open Integrations > Webhooks and add an endpoint in JSON with the address of this source.",
        "Copy the endpoint's secret key into the environment variable of this source, and choose the notifications.",
        "Under Integrations > API Credentials make a read-only private key: `api_key`.",
        "Of charge_invoice.paid and payment.succeeded let only one lead to a text: both tell of the same payment.",
    )
    limits: ClassVar[Sequence[str]] = (
        "A webhook holds ids only: without `api_key` no event leads to a text.",
        "Endpoints in XML, the older kind, are not read: choose JSON.",
        "Recurly promises no order. It waits 5 s for an answer.",
        "The poll tells what becomes of invoices; payments, subscriptions and accounts come by webhook only.",
    )
    poll_every: ClassVar[str] = "10m"

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; kinds that no text is written for give none."""
        body = reading.json_object(incoming.body)
        kind, what = reading.required(body, "object_type"), reading.required(body, "event_type")
        if f"{kind}.{what}" not in TYPES:
            return []
        record_id, told = reading.required(body, *PLACES[kind][2]), reading.text(body, "event_time")
        return [
            replace(
                self._event(kind, what, record_id, reading.moment(told) or incoming.received_at, {}),
                source=incoming.source,
                id=_once(kind, what, record_id) or reading.required(body, "id"),
                version=told,
                raw=None,
            )
        ]

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the record and the account behind it."""
        return replace(event, data=self._record(event, http), lookup="")

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the record again; an invoice that was settled since is gone."""
        data = self._record(event, http)
        is_asked_for = event.type in {"invoice.issued", "invoice.overdue"}
        if is_asked_for and data["status"] in {"paid", "closed", "failed", "voided"}:
            raise AskFailed(f"The invoice is {data['status']} in Recurly.", gone=True)
        return replace(event, data=data)

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of changed invoices and tell what each has become."""
        listing = Listing(
            read=lambda window: self._changed(http, window),
            identity=lambda one: reading.text(one, "id"),
            changed=lambda one: STAMP.of(_moment(one, "updated_at")),
            created=lambda one: STAMP.of(_moment(one, "created_at")),
            standing=lambda one: reading.text(one, "state"),
            news=lambda sight: self._news(now, sight),
            back=lambda stamp: STAMP.back(stamp, OVERLAP),
            start=STAMP.earliest,
        )
        return scan(listing, cursor)

    def _news(self, now: datetime, sight: Sight) -> Iterator[Event]:
        """Yield what an invoice has become."""
        state, number = reading.text(sight.record, "state"), reading.text(sight.record, "number")
        for what in [*(["created"] if sight.is_new else []), *([STATES[state]] if state in STATES else [])]:
            if number and reading.text(sight.record, "type") != "credit":
                at = _moment(sight.record, "created_at" if what == "created" else "updated_at") or now
                yield self._event("charge_invoice", what, number, at, sight.record)

    def _changed(self, http: Http, window: Window) -> tuple[list[dict[str, Any]], str]:
        """Read one page of invoices, by the time of their last change."""
        since = {} if window.since is None else {"begin_time": str(window.since)}
        params = {"sort": "updated_at", "order": "asc" if since else "desc", "limit": str(SIZE), **since}
        found = self._get(http, "invoices", {**params, **({"cursor": window.place} if window.place else {})})
        listed = [one for one in reading.items(found, "data") if isinstance(one, dict)]
        following = parse_qs(reading.text(found, "next").partition("?")[2]).get("cursor", [""])[0]
        return listed, following if reading.flag(found, "has_more") else ""

    def _event(self, kind: str, what: str, record_id: str, at: datetime, record: Mapping[str, Any]) -> Event:
        place, prefix, _ = PLACES[kind]
        number = {"number": record_id} if kind == "charge_invoice" else {}
        return Event(
            source=self.name,
            type=TYPES[f"{kind}.{what}"],
            native_type=f"{kind}.{what}",
            id=_once(kind, what, record_id),
            key=record_id,
            occurred_at=at,
            version=STAMP.of(at),
            data={**_data(kind, record, {}), "id": record_id, **number},
            raw=record,
            test=reading.flag(self.settings, "test_mode"),
            lookup=f"{place}/{prefix}{ask.part(record_id)}",
        )

    def _record(self, event: Event, http: Http) -> dict[str, Any]:
        kind = event.native_type.partition(".")[0]
        place, prefix, _ = PLACES[kind]
        record = self._get(http, f"{place}/{prefix}{ask.part(event.key)}")
        account_id = ask.part(reading.text(record, "account.id"))
        account = self._get(http, f"accounts/{account_id}") if account_id and kind != "account" else record
        found = _data(kind, record, account)
        return {**found, "id": event.key, **({"number": event.key} if kind == "charge_invoice" else {})}

    def _get(self, http: Http, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        ask.needs(self.settings, "api_key")
        call = Call(
            method="GET",
            url=f"{self.address('api_url')}/{path}",
            headers={"Accept": f"application/vnd.recurly.{self.settings['api_version']}"},
            params=params or {},
            auth=(str(self.settings["api_key"]), ""),
        )
        return ask.for_object(http, call, "Recurly")


def _once(kind: str, what: str, record_id: str) -> str:
    """Name what happens once to a record; "" where it may happen again and only Recurly's own id tells."""
    return f"{kind}/{record_id}/{what}" if kind in ONCE else ""


def _data(kind: str, record: Mapping[str, Any], account: Mapping[str, Any]) -> dict[str, Any]:
    """Read whichever of a kind's fields the record has."""
    total = reading.dig(record, "amount")
    facts = {
        "id": "",
        "number": reading.text(record, "invoice.number"),
        "status": reading.first_text(record, "state", "status"),
        "total": reading.amount(reading.dig(record, "total") if total is None else total),
        "currency": reading.text(record, "currency"),
        "amount_due": reading.amount(reading.dig(record, "balance")),
        "due_date": reading.iso(_moment(record, "due_at")),
        "method": reading.text(record, "payment_method.object"),
        "reason": reading.text(record, "status_code"),
        "reason_text": reading.text(record, "customer_message"),
        "plan": reading.text(record, "plan.name"),
        "trial_ends_at": reading.iso(_moment(record, "trial_ends_at")),
        "next_billed_at": reading.iso(_moment(record, "current_period_ends_at")),
        "ends_at": reading.iso(_moment(record, "expires_at")),
    }
    known = {name: value for name, value in facts.items() if name in FIELDS[kind]}
    return {**known, **_person(account or reading.dig(record, "account"))}


def _person(account: Any) -> dict[str, Any]:
    first, last = reading.text(account, "first_name"), reading.text(account, "last_name")
    return {
        "country": reading.first_text(account, "address.country", "billing_info.address.country"),
        "customer": {
            "id": reading.text(account, "code"),
            "name": f"{first} {last}".strip() or reading.text(account, "company"),
            "first_name": first,
            "email": reading.text(account, "email"),
            "phone": reading.first_text(account, "address.phone", "billing_info.address.phone"),
            "locale": reading.text(account, "preferred_locale"),
        },
    }


def _moment(record: Any, name: str) -> datetime | None:
    return reading.moment(reading.dig(record, name))


CONNECTOR = Recurly
