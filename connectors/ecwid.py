"""Ecwid by Lightspeed: thin order and customer webhooks, the look-up behind them, and a poll of orders.

Facts: docs.ecwid.com "How to process webhooks", "Event data in webhooks", api-docs.ecwid.com "Search orders", "Get
order", Ecwid/ecwid-api-docs orders, read 2026-11. Not confirmed: the order in which orders are listed.
The signature covers the time and the id of a webhook, not what it says; so nothing is told before the order, fetched,
says the same. An event is named by the status reached: webhook and poll name it alike, and it counts once.
Long because nothing is told before the order was fetched, and webhook and poll name it alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from connectors.base import AskFailed, Connector, Http, Option, Page
from connectors.kit import ask, stamps
from connectors.kit.scan import Listing, Sight, Window, scan
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from wire import reading
from wire.http import Call
from wire.signatures import Hmac

OVERLAP, LOOK_BACK = timedelta(minutes=5), timedelta(days=7)
SIZE, MAX_PAGES = 100, 50
LATEST, AHEAD = timedelta(hours=25), timedelta(minutes=5)  # it is sent again for 24 h, with the time it had at first
CREATED = re.compile(rb'("eventCreated"\s*:\s*)[0-9]+')

# native status -> our type; any other of the second kind is order.updated
PAYMENTS = {"PAID": "order.paid", "CANCELLED": "order.cancelled", "REFUNDED": "order.refunded",
            "PARTIALLY_REFUNDED": "order.refunded"}  # fmt: skip
FULFILMENTS = {"AWAITING_PROCESSING": "", "SHIPPED": "order.fulfilled"}
OVER = {"CANCELLED", "REFUNDED"}
STANDING = ("paymentStatus", "fulfillmentStatus")
ORDER_FIELDS = {
    "id": ("text", "The order's id, which is its number with prefix and suffix."),
    "number": ("text", "The number the customer knows."),
    "payment_status": ("text", "AWAITING_PAYMENT, PAID, CANCELLED, REFUNDED, PARTIALLY_REFUNDED or INCOMPLETE."),
    "fulfillment_status": ("text", "AWAITING_PROCESSING, PROCESSING, SHIPPED, READY_FOR_PICKUP, DELIVERED and others."),
    "total": ("money", "The order's total in major units (looked up)."),
    "refunded": ("money", "What was paid back so far (looked up)."),
    "currency": ("text", "The option `currency`: an order does not name it."),
    "payment_method": ("text", "How it is paid (looked up)."),
    "tracking_number": ("text", "The parcel's number, once it is known (looked up)."),
    "country": ("text", "Country of delivery, ISO 3166 code (looked up)."),
    "phone": ("phone", "The number of the delivery address, else of the invoice's (looked up)."),
    "customer.id": ("text", "The customer's id, empty for guests (looked up)."),
    "customer.name": ("text", "Full name (looked up)."),
    "customer.first_name": ("text", "First name (looked up)."),
    "customer.email": ("text", "Mail address (looked up)."),
    "customer.phone": ("phone", "The same number (looked up)."),
}
CONTACT_FIELDS = {
    "id": ("text", "The customer's id."),
    "country": ("text", "Country of the invoice, ISO 3166 code (looked up)."),
    **{name: what for name, what in ORDER_FIELDS.items() if name.startswith("customer.")},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What became of an order: our type, and the word that names it among the order's events."""

    event_type: str
    tag: str


