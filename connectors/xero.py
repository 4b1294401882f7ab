"""Xero: invoices and contacts. The webhook is a hint without content, the poll tells what an invoice has become.

Long because a notice names no change, so that each state is told by the invoice's own days, in webhook and poll alike.
Facts: XeroAPI/Xero-OpenAPI (webhooks, accounting) and XeroAPI/xero-python (client credentials), read 2026-11. Not
confirmed: the split of phone numbers and the types of phones beside DEFAULT, and how long Xero tries again.
A notice says that an invoice was touched, not how. The look-up names it by the state it is in, by the same id as the
poll, where the invoice's own days say that it has just come there; else it stays `custom.invoice.changed`. Only sales
invoices (ACCREC) concern a customer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar

from connectors.base import AskFailed, Connector, Http, Option, Page
from connectors.kit import ask, batches
from connectors.kit.scan import Listing, Sight, Window, scan
from connectors.kit.stamps import Stamps
from model.event import Answer, Event, Incoming
from wire import reading
from wire.http import Call
from wire.oauth import Session
from wire.signatures import Hmac

OVERLAP = timedelta(minutes=5)
LATE = timedelta(days=2)  # an invoice has a day and no time of making, and the day is the organisation's own
SIZE = 100
STAMP = Stamps("%Y-%m-%dT%H:%M:%S")
WCF_TIME = re.compile(r"/Date\((-?[0-9]{1,16})(?:[+-][0-9]{4})?\)/")

TOUCHED = "custom.invoice.changed"

# eventCategory/eventType -> ours; credit notes and app subscriptions are no news for a customer
TYPES = {
    "INVOICE/CREATE": TOUCHED,
    "INVOICE/UPDATE": TOUCHED,
    "CONTACT/CREATE": "contact.created",
    "CONTACT/UPDATE": "contact.updated",
}
PLACES = {"INVOICE": "Invoices", "CONTACT": "Contacts"}
STATES = {"AUTHORISED": "issued", "PAID": "paid", "VOIDED": "voided"}
CLOSED = frozenset({"PAID", "VOIDED", "DELETED"})
PHONES = ("MOBILE", "DEFAULT", "DDI")

PERSON_FIELDS = {
    "tenant": ("text", "The organisation's id in Xero."),
    "customer.id": ("text", "The contact's id (looked up)."),
    "customer.name": ("text", "The contact's name, often a company's (looked up)."),
    "customer.first_name": ("text", "The first name of the person there (looked up)."),
    "customer.email": ("text", "The contact's mail address (looked up)."),
    "customer.phone": ("phone", "The contact's mobile number, else its phone (looked up)."),
    "country": ("text", "The country of the contact's address, as it was typed (looked up)."),
}
INVOICE_FIELDS = {
    "id": ("text", "The invoice's id in Xero."),
    "number": ("text", "The number the customer knows (looked up)."),
    "status": ("text", "DRAFT, SUBMITTED, AUTHORISED, PAID or VOIDED (looked up)."),
    "reference": ("text", "Your own reference on it (looked up)."),
    "total": ("money", "The invoice's total in major units (looked up)."),
    "amount_due": ("money", "What is still to be paid (looked up)."),
    "currency": ("text", "ISO 4217 code (looked up)."),
    "due_date": ("date", "The day it is due (looked up)."),
    "pay_url": ("text", "Xero's page on which it can be seen and paid (looked up)."),
    **PERSON_FIELDS,
}
CONTACT_FIELDS = {"id": ("text", "The contact's id."), **PERSON_FIELDS}


class Xero(Connector):
    """Organisations in Xero."""

    name = "xero"
    title = "Xero"
    category = "billing"
    docs_url = "https://developer.xero.com/documentation/guides/webhooks/overview/"
    scheme = Hmac(header="x-xero-signature", encoding="base64")
    event_types: ClassVar[Mapping[str, str]] = {
        TOUCHED: "INVOICE CREATE or UPDATE that is none of those below; `status` tells how it stands",
        "contact.created": "CONTACT CREATE",
        "contact.updated": "CONTACT UPDATE",
        "invoice.issued": "poll, or a notice once looked up: a sales invoice became AUTHORISED",
        "invoice.paid": "poll, or a notice once looked up: a sales invoice became PAID",
        "invoice.voided": "poll, or a notice once looked up: a sales invoice became VOIDED",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        event_type: CONTACT_FIELDS if event_type.startswith("contact.") else INVOICE_FIELDS
        for event_type in event_types
    }
    options: ClassVar[Mapping[str, Option]] = {
        "tenant_id": Option(
            text="Poll: the organisation's id; also: take notices of this organisation only.", default=""
        ),
        "client_id": Option(text="The app's client id.", default=""),
        "client_secret": Option(text="The app's client secret.", default="", secret=True),
        "scope": Option(text="The scopes a custom connection asks for; empty for all it has.", default=""),
        "refresh_token": Option(text="For an app that is no custom connection.", default="", secret=True),
        "token_file": Option(text="Where its newest refresh token is kept; Xero replaces it at each use.", default=""),
        "pay_links": Option(text="Fetch the invoice's page as `pay_url`: one more request each.", default=True),
        "api_url": Option(text="Where Xero's API is.", default="https://api.xero.com/api.xro/2.0"),
        "token_url": Option(text="Where Xero gives tokens.", default="https://identity.xero.com/connect/token"),
    }
    asks: ClassVar[Sequence[str]] = ("api_url", "token_url")
    setup: ClassVar[Sequence[str]] = (
        "At developer.xero.com make a custom connection that may read accounting.transactions and accounting.contacts.",
        "Set `client_id`, `client_secret` and `tenant_id`: without them no phone is known and nothing is polled.",
        "Under Webhooks enter the address of this source, choose Invoices and Contacts, and save.",
        "Put the webhooks key into the environment variable of this source, then press Send Intent to receive.",
        "For another kind of app set `refresh_token` and `token_file` as well.",
    )
    limits: ClassVar[Sequence[str]] = (
        "A notice tells invoice.issued or .paid where the invoice's own days say it is new; the poll tells all others.",
        "Xero has no event for overdue: wait for `due_date` in a rule, with a recheck.",
        "Bills of your suppliers (ACCPAY) lead to no text; a sales invoice dated back by over 2 days is not issued.",
        "Xero waits 5 s, tries again for about a day and then disables the webhook (not confirmed).",
        "60 requests a minute and 5000 a day: each text takes up to three, each poll one.",
    )
    poll_every: ClassVar[str] = "5m"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        self._session = Session.of(self.settings)

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery holds many notices, or none at all when Xero tries whether anybody checks its signature."""
        listed = reading.dig(reading.json_object(incoming.body), "events")
        if not isinstance(listed, list):
            reading.bad_shape("The list of events is missing.")
        return batches.all_of(listed, lambda notice: self._notified(incoming, notice))

    def answer(self, events: Sequence[Event]) -> Answer:
        """Say nothing: Xero takes an empty 200 only."""
        return Answer(body="")

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the invoice and its contact, or the contact alone; a touched invoice is told as the poll tells it."""
        if event.lookup.partition("/")[2].startswith("Contacts/"):
            return replace(event, data=self._contact(event.lookup, http), lookup="")
        invoice, data = self._sales_invoice(event.lookup, http)
        told = self._became(event, invoice) if event.type == TOUCHED else None
        return replace(told or event, data=data, lookup="")

    def _became(self, event: Event, invoice: dict[str, Any]) -> Event | None:
        """Name a touched invoice by the state it has just reached; None where it may have been in it for long."""
        is_new = event.native_type == "INVOICE/CREATE" or _late(invoice) >= event.version
        sight = Sight(record={**invoice, "InvoiceID": event.key}, before=None, is_new=is_new)
        told = next(self._told(reading.text(event.data, "tenant"), sight, event.occurred_at), None)
        return replace(told, raw=None) if told else None

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the record again; an invoice that was paid or voided since is gone, and so is an archived contact."""
        place = "Contacts" if event.type.startswith("contact.") else "Invoices"
        data = self._record(f"{reading.text(event.data, 'tenant')}/{place}/{ask.part(event.key)}", http)
        status = data.get("status", "")
        if status in CLOSED and status != reading.text(event.data, "status"):
            raise AskFailed(f"The invoice is {status} in Xero.", gone=True)
        return replace(event, data=data)

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of changed sales invoices and tell what each has become."""
        tenant = str(self.settings["tenant_id"])
        ask.needs(self.settings, "tenant_id")
        listing = Listing(
            read=lambda window: self._changed(http, tenant, window),
            identity=lambda one: reading.text(one, "InvoiceID"),
            changed=lambda one: STAMP.of(_moment(one, "UpdatedDateUTC")),
            created=_late,
            standing=lambda one: reading.text(one, "Status"),
            news=lambda sight: self._told(tenant, sight, now),
            back=lambda stamp: STAMP.back(stamp, OVERLAP),
            start=STAMP.earliest,
            strangers=True,
        )
        return scan(listing, cursor)

    def _changed(self, http: Http, tenant: str, window: Window) -> tuple[list[dict[str, Any]], str]:
        """Read one page of sales invoices, by the time of their last change."""
        since = {} if window.since is None else {"If-Modified-Since": _http_date(window.since)}
        params = {
            "where": 'Type=="ACCREC"',
            "order": "UpdatedDateUTC ASC" if since else "UpdatedDateUTC DESC",
            "page": window.place or "1",
            "pageSize": str(SIZE),
        }
        listed = reading.items(self._get(http, tenant, "Invoices", params, since), "Invoices")
        found = [one for one in listed if isinstance(one, dict)]
        return found, str(int(window.place or 1) + 1) if len(listed) == SIZE else ""

    def _told(self, tenant: str, sight: Sight, now: datetime) -> Iterator[Event]:
        """Tell the state reached. An invoice not seen before is old where its own days say so: it was only edited."""
        invoice, status = sight.record, reading.text(sight.record, "Status")
        changed = _moment(invoice, "UpdatedDateUTC") or now
        paid_on = _moment(invoice, "FullyPaidOnDate")
        is_fresh = sight.before is not None or sight.is_new
        if status == "PAID" and not is_fresh:
            is_fresh = paid_on is not None and changed - paid_on < LATE
        if status not in STATES or not is_fresh or (status == "AUTHORISED" and sight.before in CLOSED):
            return
        invoice_id = reading.text(invoice, "InvoiceID")
        yield Event(
            source=self.name,
            type=f"invoice.{STATES[status]}",
            native_type="invoice",
            id=f"{tenant}/invoice/{invoice_id}/{STATES[status]}",
            key=invoice_id,
            occurred_at=changed,
            version=STAMP.of(changed),
            data=_invoice(tenant, invoice),
            raw=invoice,
            lookup=f"{tenant}/Invoices/{ask.part(invoice_id)}",
        )

    def _notified(self, incoming: Incoming, notice: Any) -> list[Event]:
        category, record_id = reading.required(notice, "eventCategory"), reading.required(notice, "resourceId")
        native, tenant = f"{category}/{reading.text(notice, 'eventType')}", reading.required(notice, "tenantId")
        if native not in TYPES or str(self.settings["tenant_id"]) not in {"", tenant}:
            return []
        told = reading.required(notice, "eventDateUtc")
        return [
            Event(
                source=incoming.source,
                type=TYPES[native],
                native_type=native,
                id=f"{tenant}/{native}/{record_id}/{told}",
                key=record_id,
                occurred_at=reading.moment(told, zone=UTC) or incoming.received_at,  # UTC without saying so
                version=told,
                data=_invoice(tenant, {"InvoiceID": record_id})
                if category == "INVOICE"
                else {"id": record_id, **_person(tenant, {"ContactID": record_id})},
                raw=notice,
                lookup=f"{tenant}/{PLACES[category]}/{ask.part(record_id)}",
            )
        ]

    def _record(self, wanted: str, http: Http) -> dict[str, Any]:
        """Read "tenant/Invoices/id"; the address in a notice is not followed, our token would travel with it."""
        is_contact = wanted.partition("/")[2].startswith("Contacts/")
        return self._contact(wanted, http) if is_contact else self._sales_invoice(wanted, http)[1]

    def _contact(self, wanted: str, http: Http) -> dict[str, Any]:
        tenant, _, path = wanted.partition("/")
        contact = self._one(http, tenant, path, "Contacts")
        if reading.text(contact, "ContactStatus") not in {"", "ACTIVE"}:
            raise AskFailed("The contact was archived in Xero.", gone=True)
        return {"id": reading.text(contact, "ContactID"), **_person(tenant, contact)}

    def _sales_invoice(self, wanted: str, http: Http) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return an invoice as Xero has it, and our data of it with its contact and its page."""
        tenant, _, path = wanted.partition("/")
        invoice = self._one(http, tenant, path, "Invoices")
        if reading.text(invoice, "Type") != "ACCREC":
            raise AskFailed("This is a supplier's bill, not an invoice to a customer.", permanent=True)
        contact_id = ask.part(reading.text(invoice, "Contact.ContactID"))
        contact = self._one(http, tenant, f"Contacts/{contact_id}", "Contacts") if contact_id else {}
        is_open = self.settings["pay_links"] and reading.text(invoice, "Status") == "AUTHORISED"
        page = self._one(http, tenant, f"{path}/OnlineInvoice", "OnlineInvoices") if is_open else {}
        pay_url = reading.text(page, "OnlineInvoiceUrl")
        return invoice, {**_invoice(tenant, invoice), **_person(tenant, contact), "pay_url": pay_url}

    def _one(self, http: Http, tenant: str, path: str, name: str) -> dict[str, Any]:
        found = reading.dig(self._get(http, tenant, path, {}, {}), f"{name}.0")
        return found if isinstance(found, dict) else {}

    def _get(
        self, http: Http, tenant: str, path: str, params: Mapping[str, str], more: Mapping[str, str]
    ) -> dict[str, Any]:
        ask.needs(self.settings, "client_id", "client_secret")
        call = Call(
            method="GET",
            url=f"{self.address('api_url')}/{path}",
            headers={"Accept": "application/json", "xero-tenant-id": ask.part(tenant), **more},
            params=params,
        )
        return ask.for_object(self._session.over(http), call, "Xero")


