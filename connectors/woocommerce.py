"""WooCommerce: order and customer webhooks, and the poll that finds what a webhook lost.

Long because of orders, refunds and customers by webhook and poll, and the names that plugins give a number.
Facts: woocommerce/woocommerce class-wc-webhook.php (about 11.2) and the REST reference v3, read 2026-11.
The shop sends each delivery once, builds it minutes later and repeats order.updated for every edit. So an event is
named by the state the order reached, not by the delivery: webhook and poll name it alike, and it counts once.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from connectors.base import AskFailed, Connector, Hook, Http, Option, Page
from connectors.kit import ask
from connectors.kit.hooks import RestHooks
from connectors.kit.scan import Listing, Sight, Window, scan
from connectors.kit.stamps import Stamps
from model.event import Answer, Event, Incoming
from wire import reading
from wire.http import Call
from wire.signatures import Hmac

PING = re.compile(rb"webhook_id=[0-9]{1,20}")
ENTITY = re.compile(r"&(?:amp|lt|gt|quot|#0*3[489]|#0*6[02]|#x2[267]|#x3[ce]);", re.IGNORECASE)
STAMP = Stamps("%Y-%m-%dT%H:%M:%S")
OVERLAP = timedelta(minutes=5)
SIZE = 50
UNFINISHED = frozenset({"auto-draft", "checkout-draft", "trash", ""})

# status -> our type, and the field that says since when; any other status, custom ones too, is order.updated
STATUSES = {
    "completed": ("order.fulfilled", "date_completed_gmt"),
    "cancelled": ("order.cancelled", "date_modified_gmt"),
    "refunded": ("order.refunded", "date_modified_gmt"),
    "failed": ("payment.failed", "date_modified_gmt"),
}
CONTACT_TOPICS = {
    "customer.created": "contact.created",
    "customer.updated": "contact.updated",
    "customer.deleted": "contact.deleted",
}

# what makes a text about an event wrong: the order's status by now
STOPPED = {"cancelled", "refunded", "trash"}
OVERTAKEN = {
    **dict.fromkeys(("order.created", "order.paid", "order.updated", "order.fulfilled"), STOPPED),
    "payment.failed": {*STOPPED, "processing", "completed"},
}

PERSON_FIELDS = {
    "customer.id": ("text", "The customer's id in the shop, 0 for guests."),
    "customer.first_name": ("text", "First name."),
    "customer.last_name": ("text", "Last name."),
    "customer.email": ("text", "Mail address."),
    "customer.phone": ("phone", "The number on the invoice, or else on the parcel."),
    "country": ("text", "Country of delivery, ISO 3166 code."),
    "meta.*": ("text", "The order's meta_data named by the option `meta`: meta._billing_mobile."),
}
ORDER_FIELDS = {
    "id": ("text", "The order's id in the shop."),
    "number": ("text", "The number the customer knows."),
    "status": ("text", "pending, processing, on-hold, completed, cancelled, refunded, failed or the shop's own."),
    "total": ("money", "The order's total in major units."),
    "refunded": ("money", "What was paid back so far."),
    "currency": ("text", "ISO 4217 code."),
    "payment_method": ("text", "How it is paid, in the customer's words."),
    "pay_url": ("text", "Where an unpaid order can be paid."),
    "phone": ("phone", "The number given at checkout."),
    "shipping_address.phone": ("phone", "The number on the parcel."),
    "shipping_address.country": ("text", "Its country, ISO 3166 code."),
    "billing_address.phone": ("phone", "The number on the invoice."),
    "billing_address.country": ("text", "Its country, ISO 3166 code."),
    **PERSON_FIELDS,
}
CONTACT_FIELDS = {"id": ("text", "The customer's id in the shop."), **PERSON_FIELDS}


class WooCommerce(Connector):
    """Shops made with WordPress and WooCommerce."""

    name = "woocommerce"
    title = "WooCommerce"
    category = "e-commerce"
    docs_url = "https://woocommerce.com/document/webhooks/"
    scheme = Hmac(header="x-wc-webhook-signature", encoding="base64")
    event_types: ClassVar[Mapping[str, str]] = {
        "order.created": "order.created",
        "order.paid": "order.created or order.updated, once the order has a date of payment",
        "order.updated": "order.updated or order.restored, once per status",
        "order.fulfilled": "an order with status completed",
        "order.cancelled": "an order with status cancelled",
        "order.refunded": "an order with a refund, once per refund",
        "payment.failed": "an order with status failed",
        "custom.order.deleted": "order.deleted",
        **{ours: topic for topic, ours in CONTACT_TOPICS.items()},
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        event_type: CONTACT_FIELDS if event_type.startswith("contact.") else ORDER_FIELDS for event_type in event_types
    }
    options: ClassVar[Mapping[str, Option]] = {
        "meta": Option(text="Keys of meta_data to carry along, such as a plugin's number or consent.", default=()),
        "shop_url": Option(text="Poll: the shop's address, such as https://shop.example.", default=""),
        "consumer_key": Option(text="Poll: key (ck_...) that may read orders.", default="", secret=True),
        "consumer_secret": Option(text="Poll: its secret (cs_...).", default="", secret=True),
    }
    asks: ClassVar[Sequence[str]] = ("shop_url",)
    setup: ClassVar[Sequence[str]] = (
        "In WordPress open WooCommerce > Settings > Advanced > Webhooks and add two: Order created, Order updated.",
        "Delivery URL: the address of this source. Secret: the one in the environment variable of this source.",
        "Under Advanced > REST API add a key that may read, and set `shop_url`, `consumer_key`, `consumer_secret`.",
    )
    limits: ClassVar[Sequence[str]] = (
        "The shop sends each delivery once and disables a webhook after 7 failures: let the poll run beside it.",
        "On a quiet shop deliveries leave a minute or more late, because WordPress needs a visitor to run its tasks.",
        "An order that reaches the same status again is told once; edits that leave the status are not told.",
        "Topics action.*, product.* and coupon.* give no event. There is no language in an order.",
    )
    poll_every: ClassVar[str] = "5m"

    def handshake(self, incoming: Incoming, secrets: Sequence[str]) -> Answer | None:
        """Answer the ping that saving a webhook sends: unsigned, without a topic, and only 200 will do."""
        is_ping = PING.fullmatch(incoming.body) and not incoming.header("x-wc-webhook-topic")
        return Answer() if is_ping and not incoming.header(self.scheme.header) else None

    def verify(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Check the HMAC. WordPress may keep a secret with & as &amp; and decodes it before it signs."""
        self.scheme.check(incoming, [*secrets, *map(_decoded, secrets)], now)

    def sign(self, incoming: Incoming, secret: str, now: datetime) -> Incoming:
        """Sign as the shop does."""
        return self.scheme.sign(incoming, _decoded(secret), now)

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery tells what the order is by now: created, paid and cancelled may come together."""
        if PING.fullmatch(incoming.body):
            return []
        topic = incoming.header("x-wc-webhook-topic")
        if not topic:
            reading.bad_shape("Header X-WC-Webhook-Topic is missing.")
        body = reading.json_object(incoming.body)
        if topic in CONTACT_TOPICS:
            return [self._contact(incoming, topic, body)]
        if topic == "order.deleted":
            return [self._event(incoming, body, topic, "deleted", "custom.order.deleted", None)]
        if topic in {"order.created", "order.updated", "order.restored"}:
            return self._told(incoming, body, topic, is_new=topic == "order.created")
        return []

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the order or customer again; an order that was called off is gone, and so is a failure since paid."""
        ask.needs(self.settings, "shop_url", "consumer_key")
        if event.type in {"contact.deleted", "custom.order.deleted"}:
            return event
        if event.type.startswith("contact."):
            found = ask.for_object(http, self._call(f"customers/{ask.part(event.key)}"), "The shop")
            return replace(event, data={"id": event.key, **self._person(found, event.key)})
        order = ask.for_object(http, self._call(f"orders/{ask.part(event.key)}", {"dates_are_gmt": "true"}), "The shop")
        status = reading.text(order, "status")
        if status in OVERTAKEN.get(event.type, set()):
            raise AskFailed(f"In the shop the order is {status} by now.", gone=True)
        return replace(event, data=self._order_data(order))

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of changed orders and tell what is new about each."""
        incoming = Incoming(source=self.name, received_at=now)

        def news(order: Sight) -> Iterator[Event]:
            for event in self._told(incoming, order.record, "poll", is_new=order.is_new):
                if event.id.rpartition("/")[2] not in (order.before or ()):
                    yield event

        listing = Listing(
            read=lambda window: self._orders(http, window),
            identity=lambda order: reading.text(order, "id"),
            changed=_stamp,
            created=lambda order: _stamp(order, "date_created_gmt"),
            standing=lambda order: [tag for tag, *_ in _states(order, is_new=False)],
            news=news,
            back=lambda stamp: STAMP.back(stamp, OVERLAP),
            start=STAMP.earliest,
        )
        return scan(listing, cursor)

    def _told(self, incoming: Incoming, order: dict[str, Any], topic: str, *, is_new: bool) -> list[Event]:
        return [
            self._event(incoming, order, topic, tag, event_type, reading.dig(order, since))
            for tag, event_type, since in _states(order, is_new=is_new)
        ]

    def _event(
        self, incoming: Incoming, order: dict[str, Any], topic: str, tag: str, event_type: str, since: Any
    ) -> Event:
        order_id, version = reading.required(order, "id"), reading.text(order, "date_modified_gmt")
        is_poll = topic == "poll"
        moment = reading.moment(since, zone=UTC) or reading.moment(version, zone=UTC)
        return Event(
            source=incoming.source,
            type=event_type,
            native_type="order" if is_poll else topic,
            id=f"order/{order_id}/{tag}",
            key=order_id,
            occurred_at=moment or incoming.received_at,
            version=version,
            data=self._order_data(order),
            raw=order if is_poll else None,
        )

    def _contact(self, incoming: Incoming, topic: str, body: dict[str, Any]) -> Event:
        customer_id, version = reading.required(body, "id"), reading.text(body, "date_modified_gmt")
        suffix = f"/{version}" if topic == "customer.updated" else ""
        return Event(
            source=incoming.source,
            type=CONTACT_TOPICS[topic],
            native_type=topic,
            id=f"{topic.replace('.', f'/{customer_id}/')}{suffix}",
            key=customer_id,
            occurred_at=reading.moment(version, zone=UTC) or incoming.received_at,
            version=version,
            data={"id": customer_id, **self._person(body, customer_id)},
        )

    def subscriptions(self) -> RestHooks:
        """The shop's webhooks. A disabled one is switched on by its status. Raises AskFailed."""
        ask.needs(self.settings, "shop_url", "consumer_key", "consumer_secret")
        key = (str(self.settings["consumer_key"]), str(self.settings["consumer_secret"]))
        base = f"{self.address('shop_url')}/wp-json/wc/v3/"
        return RestHooks(
            system="WooCommerce",
            topics=("order.created", "order.updated", "order.deleted", *CONTACT_TOPICS),
            base=base,
            place="webhooks",
            query="?per_page=100",
            removal="?force=true",
            auth=key,
            hook=lambda one: Hook(
                id=reading.text(one, "id"),
                address=reading.text(one, "delivery_url"),
                topics=(reading.text(one, "topic"),),
                is_on=reading.text(one, "status") == "active",
            ),
            new=lambda wish: {
                "name": f"Tidings {wish.topics[0]}",
                "topic": wish.topics[0],
                "delivery_url": wish.address,
                "secret": wish.secret,
                "status": "active",
            },
            revive=lambda _: ("PUT", {"status": "active"}),
        )

    def _order_data(self, order: dict[str, Any]) -> dict[str, Any]:
        paid_back = [reading.decimal(reading.dig(refund, "total")) or 0 for refund in reading.items(order, "refunds")]
        return {
            "id": reading.text(order, "id"),
            "number": reading.first_text(order, "number", "id"),
            "status": reading.text(order, "status"),
            "total": reading.amount(reading.dig(order, "total")),
            "refunded": reading.amount(sum(abs(amount) for amount in paid_back)),  # the shop writes them negative
            "currency": reading.text(order, "currency"),
            "payment_method": reading.text(order, "payment_method_title"),
            "pay_url": reading.text(order, "payment_url"),
            "phone": reading.text(order, "billing.phone"),
            "shipping_address": _address(order, "shipping"),
            "billing_address": _address(order, "billing"),
            **self._person(order, reading.text(order, "customer_id")),
        }

    def _person(self, record: dict[str, Any], customer_id: str) -> dict[str, Any]:
        meta = {str(key): "" for key in self.settings["meta"]}
        for item in reading.items(record, "meta_data"):
            if (key := reading.text(item, "key")) in meta:
                meta[key] = reading.text(item, "value")
        return {
            "customer": {
                "id": customer_id,
                "first_name": reading.first_text(record, "billing.first_name", "shipping.first_name", "first_name"),
                "last_name": reading.first_text(record, "billing.last_name", "shipping.last_name", "last_name"),
                "email": reading.first_text(record, "billing.email", "email"),
                "phone": reading.first_text(record, "billing.phone", "shipping.phone"),
            },
            "country": reading.first_text(record, "shipping.country", "billing.country"),
            **({"meta": meta} if meta else {}),
        }

    def _orders(self, http: Http, window: Window) -> tuple[list[dict[str, Any]], str]:
        """Read one page of orders. `modified_after` leaves the second it names out, hence one second less."""
        ask.needs(self.settings, "shop_url", "consumer_key")
        number = int(window.place or 1)
        since = {} if window.since is None else {"modified_after": STAMP.back(window.since, timedelta(seconds=1))}
        params = {
            "dates_are_gmt": "true",
            "orderby": "modified",
            "order": "asc" if since else "desc",
            "per_page": str(SIZE),
            "page": str(number),
            **since,
        }
        listed = reading.items(ask.for_json(http, self._call("orders", params), "The shop"))
        return [order for order in listed if isinstance(order, dict)], str(number + 1) if len(listed) == SIZE else ""

    def _call(self, path: str, params: Mapping[str, str] | None = None) -> Call:
        return Call(
            method="GET",
            url=f"{self.address('shop_url')}/wp-json/wc/v3/{path}",
            params=params or {},
            auth=(str(self.settings["consumer_key"]), str(self.settings["consumer_secret"])),
        )


