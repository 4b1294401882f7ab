"""UPS Track Alert: events of parcels whose numbers were subscribed to.

Facts: UPS-API/api-documentation UPSTrackAlert.yaml and UPSTrackAlertEnhanced.yaml, read 2026-11. UPS answers to no
question twice: it keeps no history, a subscription ends after 14 days, and an event that was not taken is lost.
Type D stands for delivery information, which is "loaded", "out for delivery" and "delivered" alike. So delivered is
told by a code that says so or by the date of delivery, never by D alone.
Not confirmed: codes beyond those in UPS's examples (MP, OR, DP, YP, OT, FS); the option `statuses` adds or corrects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from connectors.kit.shipping import FIELDS, NO_PHONE, Carrier, Scan
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from wire import reading
from wire.signatures import Token

HEADERS = ("credential", "x-api-key")
"""The header of the credential: version 1 and 2 of the API."""

# type/code, or the type where the code says no more
STATUSES = {
    "M": "pre_transit",  # manifest: label created, UPS has nothing yet
    "M/MP": "pre_transit",
    "MV": "cancelled",  # manifest void
    "I": "in_transit",
    "I/OR": "picked_up",  # origin scan
    "I/DP": "in_transit",  # departed
    "I/YP": "in_transit",  # preparing for delivery: loaded, but not on the way
    "I/OT": "out_for_delivery",
    "D/OT": "out_for_delivery",
    "D/FS": "delivered",
    "D/KB": "delivered",
    "D/2Q": "available_for_pickup",  # at an access point; not confirmed
    "X": "exception",
    "X/RS": "returning",  # return to sender
    # U is another day or window of delivery and says nothing about where the parcel is
}


class Ups(Carrier):
    """UPS Track Alert subscriptions."""

    name = "ups"
    title = "UPS Track Alert"
    docs_url = "https://developer.ups.com/api/reference/trackalertenhanced/product-info"
    scheme = Token(header=HEADERS[0])
    statuses = STATUSES
    event_types: ClassVar[Mapping[str, str]] = {"shipment.updated": "a tracking event, once per status"}
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        "shipment.updated": {
            **FIELDS,
            "scheduled_day": ("date", "The day of delivery UPS plans with."),
            "window_start": ("text", "Begin of the window of delivery, local time of the place, such as 15:00."),
            "window_end": ("text", "Its end."),
        }
    }
    setup: ClassVar[Sequence[str]] = (
        "Choose a long random credential and put it into the environment variable of this source.",
        "Subscribe to tracking numbers by the Track Alert API, with this source's address and that credential.",
        "Subscribe anew after 14 days: UPS stops then.",
        "Set `recipient_url`: UPS tells neither phone nor order.",
    )
    limits: ClassVar[Sequence[str]] = (
        NO_PHONE,
        "An event that arrives while Tidings is down is lost: UPS does not repeat it and keeps no history.",
        "Type D without a known code and without a date of delivery is told as unknown, on purpose.",
        "Times of a window of delivery are local to the place, so there is no `eta`.",
    )

    def verify(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Look for the credential in the header of either version, or as a bearer token."""
        for header in HEADERS:
            if incoming.header(header):
                return Token(header=header).check(incoming, secrets, now)
        if incoming.header("authorization"):
            return Token(kind="bearer").check(incoming, secrets, now)
        raise Refused(Reason.NO_SIGNATURE, f"Header {HEADERS[0]} is missing.")

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; an update that only moves the day gives none."""
        body = reading.json_object(incoming.body)
        number = reading.required(body, "trackingNumber")
        kind, code = reading.required(body, "activityStatus.type"), reading.text(body, "activityStatus.code")
        status = self.status_of(f"{kind}/{code}", kind)
        if kind == "D" and status == "unknown" and reading.text(body, "actualDeliveryDate"):
            status = "delivered"
        if kind == "U" and status == "unknown":
            return []
        scan = Scan(key=number, native_type=kind, at=_moment(body), data=_facts(body, status))
        return [self.told(incoming, scan)]


def _facts(body: Any, status: str) -> dict[str, Any]:
    number = reading.text(body, "trackingNumber")
    return {
        "status": status,
        "native_status": reading.text(body, "activityStatus.type"),
        "status_detail": reading.text(body, "activityStatus.code"),
        "status_text": reading.text(body, "activityStatus.description"),
        "carrier": "UPS",
        "tracking_number": number,
        "tracking_url": f"https://www.ups.com/track?tracknum={number}",
        "country": reading.text(body, "activityLocation.country") if status == "delivered" else "",
        "scheduled_day": _day(reading.text(body, "scheduledDeliveryDate")),
        "window_start": _clock(reading.text(body, "deliveryStartTime")),
        "window_end": _clock(reading.text(body, "deliveryEndTime")),
    }


def _moment(body: Any) -> datetime | None:
    """Read the time of the event; UPS gives it in GMT besides the local one."""
    day, clock = reading.text(body, "gmtActivityDate"), reading.text(body, "gmtActivityTime")
    return reading.moment(f"{day}T{clock.zfill(6)}", zone=UTC) if day and clock else None


def _day(written: str) -> str:
    found = reading.moment(written, zone=UTC) if len(written) == 8 else None
    return f"{found:%Y-%m-%d}" if found else ""


def _clock(written: str) -> str:
    return f"{written[:2]}:{written[2:4]}" if len(written) == 6 and written.isdecimal() else ""


CONNECTOR = Ups