def _invoice(tenant: str, invoice: Mapping[str, Any]) -> dict[str, Any]:
    due = _moment(invoice, "DueDate")
    return {
        "id": reading.text(invoice, "InvoiceID"),
        "number": reading.text(invoice, "InvoiceNumber"),
        "status": reading.text(invoice, "Status"),
        "reference": reading.text(invoice, "Reference"),
        "total": reading.amount(reading.dig(invoice, "Total")),
        "amount_due": reading.amount(reading.dig(invoice, "AmountDue")),
        "currency": reading.text(invoice, "CurrencyCode"),
        "due_date": due.date().isoformat() if due else None,
        "pay_url": "",
        **_person(tenant, reading.dig(invoice, "Contact")),
    }


def _person(tenant: str, contact: Any) -> dict[str, Any]:
    addresses = {reading.text(one, "AddressType"): one for one in reading.items(contact, "Addresses")}
    return {
        "tenant": tenant,
        "country": reading.first_text(addresses, "STREET.Country", "POBOX.Country"),
        "customer": {
            "id": reading.text(contact, "ContactID"),
            "name": reading.text(contact, "Name"),
            "first_name": reading.text(contact, "FirstName"),
            "email": reading.text(contact, "EmailAddress"),
            "phone": _phone(contact),
        },
    }


