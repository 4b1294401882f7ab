"""Sendcloud: parcels of European shops, by webhook of the integration and by a poll of changed parcels.

Facts: sendcloud.dev "Webhooks" (v2 and v3: parcel_status_changed, signature), "Parcel statuses" and "Retrieve parcels",
read 2026-11. The phone is national and without the zero in front ("1713920012" in Germany); the country stands beside
it. Times without a zone (date_updated) are UTC. Webhooks belong to one integration.
Not confirmed: whether the two timestamps are seconds or milliseconds (both are read), and the schedule of retries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from connectors.base import AskFailed, Http, Option, Page
from connectors.kit import ask
from connectors.kit.scan import Listing, Sight, Window, scan
from connectors.kit.shipping import FIELDS, Carrier, Scan, of_return, renewed
from connectors.kit.stamps import Stamps
from model.event import Event, Incoming
from wire import reading
from wire.http import Call
from wire.signatures import Hmac

STAMP = Stamps("%Y-%m-%dT%H:%M:%S")
OVERLAP = timedelta(minutes=5)
SIZE, PAGES = 100, 200
MILLISECONDS = 100_000_000_000  # an epoch above this is in milliseconds; in seconds it is the year 5138

# status.id; the names are Sendcloud's
STATUSES = {
    "999": "pre_transit",  # No label
    "1000": "pre_transit",  # Ready to send
    "1001": "pre_transit",  # Being announced
    "1": "pre_transit",  # Announced
    "13": "pre_transit",  # Announced: not collected
    "1002": "exception",  # Announcement failed
    "22": "picked_up",  # Shipment picked up by driver
    "15": "exception",  # Error collecting
    "3": "in_transit",  # En route to sorting center
    "5": "in_transit",  # Sorted
    "6": "in_transit",  # Not sorted
    "7": "in_transit",  # Being sorted
    "91": "in_transit",  # Parcel en route
    "62990": "in_transit",  # At sorting centre
    "4": "delayed",  # Delivery delayed
    "62994": "delayed",  # Delivery date changed
    "62993": "in_transit",  # Delivery method changed
    "62995": "in_transit",  # Delivery address changed
    "62989": "on_hold",  # At Customs
    "92": "out_for_delivery",  # Driver en route
    "8": "delivery_attempted",  # Delivery attempt failed
    "12": "available_for_pickup",  # Awaiting customer pickup
    "80": "exception",  # Unable to deliver
    "62991": "exception",  # Refused by recipient
    "62996": "exception",  # Exception: lost, damaged, destroyed
    "62997": "exception",  # Address invalid
    "62992": "returned",  # Returned to sender
    "11": "delivered",  # Delivered
    "93": "delivered",  # Shipment collected by customer
    "1998": "cancelled",  # Cancelled upstream
    "2000": "cancelled",  # Cancelled
    # 1999 Cancellation requested, 2001 Submitting cancellation request, 94 Parcel cancellation failed and 1337 Unknown
    # say nothing about where the parcel is.
}


class Sendcloud(Carrier):
    """One Sendcloud integration."""

    name = "sendcloud"
    title = "Sendcloud"
    docs_url = "https://sendcloud.dev/api/v2/webhooks/parcel-status-changed"
    scheme = Hmac(header="sendcloud-signature")
    statuses = STATUSES
    event_types: ClassVar[Mapping[str, str]] = {"shipment.updated": "parcel_status_changed, once per status"}
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        "shipment.updated": {
            **FIELDS,
            "id": ("text", "The parcel's id at Sendcloud."),
            "is_return": ("bool", "Whether a customer sends it back."),
            "recipient.email": ("text", "The recipient's mail address."),
        }
    }
    options: ClassVar[Mapping[str, Option]] = {
        **Carrier.options,
        "public_key": Option(text="Poll and recheck: the integration's public key.", default=""),
        "secret_key": Option(text="Poll and recheck: its secret key.", default="", secret=True),
        "api_url": Option(text="Where Sendcloud's API is.", default="https://panel.sendcloud.sc/api/v2"),
    }
    asks: ClassVar[Sequence[str]] = ("api_url", *Carrier.asks)
    setup: ClassVar[Sequence[str]] = (
        "In Sendcloud open Settings > Integrations, choose yours, switch Webhook feedback on, enter this address.",
        "Put the integration's secret key, or webhook signature key where it has one, into the environment variable.",
        "To make up for lost webhooks set `public_key` and `secret_key`: then changed parcels are polled.",
    )
    limits: ClassVar[Sequence[str]] = (
        "A webhook tells of the parcels of its own integration: make a source for each.",
        "If Sendcloud's tracking notifications text the customer too, switch one of the two off.",
        "Parcels that customers send back become returning and returned, never delivered.",
        "Not confirmed: Sendcloud's schedule of retries.",
    )
    poll_every: ClassVar[str] = "10m"

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; the hello of a new integration and refunds give none."""
        body = reading.json_object(incoming.body)
        native = reading.required(body, "action")
        if native != "parcel_status_changed":
            return []
        reading.required(body, "parcel.status.id", "parcel.status.message")
        at = _epoch(reading.dig(body, "carrier_status_change_timestamp")) or _epoch(reading.dig(body, "timestamp"))
        return [self._told(incoming, native, reading.dig(body, "parcel"), at)]

    def refresh(self, event: Event, http: Http) -> Event:
        """Ask where the parcel is by now; a text that it has overtaken is not sent."""
        found = self._ask(http, f"/parcels/{ask.part(event.key)}", {})
        return renewed(event, _facts(reading.dig(found, "parcel"), self.status_of))

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of changed parcels and tell of each that reached another status."""
        incoming = Incoming(source=self.name, received_at=now)

        def news(parcel: Sight) -> Iterator[Event]:
            if reading.first_text(parcel.record, "status.id", "status.message"):
                at = reading.moment(reading.dig(parcel.record, "date_updated"), zone=UTC)
                yield self._told(incoming, "parcel", parcel.record, at)

        listing = Listing(
            read=lambda window: self._parcels(http, window),
            identity=lambda parcel: reading.text(parcel, "id"),
            changed=lambda parcel: _stamp(parcel, "date_updated"),
            created=lambda parcel: _stamp(parcel, "date_created"),
            standing=lambda parcel: reading.text(parcel, "status.id"),
            news=news,
            back=lambda stamp: STAMP.back(stamp, OVERLAP),
            start=STAMP.earliest,
            strangers=True,  # a parcel is on its way for longer than is remembered; told twice it has the same id
        )
        return scan(listing, cursor)

    def _told(self, incoming: Incoming, native: str, parcel: Any, at: datetime | None) -> Event:
        data = _facts(parcel, self.status_of)
        return self.told(incoming, Scan(key=reading.required(parcel, "id"), native_type=native, at=at, data=data))

    def _parcels(self, http: Http, window: Window) -> tuple[list[dict[str, Any]], str]:
        """Read what changed, all of it and then sorted: the list promises no order, so half of it proves nothing."""
        if window.since is None:
            return self._page(http, {}, window.place)
        found: list[dict[str, Any]] = []
        place = ""
        for _ in range(PAGES):
            page, place = self._page(http, {"updated_after": str(window.since)}, place)
            found += page
            if not place:
                return sorted(found, key=lambda parcel: _stamp(parcel, "date_updated")), ""
        raise AskFailed(f"More than {PAGES * SIZE} parcels changed since {window.since}.")

    def _page(self, http: Http, since: Mapping[str, str], place: str) -> tuple[list[dict[str, Any]], str]:
        """Read one page; the place of the next is in the address that Sendcloud gives for it."""
        answer = self._ask(http, "/parcels", {"limit": str(SIZE), **since, **({"cursor": place} if place else {})})
        found = [parcel for parcel in reading.items(answer, "parcels") if isinstance(parcel, dict)]
        following = reading.form(reading.text(answer, "next").partition("?")[2].encode())
        return found, following.get("cursor", "") if found else ""

    def _ask(self, http: Http, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        ask.needs(self.settings, "public_key", "secret_key")
        call = Call(
            method="GET",
            url=self.address("api_url") + path,
            params=params,
            auth=(str(self.settings["public_key"]), str(self.settings["secret_key"])),
        )
        return ask.for_object(http, call, "Sendcloud")


def _facts(parcel: Any, status_of: Callable[[str], str]) -> dict[str, Any]:
    is_return, native = reading.flag(parcel, "is_return"), reading.text(parcel, "status.id")
    status = status_of(native)
    return {
        "id": reading.text(parcel, "id"),
        "is_return": is_return,
        "status": of_return(status) if is_return else status,
        "native_status": native,
        "status_text": reading.text(parcel, "status.message"),
        "carrier": reading.first_text(parcel, "carrier.code", "shipment.name"),
        "tracking_number": reading.text(parcel, "tracking_number"),
        "tracking_url": reading.text(parcel, "tracking_url"),
        "eta": reading.iso(reading.moment(reading.dig(parcel, "expected_delivery_date"), zone=UTC)),
        "order_number": reading.first_text(parcel, "order_number", "external_order_id"),
        "country": reading.text(parcel, "country.iso_2"),
        "recipient": {
            "phone": reading.text(parcel, "telephone"),
            "name": reading.first_text(parcel, "name", "company_name"),
            "email": reading.text(parcel, "email"),
        },
    }


def _epoch(value: Any) -> datetime | None:
    number = reading.decimal(value)
    return reading.moment(value, milliseconds=number is not None and number > MILLISECONDS)


def _stamp(parcel: Any, name: str) -> str:
    """Return a time of the parcel in one fixed form; such texts compare like times."""
    return STAMP.of(reading.moment(reading.dig(parcel, name), zone=UTC))


CONNECTOR = Sendcloud
