"""What carriers have in common: one ranked list of statuses, one shape of a parcel, one way to find who gets it.

A carrier scans a parcel ten times for three or four things a person wants to know. So an event is named by the status
the parcel reached: every further scan, redelivery or poll that finds it there has the same id and counts once. Which
of two statuses is the newer is told by the moment of the scan, never by the order of arrival.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from connectors.base import AskFailed, Connector, Http, Option
from connectors.kit import ask
from model.event import Event, Incoming
from wire import reading
from wire.http import Call


@dataclass(frozen=True, slots=True)
class Status:
    """How far a parcel is. A higher `rank` is further along, 7 is final."""

    rank: int
    text: str


STATUSES: Mapping[str, Status] = {
    "unknown": Status(0, "The carrier's word is not known here; native_status has it."),
    "pre_transit": Status(1, "The label is made, the carrier does not have the parcel yet."),
    "picked_up": Status(2, "The carrier has taken the parcel."),
    "in_transit": Status(3, "The parcel is on its way."),
    "delayed": Status(3, "It is on its way and will be late."),
    "on_hold": Status(3, "It waits, at customs for example, until somebody does something."),
    "out_for_delivery": Status(4, "It is in the vehicle that brings it, today as a rule."),
    "delivery_attempted": Status(5, "The carrier was at the door and could not hand it over."),
    "available_for_pickup": Status(5, "It lies at a shop, locker or post office to be fetched."),
    "exception": Status(5, "Something went wrong: damaged, lost, wrong address, refused."),
    "returning": Status(6, "It has turned round and goes back to the sender."),
    "returned": Status(7, "The sender has it back."),
    "delivered": Status(7, "The recipient, or somebody for them, has it."),
    "cancelled": Status(7, "The shipment was called off."),
    "expired": Status(7, "The carrier stopped following it without an end being known."),
}
"""The shipment statuses every carrier is mapped to."""

AGAIN = frozenset({"out_for_delivery", "delivery_attempted"})
"""Statuses that are news again on another day: the second attempt is another one."""

FIELDS: Mapping[str, tuple[str, str]] = {
    "status": ("text", "One of the ranked shipment statuses."),
    "native_status": ("text", "The sender's own word or code."),
    "status_detail": ("text", "The sender's finer word or code, where it has one."),
    "status_text": ("text", "The sender's sentence about it, in the sender's language."),
    "carrier": ("text", "The carrier, as the sender names it."),
    "tracking_number": ("text", "The parcel's number."),
    "tracking_url": ("text", "The page on which it can be followed."),
    "eta": ("time", "When it is expected."),
    "order_number": ("text", "Your own reference for it, such as the order number."),
    "country": ("text", "Country of delivery, ISO 3166 code of two letters."),
    "recipient.phone": ("phone", "The recipient's number; often only by `recipient_url`."),
    "recipient.name": ("text", "The recipient's name."),
    "recipient.locale": ("text", "The recipient's language, such as de-DE."),
}
PERSON = ("phone", "name", "locale")

NO_PHONE = "It tells no phone: set `recipient_url`, or no event leads to a text."


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a carrier says of one parcel.

    `key` names the parcel in all its events. `at` is when it came to be so, None where the body does not tell.
    `name` names what happened where the status does not.
    """

    key: str
    native_type: str
    data: Mapping[str, Any]
    at: datetime | None = None
    event_type: str = "shipment.updated"
    name: str = ""
    test: bool = False


