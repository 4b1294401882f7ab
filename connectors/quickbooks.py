"""QuickBooks Online: invoices, payments and customers, by thin webhooks of both formats and a poll.

Long because of two forms of webhook side by side, four kinds of record, and a poll.
Facts: intuit/QuickBooks-V3-DotNET-SDK (signature), Intuit's pages on webhooks and their CloudEvents form, read 2026-11.
Not confirmed: the names of the phone fields, `include=invoiceLink`, and until when the older format is sent.
Both formats live side by side for a while, and Intuit sends a change more than once. So an event is named by what
happened to the record: either format and the poll name it alike, and it counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from connectors.base import AskFailed, Connector, Http, Option, Page
from connectors.kit import ask, batches
from connectors.kit.scan import Listing, Sight, Window, scan_each
from connectors.kit.stamps import Stamps
from model.event import Event, Incoming
from wire import reading
from wire.http import Call
from wire.oauth import Session
from wire.signatures import Hmac

OVERLAP = timedelta(minutes=5)
SIZE = 100
STAMP = Stamps()
NO_SUCH_RECORD = "610"
VERBS = {"create": "created", "update": "updated", "delete": "deleted", "void": "voided", "merge": "merged"}

# entity.verb -> ours. An update of an invoice may be anything; that it was paid is told by the poll.
TYPES = {
    "invoice.created": "invoice.issued",
    "invoice.voided": "invoice.voided",
    "invoice.emailed": "custom.invoice.sent",
    "payment.created": "payment.succeeded",
    "refundreceipt.created": "payment.refunded",
    "customer.created": "contact.created",
    "customer.updated": "contact.updated",
}
NAMES = {"invoice": "Invoice", "payment": "Payment", "refundreceipt": "RefundReceipt", "customer": "Customer"}
REPEATED = frozenset({"emailed", "updated"})  # what can happen to one record more than once

PERSON_FIELDS = {
    "company_id": ("text", "The company's id in QuickBooks (realm)."),
    "customer.id": ("text", "The customer's id (looked up)."),
    "customer.name": ("text", "The customer's name as shown in QuickBooks (looked up)."),
    "customer.first_name": ("text", "First name (looked up)."),
    "customer.email": ("text", "Mail address (looked up)."),
    "customer.phone": ("phone", "The mobile number, else the phone: text as somebody typed it (looked up)."),
    "country": ("text", "The country of the customer's address, as it was typed (looked up)."),
}
MONEY_FIELDS = {
    "id": ("text", "The record's id in QuickBooks."),
    "number": ("text", "The number the customer knows (looked up)."),
    "total": ("money", "The amount in major units (looked up)."),
    "currency": ("text", "ISO 4217 code (looked up)."),
    **PERSON_FIELDS,
}
INVOICE_FIELDS = {
    **MONEY_FIELDS,
    "status": ("text", "open, or paid when nothing is due any more (looked up)."),
    "amount_due": ("money", "What is still to be paid (looked up)."),
    "due_date": ("date", "The day it is due (looked up)."),
    "pay_url": ("text", "The page on which it can be paid, where QuickBooks Payments is on (looked up)."),
}
PAYMENT_FIELDS = {**MONEY_FIELDS, "invoice_id": ("text", "The first invoice it pays (looked up).")}
CONTACT_FIELDS = {"id": ("text", "The customer's id."), **PERSON_FIELDS}
FIELDS = {"invoice": INVOICE_FIELDS, "payment": PAYMENT_FIELDS, "refundreceipt": PAYMENT_FIELDS,
          "customer": CONTACT_FIELDS}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change as either format tells it. `verb` as the newer one writes it."""

    company: str
    entity: str
    record_id: str
    verb: str
    at: datetime

    @property
    def native(self) -> str:
        """Entity and verb, as in TYPES."""
        return f"{self.entity}.{self.verb}"


