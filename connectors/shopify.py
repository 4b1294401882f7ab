"""Shopify: order, fulfilment, refund and privacy webhooks.

Long because orders, parcels and refunds each have fields of their own, by two sets of headers.
Facts: shopify.dev "Webhooks" and Shopify/shopify-app-js types.ts, read 2026-10.
Deliveries come with an `X-Shopify-` header set, or without the `X-` (the newer "Events", developer preview).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

from connectors.base import AskFailed, Connector, Hook, Http, Option
from connectors.kit import ask
from connectors.kit.hooks import RestHooks
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from wire import reading
from wire.http import Call
from wire.signatures import Hmac

SCHEME = Hmac(header="x-shopify-hmac-sha256", encoding="base64")
NEW_SCHEME = Hmac(header="shopify-hmac-sha256", encoding="base64")

ORDER_TOPICS = {
    "orders/create": "order.created",
    "orders/paid": "order.paid",
    "orders/updated": "order.updated",
    "orders/edited": "order.updated",
    "orders/cancelled": "order.cancelled",
    "orders/fulfilled": "order.fulfilled",
    "orders/partially_fulfilled": "order.fulfilled",
}
SHIPMENT_TOPICS = {"fulfillments/create", "fulfillments/update", "fulfillment_events/create"}
PRIVACY_TOPICS = {"customers/redact", "shop/redact"}

# fulfilment `shipment_status` / fulfilment event `status` -> the ranked common list
STATUSES = {
    "label_printed": "pre_transit",
    "label_purchased": "pre_transit",
    "confirmed": "pre_transit",
    "ready_for_pickup": "available_for_pickup",
    "picked_up": "delivered",  # "picked up by the customer" in Shopify's words
    "in_transit": "in_transit",
    "carrier_picked_up": "picked_up",
    "delayed": "delayed",
    "out_for_delivery": "out_for_delivery",
    "attempted_delivery": "delivery_attempted",
    "delivered": "delivered",
    "failure": "exception",
}

# what makes a text about an event wrong: how the order's payment stands by now
UNDONE = {"refunded", "voided"}
OVERTAKEN: Mapping[str, Collection[str]] = {
    "order.created": UNDONE,
    "order.paid": UNDONE,
    "order.updated": UNDONE,
    "order.fulfilled": UNDONE,
    "shipment.updated": (),
}

ORDER_FIELDS = {
    "id": ("text", "The order's id in the shop."),
    "number": ("text", "The number the customer knows, such as #1001."),
    "status": ("text", "Payment state: paid, authorized, pending, refunded, voided."),
    "fulfillment_status": ("text", "fulfilled, partial, or empty."),
    "total": ("money", "The order's total in major units."),
    "currency": ("text", "ISO 4217 code."),
    "country": ("text", "Country of delivery, ISO 3166 code."),
    "phone": ("phone", "The number given at checkout."),
    "status_url": ("text", "The order's status page."),
    "customer.first_name": ("text", "First name."),
    "customer.last_name": ("text", "Last name."),
    "customer.phone": ("phone", "The customer's number."),
    "customer.locale": ("text", "The language the customer shopped in, such as de-DE."),
    "shipping_address.phone": ("phone", "The number on the parcel."),
    "shipping_address.country": ("text", "Its country, ISO 3166 code."),
    "billing_address.phone": ("phone", "The number on the invoice."),
    "billing_address.country": ("text", "Its country, ISO 3166 code."),
}
SHIPMENT_FIELDS = {
    "order_id": ("text", "The order the parcel belongs to."),
    "status": ("text", "One of the ranked shipment statuses."),
    "native_status": ("text", "Shopify's own word."),
    "carrier": ("text", "The carrier's name."),
    "tracking_number": ("text", "The parcel's number."),
    "tracking_url": ("text", "The carrier's page for it."),
    "eta": ("time", "When it is expected, where the carrier says so."),
    "country": ("text", "Country of delivery."),
    "recipient.phone": ("phone", "The number on the parcel."),
    "recipient.name": ("text", "The name on the parcel."),
}
REFUND_FIELDS = {
    "id": ("text", "The refund's id."),
    "order_id": ("text", "The order it belongs to."),
    "total": ("money", "What was paid back."),
    "currency": ("text", "ISO 4217 code."),
}
ERASE_FIELDS = {"customer.phone": ("phone", "The person to forget."), "orders": ("list", "Orders to forget.")}


class Shopify(Connector):
    """Shopify shops."""

    name = "shopify"
    title = "Shopify"
    category = "e-commerce"
    docs_url = "https://shopify.dev/docs/apps/build/webhooks"
    event_types: ClassVar[Mapping[str, str]] = {
        "order.created": "orders/create",
        "order.paid": "orders/paid",
        "order.updated": "orders/updated, orders/edited",
        "order.fulfilled": "orders/fulfilled, orders/partially_fulfilled",
        "order.cancelled": "orders/cancelled",
        "order.refunded": "refunds/create",
        "shipment.updated": "fulfillments/create, fulfillments/update, fulfillment_events/create",
        "privacy.erase": "customers/redact, shop/redact",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        **dict.fromkeys(
            ("order.created", "order.paid", "order.updated", "order.fulfilled", "order.cancelled"), ORDER_FIELDS
        ),
        "order.refunded": REFUND_FIELDS,
        "shipment.updated": SHIPMENT_FIELDS,
        "privacy.erase": ERASE_FIELDS,
    }
    options: ClassVar[Mapping[str, Option]] = {
        "shop_url": Option(text="Recheck: the shop, such as https://acme.myshopify.com.", default=""),
        "access_token": Option(text="Recheck: Admin API token (shpat_...) of a custom app.", default="", secret=True),
        "api_version": Option(text="The version of the Admin API to ask for.", default="2026-07"),
    }
    asks: ClassVar[Sequence[str]] = ("shop_url",)
    setup: ClassVar[Sequence[str]] = (
        "In the shop's admin open Settings > Notifications > Webhooks and press Create webhook.",
        "Pick the topic, format JSON, and paste the address of this source.",
        "Copy the signing secret shown under the list into the environment variable of this source.",
        "To ask again before a text leaves: a custom app that may read orders; set `shop_url` and `access_token`.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Shopify waits 5 s, tries 8 more times in 4 hours, then removes subscriptions made through the Admin API.",
        "Names and phone numbers are null until the app has protected-customer-data approval.",
        "A recheck asks Shopify's REST resource of orders, which is legacy but has the fields of a webhook.",
    )

    def verify(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Check the base64 HMAC; both header families are in use."""
        scheme = NEW_SCHEME if incoming.header(NEW_SCHEME.header) else SCHEME
        scheme.check(incoming, secrets, now)

    def sign(self, incoming: Incoming, secret: str, now: datetime) -> Incoming:
        """Sign as the classic deliveries do."""
        return SCHEME.sign(incoming, secret, now)

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; topics without a text to send give none."""
        topic = _header(incoming, "topic")
        if not topic:
            raise Refused(Reason.BAD_SHAPE, "Header X-Shopify-Topic is missing.")
        body = reading.json_object(incoming.body)
        if topic in ORDER_TOPICS:
            return [_order(incoming, topic, body)]
        if topic in SHIPMENT_TOPICS:
            return [_shipment(incoming, topic, body)]
        if topic == "refunds/create":
            return [_refund(incoming, topic, body)]
        if topic in PRIVACY_TOPICS:
            return [_erase(incoming, topic, body)]
        return []

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the order again; one that was called off is gone, and so is a parcel that was."""
        order_id = event.key if event.type in ORDER_TOPICS.values() else reading.text(event.data, "order_id")
        if event.type not in OVERTAKEN or not order_id:
            return event
        ask.needs(self.settings, "shop_url", "access_token")
        version = quote(str(self.settings["api_version"]), safe="-")
        place = f"admin/api/{version}/orders/{ask.part(order_id)}.json"
        call = Call(
            method="GET",
            url=f"{self.address('shop_url')}/{place}",
            headers={"X-Shopify-Access-Token": str(self.settings["access_token"])},
        )
        order = ask.for_object(http, call, "Shopify").get("order")
        if event.type == "shipment.updated":
            return _rechecked_shipment(event, order)
        if reading.text(order, "cancelled_at") or reading.text(order, "financial_status") in OVERTAKEN[event.type]:
            raise AskFailed("In Shopify the order was called off meanwhile.", gone=True)
        return replace(event, data=_order_data(order))

    def subscriptions(self) -> RestHooks:
        """The webhooks this app made: Shopify removes those that fail, others it hides. Raises AskFailed."""
        ask.needs(self.settings, "shop_url", "access_token")
        version = quote(str(self.settings["api_version"]), safe="-")
        base = f"{self.address('shop_url')}/admin/api/{version}/"
        headers = {"X-Shopify-Access-Token": str(self.settings["access_token"])}
        return RestHooks(
            system="Shopify",
            topics=sorted({*ORDER_TOPICS, *SHIPMENT_TOPICS, "refunds/create"}),
            base=base,
            place="webhooks",
            listed="webhooks",
            made="webhook",
            ending=".json",
            headers=headers,
            hook=lambda one: Hook(
                id=reading.text(one, "id"),
                address=reading.text(one, "address"),
                topics=(reading.text(one, "topic"),),
            ),
            new=lambda wish: {"webhook": {"topic": wish.topics[0], "address": wish.address, "format": "json"}},
        )


