"""Stripe: invoices, payments, subscriptions and checkouts, pushed or polled.

Long because of five kinds of object with their fields, as snapshots and as thin events, and a poll.
Facts: stripe/stripe-python (signatures, v1 and v2 events) and stripe/openapi, read 2026-10. Which currencies Stripe
counts otherwise than ISO 4217 is not confirmed, hence the option `hundredths`.
The shape of `data.object` follows the API version pinned at the endpoint, so every field may be missing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from connectors.base import AskFailed, Connector, Hook, Http, Option, Page
from connectors.kit import ask, batches, naming, stamps
from connectors.kit.hooks import RestHooks
from model.event import Event, Incoming
from wire import reading
from wire.http import Call
from wire.signatures import Hmac

OVERLAP = timedelta(minutes=5)
PAGES = 40
LIST = {"limit": "25"}  # an event with a long invoice is large, and an answer is read up to 1 MB
PATH = re.compile(r"/v[12]/[A-Za-z0-9_./%-]+")

# Left out because another event tells the same fact: invoice.payment_succeeded (invoice.paid), invoice.sent
# (invoice.finalized), charge.succeeded and charge.failed (payment_intent.*), invoice.created (still a draft).
TYPES = {
    "invoice.finalized": "invoice.issued",
    "invoice.paid": "invoice.paid",
    "invoice.overdue": "invoice.overdue",
    "invoice.voided": "invoice.voided",
    "invoice.upcoming": "custom.invoice.upcoming",
    "invoice.will_be_due": "custom.invoice.due_soon",
    "invoice.payment_failed": "payment.failed",
    "invoice.payment_action_required": "custom.payment.action_required",
    "payment_intent.succeeded": "payment.succeeded",
    "payment_intent.payment_failed": "payment.failed",
    "charge.refunded": "payment.refunded",
    "charge.dispute.created": "custom.payment.disputed",
    "checkout.session.completed": "order.paid",
    "checkout.session.async_payment_succeeded": "order.paid",
    "checkout.session.async_payment_failed": "payment.failed",
    "customer.subscription.created": "subscription.created",
    "customer.subscription.updated": "subscription.updated",
    "customer.subscription.trial_will_end": "subscription.trial_ending",
    "customer.subscription.deleted": "subscription.cancelled",
    "customer.created": "contact.created",
    "customer.updated": "contact.updated",
    "customer.deleted": "contact.deleted",
}

# where a record can be asked for again, by the beginning of its id
PLACES = {"in_": "invoices", "pi_": "payment_intents", "sub": "subscriptions"}
SETTLED = {"paid", "void", "succeeded", "canceled"}
# what makes a text about an event wrong: the record's status by now
OVERTAKEN = {
    **dict.fromkeys(("invoice.issued", "invoice.overdue", "custom.invoice.due_soon", "payment.failed"), SETTLED),
    "custom.payment.action_required": SETTLED,
    "subscription.created": {"canceled"},
    "subscription.updated": {"canceled"},
    "subscription.trial_ending": {"canceled"},
}

PERSON_FIELDS = {
    "country": ("text", "The customer's country, ISO 3166 code."),
    "account": ("text", "The connected account the event belongs to, empty for your own."),
    "customer.id": ("text", "The customer's id in Stripe."),
    "customer.name": ("text", "The customer's full name."),
    "customer.email": ("text", "The customer's mail address."),
    "customer.phone": ("phone", "The customer's number: from the record, else looked up."),
    "customer.locale": ("text", "The customer's first preferred language."),
}
MONEY_FIELDS = {
    "id": ("text", "The record's id in Stripe."),
    "number": ("text", "The number the customer knows."),
    "status": ("text", "Stripe's own word for the state."),
    "total": ("money", "The amount in major units; for a refund what was paid back this time."),
    "currency": ("text", "ISO 4217 code."),
    **PERSON_FIELDS,
}
DUNNING_FIELDS = {
    "pay_url": ("text", "Stripe's page on which the invoice can be paid."),
    "attempts": ("number", "How often payment was tried."),
    "next_attempt_at": ("time", "When Stripe tries again, if it does."),
}
INVOICE_FIELDS = {
    **MONEY_FIELDS,
    **DUNNING_FIELDS,
    "amount_due": ("money", "What is still to be paid."),
    "due_date": ("time", "When it is due; empty where Stripe charges by itself."),
    "subscription_id": ("text", "The subscription it bills."),
}
PAYMENT_FIELDS = {
    **MONEY_FIELDS,
    **DUNNING_FIELDS,
    "invoice_id": ("text", "The invoice it pays, where Stripe says so."),
    "reason": ("text", "Stripe's code for why it failed or is disputed."),
}
SUBSCRIPTION_FIELDS = {
    "id": ("text", "The subscription's id."),
    "status": ("text", "trialing, active, past_due, canceled, unpaid, paused or incomplete."),
    "plan": ("text", "The name of the first price in it."),
    "trial_ends_at": ("time", "When the free trial ends."),
    "ends_at": ("time", "When it ends, if it was cancelled."),
    **PERSON_FIELDS,
}
CONTACT_FIELDS = {"id": ("text", "The customer's id."), **PERSON_FIELDS}
FIELDS = {
    "invoice": INVOICE_FIELDS,
    "payment": PAYMENT_FIELDS,
    "order": MONEY_FIELDS,
    "subscription": SUBSCRIPTION_FIELDS,
    "contact": CONTACT_FIELDS,
}
TOTALS = {"invoice": ("total",), "order": ("amount_total",)}
PAYMENT_TOTALS = ("amount_due", "amount_total", "amount")


class Stripe(Connector):
    """Stripe accounts."""

    name = "stripe"
    title = "Stripe"
    category = "billing"
    docs_url = "https://docs.stripe.com/webhooks"
    scheme = Hmac(
        header="stripe-signature",
        signed="{timestamp}.{body}",
        prefix="v1=",
        separator=",",
        timestamp_prefix="t=",
        past=timedelta(seconds=300),
        future=timedelta(seconds=300),  # Stripe's own library takes any time to come: such a request could be replayed
    )
    event_types: ClassVar[Mapping[str, str]] = naming.natives(TYPES)
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        event_type: FIELDS[naming.area(event_type)] for event_type in TYPES.values()
    }
    options: ClassVar[Mapping[str, Option]] = {
        "api_key": Option(text="Restricted key that may read Customers and Events.", default="", secret=True),
        "api_url": Option(text="Where Stripe's API is.", default="https://api.stripe.com"),
        "hundredths": Option(
            text="Currencies that Stripe counts in hundredths although ISO 4217 knows none.", default=("UGX",)
        ),
    }
    asks: ClassVar[Sequence[str]] = ("api_url",)
    setup: ClassVar[Sequence[str]] = (
        "In the Stripe dashboard open Developers > Webhooks and add an endpoint with the address of this source.",
        "Choose the events you have rules for; invoice.paid, not invoice.payment_succeeded.",
        "Choose either invoice.* or payment_intent.*: both tell of the same payment.",
        "Copy the signing secret (whsec_...) into the environment variable of this source.",
        "For phone numbers make a restricted key with read access to Customers and Events: `api_key`.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Most objects carry no phone: without `api_key` only invoices and checkouts that hold one lead to texts.",
        "In newer API versions a payment does not name its invoice: subscribe to both and both give an event.",
        "Stripe keeps events for 30 days; a poll cannot repair a longer gap.",
    )
    poll_every: ClassVar[str] = "5m"

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; types that no text is written for give none."""
        return self._events(reading.json_object(incoming.body), incoming)

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the record of a thin event, then the customer where no phone is known yet."""
        data, wanted, account = dict(event.data), event.lookup, reading.text(event.data, "account")
        if wanted.startswith("/"):
            data = self._read(event.type, self._get(http, wanted, account=account), account)
            wanted = _missing(event.type, data)
        if not wanted:
            return replace(event, data=data, lookup="")
        found = self._get(http, f"/v1/customers/{ask.part(wanted)}", account=account)
        if reading.flag(found, "deleted"):
            raise AskFailed("The customer was deleted in Stripe.", permanent=True)
        person = self._read("contact.updated", found, account)
        data["customer"] = {name: data["customer"][name] or value for name, value in person["customer"].items()}
        return replace(event, data={**data, "country": data["country"] or person["country"]}, lookup="")

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch an invoice, payment or subscription again; one that was settled, voided or cancelled since is gone."""
        if event.key[:3] not in PLACES or event.type not in OVERTAKEN:  # a refund stays a refund
            return event
        account = reading.text(event.data, "account")
        path = f"/v1/{PLACES[event.key[:3]]}/{ask.part(event.key)}"
        found = self._get(http, path, account=account)
        status = reading.text(found, "status")
        if status in OVERTAKEN.get(event.type, set()):
            raise AskFailed(f"In Stripe it is {status} by now.", gone=True)
        return replace(event, data=ask.kept(self._read(event.type, found, account), event.data))

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Page back from the newest event to the cursor; events keep the ids they have as webhooks.

        Events show up late, so the last minutes are always read again. After PAGES pages the place is held in `before`
        for the next call.
        """
        incoming = Incoming(source=self.name, received_at=now)
        feed = batches.Feed(at=_created, read=lambda one: self._events(one, incoming))
        if not cursor:
            listed = reading.items(self._get(http, "/v1/events", LIST), "data")
            return feed.baseline(listed, int(now.timestamp()))
        done, before = int(cursor["created"]), str(cursor.get("before", ""))
        since = max(int(cursor["floor"]), done - int(OVERLAP.total_seconds()))
        found: list[Any] = []
        for _ in range(PAGES):
            page = self._get(http, "/v1/events", {**LIST, "created[gte]": str(since), "starting_after": before})
            listed = reading.items(page, "data")
            found += listed
            before = reading.text(listed[-1], "id") if listed and reading.flag(page, "has_more") else ""
            if not before:
                break
        return feed.page(cursor, found, before)

    def _get(self, http: Http, path: str, params: Mapping[str, str] | None = None, *, account: str = "") -> Any:
        ask.needs(self.settings, "api_key")
        if not PATH.fullmatch(path):  # a thin event names it, and the key must not follow it anywhere else
            raise AskFailed("The event names a record outside of Stripe's API.", permanent=True)
        call = Call(
            method="GET",
            url=self.address("api_url") + path,
            headers={
                "Authorization": f"Bearer {self.settings['api_key']}",
                **({"Stripe-Account": quote(account, errors="replace")} if account else {}),
            },
            params={name: value for name, value in (params or {}).items() if value},
        )
        return ask.for_object(http, call, "Stripe")

    def _events(self, body: dict[str, Any], incoming: Incoming) -> list[Event]:
        event_id, native = reading.required(body, "id"), reading.required(body, "type")
        thin = reading.text(body, "object") == "v2.core.event"
        event_type = TYPES.get(native.removeprefix("v1.") if thin else native, "")
        record = reading.dig(body, "related_object" if thin else "data.object")
        if not event_type or _says_nothing_new(native, record):
            return []
        if not isinstance(record, dict):
            reading.bad_shape("The record the event is about is missing.")
        account = reading.text(body, "account")
        data = self._read(event_type, record, account)
        if native == "charge.refunded":
            earlier = reading.decimal(reading.dig(body, "data.previous_attributes.amount_refunded")) or 0
            # the record holds the sum of all refunds, the customer asks about this one
            this = (reading.decimal(reading.dig(record, "amount_refunded")) or 0) - earlier
            data = self._read(event_type, {**record, "amount": this}, account)
        return [
            Event(
                source=incoming.source,
                type=event_type,
                native_type=native,
                id=event_id,
                key=_key(record) or event_id,
                occurred_at=reading.moment(reading.dig(body, "created")) or incoming.received_at,
                version=reading.text(body, "created"),
                data=data,
                test=not reading.flag(body, "livemode"),
                lookup=reading.first_text(record, "url", "id") if thin else _missing(event_type, data),
            )
        ]

    def _read(self, event_type: str, record: Mapping[str, Any], account: str) -> dict[str, Any]:
        return _facts(naming.area(event_type), record, account, self.settings["hundredths"])

    def subscriptions(self) -> RestHooks:
        """The account's webhook endpoints; Stripe tells the secret of a new one once. Raises AskFailed."""
        ask.needs(self.settings, "api_key")
        headers = {"Authorization": f"Bearer {self.settings['api_key']}"}
        return RestHooks(
            system="Stripe",
            topics=tuple(TYPES),
            at_once=True,
            base=self.address("api_url"),
            place="/v1/webhook_endpoints",
            listed="data",
            query="?limit=100",
            secret="secret",  # noqa: S106 - the name of a field
            as_form=True,
            headers=headers,
            hook=lambda one: Hook(
                id=reading.text(one, "id"),
                address=reading.text(one, "url"),
                topics=[] if "*" in reading.items(one, "enabled_events") else reading.items(one, "enabled_events"),
                is_on=reading.text(one, "status") == "enabled",
            ),
            new=lambda wish: [("url", wish.address), *(("enabled_events[]", topic) for topic in wish.topics)],
            revive=lambda _: ("POST", [("disabled", "false")]),
        )


