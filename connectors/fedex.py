"""FedEx Advanced Integrated Visibility: tracking events of an account, or of numbers that were subscribed to.

Facts: developer.fedex.com "Advanced Integrated Visibility validation process" (signature), "Business rules and best
practices", "Webhook developer guide", and the Track API's answer, whose shape the body has, read 2026-11. FedEx sends
a body whenever anything about a shipment is new, such as a photo or another expected day, repeats the status in it, and
sends out of order: the time of the scan counts.
Codes: karrioapi/karrio and the Track API; not confirmed for each (the option `statuses` adds or corrects).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from connectors.kit.shipping import FIELDS, NO_PHONE, Carrier, Scan
from model.event import Event, Incoming
from wire import reading
from wire.signatures import Hmac

# latestStatusDetail.code (derivedCode where it is finer)
STATUSES = {
    "OC": "pre_transit",  # order created: the label is made
    "MD": "pre_transit",  # manifest data
    "PU": "picked_up",
    "PX": "picked_up",
    "IT": "in_transit",
    "IX": "in_transit",
    "AR": "in_transit",  # arrived
    "DP": "in_transit",  # departed
    "AF": "in_transit",  # at a FedEx facility
    "FD": "in_transit",
    "LO": "in_transit",  # left origin
    "CC": "in_transit",  # cleared customs
    "CD": "on_hold",  # customs delay
    "HA": "on_hold",  # held, the recipient asked for it
    "DY": "delayed",
    "DD": "delayed",
    "OD": "out_for_delivery",
    "ED": "in_transit",  # on the way to the station that delivers, not to the door
    "AD": "in_transit",  # at that station
    "HL": "available_for_pickup",  # held at a location
    "HP": "available_for_pickup",  # ready for pick-up
    "DE": "delivery_attempted",  # delivery exception: nobody there, business closed
    "SE": "exception",  # shipment exception
    "RS": "returning",
    "RT": "returning",
    "CA": "cancelled",
    "DL": "delivered",
}
REFERENCES = ("PURCHASE_ORDER", "INVOICE", "CUSTOMER_REFERENCE", "SHIPPER_REFERENCE")
"""Kinds of reference, the best for an order number first."""


class FedEx(Carrier):
    """FedEx webhook projects."""

    name = "fedex"
    title = "FedEx"
    docs_url = "https://developer.fedex.com/api/en-us/catalog/shipment-visibility-webhook/docs.html"
    scheme = Hmac(header="fdx-signature", encoding="base64")
    statuses = STATUSES
    event_types: ClassVar[Mapping[str, str]] = {"shipment.updated": "a tracking event, once per status"}
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        "shipment.updated": {**FIELDS, "service": ("text", "FedEx's name of the service.")}
    }
    setup: ClassVar[Sequence[str]] = (
        "In the FedEx Developer Portal create a webhook project for your account or for tracking numbers.",
        "Destination URL: the address of this source. Security token: one of 26 to 100 characters that you choose.",
        "Put the same token into the environment variable of this source.",
        "Set `recipient_url`: FedEx tells neither phone nor, as a rule, the recipient's name.",
    )
    limits: ClassVar[Sequence[str]] = (
        NO_PHONE,
        "FedEx asks for a billing account in the United States and bills by tracking number.",
        "Photos and signatures of a delivery, and changes of the expected day, give no event.",
        "Not confirmed: how often FedEx repeats a webhook that was not taken.",
    )

    def parse(self, incoming: Incoming) -> list[Event]:
        """A body holds one or more shipments; one that cannot be read is left out, the others count."""
        body = reading.json_object(incoming.body)
        results = reading.items(body, "output.completeTrackResults") or reading.items(body, "completeTrackResults")
        if not results:
            reading.bad_shape("Field output.completeTrackResults is missing.")
        return [self.told(incoming, scan) for result in results for scan in self._scans(result)]

    def _scans(self, result: Any) -> Iterator[Scan]:
        for track in reading.items(result, "trackResults"):
            number = reading.text(track, "trackingNumberInfo.trackingNumber") or reading.text(result, "trackingNumber")
            code = reading.first_text(track, "latestStatusDetail.code", "latestStatusDetail.derivedCode")
            if number and code:
                data = self._data(track, number, code)
                yield Scan(key=number, native_type=code, at=_moment(track, data["status"]), data=data)

    def _data(self, track: Any, number: str, code: str) -> dict[str, Any]:
        finer = reading.text(track, "latestStatusDetail.derivedCode")
        expected = reading.text(track, "estimatedDeliveryTimeWindow.window.ends") or _time(track, "ESTIMATED_DELIVERY")
        return {
            "status": self.status_of(code, finer),
            "native_status": code,
            "status_detail": finer,
            "status_text": reading.first_text(
                track, "latestStatusDetail.description", "latestStatusDetail.statusByLocale"
            ),
            "carrier": "FedEx",
            "tracking_number": number,
            "tracking_url": f"https://www.fedex.com/fedextrack/?trknbr={number}",
            "eta": reading.iso(reading.moment(expected)),
            "order_number": _reference(track),
            "country": reading.text(track, "recipientInformation.address.countryCode"),
            "service": reading.first_text(track, "serviceDetail.description", "serviceDetail.type"),
            "recipient": {"name": reading.text(track, "recipientInformation.contact.personName")},
        }


def _moment(track: Any, status: str) -> datetime | None:
    """Read when the newest scan was made, or the delivery: a photo of it comes in a body of its own, later."""
    delivered = reading.moment(_time(track, "ACTUAL_DELIVERY")) if status == "delivered" else None
    scans = (reading.moment(reading.dig(scan, "date")) for scan in reading.items(track, "scanEvents"))
    newest = max((moment for moment in scans if moment), default=datetime.min.replace(tzinfo=UTC))
    return delivered or (newest if newest.year > 1 else None)


def _time(track: Any, kind: str) -> str:
    times = (one for one in reading.items(track, "dateAndTimes") if reading.text(one, "type") == kind)
    return next((reading.text(one, "dateTime") for one in times), "")


def _reference(track: Any) -> str:
    found = {
        reading.text(one, "type"): reading.text(one, "values.0")
        for one in reading.items(track, "additionalTrackingInfo.packageIdentifiers")
    }
    return next((found[kind] for kind in REFERENCES if found.get(kind)), "")


CONNECTOR = FedEx
