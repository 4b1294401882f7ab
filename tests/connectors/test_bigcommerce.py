"""What the contract over samples cannot express: BigCommerce's look-ups, its poll, and its signature."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.bigcommerce import SIZE, BigCommerce
from inbound import samples
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, every_page, says, serves
from wire.http import Call, Reply

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEYED = {"store_hash": "wld7n2q9xk", "access_token": "token_not_real"}
STORE = "https://api.bigcommerce.com/stores/wld7n2q9xk/v2"
ORDER = {
    "id": 4118,
    "customer_id": 206,
    "date_created": "Mon, 23 Nov 2026 08:12:01 +0000",
    "date_modified": "Mon, 23 Nov 2026 10:02:02 +0000",
    "date_shipped": "",
    "status_id": 2,
    "status": "Shipped",
    "custom_status": "On its way",
    "total_inc_tax": "84.5000",
    "refunded_amount": "0.0000",
    "currency_code": "USD",
    "payment_method": "Cash on Delivery",
    "customer_locale": "en",
    "billing_address": {
        "first_name": "Marisol",
        "last_name": "Reyes",
        "country": "United States",
        "country_iso2": "US",
        "phone": "(212) 555-0142",
        "email": "marisol.reyes@example.com",
    },
}
PARCEL = {
    "id": 77,
    "order_id": 4118,
    "tracking_number": "9400100000000000000000",
    "tracking_carrier": "usps",
    "tracking_link": "",
    "shipping_address": {"first_name": "Dana", "country_iso2": "US", "phone": ""},
}
PERSON = {
    "id": 206,
    "first_name": "Marisol",
    "last_name": "Reyes",
    "email": "m@example.com",
    "phone": "+1 212 555 0142",
}
API = {"/v2/orders/4118": ORDER, "/v2/orders/4118/shipments/77": PARCEL, "/v2/customers/206": PERSON}


def event_of(case: str) -> Event:
    (event,) = samples.read(samples.ROOT / "bigcommerce" / f"{case}.json").events()
    return event


def test_the_measured_signature_is_taken() -> None:
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1700000000",
        "webhook-signature": "v1,yAQPl9RcwFIouXlSHFO80M5SVu+ZvNZIfQBxzrvuaPU=",
    }
    delivery = Incoming(source="bigcommerce", headers=headers, body=b'{"a":1}')
    at = datetime.fromtimestamp(1_700_000_000, tz=UTC)

    BigCommerce().verify(delivery, ["bc-client-secret"], at + timedelta(minutes=5))

    with pytest.raises(Refused) as refusal:
        BigCommerce().verify(delivery, ["bc-client-secret"], at + timedelta(seconds=301))
    assert refusal.value.reason is Reason.STALE_SIGNATURE


def test_the_order_behind_a_delivery_is_fetched() -> None:
    http = FakeHttp(serves(API))

    event = BigCommerce(KEYED).lookup(event_of("order-shipped"), http)

    assert event.lookup == ""
    assert (event.data["number"], event.data["status"], event.data["total"]) == ("4118", "On its way", "84.5000")
    assert (event.data["phone"], event.data["country"]) == ("(212) 555-0142", "US")
    assert event.data["customer"]["first_name"] == "Marisol"
    assert http.calls[0].url == f"{STORE}/orders/4118"
    assert http.calls[0].headers["X-Auth-Token"] == "token_not_real"


def test_a_parcel_without_a_phone_takes_the_one_of_its_order() -> None:
    event = BigCommerce(KEYED).lookup(event_of("shipment-created"), FakeHttp(serves(API)))

    assert event.data["recipient"] == {"phone": "(212) 555-0142", "name": "Dana"}
    assert (event.data["carrier"], event.data["tracking_number"]) == ("usps", "9400100000000000000000")
    assert event.data["customer"] == {"locale": "en"}


def test_a_new_customer_is_fetched() -> None:
    event = BigCommerce(KEYED).lookup(event_of("customer-created"), FakeHttp(serves(API)))

    assert event.data["customer"]["phone"] == "+1 212 555 0142"


@pytest.mark.parametrize("case", ["order-shipped", "shipment-created", "customer-created"])
def test_what_is_looked_up_has_the_documented_fields_only(case: str) -> None:
    event = BigCommerce(KEYED).lookup(event_of(case), FakeHttp(serves(API)))

    named = {name.partition(".")[0] for name in BigCommerce.fields[event.type]}
    assert set(event.data) == named


def test_without_a_token_nothing_is_asked() -> None:
    http = FakeHttp(says(ORDER))

    with pytest.raises(AskFailed) as failure:
        BigCommerce().lookup(event_of("order-shipped"), http)

    assert failure.value.permanent
    assert http.calls == []


@pytest.mark.parametrize("kind", ["order.payed", "shipment.created", 5])
def test_a_status_can_only_become_a_type_the_connector_has(kind: Any) -> None:
    with pytest.raises(ValueError, match="Setting statuses"):
        BigCommerce({"statuses": {"11": kind}})


class Store:
    """The store's list of orders as its API gives it; an empty one is 204."""

    def __init__(self) -> None:
        self.orders: dict[int, dict[str, Any]] = {}

    def has(self, order_id: int, second: int, status_id: int, **changed: Any) -> None:
        at = format_datetime(NOW + timedelta(seconds=second))
        order = self.orders.get(order_id, {**ORDER, "id": order_id, "date_created": at})
        self.orders[order_id] = {**order, "status_id": status_id, "date_modified": at, "at": second, **changed}

    def __call__(self, call: Call) -> Reply:
        assert call.url == f"{STORE}/orders"
        listed = sorted(self.orders.values(), key=lambda order: (order["at"], order["id"]))
        if "min_date_modified" in call.params:
            since = (datetime.fromisoformat(call.params["min_date_modified"]) - NOW).total_seconds()
            listed = [order for order in listed if order["at"] >= since]
        if call.params["sort"] == "date_modified:desc":
            listed.reverse()
        size, page = int(call.params["limit"]), int(call.params["page"])
        listed = listed[(page - 1) * size : page * size]
        return Reply(status=200, body=json.dumps(listed).encode()) if listed else Reply(status=204)


