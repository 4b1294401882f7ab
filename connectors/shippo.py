"""Shippo: tracking of parcels, labels bought there or elsewhere.

Facts: docs.goshippo.com "Webhooks", "Tracking" and "Security", goshippo/shippo-python-sdk (Track, TrackingStatus), read
2026-11. Shippo has no status of its own for a parcel that is out for delivery or waits at a shop: those are a substatus
of TRANSIT. It repeats notifications, and sends one per registration of the webhook.
Not confirmed: the full list of substatus codes (hence the option `statuses`) and the header of the signature that
Shippo sets up on request; the token in the address is what everybody has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from connectors.base import Http, Option
from connectors.kit import ask
from connectors.kit.shipping import FIELDS, Carrier, Scan, renewed, with_recipient
from model.event import Event, Incoming
from wire import reading
from wire.http import Call
from wire.signatures import Token

# status, or status/substatus code where that says more
STATUSES = {
    "PRE_TRANSIT": "pre_transit",
    "TRANSIT": "in_transit",
    "TRANSIT/package_accepted": "picked_up",
    "TRANSIT/out_for_delivery": "out_for_delivery",
    "TRANSIT/pickup_available": "available_for_pickup",
    "TRANSIT/delivery_attempted": "delivery_attempted",
    "TRANSIT/notice_left": "delivery_attempted",  # the carrier left a card, so it was at the door
    "TRANSIT/delayed": "delayed",
    "TRANSIT/delivery_rescheduled": "delayed",
    "TRANSIT/package_held": "on_hold",
    "TRANSIT/address_issue": "exception",
    "TRANSIT/contact_carrier": "exception",
    "TRANSIT/location_inaccessible": "exception",
    "TRANSIT/package_damaged": "exception",
    "DELIVERED": "delivered",
    "RETURNED": "returning",  # "is being or was returned": told as back only where the substatus says so
    "RETURNED/return_to_sender": "returning",
    "FAILURE": "exception",
}


class Shippo(Carrier):
    """Shippo accounts."""

    name = "shippo"
    title = "Shippo"
    docs_url = "https://docs.goshippo.com/docs/tracking/webhooks"
    scheme = Token(query="token")
    statuses = STATUSES
    event_types: ClassVar[Mapping[str, str]] = {"shipment.updated": "track_updated, once per status"}
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        "shipment.updated": {
            **FIELDS,
            "transaction_id": ("text", "The label's transaction, empty for labels bought elsewhere."),
            "action_required": ("bool", "Whether somebody has to do something."),
        }
    }
    options: ClassVar[Mapping[str, Option]] = {
        **Carrier.options,
        "api_token": Option(text="Live token, to look up the recipient of a label.", default="", secret=True),
        "api_url": Option(text="Where Shippo's API is.", default="https://api.goshippo.com"),
    }
    asks: ClassVar[Sequence[str]] = ("api_url", *Carrier.asks)
    setup: ClassVar[Sequence[str]] = (
        "Choose a long random token and put it into the environment variable of this source.",
        "In Shippo open Settings > API > Webhooks, add the address of this source followed by ?token= and the token.",
        "Event type: Track Updated. The whole address has to be shorter than 200 characters.",
        "Tracking carries no phone: set `api_token` for labels bought at Shippo, `recipient_url` for others.",
        "When you register a tracking number, put your order number into its `metadata`.",
    )
    limits: ClassVar[Sequence[str]] = (
        "The proof is a token in the address: keep addresses out of the logs of proxies in front of Tidings.",
        "Not confirmed: substatus codes other than those in the table; unknown ones count as their status alone.",
        "Webhooks other than Track Updated give no event. Look-ups by `api_token` take three questions each.",
    )

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; a number that was not scanned yet gives none."""
        body = reading.json_object(incoming.body)
        native, track = reading.required(body, "event"), reading.dig(body, "data")
        if native != "track_updated" or not reading.text(track, "tracking_status.status"):
            return []
        number = reading.required(track, "tracking_number")
        data = self._data(track, number, reading.first_text(track, "carrier") or reading.text(body, "carrier"))
        scan = Scan(
            key=number,
            native_type=native,
            at=reading.moment(reading.dig(track, "tracking_status.status_date")),
            data=data,
            test=reading.flag(body, "test"),
        )
        event = self.told(incoming, scan)
        return [replace(event, lookup=number) if data["transaction_id"] and self.settings["api_token"] else event]

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the label's transaction, its rate and its shipment, whose address has the recipient."""
        if not (event.data["transaction_id"] and self.settings["api_token"]):
            return super().lookup(event, http)
        transaction = self._get(http, "transactions", str(event.data["transaction_id"]))
        rate = self._get(http, "rates", reading.first_text(transaction, "rate.object_id", "rate"))
        shipment = self._get(http, "shipments", reading.text(rate, "shipment"))
        found = {name: reading.text(shipment, f"address_to.{name}") for name in ("phone", "name", "country")}
        return with_recipient(event, {**found, "order_number": reading.text(transaction, "metadata")})

    def refresh(self, event: Event, http: Http) -> Event:
        """Ask where the parcel is by now; a text that it has overtaken is not sent."""
        ask.needs(self.settings, "api_token")
        carrier = ask.part(str(event.data["carrier"]))
        track = self._get(http, f"tracks/{carrier}", event.key)
        return renewed(event, self._data(track, event.key, carrier))

    def _get(self, http: Http, kind: str, object_id: str) -> dict[str, Any]:
        call = Call(
            method="GET",
            url=f"{self.address('api_url')}/{kind}/{ask.part(object_id)}",
            headers={"authorization": f"ShippoToken {self.settings['api_token']}"},
        )
        return ask.for_object(http, call, "Shippo")

    def _data(self, track: Any, number: str, carrier: str) -> dict[str, Any]:
        native = reading.text(track, "tracking_status.status")
        detail = reading.text(track, "tracking_status.substatus.code")
        return {
            "status": self.status_of(f"{native}/{detail}", native),
            "native_status": native,
            "status_detail": detail,
            "status_text": reading.text(track, "tracking_status.status_details"),
            "carrier": carrier,
            "tracking_number": number,
            "eta": reading.iso(reading.moment(reading.dig(track, "eta"))),
            "order_number": reading.text(track, "metadata"),
            "country": reading.text(track, "address_to.country"),
            "transaction_id": reading.text(track, "transaction"),
            "action_required": reading.flag(track, "tracking_status.substatus.action_required"),
        }


CONNECTOR = Shippo
