"""ERPNext: webhooks of the Frappe framework, and the poll that finds what a webhook lost.

Long because of four documents with their states and fields, by webhook and poll.
Facts: frappe/frappe webhook.py and its REST overview, read 2026-11. Not confirmed: that `modified` is in the site's own
zone (hence the option `time_zone`), and the names of the fields of ERPNext's documents.
A webhook holds what its template says and neither doctype nor event, so both must be written into the template. An
event is named by the state the document reached: webhook and poll name it alike, and it counts once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from connectors.base import AskFailed, Connector, Http, Option, Page
from connectors.kit import ask, mapping
from connectors.kit.scan import Listing, Sight, Window, scan_each
from model.event import Event, Incoming
from wire import reading
from wire.http import Call
from wire.signatures import Hmac

STAMP = "%Y-%m-%d %H:%M:%S.%f"
EARLIEST = "1970-01-01 00:00:00.000000"
OVERLAP = timedelta(minutes=65)  # stamps are local: once a year the clock goes back by an hour
SIZE = 100

COMMON = ("name", "modified", "creation", "docstatus", "status", "customer", "contact_mobile")
DOCTYPES: Mapping[str, tuple[str, ...]] = {
    "Sales Order": (*COMMON, "grand_total", "currency", "per_delivered", "delivery_date"),
    "Sales Invoice": (*COMMON, "grand_total", "currency", "outstanding_amount", "due_date", "is_return"),
    "Delivery Note": (*COMMON, "lr_no", "transporter_name", "is_return"),
    "Payment Entry": ("name", "modified", "creation", "docstatus", "status", "payment_type", "paid_amount", "party"),
}
# what makes a text about an event wrong
OVERTAKEN = {
    "order.created": {"cancelled"},
    "invoice.issued": {"paid", "voided"},
    "invoice.overdue": {"paid", "voided"},
}

PERSON_FIELDS = {
    "customer.id": ("text", "The customer's id, often the name."),
    "customer.name": ("text", "The contact's name, or else the customer's."),
    "customer.email": ("text", "Mail address."),
    "customer.phone": ("phone", "The contact's mobile, or else the other number."),
    "customer.locale": ("text", "The document's language, such as de."),
    "fields.*": ("text", "Every field the webhook carries, under its own name, as text: fields.custom_phone."),
}
DOCUMENT_FIELDS = {
    "id": ("text", "The document's name, such as SAL-ORD-2026-00042."),
    "number": ("text", "The same: it is the number the customer knows."),
    "status": ("text", "ERPNext's word for the state."),
}
ORDER_FIELDS = {
    **DOCUMENT_FIELDS,
    "total": ("money", "The total in major units."),
    "currency": ("text", "ISO 4217 code."),
    "delivery_date": ("date", "The delivery date promised."),
    **PERSON_FIELDS,
}
INVOICE_FIELDS = {
    **DOCUMENT_FIELDS,
    "total": ("money", "The total in major units."),
    "amount_due": ("money", "What is still to be paid."),
    "currency": ("text", "ISO 4217 code."),
    "due_date": ("date", "When it is due."),
    **PERSON_FIELDS,
}
SHIPMENT_FIELDS = {
    **DOCUMENT_FIELDS,
    "status": ("text", "pre_transit: ERPNext tells when the goods leave the warehouse, and no more."),
    "carrier": ("text", "The transporter's name."),
    "tracking_number": ("text", "The transporter's number for it (lr_no)."),
    **PERSON_FIELDS,
    "recipient.name": ("text", "The contact's name."),
    "recipient.phone": ("phone", "The contact's number."),
    "recipient.locale": ("text", "The document's language."),
}
PAYMENT_FIELDS = {
    **DOCUMENT_FIELDS,
    "total": ("money", "What was paid, in major units."),
    "currency": ("text", "ISO 4217 code."),
    **PERSON_FIELDS,
}


class ErpNext(Connector):
    """One site with ERPNext."""

    name = "erpnext"
    title = "ERPNext / Frappe"
    category = "ERP"
    docs_url = "https://docs.frappe.io/framework/user/en/guides/integration/webhooks"
    scheme = Hmac(header="x-frappe-webhook-signature", encoding="base64")
    sender_headers: ClassVar[Mapping[str, str]] = {}
    event_types: ClassVar[Mapping[str, str]] = {
        "order.created": "Sales Order, submitted",
        "order.fulfilled": "Sales Order, delivered in full",
        "order.cancelled": "Sales Order, cancelled",
        "invoice.issued": "Sales Invoice, submitted",
        "invoice.paid": "Sales Invoice with status Paid",
        "invoice.overdue": "Sales Invoice with status Overdue",
        "invoice.voided": "Sales Invoice, cancelled",
        "shipment.created": "Delivery Note, submitted",
        "payment.succeeded": "Payment Entry of type Receive, submitted",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        **dict.fromkeys(("order.created", "order.fulfilled", "order.cancelled"), ORDER_FIELDS),
        **dict.fromkeys(("invoice.issued", "invoice.paid", "invoice.overdue", "invoice.voided"), INVOICE_FIELDS),
        "shipment.created": SHIPMENT_FIELDS,
        "payment.succeeded": PAYMENT_FIELDS,
    }
    options: ClassVar[Mapping[str, Option]] = {
        "url": Option(text="The site's address, such as https://erp.acme.example.", default=""),
        "api_key": Option(text="API key of a user who may read sales and customers.", default="", secret=True),
        "api_secret": Option(text="The secret that belongs to it.", default="", secret=True),
        "time_zone": Option(text="The site's zone, such as Europe/Berlin (System Settings).", default=""),
        "doctypes": Option(text=f"What to poll, of {', '.join(DOCTYPES)}.", default=tuple(DOCTYPES)[:3]),
    }
    asks: ClassVar[Sequence[str]] = ("url",)
    setup: ClassVar[Sequence[str]] = (
        "In ERPNext open Webhook > New: DocType Sales Order, Doc Event on_update_after_submit or on_submit.",
        "Request URL: the address of this source. Tick Enable Security; Webhook Secret: the secret of this source.",
        'JSON body: {"doctype": "{{ doc.doctype }}", "name": "{{ doc.name }}", "modified": "{{ doc.modified }}",',
        '"docstatus": "{{ doc.docstatus }}", "status": "{{ doc.status }}"}; what is missing is looked up.',
        "In the user's settings make API keys and set `url`, `api_key`, `api_secret`.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Frappe waits 5 s and tries three times within seconds, then never again: let the poll run beside it.",
        "A template that holds the current time is rendered twice, and its signature never fits.",
        "A document that reaches the same state again is told once. Returns give no event.",
        "Not confirmed: that the nightly job that makes an invoice Overdue moves its time of change, which polls need.",
    )
    poll_every: ClassVar[str] = "2m"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        self._zone = mapping.zone(str(self.settings["time_zone"]))
        mapping.choices(self.settings, "doctypes", DOCTYPES)

    def parse(self, incoming: Incoming) -> list[Event]:
        """One webhook is one document; drafts, returns and other doctypes give none."""
        body = reading.json_object(incoming.body)
        doctype = reading.first_text(body, "doctype") or incoming.query.get("doctype", "")
        if not doctype:
            reading.bad_shape("Field doctype is missing: write it into the webhook's template.")
        if doctype not in DOCTYPES:
            return []
        reading.required(body, "docstatus")
        extra = {name: reading.text(value) for name, value in body.items() if name and "." not in name}
        return [
            replace(event, data={**event.data, "fields": extra}) for event in self._told(incoming, doctype, body, ())
        ]

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the document, and the customer where the document has no phone."""
        return self._complete(event, self._document(event.key, http), http)

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch it again; a text about what is cancelled or paid by now is wrong."""
        document = self._document(event.key, http)
        reached = {tag for tag, _ in _reached(event.key.partition("/")[0], document)}
        if found := reached & OVERTAKEN.get(event.type, set()):
            raise AskFailed(f"In ERPNext it is {min(found)} by now.", gone=True)
        return self._complete(event, document, http)

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of each doctype, oldest change first."""
        listings = {str(doctype): self._listing(str(doctype), http, now) for doctype in self.settings["doctypes"]}
        return scan_each(listings, cursor)

    def _listing(self, doctype: str, http: Http, now: datetime) -> Listing:
        incoming = Incoming(source=self.name, received_at=now)

        def news(sight: Sight) -> Iterable[Event]:
            for event in self._told(incoming, doctype, sight.record, sight.before or ()):
                yield replace(event, raw=sight.record)

        return Listing(
            read=lambda window: self._changed(http, doctype, window),
            identity=lambda document: reading.text(document, "name"),
            changed=_stamp,
            created=lambda document: _stamp(document, "creation"),
            standing=lambda document: [tag for tag, _ in _reached(doctype, document)],
            news=news,
            back=_earlier,
            start=EARLIEST,
        )

    def _told(
        self, incoming: Incoming, doctype: str, document: dict[str, Any], before: Sequence[str]
    ) -> Iterator[Event]:
        name, data = reading.required(document, "name"), _data(doctype, document, {})
        for tag, event_type in _reached(doctype, document):
            if tag not in before:
                yield Event(
                    source=incoming.source,
                    type=event_type,
                    native_type=doctype,
                    id=f"{doctype}/{name}/{tag}",
                    key=f"{doctype}/{name}",
                    occurred_at=reading.moment(document.get("modified"), zone=self._zone) or incoming.received_at,
                    version=reading.text(document, "modified"),
                    data=data,
                    lookup=f"{doctype}/{name}",
                )

    def _complete(self, event: Event, document: dict[str, Any], http: Http) -> Event:
        doctype, customer = event.key.partition("/")[0], {}
        person = reading.first_text(document, "customer", "party")
        if person and not reading.first_text(document, "contact_mobile", "contact_phone"):
            customer = self._document(f"Customer/{person}", http)
        return replace(event, data={**event.data, **_data(doctype, document, customer)}, lookup="")

    def _document(self, key: str, http: Http) -> dict[str, Any]:
        doctype, _, name = key.partition("/")
        found = reading.dig(self._get(http, f"{quote(doctype)}/{ask.part(name)}", {}), "data")
        if not isinstance(found, dict):
            raise AskFailed("ERPNext's answer cannot be read.")
        return found

    def _changed(self, http: Http, doctype: str, window: Window) -> tuple[list[dict[str, Any]], str]:
        way, start = "desc" if window.since is None else "asc", int(window.place or 0)
        since = [] if window.since is None else [["modified", ">=", window.since]]
        params = {
            "fields": json.dumps(list(DOCTYPES[doctype])),
            "filters": json.dumps(since),
            "order_by": f"modified {way}, name {way}",
            "limit_page_length": str(SIZE),
            "limit_start": str(start),
        }
        listed = reading.items(self._get(http, quote(doctype), params), "data")
        documents = [document for document in listed if isinstance(document, dict)]
        return documents, str(start + SIZE) if len(listed) == SIZE else ""

    def _get(self, http: Http, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        ask.needs(self.settings, "url", "api_key", "api_secret")
        url = f"{self.address('url')}/api/resource/{path}"
        headers = {
            "Authorization": f"token {self.settings['api_key']}:{self.settings['api_secret']}",
            "Accept": "application/json",
        }
        return ask.for_object(http, Call(method="GET", url=url, headers=headers, params=params), "ERPNext")


def _reached(doctype: str, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a document tells: the word for a state it is in, and our type."""
    docstatus, status = reading.text(document, "docstatus"), reading.text(document, "status")
    is_valid, is_void = docstatus == "1", docstatus == "2"
    if reading.flag(document, "is_return") or not (is_valid or is_void):
        return
    if doctype == "Sales Order":
        yield ("submitted", "order.created") if is_valid else ("cancelled", "order.cancelled")
        if is_valid and (reading.decimal(document.get("per_delivered")) or 0) >= 100:
            yield "delivered", "order.fulfilled"
    elif doctype == "Sales Invoice":
        yield ("issued", "invoice.issued") if is_valid else ("voided", "invoice.voided")
        if is_valid and status in {"Paid", "Overdue"}:
            yield status.lower(), f"invoice.{status.lower()}"
    elif doctype == "Delivery Note" and is_valid:
        yield "submitted", "shipment.created"
    elif doctype == "Payment Entry" and is_valid and reading.text(document, "payment_type") == "Receive":
        yield "submitted", "payment.succeeded"


def _data(doctype: str, document: Mapping[str, Any], customer: Mapping[str, Any]) -> dict[str, Any]:
    name, status = reading.text(document, "name"), reading.text(document, "status")
    person = _person(document, customer)
    common: dict[str, Any] = {"id": name, "number": name, "status": status, "customer": person}
    if doctype == "Delivery Note":
        return {
            **common,
            "status": "pre_transit",
            "carrier": reading.text(document, "transporter_name"),
            "tracking_number": reading.text(document, "lr_no"),
            "recipient": {field: person[field] for field in ("name", "phone", "locale")},
        }
    common |= {
        "total": reading.amount(document.get("grand_total", document.get("paid_amount"))),
        "currency": reading.first_text(document, "currency", "paid_to_account_currency"),
    }
    if doctype == "Sales Invoice":
        due = {"due_date": reading.text(document, "due_date")}
        return {**common, **due, "amount_due": reading.amount(document.get("outstanding_amount"))}
    if doctype == "Sales Order":
        return {**common, "delivery_date": reading.text(document, "delivery_date")}
    return common


def _person(document: Mapping[str, Any], customer: Mapping[str, Any]) -> dict[str, str]:
    return {
        "id": reading.first_text(document, "customer", "party"),
        "name": reading.first_text(document, "contact_display", "customer_name", "party_name"),
        "email": reading.text(document, "contact_email") or reading.text(customer, "email_id"),
        "phone": reading.first_text(document, "contact_mobile", "contact_phone") or reading.text(customer, "mobile_no"),
        "locale": reading.text(document, "language") or reading.text(customer, "language"),
    }


def _stamp(document: Mapping[str, Any], name: str = "modified") -> str:
    """Return a time of the document as the site writes it, in its own zone; such texts compare like times."""
    try:
        found = datetime.fromisoformat(reading.text(document, name))
    except ValueError:
        return EARLIEST
    return found.isoformat(sep=" ", timespec="microseconds")[: len(EARLIEST)]


def _earlier(stamp: Any) -> str:
    found = datetime.fromisoformat(str(stamp))
    return EARLIEST if found.year < 1971 else (found - OVERLAP).isoformat(sep=" ", timespec="microseconds")


CONNECTOR = ErpNext