def poll_all(store: Store, cursor: Any) -> tuple[list[Event], Any]:
    return every_page(BigCommerce(KEYED), store, cursor, NOW)


def ids(events: list[Event]) -> list[str]:
    return [event.id for event in events]


def test_the_first_poll_texts_nobody_about_the_past() -> None:
    store = Store()
    store.has(1, -3600, 2)
    store.has(2, -60, 11)

    first, cursor = poll_all(store, {})

    assert first == []
    assert poll_all(store, cursor)[0] == []


def test_what_an_order_reaches_after_the_first_poll_is_told_once() -> None:
    store = Store()
    store.has(1, -60, 11)
    _, cursor = poll_all(store, {})
    store.has(1, 60, 2)
    store.has(2, 90, 11)

    told, cursor = poll_all(store, cursor)

    assert ids(told) == ["order/1/status-2", "order/2/created"]
    assert told[0].data["phone"] == "(212) 555-0142"
    assert {event.lookup for event in told} == {""}
    assert poll_all(store, cursor)[0] == []


def test_a_checkout_that_is_left_is_no_order_until_it_is_finished() -> None:
    store = Store()
    _, cursor = poll_all(store, {})
    store.has(1, 10, 0)
    left, cursor = poll_all(store, cursor)
    store.has(1, 20, 11)

    finished, _ = poll_all(store, cursor)

    assert left == []
    assert ids(finished) == ["order/1/created"]


def test_an_edit_or_an_old_order_is_no_event() -> None:
    store = Store()
    store.has(1, -60, 11)
    _, cursor = poll_all(store, {})
    store.has(1, 60, 11, staff_notes="Call back")
    store.has(9, 70, 5, date_created="Wed, 01 Jan 2025 00:00:00 +0000")

    assert poll_all(store, cursor)[0] == []


def test_an_order_that_shows_up_late_is_still_found() -> None:
    store = Store()
    store.has(1, 0, 11)
    _, cursor = poll_all(store, {})
    store.has(2, 200, 11)
    _, cursor = poll_all(store, cursor)
    store.has(3, 100, 11)

    assert ids(poll_all(store, cursor)[0]) == ["order/3/created"]


@pytest.mark.parametrize("seconds_apart", [0, 1, 7])
def test_after_a_long_outage_nothing_is_left_out(seconds_apart: int) -> None:
    store = Store()
    store.has(1, 0, 11)
    _, cursor = poll_all(store, {})
    for number in range(2, SIZE * 3):
        store.has(number, 10 + number * seconds_apart, 11)

    told, _ = poll_all(store, cursor)

    assert sorted({int(event.key) for event in told}) == list(range(2, SIZE * 3))


@pytest.mark.parametrize("case", ["order-shipped", "order-cancelled", "order-refunded-in-part", "order-awaits-pickup"])
def test_a_polled_event_is_the_same_as_the_pushed_one(case: str) -> None:
    pushed, store = event_of(case), Store()
    store.has(int(pushed.key), -60, 11)
    _, cursor = poll_all(store, {})
    store.has(int(pushed.key), 60, int(pushed.data["status_id"]))

    (told,), _ = poll_all(store, cursor)

    assert (told.id, told.type, told.key) == (pushed.id, pushed.type, pushed.key)
    looked_up = BigCommerce(KEYED).lookup(replace(pushed), FakeHttp(says(store.orders[int(pushed.key)])))
    assert told.data == looked_up.data


def test_a_poll_that_gets_no_answer_fails_and_keeps_its_place() -> None:
    with pytest.raises(AskFailed):
        BigCommerce(KEYED).poll({}, FakeHttp(says({}, 503)), NOW)


def test_records_nobody_can_read_do_not_stop_the_others() -> None:
    store = BigCommerce(KEYED)
    cursor = store.poll({}, FakeHttp(lambda _: Reply(status=204)), NOW).cursor
    odd = {"id": 5, "date_created": "someday", "date_modified": "Mon, 99 Foo 2026"}

    page = store.poll(cursor, FakeHttp(says([None, {}, odd, ORDER])), NOW)

    assert "order/4118/created" in ids(list(page.events))