class Carrier(Connector):
    """A connector that tells how far parcels are. `statuses` maps its native codes to the common list."""

    category = "logistics"
    statuses: ClassVar[Mapping[str, str]] = {}
    event_types: ClassVar[Mapping[str, str]] = {"shipment.updated": "a parcel that reached another status"}
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {"shipment.updated": FIELDS}
    options: ClassVar[Mapping[str, Option]] = {
        "statuses": Option(text="More or other status words: the sender's code -> ours.", default={}),
        "recipient_url": Option(
            text="An address of yours that is asked for a parcel's recipient: GET with tracking_number, order_number "
            "and carrier; it answers JSON with phone, name, locale, country, order_number, or 404.",
            default="",
        ),
        "recipient_token": Option(text="Sent to it as bearer token.", default="", secret=True),
    }

    asks: ClassVar[Sequence[str]] = ("recipient_url",)

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        check_table("statuses", self.settings["statuses"])

    def status_of(self, *natives: str) -> str:
        """Return the common status of the first code that is known, "unknown" when none is."""
        return known(self.statuses, self.settings["statuses"], *natives)

    def told(self, incoming: Incoming, scan: Scan) -> Event:
        """Return the event of a scan; who gets the parcel is looked up where the body does not tell."""
        data = _shaped(scan.data)
        asks = self.settings["recipient_url"] and not data["recipient"]["phone"]
        return Event(
            source=incoming.source,
            type=scan.event_type,
            native_type=scan.native_type,
            id=_id(scan, data),
            key=scan.key,
            occurred_at=scan.at or incoming.received_at,
            version=reading.iso(scan.at) or "",
            data=data,
            test=scan.test,
            lookup=scan.key if asks else "",
        )

    def lookup(self, event: Event, http: Http) -> Event:
        """Ask the operator's own address who gets the parcel."""
        ask.needs(self.settings, "recipient_url")
        token = str(self.settings["recipient_token"])
        call = Call(
            method="GET",
            url=str(self.settings["recipient_url"]),
            params={name: str(event.data[name]) for name in ("tracking_number", "order_number", "carrier")},
            headers={"authorization": f"Bearer {token}"} if token else {},
        )
        found = ask.for_object(http, call, "The address in recipient_url")
        return with_recipient(event, {name: reading.text(found, name) for name in (*PERSON, "country", "order_number")})


def known(table: Mapping[str, str], more: Mapping[str, str], *natives: str) -> str:
    """Return the common status of the first native code that one of the tables knows; `more` counts first."""
    both = {**table, **more}
    return next((both[native] for native in natives if native in both), "unknown")


def check_table(setting: str, table: Any) -> None:
    """Check a table of the settings that leads to our statuses. Raises ValueError in a sentence."""
    if not isinstance(table, Mapping):
        raise ValueError(f'Setting {setting}: write a table, such as {{"their word" = "delivered"}}.')
    for word, status in table.items():
        if not isinstance(status, str) or status not in STATUSES:
            raise ValueError(f"Setting {setting}: {word!r} leads to {status!r}, which is no shipment status.")


def zone_of(name: Any) -> ZoneInfo:
    """Return the zone a sender's times are in. Raises ValueError in a sentence."""
    try:
        return ZoneInfo(str(name))
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"Setting time_zone: {name!r} is not a zone such as Europe/Berlin.") from error


def of_return(status: str) -> str:
    """Return what a status means for a parcel that a customer sends back: "delivered" is then not at the customer's."""
    if status == "delivered":
        return "returned"
    return status if STATUSES[status].rank in {0, 1, 7} else "returning"


def with_recipient(event: Event, found: Mapping[str, str]) -> Event:
    """Return the event with what was found out about its recipient; what it knew already stays where nothing was."""
    before = event.data["recipient"]
    person = {**before, **{name: found.get(name) or before[name] for name in PERSON}}
    rest = {name: found.get(name) or event.data[name] for name in ("country", "order_number")}
    return replace(event, data={**event.data, **rest, "recipient": person}, lookup="")


def renewed(event: Event, now: Mapping[str, Any]) -> Event:
    """Return the event as it is right before its text leaves. Raises AskFailed, `gone`, when the parcel has moved on.

    The text is about the status that was reached; of what may change meanwhile it tells the expected time.
    """
    status = now["status"]
    if STATUSES[status].rank > STATUSES[event.data["status"]].rank:
        raise AskFailed(f"The parcel has moved on, it is {status} by now.", gone=True)
    return replace(event, data={**event.data, "eta": now["eta"] or event.data["eta"]})


def _shaped(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data with every common field in it."""
    empty: dict[str, Any] = {name: None if name == "eta" else "" for name in FIELDS if "." not in name}
    return {**empty, **data, "recipient": {**dict.fromkeys(PERSON, ""), **data.get("recipient", {})}}


def _id(scan: Scan, data: Mapping[str, Any]) -> str:
    if scan.name:
        return f"{scan.key}/{scan.name}"
    if data["status"] == "unknown":  # two unknown codes are two facts
        return f"{scan.key}/unknown/{data['native_status']}/{data['status_detail']}"
    day = f"/{scan.at:%Y-%m-%d}" if scan.at and data["status"] in AGAIN else ""
    return f"{scan.key}/{data['status']}{day}"