def _says_nothing_new(native: str, record: Any) -> bool:
    """An invoice's own events tell of its payments, and a checkout that still waits for its money is no paid order."""
    if native.startswith("payment_intent."):
        return bool(reading.text(record, "invoice"))
    if native != "checkout.session.completed":
        return False
    return reading.text(record, "payment_status") == "unpaid" or reading.text(record, "mode") == "setup"


def _facts(area: str, record: Any, account: str, hundredths: Collection[str]) -> dict[str, Any]:
    """Read whichever of an area's fields the record has; Stripe names them alike in all its objects."""
    currency = reading.text(record, "currency").upper()
    counted = "" if currency in hundredths else currency
    amounts = [reading.minor_amount(reading.dig(record, path), counted) for path in TOTALS.get(area, PAYMENT_TOTALS)]
    is_invoice = reading.text(record, "object") == "invoice"
    due = reading.dig(record, "amount_remaining")
    locale = reading.first_text(record, "preferred_locales.0", "locale")
    facts = {
        "id": reading.text(record, "id"),
        "number": reading.first_text(record, "number", "client_reference_id", "receipt_number"),
        "status": reading.first_text(record, "payment_status", "status"),
        "total": next((amount for amount in amounts if amount is not None), None),
        "amount_due": reading.minor_amount(reading.dig(record, "amount_due") if due is None else due, counted),
        "currency": currency,
        "due_date": _time(record, "due_date"),
        "pay_url": reading.text(record, "hosted_invoice_url"),
        "attempts": reading.text(record, "attempt_count"),
        "next_attempt_at": _time(record, "next_payment_attempt"),
        "subscription_id": _subscription_id(record),
        "invoice_id": reading.text(record, "id" if is_invoice else "invoice"),
        "reason": reading.first_text(
            record, "last_payment_error.decline_code", "last_payment_error.code", "failure_code", "reason"
        ),
        "plan": reading.first_text(record, "items.data.0.price.nickname", "plan.nickname"),
        "trial_ends_at": _time(record, "trial_end"),
        "ends_at": _time(record, "ended_at") or _time(record, "cancel_at"),
        "country": _first(record, "address.country"),
        "account": account,
        "customer": {
            "id": reading.text(record, "id" if reading.text(record, "object") == "customer" else "customer"),
            "name": _first(record, "name"),
            "email": _first(record, "email") or reading.text(record, "receipt_email"),
            "phone": _first(record, "phone"),
            "locale": "" if locale == "auto" else locale,
        },
    }
    return {name: value for name, value in facts.items() if name in FIELDS[area] or name == "customer"}


