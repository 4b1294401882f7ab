"""Magento and Adobe Commerce: a poll of orders for both; Adobe I/O Events and Commerce webhooks where there are any.

Long because of two kinds of webhook, each with its own proof and its own form of an order, and a poll.
Facts: AdobeDocs/commerce-extensibility (events reference, hooks, signature verification), read 2026-11. The REST names,
the challenge and the zone of its times (UTC) are not confirmed on a live shop.
An order is saved many times on its way. So an event is named by the state the order reached: every save, and the poll,
tell the same event. Invoices and credit memos tell nothing the order does not tell, and give none.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from connectors.base import Connector, Http, Option, Page
from connectors.kit import ask
from connectors.kit.scan import Listing, Sight, Window, scan
from connectors.kit.stamps import Stamps
from model.event import Answer, Event, Incoming
from model.reasons import Reason, Refused
from wire import reading
from wire.http import Call
from wire.signatures import Token

SIGNATURE = "x-adobe-commerce-webhook-signature"
STAMP = Stamps("%Y-%m-%d %H:%M:%S")
OVERLAP, FRESH = timedelta(minutes=5), timedelta(minutes=5)
SIZE = 20  # an order with its items is large, and an answer is read up to 1 MB
SHIPPING = "extension_attributes.shipping_assignments.0.shipping.address"

# the order's state -> our type; any other is order.updated, once per status
STATES = {"complete": "order.fulfilled", "canceled": "order.cancelled", "closed": "order.refunded"}
# how the name of an event ends -> what the record in it is
RECORDS = {
    "order_save_commit_after": "order",
    "order_save_after": "order",
    "order_management.place": "placed",
    "shipment_save_after": "shipment",
    "shipment_track_save_after": "track",
}

ORDER_FIELDS = {
    "id": ("text", "The order's id in the shop (entity_id)."),
    "number": ("text", "The number the customer knows (increment_id)."),
    "state": ("text", "new, pending_payment, processing, complete, closed, canceled, holded or payment_review."),
    "status": ("text", "The shop's own, finer word for the state."),
    "total": ("money", "The order's total in major units."),
    "refunded": ("money", "What was paid back so far."),
    "currency": ("text", "ISO 4217 code."),
    "country": ("text", "Country of delivery, ISO 3166 code."),
    "phone": ("phone", "The number on the invoice, or else on the parcel."),
    "store_id": ("text", "The store view the order was placed in."),
    "customer.first_name": ("text", "First name."),
    "customer.last_name": ("text", "Last name."),
    "customer.email": ("text", "Mail address."),
    "customer.phone": ("phone", "The number on the invoice, or else on the parcel."),
    "customer.locale": ("text", "The language of the store view, from the option `locales`."),
    "shipping_address.phone": ("phone", "The number on the parcel."),
    "shipping_address.country": ("text", "Its country, ISO 3166 code."),
    "billing_address.phone": ("phone", "The number on the invoice."),
    "billing_address.country": ("text", "Its country, ISO 3166 code."),
}
SHIPMENT_FIELDS = {
    "id": ("text", "The shipment's id."),
    "order_id": ("text", "The order the parcel belongs to."),
    "order_number": ("text", "The order's number (looked up)."),
    "status": ("text", "pre_transit: Magento tells when the parcel leaves the shop, and no more."),
    "carrier": ("text", "The carrier's name."),
    "tracking_number": ("text", "The parcel's number."),
    "country": ("text", "Country of delivery, ISO 3166 code (looked up)."),
    "recipient.phone": ("phone", "The number on the parcel (looked up)."),
    "recipient.name": ("text", "The name on the order (looked up)."),
    "customer.locale": ("text", "The language of the store view, from the option `locales` (looked up)."),
}


class Magento(Connector):
    """Magento Open Source and Adobe Commerce shops."""

    name = "magento"
    title = "Magento / Adobe Commerce"
    category = "e-commerce"
    docs_url = "https://developer.adobe.com/commerce/extensibility/"
    scheme = Token(query="token")
    event_types: ClassVar[Mapping[str, str]] = {
        "order.created": "sales_order_save_commit_after, shortly after the order was placed; order_management.place",
        "order.paid": "sales_order_save_commit_after, once total_paid reaches grand_total",
        "order.updated": "sales_order_save_commit_after with any other state, once per status",
        "order.fulfilled": "sales_order_save_commit_after with state complete",
        "order.cancelled": "sales_order_save_commit_after with state canceled",
        "order.refunded": "sales_order_save_commit_after with a higher total_refunded, or state closed",
        "shipment.created": "sales_order_shipment_save_after",
        "shipment.updated": "sales_order_shipment_track_save_after",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        event_type: ORDER_FIELDS if event_type.startswith("order.") else SHIPMENT_FIELDS for event_type in event_types
    }
    options: ClassVar[Mapping[str, Option]] = {
        "base_url": Option(text="The shop's address, such as https://shop.example.", default=""),
        "access_token": Option(text="Token of an integration that may read sales.", default="", secret=True),
        "public_key": Option(text="Commerce webhooks: the public key (PEM) of their signature.", default=""),
        "locales": Option(text="store_id -> language, such as 1 -> de-DE.", default={}),
    }
    asks: ClassVar[Sequence[str]] = ("base_url",)
    setup: ClassVar[Sequence[str]] = (
        "In the shop's admin open System > Integrations and add one that may read Sales: `base_url`, `access_token`.",
        "Magento Open Source needs nothing else: its orders are polled.",
        "Adobe Commerce: register the address of this source with ?token= and the secret for Adobe I/O Events,",
        "with the fields entity_id, increment_id, state, status, grand_total, total_paid, created_at, updated_at.",
        "For Commerce webhooks use a source of its own, never a required hook, and set `public_key`.",
    )
    limits: ClassVar[Sequence[str]] = (
        "The token in the address is the proof; with `public_key` the signature of Commerce webhooks is checked too.",
        "An order that reaches the same status again is told once; the poll does not see parcels.",
        "The first save of an old order after Adobe I/O Events are connected tells the state it has been in.",
        "Orders name no language: set `locales`.",
    )
    poll_every: ClassVar[str] = "2m"

    def handshake(self, incoming: Incoming, secrets: Sequence[str]) -> Answer | None:
        """Echo the challenge with which Adobe I/O Events asks whether the address is ours."""
        challenge = incoming.query.get("challenge", "")
        return Answer(body=challenge[:200]) if incoming.method == "GET" and challenge else None

    def verify(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Check the token and, where its key is set, the signature: RSA over the base64 of the body."""
        self.scheme.check(incoming, secrets, now)
        if self.settings["public_key"]:
            self._check_signature(incoming)

    def _check_signature(self, incoming: Incoming) -> None:
        if not incoming.header(SIGNATURE):
            raise Refused(Reason.NO_SIGNATURE, f"Header {SIGNATURE} is missing.")
        try:
            key = load_pem_public_key(str(self.settings["public_key"]).strip().encode())
            given = base64.b64decode(incoming.header(SIGNATURE), validate=True)
            if not isinstance(key, RSAPublicKey):
                raise Refused(Reason.BAD_SIGNATURE, "Setting public_key holds no RSA key.")
            key.verify(given, base64.b64encode(incoming.body), PKCS1v15(), SHA256())
        except (InvalidSignature, UnsupportedAlgorithm, ValueError):
            raise Refused(Reason.BAD_SIGNATURE) from None

    def parse(self, incoming: Incoming) -> list[Event]:
        """Read an event of Adobe I/O, or the order in a Commerce webhook; events without a text to send give none."""
        body = reading.json_object(incoming.body)
        native = reading.text(body, "type").removeprefix("com.adobe.commerce.")
        kind = next((kind for end, kind in RECORDS.items() if native.endswith((f"_{end}", f".{end}"))), "")
        if native and not kind:
            return []
        record = _record(body)
        if kind in {"shipment", "track"}:
            return [self._shipped(incoming, native, kind, record)]
        return self._told(incoming, record, native or "webhook", is_new=kind == "placed" or _is_fresh(record))

    def answer(self, events: Sequence[Event]) -> Answer:
        """Tell a Commerce webhook to go on: it waits inside the shopper's request."""
        return Answer(body='{"op":"success"}', content_type="application/json")

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the order, with both its addresses."""
        found = self._get(http, event.lookup)
        if event.type.startswith("order."):
            return replace(event, data=self._order(found), lookup="")
        order = self._order(found)
        data = {
            **event.data,
            "order_number": order["number"],
            "country": order["country"],
            "recipient": {
                "phone": order["shipping_address"]["phone"] or order["phone"],
                "name": reading.text(found, f"{SHIPPING}.firstname") or order["customer"]["first_name"],
            },
            "customer": {"locale": order["customer"]["locale"]},
        }
        return replace(event, data=data, lookup="")

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of changed orders and tell what is new about each."""
        incoming = Incoming(source=self.name, received_at=now)

        def news(sight: Sight) -> Iterator[Event]:
            for event in self._told(incoming, sight.record, "order", is_new=sight.is_new):
                if event.id.rpartition("/")[2] not in (sight.before or ()):
                    yield replace(event, raw=sight.record)

        listing = Listing(
            read=lambda window: self._orders(http, window),
            identity=lambda order: reading.text(order, "entity_id"),
            changed=_stamp,
            created=lambda order: _stamp(order, "created_at"),
            standing=_tags,
            news=news,
            back=lambda stamp: STAMP.back(stamp, OVERLAP),
            start=STAMP.earliest,
        )
        return scan(listing, cursor)

    def _told(self, incoming: Incoming, order: dict[str, Any], native: str, *, is_new: bool) -> list[Event]:
        order_id, data = reading.required(order, "entity_id"), self._order(order)
        path = f"orders/{ask.part(order_id)}"
        return [
            Event(
                source=incoming.source,
                type=event_type,
                native_type=native,
                id=f"order/{order_id}/{tag}",
                key=order_id,
                occurred_at=_moment(order, since) or incoming.received_at,
                version=reading.text(order, "updated_at"),
                data=data,
                lookup="" if data["phone"] else path,
            )
            for tag, event_type, since in _states(order, is_new=is_new)
        ]

    def _shipped(self, incoming: Incoming, native: str, kind: str, record: dict[str, Any]) -> Event:
        """Read a shipment, or one tracking number of it, which names the shipment as its parent."""
        record_id, order_id = reading.required(record, "entity_id"), reading.required(record, "order_id")
        shipment = record_id if kind == "shipment" else reading.first_text(record, "parent_id") or record_id
        track = record if kind == "track" else reading.dig(record, "tracks.0")
        return Event(
            source=incoming.source,
            type="shipment.created" if kind == "shipment" else "shipment.updated",
            native_type=native,
            id=f"{kind}/{record_id}/created",
            key=f"shipment/{shipment}",
            occurred_at=_moment(record, "updated_at") or _moment(record, "created_at") or incoming.received_at,
            data={
                "id": shipment,
                "order_id": order_id,
                "order_number": "",
                "status": "pre_transit",
                "carrier": reading.first_text(track, "title", "carrier_code"),
                "tracking_number": reading.first_text(track, "track_number", "number"),
                "country": "",
                "recipient": {"phone": "", "name": ""},
                "customer": {"locale": ""},
            },
            lookup=f"orders/{ask.part(order_id)}",
        )

    def _order(self, order: Mapping[str, Any]) -> dict[str, Any]:
        shipping = _address(order, SHIPPING)
        billing, store = _address(order, "billing_address"), reading.text(order, "store_id")
        names = ("firstname", "lastname", "email")
        first, last, email = (reading.first_text(order, f"customer_{n}", f"billing_address.{n}") for n in names)
        phone = billing["phone"] or shipping["phone"]
        return {
            "id": reading.text(order, "entity_id"),
            "number": reading.first_text(order, "increment_id", "entity_id"),
            "state": reading.text(order, "state"),
            "status": reading.text(order, "status"),
            "total": reading.amount(reading.dig(order, "grand_total")),
            "refunded": reading.amount(reading.dig(order, "total_refunded")),
            "currency": reading.text(order, "order_currency_code"),
            "country": shipping["country"] or billing["country"],
            "phone": phone,
            "store_id": store,
            "customer": {
                "first_name": first,
                "last_name": last,
                "email": email,
                "phone": phone,
                "locale": reading.text(
                    {str(one): locale for one, locale in self.settings["locales"].items()}.get(store)
                ),
            },
            "shipping_address": shipping,
            "billing_address": billing,
        }

    def _orders(self, http: Http, window: Window) -> tuple[list[dict[str, Any]], str]:
        """Return one page of orders and the next one's number; past the last page the shop may repeat the last one."""
        number, direction = int(window.place or 1), "DESC" if window.since is None else "ASC"
        criteria = {
            "[sortOrders][0][field]": "updated_at",
            "[sortOrders][0][direction]": direction,
            "[sortOrders][1][field]": "entity_id",
            "[sortOrders][1][direction]": direction,
            "[pageSize]": str(SIZE),
            "[currentPage]": str(number),
        }
        if window.since is not None:
            where, since = "[filterGroups][0][filters][0]", str(window.since)
            criteria |= {f"{where}[field]": "updated_at", f"{where}[conditionType]": "gteq", f"{where}[value]": since}
        answer = self._get(http, "orders", {f"searchCriteria{name}": value for name, value in criteria.items()})
        listed = [order for order in reading.items(answer, "items") if isinstance(order, dict)]
        total = reading.decimal(reading.dig(answer, "total_count")) or 0
        return listed, str(number + 1) if listed and total > number * SIZE else ""

    def _get(self, http: Http, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        ask.needs(self.settings, "base_url", "access_token")
        call = Call(
            method="GET",
            url=f"{self.address('base_url')}/rest/V1/{path}",
            headers={"Authorization": f"Bearer {self.settings['access_token']}", "Accept": "application/json"},
            params=params or {},
        )
        return ask.for_object(http, call, "The shop")


def _record(body: dict[str, Any]) -> dict[str, Any]:
    """Find the record: at data.value in events of Adobe I/O, under the name of the argument in a Commerce webhook."""
    places = ("data.value.order", "data.value", "data.order", "order", "data")
    found = next((found for path in places if isinstance(found := reading.dig(body, path), dict)), body)
    return {str(name): value for name, value in found.items()}


def _states(order: Mapping[str, Any], *, is_new: bool) -> Iterator[tuple[str, str, str]]:
    """Yield what an order's record tells: a word for the state, our type, and the field that says since when."""
    state, status = reading.text(order, "state"), reading.first_text(order, "status", "state")
    total, paid, back = (
        reading.decimal(reading.dig(order, n)) or 0 for n in ("grand_total", "total_paid", "total_refunded")
    )
    if is_new:
        yield "created", "order.created", "created_at"
    if 0 < total <= paid:
        yield "paid", "order.paid", "updated_at"
    if back:
        yield f"refunded-{back:.2f}", "order.refunded", "updated_at"
    if state in STATES and not (state == "closed" and back):
        yield state, STATES[state], "updated_at"
    elif state not in STATES and status and not is_new:
        yield status, "order.updated", "updated_at"


def _tags(order: Mapping[str, Any]) -> list[str]:
    return [tag for tag, _, _ in _states(order, is_new=False)]


def _is_fresh(order: Mapping[str, Any]) -> bool:
    """Tell whether this save is still that of placing the order; without its times the state has to say so."""
    created, updated = _moment(order, "created_at"), _moment(order, "updated_at")
    return updated - created < FRESH if created and updated else reading.text(order, "state") == "new"


def _address(order: Mapping[str, Any], path: str) -> dict[str, str]:
    return {"phone": reading.text(order, f"{path}.telephone"), "country": reading.text(order, f"{path}.country_id")}


def _moment(record: Mapping[str, Any], name: str) -> datetime | None:
    return reading.moment(reading.dig(record, name), zone=UTC)


def _stamp(order: Mapping[str, Any], name: str = "updated_at") -> str:
    """Return a time of the order as the shop writes it; such texts compare like times."""
    return STAMP.of(_moment(order, name))


CONNECTOR = Magento