def _states(order: dict[str, Any], *, is_new: bool) -> Iterator[tuple[str, str, str]]:
    """Yield what an order's record tells: a word for the state, our type, and the field that says since when."""
    status = reading.text(order, "status")
    if status in UNFINISHED:
        return
    if is_new:
        yield "created", "order.created", "date_created_gmt"
    if reading.text(order, "date_paid_gmt"):
        yield "paid", "order.paid", "date_paid_gmt"
    refunds = [refund_id for refund in reading.items(order, "refunds") if (refund_id := reading.text(refund, "id"))]
    for refund_id in refunds:
        yield f"refund-{refund_id}", "order.refunded", "date_modified_gmt"
    if status in STATUSES and not (status == "refunded" and refunds):
        yield status, *STATUSES[status]
    elif status not in STATUSES and not is_new:
        yield status, "order.updated", "date_modified_gmt"


def _address(order: dict[str, Any], name: str) -> dict[str, str]:
    return {"phone": reading.text(order, f"{name}.phone"), "country": reading.text(order, f"{name}.country")}


def _stamp(order: Any, name: str = "date_modified_gmt") -> str:
    """Return a time of the order as the shop writes it; such texts compare like times."""
    return STAMP.of(reading.moment(reading.dig(order, name), zone=UTC))


def _decoded(secret: str) -> str:
    """Undo what WordPress escapes in texts, and no other entity."""
    return ENTITY.sub(lambda match: html.unescape(match[0]), secret)


CONNECTOR = WooCommerce