class Ecwid(Connector):
    """One Ecwid store."""

    name = "ecwid"
    title = "Ecwid"
    category = "e-commerce"
    docs_url = "https://docs.ecwid.com/build-apps/webhook-automations"
    scheme = Hmac(header="x-ecwid-webhook-signature", encoding="base64")
    event_types: ClassVar[Mapping[str, str]] = {
        "order.created": "order.created",
        "order.paid": "order.created or .updated with payment status PAID",
        "order.cancelled": "order.updated with payment status CANCELLED",
        "order.refunded": "order.updated with payment status REFUNDED or PARTIALLY_REFUNDED",
        "order.fulfilled": "order.updated with fulfilment status SHIPPED",
        "order.updated": "order.updated with another new fulfilment status, such as READY_FOR_PICKUP",
        "contact.created": "customer.created",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        **{event_type: ORDER_FIELDS for event_type in event_types if event_type.startswith("order.")},
        "contact.created": CONTACT_FIELDS,
    }
    options: ClassVar[Mapping[str, Option]] = {
        "store_id": Option(text="The store's id, a number.", default=""),
        "token": Option(text="The app's secret token; it may read orders and customers.", default="", secret=True),
        "currency": Option(text="The store's currency, ISO 4217 code, for `currency` in texts.", default=""),
        "api_url": Option(text="Where Ecwid's API is.", default="https://app.ecwid.com"),
    }
    asks: ClassVar[Sequence[str]] = ("api_url",)
    setup: ClassVar[Sequence[str]] = (
        "In Ecwid open Apps > My apps > Develop apps and make a custom app that may read orders and customers.",
        "Set `store_id` and `token` (its secret token): without them no phone is known and nothing can be sent.",
        "Let the app's webhook address be this source, for order.created, order.updated and customer.created.",
        "The secret is the app's client secret, which is not its token.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Ecwid waits 10 s for the answer and tries 27 times within 24 hours.",
        "The signature does not cover what a webhook says: an order whose status is another one by then is not told.",
        "An order that reaches the same status again is told once, and a second part refund is not told.",
        "The poll tells of orders that were new or changed in the week before its first run, or came later.",
    )
    poll_every: ClassVar[str] = "5m"

    def verify(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Check the signature over the webhook's time and id, and that this time is not long past."""
        self.scheme.check(replace(incoming, body=_signed(incoming.body)), secrets, now)
        told = reading.moment(reading.dig(_readable(incoming.body), "eventCreated"))
        if told is None or not now - LATEST <= told <= now + AHEAD:
            raise Refused(Reason.STALE_SIGNATURE)

    def sign(self, incoming: Incoming, secret: str, now: datetime) -> Incoming:
        """Return the request as Ecwid would send it now."""
        body = CREATED.sub(rb"\g<1>%d" % int(now.timestamp()), incoming.body)
        return replace(self.scheme.sign(replace(incoming, body=_signed(body)), secret, now), body=body)

    def parse(self, incoming: Incoming) -> list[Event]:
        """One webhook is an event for each status it tells; entities without a text to send give none."""
        body = reading.json_object(incoming.body)
        native, moment = reading.required(body, "eventType"), reading.moment(body.get("eventCreated"))
        if native == "customer.created":
            person = reading.required(body, "entityId")
            data = {"id": person, "country": "", "customer": _person({}, {}, person)}
            what = Step(event_type="contact.created", tag="created")
            return [_event(incoming, native, f"customers/{person}", what, moment, data)]
        if native not in {"order.created", "order.updated"}:
            return []
        order_id = reading.required(body, "data.orderId", "entityId")
        seen = {name: reading.text(body, f"data.new{name[0].upper()}{name[1:]}") for name in STANDING}
        old = {name: reading.text(body, f"data.old{name[0].upper()}{name[1:]}") for name in STANDING}
        data = self._order({**seen, "id": order_id})
        steps = _reached(list(seen.values()), list(old.values()), is_new=native == "order.created")
        return [_event(incoming, native, f"orders/{order_id}", what, moment, data) for what in steps]

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the record. An order that does not stand as the webhook said was changed meanwhile, or never was so."""
        found = self._get(http, event.lookup, {})
        if event.type == "contact.created":
            return replace(event, data=_contact(found, event.key), lookup="")
        self._check_still(event, found)
        return replace(event, data=self._order(found), lookup="")

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the order again; one that was cancelled, paid back or has gone on since is gone."""
        if event.type == "contact.created":
            return event
        found = self._get(http, f"orders/{ask.part(event.key)}", {})
        self._check_still(event, found)
        return replace(event, data=self._order(found))

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read all orders changed since the last time and tell which reached another status."""
        listing = Listing(
            read=lambda window: self._orders(http, window, now),
            identity=lambda order: reading.text(order, "id"),
            changed=lambda order: _seconds(order, "updateTimestamp"),
            created=lambda order: _seconds(order, "createTimestamp"),
            standing=_standing,
            news=lambda sight: self._news(sight, now),
            back=lambda stamp: max(int(stamp) - int(OVERLAP.total_seconds()), 0),
        )
        return scan(listing, cursor)

    def _news(self, sight: Sight, now: datetime) -> Iterator[Event]:
        order, order_id = sight.record, reading.text(sight.record, "id")
        moment = reading.moment(order.get("updateTimestamp")) or now
        asked = Incoming(source=self.name, received_at=now)
        for what in _reached(_standing(order), sight.before or ("", ""), is_new=sight.is_new):
            event = _event(asked, "order", f"orders/{order_id}", what, moment, self._order(order))
            yield replace(event, lookup="", raw=order)

    def _orders(self, http: Http, window: Window, now: datetime) -> tuple[list[dict[str, Any]], str]:
        """Read every page: nobody says in which order they come, so that none may be left for later."""
        since = int((now - LOOK_BACK).timestamp()) if window.since is None else window.since
        found: list[dict[str, Any]] = []
        for number in range(MAX_PAGES):
            asked = {"updatedFrom": str(since), "limit": str(SIZE), "offset": str(number * SIZE)}
            listed = reading.items(self._get(http, "orders", asked), "items")
            found += [order for order in listed if isinstance(order, dict)]
            if len(listed) < SIZE:
                newest_first = window.since is None
                return sorted(found, key=lambda one: _seconds(one, "updateTimestamp"), reverse=newest_first), ""
        raise AskFailed(f"More than {MAX_PAGES * SIZE} orders changed in Ecwid since the last time.")

    def _order(self, order: Mapping[str, Any]) -> dict[str, Any]:
        to, bill = (reading.dig(order, name) for name in ("shippingPerson", "billingPerson"))
        person = _person(to, bill, reading.text(order, "customerId"))
        return {
            "id": reading.text(order, "id"),
            "number": reading.text(order, "id"),
            "payment_status": reading.text(order, "paymentStatus"),
            "fulfillment_status": reading.text(order, "fulfillmentStatus"),
            "total": reading.amount(order.get("total")),
            "refunded": reading.amount(order.get("refundedAmount")),
            "currency": str(self.settings["currency"]),
            "payment_method": reading.text(order, "paymentMethod"),
            "tracking_number": reading.text(order, "trackingNumber"),
            "country": reading.text(to, "countryCode") or reading.text(bill, "countryCode"),
            "phone": person["phone"],
            "customer": {**person, "email": reading.text(order, "email")},
        }

    def _check_still(self, event: Event, order: Mapping[str, Any]) -> None:
        """Refuse a text about a status that the order does not have, or that another one makes wrong."""
        payment, fulfilment = _standing(order)
        kind, _, status = event.id.rpartition("/")
        stands = {"payment": payment, "fulfilment": fulfilment}.get(kind.rpartition("/")[2], status)
        if stands != status or (payment in OVER and payment != status):
            raise AskFailed(f"In Ecwid the order is {payment}, {fulfilment} by now.", gone=True)

    def _get(self, http: Http, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        ask.needs(self.settings, "store_id", "token")
        call = Call(
            method="GET",
            url=f"{self.address('api_url')}/api/v3/{ask.part(str(self.settings['store_id']))}/{path}",
            headers={"Authorization": f"Bearer {self.settings['token']}"},
            params=params,
        )
        return ask.for_object(http, call, "Ecwid")


def _reached(new: Sequence[str], old: Sequence[str], *, is_new: bool) -> Iterator[Step]:
    """Yield what became of an order: its making, and each status it did not have before."""
    if is_new:
        yield Step(event_type="order.created", tag="created")
    if new[0] != old[0] and new[0] in PAYMENTS:
        yield Step(event_type=PAYMENTS[new[0]], tag=f"payment/{new[0]}")
    kind = FULFILMENTS.get(new[1], "order.updated")
    if new[1] and new[1] != old[1] and kind:
        yield Step(event_type=kind, tag=f"fulfilment/{new[1]}")


def _event(
    incoming: Incoming, native: str, place: str, what: Step, moment: datetime | None, data: dict[str, Any]
) -> Event:
    kind, _, record_id = place.partition("/")
    return Event(
        source=incoming.source,
        type=what.event_type,
        native_type=native,
        id=f"{kind.removesuffix('s')}/{record_id}/{what.tag}",
        key=record_id,
        occurred_at=moment or incoming.received_at,
        data=data,
        lookup=f"{kind}/{ask.part(record_id)}",
    )


def _contact(customer: Mapping[str, Any], customer_id: str) -> dict[str, Any]:
    bill = reading.dig(customer, "billingPerson")
    person = {**_person({}, bill, customer_id), "email": reading.text(customer, "email")}
    return {"id": customer_id, "country": reading.text(bill, "countryCode"), "customer": person}


def _person(to: Any, bill: Any, person_id: str) -> dict[str, str]:
    """Read the person from the address of delivery, and what is missing there from that of the invoice."""
    name = reading.text(to, "name") or reading.text(bill, "name")
    first = reading.text(to, "firstName") or reading.text(bill, "firstName") or name.partition(" ")[0]
    phone = reading.text(to, "phone") or reading.text(bill, "phone")
    return {"id": person_id, "name": name, "first_name": first, "email": "", "phone": phone}


def _standing(order: Mapping[str, Any]) -> list[str]:
    return [reading.text(order, name) for name in STANDING]


def _seconds(order: Mapping[str, Any], name: str) -> int:
    return stamps.seconds(reading.moment(order.get(name)))


def _readable(body: bytes) -> dict[str, Any]:
    """Return the body as far as it can be read; one that cannot be holds no proof."""
    try:
        return reading.json_object(body)
    except Refused:
        return {}


def _signed(body: bytes) -> bytes:
    found = _readable(body)
    return f"{reading.text(found, 'eventCreated')}.{reading.text(found, 'eventId')}".encode()


CONNECTOR = Ecwid