def _rechecked_shipment(event: Event, order: Any) -> Event:
    """Find the parcel among those of its order."""
    for parcel in reading.items(order, "fulfillments"):
        if event.key in {reading.text(parcel, "tracking_number"), reading.text(parcel, "id")}:
            if reading.text(parcel, "status") in {"cancelled", "failure", "error"}:
                raise AskFailed("In Shopify the parcel was called off meanwhile.", gone=True)
            if reading.text(parcel, "shipment_status"):  # else the order knows no better than what was told
                return replace(event, data=ask.kept(_shipment_data(parcel), event.data))
    return event


def _order(incoming: Incoming, topic: str, body: dict[str, Any]) -> Event:
    return _event(incoming, topic, ORDER_TOPICS[topic], reading.required(body, "id"), body, _order_data(body))


def _order_data(body: Any) -> dict[str, Any]:
    country = reading.first_text(body, "shipping_address.country_code", "billing_address.country_code")
    return {
        "id": reading.text(body, "id"),
        "number": reading.first_text(body, "name", "order_number"),
        "status": reading.text(body, "financial_status"),
        "fulfillment_status": reading.text(body, "fulfillment_status"),
        "total": reading.amount(reading.dig(body, "current_total_price") or reading.dig(body, "total_price")),
        "currency": reading.text(body, "currency"),  # total_price is in the shop's currency
        "country": country,
        "phone": reading.text(body, "phone"),
        "status_url": reading.text(body, "order_status_url"),
        "customer": {
            "first_name": reading.first_text(body, "customer.first_name", "shipping_address.first_name"),
            "last_name": reading.first_text(body, "customer.last_name", "shipping_address.last_name"),
            "phone": reading.first_text(body, "customer.phone", "customer.default_address.phone"),
            "locale": reading.text(body, "customer_locale"),
        },
        "shipping_address": _address(body, "shipping_address"),
        "billing_address": _address(body, "billing_address"),
    }


