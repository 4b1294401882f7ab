"""Microsoft Business Central: notifications, the look-up behind them, and a poll that tells what they cannot.

Long because of four kinds of record with their fields, subscriptions that are renewed, and a poll.
Facts: MicrosoftDocs/dynamics365smb-devitpro-pb, dynamics-subscriptions.md and the pages of API v2.0, read 2026-11. Not
confirmed: fullyShipped on orders, phoneNumber on shipments, that an empty currencyCode means the local currency.
A notification names a record and says created, updated or deleted, nothing else. So what became of a record (an
invoice paid, an order shipped) is told by the poll; a change has one name in both: the second it was made in.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from connectors.base import AskFailed, Http, Option, Page
from connectors.kit import ask, audiences, mapping, microsoft
from connectors.kit.microsoft import Notified, notifications
from connectors.kit.scan import Listing, Sight, Window, scan_each, steps
from connectors.kit.stamps import EARLIEST, Stamps
from model.event import Event, Incoming
from wire import reading
from wire.http import Call

log = logging.getLogger("tidings.connectors")
STAMP = Stamps()
OVERLAP = timedelta(minutes=5)
SIZE = 100
RENEW_EVERY, RENEW_BEFORE = timedelta(hours=6), timedelta(days=2)  # a subscription lives for three days
SCOPE = "https://api.businesscentral.dynamics.com/.default"
GUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
RESOURCE = re.compile(rf"(?:.*/)?(companies\(({GUID})\)/([A-Za-z]+)\(({GUID})\))")

CHANGES = {
    ("salesOrders", "created"): "order.created",
    ("salesOrders", "updated"): "order.updated",
    ("salesOrders", "deleted"): "custom.order.deleted",  # also what becomes of an order that is shipped and invoiced
    ("salesInvoices", "created"): "custom.invoice.updated",
    ("salesInvoices", "updated"): "custom.invoice.updated",
    ("customers", "created"): "contact.created",
    ("customers", "updated"): "contact.updated",
    ("customers", "deleted"): "contact.deleted",
    ("salesShipments", "created"): "shipment.created",  # polled only: there is no notification
}
ENTITIES = ("salesOrders", "salesInvoices", "salesShipments", "customers")
INVOICES = {"Open": ("issued",), "Paid": ("issued", "paid"), "Canceled": ("voided",)}
# what makes a text about an event wrong: a status
OVERTAKEN = {"invoice.issued": {"Paid", "Canceled"}}

PERSON_FIELDS = {
    "country": ("text", "The customer's country, ISO 3166 code (looked up)."),
    "customer.id": ("text", "The customer's id (looked up)."),
    "customer.name": ("text", "The customer's name (looked up)."),
    "customer.email": ("text", "Mail address (looked up)."),
    "customer.phone": ("phone", "The number on the document, or else the customer's (looked up)."),
}
DOCUMENT_FIELDS = {
    "id": ("text", "The document's id."),
    "number": ("text", "The number the customer knows (looked up)."),
    "status": ("text", "Draft, In Review, Open, Paid, Canceled or Corrective (looked up)."),
    **PERSON_FIELDS,
}
ORDER_FIELDS = {
    **DOCUMENT_FIELDS,
    "total": ("money", "The total with tax in major units (looked up)."),
    "currency": ("text", "ISO 4217 code (looked up)."),
    "delivery_date": ("date", "The delivery date asked for (looked up)."),
    "is_shipped": ("bool", "Everything was shipped (looked up)."),
}
INVOICE_FIELDS = {
    **DOCUMENT_FIELDS,
    "total": ("money", "The total with tax in major units (looked up)."),
    "amount_due": ("money", "What is still to be paid (looked up)."),
    "currency": ("text", "ISO 4217 code (looked up)."),
    "due_date": ("date", "When it is due (looked up)."),
    "order_number": ("text", "The order it bills (looked up)."),
}
SHIPMENT_FIELDS = {
    "id": ("text", "The shipment's id."),
    "number": ("text", "Its number."),
    "status": ("text", "pre_transit: Business Central tells when the goods leave, and no more."),
    "order_number": ("text", "The order it belongs to."),
    **PERSON_FIELDS,
    "recipient.name": ("text", "The name it is shipped to."),
    "recipient.phone": ("phone", "The number on the document, or else the customer's."),
}
CONTACT_FIELDS = {"id": ("text", "The customer's id."), **PERSON_FIELDS}


class BusinessCentral(Notified):
    """One company in Business Central."""

    name = "business_central"
    title = "Microsoft Business Central"
    category = "ERP"
    docs_url = (
        "https://learn.microsoft.com/dynamics365/business-central/dev-itpro/api-reference/v2.0/dynamics-subscriptions"
    )
    event_types: ClassVar[Mapping[str, str]] = {
        "order.created": "salesOrders created",
        "order.updated": "salesOrders updated, for every change",
        "order.fulfilled": "salesOrders with fullyShipped (poll)",
        "custom.order.deleted": "salesOrders deleted, as happens to those shipped and invoiced",
        "invoice.issued": "salesInvoices with status Open (poll)",
        "invoice.paid": "salesInvoices with status Paid (poll)",
        "invoice.voided": "salesInvoices with status Canceled (poll)",
        "custom.invoice.updated": "salesInvoices created or updated, for every change",
        "shipment.created": "salesShipments, new (poll)",
        "contact.created": "customers created",
        "contact.updated": "customers updated",
        "contact.deleted": "customers deleted",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        **dict.fromkeys(("order.created", "order.updated", "order.fulfilled", "custom.order.deleted"), ORDER_FIELDS),
        **dict.fromkeys(("invoice.issued", "invoice.paid", "invoice.voided", "custom.invoice.updated"), INVOICE_FIELDS),
        "shipment.created": SHIPMENT_FIELDS,
        **dict.fromkeys(("contact.created", "contact.updated", "contact.deleted"), CONTACT_FIELDS),
    }
    options: ClassVar[Mapping[str, Option]] = {
        **microsoft.OPTIONS,
        "environment": Option(text="The environment's name.", default="production"),
        "company_id": Option(text="The company's id (GET companies), to poll.", default=""),
        "currency": Option(text="The local currency, for documents that name none.", default=""),
        "entities": Option(text=f"What is told, of {', '.join(ENTITIES)}.", default=ENTITIES[:3]),
        "notification_url": Option(text="The address of this source: subscriptions are made and renewed.", default=""),
        "client_state": Option(text="For that: the secret of this source.", default="", secret=True),
        "api_url": Option(text="Where the API is.", default="https://api.businesscentral.dynamics.com"),
    }
    asks: ClassVar[Sequence[str]] = ("api_url", "login_url")
    setup: ClassVar[Sequence[str]] = (
        "Register an application in Microsoft Entra with API.ReadWrite.All of Business Central, and a client secret.",
        "In Business Central open Microsoft Entra Applications, enter its id and give it a role that may read sales.",
        "Set `tenant`, `client_id`, `client_secret`, `environment` and `company_id`.",
        "Set `notification_url` to the address of this source and `client_state` to its secret, to be told at once.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Notifications wait 30 s for more, and hold no data: every event is looked up.",
        "The secret (clientState) is their only proof. Business Central deletes a subscription that is answered 401.",
        "Customers come by notification only, shipments by poll only.",
        "More than 1000 changes at once come as one notification without ids: the poll reads those.",
        "Paid, issued, voided and shipped are told by the poll only. Nothing is told when an invoice falls due.",
    )
    poll_every: ClassVar[str] = "2m"
    audience_query: ClassVar[str] = "OData, below the company: customers?$select=displayName,phoneNumber,country"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        mapping.choices(self.settings, "entities", ENTITIES)
        self._session = microsoft.session(self, SCOPE)
        self._renew_at: datetime | None = None

    def parse(self, incoming: Incoming) -> list[Event]:
        """One event per notification; resources without a text to send, and collections, give none."""
        return [event for item in notifications(incoming) if (event := self._notified(incoming, item))]

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the record, and the customer where it has no phone."""
        return self._complete(event, self._record(http, event.lookup), http)

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the record again; one that was deleted is gone, and so is a bill that was paid."""
        record = self._record(http, f"companies({self.settings['company_id']})/{event.key.replace('/', '(')})")
        if reading.text(record, "status") in OVERTAKEN.get(event.type, set()):
            raise AskFailed(f"In Business Central it is {reading.text(record, 'status')} by now.", gone=True)
        return self._complete(event, record, http)

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of each kind of record, oldest change first, and see that the subscriptions live on."""
        ask.needs(self.settings, "company_id")
        if self.settings["notification_url"] and (self._renew_at is None or now >= self._renew_at):
            self._renew_at = now + RENEW_EVERY
            self._keep_subscribed(http, now)
        polled = [str(one) for one in self.settings["entities"] if one != "customers"]  # they have no date of birth
        return scan_each({entity: self._listing(entity, http, now) for entity in polled}, cursor)

    def audience(self, query: str, http: Http) -> Iterator[Mapping[str, Any]]:
        """Yield the records of a set of the company's, a page at a time."""
        ask.needs(self.settings, "company_id")
        company = f"companies({self.settings['company_id']})"

        def read(path: str, params: Mapping[str, str]) -> dict[str, Any]:
            return self._json(http, "GET", f"{company}/{path.removeprefix(f'{company}/')}", params=params)

        yield from audiences.odata_records(query, self._base, read)

    def _listing(self, entity: str, http: Http, now: datetime) -> Listing:
        return Listing(
            read=lambda window: self._changed(http, entity, window),
            identity=lambda record: reading.text(record, "id"),
            changed=_stamp,
            created=_begun,
            standing=lambda record: [tag for tag, _ in _reached(entity, record, is_new=False)],
            news=lambda sight: self._news(entity, now, sight),
            back=lambda stamp: STAMP.back(stamp, OVERLAP),
            start=STAMP.earliest,
        )

    def _news(self, entity: str, now: datetime, sight: Sight) -> Iterable[Event]:
        """Yield what is new about a record: each state it had not reached at the last sight."""
        path = f"companies({self.settings['company_id']})/{entity}({reading.text(sight.record, 'id')})"
        for tag, event_type in steps(_reached(entity, sight.record, is_new=sight.is_new), sight):
            data = self._data(entity, sight.record, {})
            yield Event(
                source=self.name,
                type=event_type,
                native_type=entity,
                id=f"{entity}/{reading.text(sight.record, 'id').lower()}/{tag}",
                key=f"{entity}/{reading.text(sight.record, 'id').lower()}",
                occurred_at=_moment(sight.record) or now,
                version=_stamp(sight.record),
                data=data,
                raw=sight.record,
                lookup="" if data["customer"]["phone"] else path,
            )

    def _notified(self, incoming: Incoming, item: Any) -> Event | None:
        found, change = RESOURCE.fullmatch(reading.text(item, "resource")), reading.text(item, "changeType")
        event_type = CHANGES.get((found[3], change)) if found else None
        if not found or not event_type:
            return None
        record_id, at = found[4].lower(), reading.moment(reading.dig(item, "lastModifiedDateTime"))
        tag = f"changed-{STAMP.of(at) if at else ''}" if event_type.endswith(".updated") else change
        return Event(
            source=incoming.source,
            type=event_type,
            native_type=f"{found[3]} {change}",
            id=f"{found[3]}/{record_id}/{tag}",
            key=f"{found[3]}/{record_id}",
            occurred_at=at or incoming.received_at,
            version=STAMP.of(at) if at else "",
            data=self._data(found[3], {"id": record_id}, {}),
            raw={name: value for name, value in item.items() if name != "clientState"},
            lookup="" if change == "deleted" else found[1],
        )

    def _complete(self, event: Event, record: dict[str, Any], http: Http) -> Event:
        entity, customer = event.key.partition("/")[0], {}
        customer_id = reading.text(record, "customerId")
        if not reading.text(record, "phoneNumber") and re.fullmatch(GUID, customer_id):
            company = RESOURCE.fullmatch(event.lookup)
            company_id = company[2] if company else self.settings["company_id"]
            customer = self._record(http, f"companies({company_id})/customers({customer_id})")
        return replace(event, data=self._data(entity, record, customer), lookup="")

    def _data(self, entity: str, record: Mapping[str, Any], customer: Mapping[str, Any]) -> dict[str, Any]:
        is_customer = entity == "customers"
        person = {
            "id": reading.text(record, "id" if is_customer else "customerId"),
            "name": reading.first_text(record, "displayName" if is_customer else "customerName"),
            "email": reading.text(record, "email") or reading.text(customer, "email"),
            "phone": reading.text(record, "phoneNumber") or reading.text(customer, "phoneNumber"),
        }
        country = reading.first_text(record, "shipToCountry", "sellToCountry", "country")
        common: dict[str, Any] = {"id": reading.text(record, "id"), "country": country, "customer": person}
        if is_customer:
            return common
        common |= {"number": reading.text(record, "number"), "status": reading.text(record, "status")}
        if entity == "salesShipments":
            recipient = {"name": reading.first_text(record, "shipToName", "customerName"), "phone": person["phone"]}
            order = {"order_number": reading.text(record, "orderNumber"), "recipient": recipient}
            return {**common, "status": "pre_transit", **order}
        common |= {
            "total": reading.amount(record.get("totalAmountIncludingTax")),
            "currency": reading.text(record, "currencyCode") or str(self.settings["currency"]),
        }
        if entity == "salesOrders":
            delivery, is_shipped = reading.text(record, "requestedDeliveryDate"), record.get("fullyShipped") is True
            return {**common, "delivery_date": _day(delivery), "is_shipped": is_shipped}
        return {
            **common,
            "amount_due": reading.amount(record.get("remainingAmount")),
            "due_date": _day(reading.text(record, "dueDate")),
            "order_number": reading.text(record, "orderNumber"),
        }

    def _changed(self, http: Http, entity: str, window: Window) -> tuple[list[dict[str, Any]], str]:
        way, skip = "desc" if window.since is None else "asc", int(window.place or 0)
        params = {"$orderby": f"lastModifiedDateTime {way},id {way}", "$top": str(SIZE), "$skip": str(skip)}
        if window.since is not None:
            params["$filter"] = f"lastModifiedDateTime ge {window.since}"
        path = f"companies({self.settings['company_id']})/{entity}"
        listed = reading.items(self._json(http, "GET", path, params=params), "value")
        records = [record for record in listed if isinstance(record, dict)]
        return records, str(skip + SIZE) if len(listed) == SIZE else ""

    def _keep_subscribed(self, http: Http, now: datetime) -> None:
        """Make the subscriptions that are missing and renew those about to end; a poll goes on without them."""
        target, state = str(self.settings["notification_url"]), str(self.settings["client_state"])
        try:
            ask.needs(self.settings, "client_state")
            listed = reading.items(self._json(http, "GET", "subscriptions"), "value")
            mine = {_tail(one): one for one in listed if reading.text(one, "notificationUrl") == target}
            for entity in ("salesOrders", "salesInvoices", "customers"):
                resource = f"api/v2.0/companies({self.settings['company_id']})/{entity}"
                body = {"notificationUrl": target, "resource": resource, "clientState": state}
                old = mine.get(entity)
                if old is None and entity in self.settings["entities"]:
                    self._json(http, "POST", "subscriptions", json=body)
                elif old is not None and _ends(old) - now < RENEW_BEFORE:
                    which = ask.part(reading.text(old, "subscriptionId"))
                    etag = reading.text(old.get("@odata.etag")) or "*"
                    path = f"subscriptions('{which}')"
                    self._json(http, "PATCH", path, json=body, headers={"If-Match": etag})
        except AskFailed as failure:
            self._renew_at = None
            log.warning("subscription not renewed", extra={"connector": self.name, "detail": str(failure)})

    def _record(self, http: Http, path: str) -> dict[str, Any]:
        if not RESOURCE.fullmatch(path):
            raise AskFailed("This is no record of Business Central.", permanent=True)
        return self._json(http, "GET", path)

    def _json(self, http: Http, method: str, path: str, **how: Any) -> dict[str, Any]:
        ask.needs(self.settings, *microsoft.NEEDED)
        call = Call(method=method, url=f"{self._base}/{path}", **how)
        return ask.for_object(self._session.over(http), call, "Business Central", fine=(200, 201))

    @property
    def _base(self) -> str:
        where = "/".join(ask.part(str(self.settings[name])) for name in ("tenant", "environment"))
        return f"{self.address('api_url')}/v2.0/{where}/api/v2.0"


