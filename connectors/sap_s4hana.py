"""SAP S/4HANA: business events by webhook of SAP Event Mesh, the look-up behind them, and a poll of sales orders.

Long because of three forms of events, two ways to sign in, and the partner behind each order.
Facts: SAP's hands-on document on S/4HANA events, CloudEvents 1.0 and its web-hook specification, recorded answers of
API_SALES_ORDER_SRV, read 2026-11. Not confirmed on a live system: the handshake, the events of business partners, and
that LastChangeDateTime is never empty.
An event names its object and nothing else, so it is looked up. What became of an order (delivered, rejected) no event
tells: the poll does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

from connectors.base import AskFailed, Connector, Http, Option, Page
from connectors.kit import ask, audiences, batches
from connectors.kit.scan import Listing, Sight, Window, scan, steps
from connectors.kit.stamps import Stamps
from model.event import Answer, Event, Incoming
from wire import reading
from wire.http import Call
from wire.oauth import Session
from wire.signatures import Token

STAMP = Stamps()
OVERLAP = timedelta(minutes=5)
SIZE = 100
NATIVE = re.compile(r"sap\.s4\.beh\.[a-z0-9]+\.v[0-9]+\.([A-Za-z]+)\.([A-Za-z]+)\.v[0-9]+")
DATE = re.compile(r"/Date\((-?[0-9]{1,15})(?:[+-][0-9]{4})?\)/")
ORDERS = "API_SALES_ORDER_SRV/A_SalesOrder"
PARTNERS = "API_BUSINESS_PARTNER/A_BusinessPartner"
NUMBERS = "to_MobilePhoneNumber", "to_PhoneNumber", "to_EmailAddress"
COLUMNS = (
    *("SalesOrder", "SoldToParty", "TotalNetAmount", "TransactionCurrency", "PurchaseOrderByCustomer"),
    *("RequestedDeliveryDate", "OverallDeliveryStatus", "OverallSDProcessStatus", "OverallSDDocumentRejectionSts"),
    *("CreationDate", "LastChangeDateTime"),
)

# object and verb of an event -> our type, and the word that names it; "" is named by the event's own id
TYPES = {
    ("SalesOrder", "Created"): ("order.created", "created"),
    ("SalesOrder", "Changed"): ("order.updated", ""),
    ("SalesOrder", "Deleted"): ("order.cancelled", "cancelled"),
    ("BusinessPartner", "Created"): ("contact.created", "created"),
    ("BusinessPartner", "Changed"): ("contact.updated", ""),
}

PERSON_FIELDS = {
    "country": ("text", "The partner's country as SAP writes it, mostly the ISO 3166 code (looked up)."),
    "customer.id": ("text", "The business partner's number (looked up)."),
    "customer.name": ("text", "The partner's full name (looked up)."),
    "customer.first_name": ("text", "A person's first name (looked up)."),
    "customer.email": ("text", "Mail address (looked up)."),
    "customer.phone": ("phone", "The partner's mobile, or else the other number (looked up)."),
    "customer.locale": ("text", "The partner's language (looked up)."),
}
ORDER_FIELDS = {
    "id": ("text", "The sales order's number."),
    "number": ("text", "The same: it is the number the customer knows."),
    "reference": ("text", "The customer's own number for it (looked up)."),
    "status": ("text", "OverallSDProcessStatus: A not begun, B partly, C completed (looked up)."),
    "delivery_status": ("text", "OverallDeliveryStatus: A not begun, B partly, C completed (looked up)."),
    "total": ("money", "The net total in major units (looked up)."),
    "currency": ("text", "ISO 4217 code (looked up)."),
    "delivery_date": ("date", "The delivery date asked for (looked up)."),
    **PERSON_FIELDS,
}


class SapS4Hana(Connector):
    """One SAP S/4HANA system, Cloud or on premise."""

    name = "sap_s4hana"
    title = "SAP S/4HANA"
    category = "ERP"
    docs_url = "https://api.sap.com/products/SAPS4HANACloud/events"
    scheme = Token(query="token")
    sender_headers: ClassVar[Mapping[str, str]] = {"content-type": "application/cloudevents+json"}
    event_types: ClassVar[Mapping[str, str]] = {
        "order.created": "SalesOrder.Created",
        "order.updated": "SalesOrder.Changed",
        "order.fulfilled": "a sales order with OverallDeliveryStatus C (poll)",
        "order.cancelled": "SalesOrder.Deleted, or a sales order rejected as a whole (poll)",
        "contact.created": "BusinessPartner.Created",
        "contact.updated": "BusinessPartner.Changed",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        event_type: ORDER_FIELDS
        if event_type.startswith("order.")
        else {"id": ("text", "The partner's number."), **PERSON_FIELDS}
        for event_type in event_types
    }
    options: ClassVar[Mapping[str, Option]] = {
        "url": Option(text="The system's address, such as https://my300000-api.s4hana.example.", default=""),
        "username": Option(text="The communication user (basic authentication).", default=""),
        "password": Option(text="That user's password.", default="", secret=True),
        "token_url": Option(text="OAuth instead: where tokens are given.", default=""),
        "client_id": Option(text="OAuth: the client's id.", default=""),
        "client_secret": Option(text="OAuth: its secret.", default="", secret=True),
        "odata_path": Option(text="Where the services are.", default="/sap/opu/odata/sap"),
    }
    setup: ClassVar[Sequence[str]] = (
        "Make a communication user and arrangements for Sales Order (API_SALES_ORDER_SRV) and Business Partner.",
        "Set `url`, `username` and `password`, or for OAuth `token_url`, `client_id` and `client_secret`.",
        "In Event Mesh bind the topics SalesOrder/Created and Deleted to a queue.",
        "Add a webhook for the queue: the address of this source with ?token= and the secret behind it.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Events hold a number only: without `url` and a login no phone is known.",
        "Event Mesh delivers at least once and in no order, and does not sign; the token in the address is the proof.",
        "The business partner is looked up by the number of the sold-to party; systems that number them apart fail.",
        "Deliveries and billing documents are not read. Times of one day are not told apart for orders made that day.",
    )
    poll_every: ClassVar[str] = "5m"
    audience_query: ClassVar[str] = (
        "OData: API_BUSINESS_PARTNER/A_BusinessPartner?$select=BusinessPartnerFullName&$filter=..."
    )

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        self._session = Session.of(self.settings)

    @property
    def hosts(self) -> Sequence[str]:
        """The system, and where its tokens are given."""
        addresses = [str(self.settings[name]) for name in ("url", "token_url") if self.settings[name]]
        return [urlsplit(address).hostname or "" for address in addresses] or [""]

    def handshake(self, incoming: Incoming, secrets: Sequence[str]) -> Answer | None:
        """Allow the origin that asks whether it may deliver here; only who knows the token gets an answer."""
        origin = incoming.header("webhook-request-origin")
        if incoming.method != "OPTIONS" or not origin or not origin.isprintable() or not origin.isascii():
            return None
        self.scheme.check(incoming, secrets, incoming.received_at)
        return Answer(body="", headers={"webhook-allowed-origin": origin[:255], "webhook-allowed-rate": "*"})

    def parse(self, incoming: Incoming) -> list[Event]:
        """Read an event in the body, in the headers, or a list of them; kinds without a text to send give none."""
        body = reading.json_body(incoming.body)
        if incoming.header("ce-type"):
            names = ("type", "id", "source", "time")
            body = {**{name: incoming.header(f"ce-{name}") for name in names}, "data": body}
        if isinstance(body, dict):
            return self._heard(incoming, body)
        return batches.all_of(reading.items(body), lambda item: self._heard(incoming, item))

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the order and the business partner, who has the phone."""
        return replace(event, data=self._found(event.lookup, http), lookup="")

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch both again; an order that was deleted or rejected is gone."""
        kind, _, number = event.key.partition("/")
        if kind == "SalesOrder" and event.type != "order.cancelled" and _is_rejected(self._order(number, http)):
            raise AskFailed("In SAP the order is rejected by now.", gone=True)
        return replace(event, data=self._found(event.key, http))

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of changed sales orders, oldest change first."""
        listing = Listing(
            read=lambda window: self._changed(http, window),
            identity=lambda order: reading.text(order, "SalesOrder"),
            changed=_stamp,
            created=_begun,
            standing=lambda order: [tag for tag, _ in _reached(order, is_new=False)],
            news=lambda sight: self._news(now, sight),
            back=lambda stamp: STAMP.back(stamp, OVERLAP),
            start=STAMP.earliest,
        )
        return scan(listing, cursor)

    def _news(self, now: datetime, sight: Sight) -> Iterable[Event]:
        """Yield what is new about a record: each state it had not reached at the last sight."""
        number = reading.text(sight.record, "SalesOrder")
        for tag, event_type in steps(_reached(sight.record, is_new=sight.is_new), sight):
            yield Event(
                source=self.name,
                type=event_type,
                native_type="A_SalesOrder",
                id=f"SalesOrder/{number}/{tag}",
                key=f"SalesOrder/{number}",
                occurred_at=_moment(sight.record, "LastChangeDateTime") or now,
                version=_stamp(sight.record),
                data=_data(sight.record, {}),
                raw=sight.record,
                lookup=f"SalesOrder/{number}",
            )

    def audience(self, query: str, http: Http) -> Iterator[Mapping[str, Any]]:
        """Yield the records of a set, a page at a time."""
        base = f"{self.address('url')}{self.settings['odata_path']}"
        yield from audiences.odata_records(query, base, lambda path, params: self._get(http, path, params))

    def _heard(self, incoming: Incoming, told: Any) -> list[Event]:
        native = reading.required(told, "type")
        match = NATIVE.fullmatch(native)
        kind, verb = match.groups() if match else ("", "")
        if (kind, verb) not in TYPES:
            return []
        event_type, tag = TYPES[kind, verb]
        number, at = reading.required(told, f"data.{kind}"), reading.moment(reading.dig(told, "time"))
        key = f"{kind}/{number}"
        is_order = kind == "SalesOrder"
        return [
            Event(
                source=incoming.source,
                type=event_type,
                native_type=native,
                id=f"{key}/{tag or 'changed-' + reading.required(told, 'id')}",
                key=key,
                occurred_at=at or incoming.received_at,
                data=_data({"SalesOrder": number}, {}) if is_order else {"id": number, **_person({}, number)},
                raw=told,
                lookup="" if verb == "Deleted" else key,
            )
        ]

    def _found(self, key: str, http: Http) -> dict[str, Any]:
        kind, _, number = key.partition("/")
        if kind == "BusinessPartner":
            return {"id": number, **_person(self._partner(number, http), number)}
        order = self._order(number, http)
        sold_to = reading.text(order, "SoldToParty")
        return _data(order, self._partner(sold_to, http) if sold_to else {})

    def _order(self, number: str, http: Http) -> dict[str, Any]:
        return self._one(http, f"{ORDERS}({_literal(number)})", {"$select": ",".join(COLUMNS)})

    def _partner(self, number: str, http: Http) -> dict[str, Any]:
        expand = ",".join(f"to_BusinessPartnerAddress/{name}" for name in NUMBERS)
        return self._one(http, f"{PARTNERS}({_literal(number)})", {"$expand": expand})

    def _one(self, http: Http, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        found = reading.dig(self._get(http, path, params), "d")
        if not isinstance(found, dict):
            raise AskFailed("SAP S/4HANA's answer cannot be read.")
        return found

    def _changed(self, http: Http, window: Window) -> tuple[list[dict[str, Any]], str]:
        way, skip = "desc" if window.since is None else "asc", int(window.place or 0)
        params = {
            "$select": ",".join(COLUMNS),
            "$orderby": f"LastChangeDateTime {way},SalesOrder {way}",
            "$top": str(SIZE),
            "$skip": str(skip),
        }
        if window.since is not None:
            params["$filter"] = f"LastChangeDateTime ge datetimeoffset'{window.since}'"
        listed = reading.items(self._get(http, ORDERS, params), "d.results")
        return [order for order in listed if isinstance(order, dict)], str(skip + SIZE) if len(listed) == SIZE else ""

    def _get(self, http: Http, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        ask.needs(self.settings, "url")
        url = f"{self.address('url')}{self.settings['odata_path']}/{path}"
        call = Call(method="GET", url=url, headers={"Accept": "application/json"}, params={**params, "$format": "json"})
        if self.settings["token_url"]:
            ask.needs(self.settings, "client_id", "client_secret")
            http = self._session.over(http)
        else:
            ask.needs(self.settings, "username", "password")
            call = replace(call, auth=(str(self.settings["username"]), str(self.settings["password"])))
        return ask.for_object(http, call, "SAP S/4HANA")


def _reached(order: Mapping[str, Any], *, is_new: bool) -> Iterator[tuple[str, str]]:
    """Yield what an order tells: the word that names the event, and our type."""
    if is_new:
        yield "created", "order.created"
    if _is_rejected(order):
        yield "cancelled", "order.cancelled"
    elif reading.text(order, "OverallDeliveryStatus") == "C":
        yield "delivered", "order.fulfilled"


def _is_rejected(order: Mapping[str, Any]) -> bool:
    return reading.text(order, "OverallSDDocumentRejectionSts") == "C"


def _data(order: Mapping[str, Any], partner: Mapping[str, Any]) -> dict[str, Any]:
    number, wanted = reading.text(order, "SalesOrder"), _moment(order, "RequestedDeliveryDate")
    return {
        "id": number,
        "number": number,
        "reference": reading.text(order, "PurchaseOrderByCustomer"),
        "status": reading.text(order, "OverallSDProcessStatus"),
        "delivery_status": reading.text(order, "OverallDeliveryStatus"),
        "total": reading.amount(order.get("TotalNetAmount")),
        "currency": reading.text(order, "TransactionCurrency"),
        "delivery_date": wanted.date().isoformat() if wanted else "",
        **_person(partner, reading.text(order, "SoldToParty")),
    }


def _person(partner: Mapping[str, Any], number: str) -> dict[str, Any]:
    addresses = reading.items(partner, "to_BusinessPartnerAddress.results")

    def first(kind: str, *names: str) -> str:
        found = [one for address in addresses for one in reading.items(address, f"{kind}.results")]
        return next((text for one in found if (text := reading.first_text(one, *names))), "")

    phones = [first(kind, "InternationalPhoneNumber", "PhoneNumber") for kind in NUMBERS[:2]]
    return {
        "country": next((country for one in addresses if (country := reading.text(one, "Country"))), ""),
        "customer": {
            "id": number,
            "name": reading.first_text(partner, "BusinessPartnerFullName", "BusinessPartnerName"),
            "first_name": reading.text(partner, "FirstName"),
            "email": first(NUMBERS[2], "EmailAddress"),
            "phone": next(filter(None, phones), ""),
            "locale": reading.text(partner, "CorrespondenceLanguage")
            or next((text for one in addresses if (text := reading.text(one, "Language"))), ""),
        },
    }


def _literal(number: str) -> str:
    """Write a key as OData does, with doubled quotes, fit for an address."""
    return "'" + ask.part(number.replace("'", "''")) + "'"


def _moment(record: Mapping[str, Any], name: str) -> datetime | None:
    """Read a time of OData 2, /Date(1130168212000+0000)/: milliseconds, whatever offset follows; or ISO text."""
    written = reading.text(record, name)
    match = DATE.fullmatch(written)
    return reading.moment(int(match[1]), milliseconds=True) if match else reading.moment(written, zone=UTC)


def _begun(order: Mapping[str, Any]) -> str:
    """Return the end of the day an order was made: the API does not tell the hour."""
    day = _moment(order, "CreationDate")
    return STAMP.of(day and day.replace(hour=23, minute=59, second=59))


def _stamp(order: Mapping[str, Any]) -> str:
    return STAMP.of(_moment(order, "LastChangeDateTime"))


CONNECTOR = SapS4Hana
