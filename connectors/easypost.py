"""EasyPost: trackers that follow a parcel from label to door.

Facts: EasyPost/easypost-python (signature) and docs.easypost.com "Webhooks Guide" and "Trackers", read 2026-10.
Carriers scan often and EasyPost reports each scan, so only a change of status becomes an event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from connectors.base import Connector, Hook, Http, Option
from connectors.kit import ask, shipping
from connectors.kit.hooks import RestHooks
from model.event import Event, Incoming
from wire import reading
from wire.http import Call
from wire.signatures import Hmac

TYPES = {"tracker.created": "shipment.created", "tracker.updated": "shipment.updated"}

# "status", or "status/status_detail" where the detail says more -> the ranked common list.
# EasyPost's documentation is not complete here, so the option `statuses` adds to it or corrects it.
STATUSES = {
    "pre_transit": "pre_transit",
    "in_transit": "in_transit",
    "in_transit/received_at_origin_facility": "picked_up",
    "in_transit/delayed": "delayed",
    "in_transit/weather_delay": "delayed",
    "in_transit/held": "on_hold",
    "in_transit/awaiting_information": "on_hold",
    "in_transit/delivery_exception": "delivery_attempted",
    "in_transit/transit_exception": "exception",
    "in_transit/return": "returning",
    "out_for_delivery": "out_for_delivery",
    "available_for_pickup": "available_for_pickup",
    "delivered": "delivered",
    "return_to_sender": "returning",  # the parcel has turned round; it is not back yet
    "return_to_sender/delivered": "returned",
    "failure": "exception",
    "failure/expired": "expired",
    "failure/return": "returning",
    "failure/delivery_exception": "delivery_attempted",
    "error": "exception",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}

SHIPMENT_FIELDS = {
    "id": ("text", "The tracker's id."),
    "shipment_id": ("text", "The shipment's id, empty for labels bought elsewhere."),
    "reference": ("text", "Your own word for the shipment, such as the order number (looked up)."),
    "status": ("text", "One of the ranked shipment statuses."),
    "native_status": ("text", "EasyPost's own word."),
    "status_detail": ("text", "EasyPost's finer word, such as arrived_at_facility."),
    "carrier": ("text", "The carrier's name."),
    "tracking_number": ("text", "The parcel's number (tracking_code)."),
    "tracking_url": ("text", "EasyPost's page for it (public_url)."),
    "eta": ("time", "When it is expected (est_delivery_date)."),
    "signed_by": ("text", "Who took the parcel, where the carrier says so."),
    "country": ("text", "Country of delivery, ISO 3166 code."),
    "recipient.phone": ("phone", "The number on the parcel (looked up)."),
    "recipient.name": ("text", "The name on the parcel (looked up)."),
}


class EasyPost(Connector):
    """EasyPost accounts."""

    name = "easypost"
    title = "EasyPost"
    category = "logistics"
    docs_url = "https://docs.easypost.com/guides/webhooks-guide"
    scheme = Hmac(header="x-hmac-signature", prefix="hmac-sha256-hex=", key="nfkd")
    event_types: ClassVar[Mapping[str, str]] = {
        "shipment.created": "tracker.created",
        "shipment.updated": "tracker.updated, when the status changed",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = dict.fromkeys(event_types, SHIPMENT_FIELDS)
    options: ClassVar[Mapping[str, Option]] = {
        "api_key": Option(text="API key that may read shipments.", default="", secret=True),
        "api_url": Option(text="Where EasyPost's API is.", default="https://api.easypost.com"),
        "statuses": Option(text="More or other status words: status or status/status_detail -> ours.", default={}),
    }
    asks: ClassVar[Sequence[str]] = ("api_url",)
    setup: ClassVar[Sequence[str]] = (
        "In the EasyPost dashboard open Webhooks, add the address of this source and a webhook secret.",
        "Put the same secret into the environment variable of this source.",
        "Trackers carry no phone: set `api_key`, and give the shipment's to_address a phone when you buy the label.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Trackers of labels bought elsewhere have no shipment, so no phone can be looked up for them.",
        "A change of status_detail alone gives no event.",
    )

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; a scan that leaves the status as it was gives none."""
        body = reading.json_object(incoming.body)
        event_id, native = reading.required(body, "id"), reading.required(body, "description")
        if native not in TYPES or _is_repeated_status(native, body):
            return []
        tracker_id = reading.required(body, "result.id")
        data = self._data(reading.dig(body, "result"))
        created = reading.moment(reading.dig(body, "created_at"))
        return [
            Event(
                source=incoming.source,
                type=TYPES[native],
                native_type=native,
                id=event_id,
                key=tracker_id,
                occurred_at=created or reading.moment(reading.dig(body, "result.updated_at")) or incoming.received_at,
                version=reading.text(body, "result.updated_at"),
                data=data,
                test="test" in {reading.text(body, "mode"), reading.text(body, "result.mode")},
                lookup=data["shipment_id"],
            )
        ]

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the shipment: name, phone and country are on its address."""
        found = self._get(http, f"shipments/{ask.part(event.lookup)}")
        data = {
            **event.data,
            "reference": reading.text(found, "reference"),
            "country": reading.text(found, "to_address.country") or reading.text(event.data, "country"),
            "recipient": {
                "phone": reading.text(found, "to_address.phone"),
                "name": reading.first_text(found, "to_address.name", "to_address.company"),
            },
        }
        return replace(event, data=data, lookup="")

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the tracker again; a text that the parcel has overtaken is not sent."""
        found = self._get(http, f"trackers/{ask.part(event.key)}")
        return shipping.renewed(event, self._data(found))

    def subscriptions(self) -> RestHooks:
        """The account's webhooks, each of which tells everything; an update switches one on. Raises AskFailed."""
        ask.needs(self.settings, "api_key")
        key = (str(self.settings["api_key"]), "")
        return RestHooks(
            system="EasyPost",
            topics=("tracker",),
            at_once=True,
            base=self.address("api_url"),
            place="/v2/webhooks",
            listed="webhooks",
            auth=key,
            hook=lambda one: Hook(
                id=reading.text(one, "id"),
                address=reading.text(one, "url"),
                is_on=not reading.text(one, "disabled_at"),
            ),
            new=lambda wish: {"webhook": {"url": wish.address, "webhook_secret": wish.secret}},
            revive=lambda _: ("PATCH", {}),
        )

    def _get(self, http: Http, place: str) -> dict[str, Any]:
        ask.needs(self.settings, "api_key")
        call = Call(method="GET", url=f"{self.address('api_url')}/v2/{place}", auth=(str(self.settings["api_key"]), ""))
        return ask.for_object(http, call, "EasyPost")

    def _data(self, tracker: Any) -> dict[str, Any]:
        native, detail = reading.text(tracker, "status"), reading.text(tracker, "status_detail")
        return {
            "id": reading.text(tracker, "id"),
            "shipment_id": reading.text(tracker, "shipment_id"),
            "reference": "",
            "status": shipping.known(STATUSES, self.settings["statuses"], f"{native}/{detail}", native),
            "native_status": native,
            "status_detail": detail,
            "carrier": reading.text(tracker, "carrier"),
            "tracking_number": reading.text(tracker, "tracking_code"),
            "tracking_url": reading.text(tracker, "public_url"),
            "eta": reading.iso(reading.moment(reading.dig(tracker, "est_delivery_date"))),
            "signed_by": reading.text(tracker, "signed_by"),
            "country": "",
            "recipient": {"phone": "", "name": ""},
        }


def _is_repeated_status(native: str, body: dict[str, Any]) -> bool:
    """EasyPost's own example of an update has in_transit before and after: text on each and a parcel gives twenty."""
    before = reading.text(body, "previous_attributes.status")
    return native == "tracker.updated" and before in {"", reading.text(body, "result.status")}


CONNECTOR = EasyPost