def _address(body: Any, name: str) -> dict[str, str]:
    return {"phone": reading.text(body, f"{name}.phone"), "country": reading.text(body, f"{name}.country_code")}


def _shipment(incoming: Incoming, topic: str, body: dict[str, Any]) -> Event:
    parcel = reading.first_text(body, "tracking_number", "fulfillment_id", "id")
    if not parcel:
        reading.bad_shape("Field id is missing.")
    return _event(incoming, topic, "shipment.updated", parcel, body, _shipment_data(body))


def _shipment_data(body: Any) -> dict[str, Any]:
    native = reading.first_text(body, "shipment_status", "status")
    return {
        "order_id": reading.text(body, "order_id"),
        "status": STATUSES.get(native, "unknown"),
        "native_status": native,
        "carrier": reading.text(body, "tracking_company"),
        "tracking_number": reading.text(body, "tracking_number"),
        "tracking_url": reading.text(body, "tracking_url"),
        "eta": reading.iso(reading.moment(reading.dig(body, "estimated_delivery_at"))),
        "country": reading.first_text(body, "destination.country_code", "country"),
        "recipient": {
            "phone": reading.text(body, "destination.phone"),
            "name": reading.first_text(body, "destination.first_name", "destination.name"),
        },
    }


def _refund(incoming: Incoming, topic: str, body: dict[str, Any]) -> Event:
    refund_id = reading.required(body, "id")
    paid_back = [reading.decimal(reading.dig(t, "amount")) for t in reading.items(body, "transactions")]
    data = {
        "id": refund_id,
        "order_id": reading.text(body, "order_id"),
        "total": reading.amount(sum(amount for amount in paid_back if amount is not None)),
        "currency": reading.text(body, "transactions.0.currency"),
    }
    return _event(incoming, topic, "order.refunded", data["order_id"] or refund_id, body, data)


def _erase(incoming: Incoming, topic: str, body: dict[str, Any]) -> Event:
    data = {
        "customer": {"phone": reading.text(body, "customer.phone")},
        "orders": [reading.text(order) for order in reading.items(body, "orders_to_redact")],
    }
    key = reading.first_text(body, "customer.id", "shop_id") or "shop"
    return _event(incoming, topic, "privacy.erase", key, body, data)


def _event(
    incoming: Incoming, topic: str, event_type: str, key: str, body: dict[str, Any], data: dict[str, Any]
) -> Event:
    """Build the event. One merchant action shares its Event-Id over topics, so the topic is part of the id."""
    shop = _header(incoming, "shop-domain")
    delivery = _header(incoming, "event-id") or _header(incoming, "webhook-id")
    version = reading.first_text(body, "updated_at", "created_at")
    triggered = reading.moment(_header(incoming, "triggered-at"))
    return Event(
        source=incoming.source,
        type=event_type,
        native_type=topic,
        id=f"{shop}/{topic}/{delivery}" if delivery else f"{shop}/{topic}/{key}/{version}",
        key=key,
        occurred_at=triggered or reading.moment(version) or incoming.received_at,
        version=version,
        data=data,
        test=_header(incoming, "test").lower() == "true" or reading.flag(body, "test"),
    )


def _header(incoming: Incoming, name: str) -> str:
    return incoming.header(f"x-shopify-{name}") or incoming.header(f"shopify-{name}")


CONNECTOR = Shopify
