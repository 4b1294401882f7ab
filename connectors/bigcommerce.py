"""BigCommerce: thin order, shipment and customer webhooks, the look-up behind them, and a poll of orders.

Long because of orders, parcels and customers, each with fields of its own and a look-up, and a poll.
Facts: bigcommerce/docs webhook overview and the payload schemas, v2 orders reference, read 2026-11.
A delivery holds ids only, and its `hash` is documented alike for two scopes; so an event is named by the state the
order reached: webhook and poll name it alike, and it counts once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar

from connectors.base import AskFailed, Connector, Hook, Http, Option, Page
from connectors.kit import ask, stamps
from connectors.kit.hooks import RestHooks
from connectors.kit.scan import Listing, Sight, Window, scan
from model.event import Event, Incoming
from wire import reading
from wire.http import Call
from wire.signatures import STANDARD_WEBHOOKS

CHANNEL = re.compile(r"^store/channel/[0-9]+/")
SCOPES = ("store/order/created", "store/order/statusUpdated", "store/shipment/created")
OVERLAP = timedelta(minutes=5)
SIZE = 100
INCOMPLETE = "0"  # a checkout somebody left

# status id -> our type; any other is order.updated. store/order/refund/created tells no more than 4 and 14 do.
STATUSES = {"2": "order.fulfilled", "4": "order.refunded", "5": "order.cancelled", "6": "order.cancelled",
            "14": "order.refunded"}  # fmt: skip

ORDER_FIELDS = {
    "id": ("text", "The order's id, which is also its number."),
    "number": ("text", "The number the customer knows."),
    "status_id": ("text", "BigCommerce's number of the status: 2 is shipped, 8 awaits pickup."),
    "status": ("text", "The status in words (looked up)."),
    "total": ("money", "The order's total in major units, with tax (looked up)."),
    "refunded": ("money", "What was paid back so far (looked up)."),
    "currency": ("text", "ISO 4217 code (looked up)."),
    "payment_method": ("text", "How it is paid (looked up)."),
    "country": ("text", "Country on the invoice, ISO 3166 code (looked up)."),
    "phone": ("phone", "The number given at checkout (looked up)."),
    "billing_address.phone": ("phone", "The same number (looked up)."),
    "billing_address.country": ("text", "Its country, ISO 3166 code (looked up)."),
    "customer.id": ("text", "The customer's id, 0 for guests (looked up)."),
    "customer.first_name": ("text", "First name (looked up)."),
    "customer.last_name": ("text", "Last name (looked up)."),
    "customer.email": ("text", "Mail address (looked up)."),
    "customer.phone": ("phone", "The same number (looked up)."),
    "customer.locale": ("text", "The language the customer shopped in (looked up)."),
}
SHIPMENT_FIELDS = {
    "id": ("text", "The shipment's id."),
    "order_id": ("text", "The order the parcel belongs to."),
    "status": ("text", "pre_transit: BigCommerce tells when the parcel leaves the shop, and no more."),
    "carrier": ("text", "The carrier's name (looked up)."),
    "tracking_number": ("text", "The parcel's number (looked up)."),
    "tracking_url": ("text", "The carrier's page for it (looked up)."),
    "country": ("text", "Country of delivery, ISO 3166 code (looked up)."),
    "recipient.phone": ("phone", "The number on the parcel, or else the order's (looked up)."),
    "recipient.name": ("text", "The name on the parcel (looked up)."),
    "customer.locale": ("text", "The language the customer shopped in (looked up)."),
}
CONTACT_FIELDS = {
    "id": ("text", "The customer's id."),
    **{name: row for name, row in ORDER_FIELDS.items() if name.startswith("customer.")},
}


class BigCommerce(Connector):
    """BigCommerce stores."""

    name = "bigcommerce"
    title = "BigCommerce"
    category = "e-commerce"
    docs_url = "https://developer.bigcommerce.com/docs/integrations/webhooks"
    scheme = replace(STANDARD_WEBHOOKS, key="text")  # the client secret as it is, not a whsec_ key
    event_types: ClassVar[Mapping[str, str]] = {
        "order.created": "store/order/created",
        "order.updated": "store/order/statusUpdated with any other status, store/order/updated",
        "order.paid": "store/order/statusUpdated with a status that the option `statuses` calls so",
        "order.fulfilled": "store/order/statusUpdated with status 2, shipped",
        "order.cancelled": "store/order/statusUpdated with status 5 or 6, cancelled or declined",
        "order.refunded": "store/order/statusUpdated with status 4 or 14, refunded or partially refunded",
        "shipment.created": "store/shipment/created",
        "contact.created": "store/customer/created",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        **{event_type: ORDER_FIELDS for event_type in event_types if event_type.startswith("order.")},
        "shipment.created": SHIPMENT_FIELDS,
        "contact.created": CONTACT_FIELDS,
    }
    options: ClassVar[Mapping[str, Option]] = {
        "store_hash": Option(text="The store's hash, as in stores/<hash>.", default=""),
        "access_token": Option(text="API token that may read orders and customers.", default="", secret=True),
        "api_url": Option(text="Where BigCommerce's API is.", default="https://api.bigcommerce.com"),
        "statuses": Option(
            text="More or other statuses: status id -> order type, such as 11 -> order.paid.", default={}
        ),
    }
    asks: ClassVar[Sequence[str]] = ("api_url",)
    setup: ClassVar[Sequence[str]] = (
        "In the store open Settings > API > Store-level API accounts; the token may read orders and customers.",
        "Set `store_hash` and `access_token`: without them no phone is known and nothing can be sent.",
        "POST /v3/hooks with the address of this source, once for each scope: store/order/created,",
        "store/order/statusUpdated, store/shipment/created. Leave store/order/updated out: it tells every edit.",
        "The secret is the client secret of the account (or app) that made the hooks.",
    )
    limits: ClassVar[Sequence[str]] = (
        "BigCommerce tries for 48 hours, then switches the hook off; so it does after 90 days without an event.",
        "order.created is also told for a checkout somebody left: those have status_id 0.",
        "An order that reaches the same status again is told once, and a second part refund is not told.",
        "Phone and country are those of the billing address.",
    )
    poll_every: ClassVar[str] = "5m"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        self._statuses = {**STATUSES, **{str(one): kind for one, kind in dict(self.settings["statuses"]).items()}}
        for kind in self._statuses.values():
            if kind not in self.event_types or not str(kind).startswith("order."):
                raise ValueError(f"Setting statuses: {kind!r} is no order type of this connector.")

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; scopes without a text to send give none."""
        body = reading.json_object(incoming.body)
        scope = reading.required(body, "scope")
        kind, data = CHANNEL.sub("store/", scope), reading.dig(body, "data")
        moment = reading.moment(reading.dig(body, "created_at")) or incoming.received_at
        if kind == "store/customer/created":
            person = reading.required(data, "id")
            found = {"id": person, "customer": _person({}, person)}
            return [_event(incoming, scope, ("contact.created", "customer", person, "created"), moment, found)]
        if kind == "store/shipment/created":
            parcel, order_id = reading.required(data, "id"), reading.required(data, "orderId", "order_id")
            found = _parcel({}, {}, parcel, order_id)
            return [_event(incoming, scope, ("shipment.created", "shipment", parcel, "created"), moment, found)]
        if kind not in {"store/order/created", "store/order/statusUpdated", "store/order/updated"}:
            return []
        order_id, status = (
            reading.required(data, "order_id", "orderId", "id"),
            reading.text(data, "status.new_status_id"),
        )
        event_type, tag = self._statuses.get(status, "order.updated"), f"status-{status}"
        if kind == "store/order/created":
            event_type, tag = "order.created", "created"
        elif not status:
            tag = f"updated-{reading.first_text(body, 'hash', 'created_at')}"
        return [_event(incoming, scope, (event_type, "order", order_id, tag), moment, _order({}, order_id, status))]

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the record; for a parcel its order too, which has the phone where the parcel has none."""
        found = self._record(http, event.lookup)
        record_id = reading.text(event.data, "id")
        if event.type == "contact.created":
            data = {"id": record_id, "customer": _person(found, record_id)}
        elif event.type == "shipment.created":
            order_id = reading.text(event.data, "order_id")
            order = self._record(http, f"orders/{ask.part(order_id)}")
            data = _parcel(found, order, record_id, order_id)
        else:
            data = _order(found, record_id, reading.text(found, "status_id"))
        return replace(event, data=data, lookup="")

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of changed orders and tell which reached another status."""
        listing = Listing(
            read=lambda window: self._orders(http, window),
            identity=lambda order: reading.text(order, "id"),
            changed=_stamp,
            created=lambda order: _stamp(order, "date_created"),
            standing=lambda order: reading.text(order, "status_id"),
            news=lambda sight: self._news(sight, now),
            back=lambda stamp: int(stamp) - int(OVERLAP.total_seconds()),
        )
        return scan(listing, cursor)

    def _news(self, sight: Sight, now: datetime) -> Iterable[Event]:
        """Yield what an order tells. A checkout somebody left tells nothing; one that is taken up is a new order."""
        order, is_new = sight.record, sight.is_new or sight.before == INCOMPLETE
        order_id, status = reading.text(order, "id"), reading.text(order, "status_id")
        if status == INCOMPLETE:
            return
        incoming, data = Incoming(source=self.name, received_at=now), _order(order, order_id, status)
        kind, moment = self._statuses.get(status, "order.updated"), _moment(order, "date_modified") or now
        found = [(kind, "order", order_id, f"status-{status}")] if kind != "order.updated" or not is_new else []
        if is_new:
            found.insert(0, ("order.created", "order", order_id, "created"))
        for what in found:
            yield replace(_event(incoming, "order", what, moment, data), lookup="", raw=order)

    def _orders(self, http: Http, window: Window) -> tuple[list[dict[str, Any]], str]:
        number = int(window.place or 1)
        direction = "desc" if window.since is None else "asc"
        params = {"sort": f"date_modified:{direction}", "limit": str(SIZE), "page": str(number)}
        if window.since is not None and window.since > 0:
            params["min_date_modified"] = datetime.fromtimestamp(window.since, UTC).isoformat()
        listed = reading.items(self._get(http, "orders", params))
        return [order for order in listed if isinstance(order, dict)], str(number + 1) if len(listed) == SIZE else ""

    def _record(self, http: Http, path: str) -> dict[str, Any]:
        found = self._get(http, path)
        if not isinstance(found, dict):
            raise AskFailed("BigCommerce's answer cannot be read.")
        return found

    def subscriptions(self) -> RestHooks:
        """The store's hooks; they are signed with the client secret of the account. Raises AskFailed."""
        ask.needs(self.settings, "store_hash", "access_token")
        headers = {"X-Auth-Token": str(self.settings["access_token"]), "Accept": "application/json"}
        base = f"{self.address('api_url')}/stores/{self.settings['store_hash']}/v3/"
        return RestHooks(
            system="BigCommerce",
            topics=SCOPES,
            base=base,
            place="hooks",
            listed="data",
            made="data",
            query="?limit=250",
            headers=headers,
            hook=lambda one: Hook(
                id=reading.text(one, "id"),
                address=reading.text(one, "destination"),
                topics=(reading.text(one, "scope"),),
                is_on=reading.flag(one, "is_active"),
            ),
            new=lambda wish: {"scope": wish.topics[0], "destination": wish.address, "is_active": True},
            revive=lambda _: ("PUT", {"is_active": True}),
        )

    def _get(self, http: Http, path: str, params: Mapping[str, str] | None = None) -> Any:
        settings = self.settings
        ask.needs(self.settings, "store_hash", "access_token")
        call = Call(
            method="GET",
            url=f"{str(settings['api_url']).rstrip('/')}/stores/{settings['store_hash']}/v2/{path}",
            headers={"X-Auth-Token": str(settings["access_token"]), "Accept": "application/json"},
            params=params or {},
        )
        return ask.for_json(http, call, "BigCommerce", fine=(200, 204)) or []


