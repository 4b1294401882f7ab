"""DHL: unified push of shipment tracking, for parcels, letters, express and freight.

Facts: developer.dhl.com "Shipment Tracking - Unified - Push" and its 101 guide, karrioapi/karrio (example answer), read
2026-11. A subscription names shipments or an account and the events wanted; the proof is a header and a token chosen
with it. The code is one of five and the text beside it may say more, or less: DHL's own example has code pre-transit
with status DELIVERED. So the code counts; the text only refines what is on its way or failed, and never to delivered.
Not confirmed: the wording of the texts (the option `phrases` adds), and whether several shipments come in one body.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from connectors.base import Option
from connectors.kit.shipping import FIELDS, NO_PHONE, Carrier, Scan, check_table, zone_of
from model.event import Event, Incoming
from wire import reading
from wire.signatures import Token

CODES = {
    "pre-transit": "pre_transit",
    "transit": "in_transit",
    "delivered": "delivered",
    "failure": "exception",
    "unknown": "unknown",
}

# part of the status text, lower case -> ours; looked for in this order
PHRASES = {
    "out for delivery": "out_for_delivery",
    "out with courier": "out_for_delivery",
    "loaded onto the delivery vehicle": "out_for_delivery",
    "in das zustellfahrzeug geladen": "out_for_delivery",
    "ready for pick-up": "available_for_pickup",
    "available for collection": "available_for_pickup",
    "zur abholung bereit": "available_for_pickup",
    "liegt zur abholung": "available_for_pickup",
    "delivery attempt": "delivery_attempted",
    "could not be delivered": "delivery_attempted",
    "konnte nicht zugestellt werden": "delivery_attempted",
    "returned to sender": "returning",  # said when it turns round, not when it is back
    "return to sender": "returning",
    "zurück an den absender": "returning",
    "clearance event": "on_hold",
    "customs status updated": "in_transit",
}
REFINED = frozenset({"transit", "failure"})


class Dhl(Carrier):
    """DHL push subscriptions."""

    name = "dhl"
    title = "DHL"
    docs_url = "https://developer.dhl.com/api-reference/shipment-tracking-unified-push"
    scheme = Token(header="x-api-key")
    statuses = CODES
    event_types: ClassVar[Mapping[str, str]] = {"shipment.updated": "a pushed shipment, once per status"}
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        "shipment.updated": {**FIELDS, "service": ("text", "DHL's division, such as express or parcel-de.")}
    }
    options: ClassVar[Mapping[str, Option]] = {
        **Carrier.options,
        "header": Option(
            text="The header that carries the token, as chosen with the subscription.", default="x-api-key"
        ),
        "time_zone": Option(text="Zone of times written without one, such as Europe/Berlin.", default=""),
        "phrases": Option(text="Part of a status text in lower case -> ours, for texts in your language.", default={}),
    }
    setup: ClassVar[Sequence[str]] = (
        "Choose a long random token and put it into the environment variable of this source.",
        "Create a subscription by the push API with this source's address and ApiKeyAuthentication: header and token.",
        "Activate it with the secret that DHL answers; DHL shows it once.",
        "Set `recipient_url`: DHL tells no phone.",
    )
    limits: ClassVar[Sequence[str]] = (
        NO_PHONE,
        "DHL has five codes. Out for delivery and pick-up are read from the text: set `phrases` for your language.",
        "DHL tries again after 1 hour and after 6, then gives up.",
        "Tracking webhooks of DHL eCommerce Americas and of DHL Global Forwarding are other interfaces.",
    )

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        self.scheme = Token(header=str(self.settings["header"]))
        self._zone = zone_of(self.settings["time_zone"]) if self.settings["time_zone"] else None
        check_table("phrases", self.settings["phrases"])

    def parse(self, incoming: Incoming) -> list[Event]:
        """A body is a shipment, or a list of them; what holds none, such as news of the subscription, gives none."""
        body = reading.json_object(incoming.body)
        shipments = reading.items(body, "shipments") or [body]
        found = [self._scan(shipment) for shipment in shipments]
        return [self.told(incoming, scan) for scan in found if scan is not None]

    def _scan(self, shipment: Any) -> Scan | None:
        number, code = reading.text(shipment, "id"), reading.text(shipment, "status.statusCode")
        if not number or not code:
            return None
        at = reading.moment(reading.dig(shipment, "status.timestamp"), zone=self._zone)
        return Scan(key=number, native_type=code, at=at, data=self._data(shipment, number, code.lower()))

    def _data(self, shipment: Any, number: str, code: str) -> dict[str, Any]:
        said = [reading.text(shipment, f"status.{name}") for name in ("status", "description", "remark")]
        expected = reading.first_text(
            shipment, "estimatedTimeOfDelivery", "estimatedDeliveryTimeFrame.estimatedThrough"
        )
        return {
            "status": self._refined(code, " | ".join(said).lower()),
            "native_status": code,
            "status_detail": said[0],
            "status_text": said[1] or said[0],
            "carrier": "DHL",
            "tracking_number": number,
            "tracking_url": reading.text(shipment, "serviceUrl"),
            "eta": reading.iso(reading.moment(expected, zone=self._zone)),
            "order_number": _reference(shipment),
            "country": reading.text(shipment, "destination.address.countryCode"),
            "service": reading.text(shipment, "service"),
        }

    def _refined(self, code: str, said: str) -> str:
        own = self.settings["phrases"]
        phrases = {**own, **PHRASES, **own}  # own ones are looked for first and say what they mean
        status = next((ours for phrase, ours in phrases.items() if phrase in said), "") if code in REFINED else ""
        return status if status and status != "delivered" else self.status_of(code)


def _reference(shipment: Any) -> str:
    """Read the customer's reference, which is one object or a list of them."""
    references = reading.dig(shipment, "details.references")
    listed = references if isinstance(references, list) else [references]
    kinds = {"customer-reference", "reference", "shipment-reference"}
    wanted = (one for one in listed if reading.text(one, "type") in kinds)
    return next((reading.text(one, "number") for one in wanted), "")


CONNECTOR = Dhl