def _reached(entity: str, record: Mapping[str, Any], *, is_new: bool) -> Iterator[tuple[str, str]]:
    """Yield what a record tells: the word that names the event, and our type."""
    updated = CHANGES.get((entity, "updated"))
    if is_new:
        yield "created", CHANGES[entity, "created"]
    elif updated:
        yield f"changed-{_stamp(record)}", updated
    if entity == "salesOrders" and record.get("fullyShipped") is True:
        yield "shipped", "order.fulfilled"
    if entity == "salesInvoices":
        for tag in INVOICES.get(reading.text(record, "status"), ()):
            yield tag, f"invoice.{tag}"


def _tail(subscription: Mapping[str, Any]) -> str:
    return reading.text(subscription, "resource").rpartition("/")[2]


def _ends(subscription: Mapping[str, Any]) -> datetime:
    return reading.moment(subscription.get("expirationDateTime")) or EARLIEST


def _day(written: str) -> str:
    return "" if written.startswith("0001-") else written  # that is how Business Central writes no date


def _moment(record: Mapping[str, Any], name: str = "lastModifiedDateTime") -> datetime | None:
    return reading.moment(record.get(name))


def _stamp(record: Mapping[str, Any], name: str = "lastModifiedDateTime") -> str:
    """Return a time of the record in whole seconds, as notifications and records may be precise to others."""
    return STAMP.of(_moment(record, name))


def _begun(record: Mapping[str, Any]) -> str:
    """Return the end of the day a document is dated: the API does not tell when it was made."""
    day = reading.first_text(record, "orderDate", "invoiceDate", "postingDate")
    return STAMP.of(reading.moment(f"{day}T23:59:59Z"))


CONNECTOR = BusinessCentral