def _time(record: Any, path: str) -> str | None:
    return reading.iso(reading.moment(reading.dig(record, path)))


def _first(record: Any, name: str) -> str:
    """Read a detail of the person from the five places Stripe has for it."""
    places = (f"customer_{name}", f"customer_details.{name}", f"billing_details.{name}", name, f"shipping.{name}")
    return reading.first_text(record, *places)


def _missing(event_type: str, data: Mapping[str, Any]) -> str:
    """Return the customer to ask for a phone, "" where one is known or the event itself is the customer's record."""
    is_known = reading.text(data, "customer.phone") or naming.area(event_type) == "contact"
    return "" if is_known else reading.text(data, "customer.id")


def _key(record: Any) -> str:
    """Tie what is told of one payment together: its intent, its refunds, its dispute. Upcoming invoices have no id."""
    if reading.text(record, "object") in {"charge", "dispute"}:
        return reading.first_text(record, "payment_intent", "charge", "id")
    return reading.text(record, "id") or _subscription_id(record) or reading.text(record, "customer")


def _subscription_id(record: Any) -> str:
    """Invoices name their subscription in the place of the API version (moved in 2025)."""
    return reading.first_text(record, "parent.subscription_details.subscription", "subscription")


def _created(event: Any) -> int:
    return stamps.seconds(reading.moment(reading.dig(event, "created")))


CONNECTOR = Stripe