def _event(
    incoming: Incoming, native: str, what: tuple[str, str, str, str], moment: datetime, data: dict[str, Any]
) -> Event:
    event_type, thing, record_id, tag = what
    safe = ask.part(record_id)
    order_id = ask.part(reading.text(data, "order_id"))
    paths = {
        "order": f"orders/{safe}",
        "customer": f"customers/{safe}",
        "shipment": f"orders/{order_id}/shipments/{safe}",
    }
    return Event(
        source=incoming.source,
        type=event_type,
        native_type=native,
        id=f"{thing}/{record_id}/{tag}",
        key=record_id,
        occurred_at=moment,
        data=data,
        lookup=paths[thing],
    )


def _order(order: Mapping[str, Any], order_id: str, status_id: str) -> dict[str, Any]:
    phone = reading.text(order, "billing_address.phone")
    country = reading.first_text(order, "billing_address.country_iso2")
    return {
        "id": order_id,
        "number": order_id,
        "status_id": status_id,
        "status": reading.first_text(order, "custom_status", "status"),
        "total": reading.amount(reading.dig(order, "total_inc_tax")),
        "refunded": reading.amount(reading.dig(order, "refunded_amount")),
        "currency": reading.text(order, "currency_code"),
        "payment_method": reading.text(order, "payment_method"),
        "country": country,
        "phone": phone,
        "billing_address": {"phone": phone, "country": country},
        "customer": _person(order, reading.text(order, "customer_id")),
    }