def _phone(contact: Any) -> str:
    """Join the parts of the best number. A national 0 may stand behind the country code: readers of numbers drop it."""
    kinds = {reading.text(one, "PhoneType"): one for one in reversed(reading.items(contact, "Phones"))}
    for kind in PHONES:
        country, *rest = (
            reading.text(kinds.get(kind), name) for name in ("PhoneCountryCode", "PhoneAreaCode", "PhoneNumber")
        )
        if rest[-1]:
            prefix = f"+{country.lstrip('+0')}" if country.lstrip("+0") else ""
            return " ".join(part for part in (prefix, *rest) if part)
    return ""


def _moment(record: Any, name: str) -> datetime | None:
    """Read a time as Xero's JSON writes it, /Date(ms+0000)/, or beside it as text without a zone; both are UTC."""
    match = WCF_TIME.fullmatch(reading.text(record, name))
    if match:
        return reading.moment(int(match[1]), milliseconds=True)
    return reading.moment(reading.first_text(record, f"{name}String", name), zone=UTC)


def _late(invoice: Any) -> str:
    """Return until when an invoice may be told as new: its day, and the days somebody takes to enter it."""
    dated = _moment(invoice, "Date")
    return STAMP.of(dated and dated + LATE)


def _http_date(stamp: str) -> str:
    return format_datetime(STAMP.read(stamp), usegmt=True)


CONNECTOR = Xero
