"""What the contract over samples cannot express: WooCommerce's ping, its secrets, and the poll beside its webhooks."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.woocommerce import SIZE, WooCommerce
from inbound import samples
from model.event import Answer, Event, Incoming
from model.reasons import Refused
from tests.connectors.fake_http import FakeHttp, every_page, raises, says
from wire.http import Call, Forbidden, NotSent, Reply, Unclear

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEYED = {"shop_url": "https://wool.example/", "consumer_key": "ck_not_real", "consumer_secret": "cs_not_real"}


def record(case: str = "order-created") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((samples.ROOT / "woocommerce" / f"{case}.json").read_text("utf-8"))
    return found


def test_the_published_rule_gives_this_signature() -> None:
    delivery = Incoming(source="woocommerce", body=b'{"id":1}')

    signed = WooCommerce().sign(delivery, "secret", NOW)

    assert signed.header("x-wc-webhook-signature") == "A971iWIMgT8Zj9A9eWfikrFj7wQ16/Qwcc4OlRl2PLc="


@pytest.mark.parametrize(
    "written", ["a&b<c>'d\"", "a&amp;b&lt;c&gt;&#039;d&quot;", "a&#038;b&#060;c&#x3E;&#39;d&#034;"]
)
def test_a_secret_is_right_however_wordpress_keeps_it(written: str) -> None:
    shop = WooCommerce()
    signed = shop.sign(Incoming(source="woocommerce", body=b"{}"), "a&b<c>'d\"", NOW)

    shop.verify(signed, [written], NOW)

    with pytest.raises(Refused):
        shop.verify(signed, [f"{written};"], NOW)


def test_other_entities_in_a_secret_stay_as_they_are() -> None:
    shop = WooCommerce()
    signed = shop.sign(Incoming(source="woocommerce", body=b"{}"), "a&copy;b", NOW)

    with pytest.raises(Refused):
        shop.verify(signed, ["a©b"], NOW)


def test_saving_a_webhook_is_answered_with_200_and_does_nothing() -> None:
    ping = samples.read(samples.ROOT / "woocommerce" / "ping-when-a-webhook-is-saved.txt").incoming

    assert WooCommerce().handshake(ping, ["secret"]) == Answer(status=200)
    assert WooCommerce().parse(ping) == []


@pytest.mark.parametrize("body", [b"webhook_id=3&order=1", b'{"id": 1}', b"webhook_id=x", b""])
def test_nothing_but_the_ping_goes_without_a_signature(body: bytes) -> None:
    assert WooCommerce().handshake(Incoming(source="woocommerce", body=body), ["secret"]) is None


class Shop:
    """The shop's list of orders as its API gives it."""

    def __init__(self) -> None:
        self.orders: dict[int, dict[str, Any]] = {}

    def has(self, order_id: int, second: int, status: str, **changed: Any) -> dict[str, Any]:
        """Write an order as of `second`; one that is not there yet is new."""
        at = (NOW + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")
        fresh = {**record(), "id": order_id, "number": str(order_id), "date_created_gmt": at, "date_paid_gmt": None}
        order = {**self.orders.get(order_id, fresh), "status": status, "date_modified_gmt": at, **changed}
        self.orders[order_id] = order
        return order

    def __call__(self, call: Call) -> Reply:
        assert call.url == "https://wool.example/wp-json/wc/v3/orders"
        assert call.auth == ("ck_not_real", "cs_not_real")
        assert (call.params["dates_are_gmt"], call.params["orderby"]) == ("true", "modified")
        listed = sorted(self.orders.values(), key=lambda order: (order["date_modified_gmt"], order["id"]))
        listed = [one for one in listed if one["date_modified_gmt"] > call.params.get("modified_after", "")]
        if call.params["order"] == "desc":
            listed.reverse()
        size, page = int(call.params["per_page"]), int(call.params["page"])
        return Reply(status=200, body=json.dumps(listed[(page - 1) * size : page * size]).encode())


def poll_all(shop: Shop, cursor: Any) -> tuple[list[Event], Any]:
    return every_page(WooCommerce(KEYED), shop, cursor, NOW)


def names(events: list[Event]) -> list[str]:
    return [f"{event.type} {event.key}" for event in events]


def test_the_first_poll_texts_nobody_about_the_past() -> None:
    shop = Shop()
    shop.has(1, -3600, "completed", date_paid_gmt="2026-11-23T08:00:00")
    shop.has(2, -60, "processing")

    first, cursor = poll_all(shop, {})
    second, _ = poll_all(shop, cursor)

    assert first == []
    assert second == []


def test_what_an_order_reaches_after_the_first_poll_is_told_once() -> None:
    shop = Shop()
    shop.has(1, -60, "processing", date_paid_gmt="2026-11-23T08:59:00")
    _, cursor = poll_all(shop, {})
    shop.has(1, 60, "completed")
    shop.has(2, 90, "pending")

    told, cursor = poll_all(shop, cursor)
    again, _ = poll_all(shop, cursor)

    assert names(told) == ["order.fulfilled 1", "order.created 2"]
    assert again == []


def test_an_edit_that_leaves_the_status_is_no_event() -> None:
    shop = Shop()
    shop.has(1, -60, "completed")
    _, cursor = poll_all(shop, {})
    shop.has(1, 60, "completed", customer_note="Ring twice")

    assert poll_all(shop, cursor)[0] == []


def test_an_old_order_that_is_not_remembered_is_only_remembered() -> None:
    shop = Shop()
    shop.has(1, -60, "processing")
    _, cursor = poll_all(shop, {})
    shop.has(9, 30, "cancelled", date_created_gmt="2025-01-01T00:00:00")

    told, cursor = poll_all(shop, cursor)
    shop.has(9, 60, "refunded")

    assert told == []
    assert names(poll_all(shop, cursor)[0]) == ["order.refunded 9"]


def test_the_first_order_of_a_new_shop_is_found() -> None:
    shop = Shop()
    _, cursor = poll_all(shop, {})
    shop.has(1, 5, "processing", date_paid_gmt="2026-11-23T09:00:05")

    assert names(poll_all(shop, cursor)[0]) == ["order.created 1", "order.paid 1"]


def test_an_order_that_shows_up_late_is_still_found() -> None:
    shop = Shop()
    shop.has(1, 0, "processing")
    _, cursor = poll_all(shop, {})
    shop.has(2, 200, "processing")
    _, cursor = poll_all(shop, cursor)
    shop.has(3, 100, "processing")

    assert names(poll_all(shop, cursor)[0]) == ["order.created 3"]


@pytest.mark.parametrize("seconds_apart", [0, 1, 7])
def test_after_a_long_outage_nothing_is_left_out(seconds_apart: int) -> None:
    shop = Shop()
    shop.has(1, 0, "processing")
    _, cursor = poll_all(shop, {})
    for number in range(2, SIZE * 3):
        shop.has(number, 10 + number * seconds_apart, "pending")

    told, _ = poll_all(shop, cursor)

    assert sorted({int(event.key) for event in told}) == list(range(2, SIZE * 3))


def test_an_order_that_changes_between_two_pages_hides_no_other() -> None:
    shop = Shop()
    _, cursor = poll_all(shop, {})
    for number in range(1, SIZE + 20):
        shop.has(number, number, "pending")
    page = WooCommerce(KEYED).poll(cursor, FakeHttp(shop), NOW)
    shop.has(1, 500, "processing")

    told, _ = poll_all(shop, page.cursor)

    assert {event.key for event in [*page.events, *told]} == {str(number) for number in range(1, SIZE + 20)}


@pytest.mark.parametrize("case", ["order-completed", "order-cancelled", "order-refunded-in-part", "order-failed"])
def test_a_polled_event_is_the_same_as_the_pushed_one(case: str) -> None:
    shop, order = Shop(), record(case)
    shop.has(order["id"], -60, "pending")
    _, cursor = poll_all(shop, {})
    shop.orders[order["id"]] = order
    pushed = samples.read(samples.ROOT / "woocommerce" / f"{case}.json").events()

    told, _ = poll_all(shop, cursor)

    assert told[-1].raw == order
    assert [replace(event, raw=None, native_type="order.updated") for event in told] == pushed


def test_without_a_key_nothing_is_asked() -> None:
    http = FakeHttp(says([]))

    with pytest.raises(AskFailed):
        WooCommerce().poll({}, http, NOW)

    assert http.calls == []


@pytest.mark.parametrize(
    "answer",
    [
        says({"code": "woocommerce_rest_cannot_view"}, 401),
        lambda _: Reply(status=200, body=b"<html>Briefly unavailable for scheduled maintenance."),
        raises(NotSent("wool.example: ConnectTimeout")),
        raises(Unclear("wool.example: ReadTimeout")),
        raises(Forbidden("wool.example is not a host this connection may reach")),
    ],
)
def test_a_poll_that_gets_no_answer_fails_and_keeps_its_place(answer: Any) -> None:
    with pytest.raises(AskFailed) as failure:
        WooCommerce(KEYED).poll({}, FakeHttp(answer), NOW)

    assert "not_real" not in str(failure.value)


def test_records_nobody_can_read_do_not_stop_the_others() -> None:
    shop = WooCommerce(KEYED)
    cursor = shop.poll({}, FakeHttp(says([])), NOW).cursor

    page = shop.poll(cursor, FakeHttp(says([None, {}, {"id": [], "status": 5}, record()])), NOW)

    assert names(list(page.events)) == ["order.created 727", "order.paid 727"]


def test_only_the_shop_may_be_reached() -> None:
    assert list(WooCommerce(KEYED).hosts) == ["wool.example"]


@pytest.mark.parametrize(
    ("case", "status", "is_gone"),
    [
        ("order-created", "processing", False),
        ("order-created", "cancelled", True),
        ("order-updated-on-hold", "trash", True),
        ("order-completed", "refunded", True),
        ("order-failed", "failed", False),
        ("order-failed", "processing", True),
        ("order-cancelled", "cancelled", False),
    ],
)
def test_asked_again_an_order_called_off_or_paid_meanwhile_is_gone(case: str, status: str, is_gone: bool) -> None:
    event = samples.read(samples.ROOT / "woocommerce" / f"{case}.json").events()[-1]
    http = FakeHttp(says({**record(case), "status": status, "total": "12.00"}))

    if is_gone:
        with pytest.raises(AskFailed, match=f"{status} by now") as failure:
            WooCommerce(KEYED).refresh(event, http)
        assert failure.value.gone
    else:
        fresh = WooCommerce(KEYED).refresh(event, http)
        assert (fresh.type, fresh.data["status"], fresh.data["total"]) == (event.type, status, "12.00")
    assert http.calls[0].url == f"https://wool.example/wp-json/wc/v3/orders/{event.key}"


def test_asked_again_a_customer_is_told_with_the_number_of_now() -> None:
    (event,) = samples.read(samples.ROOT / "woocommerce" / "customer-created.json").events()
    moved = {"id": int(event.key), "first_name": "Rhys", "billing": {"phone": "07700 900199"}}

    fresh = WooCommerce(KEYED).refresh(event, FakeHttp(says(moved)))

    assert fresh.data["customer"]["phone"] == "07700 900199"
    assert set(fresh.data) == set(event.data)