def _person(record: Mapping[str, Any], person_id: str) -> dict[str, str]:
    """Read the person from an order's billing address or from the customer's own record."""
    names = ("first_name", "last_name", "email", "phone")
    found = {name: reading.first_text(record, f"billing_address.{name}", name) for name in names}
    return {"id": person_id, **found, "locale": reading.text(record, "customer_locale")}


def _parcel(parcel: Mapping[str, Any], order: Mapping[str, Any], parcel_id: str, order_id: str) -> dict[str, Any]:
    where = "shipping_address"
    return {
        "id": parcel_id,
        "order_id": order_id,
        "status": "pre_transit",
        "carrier": reading.first_text(parcel, "tracking_carrier", "shipping_provider", "shipping_method"),
        "tracking_number": reading.text(parcel, "tracking_number"),
        "tracking_url": reading.first_text(parcel, "tracking_link", "generated_tracking_link"),
        "country": reading.text(parcel, f"{where}.country_iso2") or reading.text(order, "billing_address.country_iso2"),
        "recipient": {
            "phone": reading.text(parcel, f"{where}.phone") or reading.text(order, "billing_address.phone"),
            "name": reading.text(parcel, f"{where}.first_name") or reading.text(order, "billing_address.first_name"),
        },
        "customer": {"locale": reading.text(order, "customer_locale")},
    }


def _moment(order: Any, name: str) -> datetime | None:
    """Read one of the API's times: RFC 2822 text such as Mon, 23 Nov 2026 09:00:00 +0000."""
    try:
        found = parsedate_to_datetime(reading.text(order, name))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return reading.moment(reading.dig(order, name), zone=UTC)


def _stamp(order: Any, name: str = "date_modified") -> int:
    return stamps.seconds(_moment(order, name))


CONNECTOR = BigCommerce
