"""SAP Business One: a poll of orders, invoices and deliveries over the Service Layer.

Long because of three documents with their states and fields, sessions, and days in the place of times.
Facts: "Working with SAP Business One Service Layer" (10.0) and the Service Layer API reference, read 2026-11. Not
confirmed on a live system: CancelStatus, and that dates are the server's own days (hence the option `time_zone`).
A document is told by the day it changed on, the hour is kept apart and in another form per version: so each poll reads
the documents of today and yesterday, and what was told already is known by its state. Phones are on the partner only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from connectors.base import AskFailed, Http, Option, Page, PolledOnly
from connectors.kit import ask, audiences, mapping
from connectors.kit.scan import Listing, Sight, Window, scan_each, steps
from model.event import Event
from wire import reading
from wire.http import Call, Reply

EARLIEST = "1970-01-01"
SIZE = 100
ROUTE = re.compile(r"ROUTEID=([^;,\s]{1,100})")
DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T.*)?")
ENTITIES = ("Orders", "Invoices", "DeliveryNotes")
COLUMNS = (
    *("DocEntry", "DocNum", "CardCode", "CardName", "NumAtCard", "DocTotal", "DocTotalFc", "DocCurrency", "DocDueDate"),
    *("PaidToDate", "PaidToDateFC", "DocumentStatus", "Cancelled", "CancelStatus", "TrackingNumber"),
    *("CreationDate", "UpdateDate"),
)
PARTNER = ("CardCode", "CardName", "Cellular", "Phone1", "Phone2", "EmailAddress", "Country")
# what makes a text about an event wrong
OVERTAKEN = {"order.created": {"cancelled"}, "invoice.issued": {"paid", "voided"}}

RECORD_FIELDS = {
    "id": ("text", "The document's DocEntry."),
    "number": ("text", "The number the customer knows (DocNum)."),
    "status": ("text", "bost_Open or bost_Close."),
    "country": ("text", "The partner's country as SAP writes it, mostly the ISO 3166 code (looked up)."),
    "customer.id": ("text", "The partner's CardCode."),
    "customer.name": ("text", "The partner's name."),
    "customer.email": ("text", "Mail address (looked up)."),
    "customer.phone": ("phone", "The partner's mobile, or else the other number (looked up)."),
}
MONEY_FIELDS = {
    **RECORD_FIELDS,
    "total": ("money", "The total in major units."),
    "currency": ("text", "The document's currency; an ISO 4217 code unless the company has its own."),
}
ORDER_FIELDS = {
    **MONEY_FIELDS,
    "reference": ("text", "The customer's own number for it."),
    "delivery_date": ("date", "The delivery date promised."),
}
INVOICE_FIELDS = {
    **MONEY_FIELDS,
    "amount_due": ("money", "What is still to be paid."),
    "due_date": ("date", "When it is due."),
}
SHIPMENT_FIELDS = {
    **RECORD_FIELDS,
    "status": ("text", "pre_transit: Business One tells when the goods leave the warehouse, and no more."),
    "tracking_number": ("text", "The parcel's number."),
    "recipient.name": ("text", "The partner's name."),
    "recipient.phone": ("phone", "The partner's number (looked up)."),
}


class SapB1(PolledOnly):
    """One company in SAP Business One."""

    name = "sap_b1"
    title = "SAP Business One"
    category = "ERP"
    docs_url = "https://help.sap.com/docs/SAP_BUSINESS_ONE/68a2e87fb29941b5bf959a184d9c6727"
    event_types: ClassVar[Mapping[str, str]] = {
        "order.created": "Orders, new",
        "order.cancelled": "Orders, cancelled",
        "invoice.issued": "Invoices, new",
        "invoice.paid": "Invoices, closed and paid in full",
        "invoice.voided": "Invoices, cancelled",
        "shipment.created": "DeliveryNotes, new",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        **dict.fromkeys(("order.created", "order.cancelled"), ORDER_FIELDS),
        **dict.fromkeys(("invoice.issued", "invoice.paid", "invoice.voided"), INVOICE_FIELDS),
        "shipment.created": SHIPMENT_FIELDS,
    }
    options: ClassVar[Mapping[str, Option]] = {
        "url": Option(text="The Service Layer's address, such as https://b1.acme.example:50000.", default=""),
        "version": Option(text="The Service Layer's version: v1 or v2.", default="v1"),
        "company_db": Option(text="The company's database.", default=""),
        "username": Option(text="A user who may read sales documents and business partners.", default=""),
        "password": Option(text="That user's password.", default="", secret=True),
        "time_zone": Option(text="The server's zone, such as Europe/Berlin.", default="UTC"),
        "entities": Option(text=f"What to poll, of {', '.join(ENTITIES)}.", default=ENTITIES),
    }
    asks: ClassVar[Sequence[str]] = ("url",)
    setup: ClassVar[Sequence[str]] = (
        "Make a user of its own with a licence that includes the Service Layer, who may read sales and partners.",
        "Set `url`, `company_db`, `username`, `password` and `time_zone`.",
        "Give the Service Layer a certificate that is signed: one it made itself is not taken.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Each poll reads all documents changed today and yesterday, 100 at a time.",
        "What happens is told at the next poll; the events of version 10 are not read.",
        "Business One tells nothing when an invoice falls due: schedule a text by `due_date` when it is issued.",
        "Partners have no language that Tidings can read.",
    )
    poll_every: ClassVar[str] = "5m"
    audience_query: ClassVar[str] = (
        "OData: BusinessPartners?$select=CardName,Cellular,Country&$filter=CardType eq 'cCustomer'"
    )

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        mapping.choices(self.settings, "entities", ENTITIES)
        self._zone = mapping.zone(str(self.settings["time_zone"])) or UTC
        self._cookie = ""

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the document and the business partner, who has the phone."""
        return self._complete(event, self._document(event.key, http), http)

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch both again; a text about what is cancelled or paid by now is wrong."""
        document = self._document(event.key, http)
        reached = {tag for tag, _ in _reached(event.key.partition("/")[0], document)}
        if over := reached & OVERTAKEN.get(event.type, set()):
            raise AskFailed(f"In Business One it is {min(over)} by now.", gone=True)
        return self._complete(event, document, http)

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of each kind of document, the day of the oldest change first."""
        return scan_each({str(one): self._listing(str(one), http, now) for one in self.settings["entities"]}, cursor)

    def _listing(self, entity: str, http: Http, now: datetime) -> Listing:
        def news(sight: Sight) -> Iterable[Event]:
            key = f"{entity}/{reading.text(sight.record, 'DocEntry')}"
            for tag, event_type in steps(_reached(entity, sight.record), sight):
                yield Event(
                    source=self.name,
                    type=event_type,
                    native_type=entity,
                    id=f"{key}/{tag}",
                    key=key,
                    occurred_at=self._happened(sight.record, now),
                    version=_day(sight.record, "UpdateDate"),
                    data=_data(entity, sight.record, {}),
                    raw=sight.record,
                    lookup=key,
                )

        return Listing(
            read=lambda window: self._changed(http, entity, window),
            identity=lambda document: reading.text(document, "DocEntry"),
            changed=lambda document: _day(document, "UpdateDate", "CreationDate"),
            created=lambda document: _day(document, "CreationDate"),
            standing=lambda document: [tag for tag, _ in _reached(entity, document)],
            news=news,
            back=_day_before,
            start=EARLIEST,
        )

    def audience(self, query: str, http: Http) -> Iterator[Mapping[str, Any]]:
        """Yield the records of a set, a page at a time."""
        yield from audiences.odata_records(query, self._base, lambda path, params: self._get(http, path, params))

    def _happened(self, document: Mapping[str, Any], now: datetime) -> datetime:
        """Return now for what changed today, and for what was missed the end of its day, so that it counts as old."""
        day = _day(document, "UpdateDate", "CreationDate")
        end = reading.moment(f"{day}T23:59:59", zone=self._zone)
        return min(end, now) if end and day > EARLIEST else now

    def _complete(self, event: Event, document: dict[str, Any], http: Http) -> Event:
        code = reading.text(document, "CardCode")
        partner = (
            self._one(http, "BusinessPartners", f"'{code.replace(chr(39), chr(39) * 2)}'", PARTNER) if code else {}
        )
        return replace(event, data=_data(event.key.partition("/")[0], document, partner), lookup="")

    def _document(self, key: str, http: Http) -> dict[str, Any]:
        entity, _, number = key.partition("/")
        if entity not in ENTITIES or not number.isdecimal():
            raise AskFailed("This is no document of Business One.", permanent=True)
        return self._one(http, entity, number, COLUMNS)

    def _one(self, http: Http, entity: str, literal: str, columns: Sequence[str]) -> dict[str, Any]:
        path = f"{entity}({quote(literal, safe=chr(39), errors='replace')})"
        return self._get(http, path, {"$select": ",".join(columns)})

    def _changed(self, http: Http, entity: str, window: Window) -> tuple[list[dict[str, Any]], str]:
        way, skip = "desc" if window.since is None else "asc", int(window.place or 0)
        params = {
            "$select": ",".join(COLUMNS),
            "$orderby": f"UpdateDate {way},DocEntry {way}",
            "$top": str(SIZE),
            "$skip": str(skip),
        }
        if window.since is not None:
            params["$filter"] = f"UpdateDate ge '{window.since}'"
        listed = reading.items(self._get(http, entity, params), "value")
        documents = [document for document in listed if isinstance(document, dict)]
        return documents, str(skip + SIZE) if len(listed) == SIZE else ""

    def _get(self, http: Http, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """Read something within a session; one ends after 30 minutes of rest, and is then begun again."""
        used = self._cookie
        reply = self._send(http, path, params, used or self._log_in(http), fine=(200, 401) if used else (200,))
        if reply.status == 401:
            reply = self._send(http, path, params, self._log_in(http), fine=(200,))
        found = reply.json()
        if not isinstance(found, dict):
            raise AskFailed("Business One's answer cannot be read.")
        return found

    def _send(self, http: Http, path: str, params: Mapping[str, str], cookie: str, *, fine: Sequence[int]) -> Reply:
        headers = {"Cookie": cookie, "Prefer": f"odata.maxpagesize={SIZE}"}
        call = Call(method="GET", url=f"{self._base}/{path}", headers=headers, params=params)
        return ask.send(http, call, "Business One", fine=fine)

    def _log_in(self, http: Http) -> str:
        """Begin a session. Where the Service Layer has several nodes, ROUTEID leads back to the one that knows us."""
        ask.needs(self.settings, "url", "company_db", "username", "password")
        names = {"CompanyDB": "company_db", "UserName": "username", "Password": "password"}
        login = {name: str(self.settings[ours]) for name, ours in names.items()}
        reply = ask.send(http, Call(method="POST", url=f"{self._base}/Login", json=login), "Business One")
        session, route = reading.text(reply.json(), "SessionId"), ROUTE.search(reply.headers.get("set-cookie", ""))
        if not session.isascii() or not re.fullmatch(r"[^;,\s]+", session):
            raise AskFailed("Business One gave no session.")
        self._cookie = f"B1SESSION={session}" + (f"; ROUTEID={route[1]}" if route else "")
        return self._cookie

    @property
    def _base(self) -> str:
        return f"{self.address('url')}/b1s/{self.settings['version']}"


def _reached(entity: str, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a document tells: the word that names the event, and our type."""
    cancel = reading.text(document, "CancelStatus")
    if cancel == "csCancellation":  # the document that undoes another
        return
    is_void = cancel == "csYes" or reading.text(document, "Cancelled") == "tYES"
    if entity == "Orders":
        yield ("cancelled", "order.cancelled") if is_void else ("created", "order.created")
    elif entity == "Invoices":
        yield ("voided", "invoice.voided") if is_void else ("issued", "invoice.issued")
        if not is_void and reading.text(document, "DocumentStatus") == "bost_Close" and _due(document) == 0:
            yield "paid", "invoice.paid"
    elif not is_void:
        yield "created", "shipment.created"


def _data(entity: str, document: Mapping[str, Any], partner: Mapping[str, Any]) -> dict[str, Any]:
    name = reading.text(partner, "CardName") or reading.text(document, "CardName")
    phone = reading.first_text(partner, "Cellular", "Phone1", "Phone2")
    data: dict[str, Any] = {
        "id": reading.text(document, "DocEntry"),
        "number": reading.text(document, "DocNum"),
        "status": reading.text(document, "DocumentStatus"),
        "country": reading.text(partner, "Country"),
        "customer": {
            "id": reading.text(document, "CardCode"),
            "name": name,
            "email": reading.text(partner, "EmailAddress"),
            "phone": phone,
        },
    }
    if entity == "DeliveryNotes":
        tracking = reading.text(document, "TrackingNumber")
        recipient = {"name": name, "phone": phone}
        return {**data, "status": "pre_transit", "tracking_number": tracking, "recipient": recipient}
    data |= {"total": reading.amount(_amounts(document)[0]), "currency": reading.text(document, "DocCurrency")}
    due_date = _day(document, "DocDueDate").replace(EARLIEST, "")
    if entity == "Orders":
        return {**data, "reference": reading.text(document, "NumAtCard"), "delivery_date": due_date}
    return {**data, "amount_due": reading.amount(_due(document)), "due_date": due_date}


def _amounts(document: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return total and paid in the document's currency: DocTotal is in that of the company."""
    is_foreign = bool(reading.decimal(document.get("DocTotalFc")))
    names = ("DocTotalFc", "PaidToDateFC") if is_foreign else ("DocTotal", "PaidToDate")
    return document.get(names[0]), document.get(names[1])


def _due(document: Mapping[str, Any]) -> Any:
    total, paid = (reading.decimal(amount) for amount in _amounts(document))
    return None if total is None else total - (paid or 0)


def _day(document: Mapping[str, Any], *names: str) -> str:
    """Return a date of the document; v1 writes 2026-11-23, v2 adds T00:00:00Z."""
    found = DAY.fullmatch(reading.first_text(document, *names))
    return found[1] if found else EARLIEST


def _day_before(day: Any) -> str:
    try:
        return max(EARLIEST, (date.fromisoformat(str(day)) - timedelta(days=1)).isoformat())
    except (ValueError, OverflowError):  # 2026-02-31 sorts like a day and is none
        return EARLIEST


CONNECTOR = SapB1
