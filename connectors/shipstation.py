"""ShipStation by API version 1: shipments with the customer's phone, by poll. Version 2 is the connector shipengine.

Facts: docs.shipstation.com "List shipments", "Webhooks" (V1) and its clients, read 2026-11. A webhook of version 1 is
not signed and holds an address that stands for a batch of shipments, so it says nothing by itself: none is needed, the
poll finds the shipments.
Not confirmed: that times without a zone are those of the Pacific coast (option `time_zone`), and 40 questions a minute.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from connectors.base import Http, Option, Page, PolledOnly
from connectors.kit import ask
from connectors.kit.scan import Listing, Sight, Window, scan
from connectors.kit.shipping import FIELDS, Carrier, Scan, zone_of
from connectors.kit.stamps import Stamps
from model.event import Event, Incoming
from wire import reading
from wire.http import Call

STAMP = Stamps("%Y-%m-%dT%H:%M:%S")
OVERLAP = timedelta(minutes=70)  # an hour stands twice when summer time ends
SIZE = 100


class ShipStation(PolledOnly, Carrier):
    """ShipStation accounts by API version 1."""

    name = "shipstation"
    title = "ShipStation"
    docs_url = "https://www.shipstation.com/docs/api/shipments/list/"
    event_types: ClassVar[Mapping[str, str]] = {"shipment.created": "a shipment with a label (poll)"}
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        "shipment.created": {
            **FIELDS,
            "id": ("text", "The shipment's id."),
            "order_id": ("text", "The order's id at ShipStation."),
            "ship_date": ("date", "The day it leaves."),
            "service": ("text", "The carrier's service."),
            "recipient.email": ("text", "The customer's mail address."),
        }
    }
    options: ClassVar[Mapping[str, Option]] = {
        **Carrier.options,
        "api_key": Option(text="API key of version 1.", default=""),
        "api_secret": Option(text="Its secret.", default="", secret=True),
        "api_url": Option(text="Where ShipStation's API is.", default="https://ssapi.shipstation.com"),
        "time_zone": Option(text="Zone of the times, which are written without one.", default="America/Los_Angeles"),
    }
    asks: ClassVar[Sequence[str]] = ("api_url", *Carrier.asks)
    setup: ClassVar[Sequence[str]] = (
        "In ShipStation open Settings > Account > API Settings, choose version 1, generate a key and its secret.",
        "Set `api_key` and `api_secret`: new shipments are polled. A webhook is not needed.",
        "For what happens to the parcel later add a source with the connector shipengine (API version 2).",
    )
    limits: ClassVar[Sequence[str]] = (
        "Version 1 follows no parcels: there is one event, the label. Labels for returns and voided ones give none.",
        "A label voided after it was told is not told again.",
        "Webhooks of version 1 are not signed and name a batch only: they are refused, the poll tells instead.",
    )
    poll_every: ClassVar[str] = "5m"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        self._zone = zone_of(self.settings["time_zone"])

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of new shipments."""
        incoming = Incoming(source=self.name, received_at=now)

        def news(shipment: Sight) -> Iterator[Event]:
            record = shipment.record
            if not reading.flag(record, "voided") and not reading.flag(record, "isReturnLabel"):
                yield self._told(incoming, record)

        listing = Listing(
            read=lambda window: self._shipments(http, window),
            identity=lambda shipment: reading.text(shipment, "shipmentId"),
            changed=self._stamp,
            created=self._stamp,
            standing=lambda _: "created",
            news=news,
            back=lambda stamp: STAMP.back(stamp, OVERLAP),
            start=STAMP.earliest,
        )
        return scan(listing, cursor)

    def _told(self, incoming: Incoming, shipment: Any) -> Event:
        key = reading.text(shipment, "shipmentId")
        data = {
            "id": key,
            "order_id": reading.text(shipment, "orderId"),
            "status": "pre_transit",
            "native_status": "label",
            "carrier": reading.text(shipment, "carrierCode"),
            "service": reading.text(shipment, "serviceCode"),
            "ship_date": reading.text(shipment, "shipDate")[:10],
            "tracking_number": reading.text(shipment, "trackingNumber"),
            "order_number": reading.text(shipment, "orderNumber"),
            "country": reading.text(shipment, "shipTo.country"),
            "recipient": {
                "phone": reading.text(shipment, "shipTo.phone"),
                "name": reading.first_text(shipment, "shipTo.name", "shipTo.company"),
                "email": reading.text(shipment, "customerEmail"),
            },
        }
        at = reading.moment(reading.dig(shipment, "createDate"), zone=self._zone)
        return self.told(
            incoming,
            Scan(key=key, native_type="shipment", data=data, at=at, event_type="shipment.created", name="created"),
        )

    def _shipments(self, http: Http, window: Window) -> tuple[list[dict[str, Any]], str]:
        """Read one page of shipments, the oldest label first."""
        ask.needs(self.settings, "api_key", "api_secret")
        number = int(window.place or 1)
        since = {}
        if window.since is not None:
            since = {"createDateStart": STAMP.read(window.since).astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S")}
        call = Call(
            method="GET",
            url=f"{self.address('api_url')}/shipments",
            params={
                "sortBy": "CreateDate",
                "sortDir": "ASC" if since else "DESC",
                "pageSize": str(SIZE),
                "page": str(number),
                **since,
            },
            auth=(str(self.settings["api_key"]), str(self.settings["api_secret"])),
        )
        answer = ask.for_object(http, call, "ShipStation")
        found = [one for one in reading.items(answer, "shipments") if isinstance(one, dict)]
        pages = reading.decimal(reading.dig(answer, "pages")) or 0
        return found, str(number + 1) if found and number < pages else ""

    def _stamp(self, shipment: Any) -> str:
        """Return the time of the label in UTC; such texts compare like times."""
        return STAMP.of(reading.moment(reading.dig(shipment, "createDate"), zone=self._zone))


CONNECTOR = ShipStation
