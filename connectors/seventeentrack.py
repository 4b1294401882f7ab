"""17TRACK: parcels of some 3,000 carriers, API version 2.

Facts: the sub-statuses of API version 2.2 to 2.4 as its clients list them, api.17track.net, read 2026-11.
Not confirmed: the signature (a plain SHA-256 of body, slash and API key in the header `sign`) and the body's shape; a
refusal of every webhook means that the signature is another one. Bodies of version 1 (numeric codes) are not read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from connectors.kit.shipping import FIELDS, NO_PHONE, Carrier, Scan
from model.event import Event, Incoming
from wire import reading
from wire.signatures import Hmac

# status, or the sub-status where that says more
STATUSES = {
    "NotFound": "unknown",
    "InfoReceived": "pre_transit",
    "InTransit": "in_transit",
    "InTransit_PickedUp": "picked_up",
    "InTransit_CustomsProcessing": "in_transit",  # the usual way through customs
    "InTransit_CustomsRequiringInformation": "on_hold",
    "OutForDelivery": "out_for_delivery",
    "AvailableForPickup": "available_for_pickup",
    "DeliveryFailure": "delivery_attempted",
    "DeliveryFailure_Rejected": "exception",  # nobody will come again
    "DeliveryFailure_InvalidAddress": "exception",
    "Delivered": "delivered",
    "Exception": "exception",
    "Exception_Delayed": "delayed",
    "Exception_Returning": "returning",
    "Exception_Returned": "returned",
    "Exception_Cancel": "cancelled",
    "Expired": "expired",
}


class SeventeenTrack(Carrier):
    """17TRACK accounts."""

    name = "seventeentrack"
    title = "17TRACK"
    docs_url = "https://api.17track.net/en/doc"
    scheme = Hmac(header="sign", keyed=False, signed="{body}/{secret}")
    statuses = STATUSES
    event_types: ClassVar[Mapping[str, str]] = {"shipment.updated": "TRACKING_UPDATED, once per status"}
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        "shipment.updated": {**FIELDS, "carrier_code": ("text", "17TRACK's number of the carrier.")}
    }
    setup: ClassVar[Sequence[str]] = (
        "In the 17TRACK API console open Settings > WebHook, enter the address of this source, version 2.",
        "Put the API key (the security key of the console) into the environment variable: it signs.",
        "Register numbers with your order number as `tag`; it comes back as order_number.",
        "Set `recipient_url`: 17TRACK takes a phone's last digits and never tells a phone.",
    )
    limits: ClassVar[Sequence[str]] = (
        NO_PHONE,
        "Not confirmed: the signature and the body's shape, which 17TRACK shows to its customers only.",
        "TRACKING_STOPPED gives no event. Numbers that two carriers use at a time are one parcel here.",
    )

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; a number without any news yet gives none."""
        body = reading.json_object(incoming.body)
        native, found = reading.required(body, "event"), reading.dig(body, "data")
        if native != "TRACKING_UPDATED":
            return []
        number, status = reading.required(found, "number"), reading.text(found, "track_info.latest_status.status")
        if not status or status == "NotFound":
            return []
        latest = reading.dig(found, "track_info.latest_event")
        scan = Scan(
            key=number,
            native_type=native,
            at=reading.moment(reading.dig(latest, "time_utc")) or reading.moment(reading.dig(latest, "time_iso")),
            data=self._data(found, number, status),
        )
        return [self.told(incoming, scan)]

    def _data(self, found: Any, number: str, native: str) -> dict[str, Any]:
        info = reading.dig(found, "track_info")
        detail = reading.text(info, "latest_status.sub_status")
        expected = reading.first_text(
            info, "time_metrics.estimated_delivery_date.to", "time_metrics.estimated_delivery_date.from"
        )
        return {
            "status": self.status_of(detail, native),
            "native_status": native,
            "status_detail": detail,
            "status_text": reading.text(info, "latest_event.description"),
            "carrier": reading.first_text(
                info, "tracking.providers.0.provider.name", "tracking.providers.0.provider.key"
            ),
            "carrier_code": reading.text(found, "carrier"),
            "tracking_number": number,
            "tracking_url": f"https://t.17track.net/en#nums={number}",
            "eta": reading.iso(reading.moment(expected)),
            "order_number": reading.text(found, "tag"),
            "country": reading.text(info, "shipping_info.recipient_address.country"),
        }


CONNECTOR = SeventeenTrack
