"""Invoice Ninja: invoices, payments and clients, in the cloud or on your own machine.

Facts: invoiceninja/invoiceninja v5 (webhook job and event numbers, state of September 2024), read 2026-11. Not
confirmed: the numbers of the statuses, the links of invitations, and the sorting of lists.
A webhook is the bare record: no event, no time, no id, no signature. So each webhook is made with an address that
names its event (?event=60) and a header that proves it; events are named by what the record reached.
Long because each event has an address of its own, and three kinds of record their fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from connectors.base import AskFailed, Connector, Http, Option, Page
from connectors.kit import ask, naming, stamps
from connectors.kit.scan import Listing, Sight, Window, scan_each
from model.event import Event, Incoming
from wire import reading
from wire.http import Call
from wire.signatures import Token

OVERLAP = timedelta(minutes=5)
SIZE = 50
DRAFT, PAID, CANCELLED = "1", "4", "5"
COMPLETED = frozenset({"4", "5", "6"})  # of payments; 5 and 6 were refunded later, in part or in full
STATUSES = {"1": "draft", "2": "sent", "3": "partial", "4": "paid", "5": "cancelled", "6": "reversed"}
PAYMENT_STATUSES = {"1": "pending", "2": "cancelled", "3": "failed", "4": "completed", "5": "partially refunded",
                    "6": "refunded"}  # fmt: skip

# number of the event in Invoice Ninja -> the record, what happened, and a word for it
HOOKS = {
    "1": ("client", "created"),
    "10": ("client", "updated"),
    "11": ("client", "deleted"),
    "4": ("payment", "created"),
    "31": ("payment", "updated"),
    "8": ("invoice", "updated"),
    "9": ("invoice", "deleted"),
    "22": ("invoice", "late"),
    "24": ("invoice", "reminded"),
    "60": ("invoice", "sent"),
}
TYPES = {
    "invoice/sent": "invoice.issued",
    "invoice/paid": "invoice.paid",
    "invoice/late": "invoice.overdue",
    "invoice/reminded": "custom.invoice.reminded",
    "invoice/cancelled": "invoice.voided",
    "invoice/deleted": "invoice.voided",
    "payment/created": "payment.succeeded",
    "payment/failed": "payment.failed",
    "payment/refunded": "payment.refunded",
    "client/created": "contact.created",
    "client/updated": "contact.updated",
    "client/deleted": "contact.deleted",
}
# what can happen to a record more than once -> the field that tells the times apart
AGAIN = {"invoice/late": "due_date", "invoice/reminded": "updated_at", "client/updated": "updated_at",
         "payment/refunded": "refunded"}  # fmt: skip

PERSON_FIELDS = {
    "customer.id": ("text", "The client's id."),
    "customer.name": ("text", "The primary contact's name, else the client's."),
    "customer.first_name": ("text", "The primary contact's first name."),
    "customer.email": ("text", "The primary contact's mail address."),
    "customer.phone": ("phone", "The primary contact's number, else another contact's, else the client's."),
}
MONEY_FIELDS = {
    "id": ("text", "The record's id."),
    "number": ("text", "The number the customer knows."),
    "status": ("text", "draft, sent, partial, paid, cancelled, reversed; of a payment pending, completed, refunded."),
    "total": ("money", "The amount in major units; of a refund all that was paid back by then."),
    "currency": ("text", "The setting `currency`: records have a number instead."),
    **PERSON_FIELDS,
}
INVOICE_FIELDS = {
    **MONEY_FIELDS,
    "amount_due": ("money", "What is still to be paid."),
    "due_date": ("date", "The day it is due."),
    "pay_url": ("text", "The client's page on which it can be seen and paid."),
}
CONTACT_FIELDS = {"id": ("text", "The client's id."), **PERSON_FIELDS}
FIELDS = {"invoice": INVOICE_FIELDS, "payment": MONEY_FIELDS, "client": CONTACT_FIELDS}


class InvoiceNinja(Connector):
    """One company in Invoice Ninja, version 5."""

    name = "invoice_ninja"
    title = "Invoice Ninja"
    category = "billing"
    docs_url = "https://api-docs.invoicing.co/"
    scheme = Token(header="x-tidings-token")
    event_types: ClassVar[Mapping[str, str]] = naming.natives(TYPES, " ")
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        ours: FIELDS[native.partition("/")[0]] for native, ours in TYPES.items()
    }
    options: ClassVar[Mapping[str, Option]] = {
        "api_token": Option(text="API token, to look up clients and to poll.", default="", secret=True),
        "api_url": Option(text="Where Invoice Ninja's API is.", default="https://invoicing.co/api/v1"),
        "currency": Option(text="The company's currency, ISO 4217 code.", default=""),
    }
    asks: ClassVar[Sequence[str]] = ("api_url",)
    setup: ClassVar[Sequence[str]] = (
        "Under Settings > Account Management > API Webhooks make one webhook per event you have rules for.",
        "Target URL: the address of this source with ?event= and the event's number, 60 for Sent Invoice.",
        "The others: 22 Late, 24 Remind, 8 Update, 9 Delete Invoice; 4 Create, 31 Update Payment; 1, 10, 11 Client.",
        "Add the header X-Tidings-Token with the secret in the environment variable of this source.",
        "Make an API token: `api_token`. Let the poll run beside the webhooks.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Invoice Ninja signs nothing: whoever knows the header can send; keep the address on https.",
        "It gives a delivery up at once when we are down (5xx): the poll finds it.",
        "It deletes a webhook whose address answers 404, 405 or 410, as a proxy may during an update: look after it.",
        "An invoice that is created is a draft: it is issued when it is sent.",
        "invoice.overdue and the reminders come by webhook only.",
    )
    poll_every: ClassVar[str] = "5m"

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one record; which event it is says the address."""
        hook = reading.text(incoming.query.get("event"))
        if not hook:
            reading.bad_shape("The address does not say which event this is: add ?event= and its number.")
        body = reading.json_object(incoming.body)
        if hook not in HOOKS:
            return []
        kind, what = HOOKS[hook]
        return [replace(event, raw=None) for event in self._events(kind, _words(kind, what, body), body, incoming)]

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the client with its contacts."""
        found = self._get(http, f"clients/{event.lookup}").get("data")
        return replace(event, data={**event.data, "customer": _person(found)}, lookup="")

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch an invoice again; one that was paid, cancelled or deleted since is gone."""
        if event.type not in {"invoice.issued", "invoice.overdue", "custom.invoice.reminded"}:
            return event
        found = self._get(http, f"invoices/{ask.part(event.key)}").get("data")
        data = self._data("invoice", found)
        if data["status"] not in {"sent", "partial"} or reading.flag(found, "is_deleted"):
            raise AskFailed(f"The invoice is {data['status'] or 'deleted'} in Invoice Ninja.", gone=True)
        return replace(event, data={**data, "customer": event.data["customer"]})

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of changed invoices and one of changed payments."""
        incoming = Incoming(source=self.name, received_at=now)
        return scan_each({kind: self._listing(kind, http, incoming) for kind in ("invoice", "payment")}, cursor)

    def _listing(self, kind: str, http: Http, incoming: Incoming) -> Listing:
        def read(window: Window) -> tuple[list[dict[str, Any]], str]:
            number = int(window.place or 1)
            since = {} if window.since is None else {"updated_at": str(window.since)}
            params = {"sort": f"updated_at|{'asc' if since else 'desc'}", "include": "client", "per_page": str(SIZE)}
            listed = reading.items(self._get(http, f"{kind}s", {**params, **since, "page": str(number)}), "data")
            return [one for one in listed if isinstance(one, dict)], str(number + 1) if len(listed) == SIZE else ""

        def news(sight: Sight) -> Iterator[Event]:
            told = set(sight.before or ())
            words = [word.partition("-")[0] for word in _standing(kind, sight.record) if word not in told]
            yield from self._events(kind, words, sight.record, incoming)

        return Listing(
            read=read,
            identity=lambda one: reading.text(one, "id"),
            changed=lambda one: _seconds(one, "updated_at"),
            created=lambda one: _seconds(one, "created_at"),
            standing=lambda one: _standing(kind, one),
            news=news,
            back=lambda stamp: max(int(stamp) - int(OVERLAP.total_seconds()), 0),
        )

    def _events(
        self, kind: str, words: Sequence[str], record: Mapping[str, Any], incoming: Incoming
    ) -> Iterator[Event]:
        for word in words:
            native = f"{kind}/{word}"
            if native not in TYPES:
                continue
            record_id, data = reading.required(record, "id"), self._data(kind, record)
            if word == "refunded":
                data["total"] = reading.amount(reading.dig(record, "refunded"))
            again = reading.text(record, AGAIN[native]) if native in AGAIN else ""
            client_id = data["customer"]["id"]
            is_known = data["customer"]["phone"] or kind == "client"
            yield Event(
                source=incoming.source,
                type=TYPES[native],
                native_type=native,
                id=f"{native.replace('/', f'/{record_id}/')}{f'/{again}' if again else ''}",
                key=record_id,
                occurred_at=reading.moment(reading.dig(record, "updated_at")) or incoming.received_at,
                version=reading.text(record, "updated_at"),
                data=data,
                raw=record,
                lookup="" if is_known or not client_id else ask.part(client_id),
            )

    def _data(self, kind: str, record: Any) -> dict[str, Any]:
        names = PAYMENT_STATUSES if kind == "payment" else STATUSES
        client = record if kind == "client" else reading.dig(record, "client")
        facts = {
            "id": reading.text(record, "id"),
            "number": reading.text(record, "number"),
            "status": names.get(reading.text(record, "status_id"), ""),
            "total": reading.amount(reading.dig(record, "amount")),
            "currency": str(self.settings["currency"]),
            "amount_due": reading.amount(reading.dig(record, "balance")),
            "due_date": reading.text(record, "due_date") or None,
            "pay_url": reading.text(record, "invitations.0.link"),
        }
        known = {name: value for name, value in facts.items() if name in FIELDS[kind]}
        person = _person(client)
        return {**known, "customer": {**person, "id": person["id"] or reading.text(record, "client_id")}}

    def _get(self, http: Http, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        ask.needs(self.settings, "api_token")
        call = Call(
            method="GET",
            url=f"{self.address('api_url')}/{path}",
            headers={"X-API-TOKEN": str(self.settings["api_token"]), "X-Requested-With": "XMLHttpRequest"},
            params=params or {},
        )
        return ask.for_object(http, call, "Invoice Ninja")


def _words(kind: str, what: str, record: Mapping[str, Any]) -> list[str]:
    """Return what a webhook tells. An update of an old record is no second beginning, and a draft was never seen."""
    standing = [word.partition("-")[0] for word in _standing(kind, record)]
    if kind == "payment" or (kind, what) == ("invoice", "updated"):
        return standing if what == "created" else [word for word in standing if word not in {"sent", "created"}]
    is_draft = kind == "invoice" and reading.text(record, "status_id") == DRAFT
    return [] if is_draft and what == "deleted" else [what]


def _standing(kind: str, record: Any) -> list[str]:
    """Return what a record has become by now; what is behind the dash makes it another standing, not another word."""
    status = reading.text(record, "status_id")
    if kind == "invoice":
        if reading.flag(record, "is_deleted"):
            return ["deleted"]
        if status not in STATUSES or status == DRAFT:
            return ["draft"]
        return ["sent", *(["paid"] if status == PAID else ["cancelled"] if status == CANCELLED else [])]
    refunded = reading.decimal(reading.dig(record, "refunded"))
    words = ["created"] if status in COMPLETED else ["failed"] if status == "3" else []
    return [*words, *([f"refunded-{refunded}"] if refunded else [])]


def _person(client: Any) -> dict[str, str]:
    """Read the primary contact, and the number of whoever has one."""
    listed = [one for one in reading.items(client, "contacts") if isinstance(one, dict)]
    listed.sort(key=lambda one: not reading.flag(one, "is_primary"))
    first = listed[0] if listed else {}
    name = f"{reading.text(first, 'first_name')} {reading.text(first, 'last_name')}".strip()
    numbers = [reading.text(one, "phone") for one in listed]
    return {
        "id": reading.text(client, "id"),
        "name": name or reading.first_text(client, "display_name", "name"),
        "first_name": reading.text(first, "first_name"),
        "email": reading.text(first, "email"),
        "phone": next(filter(None, numbers), "") or reading.text(client, "phone"),
    }


def _seconds(record: Any, name: str) -> int:
    return stamps.seconds(reading.moment(reading.dig(record, name)))


CONNECTOR = InvoiceNinja
