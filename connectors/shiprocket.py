"""Shiprocket: parcels of Indian couriers.

Facts: third-party integrations and Shiprocket's panel as they show it; Shiprocket's own page was not to be had (read
2026-11), so all of this is not confirmed: the x-api-key header, the words of the statuses, the times without a zone
(read as India's), and that 200 alone counts as received.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from connectors.base import Option
from connectors.kit.shipping import FIELDS, NO_PHONE, Carrier, Scan, of_return, zone_of
from model.event import Event, Incoming
from wire import reading
from wire.signatures import Token

FORMS = ("%d %m %Y %H:%M:%S", "%Y-%m-%d %H:%M:%S")
ATTEMPT = re.compile(r"-? ?\d(ST|ND|RD|TH) ATTEMPT$")

# words of current_status and shipment_status, capitals and single spaces. RTO is "return to origin".
STATUSES = {
    "AWB ASSIGNED": "pre_transit",
    "LABEL GENERATED": "pre_transit",
    "PICKUP SCHEDULED": "pre_transit",
    "PICKUP GENERATED": "pre_transit",
    "PICKUP QUEUED": "pre_transit",
    "PICKUP RESCHEDULED": "pre_transit",
    "MANIFEST GENERATED": "pre_transit",
    "SHIPMENT BOOKED": "pre_transit",
    "OUT FOR PICKUP": "pre_transit",  # the courier comes to the shop; nothing is on the way
    "PICKUP ERROR": "exception",
    "PICKUP EXCEPTION": "exception",
    "PICKED UP": "picked_up",
    "HANDOVER TO COURIER": "picked_up",
    "SHIPPED": "in_transit",
    "IN TRANSIT": "in_transit",
    "IN TRANSIT-EN-ROUTE": "in_transit",
    "IN TRANSIT-AT DESTINATION HUB": "in_transit",
    "REACHED AT DESTINATION HUB": "in_transit",
    "REACHED DESTINATION HUB": "in_transit",
    "REACHED WAREHOUSE": "in_transit",
    "CUSTOM CLEARED": "in_transit",
    "IN FLIGHT": "in_transit",
    "MISROUTED": "delayed",
    "DELAYED": "delayed",
    "OUT FOR DELIVERY": "out_for_delivery",
    "UNDELIVERED": "delivery_attempted",
    "DELIVERY ATTEMPTED": "delivery_attempted",
    "DELIVERED": "delivered",
    "PARTIAL DELIVERED": "exception",  # some pieces only: "delivered" would be wrong
    "LOST": "exception",
    "DAMAGED": "exception",
    "DESTROYED": "exception",
    "DISPOSED OFF": "exception",
    "UNTRACEABLE": "exception",
    "ISSUE RELATED TO THE RECIPIENT": "exception",
    "RTO": "returning",
    "RTO INITIATED": "returning",
    "RTO IN TRANSIT": "returning",
    "RTO OFD": "returning",  # out for delivery, to the shop
    "RTO NDR": "returning",  # not delivered to the shop either
    "REACHED BACK AT SELLER CITY": "returning",
    "RTO DELIVERED": "returned",  # the shop has it, not the customer
    "RTO ACKNOWLEDGED": "returned",
    "CANCELED": "cancelled",
    "CANCELLED": "cancelled",
    "CANCELLED BEFORE DISPATCHED": "cancelled",
}


class Shiprocket(Carrier):
    """Shiprocket accounts."""

    name = "shiprocket"
    title = "Shiprocket"
    docs_url = "https://apidocs.shiprocket.in"
    scheme = Token(header="x-api-key")
    statuses = STATUSES
    event_types: ClassVar[Mapping[str, str]] = {"shipment.updated": "a tracking update, once per status"}
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        "shipment.updated": {
            **FIELDS,
            "shipment_id": ("text", "The order's id at Shiprocket."),
            "is_return": ("bool", "Whether a customer sends it back."),
        }
    }
    options: ClassVar[Mapping[str, Option]] = {
        **Carrier.options,
        "time_zone": Option(text="Zone of the times, which are written without one.", default="Asia/Kolkata"),
    }
    setup: ClassVar[Sequence[str]] = (
        "Choose a long random token and put it into the environment variable of this source.",
        "In Shiprocket open Settings > API > Webhooks, add the address of this source and the token, switch it on.",
        "Name the source without shiprocket, kartrocket, sr or kr: Shiprocket refuses addresses with these in them.",
        "Set `recipient_url`: Shiprocket tells no phone; order_number is your own order's.",
    )
    limits: ClassVar[Sequence[str]] = (
        NO_PHONE,
        "Not confirmed: everything about the body; unknown words become unknown and can be named in `statuses`.",
        "Not confirmed: whether Shiprocket repeats a webhook that was not taken.",
    )

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        self._zone = zone_of(self.settings["time_zone"])

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; an order without a parcel yet gives none."""
        body = reading.json_object(incoming.body)
        number, native = reading.text(body, "awb"), reading.required(body, "current_status", "shipment_status")
        if not number:
            return []
        scan = Scan(
            key=number,
            native_type=native,
            at=self._moment(reading.text(body, "current_timestamp")),
            data=self._data(body, number, native),
        )
        return [self.told(incoming, scan)]

    def _data(self, body: Any, number: str, native: str) -> dict[str, Any]:
        finer = reading.text(body, "shipment_status")
        is_return = reading.flag(body, "is_return")
        status = self.status_of(native, _words(native), _words(finer))
        return {
            "status": of_return(status) if is_return else status,
            "native_status": native,
            "status_detail": finer,
            "status_text": reading.text(body, "scans.0.activity"),
            "carrier": reading.text(body, "courier_name"),
            "tracking_number": number,
            "tracking_url": f"https://shiprocket.co/tracking/{number}",
            "eta": reading.iso(self._moment(reading.text(body, "etd"))),
            "order_number": reading.text(body, "order_id"),
            "shipment_id": reading.text(body, "sr_order_id"),
            "is_return": is_return,
        }

    def _moment(self, written: str) -> datetime | None:
        """Read one of the two forms; "0000-00-00 00:00:00" is no time."""
        for form in FORMS:
            try:
                return reading.moment(datetime.strptime(written, form).isoformat(), zone=self._zone)  # noqa: DTZ007
            except ValueError:
                continue
        return None


def _words(native: str) -> str:
    """Bring a status into the table's form: the number of the attempt says nothing more."""
    return ATTEMPT.sub("", " ".join(native.replace("_", " ").upper().split())).strip()


CONNECTOR = Shiprocket
