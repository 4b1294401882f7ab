"""AfterShip Tracking: parcels of more than a thousand carriers.

Facts: aftership.com/docs/tracking "Webhook specifications", "Delivery statuses", "Webhook changelog" (2025-01 to
2026-07) and AfterShip/tracking-sdk-python, read 2026-11. The signature has no time in it. AfterShip tries 14 times over
68 hours and reports every checkpoint, with an id of its own each.
Not confirmed: the shape of customers[] in the newest versions, and the meaning of the subtags that are marked below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from connectors.kit.shipping import FIELDS, Carrier, Scan
from model.event import Event, Incoming
from wire import reading
from wire.signatures import Hmac

# tag, or the subtag where that says more; enums are open, so an unknown subtag counts as its tag
STATUSES = {
    "Pending": "pre_transit",
    "InfoReceived": "pre_transit",
    "InTransit": "in_transit",
    "InTransit_002": "picked_up",  # acceptance scan
    "OutForDelivery": "out_for_delivery",
    "AttemptFail": "delivery_attempted",
    "AvailableForPickup": "available_for_pickup",
    "Delivered": "delivered",
    "Exception": "exception",
    "Exception_004": "on_hold",  # held at customs; not confirmed
    "Exception_005": "delayed",  # not confirmed
    "Exception_006": "on_hold",  # held for a payment; not confirmed
    "Exception_010": "returning",  # not confirmed
    "Exception_011": "returned",  # "returned to sender"
    "Expired": "expired",  # no news for 30 days
}


class AfterShip(Carrier):
    """AfterShip Tracking accounts."""

    name = "aftership"
    title = "AfterShip"
    docs_url = "https://www.aftership.com/docs/tracking/webhook/webhook-overview"
    scheme = Hmac(header="aftership-hmac-sha256", encoding="base64")
    statuses = STATUSES
    event_types: ClassVar[Mapping[str, str]] = {"shipment.updated": "tracking_update, once per status"}
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        "shipment.updated": {
            **FIELDS,
            "id": ("text", "The tracking's id at AfterShip."),
            "title": ("text", "The name you gave the parcel."),
            "recipient.email": ("text", "The recipient's mail address."),
        }
    }
    setup: ClassVar[Sequence[str]] = (
        "In AfterShip Tracking open Settings > Notifications > Webhooks and add the address of this source.",
        "Choose the shipment statuses you have texts for, and put the webhook secret into the environment variable.",
        "Give trackings a customer with a phone when you create them, or set `recipient_url`.",
    )
    provider_texts: ClassVar[str] = "AfterShip sends notifications of its own by text."
    limits: ClassVar[Sequence[str]] = (
        "Changes of the expected day (edd_revise) and waiting times give no event.",
        "AfterShip sends to ports 80, 443 and 8080 only, and gives up after 14 tries, about 68 hours.",
        "Its countries have three letters and are left out: numbers have to be international, with + in front.",
    )

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; a further checkpoint in the same status has the id of the first."""
        body = reading.json_object(incoming.body)
        native, found = reading.required(body, "event"), reading.dig(body, "msg")
        if native != "tracking_update":
            return []
        scan = Scan(
            key=reading.required(found, "id"),
            native_type=native,
            at=reading.moment(reading.dig(body, "ts")),
            data=self._data(found),
        )
        return [self.told(incoming, scan)]

    def _data(self, found: Any) -> dict[str, Any]:
        tag, subtag = reading.text(found, "tag"), reading.text(found, "subtag")
        expected = reading.first_text(
            found,
            "latest_estimated_delivery.datetime",
            "courier_estimated_delivery.estimated_delivery_date",
            "expected_delivery",
        )
        status = self.status_of(subtag, tag)
        if reading.flag(found, "return_to_sender") and status == "delivered":
            status = "returned"  # handed over, but to the shop
        return {
            "id": reading.text(found, "id"),
            "title": reading.text(found, "title"),
            "status": status,
            "native_status": tag,
            "status_detail": subtag,
            "status_text": reading.text(found, "subtag_message"),
            "carrier": reading.text(found, "slug"),
            "tracking_number": reading.text(found, "tracking_number"),
            "tracking_url": reading.first_text(found, "aftership_tracking_url", "courier_tracking_link"),
            "eta": reading.iso(reading.moment(expected)),
            "order_number": reading.first_text(found, "order_number", "order_id"),
            "recipient": _recipient(found),
        }


def _recipient(found: Any) -> dict[str, str]:
    """Read the first customer who has a number; older versions have lists of numbers and a name instead."""
    customers = reading.items(found, "customers")
    best = next((one for one in customers if reading.text(one, "phone_number")), customers[0] if customers else None)
    return {
        "phone": reading.text(best, "phone_number") or reading.text(found, "smses.0"),
        "name": reading.text(best, "name") or reading.text(found, "customer_name"),
        "email": reading.text(best, "email") or reading.text(found, "emails.0"),
        "locale": reading.text(best, "language") or reading.text(found, "language"),
    }


CONNECTOR = AfterShip