class QuickBooks(Connector):
    """Companies in QuickBooks Online."""

    name = "quickbooks"
    title = "QuickBooks Online"
    category = "billing"
    docs_url = "https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks"
    scheme = Hmac(header="intuit-signature", encoding="base64")
    event_types: ClassVar[Mapping[str, str]] = {
        **{ours: native for native, ours in TYPES.items()},
        "invoice.paid": "poll: nothing is due any more of an invoice",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        **{ours: FIELDS[native.partition(".")[0]] for native, ours in TYPES.items()},
        "invoice.paid": INVOICE_FIELDS,
    }
    options: ClassVar[Mapping[str, Option]] = {
        "company_id": Option(text="Poll: the company's id (realm); also: take changes of this one only.", default=""),
        "client_id": Option(text="The app's client id.", default=""),
        "client_secret": Option(text="The app's client secret.", default="", secret=True),
        "refresh_token": Option(text="A refresh token of the company for the app.", default="", secret=True),
        "token_file": Option(text="Where the newest refresh token is kept; Intuit replaces it daily.", default=""),
        "api_url": Option(text="Where QuickBooks's API is.", default="https://quickbooks.api.intuit.com"),
        "token_url": Option(
            text="Where Intuit gives tokens.", default="https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"
        ),
        "minor_version": Option(text="The minor version of the API to ask for.", default="75"),
        "test_mode": Option(text="True for a sandbox company: its events are never texted.", default=False),
    }
    asks: ClassVar[Sequence[str]] = ("api_url", "token_url")
    setup: ClassVar[Sequence[str]] = (
        "In Intuit's developer portal open your app > Webhooks and add the address of this source.",
        "Choose Invoice, Payment, RefundReceipt and Customer, and put the verifier token into this source's variable.",
        "With Intuit's OAuth playground get a refresh token (accounting scope) and note the realm id.",
        "Set `client_id`, `client_secret`, `refresh_token`, `token_file` and `company_id`.",
        "For a sandbox: a source of its own, `test_mode` true, `api_url` https://sandbox-quickbooks.api.intuit.com.",
    )
    limits: ClassVar[Sequence[str]] = (
        "A webhook holds ids only: without the keys no event leads to a text.",
        "Intuit replaces the refresh token: without `token_file` a restart needs a new one.",
        "invoice.paid comes from the poll, for the last thousand invoices; payment.succeeded for every payment.",
        "QuickBooks has no event for overdue: wait for `due_date` in a rule, with a recheck.",
        "Phones are free text (with extensions, two in one field). Deleted and merged records give no event.",
    )
    poll_every: ClassVar[str] = "5m"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        self._session = Session.of(self.settings)

    def parse(self, incoming: Incoming) -> list[Event]:
        """A list of CloudEvents is the newer format, an object with eventNotifications the older."""
        body = reading.json_body(incoming.body)
        if not isinstance(body, list) and not isinstance(reading.dig(body, "eventNotifications"), list):
            reading.bad_shape("Neither a list of events nor eventNotifications.")
        told = [(None, one) for one in body] if isinstance(body, list) else list(_older(body))

        def read(pair: tuple[str | None, Any]) -> Iterable[Event]:
            company, one = pair
            return self._events(_newer(one) if company is None else _change(company, one), incoming, one)

        return batches.all_of(told, read)

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the record and its customer."""
        return replace(event, data=self._record(event.lookup, http), lookup="")

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the record again; an invoice that was paid or voided since is gone, and so is a deleted record."""
        entity = {"contact": "customer", "custom": "invoice"}.get(event.type.partition(".")[0], "")
        entity = entity or ("refundreceipt" if event.type == "payment.refunded" else event.type.partition(".")[0])
        data = self._record(f"{reading.text(event.data, 'company_id')}/{entity}/{ask.part(event.key)}", http)
        if event.type in {"invoice.issued", "custom.invoice.sent"} and data["status"] != "open":
            raise AskFailed("Nothing is due of this invoice any more.", gone=True)
        return replace(event, data=data)

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of changed invoices and one of changed payments."""
        ask.needs(self.settings, "company_id")
        incoming = Incoming(source=self.name, received_at=now)
        return scan_each({entity: self._listing(entity, http, incoming) for entity in ("invoice", "payment")}, cursor)

    def _listing(self, entity: str, http: Http, incoming: Incoming) -> Listing:
        company = str(self.settings["company_id"])
        return Listing(
            read=lambda window: self._changed(http, company, entity, window),
            identity=lambda one: reading.text(one, "Id"),
            changed=lambda one: STAMP.of(_moment(one, "LastUpdatedTime")),
            created=lambda one: STAMP.of(_moment(one, "CreateTime")),
            standing=lambda one: _status(one) if entity == "invoice" else "",
            news=lambda sight: self._news(incoming, company, entity, sight),
            back=lambda stamp: STAMP.back(stamp, OVERLAP),
            start=STAMP.earliest,
        )

    def _news(self, incoming: Incoming, company: str, entity: str, sight: Sight) -> Iterator[Event]:
        """Yield what a record tells: that it is new, that an invoice is paid."""
        verbs = ["created"] if sight.is_new else []
        if entity == "invoice" and _status(sight.record) == "paid":
            verbs.append("paid")
        for verb in verbs:
            at = _moment(sight.record, "CreateTime" if verb == "created" else "LastUpdatedTime")
            change = Change(company=company, entity=entity, record_id=reading.text(sight.record, "Id"), verb=verb,
                            at=at or incoming.received_at)  # fmt: skip
            yield from self._events(change, incoming, sight.record)

    def _changed(self, http: Http, company: str, entity: str, window: Window) -> tuple[list[dict[str, Any]], str]:
        """Read one page of records, by the time of their last change."""
        start = int(window.place or 1)
        wanted = f"where MetaData.LastUpdatedTime >= '{window.since}' " if window.since else ""
        query = (
            f"select * from {NAMES[entity]} {wanted}orderby MetaData.LastUpdatedTime "  # noqa: S608 - no database
            f"{'asc' if wanted else 'desc'} startposition {start} maxresults {SIZE}"
        )
        found = self._get(http, f"{ask.part(company)}/query", {"query": query})
        listed = reading.items(found, f"QueryResponse.{NAMES[entity]}")
        return [one for one in listed if isinstance(one, dict)], str(start + SIZE) if len(listed) == SIZE else ""

    def _events(self, change: Change, incoming: Incoming, raw: Mapping[str, Any]) -> list[Event]:
        event_type = "invoice.paid" if change.native == "invoice.paid" else TYPES.get(change.native, "")
        if not event_type or str(self.settings["company_id"]) not in {"", change.company}:
            return []
        name = f"{change.company}/{change.entity}/{change.record_id}/{change.verb}"
        data = _data(change.entity, raw, change.company)
        return [
            Event(
                source=incoming.source,
                type=event_type,
                native_type=change.native,
                id=f"{name}/{STAMP.of(change.at)}" if change.verb in REPEATED else name,
                key=change.record_id,
                occurred_at=change.at,
                version=STAMP.of(change.at),
                data={**data, "id": change.record_id},
                raw=raw,
                test=reading.flag(self.settings, "test_mode"),
                lookup=f"{change.company}/{change.entity}/{ask.part(change.record_id)}",
            )
        ]

    def _record(self, wanted: str, http: Http) -> dict[str, Any]:
        company, entity, record_id = (*wanted.split("/"), "", "")[:3]
        record = self._one(http, company, entity, record_id)
        customer_id = ask.part(reading.text(record, "CustomerRef.value"))
        if entity == "customer" or not customer_id:
            return _data(entity, record, company)
        customer = self._one(http, company, "customer", customer_id)
        return {**_data(entity, record, company), **_person(customer, company)}

    def _one(self, http: Http, company: str, entity: str, record_id: str) -> dict[str, Any]:
        more = {"include": "invoiceLink"} if entity == "invoice" else {}
        found = self._get(http, f"{ask.part(company)}/{entity}/{record_id}", more)
        record = found.get(NAMES.get(entity, ""))
        return record if isinstance(record, dict) else {}

    def _get(self, http: Http, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        ask.needs(self.settings, "client_id", "client_secret", "refresh_token")
        call = Call(
            method="GET",
            url=f"{self.address('api_url')}/v3/company/{path}",
            headers={"Accept": "application/json"},
            params={**params, "minorversion": str(self.settings["minor_version"])},
        )
        found = ask.for_object(self._session.over(http), call, "QuickBooks", fine=(200, 400))
        code = reading.text(found, "Fault.Error.0.code")
        if not found or "Fault" in found:  # a deleted record is a 400 here, not a 404
            raise AskFailed(f"QuickBooks refused with fault {code}.", permanent=True, gone=code == NO_SUCH_RECORD)
        return found


def _older(body: Any) -> Iterator[tuple[str, Any]]:
    for notification in reading.items(body, "eventNotifications"):
        company = reading.text(notification, "realmId")
        for one in reading.items(notification, "dataChangeEvent.entities"):
            yield company, one


def _change(company: str, one: Any) -> Change:
    """Read an entry of the older format: name Invoice, operation Create."""
    verb = reading.required(one, "operation").lower()
    at = reading.moment(reading.dig(one, "lastUpdated"), zone=UTC)
    if not company or at is None:
        reading.bad_shape("Field realmId or lastUpdated is missing.")
    entity = reading.required(one, "name").lower()
    return Change(company=company, entity=entity, record_id=reading.required(one, "id"), verb=VERBS.get(verb, verb),
                  at=at)  # fmt: skip


def _newer(one: Any) -> Change:
    """Read a CloudEvent of type qbo.invoice.created.v1."""
    _, entity, verb, *_ = (*reading.required(one, "type").lower().split("."), "", "")
    at = reading.moment(reading.dig(one, "time"))
    if at is None:
        reading.bad_shape("Field time is missing.")
    company = reading.required(one, "intuitaccountid")
    return Change(company=company, entity=entity, record_id=reading.required(one, "intuitentityid"), verb=verb, at=at)


def _data(entity: str, record: Mapping[str, Any], company: str) -> dict[str, Any]:
    """Read whichever of an entity's fields the record has."""
    if entity == "customer":
        return {"id": reading.text(record, "Id"), **_person(record, company)}
    links = [link for line in reading.items(record, "Line") for link in reading.items(line, "LinkedTxn")]
    facts = {
        "id": reading.text(record, "Id"),
        "number": reading.first_text(record, "DocNumber", "PaymentRefNum"),
        "total": reading.amount(reading.dig(record, "TotalAmt")),
        "currency": reading.text(record, "CurrencyRef.value"),
        "status": _status(record),
        "amount_due": reading.amount(reading.dig(record, "Balance")),
        "due_date": reading.text(record, "DueDate") or None,
        "pay_url": reading.text(record, "InvoiceLink"),
        "invoice_id": next((reading.text(one, "TxnId") for one in links if reading.text(one, "TxnType") == "Invoice"),
                           ""),
    }  # fmt: skip
    known = {name: value for name, value in facts.items() if name in FIELDS[entity]}
    customer = {
        "Id": reading.text(record, "CustomerRef.value"),
        "DisplayName": reading.text(record, "CustomerRef.name"),
        "PrimaryEmailAddr": reading.dig(record, "BillEmail"),
    }
    return {**known, **_person(customer, company)}


def _person(customer: Mapping[str, Any], company: str) -> dict[str, Any]:
    return {
        "company_id": company,
        "country": reading.text(customer, "BillAddr.Country"),
        "customer": {
            "id": reading.text(customer, "Id"),
            "name": reading.text(customer, "DisplayName"),
            "first_name": reading.text(customer, "GivenName"),
            "email": reading.text(customer, "PrimaryEmailAddr.Address"),
            "phone": reading.first_text(customer, "Mobile.FreeFormNumber", "PrimaryPhone.FreeFormNumber"),
        },
    }


def _status(invoice: Any) -> str:
    """A voided invoice has a balance of 0 too, but then its total is 0 as well."""
    due, total = (reading.decimal(reading.dig(invoice, name)) for name in ("Balance", "TotalAmt"))
    if due is None or total is None:
        return ""
    return "open" if due else "paid" if total else "voided"


def _moment(record: Any, name: str) -> datetime | None:
    return reading.moment(reading.dig(record, f"MetaData.{name}"))


CONNECTOR = QuickBooks
